/* SPDX-License-Identifier: Apache-2.0
 *
 * Apps whose schema is in their code and not in migrations (Drizzle, as Replit writes them). Their own tool changes a
 * clone; what it did there is shown, judged, and then done to the live database as one migration: the live database
 * gets exactly the statements that were seen, and no foreign tool ever touches it.
 *
 * What takes something away stops the deployment until it is accepted (losses.h).
 *
 * Where the app does not use the backend's REST paths, its tables are closed to the public keys: they have no row
 * security, since only its own server was meant to read them. */
#ifndef FREEHOLD_DEPLOY_SCHEMA_PUSH_H
#define FREEHOLD_DEPLOY_SCHEMA_PUSH_H

#include "deploy/step.h"
#include "owndb/clone.h"

/* The name of its row in schema_migrations. */
#define SCHEMA_PUSH_NAME "schema_push"

/* Does the inspection say so, and did the owner not lead the server to another database (DATABASE_URL)? */
bool schema_push_is_wanted(struct deploy *d, bool *ret_is, struct err *err);

/* On a clone that has all migrations: fills d->push. Ends the clone. */
bool schema_push_rehearse(struct deploy *d, struct clone *c, struct err *err);

/* Is there something to do to the live database? */
bool schema_push_is_pending(const struct deploy *d);

#endif
