/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "owndb/stream.h"

#define SQL_MAX_BYTES (1u << 20)
#define TABLES_DONE 0.8 /* of the whole, when every table was read once */

/* Which tables are asked for rows. What an extension owns it brings along itself. */
#define OF_THE_APP                                                                                                     \
	" n.nspname !~ '^(pg_|freehold)' and n.nspname not in ('information_schema', 'net', 'vault', 'cron',"          \
	" 'supabase_migrations', 'realtime') and not exists (select from pg_depend e where e.classid ="                \
	" 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')"

/* What COPY takes: columns that nobody computes. */
#define COLUMNS_OF(oid)                                                                                                \
	"(select string_agg(quote_ident(a.attname), ',' order by a.attnum) from pg_attribute a where a.attrelid "      \
	"= " oid " and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')"

#define COLUMNS_OF_TABLE COLUMNS_OF("c.oid")

static const char tables_sql[] =
    "select format('%I.%I', n.nspname, c.relname), " COLUMNS_OF_TABLE ", "
    "coalesce('concat_ws('','', ' || k.keys || ')', 'freehold_row::text'), "
    "coalesce(' order by ' || k.downwards, '') "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace left join lateral "
    "(select string_agg(quote_ident(a.attname), ', ' order by u.n) as keys,  string_agg(quote_ident(a.attname) || ' "
    "desc', ', ' order by u.n) as downwards  from pg_constraint p, unnest(p.conkey) with ordinality u(num, n), "
    "pg_attribute a  where p.conrelid = c.oid and p.contype = 'p' and a.attrelid = c.oid and a.attnum = u.num) k on "
    "true "
    "where c.relkind = 'r' and c.relpersistence <> 't' and" OF_THE_APP " order by 1";

/* Each foreign key, ready to be put together: child, parent, "p.id = c.owner", "c.owner is not null", the child's
 * columns as text, the parent's columns against the keys that are looked for, how many, what of the parent is copied.
 * Operators are the constraint's own: another type's "=" may be no "=" of the search path. */
#define OPERATOR(list)                                                                                                 \
	"(select format('operator(%I.%s)', s.nspname, o.oprname) from pg_operator o join pg_namespace s on s.oid ="    \
	" o.oprnamespace where o.oid = f." list "[k.n])"
#define TABLE_OF(class, schema)                                                                                        \
	"case " class ".relkind when 'r' then 'only ' else '' end || format('%I.%I', " schema                          \
		      ".nspname, " class ".relname)"

#define CHILD TABLE_OF("c", "n")
#define PARENT TABLE_OF("q", "m")
#define COLUMNS_OF_PARENT COLUMNS_OF("q.oid")
#define PARENT_IS_CHILD OPERATOR("conpfeqop")
#define PARENT_IS_PARENT OPERATOR("conppeqop")

static const char keys_sql[] =
    "select " CHILD ", " PARENT ", "
    "string_agg(format('p.%I %s c.%I', b.attname, " PARENT_IS_CHILD ", a.attname), ' and ' order by k.n), "
    "string_agg(format('c.%I is not null', a.attname), ' and ' order by k.n), "
    "string_agg(format('c.%I::text as k%s', a.attname, k.n), ', ' order by k.n), "
    "string_agg(format('p.%I %s u.k%s::%s', b.attname, " PARENT_IS_PARENT ", k.n, format_type(b.atttypid, null)), ' "
    "and ' order by k.n), "
    "count(*), " COLUMNS_OF_PARENT ", format('%I.%I', m.nspname, q.relname) "
    "from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace join "
    "pg_class q on q.oid = f.confrelid join pg_namespace m on m.oid = q.relnamespace, unnest(f.conkey, f.confkey) "
    "with ordinality k(num, far, n), pg_attribute a, pg_attribute b "
    "where f.contype = 'f' and f.conparentid = 0 and a.attrelid = c.oid and a.attnum = k.num and b.attrelid = q.oid "
    "and b.attnum = k.far "
    "group by f.oid, c.oid, c.relkind, c.relname, n.nspname, q.oid, q.relkind, q.relname, m.nspname order by 1, 2, "
    "f.oid";

enum { KEY_CHILD, KEY_PARENT, KEY_JOIN, KEY_IS_SET, KEY_VALUES, KEY_LOOKUP, KEY_COUNT, KEY_COLUMNS, KEY_INTO };

