/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000

/* Version n is what the first n of these make of an empty file. One that was published is never edited again. */
static const char *const versions[] = {
    "create table app ("
    "  id integer primary key autoincrement," /* never used twice: system users are named after it */
    "  name text not null unique,"
    "  state text not null default 'new' check (state in ('new', 'running', 'stopped')),"
    "  shape text,"
    "  created_at integer not null"
    ") strict;"
    "create table secret (" /* sealed values: keys of the app and its environment */
    "  app text not null references app (name) on delete cascade,"
    "  kind text not null check (kind in ('key', 'env')),"
    "  name text not null,"
    "  sealed blob not null,"
    "  set_at integer not null,"
    "  primary key (app, kind, name)"
    ") strict;"
    "create table accepted (" /* findings that the owner let pass */
    "  app text not null references app (name) on delete cascade,"
    "  finding text not null,"
    "  accepted_at integer not null,"
    "  primary key (app, finding)"
    ") strict;"
    "create table deployment ("
    "  app text not null references app (name) on delete cascade,"
    "  number integer not null,"
    "  state text not null check (state in ('running', 'live', 'superseded', 'failed', 'interrupted')),"
    "  step text,"
    "  source text not null," /* what the owner typed */
    "  options text not null,"
    "  commit_id text,"
    "  began_at integer not null,"
    "  ended_at integer,"
    "  error_code text,"
    "  error_message text,"
    "  report text,"
    "  primary key (app, number)"
    ") strict;"
    "create table step ("
    "  app text not null,"
    "  number integer not null,"
    "  position integer not null,"
    "  name text not null,"
    "  state text not null check (state in ('waiting', 'running', 'done', 'skipped', 'failed', 'undone')),"
    "  began_at integer,"
    "  duration_ms integer,"
    "  detail text,"
    "  primary key (app, number, position),"
    "  foreign key (app, number) references deployment (app, number) on delete cascade"
    ") strict;"
    "create table promotion (" /* every switch of live, there and back */
    "  id integer primary key autoincrement,"
    "  app text not null references app (name) on delete cascade,"
    "  release_from integer,"
    "  release_to integer not null,"
    "  kind text not null check (kind in ('deploy', 'rollback', 'undo', 'found')),"
    "  at integer not null"
    ") strict;"
    "create table process (" /* what serves, so that a restarted daemon finds it again */
    "  unit text primary key,"
    "  pid integer not null,"
    "  start_ticks integer not null,"
    "  boot_id text not null,"
    "  spec_hash text not null,"
    "  started_at integer not null"
    ") strict;",

    /* Made secrets, and where a variable goes: those that were there went into builds, and go there still. */
    "create table secret_2 ("
    "  app text not null references app (name) on delete cascade,"
    "  kind text not null check (kind in ('key', 'env', 'made'))," /* of Freehold, of the owner, made for the app */
    "  name text not null,"
    "  sealed blob not null,"
    "  set_at integer not null,"
    "  scope text check (scope in ('build', 'run', 'both'))," /* of an env; null: by its name, store/env.h */
    "  primary key (app, kind, name)"
    ") strict;"
    "insert into secret_2 select app, kind, name, sealed, set_at, case kind when 'env' then 'both' end from secret;"
    "drop table secret;"
    "alter table secret_2 rename to secret;",

    "create table kept (" /* what an app's server was seen to write, store/kept.h */
    "  app text not null references app (name) on delete cascade,"
    "  path text not null,"
    "  kind text not null check (kind in ('folder', 'file')),"
    "  found_at integer not null,"
    "  primary key (app, path)"
    ") strict;",

    "create table setting (" /* what the owner set for an app: store/setting.h */
    "  app text not null references app (name) on delete cascade,"
    "  name text not null,"
    "  value integer not null,"
    "  primary key (app, name)"
    ") strict;",

    /* Sign-in's settings: the owner's, and those that the export's supabase/config.toml brought (app/signin.h). */
    "create table secret_3 ("
    "  app text not null references app (name) on delete cascade,"
    "  kind text not null check (kind in ('key', 'env', 'made', 'auth', 'auth_export')),"
    "  name text not null,"
    "  sealed blob not null,"
    "  set_at integer not null,"
    "  scope text check (scope in ('build', 'run', 'both')),"
    "  primary key (app, kind, name)"
    ") strict;"
    "insert into secret_3 select app, kind, name, sealed, set_at, scope from secret;"
    "drop table secret;"
    "alter table secret_3 rename to secret;",

    /* Kinds are named where they are used (store/app.h, app/functions.h): a new one needs no new table. */
    "create table secret_4 ("
    "  app text not null references app (name) on delete cascade,"
    "  kind text not null,"
    "  name text not null,"
    "  sealed blob not null,"
    "  set_at integer not null,"
    "  scope text check (scope in ('build', 'run', 'both')),"
    "  primary key (app, kind, name)"
    ") strict;"
    "insert into secret_4 select app, kind, name, sealed, set_at, scope from secret;"
    "drop table secret;"
    "alter table secret_4 rename to secret;",
    /* Backups (store/backup.h), and what runs for longer than a request (store/job.h). */
    "create table home_setting (" /* of the whole home: retention, the hour of the day, the clock of tests */
    "  name text primary key,"
    "  value integer not null"
    ") strict;"
    "create table backup_key (" /* from which every repository's key is derived; sealed */
    "  id integer primary key check (id = 1),"
    "  sealed blob not null,"
    "  made_at integer not null"
    ") strict;"
    "create table backup_place ("
    "  id integer primary key autoincrement," /* names files: never used twice */
    "  kind text not null check (kind in ('home', 'folder', 's3')),"
    "  location text not null,"
    "  options text not null," /* JSON, nothing secret */
    "  sealed blob," /* JSON of what is */
    "  is_elsewhere integer not null,"
    "  added_at integer not null"
    ") strict;"
    "create table backup_info (" /* what pgBackRest last said of an app's repository at a place */
    "  app text not null references app (name) on delete cascade,"
    "  place integer not null references backup_place (id) on delete cascade,"
    "  info text not null,"
    "  seen_at integer not null,"
    "  primary key (app, place)"
    ") strict;"
    "create table backup_gap (" /* when changes did not reach a place: nothing between can be restored from it */
    "  app text not null references app (name) on delete cascade,"
    "  place integer not null references backup_place (id) on delete cascade,"
    "  since integer not null,"
    "  until integer," /* null: still */
    "  why text not null,"
    "  primary key (app, place, since)"
    ") strict;"
    "create table timeline (" /* which of a cluster's histories was the live one, from when */
    "  id integer primary key autoincrement,"
    "  app text not null references app (name) on delete cascade,"
    "  number integer not null,"
    "  began_at integer not null,"
    "  parent integer," /* the history it left, 0 or null: none */
    "  forked_at integer" /* at which moment of that one */
    ") strict;"
    "create table job ("
    "  id integer primary key autoincrement,"
    "  app text references app (name) on delete cascade," /* null: of the whole home */
    "  kind text not null,"
    "  state text not null check (state in ('running', 'waiting', 'done', 'failed', 'interrupted')),"
    "  step text not null default '',"
    "  options text not null,"
    "  began_at integer not null,"
    "  ended_at integer,"
    "  error_code text,"
    "  error_message text,"
    "  result text"
    ") strict;"
    "create index job_kind on job (kind, app, id);",

    "create table pool_use (" /* the most that was seen in an hour of an app's pool, store/pool_use.h */
    "  app text not null references app (name) on delete cascade,"
    "  hour integer not null,"
    "  clients integer not null,"
    "  active integer not null,"
    "  waiting integer not null,"
    "  demand integer not null,"
    "  wait_ms integer not null,"
    "  primary key (app, hour)"
    ") strict;",
};
#define SCHEMA_VERSION ((int64_t)(sizeof versions / sizeof *versions))

