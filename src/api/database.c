/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about an app's database as it is. */
#include "api/app_query.h"
#include "api/routes.h"
#include "codec/json.h"
#include "flow/parts.h"

static const char where_sql[] =
    "select pg_catalog.json_build_object('size_bytes', pg_database_size(current_database()), 'tables', "
    "(select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and "
    "n.nspname "
    "not in ('pg_catalog', 'information_schema')))::text";

/* Rows are PostgreSQL's own estimate: counting them would read all of it. */
static const char size_sql[] =
    "with t as (select format('%I.%I', s.schemaname, s.relname) as name, pg_total_relation_size(s.relid) as "
    "total_bytes,"
    " pg_relation_size(s.relid) as heap_bytes, pg_indexes_size(s.relid) as index_bytes,"
    " pg_table_size(s.relid) - pg_relation_size(s.relid) as toast_bytes,"
    " greatest(s.n_live_tup, c.reltuples::bigint, 0) as rows, s.n_dead_tup as dead_rows, s.seq_scan as scans,"
    " s.last_autovacuum, s.last_autoanalyze"
    " from pg_stat_all_tables s join pg_class c on c.oid = s.relid"
    " where s.schemaname not in ('pg_catalog', 'information_schema', 'pg_toast')),"
    " i as (select format('%I.%I', s.schemaname, s.indexrelname) as name, format('%I.%I', s.schemaname, s.relname) as"
    " \"table\", pg_relation_size(s.indexrelid) as bytes, s.idx_scan as scans from pg_stat_all_indexes s"
    " where s.schemaname not in ('pg_catalog', 'information_schema', 'pg_toast'))"
    " select json_build_object('bytes', pg_database_size(current_database()),"
    " 'wal_bytes', (select coalesce(sum(size), 0) from pg_ls_waldir()),"
    " 'tables', (select coalesce(json_agg(t), '[]') from (select * from t order by total_bytes desc limit 40) t),"
    " 'indexes', (select coalesce(json_agg(i), '[]') from (select * from i where bytes > 100000 order by bytes desc"
    " limit 20) i))::text";

void route_database(struct route_call *c)
{
	struct parts parts;
	struct err err;
	if (!parts_open(&c->d->flow, c->app, &parts, &err)) {
		reply_error(c->req, &err);
		return;
	}
	json_t *where = json_pack("{s:s, s:s, s:i, s:s}", "socket_dir", parts.pg_socket_dir, "bin_dir",
				  parts.pg_bin_dir, "major", parts.owndb.major, "database", OWNDB_DATABASE);
	app_query_as(c, OWNDB_MIGRATOR, where_sql, NULL, 0, "database", where);
}

void route_database_size(struct route_call *c)
{
	app_query_as(c, OWNDB_MIGRATOR, size_sql, NULL, 0, "database", NULL);
}
