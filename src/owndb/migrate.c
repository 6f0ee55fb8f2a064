/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "owndb/extension.h"
#include "owndb/source.h"
#include "owndb/sqltext.h"

/* The server's timeout comes first, so that we hear its words. */
#define STATEMENT_DEADLINE_MS ((OWNDB_STATEMENT_TIMEOUT_S + 30) * 1000)
#define ADMIN_LOCK_TIMEOUT_S 5
/* Statements of one file as the text of an array: every byte may need a backslash. */
#define ARRAY_MAX_BYTES (2u * MIGRATION_MAX_FILE_BYTES + 4u * MIGRATION_MAX_STATEMENTS + 16u)

struct job {
	const struct owndb *db;
	const struct owndb_migration_run *run;
	struct pg_conn *conn, *admin;
	struct buf text, array;
	struct owndb_failure failure;
	size_t at; /* the pending migration that runs */
	size_t group_from; /* the first that is not committed */
	bool is_in_group;
};

static const struct migration *current(const struct job *j)
{
	return j->run->pending->pending[j->at];
}

static void tell(const struct job *j, enum owndb_event_kind kind, int64_t duration_ms, const char *text)
{
	struct owndb_event event = {.kind = kind,
				    .migration = current(j),
				    .index = j->at,
				    .count = j->run->pending->pending_count,
				    .duration_ms = duration_ms,
				    .text = text};
	if (kind == OWNDB_COMMITTED) event.index = j->failure.applied_count;
	if (j->run->on_event != NULL) j->run->on_event(j->run->arg, &event);
}

static bool simple(struct pg_conn *conn, const char *sql, struct err *err)
{
	return pg_conn_exec(conn, sql, 0, NULL, NULL, NULL, err);
}

/* What a file set for itself (dumps begin with an empty search_path) must not reach the next one. */
static bool reset_session(struct job *j, struct err *err)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql,
		       "reset session authorization; reset role; reset all; set lock_timeout = '%ds'; "
		       "set statement_timeout = '%ds'; set client_min_messages = warning",
		       OWNDB_LOCK_TIMEOUT_S, OWNDB_STATEMENT_TIMEOUT_S);
	return pg_conn_script(j->conn, sql, NULL, err);
}

static PGTransactionStatusType transaction(const struct job *j)
{
	return PQtransactionStatus(pg_conn_raw(j->conn));
}

static bool begin_group(struct job *j, struct err *err)
{
	if (j->is_in_group) return true;
	j->group_from = j->at;
	j->is_in_group = true;
	return simple(j->conn, "begin", err);
}

static bool commit_group(struct job *j, size_t applied_count, struct err *err)
{
	if (!j->is_in_group) return true;
	int64_t from_ms = clock_now_ms();
	struct pg_error error;
	/* Deferred constraints are looked at here, and then the failure is the group's, not a statement's. */
	if (!pg_conn_exec(j->conn, "commit", 0, NULL, NULL, &error, err)) {
		j->failure.is_sql = error.sqlstate[0] != '\0';
		j->failure.error = error;
		(void)snprintf(j->failure.file, sizeof j->failure.file, "%s", current(j)->file);
		(void)snprintf(j->failure.statement, sizeof j->failure.statement, "commit");
		explain_error(&error, j->run->known_tables, j->db->major, j->failure.advice);
		return err_wrap(err, "commit after %s", current(j)->file);
	}
	j->is_in_group = false;
	j->failure.applied_count = applied_count;
	tell(j, OWNDB_COMMITTED, clock_now_ms() - from_ms, NULL);
	return true;
}

static struct str statement_text(const struct job *j, const struct migration_statement *s)
{
	return str_sub(buf_view(&j->text), s->offset, s->offset + s->len);
}

static bool refused(struct job *j, size_t index, const struct pg_error *error, struct err *err)
{
	struct owndb_failure *f = &j->failure;
	const struct migration *m = current(j);
	const struct migration_statement *s = &m->statements[index];
	struct str text = statement_text(j, s);
	f->is_sql = error->sqlstate[0] != '\0';
	f->error = *error;
	f->kept_statements = j->is_in_group ? 0 : index;
	(void)snprintf(f->file, sizeof f->file, "%s", m->file);
	explain_position(text, s->line, error->position, &f->line, &f->column);
	sqltext_shorten(text, f->statement, sizeof f->statement);
	explain_error(error, j->run->known_tables, j->db->major, f->advice);
	err_wrap(err, "%s, line %u", m->file, f->line);
	if (f->is_sql && err->code != ERR_UNAVAILABLE) err->code = ERR_FAILED;
	return false;
}

