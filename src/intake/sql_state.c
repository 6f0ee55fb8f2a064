/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_state_private.h"

#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "intake/scan.h"

#define TREE_MAX_BYTES (64u << 20)

void sql_state_init(struct sql_state *s)
{
	*s = (struct sql_state){.tables = json_object(),
				.functions = json_object(),
				.buckets = json_object(),
				.extensions = json_object(),
				.cron = json_object(),
				.enums = json_object(),
				.default_public = true,
				.default_anon = true};
}

void sql_state_done(struct sql_state *s)
{
	json_decref(s->tables), json_decref(s->functions), json_decref(s->buckets);
	json_decref(s->extensions), json_decref(s->cron), json_decref(s->enums);
}

json_t *sql_placed(struct sql_place place)
{
	json_t *o = json_object();
	json_object_set_new(o, "file", json_string(place.file));
	json_object_set_new(o, "line", json_integer(place.line));
	return o;
}

/* Buckets, extensions, types. */

static void add_bucket_row(struct sql_state *s, const json_t *cols, const json_t *values, struct sql_place place)
{
	const char *id = NULL;
	int is_public = 0;
	size_t i;
	json_t *value;
	json_array_foreach(values, i, value)
	{
		const char *column = json_str(sql_tree_get(json_array_get(cols, i), "ResTarget", NULL), "name", "");
		if (strcmp(column, "id") == 0) id = sql_tree_constant_text(value);
		if (strcmp(column, "public") == 0) is_public = sql_tree_constant_bool(value);
	}
	if (id == NULL) return;
	json_t *bucket = sql_placed(place);
	json_object_set_new(bucket, "public", json_boolean(is_public == 1));
	json_object_set_new(s->buckets, id, bucket);
}

static void on_insert(struct sql_state *s, const json_t *n, struct sql_place place)
{
	char name[SQL_NAME_SIZE];
	sql_tree_relation(json_object_get(n, "relation"), name);
	if (strcmp(name, "storage.buckets") != 0) return;
	const json_t *select = sql_tree_get(json_object_get(n, "selectStmt"), "SelectStmt", NULL);
	const json_t *cols = json_object_get(n, "cols");
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(select, "valuesLists"), i, row)
	    add_bucket_row(s, cols, sql_tree_get(row, "List", "items"), place);
	/* INSERT … SELECT 'x', 'x', true WHERE NOT EXISTS …: a row of one's own */
	const json_t *targets = json_object_get(select, "targetList");
	if (targets == NULL) return;
	json_t *values JSON_CLEANUP = json_array();
	json_array_foreach(targets, i, row)
	{
		json_t *value = json_object_get(json_object_get(row, "ResTarget"), "val");
		json_array_append(values, value != NULL ? value : json_null());
	}
	add_bucket_row(s, cols, values, place);
}

static void on_update(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	char name[SQL_NAME_SIZE];
	sql_tree_relation(json_object_get(n, "relation"), name);
	const json_t *where = sql_tree_get(json_object_get(n, "whereClause"), "A_Expr", NULL);
	const char *id = sql_tree_constant_text(json_object_get(where, "rexpr"));
	if (strcmp(name, "storage.buckets") != 0 || id == NULL) return;
	json_t *bucket = json_object_get(s->buckets, id);
	size_t i;
	json_t *target;
	json_array_foreach(json_object_get(n, "targetList"), i, target)
	{
		const json_t *t = json_object_get(target, "ResTarget");
		int is_public = sql_tree_constant_bool(json_object_get(t, "val"));
		if (bucket != NULL && strcmp(json_str(t, "name", ""), "public") == 0 && is_public >= 0)
			json_object_set_new(bucket, "public", json_boolean(is_public));
	}
}

static void on_extension(struct sql_state *s, const json_t *n, struct sql_place place)
{
	json_object_set_new(s->extensions, json_str(n, "extname", ""), sql_placed(place));
}

static void on_create_enum(struct sql_state *s, const json_t *n, struct sql_place place)
{
	char name[SQL_NAME_SIZE];
	const json_t *names = json_object_get(n, "typeName");
	sql_tree_list_name(names, json_array_size(names), name);
	json_object_set_new(s->enums, name, json_integer((json_int_t)place.migration));
}

