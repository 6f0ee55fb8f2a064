/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

/* The deployment that runs; 0: none does. */
static bool ask_running(struct cli *cli, int64_t *ret_number, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, cli->words[0], "/deployments", err) ||
	    !cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, err))
		return false;
	const json_t *list = json_object_get(answer, "deployments");
	*ret_number = 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_str(json_array_get(list, i), "state", ""), "running") == 0)
			*ret_number = json_int(json_array_get(list, i), "number", 0);
	return true;
}

static void put_end(const struct cli *cli, const json_t *deployment, const json_t *app, struct buf *out)
{
	const char *name = cli->words[0], *state = json_str(deployment, "state", "");
	int64_t number = json_int(deployment, "number", 0);
	if (strcmp(state, "live") == 0) {
		buf_printf(out,
			   "It was too late: release %" PRId64 " of %s is live. The way back: freehold rollback %s\n",
			   number, name, name);
		return;
	}
	buf_printf(out, "Deployment %" PRId64 " of %s %s.\n", number, name,
		   strcmp(state, "failed") == 0 ? "had failed already"
						: "is stopped, and what it had begun is taken back");
	report_what_is_live(deployment, app, out);
}

bool run_cancel(struct cli *cli, int *ret_status, struct err *err)
{
	const char *name = cli->words[0];
	json_t *deployment JSON_CLEANUP = NULL, *app JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP, path BUF_CLEANUP;
	int64_t number = 0;
	char rest[64];
	buf_init(&out, VIEW_BYTES_MAX);
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!ask_running(cli, &number, err)) return false;
	if (number == 0)
		return err_set(err, ERR_CONFLICT,
			       "nothing of %s is being deployed; freehold deployments %s lists what was", name, name);
	(void)snprintf(rest, sizeof rest, "/deployments/%" PRId64 "/stop", number);
	if (!cli_app_path(&path, name, rest, err) || !cli_ask(cli, "POST", buf_cstr(&path), NULL, &deployment, err))
		return false;
	buf_clear(&path);
	if (!cli_app_path(&path, name, "", err) || !cli_ask(cli, NULL, buf_cstr(&path), NULL, &app, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, deployment);
	else
		put_end(cli, deployment, app, &out);
	screen_write(buf_view(&out));
	return true;
}
