/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/migrations.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "intake/finding.h"
#include "intake/scan.h"
#include "intake/sql_split.h"

#define LARGE_INSERT_BYTES (256u << 10)
#define ADDITIONS_MAX 1000
#define WORDS 8

/* An enum value that was added and not yet seen used. */
struct addition {
	size_t migration;
	size_t from; /* offset behind it, in its own file */
	char type[200];
	char literal[200]; /* with its quotes */
};

struct reading {
	bool is_scripts; /* they lie in scripts/, among other things */
	const struct source *source;
	struct arena *arena;
	struct migration_plan plan;
	struct sql_state *state;
	json_t *findings;
	struct addition *additions;
	size_t addition_count;
	struct err *err;
};

static bool no_room(struct reading *r)
{
	return err_set(r->err, ERR_LIMIT, "the migrations are too many to be read");
}

static void hash(struct str bytes, char ret_hex[MIGRATION_SHA256_HEX_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	(void)SHA256((const unsigned char *)bytes.ptr, bytes.len, digest);
	for (size_t i = 0; i < sizeof digest; i++) (void)snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

static void set_boundary(struct migration *m, enum migration_boundary boundary, const char *reason)
{
	if (m->boundary >= boundary || reason == NULL) return;
	m->boundary = boundary;
	m->boundary_reason = reason;
	m->boundary_lifted_by = NULL;
}

static bool has_word(char (*words)[64], size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0) return true;
	return false;
}

/* Why PostgreSQL refuses the statement inside a transaction block, or why it ends one; NULL when it does not. */
static const char *lone_reason(const char *kind, struct str text)
{
	static const char *const own[] = {"begin", "commit", "rollback", "end", "abort", "start"};
	static const char *const lone[][2] = {
	    {"vacuum", "it runs VACUUM"},
	    {"create database", "it creates a database"},
	    {"drop database", "it drops a database"},
	    {"create tablespace", "it creates a tablespace"},
	    {"drop tablespace", "it drops a tablespace"},
	    {"alter system", "it changes the server's settings (ALTER SYSTEM)"},
	    {"create subscription", "it creates a subscription"},
	    {"drop subscription", "it drops a subscription"},
	};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(kind, own[i]) == 0) return "it begins or ends transactions of its own (BEGIN, COMMIT)";
	for (size_t i = 0; i < sizeof lone / sizeof *lone; i++)
		if (strcmp(kind, lone[i][0]) == 0) return lone[i][1];
	bool is_index =
	    strcmp(kind, "create index") == 0 || strcmp(kind, "drop index") == 0 || strncmp(kind, "reindex", 7) == 0;
	char words[WORDS][64];
	if (!is_index) return NULL;
	if (!has_word(words, sql_words(text, words, WORDS), "concurrently")) return NULL;
	return "it builds or drops an index CONCURRENTLY";
}

/* ALTER TYPE t ADD VALUE 'v', wherever it stands in the text (also in a DO block). */
static bool note_additions(struct reading *r, size_t migration, struct str file, size_t from, size_t to)
{
	struct str upto = str_sub(file, 0, to);
	for (size_t at = from; at + 10 < to; at++) {
		if (!str_eq_nocase(str_sub(upto, at, at + 10), STR("ALTER TYPE"))) continue;
		size_t i = at + 10, type_from = scan_skip_space(upto, i);
		while (i < to && !str_eq_nocase(str_sub(upto, i, i + 9), STR("ADD VALUE")) && upto.ptr[i] != ';') i++;
		if (i >= to || upto.ptr[i] == ';') continue;
		struct str type = str_trim(str_sub(upto, type_from, i)), value;
		for (i += 9; i < to && upto.ptr[i] != '\'' && upto.ptr[i] != ';'; i++) continue;
		if (!scan_take_quoted(upto, &i, &value) || value.len > 150 || type.len > 150) continue;
		if (r->addition_count == ADDITIONS_MAX)
			return err_set(r->err, ERR_LIMIT, "more than %d enum values are added", ADDITIONS_MAX);
		struct addition *a = &r->additions[r->addition_count++];
		a->migration = migration;
		a->from = i;
		(void)snprintf(a->literal, sizeof a->literal, "'%.*s'", STR_FMT(value));
		bool has_schema = str_find_char(type, '.') >= 0;
		size_t len = (size_t)snprintf(a->type, sizeof a->type, "%s", has_schema ? "" : "public.");
		for (size_t c = 0; c < type.len; c++)
			if (type.ptr[c] != '"') a->type[len++] = type.ptr[c];
		a->type[len] = '\0';
	}
	return true;
}