struct sampling {
	struct pg_conn *live, *clone;
	const struct sample_rule *rule;
	struct sample_result result;
	void (*on_progress)(void *arg, double done);
	void *arg;
	struct buf sql; /* of the statement at hand */
};

static bool run(struct pg_conn *conn, const char *sql, struct err *err)
{
	return pg_conn_exec(conn, sql, 0, NULL, NULL, NULL, err);
}

static bool count(struct pg_conn *conn, const char *sql, int64_t *ret_count, struct err *err)
{
	char text[32];
	if (!pg_conn_text(conn, sql, 0, NULL, text, sizeof text, err)) return false;
	*ret_count = strtoll(text, NULL, 10);
	return true;
}

/* A value gets into a COPY, which takes no parameters, as a setting of the session. */
static bool give(struct pg_conn *conn, const char *name, const char *value, struct err *err)
{
	const char *const params[] = {name, value};
	return pg_conn_exec(conn, "select set_config($1, $2, false)", 2, params, NULL, NULL, err);
}

/* What the app set for its database (ALTER DATABASE … SET) holds for us too: it is not to end a long read, nor to spell
 * a date in a way that the other side reads differently. */
static bool settle_session(struct pg_conn *conn, struct err *err)
{
	static const char *const settings[][2] = {{"statement_timeout", "0"},
						  {"lock_timeout", "0"},
						  {"idle_in_transaction_session_timeout", "0"},
						  {"default_transaction_read_only", "off"},
						  {"intervalstyle", "postgres"},
						  {"datestyle", "ISO, YMD"},
						  {"extra_float_digits", "1"},
						  {"bytea_output", "hex"},
						  {"xmloption", "content"}};
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (!give(conn, settings[i][0], settings[i][1], err)) return false;
	return true;
}

static bool begin(struct sampling *s, struct err *err)
{
	char number[32];
	(void)snprintf(number, sizeof number, "%" PRId64, s->rule->of_10000 > 0 ? s->rule->of_10000 : s->rule->rows);
	pg_conn_set_deadline(s->live, 0);
	pg_conn_set_deadline(s->clone, 0);
	return settle_session(s->live, err) && settle_session(s->clone, err) &&
	       run(s->live, "begin isolation level repeatable read read only", err) &&
	       give(s->live, "freehold.sample", number, err) &&
	       give(s->clone, "session_replication_role", "replica", err);
}

/* Through a table beside, since a row may come more than once. */
static bool take(struct sampling *s, const char *out_sql, const char *table, const char *columns, int64_t *ret_rows,
		 struct err *err)
{
	static const struct stream_words words = {"read the live database", "write to the branch"};
	PGresult *inserted PG_RESULT_CLEANUP = NULL;
	struct buf make BUF_CLEANUP, insert BUF_CLEANUP;
	buf_init(&make, SQL_MAX_BYTES);
	buf_init(&insert, SQL_MAX_BYTES);
	buf_printf(&make, "create temp table freehold_sampled on commit drop as select %s from %s with no data",
		   columns, table);
	buf_printf(&insert,
		   "insert into %s (%s) overriding system value select %s from freehold_sampled on conflict do nothing",
		   table, columns, columns);
	if (!buf_is_ok(&make) || !buf_is_ok(&insert) || !buf_is_ok(&s->sql))
		return err_set(err, ERR_LIMIT, "%.200s has too many columns for a sample", table);
	if (!run(s->clone, "begin", err) || !run(s->clone, buf_cstr(&make), err) ||
	    !stream_rows(s->live, s->clone, out_sql, "copy freehold_sampled from stdin", &words, err) ||
	    !pg_conn_exec(s->clone, buf_cstr(&insert), 0, NULL, &inserted, NULL, err) || !run(s->clone, "commit", err))
		return false;
	*ret_rows = strtoll(PQcmdTuples(inserted), NULL, 10);
	s->result.rows += *ret_rows;
	return true;
}

static bool is_small(struct sampling *s, const char *table, bool *ret_is_small, struct err *err)
{
	int64_t rows = 0;
	buf_clear(&s->sql);
	buf_printf(&s->sql, "select count(*) from (select from only %s limit %d) few", table, SAMPLE_WHOLE_ROWS + 1);
	if (!count(s->live, buf_cstr(&s->sql), &rows, err)) return false;
	*ret_is_small = rows <= SAMPLE_WHOLE_ROWS;
	return true;
}

