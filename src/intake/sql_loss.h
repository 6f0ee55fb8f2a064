/* SPDX-License-Identifier: Apache-2.0
 *
 * What a statement takes away for good, or may: tables and columns that are dropped, types that change, rows that are
 * deleted. Read by PostgreSQL's own parser, in the sandbox. */
#ifndef FREEHOLD_INTAKE_SQL_LOSS_H
#define FREEHOLD_INTAKE_SQL_LOSS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SQL_LOSSES_MAX 200

/* Appends {"name": "public.users.email", "schema", "table", "what": a sentence, "line"} for each. text ends in NUL. A
 * statement that the parser does not understand is one itself, since nobody knows what it does. */
void sql_loss_find(const char *text, uint32_t line, json_t *ret_losses);

/* The migrations of a folder (as migrations_read finds them): {"migrations": the plan, "losses": […]}. */
bool sql_loss_read(const char *dir, json_t **ret_changes, struct err *err);

#endif
