/* SPDX-License-Identifier: Apache-2.0
 *
 * --accept migrations-ran, for one deployment: the app's database was brought over from where the export's migrations
 * had run, and that is written down nowhere (SQL that was pasted into a dashboard). They are noted as applied and none
 * runs. */
#ifndef FREEHOLD_DEPLOY_RAN_H
#define FREEHOLD_DEPLOY_RAN_H

#include "deploy/step.h"
#include "owndb/migrate.h"
#include "owndb/pending.h"

bool ran_is_said(const struct deploy *d);

/* In place of the rehearsal. ERR_REFUSED when the database has no table: then nothing can have run in it. */
bool ran_rehearse(struct deploy *d, const struct owndb_pending *pending, struct err *err);

/* After a migration that made what is there already, where none was ever applied: that there is this way. */
void ran_advise(struct deploy *d, const struct owndb_pending *pending, const struct owndb_failure *failure);

#endif
