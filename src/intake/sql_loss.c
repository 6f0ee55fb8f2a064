/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_loss.h"

#include <pg_query.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"
#include "intake/migrations.h"
#include "intake/source.h"

#define MEMORY_BYTES (256u << 20)
#define TREE_MAX_BYTES (32u << 20)
#define NAME_BYTES 64

struct place {
	json_t *losses;
	uint32_t line;
};

static void add(const struct place *p, const char *schema, const char *table, const char *column, const char *what)
{
	char name[3 * NAME_BYTES + 8], text[5 * NAME_BYTES];
	if (json_array_size(p->losses) >= SQL_LOSSES_MAX) return;
	bool has_column = column[0] != '\0';
	(void)snprintf(name, sizeof name, "%.63s.%.63s%s%.63s", schema, table, has_column ? "." : "", column);
	(void)snprintf(text, sizeof text, "%.120s %.63s%s%.63s", what, column, has_column ? " of " : "", table);
	json_array_append_new(p->losses, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", name, "schema", schema, "table",
						   table, "what", text, "line", (int)p->line));
}

static const char *text_of(const json_t *node)
{
	const json_t *string = json_object_get(node, "String");
	return json_str(string, "sval", json_str(string, "str", ""));
}

/* schema.table of a RangeVar. */
static void relation(const json_t *range, const char **ret_schema, const char **ret_table)
{
	*ret_schema = json_str(range, "schemaname", "public");
	*ret_table = json_str(range, "relname", "");
}

static void on_alter_table(const json_t *n, const struct place *p)
{
	const char *schema, *table;
	size_t i;
	json_t *item;
	relation(json_object_get(n, "relation"), &schema, &table);
	json_array_foreach(json_object_get(n, "cmds"), i, item)
	{
		const json_t *cmd = json_object_get(item, "AlterTableCmd");
		const char *type = json_str(cmd, "subtype", ""), *column = json_str(cmd, "name", "");
		if (strcmp(type, "AT_DropColumn") == 0) add(p, schema, table, column, "drops the column");
		if (strcmp(type, "AT_AlterColumnType") == 0) add(p, schema, table, column, "changes the type of");
		if (strcmp(type, "AT_DropExpression") == 0) add(p, schema, table, column, "drops the rule of");
	}
}

static void on_drop(const json_t *n, const struct place *p)
{
	static const struct {
		const char *type, *what;
	} kinds[] = {{"OBJECT_TABLE", "drops the table"},         {"OBJECT_SCHEMA", "drops the schema"},
		     {"OBJECT_TYPE", "drops the type"},           {"OBJECT_SEQUENCE", "drops the counter"},
		     {"OBJECT_MATVIEW", "drops the stored view"}, {"OBJECT_DOMAIN", "drops the type"},
		     {"OBJECT_FOREIGN_TABLE", "drops the table"}};
	size_t i;
	json_t *object;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		if (strcmp(json_str(n, "removeType", ""), kinds[k].type) != 0) continue;
		json_array_foreach(json_object_get(n, "objects"), i, object)
		{
			const json_t *names = json_object_get(json_object_get(object, "List"), "items");
			if (names == NULL) names = json_object_get(json_object_get(object, "TypeName"), "names");
			size_t count = json_array_size(names);
			const char *last = count > 0 ? text_of(json_array_get(names, count - 1)) : text_of(object);
			add(p, count > 1 ? text_of(json_array_get(names, count - 2)) : "public", last, "",
			    kinds[k].what);
		}
	}
}

static void on_truncate(const json_t *n, const struct place *p)
{
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(n, "relations"), i, item)
	{
		const char *schema, *table;
		relation(json_object_get(item, "RangeVar"), &schema, &table);
		add(p, schema, table, "", "empties the table");
	}
}

static void on_delete(const json_t *n, const struct place *p)
{
	const char *schema, *table;
	relation(json_object_get(n, "relation"), &schema, &table);
	add(p, schema, table, "", "deletes rows of");
}

