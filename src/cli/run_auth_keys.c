/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold auth APP keys: what signs the tokens. freehold auth APP users: who is there. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/auth.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "os/file.h"

#define KEYS_FILE_MAX_BYTES (64u << 10)
#define SECRET_MIN_BYTES 32

static const char *state_words(const char *state)
{
	if (strcmp(state, "in_use") == 0) return "signs";
	if (strcmp(state, "standby") == 0) return "standby: signs after the next rotation";
	if (strcmp(state, "previously_used") == 0) return "was used: what it signed is accepted";
	return "revoked: what it signed is refused";
}

static void put_ago(struct table *t, const json_t *entry, const char *member, int64_t now_ms)
{
	char text[TEXT_SHORT_SIZE] = "";
	int64_t at_ms;
	if (clock_from_iso8601(json_str(entry, member, ""), &at_ms)) text_ago(text, at_ms, now_ms);
	table_cell(t, TONE_DIM, text);
}

static void put_keys(const struct auth_words *w, const json_t *answer, const char *said)
{
	static const char *const columns[] = {"KEY", "ALGORITHM", "STATE", "SINCE", NULL};
	const json_t *list = json_object_get(answer, "keys");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(w->cli, &out);
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return;
	}
	buf_puts(&out, said);
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *key = json_array_get(list, i);
		table_cell(&t, TONE_STRONG, json_str(key, "id", ""));
		table_cell(&t, TONE_PLAIN, json_str(key, "algorithm", ""));
		table_cell(&t, TONE_PLAIN, state_words(json_str(key, "state", "")));
		put_ago(&t, key, "changed_at", v.now_ms);
	}
	table_render(&t, &w->cli->look, 0, &out);
	screen_write(buf_view(&out));
}

/* Whoever checks tokens without asking us keeps the list of keys for a while, as its answer allows (auth/jwks). */
#define KEYS_KEPT_MS (10 * 60 * 1000)

static void say_if_new(const struct auth_words *w, const json_t *answer)
{
	const json_t *list = json_object_get(answer, "keys");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(w->cli, &out);
	for (size_t i = 0; i < json_array_size(list) && !w->cli->is_json; i++) {
		const json_t *key = json_array_get(list, i);
		char since[TEXT_SHORT_SIZE];
		int64_t made_ms;
		if (strcmp(json_str(key, "state", ""), "in_use") != 0 ||
		    !clock_from_iso8601(json_str(key, "created_at", ""), &made_ms) ||
		    v.now_ms - made_ms >= KEYS_KEPT_MS)
			continue;
		text_ago(since, made_ms, v.now_ms);
		buf_printf(
		    &out,
		    "! This key was announced %s. Whoever checks tokens by a list of keys (another server, an edge "
		    "function elsewhere) may keep an old list for ten minutes, and refuses new sign-ins until then. "
		    "The app itself has it already. Next time: keys standby, ten minutes, keys rotate.\n",
		    since);
	}
	screen_write(buf_view(&out));
}

static bool act(const struct auth_words *w, const json_t *body, const char *said, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!auth_ask(w, "POST", "/keys", body, &answer, err)) return false;
	put_keys(w, answer, said);
	return true;
}

/* A file of JSON Web Keys, or the JWT secret of a project that is moved here, as text. */
static bool read_keys(const char *path, json_t **ret_keys, struct err *err)
{
	struct buf text BUF_CLEANUP, k BUF_CLEANUP;
	json_t *value = NULL;
	struct err ignored;
	buf_init(&text, KEYS_FILE_MAX_BYTES), buf_init(&k, KEYS_FILE_MAX_BYTES * 2);
	bool ok = strcmp(path, "-") == 0 ? cli_read_value(STR("the secret"), &text, err) : file_read(path, &text, err);
	if (!ok) return false;
	struct str secret = str_trim(buf_view(&text));
	if (json_parse(secret, &value, &ignored)) {
		json_t *list = json_object_get(value, "keys");
		*ret_keys = json_is_array(value)  ? json_incref(value)
			    : json_is_array(list) ? json_incref(list)
						  : json_pack("[O]", value);
		json_decref(value);
		return true;
	}
	if (secret.len < SECRET_MIN_BYTES)
		return err_set(err, ERR_INVALID,
			       "%s holds neither JSON Web Keys nor a secret of at least %d characters", path,
			       SECRET_MIN_BYTES);
	base64url_encode(secret, &k);
	*ret_keys = json_pack("[{s:s, s:s}]", "kty", "oct", "k", buf_cstr(&k));
	return true;
}

static bool import(const struct auth_words *w, struct err *err)
{
	json_t *keys = NULL;
	if (w->count != 2)
		return err_set(err, ERR_INVALID,
			       "say which file: freehold auth %s keys import FILE, or - to type a secret unseen",
			       w->app);
	if (!read_keys(w->words[1], &keys, err)) return false;
	bool takes_over = cli_has(w->cli, "take-over");
	json_t *body JSON_CLEANUP =
	    json_pack("{s:s, s:o, s:b}", "action", "import", "keys", keys, "takes_over", takes_over);
	return act(w, body,
		   takes_over ? "The first of them signs from now on.\n"
			      : "Tokens that they signed are accepted from now on.\n",
		   err);
}

