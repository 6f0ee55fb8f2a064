/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_carry.h"

#include <string.h>

/* The source may have no record of its migrations; then what the app's own deployments applied counts. */
bool import_carry_migrations(const struct owndb *live, const struct owndb *came, struct events *events, struct err *err)
{
	struct pg_conn *from = NULL, *to = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	char count[24] = "0";
	bool ok = owndb_connect(came, OWNDB_SUPERUSER, &to, err) &&
		  pg_conn_text(to, "select count(*)::text from supabase_migrations.schema_migrations", 0, NULL, count,
			       sizeof count, err);
	if (ok && strcmp(count, "0") == 0)
		ok = owndb_connect(live, OWNDB_SUPERUSER, &from, err) &&
		     pg_conn_exec(from, "select row_to_json(m)::text from supabase_migrations.schema_migrations m", 0,
				  NULL, &rows, NULL, err);
	for (int i = 0; ok && rows != NULL && i < PQntuples(rows); i++) {
		const char *const row = PQgetvalue(rows, i, 0);
		ok = pg_conn_exec(to,
				  "insert into supabase_migrations.schema_migrations select * from"
				  " json_populate_record(null::supabase_migrations.schema_migrations, $1::json)",
				  1, &row, NULL, NULL, err);
	}
	if (ok && rows != NULL && PQntuples(rows) > 0)
		events_note(events, "The source says nothing of migrations; those that this app's deployments have "
				    "applied are taken as "
				    "applied to what came, too.");
	pg_conn_close(from);
	pg_conn_close(to);
	return ok;
}

bool import_vault_again(struct import_source *source, const struct owndb *came, struct err *err)
{
	struct pg_conn *conn = NULL;
	bool ok = owndb_connect(came, OWNDB_SUPERUSER, &conn, err) &&
		  pg_conn_exec(conn, "delete from vault.secrets", 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	return ok && import_vault(source, came, err);
}
