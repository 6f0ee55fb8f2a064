/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/name.h"
#include "cli/screen.h"

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

bool cli_ask(const struct cli *cli, const char *method, const char *path, const json_t *body, json_t **ret_answer,
	     struct err *err)
{
	struct daemon d;
	return cli_daemon(cli, &d, err) && daemon_ask(&d, method, path, body, ret_answer, err);
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
