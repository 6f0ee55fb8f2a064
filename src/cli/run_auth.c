/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold auth: how an app's users sign in. Here what is set, and setting it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/auth.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "codec/json.h"

bool auth_ask(const struct auth_words *w, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
	      struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, w->app, "/auth", err)) return false;
	buf_puts(&path, rest);
	return cli_ask(w->cli, method, buf_cstr(&path), body, ret_answer, err);
}

bool auth_change(const struct auth_words *w, const json_t *body, json_t **ret_answer, struct err *err)
{
	json_t *answer = NULL;
	if (!auth_ask(w, "PUT", "", body, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		json_decref(answer);
		answer = NULL;
	} else if (json_bool(answer, "created", false)) {
		struct buf out BUF_CLEANUP;
		buf_init(&out, 512);
		buf_printf(&out, "There was no app named %s yet; it is made, and waits for its first deployment.\n",
			   w->app);
		screen_write(buf_view(&out));
	}
	*ret_answer = answer;
	return true;
}

static const char *text_of(const json_t *value, char ret_text[512])
{
	ret_text[0] = '\0';
	if (json_is_string(value)) (void)snprintf(ret_text, 512, "%s", json_string_value(value));
	if (json_is_boolean(value)) (void)snprintf(ret_text, 512, "%s", json_is_true(value) ? "true" : "false");
	if (json_is_integer(value)) (void)snprintf(ret_text, 512, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	for (size_t i = 0; i < json_array_size(value); i++) {
		size_t used = strlen(ret_text);
		const char *item = json_string_value(json_array_get(value, i));
		(void)snprintf(ret_text + used, 512 - used, "%s%s", i > 0 ? ", " : "", item != NULL ? item : "");
	}
	return ret_text;
}

const char *auth_value(const json_t *answer, const char *name, char ret_text[512])
{
	const json_t *list = json_object_get(answer, "settings");
	ret_text[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		if (strcmp(json_str(entry, "name", ""), name) == 0)
			return text_of(json_object_get(entry, "value"), ret_text);
	}
	return ret_text;
}

bool auth_no_more(const struct auth_words *w, size_t most, const char *usage, struct err *err)
{
	return w->count <= most || err_set(err, ERR_INVALID, "\"%.40s\" is one word too many: freehold auth %s %s",
					   w->words[most], w->app, usage);
}

static void put_signing(struct buf *out, const json_t *answer)
{
	const json_t *keys = json_object_get(answer, "keys");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		if (strcmp(json_str(key, "state", ""), "in_use") == 0)
			buf_printf(out, "  Tokens     signed with %s (key %s)\n", json_str(key, "algorithm", ""),
				   json_str(key, "id", ""));
	}
}

/* What a founder wants to know first. */
static void put_summary(struct buf *out, const char *app, const json_t *answer)
{
	bool sends = json_bool(answer, "sends_mail", false), confirms = json_bool(answer, "confirmations", false);
	const json_t *providers = json_object_get(answer, "providers"), *missing = json_object_get(answer, "missing");
	char text[512];
	buf_printf(out, "Sign-in of %s\n\n", app);
	buf_printf(out, "  Address    %s\n", json_str(answer, "site_url", ""));
	if (sends)
		buf_puts(out, "  Mail       leaves through your mail server\n");
	else
		buf_printf(out,
			   "  Mail       no mail server is set: mails are kept, freehold mail %s shows them with their "
			   "links.\n"
			   "             Set one: freehold auth %s smtp HOST:PORT --user NAME --from ADDRESS\n",
			   app, app);
	buf_printf(out, "  Sign-up    %s%s\n", json_bool(answer, "signup", true) ? "open" : "closed",
		   confirms ? ", confirmed by mail" : ", confirmed at once");
	if (confirms && !sends)
		buf_puts(out, "             Nobody can confirm before mails leave, or you pass the link on.\n");
	buf_printf(out, "  Providers  %s\n", json_array_size(providers) > 0 ? text_of(providers, text) : "none");
	put_signing(out, answer);
	for (size_t i = 0; i < json_array_size(missing); i++) {
		const json_t *m = json_array_get(missing, i);
		buf_printf(out, "  Missing    %s of supabase/config.toml is %s: freehold env %s set %s=-\n",
			   json_str(m, "name", ""), json_str(m, "variable", ""), app, json_str(m, "variable", ""));
	}
}

static void put_settings(const struct cli *cli, struct buf *out, const json_t *answer)
{
	static const char *const columns[] = {"SETTING", "VALUE", "FROM", NULL};
	const json_t *list = json_object_get(answer, "settings");
	char text[512];
	if (json_array_size(list) == 0) return;
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *from = json_str(entry, "from", "");
		bool is_secret = json_bool(entry, "secret", false), is_default = strcmp(from, "freehold") == 0;
		table_cell(&t, is_default ? TONE_PLAIN : TONE_STRONG, json_str(entry, "name", ""));
		if (is_secret)
			table_cell(&t, TONE_DIM, is_default ? "" : "(secret)");
		else
			table_cell(&t, TONE_PLAIN, text_of(json_object_get(entry, "value"), text));
		table_cell(&t, TONE_DIM, is_default ? "default" : strcmp(from, "export") == 0 ? "config.toml" : "you");
	}
	buf_putc(out, '\n');
	table_render(&t, &cli->look, 2, out);
}

