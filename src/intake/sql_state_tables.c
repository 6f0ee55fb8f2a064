/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_state_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERSONAL_MAX 20 /* names of one table */

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
	json_t *table = sql_placed(place);
	json_object_set_new(table, "rls", json_false());
	json_object_set_new(table, "policies", json_object());
	json_object_set_new(table, "personal", json_array());
	size_t i;
	json_t *element;
	json_array_foreach(elements, i, element) note_column(table, element);
	json_object_set_new(s->tables, name, table);
}

void sql_on_create_table(struct sql_state *s, const json_t *n, struct sql_place place)
{
	add_table(s, json_object_get(n, "relation"), json_object_get(n, "tableElts"), place);
}

void sql_on_create_as(struct sql_state *s, const json_t *n, struct sql_place place)
{
	if (strcmp(json_str(n, "objtype", ""), "OBJECT_TABLE") == 0)
		add_table(s, sql_tree_get(n, "into", "rel"), NULL, place);
}

void sql_on_alter_table(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_rename(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_set_schema(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_drop(struct sql_state *s, const json_t *n, struct sql_place place)
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
