/* SPDX-License-Identifier: Apache-2.0 */
#include "app/signin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/parts.h"
#include "app/signin_store.h"
#include "auth/settings_member.h"
#include "codec/json.h"
#include "mail/compose.h"
#include "store/env.h"

bool signin_is_secret(const char *name)
{
	const struct auth_setting *row;
	enum auth_setting_group_id group;
	struct str wildcard;
	struct err ignored;
	return !auth_setting_find(str_from(name), &row, &wildcard, &group, &ignored) || row->is_secret;
}

void signin_put(json_t *root, const char *name, json_t *value)
{
	struct str rest = str_from(name), head;
	json_t *at = root;
	while (str_cut(rest, '.', &head, &rest)) {
		char key[SIGNIN_NAME_MAX];
		(void)snprintf(key, sizeof key, "%.*s", STR_FMT(head));
		json_t *next = json_object_get(at, key);
		if (!json_is_object(next)) {
			next = json_object();
			(void)json_object_set_new(at, key, next);
		}
		at = next;
	}
	(void)json_object_setn_new(at, rest.ptr, rest.len, value);
}

bool signin_parse(const char *name, struct str text, json_t **ret_value, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	struct buf wrapped BUF_CLEANUP;
	buf_init(&wrapped, SEAL_VALUE_MAX_BYTES + 2);
	buf_putc(&wrapped, '['), buf_str(&wrapped, text), buf_putc(&wrapped, ']');
	if (!json_parse(buf_view(&wrapped), &list, err) || json_array_size(list) != 1)
		return err_wrap(err, "the setting %s", name);
	*ret_value = json_incref(json_array_get(list, 0));
	return true;
}

bool signin_keep(const struct flow *f, const char *app, const char *kind, const char *name, const json_t *value,
		 struct err *err)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text == NULL) abort();
	bool ok = app_secret_set(f->db, f->seal, app, kind, name, str_from(text), err);
	free(text);
	return ok;
}

/* Putting it together. */

struct gathering {
	const struct flow *f;
	const char *app, *url, *tls_url;
	json_t *document, *missing;
	bool is_export;
};

/* NAME of "env(NAME)"; NULL: it is none. */
static bool is_reference(const json_t *value, char ret_name[ENV_NAME_MAX + 1])
{
	struct str text = str_from(json_string_value(value));
	if (!str_has_prefix(text, STR("env(")) || !str_has_suffix(text, STR(")"))) return false;
	struct str name = str_trim(str_sub(text, 4, text.len - 1));
	if (name.len == 0 || name.len > ENV_NAME_MAX) return false;
	(void)snprintf(ret_name, ENV_NAME_MAX + 1, "%.*s", STR_FMT(name));
	return true;
}

/* The path of another server's address under the app's own; what is no web address (an app's scheme) stays. */
static json_t *map_redirect(const char *url, const char *redirect)
{
	struct str text = str_from(redirect), rest, path;
	bool is_web = str_has_prefix(text, STR("http://")) || str_has_prefix(text, STR("https://"));
	if (!is_web) return json_string(redirect);
	rest = str_sub(text, (size_t)str_find(text, STR("://")) + 3, text.len);
	if (!str_cut(rest, '/', &path, &rest) || rest.len == 0) return NULL;
	return json_sprintf("%s/%.*s", url, STR_FMT(rest));
}

static json_t *map_redirects(const char *url, const json_t *list)
{
	json_t *mapped = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		json_t *to = text != NULL ? map_redirect(url, text) : NULL;
		if (to != NULL) (void)json_array_append_new(mapped, to);
	}
	return mapped;
}

/* A variable that is no such value counts as missing. */
static bool resolve(struct gathering *g, const char *name, const char *variable, struct err *err)
{
	json_t *typed = NULL;
	struct err ignored;
	struct buf found BUF_CLEANUP;
	buf_init(&found, SEAL_VALUE_MAX_BYTES);
	bool is_set = app_secret_get(g->f->db, g->f->seal, g->app, "env", variable, &found, err);
	if (!is_set && err->code != ERR_NOT_FOUND) return false;
	if (is_set && auth_setting_value(str_from(name), buf_cstr(&found), &typed, &ignored))
		signin_put(g->document, name, typed);
	else
		json_array_append_new(g->missing, json_pack("{s:s, s:s}", "name", name, "variable", variable));
	return true;
}

