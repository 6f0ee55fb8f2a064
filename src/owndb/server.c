/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a cluster and talking to it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "owndb/elsewhere.h"
#include "owndb/owndb.h"
#include "owndb/tool.h"

#define CONNECT_DEADLINE_MS 10000
#define LOG_QUOTE_BYTES 600

static bool check_socket_dir(const char *path, struct err *err)
{
	if (strlen(path) > OWNDB_SOCKET_DIR_MAX)
		return err_set(err, ERR_LIMIT,
			       "the path of PostgreSQL's socket folder has %zu bytes, %d are possible: %.200s; use a "
			       "shorter name for the app or for FREEHOLD_HOME",
			       strlen(path), OWNDB_SOCKET_DIR_MAX, path);
	/* PostgreSQL takes a list of folders here. */
	if (path[0] != '/' || strpbrk(path, ",\"'\\\n") != NULL)
		return err_set(err, ERR_INVALID, "%.200s cannot be PostgreSQL's socket folder", path);
	return true;
}

static bool make_socket_dir(const struct owndb *db, const char *path, gid_t gid, struct err *err)
{
	if (!check_socket_dir(path, err) || !file_mkdirs(path, 0755, err)) return false;
	if (!db->has_user) return chmod(path, 0700) == 0 || err_set_errno(err, "%s", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = (fchown(fd, db->uid, gid) == 0 && fchmod(fd, 0710) == 0) ||
		  err_set_errno(err, "give %s to PostgreSQL's user", path);
	(void)close(fd);
	return ok;
}

bool owndb_command(const struct owndb *db, struct arena *arena, const char *const **ret_argv,
		   const char *const **ret_env, struct err *err)
{
	if (!make_socket_dir(db, db->socket_dir, db->api_gid, err) ||
	    (db->app_socket_dir != NULL && !make_socket_dir(db, db->app_socket_dir, db->app_gid, err)) ||
	    !tool_write_conf(db, db->data_dir, false, err))
		return false;
	const char **argv = arena_array(arena, 6, sizeof *argv);
	char *program = arena_printf(arena, "%s/postgres", db->bin_dir), *data = arena_strdup(arena, db->data_dir);
	char *sockets =
	    arena_printf(arena, "unix_socket_directories=%s%s%s", db->socket_dir, db->app_socket_dir != NULL ? "," : "",
			 db->app_socket_dir != NULL ? db->app_socket_dir : "");
	if (argv == NULL || program == NULL || data == NULL || sockets == NULL)
		return err_set(err, ERR_LIMIT, "no room for PostgreSQL's command line");
	const char *const command[] = {program, "-D", data, "-c", sockets, NULL};
	memcpy(argv, command, sizeof command);
	*ret_argv = argv;
	*ret_env = tool_env();
	return true;
}

/* A migration finds names where the app's own requests find them; it is no setting of every database elsewhere. */
static bool connect_elsewhere(const struct owndb *db, const char *role, struct pg_conn **ret_conn, struct err *err)
{
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	bool is_super = strcmp(role, OWNDB_SUPERUSER) == 0;
	return owndb_elsewhere_conninfo(db->elsewhere, ELSEWHERE_AS_OWNER, role,
					is_super ? "-c search_path=pg_catalog" : "-c search_path=public,extensions",
					conninfo, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "application_name", "freehold", err) &&
	       pg_conn_open(conninfo, CONNECT_DEADLINE_MS, ret_conn, err);
}

bool owndb_connect(const struct owndb *db, const char *role, struct pg_conn **ret_conn, struct err *err)
{
	char conninfo[1024] = "", options[200] = "";
	if (db->elsewhere != NULL) return connect_elsewhere(db, role, ret_conn, err);
	/* Nothing that the app left in a schema may be called by a name without a schema, and an app whose database is
	 * read-only by default gets what Freehold lays down all the same. */
	if (strcmp(role, OWNDB_SUPERUSER) == 0)
		(void)snprintf(options, sizeof options,
			       "-c search_path=pg_catalog -c default_transaction_read_only=off");
	if (strcmp(role, OWNDB_MIGRATOR) == 0 && db->migrator != NULL) {
		(void)snprintf(options, sizeof options, "-c role=%.63s -c search_path=public,extensions", db->migrator);
		role = OWNDB_SUPERUSER;
	}
	return pg_conninfo_add(conninfo, sizeof conninfo, "host", db->socket_dir, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "port", "5432", err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "dbname", OWNDB_DATABASE, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "user", role, err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "application_name", "freehold", err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "client_encoding", "UTF8", err) &&
	       pg_conninfo_add(conninfo, sizeof conninfo, "options", options, err) &&
	       pg_conn_open(conninfo, CONNECT_DEADLINE_MS, ret_conn, err);
}

/* The line that a postmaster writes last into its file: "starting", "stopping", "ready   ". */
bool owndb_is_ready(const struct owndb *db)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct str rest, line;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 4096);
	if (!file_path(path, &ignored, "%s/postmaster.pid", db->data_dir) || !file_read(path, &text, &ignored))
		return false;
	rest = buf_view(&text);
	for (int i = 0; i < 8; i++)
		if (!str_next(&rest, '\n', &line)) return false;
	return str_eq(str_trim(line), STR("ready"));
}

