/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads supabase/migrations: the plan of how they are committed, and the state they leave. In the sandbox. */
#ifndef FREEHOLD_INTAKE_MIGRATIONS_H
#define FREEHOLD_INTAKE_MIGRATIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "codec/migration.h"
#include "intake/source.h"
#include "intake/sql_state.h"

/* root: the app's folder; its own supabase/migrations, or else that of the source, or else scripts/NNN_name.sql, which
 * are run once and recorded in the same way. What is dangerous is appended to findings. A file past the limits fails
 * the whole, by name. The plan lives in the source's arena; state was made by sql_state_init. */
bool migrations_read(const struct source *source, const char *root, struct migration_plan *ret_plan,
		     struct sql_state *state, json_t *findings, struct err *err);

/* What the final state says: tables without row security, policies open to anyone, functions with their owner's rights,
 * public buckets. Pure. */
void migrations_judge(const struct sql_state *state, json_t *findings);

#endif
