/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of freehold db, each a word behind the app's name: verbs.c says what they are, run_db.c who runs them, each
 * group of verbs a file of its own (db_*.c). Words are those behind "freehold db APP VERB". */
#ifndef FREEHOLD_CLI_DB_H
#define FREEHOLD_CLI_DB_H

#include "cli/run.h"

struct db_words {
	struct cli *cli;
	const char *app;
	const char *const *words;
	size_t count;
};

bool db_backup(const struct db_words *w, int *ret_status, struct err *err);
bool db_backups(const struct db_words *w, int *ret_status, struct err *err);
bool db_drill(const struct db_words *w, int *ret_status, struct err *err);
bool db_restore(const struct db_words *w, int *ret_status, struct err *err);
/* The rows of a copy beside the live ones, of a job that made one. */
void db_put_differences(const struct cli *cli, const json_t *job, struct buf *out);

bool db_dump(const struct db_words *w, int *ret_status, struct err *err);
bool db_move(const struct db_words *w, int *ret_status, struct err *err);
bool db_import(const struct db_words *w, int *ret_status, struct err *err);
bool db_psql(const struct db_words *w, int *ret_status, struct err *err);
bool db_slow(const struct db_words *w, int *ret_status, struct err *err);
bool db_pool(const struct db_words *w, int *ret_status, struct err *err);
bool db_settings(const struct db_words *w, int *ret_status, struct err *err);
bool db_renew(const struct db_words *w, int *ret_status, struct err *err);
bool db_size(const struct db_words *w, int *ret_status, struct err *err);

/* Becomes psql of the database that "bin_dir", "socket_dir" and "database" say; returns only when that failed. */
bool db_psql_at(const struct db_words *w, const json_t *where, const char *const *words, size_t count, struct err *err);

/* What may stand behind "freehold db APP branch"; ends with NULL. */
extern const char *const db_branch_verbs[];
bool db_branch(const struct db_words *w, int *ret_status, struct err *err);

bool db_external(const struct db_words *w, int *ret_status, struct err *err);
/* Gives an app, which is made where there is none, a database elsewhere; word: its address, - to type it unseen, NULL:
 * the one it has. Reads the file of --database-ca, or of sslrootcert in the address, which is a file of who types it.
 */
bool db_external_give(const struct cli *cli, const char *app, const char *word, json_t **ret_answer, struct err *err);
/* "external" of an app, for people. */
void db_external_put(const json_t *there, struct buf *out);

/* A whole dump in a file; where is db_where's. */
bool db_dump_to(const struct db_words *w, const json_t *where, bool is_plain, const char *path, struct err *err);

/* Asks below the app's /db; rest "/size" or "". */
bool db_ask(const struct db_words *w, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
	    struct err *err);

/* The words that lead PostgreSQL's programs to "where", DB_WHERE_WORDS at most; how many. is_owner: as the owner of the
 * app's tables, else as whoever may dump all of it. For a database elsewhere there are none, and the environment is
 * set; what it said of PostgreSQL before is gone in either case. db_where_option adds to PGOPTIONS. */
#define DB_WHERE_WORDS 8
size_t db_where_words(const json_t *where, bool is_owner, const char **ret_words);
void db_where_option(const char *option);

/* Where the app's PostgreSQL is: {"socket_dir", "bin_dir", "major", "database", "size_bytes", "tables"}; of one
 * elsewhere also
 * {"environment": ["PGHOST=..."], "role"}, where the password is in.
 * ERR_UNAVAILABLE when it does not run. */
bool db_where(const struct db_words *w, json_t **ret_where, struct err *err);

#endif
