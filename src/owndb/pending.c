/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/pending.h"

#include <stdlib.h>
#include <string.h>

#include "owndb/source.h"
#include "owndb/sqltext.h"

/* What is applied, newest last as the plan is. */
static const char applied_sql[] =
    "select version, coalesce(name, '') from supabase_migrations.schema_migrations order by version";
static const char statements_sql[] =
    "select array_to_string(statements, E';\\n') from supabase_migrations.schema_migrations where version = $1";

struct look {
	struct pg_conn *conn;
	const char *source_dir;
	const struct migration_plan *plan;
	struct arena *arena;
	struct buf text;
	PGresult *applied;
	struct owndb_pending found;
};

static int by_version(const void *a, const void *b)
{
	const struct migration *const *x = a, *const *y = b;
	return strcmp((*x)->version, (*y)->version);
}

/* The plan's migrations in the order of their versions' bytes, to search in. */
static const struct migration **sorted(const struct migration_plan *plan, struct arena *arena, struct err *err)
{
	const struct migration **list = arena_array(arena, plan->migration_count + 1, sizeof(*list));
	if (list == NULL) {
		(void)err_set(err, ERR_LIMIT, "too many migrations");
		return NULL;
	}
	for (size_t i = 0; i < plan->migration_count; i++) list[i] = &plan->migrations[i];
	qsort(list, plan->migration_count, sizeof(*list), by_version);
	for (size_t i = 1; i < plan->migration_count; i++)
		if (strcmp(list[i - 1]->version, list[i]->version) == 0) {
			(void)err_set(
			    err, ERR_REFUSED,
			    "%s and %s have the same version, %s, and only one of them can be applied; give one "
			    "of them another number",
			    list[i - 1]->file, list[i]->file, list[i]->version);
			return NULL;
		}
	return list;
}

static const char *applied_name(const struct look *l, const char *version)
{
	for (int row = 0; row < PQntuples(l->applied); row++)
		if (strcmp(PQgetvalue(l->applied, row, 0), version) == 0) return PQgetvalue(l->applied, row, 1);
	return NULL;
}

/* A row without statements (other tools write such) can be compared with nothing. */
static bool look_for_edit(struct look *l, const struct migration *m, struct err *err)
{
	PGresult *row PG_RESULT_CLEANUP = NULL;
	if (!source_read(l->source_dir, l->plan, m, &l->text, err) ||
	    !pg_conn_exec(l->conn, statements_sql, 1, &m->version, &row, NULL, err))
		return false;
	if (PQntuples(row) != 1 || PQgetisnull(row, 0, 0)) return true;
	struct str stored = {PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0)};
	if (!sqltext_is_same(stored, buf_view(&l->text))) l->found.edited[l->found.edited_count++] = m;
	return true;
}

/* Numbers of unequal length: the longer is the later. */
static bool is_older(const char *version, const char *than)
{
	size_t a = strlen(version), b = strlen(than);
	return a != b ? a < b : strcmp(version, than) < 0;
}

static const char *newest_applied(const struct look *l)
{
	const char *newest = NULL;
	for (int row = 0; row < PQntuples(l->applied); row++) {
		const char *version = PQgetvalue(l->applied, row, 0);
		if (newest == NULL || is_older(newest, version)) newest = version;
	}
	return newest;
}

static bool sort_out(struct look *l, struct err *err)
{
	const char *newest = newest_applied(l);
	for (size_t i = 0; i < l->plan->migration_count; i++) {
		const struct migration *m = &l->plan->migrations[i];
		if (applied_name(l, m->version) != NULL) {
			l->found.applied_count++;
			if (!look_for_edit(l, m, err)) return false;
			continue;
		}
		l->found.pending[l->found.pending_count++] = m;
		if (newest != NULL && is_older(m->version, newest))
			l->found.out_of_order[l->found.out_of_order_count++] = m;
	}
	return true;
}

static bool list_gone(struct look *l, const struct migration **by_number, struct err *err)
{
	for (int row = 0; row < PQntuples(l->applied); row++) {
		const char *version = PQgetvalue(l->applied, row, 0);
		const struct migration key = {.version = version}, *wanted = &key;
		if (bsearch(&wanted, by_number, l->plan->migration_count, sizeof(*by_number), by_version) != NULL)
			continue;
		struct owndb_gone *gone = &l->found.gone[l->found.gone_count++];
		gone->version = arena_strdup(l->arena, version);
		gone->name = arena_strdup(l->arena, PQgetvalue(l->applied, row, 1));
		if (gone->version == NULL || gone->name == NULL)
			return err_set(err, ERR_LIMIT, "too many applied migrations");
	}
	return true;
}

static bool look(struct look *l, struct err *err)
{
	const struct migration **by_number = sorted(l->plan, l->arena, err);
	if (by_number == NULL || !pg_conn_exec(l->conn, applied_sql, 0, NULL, &l->applied, NULL, err)) return false;
	size_t count = l->plan->migration_count + 1, rows = (size_t)PQntuples(l->applied) + 1;
	l->found.pending = arena_array(l->arena, count, sizeof(*l->found.pending));
	l->found.edited = arena_array(l->arena, count, sizeof(*l->found.edited));
	l->found.out_of_order = arena_array(l->arena, count, sizeof(*l->found.out_of_order));
	l->found.gone = arena_array(l->arena, rows, sizeof(*l->found.gone));
	if (l->found.pending == NULL || l->found.edited == NULL || l->found.out_of_order == NULL ||
	    l->found.gone == NULL)
		return err_set(err, ERR_LIMIT, "too many migrations");
	return sort_out(l, err) && list_gone(l, by_number, err);
}

bool owndb_pending(const struct owndb *db, const char *source_dir, const struct migration_plan *plan,
		   struct arena *arena, struct owndb_pending *ret_pending, struct err *err)
{
	struct look l = {.source_dir = source_dir, .plan = plan, .arena = arena};
	if (!owndb_connect(db, OWNDB_MIGRATOR, &l.conn, err)) return false;
	buf_init(&l.text, MIGRATION_MAX_FILE_BYTES);
	bool ok = look(&l, err);
	buf_done(&l.text);
	PQclear(l.applied);
	pg_conn_close(l.conn);
	if (ok) *ret_pending = l.found;
	return ok || err_wrap(err, "compare the migrations with the database");
}

bool owndb_has_tables(const struct owndb *db, bool *ret_has, struct err *err)
{
	struct pg_conn *conn = NULL;
	char text[16] = "";
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_text(conn,
			       "select exists (select from pg_class where relkind in ('r', 'p')"
			       " and relnamespace = 'public'::regnamespace)::text",
			       0, NULL, text, sizeof text, err);
	pg_conn_close(conn);
	*ret_has = strcmp(text, "true") == 0;
	return ok;
}
