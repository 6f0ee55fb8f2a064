/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold storage: the files of an app's users. Here the keys of S3's protocol. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/storage.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

bool storage_ask(const struct cli *cli, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
		 struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, cli->words[0], "/storage", err)) return false;
	buf_puts(&path, rest);
	return cli_ask(cli, method, buf_cstr(&path), body, ret_answer, err);
}

static bool key_add(struct cli *cli, struct err *err)
{
	const char *note = cli_value(cli, "note");
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s:s}", "note", note != NULL ? note : "");
	struct buf out BUF_CLEANUP = {0};
	buf_init(&out, 4096);
	if (body == NULL) return err_set(err, ERR_INVALID, "--note is not text");
	if (!storage_ask(cli, "POST", "/keys", body, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	buf_printf(&out, "  Endpoint    %s\n  Region      %s\n  Access key  %s\n  Secret      %s\n",
		   json_str(answer, "endpoint", ""), json_str(answer, "region", ""), json_str(answer, "id", ""),
		   json_str(answer, "secret", ""));
	buf_puts(&out, "The secret is not shown again. Paths, not host names, name the buckets (path style).\n");
	screen_write(buf_view(&out));
	return true;
}

static bool key_list(struct cli *cli, struct err *err)
{
	static const char *const columns[] = {"KEY", "SINCE", "NOTE", NULL};
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP = {0};
	if (!storage_ask(cli, NULL, "/keys", NULL, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	struct view v = cli_view(cli, &out);
	const json_t *list = json_object_get(answer, "keys");
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *key = json_array_get(list, i);
		char since[TEXT_SHORT_SIZE] = "";
		int64_t at_ms;
		if (clock_from_iso8601(json_str(key, "created_at", ""), &at_ms)) text_ago(since, at_ms, v.now_ms);
		table_cell(&t, TONE_STRONG, json_str(key, "id", ""));
		table_cell(&t, TONE_DIM, since);
		table_cell(&t, TONE_PLAIN, json_str(key, "note", ""));
	}
	if (json_array_size(list) > 0)
		table_render(&t, &cli->look, 0, &out);
	else
		buf_printf(&out, "%s has no S3 keys. Make one: freehold storage %s key add\n", cli->words[0],
			   cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}

static bool key_remove(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf rest BUF_CLEANUP, out BUF_CLEANUP;
	buf_init(&rest, 512), buf_init(&out, 512);
	buf_puts(&rest, "/keys/");
	daemon_escape(&rest, cli->words[3]);
	if (!storage_ask(cli, "DELETE", buf_cstr(&rest), NULL, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	buf_printf(&out, "%s is of no use any more.\n", json_str(answer, "removed", ""));
	screen_write(buf_view(&out));
	return true;
}

bool storage_key(struct cli *cli, struct err *err)
{
	const char *verb = cli->word_count > 2 ? cli->words[2] : "list", *app = cli->words[0];
	if (strcmp(verb, "remove") == 0) {
		if (cli->word_count != 4)
			return err_set(err, ERR_INVALID, "say which: freehold storage %s key remove ID", app);
		return key_remove(cli, err);
	}
	if (cli->word_count > 3)
		return err_set(err, ERR_INVALID, "\"%.40s\" is one word too many: freehold storage %s key %.20s",
			       cli->words[3], app, verb);
	if (strcmp(verb, "add") == 0) return key_add(cli, err);
	if (strcmp(verb, "list") == 0) return key_list(cli, err);
	return err_set(err, ERR_INVALID, "key does not know \"%.40s\": add, list, remove ID", verb);
}

bool run_storage(struct cli *cli, int *ret_status, struct err *err)
{
	static const struct {
		const char *name;
		bool (*run)(struct cli *cli, struct err *err);
	} words[] = {{"key", storage_key},
		     {"place", storage_place},
		     {"usage", storage_usage},
		     {"buckets", storage_buckets},
		     {"sweep", storage_sweep}};
	*ret_status = 0;
	if (cli->word_count < 2) return storage_usage(cli, err);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(cli->words[1], words[i].name) == 0) return words[i].run(cli, err);
	return err_set(err, ERR_INVALID, "storage does not know \"%.40s\"; freehold storage --help lists what it knows",
		       cli->words[1]);
}