/* True when the statement needs no running: it is about an extension that is here in another form. */
static bool is_met_otherwise(const struct job *j, struct str text)
{
	struct str name;
	struct err ignored;
	const struct extension *e = sqltext_extension(text, &name) ? extension_find(name) : NULL;
	if (e == NULL) return false;
	if (e->note != NULL) tell(j, OWNDB_NOTE, 0, e->note);
	if (e->way == EXTENSION_STAND_IN) return true;
	char sql[160];
	(void)snprintf(sql, sizeof sql, "create extension if not exists %s with schema extensions cascade", e->name);
	/* Where it is not installed, PostgreSQL says so to the app's own statement. */
	return simple(j->admin, sql, &ignored);
}

static bool run_statement(struct job *j, size_t index, struct err *err)
{
	struct pg_error error = {.sqlstate = ""};
	struct str text = statement_text(j, &current(j)->statements[index]);
	if (is_met_otherwise(j, text)) return true;
	char *sql = strndup(text.ptr, text.len);
	if (sql == NULL) return err_set(err, ERR_INTERNAL, "out of memory");
	bool ok = pg_conn_exec(j->conn, sql, 0, NULL, NULL, &error, err);
	free(sql);
	if (!ok) return refused(j, index, &error, err);
	if (j->is_in_group && transaction(j) != PQTRANS_INTRANS) {
		(void)err_set(err, ERR_FAILED, "the statement ended the transaction that it was to be part of");
		return refused(j, index, &error, err);
	}
	return true;
}

/* {"a statement","another"}: every element quoted, quotes and backslashes escaped. */
static bool write_array(struct job *j, struct err *err)
{
	const struct migration *m = current(j);
	buf_clear(&j->array);
	buf_putc(&j->array, '{');
	for (size_t i = 0; i < m->statement_count; i++) {
		struct str s = statement_text(j, &m->statements[i]);
		buf_puts(&j->array, i > 0 ? ",\"" : "\"");
		for (size_t k = 0; k < s.len; k++) {
			if (s.ptr[k] == '"' || s.ptr[k] == '\\') buf_putc(&j->array, '\\');
			buf_putc(&j->array, s.ptr[k]);
		}
		buf_putc(&j->array, '"');
	}
	buf_putc(&j->array, '}');
	return buf_is_ok(&j->array) || err_set(err, ERR_LIMIT, "%s: its statements are too large", m->file);
}

static bool write_row(struct job *j, struct err *err)
{
	const struct migration *m = current(j);
	if (!write_array(j, err)) return false;
	const char *const params[] = {m->version, m->name, buf_cstr(&j->array)};
	return pg_conn_exec(j->conn,
			    "insert into supabase_migrations.schema_migrations (version, name, statements)"
			    " values ($1, $2, $3::text[])",
			    3, params, NULL, NULL, err) ||
	       err_wrap(err, "%s: note that it is applied", m->file);
}

static bool run_file(struct job *j, struct err *err)
{
	const struct migration *m = current(j);
	int64_t from_ms = clock_now_ms();
	for (size_t i = 0; i < m->statement_count && !j->run->is_note; i++)
		if (!run_statement(j, i, err)) return false;
	if (!j->is_in_group && transaction(j) != PQTRANS_IDLE)
		return err_set(err, ERR_FAILED, "%s begins a transaction and never commits it; add COMMIT at its end",
			       m->file);
	if (!reset_session(j, err) || !write_row(j, err)) return false;
	tell(j, OWNDB_FILE_DONE, clock_now_ms() - from_ms, NULL);
	return true;
}

/* The enum value's type is made in the very transaction that uses it: PostgreSQL 17 and later has nothing against it;
 * before, it looks at the value alone. */