static const struct {
	const char *node;
	void (*apply)(struct sql_state *s, const json_t *n, struct sql_place place);
} handlers[] = {
    {"CreateStmt", sql_on_create_table},
    {"CreateTableAsStmt", sql_on_create_as},
    {"AlterTableStmt", sql_on_alter_table},
    {"RenameStmt", sql_on_rename},
    {"AlterObjectSchemaStmt", sql_on_set_schema},
    {"DropStmt", sql_on_drop},
    {"CreatePolicyStmt", sql_on_create_policy},
    {"AlterPolicyStmt", sql_on_alter_policy},
    {"CreateFunctionStmt", sql_on_create_function},
    {"AlterFunctionStmt", sql_on_alter_function},
    {"GrantStmt", sql_on_grant},
    {"AlterDefaultPrivilegesStmt", sql_on_default_privileges},
    {"InsertStmt", on_insert},
    {"UpdateStmt", on_update},
    {"CreateExtensionStmt", on_extension},
    {"CreateEnumStmt", on_create_enum},
};

static void apply_tree(struct sql_state *s, const json_t *tree, struct sql_place place)
{
	size_t i;
	json_t *raw;
	json_array_foreach(json_object_get(tree, "stmts"), i, raw)
	{
		const json_t *stmt = json_object_get(raw, "stmt");
		for (size_t h = 0; h < sizeof handlers / sizeof *handlers; h++) {
			const json_t *n = json_object_get(stmt, handlers[h].node);
			if (n != NULL) handlers[h].apply(s, n, place);
		}
	}
}

bool sql_state_apply(struct sql_state *s, const char *text, struct sql_place place)
{
	PgQueryParseResult parsed = pg_query_parse(text);
	json_t *tree JSON_CLEANUP = NULL;
	struct err ignored;
	bool ok = parsed.error == NULL && parsed.parse_tree != NULL && strlen(parsed.parse_tree) <= TREE_MAX_BYTES &&
		  json_parse(str_from(parsed.parse_tree), &tree, &ignored);
	pg_query_free_parse_result(parsed);
	if (ok) apply_tree(s, tree, place);
	return ok;
}

/* DO blocks. */

static ptrdiff_t find_command(struct str text, size_t *ret_line)
{
	static const struct str commands[] = {{"CREATE POLICY", 13}, {"DROP POLICY", 11},  {"ALTER POLICY", 12},
					      {"ALTER TABLE", 11},   {"CREATE TABLE", 12}, {"DROP TABLE", 10},
					      {"INSERT INTO", 11},   {"CREATE TYPE", 11}};
	for (size_t at = 0; at < text.len; at++) {
		for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
			struct str here = str_sub(text, at, at + commands[c].len);
			bool begins_word = at == 0 || !scan_is_name_char(text.ptr[at - 1]);
			if (begins_word && str_eq_nocase(here, commands[c])) return (ptrdiff_t)at;
		}
		*ret_line += text.ptr[at] == '\n';
	}
	return -1;
}

void sql_state_apply_block(struct sql_state *s, struct str body, struct sql_place place)
{
	struct str rest = body, piece;
	size_t line = place.line;
	while (str_next(&rest, ';', &piece)) {
		size_t at_line = line;
		ptrdiff_t at = find_command(piece, &at_line);
		bool is_dynamic = scan_word(piece, 0, STR("EXECUTE")) >= 0 || scan_word(piece, 0, STR("execute")) >= 0;
		bool has_rls =
		    str_find(piece, STR("ROW LEVEL SECURITY")) >= 0 || str_find(piece, STR("row level security")) >= 0;
		if (is_dynamic && has_rls) {
			s->has_dynamic_rls = true;
		} else if (at >= 0 && !is_dynamic) {
			struct buf text BUF_CLEANUP;
			buf_init(&text, 1 << 20);
			buf_str(&text, str_sub(piece, (size_t)at, piece.len));
			struct sql_place there = place;
			there.line = (uint32_t)at_line;
			if (buf_is_ok(&text)) (void)sql_state_apply(s, buf_cstr(&text), there);
		}
		for (size_t i = 0; i < piece.len; i++) line += piece.ptr[i] == '\n';
	}
}
