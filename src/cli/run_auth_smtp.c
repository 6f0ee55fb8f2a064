/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold auth APP smtp: the mail server, and whether it takes mail. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/auth.h"
#include "cli/screen.h"
#include "codec/json.h"

#define TEST_MS 60000
#define LOOK_MS 200

static bool show(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	char text[512];
	buf_init(&out, VIEW_BYTES_MAX);
	if (!auth_ask(w, NULL, "?all=1", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		static const char *const names[] = {"host", "port", "user", "admin_email", "sender_name", "security"};
		json_t *smtp JSON_CLEANUP = json_object();
		json_object_set_new(smtp, "sends_mail", json_boolean(json_bool(answer, "sends_mail", false)));
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			char name[64];
			(void)snprintf(name, sizeof name, "email.smtp.%s", names[i]);
			json_object_set_new(smtp, names[i], json_string(auth_value(answer, name, text)));
		}
		cli_put_json(w->cli, smtp);
		return true;
	}
	if (auth_value(answer, "email.smtp.host", text)[0] == '\0') {
		buf_printf(&out,
			   "%s has no mail server. Mails are kept; freehold mail %s shows them with their links.\n"
			   "Set one: freehold auth %s smtp HOST:PORT --user NAME --from ADDRESS\n",
			   w->app, w->app, w->app);
	} else {
		buf_printf(&out, "  Server    %s", text);
		buf_printf(&out, ":%s\n", auth_value(answer, "email.smtp.port", text));
		buf_printf(&out, "  User      %s\n", auth_value(answer, "email.smtp.user", text));
		buf_printf(&out, "  From      %s\n", auth_value(answer, "email.smtp.admin_email", text));
		buf_printf(&out, "  Security  %s\n", auth_value(answer, "email.smtp.security", text));
		buf_printf(&out, "Try it: freehold auth %s smtp test ADDRESS\n", w->app);
	}
	screen_write(buf_view(&out));
	return true;
}

static bool off(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s:{s:s, s:b}}", "set", "email.smtp.host",
									   "", "email.smtp.enabled", false);
	struct buf out BUF_CLEANUP;
	buf_init(&out, 512);
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "No mail leaves %s any more; mails are kept, and freehold mail %s shows them.\n", w->app,
		   w->app);
	screen_write(buf_view(&out));
	return true;
}

static bool put_option(const struct auth_words *w, json_t *set, const char *option, const char *name, struct err *err)
{
	const char *value = cli_value(w->cli, option);
	if (value == NULL) return true;
	if (!str_is_utf8(str_from(value))) return err_set(err, ERR_INVALID, "--%s is not text", option);
	json_object_set_new(set, name, json_string(value));
	return true;
}

/* "mail.example.com:465", "[::1]:25" */
static bool put_host(json_t *set, const char *word, struct err *err)
{
	const char *colon = strrchr(word, ':'), *bracket = strrchr(word, ']');
	bool has_port = colon != NULL && (strchr(word, ':') == colon || (bracket != NULL && colon > bracket));
	size_t len = has_port ? (size_t)(colon - word) : strlen(word);
	int64_t port;
	if (has_port && (!str_to_int(str_from(colon + 1), &port) || port < 1 || port > 65535))
		return err_set(err, ERR_INVALID, "\"%.60s\" is no HOST:PORT; the port is a number, 587 or 465 mostly",
			       word);
	json_object_set_new(set, "email.smtp.host", json_stringn(word, len));
	if (has_port) json_object_set_new(set, "email.smtp.port", json_integer(port));
	json_object_set_new(set, "email.smtp.enabled", json_true());
	return true;
}

static bool set_server(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}}", "set");
	json_t *set = json_object_get(body, "set");
	struct buf out BUF_CLEANUP, password BUF_CLEANUP;
	buf_init(&out, 1024), buf_init(&password, 4096);
	if (cli_value(w->cli, "from") == NULL)
		return err_set(err, ERR_INVALID, "say where mails come from: --from hello@your-domain.example");
	if (!put_host(set, w->words[0], err) || !put_option(w, set, "user", "email.smtp.user", err) ||
	    !put_option(w, set, "from", "email.smtp.admin_email", err) ||
	    !put_option(w, set, "sender", "email.smtp.sender_name", err) ||
	    !put_option(w, set, "security", "email.smtp.security", err))
		return false;
	if (cli_value(w->cli, "user") != NULL) {
		if (!cli_read_value(STR("the mail server's password"), &password, err)) return false;
		json_object_set_new(set, "email.smtp.pass", json_stringn(buf_cstr(&password), password.len));
	}
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "Mails of %s leave through %s from now on%s.\n", w->app, w->words[0],
		   json_bool(answer, "confirmations", false) ? ", and a sign-up is confirmed by mail" : "");
	buf_printf(&out, "Try it: freehold auth %s smtp test ADDRESS\n", w->app);
	screen_write(buf_view(&out));
	return true;
}

/* Until the backend has tried it once. */
static bool await(const struct auth_words *w, int64_t id, json_t **ret_mail, struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, w->app, "/mail/", err)) return false;
	buf_printf(&path, "%lld", (long long)id);
	for (int64_t end_ms = clock_now_ms() + TEST_MS; clock_now_ms() < end_ms;) {
		json_t *mail = NULL;
		if (!cli_ask(w->cli, NULL, buf_cstr(&path), NULL, &mail, err)) return false;
		if (json_array_size(json_object_get(mail, "tries")) > 0) {
			*ret_mail = mail;
			return true;
		}
		json_decref(mail);
		(void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
	}
	return err_set(err, ERR_TIMEOUT, "the mail server was not asked within %d s; freehold logs %s --source backend",
		       TEST_MS / 1000, w->app);
}

static bool test(const struct auth_words *w, struct err *err)
{
	json_t *queued JSON_CLEANUP = NULL, *mail JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP, out BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE), buf_init(&out, VIEW_BYTES_MAX);
	if (w->count != 2) return err_set(err, ERR_INVALID, "say to whom: freehold auth %s smtp test ADDRESS", w->app);
	json_t *body JSON_CLEANUP = json_pack("{s:s}", "to", w->words[1]);
	if (!cli_app_path(&path, w->app, "/mail/test", err) ||
	    !cli_ask(w->cli, "POST", buf_cstr(&path), body, &queued, err) ||
	    !await(w, json_int(queued, "id", 0), &mail, err))
		return false;
	const json_t *tries = json_object_get(mail, "tries"), *last = json_array_get(tries, json_array_size(tries) - 1);
	bool is_sent = strcmp(json_str(mail, "state", ""), "sent") == 0;
	if (w->cli->is_json) cli_put_json(w->cli, mail);
	if (!is_sent)
		return err_set(err, ERR_FAILED, "the mail server did not take it: %.600s",
			       json_str(last, "answer", ""));
	if (w->cli->is_json) return true;
	buf_printf(&out,
		   "The mail server took it: %s\nIf it does not arrive, look into the spam folder and at your domain's "
		   "SPF and DKIM records.\n",
		   json_str(last, "answer", ""));
	screen_write(buf_view(&out));
	return true;
}

bool auth_smtp(const struct auth_words *w, struct err *err)
{
	if (w->count == 0) return show(w, err);
	if (strcmp(w->words[0], "test") == 0) return test(w, err);
	if (!auth_no_more(w, 1, "smtp [HOST:PORT|off|test ADDRESS]", err)) return false;
	if (strcmp(w->words[0], "off") == 0) return off(w, err);
	return set_server(w, err);
}
