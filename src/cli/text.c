/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define BAD_CHARACTER 0xFFFD
#define DELETED 0xFFFFFFFF

struct range {
	uint32_t first, last;
};

static const struct range no_cells[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},   {0x06D6, 0x06DC},
    {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},   {0x200B, 0x200D},
    {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}, {0xE0100, 0xE01EF},
};

static const struct range two_cells[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x2329, 0x232A},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},
    {0x23F3, 0x23F3},   {0x25FD, 0x25FE},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},
    {0x2693, 0x2693},   {0x26A1, 0x26A1},   {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},
    {0x26CE, 0x26CE},   {0x26D4, 0x26D4},   {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},
    {0x26FA, 0x26FA},   {0x26FD, 0x26FD},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},
    {0x274C, 0x274C},   {0x274E, 0x274E},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27B0, 0x27B0},   {0x27BF, 0x27BF},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},
    {0x2E80, 0x303E},   {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3},
    {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC},
    {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596},
    {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2},
    {0x1F6D5, 0x1F6D7}, {0x1F6DD, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
    {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FAFF}, {0x20000, 0x3FFFD},
};

/* Left out beside C0 and C1: marks that turn the reading direction round, with which a line can show what it does not
 * say. */
static const struct range invisible[] = {{0x200E, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}};

static bool is_within(uint32_t c, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last) return true;
	return false;
}
#define IS_WITHIN(c, ranges) is_within(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* One character of UTF-8 (RFC 3629) from s, which is not empty; a byte that begins none is taken alone as
 * BAD_CHARACTER. */
static uint32_t decode(struct str s, size_t *ret_len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t len = p[0] < 0x80                   ? 1
		     : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
		     : (p[0] & 0xF0) == 0xE0       ? 3
		     : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
						   : 0;
	*ret_len = 1;
	if (len == 1) return p[0];
	if (len == 0 || len > s.len) return BAD_CHARACTER;
	uint32_t c = p[0] & (0x7FU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xC0) != 0x80) return BAD_CHARACTER;
		c = c << 6 | (p[i] & 0x3FU);
	}
	if (c < least[len] || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) return BAD_CHARACTER;
	*ret_len = len;
	return c;
}

static size_t skip_until_string_terminator(struct str s, size_t at)
{
	while (at < s.len) {
		unsigned char c = (unsigned char)s.ptr[at];
		if (c == 0x07) return at + 1;
		if (c == 0x1B && at + 1 < s.len && s.ptr[at + 1] == '\\') return at + 2;
		if (c == 0xC2 && at + 1 < s.len && (unsigned char)s.ptr[at + 1] == 0x9C) return at + 2;
		at++;
	}
	return at;
}

static size_t skip_control_sequence(struct str s, size_t at)
{
	while (at < s.len && s.ptr[at] >= 0x20 && s.ptr[at] < 0x40) at++;
	return at < s.len && s.ptr[at] >= 0x40 ? at + 1 : at;
}

/* Where the escape sequence that begins at `at` ends (ECMA-48: CSI, the strings OSC DCS SOS PM APC, two-character
 * ones). One that does not end takes the rest of the line with it. */
static size_t skip_escape(struct str s, size_t at)
{
	if (++at >= s.len) return at;
	char kind = s.ptr[at];
	if (kind == '[') return skip_control_sequence(s, at + 1);
	if (kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_')
		return skip_until_string_terminator(s, at + 1);
	while (at < s.len && s.ptr[at] >= 0x20 && s.ptr[at] < 0x30) at++;
	return at < s.len && s.ptr[at] >= 0x30 ? at + 1 : at;
}

static uint32_t clean_character(uint32_t c, enum text_shape shape)
{
	if (c == '\n') return shape == TEXT_BLOCK ? '\n' : ' ';
	if (c == '\t' || c == 0x2028 || c == 0x2029) return ' ';
	if (c < 0x20 || (c >= 0x7F && c < 0xA0) || IS_WITHIN(c, invisible)) return DELETED;
	return c;
}

/* A progress bar writes over itself with carriage returns; what it said last is what counts. */
static size_t start_of_last_state(struct str line)
{
	size_t from = 0;
	while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n')) line.len--;
	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] == '\r') from = i + 1;
	return from;
}

void text_clean(struct buf *ret_text, struct str dirty, enum text_shape shape)
{
	struct str s = dirty;
	if (shape == TEXT_LINE) {
		s = str_sub(s, start_of_last_state(s), s.len);
		while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r')) s.len--;
	}
	for (size_t at = 0; at < s.len;) {
		size_t len;
		uint32_t c = decode(str_sub(s, at, s.len), &len);
		if (c == 0x1B) {
			at = skip_escape(s, at);
			continue;
		}
		if (c == 0x9B) {
			at = skip_control_sequence(s, at + len);
			continue;
		}
		uint32_t clean = clean_character(c, shape);
		if (c == BAD_CHARACTER)
			buf_puts(ret_text, "\xEF\xBF\xBD");
		else if (clean == c)
			buf_append(ret_text, s.ptr + at, len);
		else if (clean != DELETED)
			buf_putc(ret_text, (char)clean);
		at += len;
	}
}

