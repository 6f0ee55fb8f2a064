/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/repo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backup/conf.h"
#include "backup/info.h"
#include "base/clock.h"
#include "os/proc.h"

#define SHORT_DEADLINE_MS (3 * 60 * 1000)
#define LONG_DEADLINE_MS ((int64_t)24 * 3600 * 1000)
#define OUTPUT_MAX_BYTES (256u << 10) /* of what matters: errors, warnings, an info document */
#define LINE_MAX_BYTES 8192
#define REST_MAX 8
#define LOCK_LOOK_MS 200

struct listening {
	struct buf line, kept;
	repo_progress progress;
	void *arg;
};

static void on_line(struct listening *l, struct str line)
{
	double done = 0;
	if (info_progress(line, &done)) {
		if (l->progress != NULL) l->progress(l->arg, done);
		return;
	}
	if (str_find(line, STR(" DETAIL: ")) >= 0) return;
	buf_str(&l->kept, line);
	buf_putc(&l->kept, '\n');
}

static void on_output(void *arg, int stream, struct str bytes)
{
	struct listening *l = arg;
	(void)stream;
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.ptr[i] != '\n') {
			buf_putc(&l->line, bytes.ptr[i]);
			continue;
		}
		on_line(l, buf_view(&l->line));
		buf_clear(&l->line);
	}
}

static bool run(const struct repo *r, const char *const *rest, struct listening *l, int64_t deadline_ms,
		struct err *err)
{
	char program[FILE_PATH_SIZE + 16], conf[FILE_PATH_SIZE + 16];
	const char *argv[REST_MAX + 5] = {program, conf, "--stanza=" CONF_STANZA};
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
	struct proc_result result = {0};
	struct str why;
	(void)snprintf(program, sizeof program, "%s/pgbackrest", r->archive_dir);
	(void)snprintf(conf, sizeof conf, "--config=%s/%lld.conf", r->archive_dir, (long long)r->place);
	for (int i = 0; i < REST_MAX && rest[i] != NULL; i++) argv[3 + i] = rest[i];
	struct proc_spec spec = {.argv = argv,
				 .env = env,
				 .cwd = "/",
				 .has_user = r->has_user,
				 .uid = r->uid,
				 .gid = r->gid,
				 .deadline_ms = deadline_ms,
				 .on_output = on_output,
				 .arg = l};
	if (!proc_run(&spec, NULL, &result, err))
		return err->code == ERR_NOT_FOUND
			   ? err_set(err, ERR_UNAVAILABLE,
				     "pgBackRest is not installed; install the package pgbackrest")
			   : false;
	on_line(l, buf_view(&l->line)); /* info's document ends without a line break */
	if (result.exit_status == 0) return true;
	if (!info_error(buf_view(&l->kept), &why))
		return err_set(err, ERR_FAILED, "pgBackRest ended with %d (signal %d) and no reason",
			       result.exit_status, result.signal);
	return err_set(err, ERR_FAILED, "pgBackRest: %.*s", STR_FMT(str_sub(why, 0, 600)));
}

static bool run_alone(const struct repo *r, const char *const *rest, repo_progress progress, void *arg,
		      int64_t deadline_ms, struct buf *ret_kept, struct err *err)
{
	struct listening l = {.progress = progress, .arg = arg};
	buf_init(&l.line, LINE_MAX_BYTES > OUTPUT_MAX_BYTES ? LINE_MAX_BYTES : OUTPUT_MAX_BYTES);
	buf_init(&l.kept, OUTPUT_MAX_BYTES * 4);
	bool ok = run(r, rest, &l, deadline_ms, err);
	if (ok && ret_kept != NULL) buf_str(ret_kept, buf_view(&l.kept));
	buf_done(&l.line);
	buf_done(&l.kept);
	return ok;
}

/* A backup and a deployment that makes sure of the repository come at the same time now and then. pgBackRest does not
 * wait for its lock, and whoever holds it tells nobody when it lets go. */
static bool run_in_turn(const struct repo *r, const char *const *rest, repo_progress progress, void *arg,
			int64_t deadline_ms, struct err *err)
{
	int64_t until_ms = clock_now_ms() + REPO_LOCK_WAIT_MS;
	while (!run_alone(r, rest, progress, arg, deadline_ms, NULL, err)) {
		bool is_held = strstr(err->msg, "unable to acquire lock") != NULL &&
			       strstr(err->msg, strerror(EWOULDBLOCK)) != NULL;
		if (!is_held) return false;
		if (clock_now_ms() >= until_ms)
			return err_set(err, ERR_CONFLICT,
				       "another backup of this app is being taken just now; it is tried again by "
				       "itself");
		(void)nanosleep(&(struct timespec){.tv_nsec = LOCK_LOOK_MS * 1000000L}, NULL);
	}
	return true;
}

/* Offline: what it asks of PostgreSQL stands in pg_control too, and an app that was imported and never deployed has
 * none that runs. */
bool repo_create(const struct repo *r, struct err *err)
{
	static const char *const rest[] = {"--log-level-console=error", "--no-online", "stanza-create", NULL};
	static const char *const upgrade[] = {"--log-level-console=error", "--no-online", "stanza-upgrade", NULL};
	if (run_in_turn(r, rest, NULL, NULL, SHORT_DEADLINE_MS, err)) return true;
	/* A database that was moved in is another one than the repository knows; what was kept of the former stays. */
	return strstr(err->msg, "do not match the database") != NULL &&
	       run_in_turn(r, upgrade, NULL, NULL, SHORT_DEADLINE_MS, err);
}

bool repo_backup(const struct repo *r, bool is_full, repo_progress progress, void *arg, struct err *err)
{
	const char *const rest[] = {"--log-level-console=detail", is_full ? "--type=full" : "--type=incr", "backup",
				    NULL};
	return run_in_turn(r, rest, progress, arg, LONG_DEADLINE_MS, err);
}

bool repo_expire(const struct repo *r, int keep_full, struct err *err)
{
	char keep[48];
	(void)snprintf(keep, sizeof keep, "--repo1-retention-full=%d", keep_full);
	const char *const rest[] = {"--log-level-console=error", keep, "expire", NULL};
	return run_in_turn(r, rest, NULL, NULL, LONG_DEADLINE_MS, err);
}

bool repo_info(const struct repo *r, const json_t *known, int64_t now_ms, json_t **ret_list, struct err *err)
{
	static const char *const rest[] = {"--log-level-console=off", "--log-level-stderr=error", "--output=json",
					   "info", NULL};
	struct buf text BUF_CLEANUP;
	buf_init(&text, OUTPUT_MAX_BYTES * 4);
	return run_alone(r, rest, NULL, NULL, SHORT_DEADLINE_MS, &text, err) &&
	       info_read(buf_view(&text), known, now_ms, ret_list, err);
}

/* Recovery's settings are given to PostgreSQL on its command line, so that none stay behind (type none). */
bool repo_fetch(const struct repo *r, const char *label, const char *to_dir, repo_progress progress, void *arg,
		struct err *err)
{
	char set[80], data[FILE_PATH_SIZE + 16];
	(void)snprintf(set, sizeof set, "--set=%.64s", label);
	(void)snprintf(data, sizeof data, "--pg1-path=%s", to_dir);
	const char *const rest[] = {"--log-level-console=detail", set, data, "--type=none", "restore", NULL};
	return run_alone(r, rest, progress, arg, LONG_DEADLINE_MS, NULL, err);
}