static bool sample_table(struct sampling *s, const PGresult *tables, int i, struct err *err)
{
	const char *table = PQgetvalue(tables, i, 0), *columns = PQgetvalue(tables, i, 1);
	bool is_whole = false;
	int64_t rows = 0;
	if (columns[0] == '\0') return true; /* a table without columns has nothing to bring */
	if (!is_small(s, table, &is_whole, err)) return false;
	buf_clear(&s->sql);
	buf_printf(&s->sql, "copy (select %s from only %s freehold_row", columns, table);
	if (!is_whole && s->rule->of_10000 > 0)
		buf_printf(&s->sql,
			   " where (hashtextextended(%s, 0) & 9223372036854775807) %% %d <"
			   " current_setting('freehold.sample')::bigint",
			   PQgetvalue(tables, i, 2), SAMPLE_ALL);
	if (!is_whole && s->rule->of_10000 == 0)
		buf_printf(&s->sql, "%s limit current_setting('freehold.sample')::bigint", PQgetvalue(tables, i, 3));
	buf_puts(&s->sql, ") to stdout");
	s->result.tables++;
	return take(s, buf_cstr(&s->sql), table, columns, &rows, err) || err_wrap(err, "%.200s", table);
}

static bool sample_tables(struct sampling *s, struct err *err)
{
	PGresult *tables PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(s->live, tables_sql, 0, NULL, &tables, NULL, err)) return false;
	int all = PQntuples(tables);
	for (int i = 0; i < all; i++) {
		if (!sample_table(s, tables, i, err)) return false;
		s->on_progress(s->arg, TABLES_DONE * (i + 1) / all);
	}
	return true;
}

/* The rows of the clone whose reference leads nowhere: " from child c where …" */
static void put_missing(struct buf *sql, const PGresult *keys, int i)
{
	buf_printf(sql, " from %s c where %s and not exists (select from %s p where %s)",
		   PQgetvalue(keys, i, KEY_CHILD), PQgetvalue(keys, i, KEY_IS_SET), PQgetvalue(keys, i, KEY_PARENT),
		   PQgetvalue(keys, i, KEY_JOIN));
}

/* Hands the missing keys to the live one, an array a column. ret_is_any: there are some. */
static bool give_missing(struct sampling *s, const PGresult *keys, int i, bool *ret_is_any, struct err *err)
{
	PGresult *missing PG_RESULT_CLEANUP = NULL;
	int columns = atoi(PQgetvalue(keys, i, KEY_COUNT));
	buf_clear(&s->sql);
	for (int k = 1; k <= columns; k++) buf_printf(&s->sql, "%sarray_agg(k%d)::text", k == 1 ? "select " : ", ", k);
	buf_printf(&s->sql, " from (select distinct %s", PQgetvalue(keys, i, KEY_VALUES));
	put_missing(&s->sql, keys, i);
	buf_puts(&s->sql, ") m");
	if (!pg_conn_exec(s->clone, buf_cstr(&s->sql), 0, NULL, &missing, NULL, err)) return false;
	*ret_is_any = !PQgetisnull(missing, 0, 0);
	for (int k = 1; k <= columns && *ret_is_any; k++) {
		char name[32];
		(void)snprintf(name, sizeof name, "freehold.k%d", k);
		if (!give(s->live, name, PQgetvalue(missing, 0, k - 1), err)) return false;
	}
	return true;
}

static bool complete_one(struct sampling *s, const PGresult *keys, int i, int64_t *inout_brought, struct err *err)
{
	bool is_any = false;
	int64_t rows = 0;
	int columns = atoi(PQgetvalue(keys, i, KEY_COUNT));
	if (!give_missing(s, keys, i, &is_any, err)) return false;
	if (!is_any) return true;
	buf_clear(&s->sql);
	buf_printf(&s->sql, "copy (select %s from %s p where exists (select from unnest(",
		   PQgetvalue(keys, i, KEY_COLUMNS), PQgetvalue(keys, i, KEY_PARENT));
	for (int k = 1; k <= columns; k++)
		buf_printf(&s->sql, "%scurrent_setting('freehold.k%d')::text[]", k == 1 ? "" : ", ", k);
	for (int k = 1; k <= columns; k++) buf_printf(&s->sql, "%sk%d", k == 1 ? ") u(" : ", ", k);
	buf_printf(&s->sql, ") where %s)) to stdout", PQgetvalue(keys, i, KEY_LOOKUP));
	if (!take(s, buf_cstr(&s->sql), PQgetvalue(keys, i, KEY_INTO), PQgetvalue(keys, i, KEY_COLUMNS), &rows, err))
		return err_wrap(err, "what %.200s refers to", PQgetvalue(keys, i, KEY_CHILD));
	*inout_brought += rows;
	return true;
}

