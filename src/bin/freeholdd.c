/* SPDX-License-Identifier: Apache-2.0
 *
 * freeholdd: the daemon; and, started by it, the processes that run a deployment, its recovery, a destruction. */
#include <jansson.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/daemon.h"
#include "app/bind.h"
#include "app/elsewhere.h"
#include "app/live.h"
#include "app/tuning.h"
#include "base/log.h"
#include "codec/json.h"
#include "deploy/deploy.h"
#include "move/following.h"
#include "move/import.h"
#include "move/move.h"
#include "upkeep/backup.h"
#include "upkeep/destroy.h"
#include "upkeep/job.h"
#include "upkeep/recover_server.h"
#include "version.h"

static const char help[] =
    "freeholdd: serves the apps of this machine and does what the freehold command asks.\n"
    "\n"
    "  freeholdd              run in the foreground until SIGTERM; what serves goes on serving\n"
    "  freeholdd --stop       end the one that runs, and everything that serves\n"
    "  freeholdd --version\n"
    "\n"
    "  FREEHOLD_HOME   where everything lies (root: /var/lib/freehold, others: ~/.freehold)\n"
    "  FREEHOLD_PORT   where the edge listens on 127.0.0.1 (8080, or as at its last start)\n"
    "  FREEHOLD_TLS_PORT\n"
    "                  the same by https (FREEHOLD_PORT and 363: 8443, or as at its last start)\n"
    "\n"
    "Example, which goes on when the terminal closes, as ./up starts it:\n"
    "  setsid /var/lib/freehold/bin/freeholdd </dev/null >>/var/lib/freehold/logs/freeholdd.log 2>&1 &\n";

static int fail(const struct err *err)
{
	log_error("%s", err->msg);
	return err_code_exit_status(err->code);
}

static int deploy(const char *bin_dir, const char *app, const char *number, const char *why)
{
	struct err err;
	struct flow f;
	int64_t n = 0;
	if (!str_to_int(str_from(number), &n)) return 2;
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = why != NULL ? deploy_recover(&f, app, n, why, &err) : deploy_run(&f, app, n);
	flow_close(&f);
	if (why != NULL && !ok) return fail(&err);
	return ok ? 0 : 1;
}

/* The daemon reads the answer, or the reason, from our output. */
static int destroy(const char *bin_dir, const char *app)
{
	struct err err;
	struct flow f;
	struct destroyed kept = {.dump = ""};
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = destroy_app(&f, app, &kept, &err);
	flow_close(&f);
	if (!ok) {
		(void)fputs(err.msg, stdout);
		return fail(&err);
	}
	json_t *answer = json_pack("{s:s, s:s}", "dump", kept.dump, "files", kept.files);
	if (kept.external[0] != '\0')
		(void)json_object_update_new(
		    answer, json_pack("{s:s, s:b}", "external", kept.external, "locked", kept.is_locked));
	if (kept.left[0] != '\0') json_object_set_new(answer, "left", json_string(kept.left));
	(void)json_dumpf(answer, stdout, JSON_COMPACT);
	json_decref(answer);
	return 0;
}

static int rollback(const char *bin_dir, const char *app, const char *number)
{
	struct err err;
	struct flow f;
	int64_t to = 0;
	json_t *outcome = NULL;
	if (!str_to_int(str_from(number), &to)) return 2;
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = live_rollback(&f, app, to, &outcome, &err);
	flow_close(&f);
	/* The reason too, with its code, is the daemon's to read. */
	json_t *answer = ok ? outcome : json_pack("{s:i, s:s}", "error", err.code, "message", err.msg);
	(void)json_dumpf(answer, stdout, JSON_COMPACT);
	json_decref(answer);
	return ok ? 0 : fail(&err);
}

/* One thing of an app. The reason of a failure with its code is the daemon's to read. */
static int of_app(const char *bin_dir, const char *app,
		  bool (*run)(const struct flow *f, const char *app, struct err *err))
{
	struct err err;
	struct flow f;
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = run(&f, app, &err);
	flow_close(&f);
	if (!ok) {
		json_t *answer = json_pack("{s:i, s:s}", "error", err.code, "message", err.msg);
		(void)json_dumpf(answer, stdout, JSON_COMPACT);
		json_decref(answer);
	}
	return ok ? 0 : fail(&err);
}

static bool look_elsewhere(const struct flow *f, const char *app, struct err *err)
{
	json_t *there JSON_CLEANUP = NULL;
	return elsewhere_take(f, app, &there, err);
}

/* Settings of an app's PostgreSQL, as JSON. */
static int tune(const char *bin_dir, const char *app, const char *text)
{
	struct err err;
	struct flow f;
	json_t *values = NULL, *outcome = NULL;
	if (!json_parse(str_from(text), &values, &err)) return 2;
	bool ok = flow_open(&f, bin_dir, false, &err);
	if (ok) {
		ok = tuning_set(&f, app, values, &outcome, &err);
		flow_close(&f);
	}
	json_decref(values);
	json_t *answer = ok ? outcome : json_pack("{s:i, s:s}", "error", err.code, "message", err.msg);
	(void)json_dumpf(answer, stdout, JSON_COMPACT);
	json_decref(answer);
	return ok ? 0 : fail(&err);
}