static bool gather(void *arg, const char *name, struct str text, int64_t set_at_ms, struct err *err)
{
	struct gathering *g = arg;
	char variable[ENV_NAME_MAX + 1];
	json_t *value JSON_CLEANUP = NULL;
	(void)set_at_ms;
	if (!signin_parse(name, text, &value, err)) return false;
	if (g->is_export && is_reference(value, variable)) return resolve(g, name, variable, err);
	if (g->is_export && strcmp(name, "additional_redirect_urls") == 0)
		signin_put(g->document, name, map_redirects(g->url, value));
	else
		signin_put(g->document, name, json_incref(value));
	return true;
}

/* What a missing variable leaves incomplete is off: a provider without its secret would only fail its visitors. */
static void switch_off(struct gathering *g, const char *name)
{
	char enabled[SIGNIN_NAME_MAX + 16];
	const struct auth_setting *row;
	enum auth_setting_group_id group;
	struct str wildcard;
	struct err ignored;
	const char *last = strrchr(name, '.');
	if (last == NULL) return;
	(void)snprintf(enabled, sizeof enabled, "%.*s.enabled", (int)(last - name), name);
	if (auth_setting_find(str_from(enabled), &row, &wildcard, &group, &ignored))
		signin_put(g->document, enabled, json_false());
}

static bool gather_export(struct gathering *g, struct err *err)
{
	g->is_export = true;
	bool ok = app_secret_each(g->f->db, g->f->seal, g->app, SIGNIN_EXPORT, gather, g, err);
	for (size_t i = 0; i < json_array_size(g->missing); i++)
		switch_off(g, json_str(json_array_get(g->missing, i), "name", ""));
	g->is_export = false;
	return ok;
}

/* An app may always send its visitors back to itself. */
static void put_own(struct gathering *g)
{
	json_t *doc = g->document, *redirects = json_object_get(doc, "additional_redirect_urls");
	if (json_object_get(doc, "site_url") == NULL) signin_put(doc, "site_url", json_string(g->url));
	if (json_object_get(doc, "external_url") == NULL)
		signin_put(doc, "external_url", json_sprintf("%s/auth/v1", g->url));
	if (json_object_get(doc, "issuer_url") == NULL)
		signin_put(doc, "issuer_url", json_sprintf("%s/auth/v1/oidc", g->tls_url));
	json_t *list = json_is_array(redirects) ? json_copy(redirects) : json_array();
	struct str rest = str_from(json_string_value(redirects)), part;
	while (rest.len > 0 && str_next(&rest, ',', &part))
		(void)json_array_append_new(list, json_stringn(str_trim(part).ptr, str_trim(part).len));
	(void)json_array_append_new(list, json_sprintf("%s/**", g->url));
	(void)json_array_append_new(list, json_string(g->tls_url));
	(void)json_array_append_new(list, json_sprintf("%s/**", g->tls_url));
	signin_put(doc, "additional_redirect_urls", list);
}

bool signin_compose(const struct flow *f, const char *app, bool with_export, json_t **ret_document,
		    json_t **ret_missing, struct err *err)
{
	char url[EDGE_HOST_SIZE], tls_url[EDGE_HOST_SIZE];
	edge_app_url(&f->edge, app, url);
	edge_app_tls_url(&f->edge, app, tls_url);
	struct gathering g = {f, app, url, tls_url, json_object(), json_array(), false};
	bool ok = !with_export || gather_export(&g, err);
	ok = ok && app_secret_each(f->db, f->seal, app, SIGNIN_OWNER, gather, &g, err);
	if (!ok) {
		json_decref(g.document);
		json_decref(g.missing);
		return false;
	}
	put_own(&g);
	*ret_document = g.document;
	*ret_missing = g.missing;
	return true;
}

