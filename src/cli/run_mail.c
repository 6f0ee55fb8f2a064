/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold mail: the mails of an app's sign-in, those that left and those that did not. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static bool ask(const struct cli *cli, const char *method, const char *rest, json_t **ret_answer, struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, cli->words[0], "/mail", err)) return false;
	buf_puts(&path, rest);
	json_t *body JSON_CLEANUP = strcmp(method, "POST") == 0 ? json_object() : NULL;
	return cli_ask(cli, method, buf_cstr(&path), body, ret_answer, err);
}

static const char *state_words(const json_t *mail, bool sends)
{
	const char *state = json_str(mail, "state", "");
	if (strcmp(state, "sent") == 0) return "sent";
	if (strcmp(state, "dead") == 0) return "given up";
	if (strcmp(state, "sending") == 0) return "is being sent";
	if (!sends) return "kept";
	return json_int(mail, "attempts", 0) > 0 ? "will be tried again" : "waits";
}

static void put_mails(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"MAIL", "WHEN", "STATE", "TO", "WHAT", "LINK OR CODE", NULL};
	const json_t *list = json_object_get(answer, "mails");
	bool sends = json_bool(answer, "sends_mail", false);
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (json_array_size(list) == 0) {
		buf_printf(&out, "%s has no mails.\n", cli->words[0]);
		screen_write(buf_view(&out));
		return;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		char number[24], since[TEXT_SHORT_SIZE] = "";
		int64_t at_ms;
		(void)snprintf(number, sizeof number, "%lld", (long long)json_int(m, "id", 0));
		if (clock_from_iso8601(json_str(m, "queued_at", ""), &at_ms)) text_ago(since, at_ms, v.now_ms);
		table_cell(&t, TONE_STRONG, number);
		table_cell(&t, TONE_DIM, since);
		table_cell(&t, strcmp(json_str(m, "state", ""), "dead") == 0 ? TONE_BAD : TONE_PLAIN,
			   state_words(m, sends));
		table_cell(&t, TONE_PLAIN, json_str(m, "recipient", ""));
		table_cell(&t, TONE_PLAIN, json_str(m, "kind", ""));
		table_cell(&t, TONE_PLAIN, json_str(m, "link", json_str(m, "token", "")));
	}
	struct look wide = cli->look;
	wide.columns = 0; /* a link that is cut is none */
	table_render(&t, &wide, 0, &out);
	if (!sends && json_int(json_object_get(answer, "counts"), "waiting", 0) > 0)
		buf_printf(
		    &out,
		    "No mail server is set, so that what is kept does not leave. Pass a link on by hand, or set one: "
		    "freehold auth "
		    "%s smtp\n",
		    cli->words[0]);
	screen_write(buf_view(&out));
}

