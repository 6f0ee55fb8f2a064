/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/promises.h"

#include <stdio.h>
#include <string.h>

/* The tables are the app's, and what a view in their place would call must not run as the superuser. */
static const char sql[] =
    "with said (sort, what) as ("
    " select 1, format('the scheduled job %s (%s) calls %s, which is not this server',"
    "   coalesce(left(jobname, 80), 'number ' || jobid), left(schedule, 40),"
    "   substring(command from 'https://[a-z0-9]+[.]supabase[.]co'))"
    "   from cron.job where active and command ~ 'https://[a-z0-9]+[.]supabase[.]co'"
    " union all"
    " select 2, format('the function %s.%s sends web requests (net.http_%s): they are recorded and not sent yet',"
    "   n.nspname, p.proname, substring(p.prosrc from 'net[.]http_(post|get|delete)'))"
    "   from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    "   where p.prosrc ~ 'net[.]http_(post|get|delete)' and n.nspname !~ '^(pg_|information_schema$|net$|cron$)'"
    " union all"
    " select 3, format('web requests of the database that wait and are not sent yet: %s', count(*))"
    "   from net.http_request_queue having count(*) > 0"
    ") select what, count(*) over () from said order by sort, what limit 200";

static bool collect(const PGresult *rows, struct arena *arena, const char *const **ret_list, size_t *ret_count,
		    struct err *err)
{
	size_t count = (size_t)PQntuples(rows);
	const char **list = arena_array(arena, count + 1, sizeof *list);
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		list[i] = arena_strdup(arena, PQgetvalue(rows, (int)i, 0));
		ok = list[i] != NULL;
	}
	if (ok && count == OWNDB_PROMISES_MAX) {
		list[count - 1] = arena_printf(arena, "there are %s of these in all", PQgetvalue(rows, 0, 1));
		ok = list[count - 1] != NULL;
	}
	if (!ok) return err_set(err, ERR_LIMIT, "no room for the list of what does not work yet");
	*ret_list = list;
	*ret_count = count;
	return true;
}

bool owndb_promises(const struct owndb *db, struct arena *arena, const char *const **ret_list, size_t *ret_count,
		    struct err *err)
{
	struct pg_conn *conn = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	if (!owndb_connect(db, OWNDB_MIGRATOR, &conn, err)) return false;
	bool ok = pg_conn_exec(conn, "set search_path = pg_catalog", 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, sql, 0, NULL, &rows, NULL, err) && collect(rows, arena, ret_list, ret_count, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "list what the database cannot do yet");
}