static bool is_lifted(const struct job *j, const struct migration *m)
{
	if (m->boundary_lifted_by == NULL || j->db->major < 17) return false;
	if (strcmp(m->boundary_lifted_by, m->version) == 0) return true;
	for (size_t i = j->group_from; j->is_in_group && i < j->at; i++)
		if (strcmp(j->run->pending->pending[i]->version, m->boundary_lifted_by) == 0) return true;
	return false;
}

static bool run_next(struct job *j, struct err *err)
{
	const struct migration *m = current(j);
	bool is_together = j->run->is_note || is_lifted(j, m);
	enum migration_boundary boundary = is_together ? MIGRATION_TOGETHER : m->boundary;
	if (!source_read(j->run->source_dir, j->run->plan, m, &j->text, err)) return false;
	if (boundary == MIGRATION_NO_TRANSACTION) {
		if (!commit_group(j, j->at, err)) return false;
	} else if (!begin_group(j, err)) {
		return false;
	}
	tell(j, OWNDB_FILE_BEGIN, 0, boundary == MIGRATION_TOGETHER ? NULL : m->boundary_reason);
	if (!run_file(j, err)) return false;
	if (boundary == MIGRATION_COMMIT_AFTER) return commit_group(j, j->at + 1, err);
	if (boundary == MIGRATION_NO_TRANSACTION) {
		j->failure.applied_count = j->at + 1;
		tell(j, OWNDB_COMMITTED, 0, NULL);
	}
	return true;
}

/* Nobody else migrates, and the list of what is pending is still true. */
static bool take_turn(struct job *j, struct err *err)
{
	char sql[64];
	(void)snprintf(sql, sizeof sql, "set lock_timeout = '%ds'", OWNDB_TURN_S);
	struct pg_error error = {.sqlstate = ""};
	if (!simple(j->conn, sql, err)) return false;
	if (!pg_conn_exec(j->conn, "select pg_advisory_lock(hashtext('freehold.migrate'))", 0, NULL, NULL, &error, err))
		return strcmp(error.sqlstate, "55P03") != 0
			   ? false
			   : err_set(err, ERR_CONFLICT,
				     "another deployment is changing this database; try again when it is done");
	for (size_t i = 0; i < j->run->pending->pending_count; i++) {
		const struct migration *m = j->run->pending->pending[i];
		char count[16];
		if (!pg_conn_text(j->conn,
				  "select count(*)::text from supabase_migrations.schema_migrations where version = $1",
				  1, &m->version, count, sizeof count, err))
			return false;
		if (strcmp(count, "0") != 0)
			return err_set(err, ERR_CONFLICT, "%s was applied in the meantime; deploy again", m->file);
	}
	return true;
}

static bool connect(struct job *j, struct err *err)
{
	char sql[64];
	(void)snprintf(sql, sizeof sql, "set lock_timeout = '%ds'", ADMIN_LOCK_TIMEOUT_S);
	if (!owndb_connect(j->db, OWNDB_MIGRATOR, &j->conn, err) ||
	    !owndb_connect(j->db, OWNDB_SUPERUSER, &j->admin, err) || !simple(j->admin, sql, err))
		return false;
	pg_conn_set_deadline(j->conn, STATEMENT_DEADLINE_MS);
	return true;
}

static bool work(struct job *j, struct err *err)
{
	size_t count = j->run->pending->pending_count;
	if (count == 0) return true;
	if (!connect(j, err) || !take_turn(j, err) || !reset_session(j, err)) return false;
	for (j->at = 0; j->at < count; j->at++)
		if (!run_next(j, err)) return false;
	j->at = count - 1;
	return commit_group(j, count, err);
}

bool owndb_migrate(const struct owndb *db, const struct owndb_migration_run *run, struct owndb_failure *ret_failure,
		   struct err *err)
{
	struct job j = {.db = db, .run = run};
	buf_init(&j.text, MIGRATION_MAX_FILE_BYTES);
	buf_init(&j.array, ARRAY_MAX_BYTES);
	bool ok = work(&j, err);
	/* Closing rolls back whatever is open. */
	pg_conn_close(j.conn);
	pg_conn_close(j.admin);
	buf_done(&j.text);
	buf_done(&j.array);
	*ret_failure = j.failure;
	return ok;
}
