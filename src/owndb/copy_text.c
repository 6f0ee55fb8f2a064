/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/copy_text.h"

#include <string.h>

#define FNV_START 14695981039346656037ull
#define FNV_PRIME 1099511628211ull

/* Spreads what FNV leaves in the low bits (the finalizer of splitmix64). */
static uint64_t spread(uint64_t h)
{
	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
	return h ^ (h >> 31);
}

static void begin_line(struct copy_sum *s)
{
	s->hash = FNV_START;
	s->line_bytes = 0;
}

static void end_line(struct copy_sum *s)
{
	s->rows++;
	s->sum += spread(s->hash);
	begin_line(s);
}

static void take(struct copy_sum *s, struct str bytes)
{
	uint64_t h = s->hash;
	for (size_t i = 0; i < bytes.len; i++) h = (h ^ (unsigned char)bytes.ptr[i]) * FNV_PRIME;
	s->hash = h;
	s->line_bytes += bytes.len;
}

void copy_sum_init(struct copy_sum *s)
{
	*s = (struct copy_sum){.rows = 0};
	begin_line(s);
}

void copy_sum_feed(struct copy_sum *s, struct str bytes)
{
	while (bytes.len > 0) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		size_t len = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
		take(s, str_sub(bytes, 0, len));
		if (end != NULL) end_line(s);
		bytes = str_sub(bytes, end != NULL ? len + 1 : len, bytes.len);
	}
}

void copy_scan_init(struct copy_scan *s, struct arena *arena)
{
	*s = (struct copy_scan){.arena = arena};
	buf_init(&s->line, COPY_HEAD_MAX_BYTES);
	copy_sum_init(&s->current);
}

void copy_scan_done(struct copy_scan *s)
{
	buf_done(&s->line);
}

static bool grow(struct copy_scan *s)
{
	if (s->count < s->room) return true;
	size_t room = s->room == 0 ? 64 : s->room * 2;
	struct copy_table *tables = s->count < COPY_TABLES_MAX ? arena_array(s->arena, room, sizeof *tables) : NULL;
	if (tables == NULL) return false;
	if (s->count > 0) memcpy(tables, s->tables, s->count * sizeof *tables);
	s->tables = tables;
	s->room = room;
	return true;
}

static void begin_rows(struct copy_scan *s, struct str target)
{
	const char *text = grow(s) ? arena_cstr(s->arena, target) : NULL;
	copy_sum_init(&s->current);
	s->is_inside = true;
	if (text == NULL)
		s->is_full = true;
	else
		s->tables[s->count++] = (struct copy_table){.target = text};
}

static void end_rows(struct copy_scan *s)
{
	s->is_inside = false;
	if (!s->is_full && s->count > 0) s->tables[s->count - 1].sum = s->current;
}

/* As people write it, too: in small letters, behind blanks. */
static bool begins(struct str line, struct str words)
{
	line = str_trim(line);
	return str_eq_nocase(str_sub(line, 0, words.len), words);
}

static void judge_line(struct copy_scan *s)
{
	static const char *const host[] = {"CREATE SCHEMA auth;",
					   "CREATE SCHEMA auth ",
					   "CREATE TABLE auth.users ",
					   "CREATE TABLE IF NOT EXISTS auth.users ",
					   "CREATE TABLE \"auth\".\"users\"",
					   "CREATE TABLE IF NOT EXISTS \"auth\".\"users\"",
					   "CREATE SCHEMA IF NOT EXISTS \"auth\""};
	struct str line = buf_view(&s->line);
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
	if (str_has_prefix(line, STR("COPY ")) && str_has_suffix(line, STR(" FROM stdin;"))) {
		begin_rows(s, str_sub(line, 5, line.len - 12));
		return;
	}
	for (size_t i = 0; i < sizeof host / sizeof *host; i++)
		if (str_has_prefix(line, str_from(host[i]))) s->has_host_schema = true;
	if (begins(line, STR("CREATE TABLE "))) s->has_schema = true;
	if (begins(line, STR("INSERT INTO "))) s->has_inserts = true;
}

/* A piece of one line, and whether the line ends with it. */
static void feed_outside(struct copy_scan *s, struct str piece, bool is_end)
{
	buf_str(&s->line, piece);
	if (!is_end) return;
	if (buf_is_ok(&s->line)) judge_line(s);
	buf_done(&s->line);
	buf_init(&s->line, COPY_HEAD_MAX_BYTES);
}

static void feed_inside(struct copy_scan *s, struct str piece, bool is_end)
{
	struct copy_sum *c = &s->current;
	for (size_t i = 0; i < piece.len && c->line_bytes + i < sizeof s->row; i++)
		s->row[c->line_bytes + i] = piece.ptr[i];
	take(c, piece);
	if (!is_end) return;
	bool is_last =
	    (c->line_bytes == 2 || (c->line_bytes == 3 && s->row[2] == '\r')) && memcmp(s->row, "\\.", 2) == 0;
	if (is_last)
		end_rows(s);
	else
		end_line(c);
}

void copy_scan_feed(struct copy_scan *s, struct str bytes)
{
	while (bytes.len > 0) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		size_t len = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
		if (s->is_inside)
			feed_inside(s, str_sub(bytes, 0, len), end != NULL);
		else
			feed_outside(s, str_sub(bytes, 0, len), end != NULL);
		bytes = str_sub(bytes, end != NULL ? len + 1 : len, bytes.len);
	}
}
