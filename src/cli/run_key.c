/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold key: the key with which an app's source is fetched from a private repository. */
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

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