/* Rows that came may refer to others, so it goes round until a whole round brought nothing. */
static bool complete(struct sampling *s, struct err *err)
{
	PGresult *keys PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(s->clone, keys_sql, 0, NULL, &keys, NULL, err)) return false;
	for (int64_t brought = 1; brought > 0;) {
		brought = 0;
		for (int i = 0; i < PQntuples(keys); i++)
			if (!complete_one(s, keys, i, &brought, err)) return false;
		s->result.referred += brought;
	}
	for (int i = 0; i < PQntuples(keys); i++) {
		int64_t orphans = 0;
		buf_clear(&s->sql);
		buf_puts(&s->sql, "select count(*)");
		put_missing(&s->sql, keys, i);
		if (!count(s->clone, buf_cstr(&s->sql), &orphans, err)) return false;
		s->result.orphans += orphans;
	}
	return true;
}

/* So that new rows get numbers that are free. */
static bool carry_sequences(struct sampling *s, struct err *err)
{
	static const char read[] = "select format('%I.%I', schemaname, sequencename), last_value from pg_sequences"
				   " where last_value is not null and schemaname !~ '^(pg_|freehold)'";
	static const char write[] = "select setval(to_regclass($1), $2::bigint) where to_regclass($1) is not null";
	PGresult *sequences PG_RESULT_CLEANUP = NULL;
	if (!pg_conn_exec(s->live, read, 0, NULL, &sequences, NULL, err)) return false;
	for (int i = 0; i < PQntuples(sequences); i++) {
		const char *const params[] = {PQgetvalue(sequences, i, 0), PQgetvalue(sequences, i, 1)};
		if (!pg_conn_exec(s->clone, write, 2, params, NULL, NULL, err)) return false;
	}
	return true;
}

static bool sample(struct sampling *s, struct err *err)
{
	return begin(s, err) && sample_tables(s, err) && complete(s, err) && carry_sequences(s, err) &&
	       run(s->clone, "analyze", err);
}

bool owndb_sample(const struct owndb *live, const struct owndb *clone, const struct sample_rule *rule,
		  void (*on_progress)(void *arg, double done), void *arg, struct sample_result *ret_result,
		  struct err *err)
{
	struct sampling s = {.rule = rule, .on_progress = on_progress, .arg = arg};
	buf_init(&s.sql, SQL_MAX_BYTES);
	bool ok = owndb_connect(live, OWNDB_SUPERUSER, &s.live, err) &&
		  owndb_connect(clone, OWNDB_SUPERUSER, &s.clone, err) && sample(&s, err);
	pg_conn_close(s.live);
	pg_conn_close(s.clone);
	buf_done(&s.sql);
	if (ok) *ret_result = s.result;
	return ok || err_wrap(err, "take a sample");
}

/* Twice what the rows take: indexes are loaded row by row, and those that are referred to come on top. */
bool owndb_sample_bytes(const struct owndb *live, const struct sample_rule *rule, uint64_t *ret_bytes, struct err *err)
{
	static const char sql[] =
	    "select coalesce(sum(2 * pg_total_relation_size(c.oid) * least(1, case when $1::bigint > 0 then $1 / "
	    "10000.0"
	    " else $2::bigint / greatest(c.reltuples, 1) end)), 0)::bigint from pg_class c join pg_namespace n"
	    " on n.oid = c.relnamespace where c.relkind = 'r' and" OF_THE_APP;
	struct pg_conn *conn = NULL;
	char of_10000[32], rows[32], text[32];
	const char *const params[] = {of_10000, rows};
	(void)snprintf(of_10000, sizeof of_10000, "%" PRId64, rule->of_10000);
	(void)snprintf(rows, sizeof rows, "%" PRId64, rule->rows);
	if (!owndb_connect(live, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_text(conn, sql, 2, params, text, sizeof text, err);
	pg_conn_close(conn);
	if (ok) *ret_bytes = strtoull(text, NULL, 10);
	return ok;
}