/* A value that is used after it was added needs a commit between the two. */
static void resolve_additions(struct reading *r, size_t migration, struct str file)
{
	for (size_t i = 0; i < r->addition_count; i++) {
		struct addition *a = &r->additions[i];
		bool is_own = a->migration == migration;
		struct str later = is_own ? str_sub(file, a->from, file.len) : file;
		if (str_find(later, str_from(a->literal)) < 0) continue;
		struct migration *m = &r->plan.migrations[a->migration];
		enum migration_boundary boundary = is_own ? MIGRATION_NO_TRANSACTION : MIGRATION_COMMIT_AFTER;
		if (m->boundary >= boundary) continue;
		set_boundary(m, boundary,
			     arena_printf(r->arena, "it adds the value %s to the type %s, and %s uses it", a->literal,
					  a->type, is_own ? "it" : r->plan.migrations[migration].file));
		const json_t *created = json_object_get(r->state->enums, a->type);
		if (created != NULL) m->boundary_lifted_by = r->plan.migrations[json_integer_value(created)].version;
	}
}

static bool is_read_for_state(const char *kind, struct str text)
{
	static const char *const kinds[] = {"create", "alter", "drop", "grant", "revoke"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(kind, kinds[i], strlen(kinds[i])) == 0) return text.len <= 2 * LARGE_INSERT_BYTES;
	bool may_be_bucket = strcmp(kind, "insert") == 0 || strcmp(kind, "update") == 0;
	return may_be_bucket && text.len <= LARGE_INSERT_BYTES && str_find(text, STR("buckets")) >= 0;
}

/* The body of DO $tag$ … $tag$, or the whole. */
static struct str block_body(struct str text, uint32_t *ret_lines_before)
{
	ptrdiff_t open = str_find_char(text, '$');
	struct str rest = open >= 0 ? str_sub(text, (size_t)open, text.len) : text;
	ptrdiff_t close = open >= 0 ? str_find_char(str_sub(rest, 1, rest.len), '$') : -1;
	if (close < 0) return text;
	struct str tag = str_sub(rest, 0, (size_t)close + 2), body = str_sub(rest, tag.len, rest.len);
	ptrdiff_t end = str_find(body, tag);
	*ret_lines_before = scan_line(text, (size_t)open + tag.len) - 1;
	return end >= 0 ? str_sub(body, 0, (size_t)end) : body;
}

static void note_cron(struct reading *r, struct str text, struct sql_place place)
{
	size_t at = 0;
	ptrdiff_t found;
	while ((found = str_find(str_sub(text, at, text.len), STR("cron.schedule"))) >= 0) {
		size_t from = at + (size_t)found;
		at = from + 13;
		struct str name;
		if (!scan_take(text, &at, STR("(")) || !scan_take_quoted(text, &at, &name)) continue;
		json_t *clean = scan_json(name);
		json_t *o =
		    json_pack("{s:s,s:i}", "file", place.file, "line", (int)(place.line + scan_line(text, from) - 1));
		json_object_set_new(r->state->cron, json_string_value(clean), o);
		json_decref(clean);
	}
}

static void note_not_understood(struct reading *r, const char *path, uint32_t line, const char *kind)
{
	char subject[400], title[600];
	(void)snprintf(subject, sizeof subject, "%.300s:%u", path, line);
	(void)snprintf(title, sizeof title, "A statement (%.60s) was not understood", kind);
	finding_add(r->findings,
		    &(struct finding){
			.kind = "sql-not-understood",
			.subject = subject,
			.severity = FINDING_NOTE,
			.title = title,
			.detail =
			    "Freehold reads migrations with the grammar of PostgreSQL 15. Newer SQL is fine: "
			    "PostgreSQL itself judges it at the rehearsal, but what it does to row security is not "
			    "known here.",
			.file = path,
			.line = line});
}

