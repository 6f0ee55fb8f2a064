/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold auth APP provider: sign-in with an account that people have elsewhere. */
#include <stdio.h>
#include <string.h>

#include "cli/auth.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "codec/json.h"

/* Where the two values come from. */
static const struct {
	const char *name, *title, *where;
} known[] = {
    {"google", "Google",
     "console.cloud.google.com, APIs & Services, Credentials, Create credentials, OAuth client ID, Web application; "
     "the "
     "address goes under \"Authorized redirect URIs\""},
    {"github", "GitHub",
     "github.com, Settings, Developer settings, OAuth Apps, New OAuth App; the address is the \"Authorization callback "
     "URL\""},
    {"apple", "Apple",
     "developer.apple.com, Identifiers, a Services ID with Sign in with Apple; the address is a \"Return URL\", and "
     "the "
     "secret is a token that you sign with the key Apple gives you, good for six months at most: sign a new one "
     "in time"},
    {"azure", "Microsoft",
     "entra.microsoft.com, App registrations, New registration; the address is a redirect URI of the kind Web"},
    {"discord", "Discord", "discord.com/developers, your application, OAuth2; the address goes under \"Redirects\""},
    {"facebook", "Facebook",
     "developers.facebook.com, your app, Facebook Login, Settings; the address goes under \"Valid OAuth Redirect "
     "URIs\""},
};

static const char *title_of(const char *name, const char **ret_where)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i].name, name) != 0) continue;
		*ret_where = known[i].where;
		return known[i].title;
	}
	*ret_where = "the settings of your OpenID Connect issuer";
	return name;
}

static bool is_known(const char *name)
{
	const char *ignored;
	return title_of(name, &ignored) != name;
}

/* One that is not on and that we do not know is another issuer, or one that was typed wrong. */
static void put_unknown(struct buf *out, const char *app, const char *name)
{
	const char *names[sizeof known / sizeof *known + 1] = {NULL};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) names[i] = known[i].name;
	const char *near = name_nearest(name, names);
	buf_printf(out, "%s is none of the providers that Freehold knows", name);
	for (size_t i = 0; names[i] != NULL; i++) buf_printf(out, "%s%s", i == 0 ? " (" : ", ", names[i]);
	buf_puts(out, ").\n");
	if (near != NULL) buf_printf(out, "Did you mean: freehold auth %s provider %s\n", app, near);
	buf_printf(
	    out, "Any other OpenID Connect issuer: freehold auth %s provider %s --url https://ISSUER --client-id ID\n",
	    app, name);
}

static void name_of(const char *provider, const char *member, char ret_name[160])
{
	(void)snprintf(ret_name, 160, "external.%.80s.%s", provider, member);
}

static bool is_on(const json_t *answer, const char *provider)
{
	const json_t *list = json_object_get(answer, "providers");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), provider) == 0) return true;
	return false;
}

static void put_where(struct buf *out, const char *app, const char *provider, const json_t *answer)
{
	const char *where, *title = title_of(provider, &where);
	buf_printf(out, "Enter this address at %s (%s):\n\n  %s\n\n", title, where, json_str(answer, "callback", ""));
	if (!is_on(answer, provider))
		buf_printf(out, "Then: freehold auth %s provider %s --client-id ID    (the secret is asked for)\n", app,
			   provider);
}