struct db {
	sqlite3 *handle;
};

static bool fail(struct db *db, struct err *err)
{
	int code = sqlite3_extended_errcode(db->handle) & 0xff;
	enum err_code kind = ERR_INTERNAL;
	if (code == SQLITE_BUSY || code == SQLITE_FULL || code == SQLITE_LOCKED) kind = ERR_UNAVAILABLE;
	if (code == SQLITE_IOERR || code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_CORRUPT)
		kind = ERR_IO;
	if (code == SQLITE_CONSTRAINT) kind = ERR_CONFLICT;
	/* SQLite's log file that cannot grow is an I/O error to it; the cause is the system's. */
	if (code == SQLITE_FULL || (code == SQLITE_IOERR && sqlite3_system_errno(db->handle) == ENOSPC))
		return err_set(err, ERR_UNAVAILABLE, "freehold.db: the disk is full; make room and try again");
	return err_set(err, kind, "freehold.db: %s", sqlite3_errmsg(db->handle));
}

static bool exec(struct db *db, const char *sql, struct err *err)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK || fail(db, err);
}

static bool bring_up_to_date(struct db *db, struct err *err)
{
	if (!exec(db, "begin immediate", err)) return false;
	struct db_query q;
	int64_t version = 0;
	db_query(db, &q, "pragma user_version", "");
	if (db_row(&q)) version = sqlite3_column_int64(q.stmt, 0);
	bool ok = db_end(&q, err);
	if (ok && version > SCHEMA_VERSION)
		ok = err_set(
		    err, ERR_REFUSED,
		    "freehold.db was written by a newer Freehold (tables %lld, this one knows %lld); install that one",
		    (long long)version, (long long)SCHEMA_VERSION);
	while (ok && version < SCHEMA_VERSION) {
		char pragma[64];
		ok = exec(db, versions[version++], err);
		(void)snprintf(pragma, sizeof pragma, "pragma user_version = %lld", (long long)version);
		ok = ok && exec(db, pragma, err);
	}
	if (ok) return exec(db, "commit", err);
	db_rollback(db);
	return false;
}

