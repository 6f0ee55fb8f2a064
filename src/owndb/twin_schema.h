/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what a source is made of has changed: its log of changes tells of rows, not of tables. */
#ifndef FREEHOLD_OWNDB_TWIN_SCHEMA_H
#define FREEHOLD_OWNDB_TWIN_SCHEMA_H

#include <jansson.h>

#include "pg/conn.h"

/* An object: what there is ("table public.notes", "function public.add(integer)") and a sum of how it is made, of the
 * app's own schemas and of the host's tables that are followed (plan: owndb/twin_source.h). conn: twin_source_open. */
bool twin_schema_read(struct pg_conn *conn, const json_t *plan, json_t **ret_schema, struct err *err);

/* Names of what is new, gone or made otherwise, with commas; at most three, and how many more. "": the same. */
void twin_schema_differ(const json_t *before, const json_t *now, char *ret_names, size_t size);

#endif
