/* SPDX-License-Identifier: Apache-2.0
 *
 * The export's migrations as a deployment runs them: on a copy (steps_database.c) and then on the app's database
 * (steps_migrate.c) in the same way, telling the same of it. */
#ifndef FREEHOLD_DEPLOY_MIGRATIONS_H
#define FREEHOLD_DEPLOY_MIGRATIONS_H

#include "deploy/step.h"
#include "owndb/migrate.h"
#include "owndb/pending.h"

/* Which of them are pending at the app's database. */
bool migrations_find(struct deploy *d, struct owndb_pending *ret_pending, struct err *err);

/* How they are run; each file and each commit is told in the deployment's events. pending must live as long. */
struct owndb_migration_run migrations_run(struct deploy *d, const struct owndb_pending *pending);

/* The error has PostgreSQL's words; which statement they are about, and what helps, is said beside it. */
void migrations_note_failure(struct deploy *d, const struct owndb_failure *failure);

#endif