/* The journal has what came of it. */
static int job(const char *bin_dir, const char *number, bool is_recovery)
{
	struct err err;
	struct flow f;
	int64_t id = 0;
	if (!str_to_int(str_from(number), &id)) return 2;
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = is_recovery ? job_recover(&f, id, &err) : job_run(&f, id);
	flow_close(&f);
	if (is_recovery && !ok) return fail(&err);
	return ok ? 0 : 1;
}

static int ship(const char *bin_dir, const char *app)
{
	struct err err;
	struct flow f;
	if (!flow_open(&f, bin_dir, false, &err)) return fail(&err);
	bool ok = backup_ship(&f, app, &err);
	flow_close(&f);
	return ok ? 0 : fail(&err);
}

/* freehold recover: the answer on standard output. */
static int recover(const char *bin_dir, const char *kit, const char *place, const char *at)
{
	struct err err;
	json_t *answer = NULL;
	int64_t id = 0;
	if (!str_to_int(str_from(place), &id)) return 2;
	bool ok = recover_server(bin_dir, kit, id, at[0] != '\0' ? at : NULL, &answer, &err);
	if (answer != NULL) (void)json_dumpf(answer, stdout, JSON_COMPACT);
	json_decref(answer);
	return ok ? 0 : fail(&err);
}

static int stop(void)
{
	struct err err;
	return daemon_stop_everything(&err) ? 0 : fail(&err);
}

/* nginx, PostgreSQL and the backends inherit it. */
static void raise_file_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) != 0) return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
}

int main(int argc, char **argv)
{
	char program[FILE_PATH_SIZE] = "", folder[FILE_PATH_SIZE];
	(void)signal(SIGPIPE, SIG_IGN);
	if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		return fputs("freeholdd: /proc/self/exe cannot be read; /proc must be mounted\n", stderr) < 0 ? 1 : 11;
	memcpy(folder, program, sizeof folder);
	const char *bin_dir = dirname(folder);
	if (argc == 4 && strcmp(argv[1], "--deploy") == 0) return deploy(bin_dir, argv[2], argv[3], NULL);
	if (argc == 4 && strcmp(argv[1], "--recover") == 0)
		return deploy(bin_dir, argv[2], argv[3], "Freehold was ended in the middle of it");
	if (argc == 4 && strcmp(argv[1], "--recover-died") == 0)
		return deploy(
		    bin_dir, argv[2], argv[3],
		    "its process ended before it could say why (killed, out of memory, or the disk was full)");
	if (argc == 4 && strcmp(argv[1], "--recover-stopped") == 0)
		return deploy(bin_dir, argv[2], argv[3], "it was stopped (freehold cancel)");
	if (argc == 4 && strcmp(argv[1], "--rollback") == 0) return rollback(bin_dir, argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--bind") == 0) return of_app(bin_dir, argv[2], bind_releases);
	if (argc == 3 && strcmp(argv[1], "--destroy") == 0) return destroy(bin_dir, argv[2]);
	if (argc == 4 && strcmp(argv[1], "--tune") == 0) return tune(bin_dir, argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--job") == 0) return job(bin_dir, argv[2], false);
	if (argc == 3 && strcmp(argv[1], "--job-recover") == 0) return job(bin_dir, argv[2], true);
	if (argc == 5 && strcmp(argv[1], "--recover-server") == 0) return recover(bin_dir, argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "--ship") == 0) return ship(bin_dir, argv[2]);
	if (argc == 3 && strcmp(argv[1], "--import") == 0) return of_app(bin_dir, argv[2], import_run);
	if (argc == 3 && strcmp(argv[1], "--import-undo") == 0) return of_app(bin_dir, argv[2], import_undo);
	if (argc == 3 && strcmp(argv[1], "--move-back") == 0) return of_app(bin_dir, argv[2], move_back);
	if (argc == 3 && strcmp(argv[1], "--move-recover") == 0) return of_app(bin_dir, argv[2], move_recover);
	if (argc == 3 && strcmp(argv[1], "--external") == 0) return of_app(bin_dir, argv[2], look_elsewhere);
	if (argc == 3 && strcmp(argv[1], "--move-follow") == 0) return of_app(bin_dir, argv[2], following_run);
	if (argc == 2 && strcmp(argv[1], "--stop") == 0) return stop();
	if (argc == 2 && strcmp(argv[1], "--version") == 0) return printf("freeholdd %s\n", FREEHOLD_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(help, stdout) < 0;
	if (argc != 1) return fprintf(stderr, "freeholdd: unknown option %s; try freeholdd --help\n", argv[1]), 2;
	raise_file_limit();
	return daemon_main(program, bin_dir);
}
