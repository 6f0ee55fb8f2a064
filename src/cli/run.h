/* SPDX-License-Identifier: Apache-2.0
 *
 * Who runs each command of the table in commands.c; the shape is that of struct command's run. And what several of them
 * share. */
#ifndef FREEHOLD_CLI_RUN_H
#define FREEHOLD_CLI_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/name.h"
#include "cli/view.h"

#define EXIT_INTERRUPTED 130 /* 128 + SIGINT, as shells count */

bool run_apps(struct cli *cli, int *ret_status, struct err *err);
bool run_auth(struct cli *cli, int *ret_status, struct err *err);
bool run_backup(struct cli *cli, int *ret_status, struct err *err);
bool run_postgres(struct cli *cli, int *ret_status, struct err *err);
bool run_cancel(struct cli *cli, int *ret_status, struct err *err);
bool run_check(struct cli *cli, int *ret_status, struct err *err);
bool run_complete(struct cli *cli, int *ret_status, struct err *err);
bool run_completion(struct cli *cli, int *ret_status, struct err *err);
bool run_db(struct cli *cli, int *ret_status, struct err *err);
bool run_deploy(struct cli *cli, int *ret_status, struct err *err);
bool run_deployments(struct cli *cli, int *ret_status, struct err *err);
bool run_destroy(struct cli *cli, int *ret_status, struct err *err);
bool run_doctor(struct cli *cli, int *ret_status, struct err *err);
bool run_env(struct cli *cli, int *ret_status, struct err *err);
bool run_help(struct cli *cli, int *ret_status, struct err *err);
bool run_export(struct cli *cli, int *ret_status, struct err *err);
bool run_key(struct cli *cli, int *ret_status, struct err *err);
bool run_logs(struct cli *cli, int *ret_status, struct err *err);
bool run_ai(struct cli *cli, int *ret_status, struct err *err);
bool run_cron(struct cli *cli, int *ret_status, struct err *err);
bool run_mail(struct cli *cli, int *ret_status, struct err *err);
bool run_open(struct cli *cli, int *ret_status, struct err *err);
bool run_recover(struct cli *cli, int *ret_status, struct err *err);
bool run_releases(struct cli *cli, int *ret_status, struct err *err);
bool run_restart(struct cli *cli, int *ret_status, struct err *err);
bool run_rollback(struct cli *cli, int *ret_status, struct err *err);
bool run_set(struct cli *cli, int *ret_status, struct err *err);
bool run_start(struct cli *cli, int *ret_status, struct err *err);
bool run_status(struct cli *cli, int *ret_status, struct err *err);
bool run_storage(struct cli *cli, int *ret_status, struct err *err);
bool run_stop(struct cli *cli, int *ret_status, struct err *err);
bool run_move(struct cli *cli, int *ret_status, struct err *err);
bool run_tls(struct cli *cli, int *ret_status, struct err *err);
bool run_trust(struct cli *cli, int *ret_status, struct err *err);
bool run_version(struct cli *cli, int *ret_status, struct err *err);

/* The daemon of --socket and the environment. */
bool cli_daemon(const struct cli *cli, struct daemon *ret_daemon, struct err *err);

/* Checks the app's name and appends "/v1/apps/NAME" and rest. */
bool cli_app_path(struct buf *path, const char *app, const char *rest, struct err *err);

/* GET of one answer, or another method (NULL: GET). Where the app is not there, the error names the nearest that is. */
bool cli_ask(const struct cli *cli, const char *method, const char *path, const json_t *body, json_t **ret_answer,
	     struct err *err);

/* The app is there; ERR_NOT_FOUND. */
bool cli_check_app(const struct cli *cli, const char *app, struct err *err);

/* The app whose name is nearest to what was typed and is not that; false: none is near. */
bool cli_nearest_app(const struct daemon *d, const char *typed, char ret_name[NAME_APP_SIZE]);

/* A release or deployment as a word: "7". */
bool cli_number(const char *word, const char *what, int64_t *ret_number, struct err *err);

/* A value that must stand in no history of a shell: typed unseen, or all of standard input but its last line break. */
#define CLI_VALUE_MAX (64 * 1024)
bool cli_read_value(struct str name, struct buf *ret_value, struct err *err);

/* --json: on a terminal indented and in ASCII, so that nothing in it moves the cursor; elsewhere one compact line. */
void cli_put_json(const struct cli *cli, const json_t *value);

/* What view.h needs, its buffer emptied. */
struct view cli_view(const struct cli *cli, struct buf *out);

#endif