static bool apply_statement(struct reading *r, size_t migration, struct str file, const struct migration_statement *st,
			    const char *path)
{
	struct str text = str_sub(file, st->offset, (size_t)st->offset + st->len);
	struct migration *m = &r->plan.migrations[migration];
	struct sql_place place = {path, st->line, migration};
	set_boundary(m, MIGRATION_NO_TRANSACTION, lone_reason(st->kind, text));
	note_cron(r, text, place);
	bool is_block = strcmp(st->kind, "do") == 0;
	if (strcmp(st->kind, "alter type") == 0 || is_block) {
		if (!note_additions(r, migration, file, st->offset, (size_t)st->offset + st->len)) return false;
	}
	if (is_block) {
		uint32_t before = 0;
		struct str body = block_body(text, &before);
		place.line += before;
		sql_state_apply_block(r->state, body, place);
	} else if (is_read_for_state(st->kind, text)) {
		struct buf copy BUF_CLEANUP;
		buf_init(&copy, MIGRATION_MAX_FILE_BYTES + 1);
		buf_str(&copy, text);
		if (!sql_state_apply(r->state, buf_cstr(&copy), place))
			note_not_understood(r, path, st->line, st->kind);
	}
	return true;
}

static uint32_t name_sum(struct str name)
{
	uint32_t sum = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < name.len; i++) sum = (sum ^ (unsigned char)name.ptr[i]) * 16777619u;
	return sum % 1000000;
}

/* Numbers of scripts are an order and no identity, one may be there twice or come again later: theirs is made of the
 * number and six digits of the name. */
static const char *version_of(struct reading *r, struct str name, struct str number)
{
	if (!r->is_scripts) return arena_cstr(r->arena, number);
	return arena_printf(r->arena, "%.*s%06u", STR_FMT(number), name_sum(name));
}

static bool read_file(struct reading *r, const struct source_file *file, struct str name)
{
	source_mark(file);
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, MIGRATION_MAX_FILE_BYTES + 1);
	if (!source_read(r->source, file, MIGRATION_MAX_FILE_BYTES, &bytes, r->err)) return false;
	struct str text = {buf_cstr(&bytes), bytes.len}, version, rest;
	size_t index = r->plan.migration_count;
	struct migration *m = &r->plan.migrations[index];
	struct sql_split split;
	(void)migration_name_cut(name, &version, &rest);
	*m = (struct migration){.version = version_of(r, name, version),
				.name = arena_cstr(r->arena, rest),
				.file = arena_cstr(r->arena, name)};
	if (m->version == NULL || m->name == NULL || m->file == NULL) return no_room(r);
	if (!sql_split(text, r->arena, &split, r->err)) return err_wrap(r->err, "%s", file->path);
	hash(text, m->sha256);
	m->statements = split.statements;
	m->statement_count = split.count;
	r->plan.migration_count++;
	if (split.problem != NULL) note_not_understood(r, file->path, split.problem_line, split.problem);
	for (size_t i = 0; i < split.count; i++)
		if (!apply_statement(r, index, text, &split.statements[i], file->path))
			return err_wrap(r->err, "%s", file->path);
	resolve_additions(r, index, text);
	return true;
}

static bool skip_file(struct reading *r, struct str name, const char *reason)
{
	const char *file = arena_cstr(r->arena, name);
	if (file == NULL) return no_room(r);
	r->plan.skipped[r->plan.skipped_count++] = (struct migration_skipped){file, reason};
	return true;
}

static void note_skipped(struct reading *r)
{
	for (size_t i = 0; i < r->plan.skipped_count; i++) {
		const char *file = r->plan.skipped[i].file;
		if (!str_has_suffix(str_from(file), STR(".sql"))) continue;
		finding_add(r->findings,
			    &(struct finding){.kind = "migration-skipped",
					      .subject = file,
					      .severity = FINDING_NOTE,
					      .title = "A file among the migrations is not run",
					      .detail = "Its name does not begin with a version (digits and an "
							"underscore), so the Supabase CLI does not run it either.",
					      .file = arena_printf(r->arena, "%s/%s", r->plan.dir, file)});
	}
}

/* A database records each version once. The second file of a version gets one of its own, the same at every reading:
 * the digits and six more from its name. */