static bool answers(const struct owndb *db)
{
	struct pg_conn *conn = NULL;
	struct err ignored;
	if (!owndb_is_ready(db) || !owndb_connect(db, OWNDB_SUPERUSER, &conn, &ignored)) return false;
	pg_conn_close(conn);
	return true;
}

/* The end of the log, on one line, for a message. */
static void quote_log(const struct owndb *db, char *ret_text, size_t size)
{
	ret_text[0] = '\0';
	int fd = open(db->log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return;
	off_t end = lseek(fd, 0, SEEK_END), from = end > LOG_QUOTE_BYTES ? end - LOG_QUOTE_BYTES : 0;
	ssize_t got = pread(fd, ret_text, size - 1 < LOG_QUOTE_BYTES ? size - 1 : LOG_QUOTE_BYTES, from);
	(void)close(fd);
	ret_text[got > 0 ? got : 0] = '\0';
	for (char *c = ret_text; *c != '\0'; c++)
		if (*c == '\n') *c = c[1] != '\0' ? '|' : '\0';
}

/* Sleeps until the data folder changes, the process ends (ret_ended) or the deadline is there. */
static void await_change(int watch, int pidfd, int64_t until_ms, bool *ret_ended)
{
	struct pollfd fds[2] = {{.fd = watch, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	char events[4096] __attribute__((aligned(8)));
	int64_t left = until_ms - clock_now_ms();
	if (left < 0) left = 0;
	if (poll(fds, 2, left > 60000 ? 60000 : (int)left) <= 0) return;
	if (fds[0].revents != 0) (void)!read(watch, events, sizeof events);
	if (pidfd >= 0 && fds[1].revents != 0) *ret_ended = true;
}

static bool wait_ready(const struct owndb *db, int watch, int pidfd, int64_t deadline_ms, struct err *err)
{
	int64_t until_ms = clock_now_ms() + deadline_ms;
	bool has_ended = false;
	char log[LOG_QUOTE_BYTES + 1];
	while (!answers(db)) {
		if (has_ended) {
			quote_log(db, log, sizeof log);
			return err_set(err, ERR_FAILED, "PostgreSQL ended while it was starting; the end of %s: %s",
				       db->log_path, log);
		}
		if (clock_now_ms() >= until_ms) {
			quote_log(db, log, sizeof log);
			return err_set(err, ERR_TIMEOUT,
				       "PostgreSQL does not answer after %" PRId64 " s; the end of %s: %s",
				       deadline_ms / 1000, db->log_path, log);
		}
		await_change(watch, pidfd, until_ms, &has_ended);
	}
	return true;
}

bool owndb_wait_ready(const struct owndb *db, pid_t pid, int64_t deadline_ms, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (db->elsewhere != NULL) {
		bool is_there = owndb_connect(db, OWNDB_SUPERUSER, &conn, err);
		pg_conn_close(conn);
		return is_there || err_wrap(err, "the app's database, which is elsewhere");
	}
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	bool ok;
	if (watch < 0 || inotify_add_watch(watch, db->data_dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE) < 0)
		ok = err_set_errno(err, "watch %s", db->data_dir);
	else
		ok = wait_ready(db, watch, pidfd, deadline_ms, err);
	if (watch >= 0) (void)close(watch);
	if (pidfd >= 0) (void)close(pidfd);
	return ok;
}

bool owndb_size(const struct owndb *db, uint64_t *ret_bytes, struct err *err)
{
	struct pg_conn *conn = NULL;
	char text[32];
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	const char *sql = db->elsewhere != NULL ? "select pg_database_size(current_database())::text"
						: "select sum(pg_database_size(oid))::text from pg_database";
	bool ok = pg_conn_text(conn, sql, 0, NULL, text, sizeof text, err);
	pg_conn_close(conn);
	if (ok) *ret_bytes = strtoull(text, NULL, 10);
	return ok;
}

/* The value goes through a parameter: ALTER DATABASE takes none, but it can take what the session has. */
static bool set_setting(struct pg_conn *conn, const char *name, const char *value, struct err *err)
{
	char alter[256];
	return pg_conn_exec(conn, "select set_config($1, $2, false)", 2, (const char *const[]){name, value}, NULL, NULL,
			    err) &&
	       pg_conn_text(conn,
			    "select format('alter database %I set %I from current', current_database(), $1::text)", 1,
			    &name, alter, sizeof alter, err) &&
	       pg_conn_exec(conn, alter, 0, NULL, NULL, NULL, err);
}

bool owndb_setting_set(const struct owndb *db, const char *name, const char *value, struct err *err)
{
	struct pg_conn *conn = NULL;
	if (strchr(name, '.') == NULL || strlen(name) > 120)
		return err_set(err, ERR_INVALID,
			       "\"%.120s\" is no setting of an app: it needs a dot, as in app.settings.x", name);
	if (!owndb_connect(db, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = set_setting(conn, name, value, err);
	pg_conn_close(conn);
	return ok || err_wrap(err, "set %s", name);
}