static bool list(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	bool all = cli_has(w->cli, "all");
	buf_init(&out, VIEW_BYTES_MAX);
	if (!auth_no_more(w, 0, "list", err) || !auth_ask(w, NULL, all ? "?all=1" : "", NULL, &answer, err))
		return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	put_summary(&out, w->app, answer);
	put_settings(w->cli, &out, answer);
	if (!all) buf_printf(&out, "\nEvery setting with what holds: freehold auth %s list --all\n", w->app);
	screen_write(buf_view(&out));
	return true;
}

static bool collect_set(const struct auth_words *w, json_t *set, struct err *err)
{
	bool has_read = false;
	for (size_t i = 0; i < w->count; i++) {
		struct str name, value;
		struct buf read BUF_CLEANUP;
		buf_init(&read, CLI_VALUE_MAX);
		if (!str_cut(str_from(w->words[i]), '=', &name, &value))
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" has no value: write NAME=VALUE, or NAME=- to type it unseen",
				       w->words[i]);
		if (str_eq(value, STR("-"))) {
			if (has_read && !screen_can_ask())
				return err_set(err, ERR_INVALID, "only one value can come from standard input");
			if (!cli_read_value(name, &read, err)) return false;
			if (!buf_is_ok(&read))
				return err_set(err, ERR_LIMIT, "a value has at most %d bytes", CLI_VALUE_MAX);
			has_read = true;
			value = buf_view(&read);
		}
		if (!str_is_utf8(value))
			return err_set(err, ERR_INVALID, "the value of %.*s is not text", STR_FMT(name));
		json_object_setn_new(set, name.ptr, name.len, json_stringn(value.ptr, value.len));
	}
	return true;
}

static bool set(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}}", "set");
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	if (w->count == 0)
		return err_set(err, ERR_INVALID,
			       "auth set needs settings: freehold auth %s set NAME=VALUE; freehold auth %s list --all "
			       "shows the names",
			       w->app, w->app);
	if (!collect_set(w, json_object_get(body, "set"), err) || !auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "%zu set for %s. It holds from now on, without a restart.\n", w->count, w->app);
	screen_write(buf_view(&out));
	return true;
}

static bool unset(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s[]}", "unset");
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	if (w->count == 0)
		return err_set(err, ERR_INVALID, "auth unset needs names: freehold auth %s unset NAME", w->app);
	for (size_t i = 0; i < w->count; i++)
		json_array_append_new(json_object_get(body, "unset"), json_string(w->words[i]));
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "%zu unset for %s: what supabase/config.toml says, or the default, holds from now on.\n",
		   w->count, w->app);
	screen_write(buf_view(&out));
	return true;
}

bool run_auth(struct cli *cli, int *ret_status, struct err *err)
{
	static const struct {
		const char *verb;
		bool (*run)(const struct auth_words *w, struct err *err);
	} parts[] = {
	    {"list", list},
	    {"set", set},
	    {"unset", unset},
	    {"smtp", auth_smtp},
	    {"provider", auth_provider},
	    {"template", auth_template},
	    {"keys", auth_keys},
	    {"users", auth_users},
	};
	static const char *const verbs[] = {"list",     "set",  "unset", "smtp", "provider",
					    "template", "keys", "users", NULL};
	const char *verb = cli->word_count > 1 ? cli->words[1] : "list";
	struct auth_words w = {.cli = cli, .app = cli->words[0], .words = cli->words + 2};
	w.count = cli->word_count > 2 ? cli->word_count - 2 : 0;
	*ret_status = 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcmp(parts[i].verb, verb) == 0) return parts[i].run(&w, err);
	const char *near = name_nearest(verb, verbs);
	return err_set(
	    err, ERR_INVALID,
	    "auth does not know \"%.40s\"%s%s%s: freehold auth APP list | set | unset | smtp | provider | template | "
	    "keys | users",
	    verb, near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}
