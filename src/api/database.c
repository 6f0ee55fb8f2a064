/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about an app's database as it is. */
#include <string.h>

#include "api/app_query.h"
#include "api/query_origin.h"
#include "api/routes.h"
#include "app/parts.h"
#include "app/web.h"
#include "codec/json.h"
#include "release/release.h"
#include "store/env.h"

static const char where_sql[] =
    "select pg_catalog.json_build_object('size_bytes', pg_database_size(current_database()), 'tables', "
    "(select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and "
    "n.nspname "
    "not in ('pg_catalog', 'information_schema')))::text";

/* Rows are PostgreSQL's own estimate: counting them would read all of it. The log is the cluster's, and elsewhere not
 * for us to look at. */
#define SIZE_SQL(wal_bytes)                                                                                            \
	"with t as (select format('%I.%I', s.schemaname, s.relname) as name, pg_total_relation_size(s.relid) as "      \
	"total_bytes,"                                                                                                 \
	" pg_relation_size(s.relid) as heap_bytes, pg_indexes_size(s.relid) as index_bytes,"                           \
	" pg_table_size(s.relid) - pg_relation_size(s.relid) as toast_bytes,"                                          \
	" greatest(s.n_live_tup, c.reltuples::bigint, 0) as rows, s.n_dead_tup as dead_rows, s.seq_scan as scans,"     \
	" s.last_autovacuum, s.last_autoanalyze"                                                                       \
	" from pg_stat_all_tables s join pg_class c on c.oid = s.relid"                                                \
	" where s.schemaname not in ('pg_catalog', 'information_schema', 'pg_toast')),"                                \
	" i as (select format('%I.%I', s.schemaname, s.indexrelname) as name, format('%I.%I', s.schemaname, "          \
	"s.relname) as"                                                                                                \
	" \"table\", pg_relation_size(s.indexrelid) as bytes, s.idx_scan as scans from pg_stat_all_indexes s"          \
	" where s.schemaname not in ('pg_catalog', 'information_schema', 'pg_toast'))"                                 \
	" select json_build_object('bytes', pg_database_size(current_database()),"                                     \
	" 'wal_bytes', " wal_bytes ","                                                                                 \
	" 'tables', (select coalesce(json_agg(t), '[]') from (select * from t order by total_bytes desc limit 40) t)," \
	" 'indexes', (select coalesce(json_agg(i), '[]') from (select * from i where bytes > 100000 order by bytes "   \
	"desc"                                                                                                         \
	" limit 20) i))::text"
static const char size_sql[] = SIZE_SQL("(select coalesce(sum(size), 0) from pg_ls_waldir())");
static const char size_elsewhere_sql[] = SIZE_SQL("null");

/* The app's own schemas. */
#define OF_THE_APP(schema)                                                                                             \
	" (" schema " !~ '^pg_' and " schema                                                                           \
	" not in ('information_schema', 'auth', 'storage', 'extensions', 'realtime', 'cron', 'net', 'vault', 'pgmq',"  \
	" 'supabase_migrations') and " schema " !~ '^freehold')"

#define KEY_OF_THE_APP OF_THE_APP("n.nspname")
#define INDEX_OF_THE_APP OF_THE_APP("s.schemaname")
#define TABLE_OF_THE_APP OF_THE_APP("schemaname")

/* Without what Freehold and its owner do: migrations, dumps, and looks at the catalogues are no queries of the app. Its
 * server acts as postgres, too (owndb/server_role.h), so what else that role sent stays. */
#define OF_THE_APPS_DOING                                                                                              \
	"and r.rolname is distinct from 'supabase_admin' and s.query ~* "                                              \
	"'^\\s*(select|insert|update|delete|with|merge|table|values)\\M' and (r.rolname in ('anon', 'authenticated', " \
	"'service_role') or s.query !~ "                                                                               \
	"'\\m(pg_(?!advisory|notify|sleep|typeof)[a-z_]+|freehold[a-z_]*|supabase_migrations|information_schema)\\M')" \
	" "

