/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/prelude.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "owndb/prelude_elsewhere.h"

#define PRELUDE_DEADLINE_MS 120000
#define ARENA_BYTES (2u << 20)
#define HASH_HEX_SIZE (crypto_hash_sha256_BYTES * 2 + 1)

static void hash_text(const char *text, char ret_hex[HASH_HEX_SIZE])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(ret_hex, HASH_HEX_SIZE, hash, sizeof hash);
}

/* Before the first file there is no table to ask. */
static bool is_current(struct pg_conn *conn, const char *name, const char *hash, bool *ret_is, struct err *err)
{
	char text[16] = "";
	const char *const params[] = {name, hash};
	if (!pg_conn_text(conn, "select (to_regclass('freehold.prelude') is not null)::text", 0, NULL, text,
			  sizeof text, err))
		return false;
	*ret_is = false;
	if (strcmp(text, "true") != 0) return true;
	if (!pg_conn_text(conn, "select count(*)::text from freehold.prelude where name = $1 and sha256 = $2", 2,
			  params, text, sizeof text, err))
		return false;
	*ret_is = strcmp(text, "0") != 0;
	return true;
}

static bool run_file(struct pg_conn *conn, const struct prelude_file *file, const char *hash, struct err *err)
{
	const char *const params[] = {file->name, hash};
	return pg_conn_exec(conn, "begin", 0, NULL, NULL, NULL, err) && pg_conn_script(conn, file->text, NULL, err) &&
	       pg_conn_exec(conn,
			    "insert into freehold.prelude (name, sha256) values ($1, $2)"
			    " on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()",
			    2, params, NULL, NULL, err) &&
	       pg_conn_exec(conn, "commit", 0, NULL, NULL, NULL, err);
}

static bool run_files(struct pg_conn *conn, const struct prelude_file *files, int *ret_run, struct err *err)
{
	int run = 0;
	/* Notices about what is there already would only hide others. */
	if (!pg_conn_exec(conn, "set client_min_messages = warning", 0, NULL, NULL, NULL, err) ||
	    !pg_conn_exec(conn, "select pg_advisory_lock(hashtext('freehold.prelude'))", 0, NULL, NULL, NULL, err))
		return false;
	for (const struct prelude_file *file = files; file->name != NULL; file++) {
		char hash[HASH_HEX_SIZE];
		bool is_done;
		hash_text(file->text, hash);
		if (!is_current(conn, file->name, hash, &is_done, err)) return false;
		if (is_done) continue;
		if (!run_file(conn, file, hash, err)) return err_wrap(err, "%s", file->name);
		run++;
	}
	if (!pg_conn_exec(conn, "select freehold_advice.ready()", 0, NULL, NULL, NULL, err)) return false;
	if (ret_run != NULL) *ret_run = run;
	return true;
}

bool owndb_prelude(const struct owndb *db, int *ret_run, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	pg_conn_set_deadline(conn, PRELUDE_DEADLINE_MS);
	struct arena *arena = arena_new(ARENA_BYTES);
	const struct prelude_file *files = prelude_files;
	bool ok = (db->elsewhere == NULL || prelude_elsewhere(PQuser(pg_conn_raw(conn)), arena, &files, err)) &&
		  run_files(conn, files, ret_run, err);
	arena_free(arena);
	pg_conn_close(conn);
	return ok || err_wrap(err, "prepare the database%s%s", db->elsewhere != NULL ? "" : " in ",
			      db->elsewhere != NULL ? " elsewhere" : db->data_dir);
}
