/* SPDX-License-Identifier: Apache-2.0
 *
 * What each kind of statement does to the state of sql_state.h: tables and what drops them (sql_state_tables.c),
 * policies, functions and grants (sql_state_rights.c), rows of buckets, extensions and types (sql_state.c). n is
 * libpg_query's node. */
#ifndef FREEHOLD_INTAKE_SQL_STATE_PRIVATE_H
#define FREEHOLD_INTAKE_SQL_STATE_PRIVATE_H

#include "codec/json.h"
#include "intake/sql_state.h"
#include "intake/sql_tree.h"

json_t *sql_placed(struct sql_place place); /* {"file", "line"}, the caller's */

void sql_on_create_table(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_create_as(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_alter_table(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_rename(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_set_schema(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_drop(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_create_policy(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_alter_policy(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_create_function(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_alter_function(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_grant(struct sql_state *s, const json_t *n, struct sql_place place);
void sql_on_default_privileges(struct sql_state *s, const json_t *n, struct sql_place place);

#endif
