/* SPDX-License-Identifier: Apache-2.0
 *
 * Applying pending migrations. They run as postgres, who is no superuser, in one transaction with their rows in
 * supabase_migrations.schema_migrations; only a boundary (codec/migration.h) parts them:
 *   - TOGETHER files between two boundaries commit as one group, or nothing of the group does
 *   - after a COMMIT_AFTER file the group is committed, unless the one that lifts it runs in the same group
 *   - a NO_TRANSACTION file runs alone, statement by statement, its row written right after its last statement. Where
 *     it fails, what its earlier statements did stays: failure.kept_statements says how many
 * The first error stops everything. Dying at any instruction, ours or PostgreSQL's, leaves whole groups only.
 *
 * Where the connection breaks in the very moment of a commit (ERR_UNAVAILABLE) nobody here knows whether it happened:
 * owndb_pending, asked again, does.
 *
 * One at a time in a database: a second waits OWNDB_TURN_S for the first, then gives ERR_CONFLICT.
 *
 * Extensions: a statement about one that the prelude stands in for (pg_cron, pg_net …) is passed over and noted; a
 * harmless one that only a superuser may create is created for the app, in a transaction of its own. */
#ifndef FREEHOLD_OWNDB_MIGRATE_H
#define FREEHOLD_OWNDB_MIGRATE_H

#include "owndb/explain.h"
#include "owndb/pending.h"
#include "pg/error.h"

#define OWNDB_TURN_S 15
#define OWNDB_LOCK_TIMEOUT_S 15 /* a statement waits no longer for a table that the live app holds */
#define OWNDB_STATEMENT_TIMEOUT_S 900

enum owndb_event_kind {
	OWNDB_FILE_BEGIN, /* text: why it runs alone or ends the group, or NULL */
	OWNDB_FILE_DONE, /* its statements ran; duration_ms */
	OWNDB_COMMITTED, /* index: how many of the pending are now applied for good; duration_ms of the commit */
	OWNDB_NOTE, /* text: something to tell the owner about this file */
};

struct owndb_event {
	enum owndb_event_kind kind;
	const struct migration *migration;
	size_t index; /* from 0, of count */
	size_t count;
	int64_t duration_ms;
	const char *text;
};

struct owndb_migration_run {
	const char *source_dir;
	const struct migration_plan *plan;
	const struct owndb_pending *pending;
	bool is_note; /* they have run in this database already: each is noted as applied, and none runs */
	const char *const *known_tables; /* of types.ts, ended by NULL, for the advice; may be NULL */
	void (*on_event)(void *arg, const struct owndb_event *event); /* may be NULL */
	void *arg;
};

/* How far it came and what stopped it. Always filled, also on success. */
struct owndb_failure {
	size_t applied_count; /* of the pending, committed */
	bool is_sql; /* PostgreSQL refused a statement; the rest below is set */
	char file[256];
	unsigned line, column; /* column 0: PostgreSQL gave no position */
	char statement[400]; /* shortened */
	struct pg_error error;
	char advice[EXPLAIN_SIZE]; /* or "" */
	size_t kept_statements; /* of a NO_TRANSACTION file, done before the one that failed, and they stay */
};

bool owndb_migrate(const struct owndb *db, const struct owndb_migration_run *run, struct owndb_failure *ret_failure,
		   struct err *err);

#endif
