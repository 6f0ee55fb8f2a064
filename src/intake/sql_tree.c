/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/sql_tree.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"

const json_t *sql_tree_get(const json_t *node, const char *a, const char *b)
{
	node = json_object_get(node, a);
	return b != NULL ? json_object_get(node, b) : node;
}

const char *sql_tree_text(const json_t *node)
{
	return json_str(json_object_get(node, "String"), "sval", "");
}

/* "schema.name" of a RangeVar. */
void sql_tree_relation(const json_t *relation, char ret_name[SQL_NAME_SIZE])
{
	(void)snprintf(ret_name, SQL_NAME_SIZE, "%.200s.%.200s", json_str(relation, "schemaname", "public"),
		       json_str(relation, "relname", ""));
}

/* "schema.name" of a list of String nodes; of the first `count` of them. */
void sql_tree_list_name(const json_t *list, size_t count, char ret_name[SQL_NAME_SIZE])
{
	const char *last = count > 0 ? sql_tree_text(json_array_get(list, count - 1)) : "";
	const char *schema = count > 1 ? sql_tree_text(json_array_get(list, count - 2)) : "public";
	(void)snprintf(ret_name, SQL_NAME_SIZE, "%.200s.%.200s", schema, last);
}

static const json_t *constant(const json_t *node)
{
	const json_t *cast = sql_tree_get(node, "TypeCast", "arg");
	return json_object_get(cast != NULL ? cast : node, "A_Const");
}

const char *sql_tree_constant_text(const json_t *node)
{
	return json_str(sql_tree_get(constant(node), "sval", NULL), "sval", NULL);
}

/* -1 unknown, 0 false, 1 true */
int sql_tree_constant_bool(const json_t *node)
{
	const json_t *c = constant(node);
	const json_t *b = json_object_get(c, "boolval");
	if (b != NULL) return json_bool(b, "boolval", false);
	const char *text = sql_tree_constant_text(node);
	if (text != NULL && (strcmp(text, "t") == 0 || strcmp(text, "true") == 0)) return 1;
	return text != NULL ? 0 : -1;
}

static bool is_true(const json_t *node);

static bool is_equal_constants(const json_t *e)
{
	const json_t *left = constant(json_object_get(e, "lexpr")), *right = constant(json_object_get(e, "rexpr"));
	const char *op = sql_tree_text(json_array_get(json_object_get(e, "name"), 0));
	const json_t *l = json_object_get(left, "ival"), *r = json_object_get(right, "ival");
	if (l == NULL || r == NULL || strcmp(op, "=") != 0) return false;
	return json_int(l, "ival", 0) == json_int(r, "ival", 0);
}

static bool is_true_logic(const json_t *e)
{
	bool is_or = strcmp(json_str(e, "boolop", ""), "OR_EXPR") == 0;
	bool is_and = strcmp(json_str(e, "boolop", ""), "AND_EXPR") == 0;
	size_t i;
	json_t *arg;
	json_array_foreach(json_object_get(e, "args"), i, arg)
	{
		if (is_or && is_true(arg)) return true;
		if (is_and && !is_true(arg)) return false;
	}
	return is_and;
}

/* The condition is simply true: true, 1 = 1, true OR …, (select true). */
static bool is_true(const json_t *node)
{
	if (sql_tree_constant_bool(node) == 1) return true;
	const json_t *e = json_object_get(node, "BoolExpr");
	if (e != NULL) return is_true_logic(e);
	e = json_object_get(node, "A_Expr");
	if (e != NULL) return is_equal_constants(e);
	const json_t *select = sql_tree_get(sql_tree_get(node, "SubLink", "subselect"), "SelectStmt", NULL);
	if (select == NULL || json_object_get(select, "whereClause") != NULL) return false;
	const json_t *target = json_array_get(json_object_get(select, "targetList"), 0);
	return target != NULL && is_true(sql_tree_get(target, "ResTarget", "val"));
}

/* bucket_id = 'x' and nothing else. */
static bool is_bucket_only(const json_t *node)
{
	const json_t *e = json_object_get(node, "A_Expr");
	const json_t *fields = sql_tree_get(json_object_get(e, "lexpr"), "ColumnRef", "fields");
	const char *column = sql_tree_text(json_array_get(fields, json_array_size(fields) - 1));
	return e != NULL && strcmp(column, "bucket_id") == 0 &&
	       sql_tree_constant_text(json_object_get(e, "rexpr")) != NULL;
}

const char *sql_tree_condition(const json_t *node)
{
	if (node == NULL) return "none";
	if (is_true(node)) return "true";
	return is_bucket_only(node) ? "bucket" : "other";
}

json_t *sql_tree_roles(const json_t *roles)
{
	json_t *names = json_array();
	size_t i;
	json_t *role;
	json_array_foreach(roles, i, role)
	{
		const json_t *spec = json_object_get(role, "RoleSpec");
		bool is_public = strcmp(json_str(spec, "roletype", ""), "ROLESPEC_PUBLIC") == 0;
		json_array_append_new(names, json_string(is_public ? "public" : json_str(spec, "rolename", "?")));
	}
	return names;
}

bool sql_tree_names_role(const json_t *roles, const char *name)
{
	json_t *names JSON_CLEANUP = sql_tree_roles(roles);
	size_t i;
	json_t *role;
	json_array_foreach(names, i, role) if (strcmp(json_string_value(role), name) == 0) return true;
	return false;
}