bool db_open(const char *path, struct db **ret_db, struct err *err)
{
	struct db *db = calloc(1, sizeof *db);
	if (db == NULL) abort();
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	/* SQLite gives its log the mode of the database: nobody else may read either. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) (void)close(fd);
	bool ok = sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK || fail(db, err);
	if (ok) (void)sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	ok = ok && exec(db, "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on", err) &&
	     bring_up_to_date(db, err);
	if (!ok) {
		db_close(db);
		return err_wrap(err, "%s", path);
	}
	*ret_db = db;
	return true;
}

void db_close(struct db *db)
{
	if (db == NULL) return;
	(void)sqlite3_close(db->handle);
	free(db);
}

const char *db_path(const struct db *db)
{
	return sqlite3_db_filename(db->handle, "main");
}

static void prepare(struct db *db, struct db_query *q, const char *sql, const char *format, va_list args)
{
	*q = (struct db_query){.db = db};
	q->result = sqlite3_prepare_v2(db->handle, sql, -1, &q->stmt, NULL);
	if (q->result != SQLITE_OK) return;
	assert(sqlite3_bind_parameter_count(q->stmt) == (int)strlen(format));
	for (int i = 0; format[i] != '\0' && q->result == SQLITE_OK; i++) {
		struct str blob;
		switch (format[i]) {
		case 's':
			q->result = sqlite3_bind_text(q->stmt, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'i': q->result = sqlite3_bind_int64(q->stmt, i + 1, va_arg(args, int64_t)); break;
		default:
			assert(format[i] == 'b');
			blob = va_arg(args, struct str);
			q->result = sqlite3_bind_blob(q->stmt, i + 1, blob.ptr, (int)blob.len, SQLITE_TRANSIENT);
		}
	}
}

void db_query(struct db *db, struct db_query *q, const char *sql, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	prepare(db, q, sql, format, args);
	va_end(args);
}

/* A write in the middle of a read is refused at once, without waiting, when another process has written since the read
 * began (SQLITE_BUSY_SNAPSHOT): rows are read whole before anything is done about them. */
static bool is_reading(struct db *db)
{
	for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(db->handle, s)) != NULL;)
		if (sqlite3_stmt_busy(s)) return true;
	return false;
}

bool db_row(struct db_query *q)
{
	if (q->result != SQLITE_OK && q->result != SQLITE_ROW) return false;
	q->result = sqlite3_step(q->stmt);
	return q->result == SQLITE_ROW;
}

bool db_end(struct db_query *q, struct err *err)
{
	bool ok = q->result == SQLITE_OK || q->result == SQLITE_ROW || q->result == SQLITE_DONE;
	if (!ok) (void)fail(q->db, err);
	(void)sqlite3_finalize(q->stmt);
	q->stmt = NULL;
	return ok;
}

bool db_run(struct db *db, int *ret_changes, struct err *err, const char *sql, const char *format, ...)
{
	struct db_query q;
	va_list args;
	va_start(args, format);
	prepare(db, &q, sql, format, args);
	va_end(args);
	assert(q.stmt == NULL || sqlite3_stmt_readonly(q.stmt) || !is_reading(db));
	while (db_row(&q)) continue;
	if (!db_end(&q, err)) return false;
	if (ret_changes != NULL) *ret_changes = sqlite3_changes(db->handle);
	return true;
}

bool db_begin(struct db *db, struct err *err)
{
	assert(!is_reading(db));
	return exec(db, "begin immediate", err);
}

bool db_commit(struct db *db, struct err *err)
{
	if (exec(db, "commit", err)) return true;
	db_rollback(db);
	return false;
}

void db_rollback(struct db *db)
{
	struct err ignored;
	if (sqlite3_get_autocommit(db->handle) == 0) (void)exec(db, "rollback", &ignored);
}

const char *db_text(struct db_query *q, int column)
{
	const unsigned char *text = sqlite3_column_text(q->stmt, column);
	return text != NULL ? (const char *)text : "";
}

bool db_copy(struct db *db, const char *path, struct err *err)
{
	sqlite3 *to = NULL;
	if (unlink(path) != 0 && errno != ENOENT) return err_set_errno(err, "%s", path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) return err_set_errno(err, "%s", path);
	(void)close(fd);
	bool ok = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
	sqlite3_backup *backup = ok ? sqlite3_backup_init(to, "main", db->handle, "main") : NULL;
	ok = backup != NULL && sqlite3_backup_step(backup, -1) == SQLITE_DONE;
	if (backup != NULL) ok = sqlite3_backup_finish(backup) == SQLITE_OK && ok;
	if (!ok) (void)err_set(err, ERR_IO, "copy freehold.db to %s: %s", path, sqlite3_errmsg(to));
	(void)sqlite3_close(to);
	return ok;
}
