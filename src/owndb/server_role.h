/* SPDX-License-Identifier: Apache-2.0
 *
 * The role as which an app's own server speaks to its database, by DATABASE_URL. It acts as postgres from its first
 * statement on (a setting of the role), so that what it makes belongs to postgres like what migrations make; but it is
 * a role of its own, so that its connections can be counted and bounded apart from those of a deployment.
 *
 * It is let in by its password (SCRAM) alone: the system user that servers run as is in no map, and can become no other
 * role without one. It comes through a socket of its own, `app_socket_dir`, whose folder only that user may enter. */
#ifndef FREEHOLD_OWNDB_SERVER_ROLE_H
#define FREEHOLD_OWNDB_SERVER_ROLE_H

#include "owndb/owndb.h"

#define OWNDB_SERVER_ROLE "freehold_app"
#define OWNDB_SERVER_CONNECTIONS 25 /* where nothing is known of the machine (owndb/tune.h) */

/* Makes the role as far as it is missing, gives it this password and the connections that db->tune allows. */
bool owndb_server_role(const struct owndb *db, const char *password, struct err *err);

#endif