/* What PostgreSQL counted of each query, without its values. */
static const char queries_sql[] =
    "with q as (select left(s.query, 4000) as query, r.rolname as role, s.calls, s.rows, "
    "round(s.total_exec_time::numeric, 1) as total_ms, round(s.mean_exec_time::numeric, 3) as mean_ms, round((100 * "
    "s.total_exec_time / nullif(sum(s.total_exec_time) over (), 0))::numeric, 1) as share, s.shared_blks_read * 8192 "
    "as read_bytes, s.temp_blks_written * 8192 as temp_bytes "
    "from extensions.pg_stat_statements s left join pg_roles r on r.oid = s.userid "
    "where s.dbid = (select oid from pg_database "
    "where datname = current_database()) and s.query !~ 'freehold_advice' " OF_THE_APPS_DOING "order by "
    "s.total_exec_time desc limit 20), "
    /* An index helps when it begins with the key's columns, in whatever order. */
    "k as (select c.conrelid::regclass as rel, c.conrelid::regclass::text as \"table\", c.conname as name, (select "
    "string_agg(quote_ident(a.attname), ', ' order by k.n) "
    "from unnest(c.conkey) with ordinality k(num, n) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = "
    "k.num) as columns, greatest(t.reltuples::bigint, 0) as rows "
    "from pg_constraint c join pg_class t on t.oid = c.conrelid join pg_namespace n on n.oid = t.relnamespace "
    "where c.contype = 'f' and c.conparentid = 0 and" KEY_OF_THE_APP " and not exists (select from pg_index i "
    "where i.indrelid = c.conrelid and i.indisvalid and i.indpred is null and (select array_agg(k.num) "
    "from unnest(i.indkey::int2[]) with ordinality k(num, n) "
    "where k.n <= cardinality(c.conkey)) @> c.conkey) order by t.reltuples desc limit 20), "
    "f as (select k.\"table\", k.name, k.columns, k.rows, round(p.cost_before::numeric, 1) as cost_before, "
    "round(p.cost_after::numeric, 1) as cost_after, p.bytes "
    "from k left join lateral freehold_advice.key_cost(k.rel, k.columns) p on true), "
    "u as (select format('%I.%I', s.schemaname, s.indexrelname) as name, format('%I.%I', s.schemaname, s.relname) as "
    "\"table\", pg_relation_size(s.indexrelid) as bytes "
    "from pg_stat_all_indexes s join pg_index i on i.indexrelid = s.indexrelid "
    "where s.idx_scan = 0 and not i.indisunique and pg_relation_size(s.indexrelid) > 65536 and" INDEX_OF_THE_APP " "
    "order by 3 desc limit 20), "
    /* The column's own type may end before its sequence does. */
    "e as (select format('%I.%I', s.schemaname, s.sequencename) as name, s.last_value, least(s.max_value, case "
    "a.atttypid when 'int4'::regtype then 2147483647 when 'int2'::regtype then 32767 else s.max_value end) as "
    "max_value "
    "from pg_sequences s left join pg_depend d on d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass "
    "and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i') left join pg_attribute a on a.attrelid = "
    "d.refobjid and a.attnum = d.refobjsubid "
    "where s.last_value is not null), "
    "t as (select format('%I.%I', schemaname, relname) as name, seq_scan as scans, seq_tup_read / greatest(seq_scan, "
    "1) as rows_each, n_live_tup as rows "
    "from pg_stat_user_tables "
    "where seq_scan > 20 and n_live_tup > 5000 and seq_tup_read / greatest(seq_scan, 1) > 1000 and" TABLE_OF_THE_APP
    " order by seq_tup_read desc limit 20) "
    "select json_build_object('since', (select stats_reset "
    "from extensions.pg_stat_statements_info), 'queries', (select coalesce(json_agg(q), '[]') from q), "
    "'foreign_keys', (select coalesce(json_agg(f), '[]') from f), 'unused_indexes', (select coalesce(json_agg(u), "
    "'[]') from u), 'sequences', (select coalesce(json_agg(json_build_object('name', name, 'last_value', last_value, "
    "'max_value', max_value, 'used', round(100.0 * last_value / max_value, 1))), '[]') from e "
    "where last_value > max_value / 2), 'read_whole', (select coalesce(json_agg(t), '[]') from t), 'proposals', "
    "freehold_advice.proposals())::text";