static bool revoke(const struct auth_words *w, struct err *err)
{
	if (w->count != 2) return err_set(err, ERR_INVALID, "say which: freehold auth %s keys revoke KEY", w->app);
	json_t *body JSON_CLEANUP = json_pack("{s:s, s:s}", "action", "revoke", "id", w->words[1]);
	if (strcmp(w->words[1], "public") == 0)
		return act(w, body,
			   "Former anon and publishable keys are refused: a page that was loaded before they were made "
			   "anew works again once it is reloaded without the browser's cache.\n",
			   err);
	return act(
	    w, body,
	    "Tokens that it signed are refused from now on; whoever has one signs in again. The app's own keys (anon, "
	    "service_role) stay what they are.\n",
	    err);
}

/* The app's own four. */
static bool renew(const struct auth_words *w, struct err *err)
{
	const char *which = w->count == 2 ? w->words[1] : "";
	bool is_public = strcmp(which, "public") == 0;
	if (!is_public && strcmp(which, "service") != 0)
		return err_set(err, ERR_INVALID,
			       "say which: freehold auth %s keys renew service (service_role and secret), or public "
			       "(anon and publishable)",
			       w->app);
	json_t *body JSON_CLEANUP = json_pack("{s:s, s:s}", "action", "renew", "which", which);
	return act(
	    w, body,
	    is_public ? "Pages have the new anon and publishable key from now on, those of earlier releases too. The "
			"former ones are accepted until keys revoke public: a browser may have kept a page's scripts.\n"
		      : "The former service_role and secret key are refused; the app's backend and server were "
			"restarted with the new ones.\n",
	    err);
}

bool auth_keys(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	const char *verb = w->count > 0 ? w->words[0] : "list";
	if (strcmp(verb, "import") == 0) return import(w, err);
	if (strcmp(verb, "revoke") == 0) return revoke(w, err);
	if (strcmp(verb, "renew") == 0) return renew(w, err);
	if (strcmp(verb, "standby") == 0) {
		json_t *body JSON_CLEANUP =
		    json_pack("{s:s, s:s}", "action", "standby", "algorithm", w->count > 1 ? w->words[1] : "ES256");
		return auth_no_more(w, 2, "keys standby [ES256|RS256|HS256]", err) &&
		       act(w, body,
			   "The key is announced. Others may keep an old list of keys for ten minutes: rotate after "
			   "that.\n",
			   err);
	}
	if (!auth_no_more(w, 1, "keys [list|standby|rotate|revoke KEY|import FILE|renew service|renew public]", err))
		return false;
	if (strcmp(verb, "rotate") == 0) {
		json_t *body JSON_CLEANUP = json_pack("{s:s}", "action", "rotate");
		if (!auth_ask(w, "POST", "/keys", body, &answer, err)) return false;
		put_keys(w, answer,
			 "New tokens are signed with it from now on; old ones are accepted until they end.\n");
		say_if_new(w, answer);
		return true;
	}
	if (strcmp(verb, "list") != 0)
		return err_set(err, ERR_INVALID,
			       "keys does not know \"%.40s\": list, standby, rotate, revoke, import, "
			       "renew",
			       verb);
	if (!auth_ask(w, NULL, "/keys", NULL, &answer, err)) return false;
	put_keys(w, answer, "");
	return true;
}

static void put_users(const struct auth_words *w, const json_t *answer)
{
	static const char *const columns[] = {"USER", "WITH", "SINCE", "LAST SIGN-IN", "", NULL};
	const json_t *list = json_object_get(answer, "users");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(w->cli, &out);
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	if (json_array_size(list) == 0) {
		const char *search = cli_value(w->cli, "search");
		buf_printf(&out, "%s has no user%s%s%s.\n", w->app, search != NULL ? " that has \"" : " yet",
			   search != NULL ? search : "", search != NULL ? "\" in the address" : "");
		screen_write(buf_view(&out));
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *u = json_array_get(list, i), *with = json_object_get(u, "providers");
		char providers[200] = "";
		for (size_t p = 0; p < json_array_size(with); p++) {
			size_t used = strlen(providers);
			(void)snprintf(providers + used, sizeof providers - used, "%s%s", p > 0 ? ", " : "",
				       json_string_value(json_array_get(with, p)));
		}
		const char *name = json_str(u, "email", "");
		if (name[0] == '\0') name = json_str(u, "phone", "");
		if (name[0] == '\0') name = json_bool(u, "anonymous", false) ? "(anonymous)" : json_str(u, "id", "");
		table_cell(&t, TONE_STRONG, name);
		table_cell(&t, TONE_PLAIN, providers);
		put_ago(&t, u, "created_at", v.now_ms);
		put_ago(&t, u, "last_sign_in_at", v.now_ms);
		table_cell(&t, TONE_DIM,
			   json_bool(u, "banned", false)       ? "banned"
			   : !json_bool(u, "confirmed", false) ? "not confirmed"
			   : json_int(u, "factors", 0) > 0     ? "two factors"
							       : "");
	}
	table_render(&t, &w->cli->look, 0, &out);
	buf_printf(&out, "%lld of %lld users\n", (long long)json_array_size(list),
		   (long long)json_int(answer, "total", 0));
	screen_write(buf_view(&out));
}

bool auth_users(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf rest BUF_CLEANUP;
	const char *limit = cli_value(w->cli, "limit"), *search = cli_value(w->cli, "search");
	buf_init(&rest, 2048);
	if (!auth_no_more(w, 0, "users", err)) return false;
	buf_puts(&rest, "/users?limit=");
	daemon_escape(&rest, limit != NULL ? limit : "100");
	if (search != NULL) {
		buf_puts(&rest, "&search=");
		daemon_escape(&rest, search);
	}
	if (!auth_ask(w, NULL, buf_cstr(&rest), NULL, &answer, err)) return false;
	if (w->cli->is_json)
		cli_put_json(w->cli, answer);
	else
		put_users(w, answer);
	return true;
}
