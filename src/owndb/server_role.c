/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/server_role.h"

#include <stdio.h>
#include <string.h>

/* The password itself is never in a statement, and so in no log. */
static bool set_password(struct pg_conn *conn, const char *verifier, int connections, struct err *err)
{
	char alter[512], limit[16];
	(void)snprintf(limit, sizeof limit, "%d", connections);
	const char *const params[] = {verifier, limit};
	return pg_conn_text(conn,
			    "select format('alter role " OWNDB_SERVER_ROLE
			    " login password %L connection limit %s', $1::text, $2::int)",
			    2, params, alter, sizeof alter, err) &&
	       pg_conn_exec(conn, alter, 0, NULL, NULL, NULL, err);
}

static bool make_verifier(struct pg_conn *conn, const char *password, char ret_verifier[OWNDB_VERIFIER_SIZE],
			  struct err *err)
{
	char *verifier = PQencryptPasswordConn(pg_conn_raw(conn), password, OWNDB_SERVER_ROLE, "scram-sha-256");
	if (verifier == NULL)
		return err_set(err, ERR_INTERNAL, "hash a password: %s", PQerrorMessage(pg_conn_raw(conn)));
	(void)snprintf(ret_verifier, OWNDB_VERIFIER_SIZE, "%s", verifier);
	PQfreemem(verifier);
	return true;
}

bool owndb_server_verifier(const struct owndb *db, const char *password, char ret_verifier[OWNDB_VERIFIER_SIZE],
			   struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = make_verifier(conn, password, ret_verifier, err);
	pg_conn_close(conn);
	return ok;
}

bool owndb_server_role_set(const struct owndb *db, const char *verifier, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = set_password(conn, verifier,
			       db->tune != NULL ? db->tune->server_connections : OWNDB_SERVER_CONNECTIONS, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "give the app's server its way into the database");
}

bool owndb_server_role(const struct owndb *db, const char *password, struct err *err)
{
	char verifier[OWNDB_VERIFIER_SIZE];
	return owndb_server_verifier(db, password, verifier, err) && owndb_server_role_set(db, verifier, err);
}