static bool resolve_duplicates(struct reading *r)
{
	const char *first = "";
	for (size_t i = 0; i < r->plan.migration_count; i++) {
		struct migration *m = &r->plan.migrations[i];
		if (i == 0 || strcmp(first, m->version) != 0) {
			first = m->version;
			continue;
		}
		const char *unique = arena_printf(r->arena, "%s%06u", first, name_sum(str_from(m->file)));
		if (unique == NULL) return no_room(r);
		finding_add(r->findings,
			    &(struct finding){
				.kind = "duplicate-version",
				.subject = m->file,
				.severity = FINDING_STOP,
				.title = arena_printf(r->arena, "Two migrations have the version %s", first),
				.detail = arena_printf(
				    r->arena,
				    "A database records each version once. If you accept it, the files run in the "
				    "order of their names and this one is recorded as %s.",
				    unique),
				.file = arena_printf(r->arena, "%s/%s", r->plan.dir, m->file),
				.paste = arena_printf(
				    r->arena,
				    "Two files in supabase/migrations begin with the same number, %s. Rename %s so "
				    "that its number is unique and larger than that of all before it.",
				    first, m->file)});
		m->version = unique;
	}
	return true;
}

static bool read_dir(struct reading *r, const char *prefix)
{
	size_t len = strlen(prefix), first = source_lower_bound(r->source, prefix), count = 0;
	while (first + count < r->source->count && strncmp(r->source->files[first + count].path, prefix, len) == 0)
		count++;
	if (count > MIGRATION_MAX_COUNT)
		return err_set(r->err, ERR_LIMIT, "%s holds more than %d files", r->plan.dir, MIGRATION_MAX_COUNT);
	r->plan.migrations = arena_array(r->arena, count, sizeof *r->plan.migrations);
	r->plan.skipped = arena_array(r->arena, count, sizeof *r->plan.skipped);
	r->additions = arena_array(r->arena, ADDITIONS_MAX, sizeof *r->additions);
	if (r->plan.migrations == NULL || r->plan.skipped == NULL || r->additions == NULL) return no_room(r);
	for (size_t i = first; i < first + count; i++) {
		const struct source_file *file = &r->source->files[i];
		struct str name = str_from(file->path + len), version, rest;
		bool ok = true;
		if (str_find_char(name, '/') >= 0) continue;
		/* What else lies among scripts is not for the database. */
		if (r->is_scripts && !(migration_name_cut(name, &version, &rest) && version.len < 50)) continue;
		if (migration_name_cut(name, &version, &rest) && version.len < 64)
			ok = read_file(r, file, name);
		else
			ok =
			    skip_file(r, name, "its name does not begin with a version, as in 20240131120000_name.sql");
		if (!ok) return false;
	}
	return true;
}

/* v0 leaves its SQL as scripts/001_create_tables.sql and tells its user to run it once. */
static bool has_numbered_sql(const struct source *source, const char *dir)
{
	size_t len = strlen(dir);
	for (size_t i = source_lower_bound(source, dir); i < source->count; i++) {
		struct str version, rest, name;
		if (strncmp(source->files[i].path, dir, len) != 0) return false;
		if (source->files[i].path[len] != '/') continue;
		name = str_from(source->files[i].path + len + 1);
		if (str_find_char(name, '/') < 0 && migration_name_cut(name, &version, &rest)) return true;
	}
	return false;
}

bool migrations_read(const struct source *source, const char *root, struct migration_plan *ret_plan,
		     struct sql_state *state, json_t *findings, struct err *err)
{
	struct reading r = {.source = source, .arena = source->arena, .state = state, .findings = findings, .err = err};
	r.plan.dir = "";
	const char *in_root = arena_printf(r.arena, "%s%ssupabase/migrations", root, root[0] != '\0' ? "/" : "");
	const char *in_scripts = arena_printf(r.arena, "%s%sscripts", root, root[0] != '\0' ? "/" : "");
	if (in_root == NULL || in_scripts == NULL) return no_room(&r);
	if (source_has_dir(source, "", in_root))
		r.plan.dir = in_root;
	else if (source_has_dir(source, "", "supabase/migrations"))
		r.plan.dir = "supabase/migrations";
	else if (has_numbered_sql(source, in_scripts))
		r.plan.dir = in_scripts, r.is_scripts = true;
	if (r.plan.dir[0] != '\0') {
		const char *prefix = arena_printf(r.arena, "%s/", r.plan.dir);
		if (prefix == NULL) return no_room(&r);
		if (!read_dir(&r, prefix)) return false;
	}
	note_skipped(&r);
	if (!resolve_duplicates(&r)) return false;
	*ret_plan = r.plan;
	return true;
}
