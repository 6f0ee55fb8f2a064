/* SPDX-License-Identifier: Apache-2.0
 *
 * PgBouncer in front of one cluster, for the app's own server: what its files say, and which PgBouncer there is.
 *
 * It lets in the server's role by its password (SCRAM) and nobody else, and to its console only the system user that
 * Freehold runs as, whom it asks the kernel for (peer). It must not run as the user that the server runs as: PgBouncer
 * lets its own user into the console without asking. To PostgreSQL it goes as the server would, through the socket that
 * is for that.
 *
 * It does not know the password: with the same verifier on both sides, the first client's login gives it what it needs
 * to log in there itself. That also spares it the 4096 rounds of hashing that it would do for each login otherwise. */
#ifndef FREEHOLD_OWNDB_POOLER_H
#define FREEHOLD_OWNDB_POOLER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "os/file.h"

#define POOLER_PROGRAM "/usr/sbin/pgbouncer" /* of Debian's; below a folder where it was fetched */
#define POOLER_FILE_MAX 8192
#define POOLER_CLIENTS_MAX 5000
/* From here on it keeps the named prepared statements of each client in transaction pooling. */
#define POOLER_PREPARES 12100

struct pooler {
	const char *dir; /* where its socket is */
	const char *files; /* its files are FILES.ini, FILES.hba, FILES.users */
	const char *server_socket_dir; /* PostgreSQL's */
	const char *owner; /* system user who may ask and steer */
	const char *verifier; /* of OWNDB_SERVER_ROLE's password, the same that PostgreSQL has (owndb/server_role.h) */
	bool is_transaction; /* a connection for a transaction, not for a session */
	int version; /* of PgBouncer: 11800 is 1.18.0 */
	int size; /* connections to PostgreSQL at most */
};

void pooler_settings(struct buf *ret_text, const struct pooler *p); /* .ini */
bool pooler_access(struct buf *ret_text, const struct pooler *p, struct err *err); /* .hba; ERR_INVALID: the owner's
										    * name would mean something there */
void pooler_users(struct buf *ret_text, const struct pooler *p); /* .users */

/* The newest of Debian's and of those that were fetched (owndb/major.h). ERR_NOT_FOUND names the package. Runs
 * it to ask for its version: some milliseconds. */
bool pooler_find(const char *majors, char ret_program[FILE_PATH_SIZE], int *ret_version, struct err *err);

/* Pure: "PgBouncer 1.24.1\n…" to 12401; 0: it says something else. */
int pooler_read_version(struct str text);

#endif
