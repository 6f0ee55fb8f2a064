/* SPDX-License-Identifier: Apache-2.0
 *
 * Freehold's own state: one SQLite database, <home>/freehold.db, shared by the daemon and the deployments it runs
 * (write-ahead log, full sync: a commit that returned survives a power cut). The tables are in db.c; store/app.h and
 * store/deployment.h are the only ones that speak SQL to them, through the small calls below. */
#ifndef FREEHOLD_STORE_DB_H
#define FREEHOLD_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct db;

/* Opens or creates it, and brings the tables to this version. A database of a newer Freehold is refused. */
bool db_open(const char *path, struct db **ret_db, struct err *err);
void db_close(struct db *db); /* NULL is allowed */
const char *db_path(const struct db *db); /* absolute */

/* A statement with its parameters bound in order by a format of one letter each: s const char* (NULL is null), i
 * int64_t, b struct str as a blob. Rows are stepped with db_row; db_end must follow, also after a failure, and says
 * whether all went well.
 *
 *     struct db_query q;
 *     db_query(db, &q, "select number from deployment where app = ?", "s", app);
 *     while (db_row(&q)) … sqlite3_column_int64(q.stmt, 0) …
 *     return db_end(&q, err); */
struct db_query {
	sqlite3_stmt *stmt;
	struct db *db;
	int result;
};
void db_query(struct db *db, struct db_query *q, const char *sql, const char *format, ...);
bool db_row(struct db_query *q);
bool db_end(struct db_query *q, struct err *err);

/* One statement without rows. ret_changes may be NULL. */
bool db_run(struct db *db, int *ret_changes, struct err *err, const char *sql, const char *format, ...);

/* Several statements that commit together; db_commit rolls back when it fails. */
bool db_begin(struct db *db, struct err *err);
bool db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);

/* A whole copy as it is now, by SQLite's own backup, at path (replaced; mode 0600). */
bool db_copy(struct db *db, const char *path, struct err *err);

/* A text column, "" where it is null. */
const char *db_text(struct db_query *q, int column);

#endif
