/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the JSON trees of PostgreSQL's own parser (libpg_query). Every function takes a node that may be NULL or of
 * another kind, and then says "nothing": "", NULL, false, -1. */
#ifndef FREEHOLD_INTAKE_SQL_TREE_H
#define FREEHOLD_INTAKE_SQL_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SQL_NAME_SIZE 512

/* node[a], or node[a][b] where b is not NULL. Borrowed. */
const json_t *sql_tree_get(const json_t *node, const char *a, const char *b);

/* Of a String node. */
const char *sql_tree_text(const json_t *node);

/* "schema.name" of a RangeVar; of the first `count` String nodes of a list. "public" where no schema is named. */
void sql_tree_relation(const json_t *relation, char ret_name[SQL_NAME_SIZE]);
void sql_tree_list_name(const json_t *list, size_t count, char ret_name[SQL_NAME_SIZE]);

/* Of a constant, cast or not. The bool: -1 unknown, 0 false, 1 true. */
const char *sql_tree_constant_text(const json_t *node);
int sql_tree_constant_bool(const json_t *node);

/* What a policy's condition comes to: "none" (there is no node), "true" (true, 1 = 1, true OR ..., (select true)),
 * "bucket" (bucket_id = 'x' and nothing else), "other". */
const char *sql_tree_condition(const json_t *node);

/* Of RoleSpec nodes; PUBLIC is "public". The list is the caller's. */
json_t *sql_tree_roles(const json_t *roles);
bool sql_tree_names_role(const json_t *roles, const char *name);

#endif
