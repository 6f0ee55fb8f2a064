/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_state.h"

#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "intake/scan.h"
#include "intake/sql_tree.h"

#define TREE_MAX_BYTES (64u << 20)
#define PERSONAL_MAX 20 /* names of one table */

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

static json_t *placed(struct sql_place place)
{
	json_t *o = json_object();
	json_object_set_new(o, "file", json_string(place.file));
	json_object_set_new(o, "line", json_integer(place.line));
	return o;
}

/* Columns whose names say that they hold what a person would not want everybody to read. */

static bool is_personal(const char *column)
{
	static const char *const parts[] = {"email",    "phone",  "mobile",   "address", "birth",  "dob",   "iban",
					    "passport", "salary", "password", "secret",  "token",  "ssn",   "medical",
					    "diagnos",  "gender", "religion", "api_key", "income", "tax_id"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcasestr(column, parts[i]) != NULL) return true;
	return false;
}

static void note_column(json_t *table, const json_t *element)
{
	const char *column = json_str(json_object_get(element, "ColumnDef"), "colname", "");
	json_t *personal = json_object_get(table, "personal");
	if (is_personal(column) && json_array_size(personal) < PERSONAL_MAX)
		json_array_append_new(personal, json_string(column));
}

/* Tables. */

static void add_table(struct sql_state *s, const json_t *relation, const json_t *elements, struct sql_place place)
{
	char name[SQL_NAME_SIZE];
	sql_tree_relation(relation, name);
	if (strcmp(json_str(relation, "relpersistence", "p"), "t") == 0) return;
	if (json_object_get(s->tables, name) != NULL) return; /* IF NOT EXISTS, or an error PostgreSQL will report */
	json_t *table = placed(place);
	json_object_set_new(table, "rls", json_false());
	json_object_set_new(table, "policies", json_object());
	json_object_set_new(table, "personal", json_array());
	size_t i;
	json_t *element;
	json_array_foreach(elements, i, element) note_column(table, element);
	json_object_set_new(s->tables, name, table);
}

static void on_create_table(struct sql_state *s, const json_t *n, struct sql_place place)
{
	add_table(s, json_object_get(n, "relation"), json_object_get(n, "tableElts"), place);
}

static void on_create_as(struct sql_state *s, const json_t *n, struct sql_place place)
{
	if (strcmp(json_str(n, "objtype", ""), "OBJECT_TABLE") == 0)
		add_table(s, sql_tree_get(n, "into", "rel"), NULL, place);
}

static void on_alter_table(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	char name[SQL_NAME_SIZE];
	sql_tree_relation(json_object_get(n, "relation"), name);
	json_t *table = json_object_get(s->tables, name);
	size_t i;
	json_t *cmd;
	json_array_foreach(json_object_get(n, "cmds"), i, cmd)
	{
		const char *type = json_str(json_object_get(cmd, "AlterTableCmd"), "subtype", "");
		if (table != NULL && strcmp(type, "AT_AddColumn") == 0)
			note_column(table, sql_tree_get(cmd, "AlterTableCmd", "def"));
		if (table != NULL && strcmp(type, "AT_EnableRowSecurity") == 0)
			json_object_set_new(table, "rls", json_true());
		if (table != NULL && strcmp(type, "AT_DisableRowSecurity") == 0) {
			json_object_set_new(table, "rls", json_false());
			json_object_set_new(table, "file", json_string(place.file));
			json_object_set_new(table, "line", json_integer(place.line));
		}
	}
}

static void move_key(json_t *object, const char *from, const char *to)
{
	json_t *value = json_object_get(object, from);
	if (value == NULL || strcmp(from, to) == 0) return;
	json_object_set(object, to, value);
	json_object_del(object, from);
}

static void on_rename(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	char name[SQL_NAME_SIZE], renamed[SQL_NAME_SIZE];
	const json_t *relation = json_object_get(n, "relation");
	const char *type = json_str(n, "renameType", "");
	sql_tree_relation(relation, name);
	(void)snprintf(renamed, sizeof renamed, "%.200s.%.200s", json_str(relation, "schemaname", "public"),
		       json_str(n, "newname", ""));
	if (strcmp(type, "OBJECT_TABLE") == 0) move_key(s->tables, name, renamed);
	if (strcmp(type, "OBJECT_POLICY") == 0)
		move_key(json_object_get(json_object_get(s->tables, name), "policies"), json_str(n, "subname", ""),
			 json_str(n, "newname", ""));
}