static size_t cells_of(uint32_t c)
{
	if (c < 0x300) return 1;
	if (IS_WITHIN(c, no_cells)) return 0;
	return IS_WITHIN(c, two_cells) ? 2 : 1;
}

size_t text_width(struct str s)
{
	size_t cells = 0;
	for (size_t at = 0, len; at < s.len; at += len) cells += cells_of(decode(str_sub(s, at, s.len), &len));
	return cells;
}

/* Bytes of s that fit into cells. */
static size_t fit(struct str s, size_t cells)
{
	size_t at = 0, used = 0, len;
	while (at < s.len) {
		used += cells_of(decode(str_sub(s, at, s.len), &len));
		if (used > cells) break;
		at += len;
	}
	return at;
}

void text_clip(struct buf *ret_text, struct str s, size_t cells)
{
	if (text_width(s) <= cells) {
		buf_str(ret_text, s);
		return;
	}
	size_t dots = cells < 3 ? cells : 3;
	size_t len = fit(s, cells - dots);
	while (len > 0 && s.ptr[len - 1] == ' ') len--;
	buf_append(ret_text, s.ptr, len);
	buf_append(ret_text, "...", dots);
}

void text_pad(struct buf *ret_text, struct str s, size_t cells)
{
	buf_str(ret_text, s);
	for (size_t width = text_width(s); width < cells; width++) buf_putc(ret_text, ' ');
}

static void put_indent(struct buf *out, size_t indent)
{
	for (size_t i = 0; i < indent; i++) buf_putc(out, ' ');
}

/* How much of line stands on the next row: whole words, or a cut word that is longer than a row. */
static size_t row_bytes(struct str line, size_t cells)
{
	size_t most = fit(line, cells);
	if (most == line.len) return most;
	size_t at = most;
	while (at > 0 && line.ptr[at] != ' ') at--;
	return at > 0 ? at : most > 0 ? most : 1;
}

void text_wrap(struct buf *ret_text, struct str s, size_t indent, size_t cells)
{
	size_t room = cells == 0 ? SIZE_MAX : cells > indent + 20 ? cells - indent : 20;
	struct str line;
	while (s.len > 0 && s.ptr[s.len - 1] == '\n') s.len--;
	while (str_next(&s, '\n', &line)) {
		do {
			size_t take = row_bytes(line, room);
			if (line.len > 0) put_indent(ret_text, indent);
			buf_append(ret_text, line.ptr, take);
			buf_putc(ret_text, '\n');
			while (take < line.len && line.ptr[take] == ' ') take++;
			line = str_sub(line, take, line.len);
		} while (line.len > 0);
	}
}

void text_duration(char ret_text[TEXT_SHORT_SIZE], int64_t ms)
{
	int64_t s = ms / 1000;
	if (ms < 0)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "0 ms");
	else if (ms < 100)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " ms", ms);
	else if (ms < 60000)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 ".%" PRId64 " s", s, ms % 1000 / 100);
	else if (s < 3600)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
	else if (s < 48 * 3600)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " h %02" PRId64 " min", s / 3600, s % 3600 / 60);
	else
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " days", s / 86400);
}

void text_size(char ret_text[TEXT_SHORT_SIZE], uint64_t bytes)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	if (bytes < 1000) {
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRIu64 " bytes", bytes);
		return;
	}
	double value = (double)bytes / 1000;
	size_t unit = 0;
	while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(ret_text, TEXT_SHORT_SIZE, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void text_limit(char ret_text[TEXT_SHORT_SIZE], uint64_t bytes)
{
	bool is_gb = bytes % ((uint64_t)1 << 30) == 0;
	if (bytes == 0 || bytes % ((uint64_t)1 << 20) != 0)
		text_size(ret_text, bytes);
	else
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRIu64 " %s", bytes >> (is_gb ? 30 : 20),
			       is_gb ? "GB" : "MB");
}

void text_ago(char ret_text[TEXT_SHORT_SIZE], int64_t then_ms, int64_t now_ms)
{
	int64_t s = (now_ms - then_ms) / 1000;
	if (s < 10)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "just now");
	else if (s < 60)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " s ago", s);
	else if (s < 3600)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " min ago", s / 60);
	else if (s < 24 * 3600)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " h ago", s / 3600);
	else if (s < 14 * 86400)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "%" PRId64 " day%s ago", s / 86400, s < 2 * 86400 ? "" : "s");
	else {
		time_t then = (time_t)(then_ms / 1000);
		struct tm utc;
		gmtime_r(&then, &utc);
		(void)strftime(ret_text, TEXT_SHORT_SIZE, "%Y-%m-%d", &utc);
	}
}

void text_for(char ret_text[TEXT_SHORT_SIZE], int64_t then_ms, int64_t now_ms)
{
	char ago[TEXT_SHORT_SIZE];
	int64_t s = (now_ms - then_ms) / 1000;
	text_ago(ago, then_ms, now_ms);
	char *end = strstr(ago, " ago");
	if (s < 10)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "for %" PRId64 " s", s > 0 ? s : 0);
	else if (end != NULL)
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "for %.*s", (int)(end - ago), ago);
	else
		(void)snprintf(ret_text, TEXT_SHORT_SIZE, "since %.20s", ago);
}
