/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "owndb/elsewhere.h"
#include "owndb/tool.h"

#define DUMP_DEADLINE_MS (6 * 3600 * 1000)
#define SAID_MAX_BYTES 4096

struct sink {
	int fd;
	int error; /* errno of the first write that failed */
	struct buf said; /* standard error, for the message */
};

/* pg_dump cannot write where its user may not; so it prints, and we write. */
static void take(void *arg, int stream, struct str bytes)
{
	struct sink *s = arg;
	if (stream == 2) {
		buf_str(&s->said, str_sub(bytes, 0, SAID_MAX_BYTES - s->said.len));
		return;
	}
	while (bytes.len > 0 && s->error == 0) {
		ssize_t put = write(s->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno != EINTR) s->error = errno;
		if (put > 0) bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
}

static bool run_dump(const struct owndb *db, struct sink *s, struct err *err)
{
	char program[FILE_PATH_SIZE];
	if (!file_path(program, err, "%s/pg_dump", db->bin_dir)) return false;
	const char *const argv[] = {program,
				    "-h",
				    db->socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    OWNDB_SUPERUSER,
				    "--no-password",
				    "--format=custom",
				    OWNDB_DATABASE,
				    NULL};
	const char *const there[] = {program, "--no-password", "--format=custom", NULL};
	struct arena *arena = arena_new(64u * 1024);
	const char *const *env = tool_env();
	if (db->elsewhere != NULL && !owndb_elsewhere_env(db->elsewhere, NULL, arena, &env, err)) {
		arena_free(arena);
		return false;
	}
	struct proc_spec spec = {.argv = db->elsewhere != NULL ? there : argv,
				 .env = env,
				 .cwd = "/",
				 .has_user = db->has_user,
				 .uid = db->uid,
				 .gid = db->gid,
				 .deadline_ms = DUMP_DEADLINE_MS,
				 .on_output = take,
				 .arg = s};
	struct proc_result result;
	bool ran = proc_run(&spec, NULL, &result, err);
	arena_free(arena);
	if (!ran) return false;
	errno = s->error;
	if (s->error != 0) return err_set_errno(err, "write the dump");
	if (result.exit_status == 0) return true;
	struct str said = str_trim(buf_view(&s->said));
	return err_set(err, ERR_FAILED, "pg_dump: %.*s", STR_FMT(said));
}

static bool write_dump(const struct owndb *db, const char *beside, const char *path, struct err *err)
{
	struct sink s = {.fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
	if (s.fd < 0) return err_set_errno(err, "write %s", beside);
	buf_init(&s.said, SAID_MAX_BYTES);
	bool ok = run_dump(db, &s, err);
	if (ok && fsync(s.fd) != 0) ok = err_set_errno(err, "write %s", beside);
	(void)close(s.fd);
	buf_done(&s.said);
	if (ok && rename(beside, path) != 0) ok = err_set_errno(err, "write %s", path);
	if (!ok) (void)unlink(beside);
	return ok;
}

static bool keep_vault_key(const struct owndb *db, const char *path, bool *ret_has_key, struct err *err)
{
	char count[32], from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct pg_conn *conn = NULL;
	struct buf key BUF_CLEANUP;
	buf_init(&key, 4096);
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_text(conn, "select count(*)::text from vault.secrets", 0, NULL, count, sizeof count, err);
	pg_conn_close(conn);
	if (!ok) return false;
	*ret_has_key = strcmp(count, "0") != 0;
	return !*ret_has_key || (file_path(from, err, "%s/freehold_vault.key", db->data_dir) &&
				 file_path(to, err, "%s.vault-key", path) && file_read(from, &key, err) &&
				 file_write(to, buf_view(&key), 0600, err));
}

bool owndb_dump(const struct owndb *db, const char *path, bool *ret_has_vault_key, struct err *err)
{
	char beside[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	bool has_key = false;
	if (!file_path(beside, err, "%s.new", path) || !file_path(folder, err, "%s", path)) return false;
	char *slash = strrchr(folder, '/');
	if (slash == NULL) return err_set(err, ERR_INTERNAL, "%s is no absolute path", path);
	slash[slash == folder ? 1 : 0] = '\0';
	if (!write_dump(db, beside, path, err) || !keep_vault_key(db, path, &has_key, err) ||
	    !file_sync_dir(folder, err))
		return err_wrap(err, "dump the database to %s", path);
	if (ret_has_vault_key != NULL) *ret_has_vault_key = has_key;
	return true;
}