static void on_set_schema(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	char name[SQL_NAME_SIZE], moved[SQL_NAME_SIZE];
	const json_t *relation = json_object_get(n, "relation");
	if (strcmp(json_str(n, "objectType", ""), "OBJECT_TABLE") != 0) return;
	sql_tree_relation(relation, name);
	(void)snprintf(moved, sizeof moved, "%.200s.%.200s", json_str(n, "newschema", ""),
		       json_str(relation, "relname", ""));
	move_key(s->tables, name, moved);
}

static void drop_schema(struct sql_state *s, const char *schema)
{
	json_t *maps[] = {s->tables, s->functions};
	char prefix[SQL_NAME_SIZE];
	(void)snprintf(prefix, sizeof prefix, "%.200s.", schema);
	for (size_t m = 0; m < 2; m++) {
		void *next;
		const char *key;
		json_t *value;
		json_object_foreach_safe(maps[m], next, key, value)
		{
			if (strncmp(key, prefix, strlen(prefix)) == 0) json_object_del(maps[m], key);
		}
	}
}

static void drop_functions(struct sql_state *s, const json_t *object)
{
	char name[SQL_NAME_SIZE];
	const json_t *names = sql_tree_get(object, "ObjectWithArgs", "objname");
	sql_tree_list_name(names, json_array_size(names), name);
	void *next;
	const char *key;
	json_t *value;
	json_object_foreach_safe(s->functions, next, key, value)
	{
		if (strcmp(json_str(value, "name", ""), name) == 0) json_object_del(s->functions, key);
	}
}

static void on_drop(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	const char *type = json_str(n, "removeType", "");
	size_t i;
	json_t *object;
	json_array_foreach(json_object_get(n, "objects"), i, object)
	{
		char name[SQL_NAME_SIZE];
		const json_t *items = sql_tree_get(object, "List", "items");
		size_t count = json_array_size(items);
		if (strcmp(type, "OBJECT_TABLE") == 0) {
			sql_tree_list_name(items, count, name);
			json_object_del(s->tables, name);
		} else if (strcmp(type, "OBJECT_POLICY") == 0 && count > 1) {
			sql_tree_list_name(items, count - 1, name);
			json_object_del(json_object_get(json_object_get(s->tables, name), "policies"),
					sql_tree_text(json_array_get(items, count - 1)));
		} else if (strcmp(type, "OBJECT_SCHEMA") == 0) {
			drop_schema(s, sql_tree_text(object));
		} else if (strcmp(type, "OBJECT_FUNCTION") == 0 || strcmp(type, "OBJECT_ROUTINE") == 0) {
			drop_functions(s, object);
		} else if (strcmp(type, "OBJECT_TYPE") == 0) {
			items = sql_tree_get(object, "TypeName", "names");
			sql_tree_list_name(items, json_array_size(items), name);
			json_object_del(s->enums, name);
		}
	}
}

/* Policies. */

/* Policies are kept on tables that no migration creates too (storage.objects, tables made by hand). */
static json_t *policies_of(struct sql_state *s, const json_t *relation)
{
	char name[SQL_NAME_SIZE];
	sql_tree_relation(relation, name);
	json_t *table = json_object_get(s->tables, name);
	if (table == NULL) {
		table = json_pack("{s:b,s:b,s:{}}", "is_foreign", 1, "rls", 1, "policies");
		json_object_set_new(s->tables, name, table);
	}
	return json_object_get(table, "policies");
}

static void on_create_policy(struct sql_state *s, const json_t *n, struct sql_place place)
{
	json_t *policy = placed(place);
	json_object_set_new(policy, "cmd", json_string(json_str(n, "cmd_name", "all")));
	json_object_set_new(policy, "permissive", json_boolean(json_bool(n, "permissive", false)));
	json_object_set_new(policy, "roles", sql_tree_roles(json_object_get(n, "roles")));
	json_object_set_new(policy, "using", json_string(sql_tree_condition(json_object_get(n, "qual"))));
	json_object_set_new(policy, "check", json_string(sql_tree_condition(json_object_get(n, "with_check"))));
	json_object_set_new(policies_of(s, json_object_get(n, "table")), json_str(n, "policy_name", ""), policy);
}

