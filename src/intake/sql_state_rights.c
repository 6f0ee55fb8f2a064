/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_state_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void sql_on_create_policy(struct sql_state *s, const json_t *n, struct sql_place place)
{
	json_t *policy = sql_placed(place);
	json_object_set_new(policy, "cmd", json_string(json_str(n, "cmd_name", "all")));
	json_object_set_new(policy, "permissive", json_boolean(json_bool(n, "permissive", false)));
	json_object_set_new(policy, "roles", sql_tree_roles(json_object_get(n, "roles")));
	json_object_set_new(policy, "using", json_string(sql_tree_condition(json_object_get(n, "qual"))));
	json_object_set_new(policy, "check", json_string(sql_tree_condition(json_object_get(n, "with_check"))));
	json_object_set_new(policies_of(s, json_object_get(n, "table")), json_str(n, "policy_name", ""), policy);
}

void sql_on_alter_policy(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_create_function(struct sql_state *s, const json_t *n, struct sql_place place)
{
	char name[SQL_NAME_SIZE], key[SQL_NAME_SIZE];
	const json_t *names = json_object_get(n, "funcname"), *returns = sql_tree_get(n, "returnType", "names");
	sql_tree_list_name(names, json_array_size(names), name);
	function_key(n, name, key);
	const char *type = sql_tree_text(json_array_get(returns, json_array_size(returns) - 1));
	const json_t *old = json_object_get(s->functions, key); /* CREATE OR REPLACE keeps the grants */
	json_t *f = sql_placed(place);
	json_object_set_new(f, "name", json_string(name));
	json_object_set_new(f, "definer", json_boolean(definer_option(json_object_get(n, "options")) == 1));
	json_object_set_new(f, "trigger",
			    json_boolean(strcmp(type, "trigger") == 0 || strcmp(type, "event_trigger") == 0));
	json_object_set_new(f, "public", json_boolean(json_bool(old, "public", s->default_public)));
	json_object_set_new(f, "anon", json_boolean(json_bool(old, "anon", s->default_anon)));
	json_object_set_new(s->functions, key, f);
}

void sql_on_alter_function(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_grant(struct sql_state *s, const json_t *n, struct sql_place place)
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

void sql_on_default_privileges(struct sql_state *s, const json_t *n, struct sql_place place)
{
	(void)place;
	const json_t *action = json_object_get(n, "action"), *grantees = json_object_get(action, "grantees");
	if (strcmp(json_str(action, "objtype", ""), "OBJECT_FUNCTION") != 0) return;
	bool is_grant = json_bool(action, "is_grant", false);
	if (sql_tree_names_role(grantees, "public")) s->default_public = is_grant;
	if (sql_tree_names_role(grantees, "anon")) s->default_anon = is_grant;
}
