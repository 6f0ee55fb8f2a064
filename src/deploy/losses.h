/* SPDX-License-Identifier: Apache-2.0
 *
 * What a deployment would take out of the live database, whether by migrations or by a schema from the code. It stops
 * until that is accepted: --accept schema-loss:public.users.age for one thing, --accept schema-loss for all of this
 * deployment. What has no rows has nothing to lose. */
#ifndef FREEHOLD_DEPLOY_LOSSES_H
#define FREEHOLD_DEPLOY_LOSSES_H

#include "deploy/step.h"
#include "owndb/clone.h"

/* Of a clone, before the migrations ran on it and after: fills d->tables, then d->taken. */
bool losses_before(struct deploy *d, struct clone *c, struct err *err);
bool losses_after(struct deploy *d, struct clone *c, struct err *err);

/* taken: as sql_loss.h or owndb/taken.h have them; each gets "has_rows", asked of the live database, since a clone may
 * be without rows. ERR_REFUSED names what is not accepted. who: "the migrations"; where: what is to be changed if it
 * was not meant. */
bool losses_judge(struct deploy *d, const json_t *taken, const char *who, const char *where, struct err *err);

#endif