static bool list(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf rest BUF_CLEANUP;
	const char *limit = cli_value(cli, "limit"), *state = cli_value(cli, "state");
	buf_init(&rest, 512);
	buf_puts(&rest, "?limit=");
	daemon_escape(&rest, limit != NULL ? limit : "50");
	if (state != NULL) {
		buf_puts(&rest, "&state=");
		daemon_escape(&rest, state);
	}
	if (!ask(cli, "GET", buf_cstr(&rest), &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_mails(cli, answer);
	return true;
}

static void put_line(struct buf *out, const char *name, const char *text)
{
	if (text[0] == '\0') return;
	buf_printf(out, "%-10s ", name);
	text_clean(out, str_from(text), TEXT_LINE);
	buf_putc(out, '\n');
}

static void put_mail(struct cli *cli, const json_t *m)
{
	const json_t *tries = json_object_get(m, "tries");
	struct buf out BUF_CLEANUP;
	buf_init(&out, 2u << 20);
	put_line(&out, "To", json_str(m, "recipient", ""));
	put_line(&out, "Subject", json_str(m, "subject", ""));
	put_line(&out, "What", json_str(m, "kind", ""));
	put_line(&out, "Made", json_str(m, "queued_at", ""));
	put_line(&out, "State", state_words(m, json_bool(m, "sends_mail", false)));
	put_line(&out, "Link", json_str(m, "link", ""));
	put_line(&out, "Code", json_str(m, "token", ""));
	for (size_t i = 0; i < json_array_size(tries); i++) {
		const json_t *t = json_array_get(tries, i);
		struct buf line BUF_CLEANUP;
		buf_init(&line, 2048);
		buf_printf(&line, "%s: %s", json_str(t, "at", ""), json_str(t, "answer", ""));
		put_line(&out, "Tried", buf_cstr(&line));
	}
	buf_putc(&out, '\n');
	text_clean(&out, str_from(json_str(m, cli_has(cli, "html") ? "html" : "plain", "")), TEXT_BLOCK);
	if (json_str(m, "plain", "")[0] == '\0') buf_puts(&out, "(what it said was let go when it was sent)");
	buf_putc(&out, '\n');
	screen_write(buf_view(&out));
}

static bool show(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	char rest[40];
	int64_t n;
	if (cli->word_count != 3) return err_set(err, ERR_INVALID, "say which: freehold mail %s show N", cli->words[0]);
	if (!cli_number(cli->words[2], "mail", &n, err)) return false;
	(void)snprintf(rest, sizeof rest, "/%lld", (long long)n);
	if (!ask(cli, "GET", rest, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_mail(cli, answer);
	return true;
}

static bool retry(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	char rest[60] = "/retry";
	int64_t n;
	buf_init(&out, 512);
	if (cli->word_count > 3) return err_set(err, ERR_INVALID, "retry takes one number, or none for all");
	if (cli->word_count == 3) {
		if (!cli_number(cli->words[2], "mail", &n, err)) return false;
		(void)snprintf(rest, sizeof rest, "/%lld/retry", (long long)n);
	}
	if (!ask(cli, "POST", rest, &answer, err)) return false;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	if (cli->word_count == 3 && json_int(answer, "retried", 0) == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no mail %s of %s that waits or was given up",
			       cli->words[2], cli->words[0]);
	if (json_bool(answer, "sends_mail", false))
		buf_printf(&out, "%lld will be sent now.\n", (long long)json_int(answer, "retried", 0));
	else
		buf_printf(
		    &out,
		    "No mail server is set, so that nothing leaves. Set one first: freehold auth %s smtp HOST:PORT "
		    "--user NAME --from ADDRESS\n",
		    cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}

static bool purge(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf rest BUF_CLEANUP, out BUF_CLEANUP;
	buf_init(&rest, 200), buf_init(&out, 200);
	if (cli->word_count != 3)
		return err_set(err, ERR_INVALID, "say which: freehold mail %s purge sent|dead|waiting|all",
			       cli->words[0]);
	buf_puts(&rest, "?state=");
	daemon_escape(&rest, cli->words[2]);
	if (!ask(cli, "DELETE", buf_cstr(&rest), &answer, err)) return false;
	buf_printf(&out, "%lld removed.\n", (long long)json_int(answer, "removed", 0));
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		screen_write(buf_view(&out));
	return true;
}

bool run_mail(struct cli *cli, int *ret_status, struct err *err)
{
	static const char *const verbs[] = {"list", "show", "retry", "purge", NULL};
	const char *verb = cli->word_count > 1 ? cli->words[1] : "list";
	*ret_status = 0;
	if (strcmp(verb, "list") == 0) return list(cli, err);
	if (strcmp(verb, "show") == 0) return show(cli, err);
	if (strcmp(verb, "retry") == 0) return retry(cli, err);
	if (strcmp(verb, "purge") == 0) return purge(cli, err);
	const char *near = name_nearest(verb, verbs);
	return err_set(err, ERR_INVALID,
		       "mail does not know \"%.40s\"%s%s%s: freehold mail APP list | show N | retry | purge", verb,
		       near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}