static void on_alter_policy(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	json_t *policies = policies_of(s, json_object_get(n, "table"));
	json_t *policy = json_object_get(policies, json_str(n, "policy_name", ""));
	if (policy == NULL) return;
	const json_t *roles = json_object_get(n, "roles"), *using = json_object_get(n, "qual"),
		     *check = json_object_get(n, "with_check");
	if (roles != NULL) json_object_set_new(policy, "roles", sql_tree_roles(roles));
	if (using != NULL) json_object_set_new(policy, "using", json_string(sql_tree_condition(using)));
	if (check != NULL) json_object_set_new(policy, "check", json_string(sql_tree_condition(check)));
}

/* Functions. */

static void function_key(const json_t *n, const char *name, char ret_key[SQL_NAME_SIZE])
{
	size_t len = (size_t)snprintf(ret_key, SQL_NAME_SIZE, "%.300s(", name), i;
	json_t *p;
	json_array_foreach(json_object_get(n, "parameters"), i, p)
	{
		const json_t *parameter = json_object_get(p, "FunctionParameter");
		const char *mode = json_str(parameter, "mode", "");
		if (strcmp(mode, "FUNC_PARAM_OUT") == 0 || strcmp(mode, "FUNC_PARAM_TABLE") == 0) continue;
		const json_t *names = sql_tree_get(parameter, "argType", "names");
		const char *type = sql_tree_text(json_array_get(names, json_array_size(names) - 1));
		if (len + strlen(type) + 3 >= SQL_NAME_SIZE) break;
		len += (size_t)snprintf(ret_key + len, SQL_NAME_SIZE - len, "%s%s", i > 0 ? "," : "", type);
	}
	(void)snprintf(ret_key + len, SQL_NAME_SIZE - len, ")");
}

/* What the options say of SECURITY DEFINER: -1 nothing, 0 invoker, 1 definer. */
static int definer_option(const json_t *options)
{
	size_t i;
	json_t *option;
	json_array_foreach(options, i, option)
	{
		const json_t *o = json_object_get(option, "DefElem");
		if (strcmp(json_str(o, "defname", ""), "security") == 0)
			return json_bool(sql_tree_get(json_object_get(o, "arg"), "Boolean", NULL), "boolval", false);
	}
	return -1;
}

static void on_create_function(struct sql_state *s, const json_t *n, struct sql_place place)
{
	char name[SQL_NAME_SIZE], key[SQL_NAME_SIZE];
	const json_t *names = json_object_get(n, "funcname"), *returns = sql_tree_get(n, "returnType", "names");
	sql_tree_list_name(names, json_array_size(names), name);
	function_key(n, name, key);
	const char *type = sql_tree_text(json_array_get(returns, json_array_size(returns) - 1));
	const json_t *old = json_object_get(s->functions, key); /* CREATE OR REPLACE keeps the grants */
	json_t *f = placed(place);
	json_object_set_new(f, "name", json_string(name));
	json_object_set_new(f, "definer", json_boolean(definer_option(json_object_get(n, "options")) == 1));
	json_object_set_new(f, "trigger",
			    json_boolean(strcmp(type, "trigger") == 0 || strcmp(type, "event_trigger") == 0));
	json_object_set_new(f, "public", json_boolean(json_bool(old, "public", s->default_public)));
	json_object_set_new(f, "anon", json_boolean(json_bool(old, "anon", s->default_anon)));
	json_object_set_new(s->functions, key, f);
}

static void on_alter_function(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	char name[SQL_NAME_SIZE];
	const json_t *names = sql_tree_get(n, "func", "objname");
	int definer = definer_option(json_object_get(n, "actions"));
	sql_tree_list_name(names, json_array_size(names), name);
	const char *key;
	json_t *f;
	json_object_foreach(s->functions, key, f)
	{
		if (definer >= 0 && strcmp(json_str(f, "name", ""), name) == 0)
			json_object_set_new(f, "definer", json_boolean(definer == 1));
	}
}

