/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <stdlib.h>

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