static const struct {
	const char *node;
	void (*look)(const json_t *n, const struct place *p);
} looks[] = {{"AlterTableStmt", on_alter_table},
	     {"DropStmt", on_drop},
	     {"TruncateStmt", on_truncate},
	     {"DeleteStmt", on_delete}};

static void look_at_tree(const json_t *tree, const struct place *p)
{
	size_t i;
	json_t *raw;
	json_array_foreach(json_object_get(tree, "stmts"), i, raw)
	{
		const json_t *stmt = json_object_get(raw, "stmt");
		for (size_t k = 0; k < sizeof looks / sizeof *looks; k++) {
			const json_t *n = json_object_get(stmt, looks[k].node);
			if (n != NULL) looks[k].look(n, p);
		}
		if (json_object_get(stmt, "DoStmt") != NULL)
			add(p, "", "block", "", "runs a block whose effects cannot be seen beforehand: the");
	}
}

void sql_loss_find(const char *text, uint32_t line, json_t *ret_losses)
{
	PgQueryParseResult parsed = pg_query_parse(text);
	json_t *tree JSON_CLEANUP = NULL;
	struct err ignored;
	struct place p = {ret_losses, line};
	bool ok = parsed.error == NULL && parsed.parse_tree != NULL && strlen(parsed.parse_tree) <= TREE_MAX_BYTES &&
		  json_parse(str_from(parsed.parse_tree), &tree, &ignored);
	pg_query_free_parse_result(parsed);
	if (ok)
		look_at_tree(tree, &p);
	else
		add(&p, "", "statement", "", "does something that is not understood: the");
}

static bool read_losses(const struct source *source, const struct migration_plan *plan, const struct migration *m,
			json_t *losses, struct err *err)
{
	struct buf text BUF_CLEANUP;
	struct buf statement BUF_CLEANUP;
	const char *path = arena_printf(source->arena, "%s/%s", plan->dir, m->file);
	const struct source_file *file = path != NULL ? source_find(source, path) : NULL;
	buf_init(&text, MIGRATION_MAX_FILE_BYTES + 1);
	buf_init(&statement, MIGRATION_MAX_FILE_BYTES + 1);
	if (file == NULL) return err_set(err, ERR_INTERNAL, "%s is gone", m->file);
	if (!source_read(source, file, MIGRATION_MAX_FILE_BYTES, &text, err)) return false;
	for (size_t i = 0; i < m->statement_count; i++) {
		const struct migration_statement *s = &m->statements[i];
		buf_clear(&statement);
		buf_str(&statement, str_sub(buf_view(&text), s->offset, (size_t)s->offset + s->len));
		sql_loss_find(buf_cstr(&statement), s->line, losses);
	}
	return true;
}

static bool read_changes(const char *dir, struct arena *arena, struct sql_state *state, json_t *losses,
			 struct migration_plan *ret_plan, struct err *err)
{
	struct source source;
	json_t *findings JSON_CLEANUP = json_array();
	if (!source_open(dir, arena, &source, err) || !migrations_read(&source, "", ret_plan, state, findings, err))
		return false;
	for (size_t i = 0; i < ret_plan->migration_count; i++)
		if (!read_losses(&source, ret_plan, &ret_plan->migrations[i], losses, err)) return false;
	return true;
}

bool sql_loss_read(const char *dir, json_t **ret_changes, struct err *err)
{
	struct arena *arena = arena_new(MEMORY_BYTES);
	struct sql_state state;
	struct migration_plan plan;
	json_t *losses JSON_CLEANUP = json_array();
	sql_state_init(&state);
	bool ok = read_changes(dir, arena, &state, losses, &plan, err);
	if (ok)
		*ret_changes = json_pack("{s:o, s:O, s:O}", "migrations", migration_plan_to_json(&plan), "losses",
					 losses, "tables", state.tables);
	sql_state_done(&state);
	arena_free(arena);
	return ok;
}