/* Grants. */

static void grant_on_functions(struct sql_state *s, const json_t *n, const char *name, bool is_schema)
{
	const json_t *grantees = json_object_get(n, "grantees");
	bool is_grant = json_bool(n, "is_grant", false);
	const char *key;
	json_t *f;
	json_object_foreach(s->functions, key, f)
	{
		const char *own = json_str(f, "name", "");
		bool is_meant = is_schema ? strncmp(own, name, strlen(name)) == 0 && own[strlen(name)] == '.'
					  : strcmp(own, name) == 0;
		if (is_meant && sql_tree_names_role(grantees, "public"))
			json_object_set_new(f, "public", json_boolean(is_grant));
		if (is_meant && sql_tree_names_role(grantees, "anon"))
			json_object_set_new(f, "anon", json_boolean(is_grant));
	}
}

static void grant_on_table(struct sql_state *s, const json_t *n, const char *name)
{
	json_t *table = json_object_get(s->tables, name);
	const json_t *grantees = json_object_get(n, "grantees");
	bool is_grant = json_bool(n, "is_grant", false);
	bool is_all = json_array_size(json_object_get(n, "privileges")) == 0;
	if (table == NULL || (!is_grant && !is_all)) return; /* a part taken away leaves the table open */
	if (sql_tree_names_role(grantees, "anon")) json_object_set_new(table, "anon_revoked", json_boolean(!is_grant));
	if (sql_tree_names_role(grantees, "authenticated"))
		json_object_set_new(table, "signed_in_revoked", json_boolean(!is_grant));
}

static void on_grant(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	const char *type = json_str(n, "objtype", "");
	bool is_schema = strcmp(json_str(n, "targtype", ""), "ACL_TARGET_ALL_IN_SCHEMA") == 0;
	bool is_function = strcmp(type, "OBJECT_FUNCTION") == 0 || strcmp(type, "OBJECT_ROUTINE") == 0;
	bool is_table = strcmp(type, "OBJECT_TABLE") == 0;
	size_t i;
	json_t *object;
	json_array_foreach(json_object_get(n, "objects"), i, object)
	{
		char name[SQL_NAME_SIZE];
		const json_t *names = sql_tree_get(object, "ObjectWithArgs", "objname");
		if (is_function && is_schema) grant_on_functions(s, n, sql_tree_text(object), true);
		if (is_function && !is_schema) {
			sql_tree_list_name(names, json_array_size(names), name);
			grant_on_functions(s, n, name, false);
		}
		if (is_table && !is_schema) {
			sql_tree_relation(json_object_get(object, "RangeVar"), name);
			grant_on_table(s, n, name);
		}
		if (is_table && is_schema) {
			const char *key;
			json_t *table;
			size_t len = strlen(sql_tree_text(object));
			json_object_foreach(s->tables, key, table)
			{
				if (strncmp(key, sql_tree_text(object), len) == 0 && key[len] == '.')
					grant_on_table(s, n, key);
			}
		}
	}
}

static void on_default_privileges(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	const json_t *action = json_object_get(n, "action"), *grantees = json_object_get(action, "grantees");
	if (strcmp(json_str(action, "objtype", ""), "OBJECT_FUNCTION") != 0) return;
	bool is_grant = json_bool(action, "is_grant", false);
	if (sql_tree_names_role(grantees, "public")) s->default_public = is_grant;
	if (sql_tree_names_role(grantees, "anon")) s->default_anon = is_grant;
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
	json_t *bucket = placed(place);
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
	json_object_set_new(s->extensions, json_str(n, "extname", ""), placed(place));
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
    {"CreateStmt", on_create_table},
    {"CreateTableAsStmt", on_create_as},
    {"AlterTableStmt", on_alter_table},
    {"RenameStmt", on_rename},
    {"AlterObjectSchemaStmt", on_set_schema},
    {"DropStmt", on_drop},
    {"CreatePolicyStmt", on_create_policy},
    {"AlterPolicyStmt", on_alter_policy},
    {"CreateFunctionStmt", on_create_function},
    {"AlterFunctionStmt", on_alter_function},
    {"GrantStmt", on_grant},
    {"AlterDefaultPrivilegesStmt", on_default_privileges},
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