static bool can_be_taken(json_t *document, struct err *err)
{
	struct auth_settings *settings = NULL;
	bool ok = auth_settings_read(document, &settings, err);
	auth_settings_free(settings);
	return ok;
}

bool signin_document(const struct flow *f, const char *app, json_t **ret_document, json_t **ret_missing,
		     struct err *err)
{
	json_t *document = NULL, *missing = NULL;
	struct err ignored;
	if (!signin_compose(f, app, true, &document, &missing, err)) return false;
	if (!can_be_taken(document, &ignored)) {
		json_decref(document);
		json_decref(missing);
		if (!signin_compose(f, app, false, &document, &missing, err)) return false;
	}
	*ret_document = document;
	if (ret_missing != NULL)
		*ret_missing = missing;
	else
		json_decref(missing);
	return true;
}

bool signin_sends_mail(const struct flow *f, const char *app, bool *ret_yes, struct err *err)
{
	json_t *document JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	if (!signin_document(f, app, &document, NULL, err) || !auth_settings_read(document, &settings, err))
		return false;
	*ret_yes = auth_settings_sends_mail(settings);
	auth_settings_free(settings);
	return true;
}

/* Changing it. */

/* A template is tried on made-up values, so that no mail fails for it. */
static bool check_templates(const struct auth_settings *settings, struct err *err)
{
	for (int i = 0; i < MAIL_KINDS; i++) {
		const struct auth_template *t = &settings->email.templates[i];
		struct mail_text text = {t->subject, t->content};
		if (!mail_text_check((enum mail_kind)i, &text, err))
			return err_wrap(err, "the mail %s", mail_kind_word((enum mail_kind)i));
	}
	return true;
}

static bool check_whole(const struct flow *f, const char *app, struct err *err)
{
	json_t *document JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	if (!signin_document(f, app, &document, NULL, err) || !auth_settings_read(document, &settings, err))
		return false;
	bool ok = check_templates(settings, err);
	auth_settings_free(settings);
	return ok;
}

static bool set_one(const struct flow *f, const char *app, const char *name, const json_t *given, struct err *err)
{
	json_t *value JSON_CLEANUP = NULL;
	if (strlen(name) >= SIGNIN_NAME_MAX)
		return err_set(err, ERR_INVALID,
			       "there is no setting %.60s…; freehold auth APP list --all shows those there are", name);
	if (json_is_string(given)) {
		if (!auth_setting_value(str_from(name), json_string_value(given), &value, err)) return false;
	} else {
		value = json_deep_copy(given);
	}
	return signin_keep(f, app, SIGNIN_OWNER, name, value, err);
}

static bool unset_one(const struct flow *f, const char *app, const char *name, struct err *err)
{
	if (app_secret_unset(f->db, app, SIGNIN_OWNER, name, err)) return true;
	if (err->code != ERR_NOT_FOUND) return false;
	return err_set(err, ERR_NOT_FOUND, "%.60s is not set for %s; what is, freehold auth %s says", name, app, app);
}

static bool change(const struct flow *f, const char *app, json_t *set, const json_t *unset, struct err *err)
{
	const char *name;
	json_t *value;
	size_t i;
	json_array_foreach(
	    unset, i,
	    value) if (!unset_one(f, app, json_is_string(value) ? json_string_value(value) : "", err)) return false;
	json_object_foreach(set, name, value) if (!set_one(f, app, name, value, err)) return false;
	return check_whole(f, app, err);
}

bool signin_change(const struct flow *f, const char *app, json_t *set, const json_t *unset, struct err *err)
{
	if (!db_begin(f->db, err)) return false;
	if (change(f, app, set, unset, err)) return db_commit(f->db, err);
	db_rollback(f->db);
	if (err->code == ERR_NOT_FOUND) err->code = ERR_INVALID;
	return false;
}

bool signin_apply(const struct flow *f, const char *app, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct parts parts;
	if (!layout_app(&f->layout, app, "backend.json", path, err)) return false;
	if (!file_exists(path)) return true;
	return parts_open(f, app, &parts, err) && parts_write_backend_config(f, &parts, err);
}
