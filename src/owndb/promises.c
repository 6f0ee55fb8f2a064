/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/promises.h"

#include <stdio.h>
#include <string.h>

/* The tables are the app's, and what a view in their place would call must not run as the superuser. */
static const char sql[] =
    "with named (sort, what, ref) as ("
    " select 1, format('the scheduled job %s (%s)', coalesce(left(jobname, 80), 'number ' || jobid), left(schedule, "
    "40)),"
    "   substring(command from 'https://([a-z0-9]+)(?:[.]functions)?[.]supabase[.]co')"
    "   from cron.job where active"
    " union all"
    " select 2, format('the function %s.%s', n.nspname, p.proname),"
    "   substring(p.prosrc from 'https://([a-z0-9]+)(?:[.]functions)?[.]supabase[.]co')"
    "   from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
    "   where p.prosrc ~ 'net[.]http_(post|get|delete)' and n.nspname !~ '^(pg_|information_schema$|net$|cron$)'"
    "), said as (select sort, format('%s calls https://%s.supabase.co, which is another project and not this app', "
    "what, ref)"
    "   as what from named where ref is not null and not ref = any (string_to_array($1, ' '))"
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
	if (!ok) return err_set(err, ERR_LIMIT, "no room for the list of calls to other projects");
	*ret_list = list;
	*ret_count = count;
	return true;
}

bool owndb_promises(const struct owndb *db, const char *projects, struct arena *arena, const char *const **ret_list,
		    size_t *ret_count, struct err *err)
{
	struct pg_conn *conn = NULL;
	PGresult *rows PG_RESULT_CLEANUP = NULL;
	if (!owndb_connect(db, OWNDB_MIGRATOR, &conn, err)) return false;
	bool ok = pg_conn_exec(conn, "set search_path = pg_catalog", 0, NULL, NULL, NULL, err) &&
		  pg_conn_exec(conn, sql, 1, &projects, &rows, NULL, err) &&
		  collect(rows, arena, ret_list, ret_count, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "look for calls to other projects in the database");
}
