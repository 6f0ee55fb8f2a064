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

#define OWNDB_VERIFIER_SIZE 256

/* What PostgreSQL keeps of a password (SCRAM-SHA-256$…), with a salt of its own. It lets in and out whoever has seen it
 * beside one login (owndb/pooler.h), and does not say the password. */
bool owndb_server_verifier(const struct owndb *db, const char *password, char ret_verifier[OWNDB_VERIFIER_SIZE],
			   struct err *err);

/* Lets the role in with the password of this verifier, and with the connections that db->tune allows. */
bool owndb_server_role_set(const struct owndb *db, const char *verifier, struct err *err);

/* Both, with a verifier that nobody else needs. */
bool owndb_server_role(const struct owndb *db, const char *password, struct err *err);

#endif
