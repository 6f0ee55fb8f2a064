/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold key: the key with which an app's source is fetched from a private repository. */
#include <stdio.h>

#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

/* A key comes before the first deployment that needs it, so it makes the app; and so does a name that was mistyped. */
static void say_created(const struct cli *cli, const char *app)
{
	struct daemon d;
	struct err ignored;
	char near[NAME_APP_SIZE];
	bool has_near = cli_daemon(cli, &d, &ignored) && cli_nearest_app(&d, app, near);
	(void)fprintf(stderr,
		      "There was no app named %s, so this made one for the deployment that follows.%s%s%s\n"
		      "If it was not meant: freehold destroy %s --confirm %s\n",
		      app, has_near ? " Did you mean " : "", has_near ? near : "", has_near ? "?" : "", app, app);
}

bool run_key(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf path BUF_CLEANUP;
	struct buf out BUF_CLEANUP;
	bool is_new = cli_has(cli, "new"), forgets = cli_has(cli, "forget-servers");
	json_t *answer JSON_CLEANUP = NULL,
		       *body JSON_CLEANUP = json_pack("{s:b, s:b}", "new", is_new, "forget_servers", forgets);
	buf_init(&path, DAEMON_PATH_SIZE), buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/git-key", err) ||
	    !cli_ask(cli, "POST", buf_cstr(&path), body, &answer, err))
		return false;
	if (json_bool(answer, "created", false)) say_created(cli, cli->words[0]);
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	buf_printf(&out, "%s\n", json_str(answer, "public_key", ""));
	if (cli->look.is_terminal)
		buf_printf(
		    &out,
		    "\nAdd this line to the repository as a deploy key; reading is enough. On GitHub: the repository, "
		    "Settings, Deploy keys, Add deploy key.\nThen: freehold deploy git@github.com:YOU/REPOSITORY.git "
		    "--app %s\n",
		    cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}
