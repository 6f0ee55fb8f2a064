/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold storage APP place: where the files of an app's users lie. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/screen.h"
#include "cli/storage.h"
#include "codec/json.h"

#define WAIT_MS 20000
#define LOOK_MS 200

static void put_place(struct cli *cli, const json_t *place)
{
	const json_t *state = json_object_get(place, "state");
	const char *app = cli->words[0], *error = json_str(state, "error", "");
	bool is_s3 = strcmp(json_str(place, "kind", ""), "s3") == 0,
	     has_other = json_str(place, "bucket", NULL) != NULL;
	struct buf out BUF_CLEANUP;
	buf_init(&out, 8192);
	if (is_s3)
		buf_printf(&out, "Files of %s lie in the bucket %s of %s, below %s (access key %s).\n", app,
			   json_str(place, "bucket", ""), json_str(place, "endpoint", ""),
			   json_str(place, "prefix", ""), json_str(place, "access_key", ""));
	else if (has_other && !json_bool(place, "empty", false))
		buf_printf(&out, "Files of %s are brought back to this server's disk from the bucket %s of %s.\n", app,
			   json_str(place, "bucket", ""), json_str(place, "endpoint", ""));
	else
		buf_printf(&out, "Files of %s lie on this server's disk.\n", app);
	if (has_other && json_bool(place, "empty", false))
		buf_printf(&out, "The bucket %s is not needed any more: freehold storage %s place forget\n",
			   json_str(place, "bucket", ""), app);
	bool is_of_this = strcmp(json_str(state, "place", ""), is_s3 ? "s3" : "local") == 0;
	if (has_other && is_of_this && error[0] != '\0')
		buf_printf(&out,
			   "The last round failed for %lld files: %s\nIt is tried again by itself; nothing is lost, "
			   "they lie where they lay.\n",
			   (long long)json_int(state, "failed", 0), error);
	else if (has_other && is_of_this && !json_bool(state, "done", false))
		buf_puts(&out, "Files are being taken there now. They are served meanwhile.\n");
	else if (is_s3 && is_of_this)
		buf_puts(&out, "All files are there.\n");
	screen_write(buf_view(&out));
}

/* Until the backend has tried it. */
static bool await(struct cli *cli, const char *kind, int64_t since_ms, json_t **ret_place, struct err *err)
{
	for (int64_t until = clock_now_ms() + WAIT_MS;;) {
		json_t *place = NULL;
		int64_t at_ms = 0;
		if (!storage_ask(cli, NULL, "/place", NULL, &place, err)) return false;
		const json_t *state = json_object_get(place, "state");
		bool is_new = clock_from_iso8601(json_str(state, "at", ""), &at_ms) && at_ms >= since_ms &&
			      strcmp(json_str(state, "place", ""), kind) == 0;
		bool is_told = is_new && (json_bool(state, "done", false) || json_int(state, "failed", 0) > 0);
		if (is_told || clock_now_ms() > until || json_object_get(place, "bucket") == NULL) {
			*ret_place = place;
			return true;
		}
		json_decref(place);
		const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
		(void)nanosleep(&pause, NULL);
	}
}

static bool change(struct cli *cli, const json_t *body, const char *kind, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *place JSON_CLEANUP = NULL;
	int64_t since_ms = clock_wall_ms() - 1;
	if (!storage_ask(cli, "PUT", "/place", body, &answer, err) || !await(cli, kind, since_ms, &place, err))
		return false;
	if (cli->is_json)
		cli_put_json(cli, place);
	else
		put_place(cli, place);
	return true;
}

static bool to_s3(struct cli *cli, struct err *err)
{
	static const char *const options[][2] = {{"endpoint", "endpoint"},
						 {"region", "region"},
						 {"bucket", "bucket"},
						 {"prefix", "prefix"},
						 {"access-key", "access_key"}};
	json_t *body JSON_CLEANUP = json_pack("{s:s}", "kind", "s3");
	struct buf secret BUF_CLEANUP;
	buf_init(&secret, 1024);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const char *value = cli_value(cli, options[i][0]);
		if (value == NULL && strcmp(options[i][0], "region") == 0) value = "us-east-1";
		if (value == NULL && strcmp(options[i][0], "prefix") == 0) continue;
		if (value == NULL)
			return err_set(err, ERR_INVALID, "say --%s; freehold storage --help shows an example",
				       options[i][0]);
		json_object_set_new(body, options[i][1], json_string(value));
	}
	if (!cli_read_value(STR("the secret of the access key"), &secret, err)) return false;
	json_object_set_new(body, "secret", json_stringn(buf_cstr(&secret), secret.len));
	return change(cli, body, "s3", err);
}

bool storage_place(struct cli *cli, struct err *err)
{
	const char *word = cli->word_count > 2 ? cli->words[2] : "";
	json_t *place JSON_CLEANUP = NULL;
	if (cli->word_count > 3)
		return err_set(err, ERR_INVALID,
			       "\"%.40s\" is one word too many: freehold storage %s place s3|local|forget",
			       cli->words[3], cli->words[0]);
	if (strcmp(word, "s3") == 0) return to_s3(cli, err);
	if (strcmp(word, "local") == 0 || strcmp(word, "forget") == 0) {
		json_t *body JSON_CLEANUP = json_pack("{s:s}", "kind", word);
		return change(cli, body, "local", err);
	}
	if (word[0] != '\0') return err_set(err, ERR_INVALID, "place does not know \"%.40s\": s3, local, forget", word);
	if (!storage_ask(cli, NULL, "/place", NULL, &place, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, place);
	else
		put_place(cli, place);
	return true;
}