static bool show(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	const char *ignored;
	buf_init(&out, VIEW_BYTES_MAX);
	if (!auth_ask(w, NULL, "", NULL, &answer, err)) return false;
	const json_t *list = json_object_get(answer, "providers");
	if (w->cli->is_json) {
		json_t *shown JSON_CLEANUP = json_object();
		json_object_set(shown, "providers", json_object_get(answer, "providers"));
		json_object_set(shown, "callback", json_object_get(answer, "callback"));
		cli_put_json(w->cli, shown);
		return true;
	}
	if (w->count > 0 && !is_known(w->words[0]) && !is_on(answer, w->words[0])) {
		put_unknown(&out, w->app, w->words[0]);
	} else if (w->count > 0) {
		buf_printf(&out, "Sign-in with %s is %s for %s.\n", title_of(w->words[0], &ignored),
			   is_on(answer, w->words[0]) ? "on" : "off", w->app);
		put_where(&out, w->app, w->words[0], answer);
	} else if (json_array_size(list) == 0) {
		buf_printf(&out, "%s has no provider. Add one: freehold auth %s provider google\n", w->app, w->app);
	}
	for (size_t i = 0; w->count == 0 && i < json_array_size(list); i++)
		buf_printf(&out, "%s\n", json_string_value(json_array_get(list, i)));
	screen_write(buf_view(&out));
	return true;
}

static bool off(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}}", "set");
	struct buf out BUF_CLEANUP;
	char name[160];
	buf_init(&out, 512);
	name_of(w->words[0], "enabled", name);
	json_object_set_new(json_object_get(body, "set"), name, json_false());
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out,
		   "Sign-in with %s is off for %s. Its users stay; those who have no password can ask for a new one.\n",
		   w->words[0], w->app);
	screen_write(buf_view(&out));
	return true;
}

static bool check_known(const struct auth_words *w, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 2048);
	if (is_known(w->words[0]) || cli_value(w->cli, "url") != NULL) return true;
	if (!auth_ask(w, NULL, "", NULL, &answer, err)) return false;
	if (is_on(answer, w->words[0])) return true;
	put_unknown(&text, w->app, w->words[0]);
	return err_set(err, ERR_INVALID, "%.*s", (int)str_trim(buf_view(&text)).len, buf_cstr(&text));
}

static bool set(const struct auth_words *w, struct err *err)
{
	static const char *const options[][2] = {{"client-id", "client_id"}, {"url", "url"}, {"scopes", "scopes"}};
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}}", "set");
	json_t *to = json_object_get(body, "set");
	struct buf out BUF_CLEANUP, secret BUF_CLEANUP;
	char name[160];
	buf_init(&out, VIEW_BYTES_MAX), buf_init(&secret, CLI_VALUE_MAX);
	if (!check_known(w, err)) return false;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		const char *value = cli_value(w->cli, options[i][0]);
		if (value == NULL) continue;
		name_of(w->words[0], options[i][1], name);
		json_object_set_new(to, name, json_string(value));
	}
	if (cli_value(w->cli, "client-id") != NULL) {
		if (!cli_read_value(STR("the client secret"), &secret, err)) return false;
		if (secret.len == 0 && cli_value(w->cli, "url") == NULL)
			return err_set(
			    err, ERR_INVALID,
			    "nothing was entered for the client secret, and without it nobody can sign in with "
			    "%.40s; nothing was changed",
			    w->words[0]);
		name_of(w->words[0], "secret", name);
		json_object_set_new(to, name, json_stringn(buf_cstr(&secret), secret.len));
	}
	name_of(w->words[0], "enabled", name);
	json_object_set_new(to, name, json_true());
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "Sign-in with %s is on for %s.\n", w->words[0], w->app);
	put_where(&out, w->app, w->words[0], answer);
	screen_write(buf_view(&out));
	return true;
}

bool auth_provider(const struct auth_words *w, struct err *err)
{
	bool has_values = cli_value(w->cli, "client-id") != NULL || cli_value(w->cli, "url") != NULL ||
			  cli_value(w->cli, "scopes") != NULL;
	if (!auth_no_more(w, 2, "provider [NAME [off]]", err)) return false;
	if (w->count == 2 && strcmp(w->words[1], "off") == 0) return off(w, err);
	if (w->count == 2 && strcmp(w->words[1], "on") != 0)
		return err_set(err, ERR_INVALID, "a provider is set on or off, not \"%.40s\"", w->words[1]);
	if (w->count == 2 || (w->count == 1 && has_values)) return set(w, err);
	return show(w, err);
}
