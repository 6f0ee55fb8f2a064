/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that ask for one answer and show it, or change one thing of an app. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/db.h"
#include "cli/job.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"

bool run_apps(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	*ret_status = 0;
	if (!cli_ask(cli, NULL, "/v1/apps", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_apps(&v, answer);
	screen_write(buf_view(&out));
	return true;
}

bool run_status(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	bool is_one = cli->word_count > 0;
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (is_one && !cli_app_path(&path, cli->words[0], "", err)) return false;
	if (!cli_ask(cli, NULL, is_one ? buf_cstr(&path) : "/v1/status", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else if (is_one)
		view_app(&v, answer);
	else
		view_status(&v, answer);
	screen_write(buf_view(&out));
	return true;
}

bool run_releases(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/releases", err)) return false;
	if (!cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_releases(&v, cli->words[0], answer);
	screen_write(buf_view(&out));
	return true;
}

bool run_deployments(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	int64_t number = 0;
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/deployments", err)) return false;
	if (cli->word_count > 1) {
		if (!cli_number(cli->words[1], "deployment", &number, err)) return false;
		buf_printf(&path, "/%" PRId64, number);
	}
	if (!cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else if (number > 0)
		view_deployment(&v, answer);
	else
		view_deployments(&v, cli->words[0], answer);
	screen_write(buf_view(&out));
	return true;
}

static bool is_yes(const char *answer)
{
	return answer[0] == '\0' || answer[0] == 'y' || answer[0] == 'Y';
}

/* Asked only where somebody is there to answer: a script that says rollback means it. */
static bool may_go_back(const struct cli *cli)
{
	char question[256], answer[16];
	if (cli_has(cli, "yes") || cli->is_json || !screen_can_ask()) return true;
	(void)snprintf(question, sizeof question,
		       "Visitors of %.40s get %s%.20s at once; the database stays as it is. Go on? [Y/n] ",
		       cli->words[0], cli->word_count > 1 ? "release " : "the release that was live before",
		       cli->word_count > 1 ? cli->words[1] : "");
	return screen_ask(question, false, answer, sizeof answer) && is_yes(answer);
}

/* Release and data: the copy is made and shown first, then the app is switched over to it and to the release. Each can
 * be undone by itself. */
static bool bring_data_back(struct cli *cli, int64_t release, struct err *err)
{
	char answer[16], path[64];
	json_t *begun JSON_CLEANUP = NULL, *looked JSON_CLEANUP = NULL, *switched JSON_CLEANUP = NULL,
		      *again JSON_CLEANUP = NULL;
	json_t *look JSON_CLEANUP = json_pack("{s:I, s:b}", "release", (json_int_t)release, "inspect", true);
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	(void)snprintf(path, sizeof path, "/v1/apps/%s/db/restore", cli->words[0]);
	if (!cli_ask(cli, "POST", path, look, &begun, err) || !job_follow(cli, begun, &looked, err)) return false;
	if (!cli->is_json) {
		db_put_differences(cli, looked, &out);
		buf_puts(&out, "What is in \"now\" and not in \"then\" is what would be lost.\n");
		screen_write(buf_view(&out));
	}
	if (!cli_has(cli, "yes")) {
		if (!screen_can_ask())
			return err_set(
			    err, ERR_CONFLICT,
			    "nothing was changed; where nobody can be asked, say --yes. The copy can be looked at "
			    "until: freehold db %s restore --forget",
			    cli->words[0]);
		if (!screen_ask("Go back to that data and that release? [y/N] ", false, answer, sizeof answer) ||
		    (answer[0] != 'y' && answer[0] != 'Y'))
			return err_set(err, ERR_CONFLICT, "nothing was changed");
	}
	json_t *go JSON_CLEANUP = json_pack("{s:O}", "copy", json_object_get(looked, "id"));
	return cli_ask(cli, "POST", path, go, &again, err) && job_follow(cli, again, &switched, err);
}

static bool ask_live(struct cli *cli, int64_t *ret_live, struct err *err)
{
	json_t *app JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, cli->words[0], "", err) || !cli_ask(cli, NULL, buf_cstr(&path), NULL, &app, err))
		return false;
	*ret_live = json_int(app, "live", 0);
	return true;
}

/* Who went back without the data may want it after all: then the release stays as it is. */
static bool say_was_live(struct cli *cli, int64_t release)
{
	json_t *answer JSON_CLEANUP =
	    json_pack("{s:I, s:I, s:b}", "from", (json_int_t)release, "to", (json_int_t)release, "data", true);
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1024);
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	buf_printf(&out, "Release %lld was live already; its data is back. Undone by: freehold db %s restore --undo\n",
		   (long long)release, cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}

bool run_rollback(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	int64_t number = 0, live = 0;
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/rollback", err)) return false;
	if (cli->word_count > 1) {
		if (!cli_number(cli->words[1], "release", &number, err)) return false;
		json_object_set_new(body, "release", json_integer(number));
	}
	if (cli_has(cli, "with-data")) {
		if (number == 0)
			return err_set(err, ERR_INVALID,
				       "--with-data needs the number of a release: freehold releases %.40s",
				       cli->words[0]);
		if (!ask_live(cli, &live, err) || !bring_data_back(cli, number, err)) return false;
		if (live == number) return say_was_live(cli, number);
	} else if (!may_go_back(cli)) {
		return err_set(err, ERR_CONFLICT, "nothing was changed");
	}
	if (!cli_ask(cli, "POST", buf_cstr(&path), body, &answer, err)) return false;
	if (cli_has(cli, "with-data")) { /* what is noted of the newer data does not hold of these */
		json_object_set_new(answer, "data", json_true());
		json_object_set_new(answer, "notes", json_array());
	}
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_rollback(&v, cli->words[0], answer);
	screen_write(buf_view(&out));
	return true;
}

static bool change(struct cli *cli, const char *verb, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	char rest[32];
	buf_init(&path, DAEMON_PATH_SIZE);
	(void)snprintf(rest, sizeof rest, "/%s", verb);
	if (!cli_app_path(&path, cli->words[0], rest, err)) return false;
	if (!cli_ask(cli, "POST", buf_cstr(&path), NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_app(&v, answer);
	screen_write(buf_view(&out));
	return true;
}

bool run_start(struct cli *cli, int *ret_status, struct err *err)
{
	*ret_status = 0;
	return change(cli, "start", err);
}

bool run_stop(struct cli *cli, int *ret_status, struct err *err)
{
	*ret_status = 0;
	return change(cli, "stop", err);
}

bool run_restart(struct cli *cli, int *ret_status, struct err *err)
{
	*ret_status = 0;
	return change(cli, "restart", err);
}

static bool is_confirmed(const struct cli *cli, struct err *err)
{
	const char *app = cli->words[0], *confirm = cli_value(cli, "confirm");
	char question[512], answer[64] = "";
	if (confirm == NULL && !screen_can_ask())
		return err_set(
		    err, ERR_INVALID,
		    "destroy removes %s for good; where nobody can be asked, say it twice: freehold destroy %s "
		    "--confirm %s",
		    app, app, app);
	if (confirm == NULL) {
		(void)snprintf(question, sizeof question,
			       "This removes %s for good: its releases, its database with all users, its files and its "
			       "backups here.\nA last dump of "
			       "the database and of its files is kept, and you will be told where.\nType the app's "
			       "name to go on: ",
			       app);
		confirm = screen_ask(question, false, answer, sizeof answer) ? answer : "";
	}
	if (strcmp(confirm, app) == 0) return true;
	return err_set(err, ERR_INVALID,
		       "\"%.40s\" is not the name of the app that was to be destroyed (%s); nothing was changed",
		       confirm, app);
}

bool run_destroy(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "", err) || !cli_check_app(cli, cli->words[0], err) ||
	    !is_confirmed(cli, err))
		return false;
	if (!cli->is_json) {
		(void)fprintf(stderr, "Destroying %s; a last dump of its database, where there is one, comes first.\n",
			      cli->words[0]);
	}
	if (!cli_ask(cli, "DELETE", buf_cstr(&path), NULL, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	const char *dump = json_str(answer, "dump", ""), *files = json_str(answer, "files", "");
	buf_printf(&out, "%s is gone.", cli->words[0]);
	if (json_str(answer, "external", "")[0] != '\0') {
		buf_puts(&out, " Its database stays, with all that is in it: ");
		text_clean(&out, str_from(json_str(answer, "external", "")), TEXT_LINE);
		buf_puts(&out, json_bool(answer, "locked", false)
				   ? ". Freehold's own logins there are closed."
				   : ". Freehold's own logins there (fh_...) could not be closed.");
	}
	if (dump[0] != '\0') {
		buf_puts(&out, " The last dump of its database: ");
		text_clean(&out, str_from(dump), TEXT_LINE);
	}
	if (files[0] != '\0') {
		buf_puts(&out, dump[0] != '\0' ? "\nWhat its server wrote: " : " What its server wrote: ");
		text_clean(&out, str_from(files), TEXT_LINE);
	}
	if (json_str(answer, "left", "")[0] != '\0') {
		buf_puts(&out, "\n! ");
		text_clean(&out, str_from(json_str(answer, "left", "")), TEXT_LINE);
	}
	buf_putc(&out, '\n');
	screen_write(buf_view(&out));
	return true;
}

/* Only what a browser should open, and only where there is a screen for one. */
static void show_in_browser(const char *url)
{
	bool has_display = getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL;
	if (!has_display || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)) return;
	pid_t pid = fork();
	if (pid == 0) {
		if (fork() != 0) _exit(0);
		(void)setsid();
		(void)!freopen("/dev/null", "w", stdout);
		(void)!freopen("/dev/null", "w", stderr);
		(void)execlp("xdg-open", "xdg-open", url, (char *)NULL);
		_exit(127);
	}
	if (pid > 0) (void)waitpid(pid, NULL, 0);
}

bool run_open(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	const char *url;
	buf_init(&path, DAEMON_PATH_SIZE);
	buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "", err)) return false;
	if (!cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, err)) return false;
	if (cli->is_json) cli_put_json(cli, answer);
	if (!json_need_str(answer, "url", &url, err)) return false;
	if (strcmp(json_str(answer, "state", ""), "new") == 0)
		return err_set(
		    err, ERR_CONFLICT,
		    "nothing of %s is live yet, so its address shows nothing; freehold deploy FOLDER --app %s "
		    "puts it live",
		    cli->words[0], cli->words[0]);
	if (!cli->is_json) {
		text_clean(&out, str_from(url), TEXT_LINE);
		buf_putc(&out, '\n');
		screen_write(buf_view(&out));
	}
	show_in_browser(url);
	return true;
}
