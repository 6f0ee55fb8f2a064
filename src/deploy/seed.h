/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripts that only put rows in (v0's scripts/002_seed.sql). v0 tells its user to run each of them once, by hand; one
 * that fails there leaves the tables and an app that works, and often it fails for a row that only its author's project
 * has, such as a user. So one that fails on the copy is left out and said, and the others go on: a deployment that
 * stopped for example rows would keep the whole app from being live. It is not noted as applied, so the next deployment
 * runs it. Files of supabase/migrations are the app's history and are never left out, nor is a script that makes or
 * changes anything but rows. */
#ifndef FREEHOLD_DEPLOY_SEED_H
#define FREEHOLD_DEPLOY_SEED_H

#include "deploy/step.h"
#include "owndb/rehearse.h"

/* owndb_rehearse, again without each that may be left out; pending loses those. */
bool seed_rehearse(struct deploy *d, const struct owndb_rehearsal_spec *spec, struct owndb_pending *pending,
		   struct owndb_rehearsal *ret_rehearsal, struct owndb_failure *ret_failure, struct err *err);

/* Takes those that were left out by this deployment from what is pending. */
void seed_drop(const struct deploy *d, struct owndb_pending *pending);

#endif
