/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that is somebody else's stands still for its last copy: reading goes on, every write is refused, and a
 * snapshot shows all that was committed before and nothing of what refuses. By a trigger on each table: a setting for
 * the database would not do, since PostgREST begins its transactions with READ WRITE, and a lock would let what waited
 * for it write after all.
 *
 * Needs of the role: to create a schema, and the right TRIGGER on the tables (their owner has it). */
#ifndef FREEHOLD_OWNDB_QUIESCE_H
#define FREEHOLD_OWNDB_QUIESCE_H

#include <jansson.h>

#include "pg/conn.h"

#define QUIESCE_SCHEMA "freehold_move" /* holds what refuses; who drops it allows writing again */

/* What an app writes, as a condition on pg_class c and pg_namespace n: its own tables, its users, its files. Not what a
 * host keeps for itself, nor what an extension brought. A token that is refreshed or a line in a log is no loss, but a
 * user would be. */
#define QUIESCE_IS_WRITTEN                                                                                             \
	"(n.nspname !~ '^(pg_|freehold)' and n.nspname not in"                                                         \
	" ('information_schema', 'extensions', 'graphql', 'graphql_public', 'net', 'cron', 'pgbouncer', 'pgsodium',"   \
	" 'realtime', '_realtime', '_analytics', '_supavisor', 'supabase_functions', 'supabase_migrations', 'vault',"  \
	" 'pgtle', 'repack') and not (n.nspname in ('auth', 'storage') and c.relname ~"                                \
	" '(migrations|audit_log_entries|^s3_multipart)') and not exists (select from pg_depend d where d.classid ="   \
	" 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))"

struct quiesce {
	struct pg_conn *reader; /* keeps the snapshot */
	char snapshot[64]; /* for SET TRANSACTION SNAPSHOT and pg_dump --snapshot, until quiesce_close */
	int64_t since_ms; /* monotonic: when writing was refused */
};

/* report gets "held": the number of tables, and "not_held": names of those that the role may not stop. A refused write
 * has the SQLSTATE PT503, which PostgREST answers with 503. ERR_UNAVAILABLE when somebody's transaction keeps a table
 * for longer than patience_ms (tried again and again, each time giving way to the others after a second); nothing is
 * refused then. */
bool quiesce_begin(const char *conninfo, int64_t patience_ms, struct quiesce *q, json_t *report, struct err *err);

/* The snapshot goes, writing stays refused. */
void quiesce_close(struct quiesce *q);

/* Writing goes on. Also of one that was never refused, and again. */
bool quiesce_end(const char *conninfo, struct err *err);

#endif