/* Which request sends each, where the statement's own text says so. */
static void add_origins(json_t *answer)
{
	static const char *const lists[] = {"queries", "list"};
	const json_t *in[] = {answer, json_object_get(answer, "proposals")};
	json_t *one;
	size_t k;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		json_array_foreach(json_object_get(in[i], lists[i]), k, one)
		{
			char text[ORIGIN_SIZE];
			query_origin(json_str(one, "role", ""), json_str(one, "query", ""), text);
			json_object_set_new(one, "endpoint", json_string(text));
		}
}

void route_database_slow(struct route_call *c)
{
	app_query_then(c, queries_sql, add_origins);
}

/* PostgreSQL's programs are led there by their environment; the password is in it. */
static bool put_elsewhere(struct route_call *c, const struct parts *p, json_t *where, struct err *err)
{
	const char *const *env = NULL;
	if (p->address.tools_major == 0)
		return err_set(
		    err, ERR_NOT_FOUND,
		    "the database of %s is PostgreSQL %d, and psql and pg_dump of that version are not installed "
		    "here; apt-get install postgresql-client-%d, or use them where they are",
		    c->app, p->elsewhere.major, p->elsewhere.major);
	if (!owndb_elsewhere_env(&p->address, NULL, http_arena(c->req), &env, err)) return false;
	json_t *list = json_array();
	for (; *env != NULL; env++)
		if (strncmp(*env, "PG", 2) == 0) json_array_append_new(list, json_string(*env));
	json_object_set_new(where, "environment", list);
	json_object_set_new(where, "role", json_string(ELSEWHERE_OWNER));
	return true;
}

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
	if (parts.elsewhere.is && !put_elsewhere(c, &parts, where, &err)) {
		json_decref(where);
		reply_error(c->req, &err);
		return;
	}
	app_query_as(c, OWNDB_MIGRATOR, where_sql, NULL, 0, "database", where);
}

void route_database_size(struct route_call *c)
{
	struct err err;
	bool is_elsewhere = false;
	if (elsewhere_is(&c->d->flow, c->app, &is_elsewhere, &err))
		app_query_as(c, OWNDB_MIGRATOR, is_elsewhere ? size_elsewhere_sql : size_sql, NULL, 0, "database",
			     NULL);
	else
		reply_error(c->req, &err);
}

static bool add_name(void *arg, const struct env_entry *entry, struct err *err)
{
	(void)err;
	json_array_append_new(arg, json_string(entry->name));
	return true;
}

/* Where everything lies that an owner takes along. */
void route_export(struct route_call *c)
{
	struct parts p;
	struct err err;
	int64_t live = 0;
	char url[EDGE_HOST_SIZE], repo[FILE_PATH_SIZE], release[FILE_PATH_SIZE] = "";
	json_t *names = json_array(), *facts = NULL;
	bool ok =
	    parts_open(&c->d->flow, c->app, &p, &err) && file_path(repo, &err, "%s/repo.git", p.dir) &&
	    release_live(p.dir, &live, &err) &&
	    env_each(c->d->flow.db, c->d->flow.seal, c->app, ENV_BOTH, add_name, names, &err) &&
	    (live == 0 || (release_path(p.dir, live, "", release, &err) && release_facts(p.dir, live, &facts, &err)));
	if (!ok) {
		json_decref(names);
		reply_error(c->req, &err);
		return;
	}
	edge_app_url(&c->d->flow.edge, c->app, url);
	json_t *answer =
	    json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:s, s:o, s:O?}", "repo", repo, "repo_uid", (int)p.users.code.uid,
		      "storage_dir", p.storage_dir, "data_dir", p.files_dir, "url", url, "live", (json_int_t)live,
		      "release_dir", release, "env", names, "release", facts);
	json_decref(facts);
	reply_json(c->req, 200, answer);
}
