/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "codec/json.h"

#define APPS_MAX 1000

bool cli_daemon(const struct cli *cli, struct daemon *ret_daemon, struct err *err)
{
	return daemon_find(cli_value(cli, "socket"), ret_daemon, err);
}

bool cli_app_path(struct buf *path, const char *app, const char *rest, struct err *err)
{
	if (!name_check_app(app, err)) return false;
	buf_printf(path, "/v1/apps/%s%s", app, rest);
	return true;
}

bool cli_nearest_app(const struct daemon *d, const char *typed, char ret_name[NAME_APP_SIZE])
{
	const char *names[APPS_MAX + 1];
	size_t count = 0;
	json_t *answer JSON_CLEANUP = NULL;
	struct err ignored;
	if (!daemon_ask(d, NULL, "/v1/apps", NULL, &answer, &ignored)) return false;
	const json_t *apps = json_object_get(answer, "apps");
	for (size_t i = 0; i < json_array_size(apps) && count < APPS_MAX; i++) {
		const char *name = json_str(json_array_get(apps, i), "name", "");
		if (strcmp(name, typed) != 0) names[count++] = name;
	}
	names[count] = NULL;
	const char *near = name_nearest(typed, names);
	if (near != NULL) (void)snprintf(ret_name, NAME_APP_SIZE, "%s", near);
	return near != NULL;
}

/* "there is no app named shpo; freehold apps lists them", as the daemon says it. */
static void put_nearest(const struct daemon *d, struct err *err)
{
	static const char start[] = "there is no app named ";
	char typed[NAME_APP_SIZE], near[NAME_APP_SIZE];
	const char *at = strstr(err->msg, start);
	if (err->code != ERR_NOT_FOUND || at == NULL) return;
	at += strlen(start);
	(void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(at, "; "), at);
	if (cli_nearest_app(d, typed, near))
		(void)err_set(err, ERR_NOT_FOUND, "there is no app named %s; did you mean %s? freehold apps lists them",
			      typed, near);
}

bool cli_ask(const struct cli *cli, const char *method, const char *path, const json_t *body, json_t **ret_answer,
	     struct err *err)
{
	struct daemon d;
	if (!cli_daemon(cli, &d, err)) return false;
	if (daemon_ask(&d, method, path, body, ret_answer, err)) return true;
	put_nearest(&d, err);
	return false;
}

bool cli_check_app(const struct cli *cli, const char *app, struct err *err)
{
	struct buf path BUF_CLEANUP;
	json_t *answer JSON_CLEANUP = NULL;
	buf_init(&path, DAEMON_PATH_SIZE);
	return cli_app_path(&path, app, "", err) && cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, err);
}

bool cli_number(const char *word, const char *what, int64_t *ret_number, struct err *err)
{
	if (str_to_int(str_from(word), ret_number) && *ret_number > 0) return true;
	return err_set(err, ERR_INVALID, "\"%.40s\" is not the number of a %s", word, what);
}

void cli_put_json(const struct cli *cli, const json_t *value)
{
	size_t flags = cli->look.is_terminal ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;
	char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
	if (text == NULL) abort();
	screen_write(str_from(text));
	screen_write(STR("\n"));
	free(text);
}

struct view cli_view(const struct cli *cli, struct buf *out)
{
	buf_init(out, VIEW_BYTES_MAX);
	return (struct view){.look = cli->look, .now_ms = clock_wall_ms(), .out = out};
}

bool cli_read_value(struct str name, struct buf *ret_value, struct err *err)
{
	char chunk[4096], question[256];
	ssize_t len;
	if (screen_can_ask()) {
		char line[4096];
		(void)snprintf(question, sizeof question, "Value of %.*s (not shown while you type): ", STR_FMT(name));
		if (!screen_ask(question, true, line, sizeof line))
			return err_set(err, ERR_INVALID, "no value for %.*s was given; nothing was changed",
				       STR_FMT(name));
		buf_puts(ret_value, line);
		return true;
	}
	while ((len = read(STDIN_FILENO, chunk, sizeof chunk)) > 0) buf_append(ret_value, chunk, (size_t)len);
	if (len < 0) return err_set_errno(err, "the value of %.*s cannot be read from standard input", STR_FMT(name));
	if (ret_value->len > 0 && ret_value->ptr[ret_value->len - 1] == '\n') ret_value->len--;
	return true;
}
