/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/migration.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

static const char *const boundary_words[] = {"together", "commit-after", "no-transaction"};

bool migration_name_cut(struct str file, struct str *ret_version, struct str *ret_name)
{
	struct str version, rest;
	if (!str_has_suffix(file, STR(".sql")) || !str_cut(file, '_', &version, &rest) || version.len == 0)
		return false;
	for (size_t i = 0; i < version.len; i++)
		if (version.ptr[i] < '0' || version.ptr[i] > '9') return false;
	*ret_version = version;
	*ret_name = str_sub(rest, 0, rest.len - STR(".sql").len);
	return true;
}

static bool is_version(const char *text)
{
	size_t len = strlen(text);
	return len > 0 && len < 64 && strspn(text, "0123456789") == len;
}

static bool is_sha256(const char *text)
{
	return strlen(text) == MIGRATION_SHA256_HEX_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == MIGRATION_SHA256_HEX_SIZE - 1;
}

static bool is_file_name(const char *text)
{
	return text[0] != '\0' && strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool no_room(struct err *err)
{
	return err_set(err, ERR_LIMIT, "the plan of the migrations is too large");
}

/* A copy of a member's text, or NULL where it is absent. */
static bool copy_text(const json_t *object, const char *key, struct arena *arena, const char **ret_text,
		      struct err *err)
{
	const char *text = json_str(object, key, NULL);
	if (text == NULL) {
		*ret_text = NULL;
		return true;
	}
	const char *copy = arena_strdup(arena, text);
	if (copy == NULL) return no_room(err);
	*ret_text = copy;
	return true;
}

static bool need_text(const json_t *object, const char *key, struct arena *arena, const char **ret_text,
		      struct err *err)
{
	const char *text = NULL;
	return json_need_str(object, key, &text, err) && copy_text(object, key, arena, ret_text, err);
}

/* One statement is [offset, len, line, kind]: an app has thousands of them. */
static bool read_statement(const json_t *value, struct arena *arena, struct migration_statement *ret_statement,
			   struct err *err)
{
	json_int_t numbers[3];
	for (size_t i = 0; i < 3; i++) {
		const json_t *n = json_array_get(value, i);
		numbers[i] = json_integer_value(n);
		if (!json_is_integer(n) || numbers[i] < 0 || numbers[i] > MIGRATION_MAX_FILE_BYTES)
			return err_set(err, ERR_INVALID, "a statement has no place in its file");
	}
	if (numbers[0] + numbers[1] > MIGRATION_MAX_FILE_BYTES)
		return err_set(err, ERR_INVALID, "a statement has no place in its file");
	const char *kind = json_string_value(json_array_get(value, 3));
	if (kind == NULL) return err_set(err, ERR_INVALID, "a statement has no kind");
	kind = arena_strdup(arena, kind);
	if (kind == NULL) return no_room(err);
	*ret_statement =
	    (struct migration_statement){(uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2], kind};
	return true;
}

static bool read_statements(const json_t *list, struct arena *arena, struct migration *m, struct err *err)
{
	size_t count = json_array_size(list);
	if (count > MIGRATION_MAX_STATEMENTS)
		return err_set(err, ERR_LIMIT, "%s has more than %d statements", m->file, MIGRATION_MAX_STATEMENTS);
	m->statements = arena_array(arena, count, sizeof *m->statements);
	if (m->statements == NULL) return no_room(err);
	m->statement_count = count;
	for (size_t i = 0; i < count; i++)
		if (!read_statement(json_array_get(list, i), arena, &m->statements[i], err))
			return err_wrap(err, "%s, statement %zu", m->file, i + 1);
	return true;
}

static bool read_boundary(const json_t *value, struct arena *arena, struct migration *m, struct err *err)
{
	const char *word = json_str(value, "boundary", boundary_words[MIGRATION_TOGETHER]);
	size_t i = 0;
	while (i < 3 && strcmp(word, boundary_words[i]) != 0) i++;
	if (i == 3) return err_set(err, ERR_INVALID, "%s: boundary \"%s\" is unknown", m->file, word);
	m->boundary = (enum migration_boundary)i;
	if (!copy_text(value, "boundary_reason", arena, &m->boundary_reason, err) ||
	    !copy_text(value, "boundary_lifted_by", arena, &m->boundary_lifted_by, err))
		return false;
	if (m->boundary != MIGRATION_TOGETHER && m->boundary_reason == NULL)
		return err_set(err, ERR_INVALID, "%s: a boundary without a reason", m->file);
	return true;
}

static bool read_migration(const json_t *value, struct arena *arena, struct migration *m, struct err *err)
{
	const char *sha256 = NULL;
	if (!need_text(value, "version", arena, &m->version, err) || !need_text(value, "name", arena, &m->name, err) ||
	    !need_text(value, "file", arena, &m->file, err) || !json_need_str(value, "sha256", &sha256, err))
		return false;
	if (!is_version(m->version)) return err_set(err, ERR_INVALID, "\"%s\" is no version", m->version);
	if (!is_file_name(m->file)) return err_set(err, ERR_INVALID, "\"%s\" is no file name", m->file);
	if (!is_sha256(sha256)) return err_set(err, ERR_INVALID, "%s: \"%s\" is no SHA-256", m->file, sha256);
	memcpy(m->sha256, sha256, sizeof m->sha256);
	return read_statements(json_object_get(value, "statements"), arena, m, err) &&
	       read_boundary(value, arena, m, err);
}

static bool read_skipped(const json_t *value, struct arena *arena, struct migration_skipped *s, struct err *err)
{
	return need_text(value, "file", arena, &s->file, err) && need_text(value, "reason", arena, &s->reason, err);
}

bool migration_plan_from_json(const json_t *value, struct arena *arena, struct migration_plan *ret_plan,
			      struct err *err)
{
	struct migration_plan plan = {.dir = ""};
	const json_t *migrations = json_object_get(value, "migrations"), *skipped = json_object_get(value, "skipped");
	plan.migration_count = json_array_size(migrations);
	plan.skipped_count = json_array_size(skipped);
	if (!json_is_array(migrations)) return err_set(err, ERR_INVALID, "a plan without \"migrations\"");
	if (plan.migration_count > MIGRATION_MAX_COUNT || plan.skipped_count > MIGRATION_MAX_COUNT)
		return err_set(err, ERR_LIMIT, "more than %d migrations", MIGRATION_MAX_COUNT);
	if (!need_text(value, "dir", arena, &plan.dir, err)) return false;
	plan.migrations = arena_array(arena, plan.migration_count, sizeof *plan.migrations);
	plan.skipped = arena_array(arena, plan.skipped_count, sizeof *plan.skipped);
	if (plan.migrations == NULL || plan.skipped == NULL) return no_room(err);
	for (size_t i = 0; i < plan.migration_count; i++)
		if (!read_migration(json_array_get(migrations, i), arena, &plan.migrations[i], err))
			return err_wrap(err, "migration %zu", i + 1);
	for (size_t i = 0; i < plan.skipped_count; i++)
		if (!read_skipped(json_array_get(skipped, i), arena, &plan.skipped[i], err)) return false;
	*ret_plan = plan;
	return true;
}

static json_t *need(json_t *value)
{
	if (value == NULL) abort(); /* out of memory, or a text that is no UTF-8: our own mistake */
	return value;
}

static json_t *statements_to_json(const struct migration *m)
{
	json_t *list = need(json_array());
	for (size_t i = 0; i < m->statement_count; i++) {
		const struct migration_statement *s = &m->statements[i];
		json_array_append_new(list, need(json_pack("[I,I,I,s]", (json_int_t)s->offset, (json_int_t)s->len,
							   (json_int_t)s->line, s->kind)));
	}
	return list;
}

static json_t *migration_to_json(const struct migration *m)
{
	json_t *o = need(json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "version", m->version, "name", m->name, "file", m->file,
				   "sha256", m->sha256, "boundary", boundary_words[m->boundary], "statements",
				   statements_to_json(m)));
	if (m->boundary_reason != NULL)
		json_object_set_new(o, "boundary_reason", need(json_string(m->boundary_reason)));
	if (m->boundary_lifted_by != NULL)
		json_object_set_new(o, "boundary_lifted_by", need(json_string(m->boundary_lifted_by)));
	return o;
}

json_t *migration_plan_to_json(const struct migration_plan *plan)
{
	json_t *migrations = need(json_array()), *skipped = need(json_array());
	for (size_t i = 0; i < plan->migration_count; i++)
		json_array_append_new(migrations, migration_to_json(&plan->migrations[i]));
	for (size_t i = 0; i < plan->skipped_count; i++)
		json_array_append_new(skipped, need(json_pack("{s:s,s:s}", "file", plan->skipped[i].file, "reason",
							      plan->skipped[i].reason)));
	return need(json_pack("{s:s,s:o,s:o}", "dir", plan->dir, "migrations", migrations, "skipped", skipped));
}
