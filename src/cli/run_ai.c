/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold ai: who answers what an app's code asks of the AI gateway that its builder gave it. */
#include <stdio.h>
#include <string.h>

#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"

/* With --all the first word is the verb. */
static const char *word(const struct cli *cli, size_t n)
{
	if (!cli_has(cli, "all")) n++;
	return n < cli->word_count ? cli->words[n] : NULL;
}

static bool ask(const struct cli *cli, const char *method, json_t *body, json_t **ret_answer, struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (cli_has(cli, "all"))
		buf_puts(&path, "/v1/ai");
	else if (!cli_app_path(&path, cli->words[0], "/ai", err))
		return false;
	return cli_ask(cli, method, buf_cstr(&path), body, ret_answer, err);
}

static void put_line(struct buf *out, const char *text)
{
	text_clean(out, str_from(text), TEXT_LINE);
}

static void put(struct cli *cli, const json_t *answer)
{
	struct buf out BUF_CLEANUP;
	const char *url = json_str(answer, "url", NULL), *name, *from = json_str(answer, "from", "");
	const char *whom = cli_has(cli, "all") ? "all apps" : cli->words[0];
	json_t *to;
	buf_init(&out, VIEW_BYTES_MAX);
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return;
	}
	if (url == NULL) {
		buf_printf(
		    &out,
		    "No AI provider is set for %s: what its code asks is answered with 503 and how to set one.\n"
		    "Any with OpenAI's API will do: freehold ai %s set --url https://api.openai.com/v1 --key -\n",
		    whom, cli_has(cli, "all") ? "--all" : whom);
	} else {
		put_line(&out, url);
		buf_printf(&out, ", %s%s\n", json_bool(answer, "has_key", false) ? "with a key" : "without a key",
			   strcmp(from, "all") == 0 && !cli_has(cli, "all") ? " (as for all apps)" : "");
		json_object_foreach(json_object_get(answer, "models"), name, to)
		{
			buf_puts(&out, "  ");
			put_line(&out, name);
			buf_puts(&out, " is ");
			put_line(&out, json_string_value(to));
			buf_putc(&out, '\n');
		}
	}
	screen_write(buf_view(&out));
}

static bool add_models(const struct cli *cli, json_t *body, struct err *err)
{
	const char *list = cli_value(cli, "model");
	struct str rest = str_from(list), one, from, to;
	json_t *models = json_object();
	json_object_set_new(body, "models", models);
	while (list != NULL && str_next(&rest, ',', &one)) {
		if (!str_cut(str_trim(one), '=', &from, &to) || from.len == 0)
			return err_set(err, ERR_INVALID,
				       "\"%.*s\" names no model: write --model google/gemini-2.5-flash=gpt-4o-mini",
				       STR_FMT(one));
		json_object_setn_new(models, from.ptr, from.len,
				     to.len > 0 ? json_stringn(to.ptr, to.len) : json_null());
	}
	return true;
}

static bool set(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	const char *url = cli_value(cli, "url"), *key = cli_value(cli, "key");
	struct buf secret BUF_CLEANUP;
	buf_init(&secret, 8192);
	if (url == NULL && key == NULL && cli_value(cli, "model") == NULL)
		return err_set(err, ERR_INVALID, "say what: --url, --key or --model; freehold ai --help has examples");
	if (url != NULL) json_object_set_new(body, "url", json_string(url));
	if (key != NULL && strcmp(key, "-") == 0) {
		if (!cli_read_value(STR("the provider's key"), &secret, err)) return false;
	} else if (key != NULL) {
		buf_puts(&secret, key);
	}
	if (key != NULL) json_object_set_new(body, "key", json_stringn(buf_cstr(&secret), secret.len));
	if (!add_models(cli, body, err) || !ask(cli, "PUT", body, &answer, err)) return false;
	put(cli, answer);
	return true;
}

bool run_ai(struct cli *cli, int *ret_status, struct err *err)
{
	static const char *const verbs[] = {"show", "set", "unset", NULL};
	json_t *answer JSON_CLEANUP = NULL;
	*ret_status = 0;
	if (!cli_has(cli, "all") && cli->word_count == 0)
		return err_set(err, ERR_INVALID, "say for which app, or --all: freehold ai shop");
	const char *verb = word(cli, 0) != NULL ? word(cli, 0) : "show";
	if (strcmp(verb, "set") == 0) return set(cli, err);
	if (strcmp(verb, "show") == 0 || strcmp(verb, "unset") == 0) {
		if (!ask(cli, strcmp(verb, "show") == 0 ? "GET" : "DELETE", NULL, &answer, err)) return false;
		put(cli, answer);
		return true;
	}
	const char *near = name_nearest(verb, verbs);
	return err_set(err, ERR_INVALID, "ai does not know \"%.40s\"%s%s%s: freehold ai APP|--all show | set | unset",
		       verb, near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}
