/* SPDX-License-Identifier: Apache-2.0
 *
 * What of an export's [auth] is taken. Most such sections are the template of Supabase's command line, made for a
 * developer's own machine: what repeats a default, or is off, says nothing. */
#include <stdio.h>
#include <string.h>

#include "app/signin.h"
#include "app/signin_store.h"
#include "auth/settings_member.h"
#include "codec/json.h"

#define PENDING "auth_export_next" /* sealed among the app's keys, until its deployment is live */
#define MAILS_OF_THE_TEMPLATE 2 /* an hour: of the command line's own test mail server */

/* Known, and nothing of an app's settings here: addresses and keys are Freehold's own, and text messages are worded by
 * the hook that sends them. */
static const char *const own[] = {"enabled",          "external_url", "jwt_issuer",         "signing_keys_path",
				  "publishable_key",  "secret_key",   "jwt_secret",         "anon_key",
				  "service_role_key", "sms.template", "mfa.phone.template", NULL};

static const struct {
	const char *prefix, *what;
} not_served[] = {
    {"sms.twilio.", "text messages by Twilio"},
    {"sms.twilio_verify.", "text messages by Twilio"},
    {"sms.messagebird.", "text messages by MessageBird"},
    {"sms.textlocal.", "text messages by Textlocal"},
    {"sms.vonage.", "text messages by Vonage"},
    {"web3.", "sign-in with a wallet"},
    {"third_party.", "tokens of another service"},
    {"passkey.", "passkeys"},
    {"webauthn.", "passkeys"},
    {"mfa.web_authn.", "passkeys as a second factor"},
    {"oauth_server.", "signing in to other sites with this app's accounts"},
};

struct reading {
	const json_t *section;
	json_t *values; /* name: value */
	json_t *left; /* sentences */
	json_t *unwanted; /* names */
};

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void leave(struct reading *r, const char *name, const char *why)
{
	(void)json_array_append_new(r->left, json_sprintf("%.100s: %.300s", name, why));
}

static bool is_own(const char *name)
{
	for (size_t i = 0; own[i] != NULL; i++)
		if (strcmp(own[i], name) == 0) return true;
	return false;
}

static bool is_foreign_provider(struct reading *r, const char *name, const json_t *value)
{
	struct str rest = str_from(name), provider;
	if (!str_has_prefix(rest, STR("external."))) return false;
	(void)str_cut(rest, '.', &provider, &rest);
	if (!str_cut(rest, '.', &provider, &rest) || auth_provider_is_served(provider)) return false;
	if (str_eq(rest, STR("enabled")) && json_is_true(value)) leave(r, name, "sign-in with it is not served");
	return true;
}

static bool is_not_served(struct reading *r, const char *name, const json_t *value)
{
	for (size_t i = 0; i < sizeof not_served / sizeof *not_served; i++) {
		if (!has_prefix(name, not_served[i].prefix)) continue;
		size_t len = strlen(name);
		bool is_switch = len > 7 && strcmp(name + len - 7, "enabled") == 0;
		char text[200];
		(void)snprintf(text, sizeof text, "%s is not served", not_served[i].what);
		if (is_switch && json_is_true(value)) leave(r, name, text);
		return true;
	}
	return is_foreign_provider(r, name, value) || has_prefix(name, "rate_limit.web3");
}

/* "external.apple.…" of a provider that is off, and the like. */
static bool is_off(const struct reading *r, const char *name)
{
	static const char *const groups[] = {"external.", "hook.", "email.notification."};
	static const char *const singles[] = {"captcha", "email.smtp"};
	struct str rest, word;
	const json_t *at = r->section;
	char text[160] = "";
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		if (!has_prefix(name, groups[i])) continue;
		rest = str_from(name + strlen(groups[i]));
		(void)str_next(&rest, '.', &word);
		(void)snprintf(text, sizeof text, "%s%.*s", groups[i], (int)(word.len < 100 ? word.len : 100),
			       word.ptr);
	}
	for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
		if (has_prefix(name, singles[i])) (void)snprintf(text, sizeof text, "%s", singles[i]);
	if (text[0] == '\0') return false;
	rest = str_from(text);
	while (at != NULL && str_next(&rest, '.', &word)) {
		char key[120];
		(void)snprintf(key, sizeof key, "%.*s", STR_FMT(word));
		at = json_object_get(at, key);
	}
	return !json_bool(at, "enabled", strcmp(text, "email.smtp") == 0);
}

static bool is_default(const struct auth_setting *row, const json_t *value)
{
	static struct auth_settings scratch; /* large enough for any group's members */
	if (row->offset >= sizeof scratch) return false;
	auth_setting_defaults((const struct auth_setting[]){*row, {.name = NULL}}, &scratch);
	json_t *usual JSON_CLEANUP = auth_setting_show(row, &scratch);
	return usual != NULL && json_equal(usual, value);
}

/* Its own kind, taken by itself. env(NAME) is any text. */
static bool is_sound(const struct auth_setting *row, const char *name, const json_t *value, struct err *err)
{
	static struct auth_settings scratch;
	if (has_prefix(json_string_value(value) != NULL ? json_string_value(value) : "", "env(")) return true;
	struct arena *a = arena_new(AUTH_SETTINGS_MAX_BYTES);
	bool ok = auth_setting_put(row, name, value, &scratch, a, err);
	arena_free(a);
	return ok;
}

/* An export is not the owner: the backend must not be led to what else listens on this machine, and a code that always
 * fits is a developer's. Whoever means it sets it by hand. */
static const char *unwanted(const char *name, const struct auth_setting *row, const json_t *value)
{
	const char *text = json_string_value(value);
	if (has_prefix(name, "sms.test_otp.")) return "a code that always fits is for development only";
	if (text == NULL) return NULL;
	bool is_address = row->kind == AUTH_SETTING_URL || strcmp(row->name, "uri") == 0;
	if (is_address && has_prefix(text, "http://")) return "an address without https is not taken from an export";
	if (strcmp(name, "email.smtp.host") != 0) return NULL;
	bool is_here = strchr(text, '.') == NULL || has_prefix(text, "127.") || strchr(text, ':') != NULL;
	return is_here && !has_prefix(text, "env(") ? "a mail server on this machine is not taken from an export"
						    : NULL;
}

static void read_leaf(struct reading *r, const char *name, json_t *value)
{
	const struct auth_setting *row;
	enum auth_setting_group_id group;
	struct str star;
	struct err err;
	if (is_own(name) || is_not_served(r, name, value) || is_off(r, name)) return;
	if (strcmp(name, "site_url") == 0) {
		char text[200];
		(void)snprintf(text, sizeof text, "%.120s is not this server; the app's own address is used",
			       json_is_string(value) ? json_string_value(value) : "it");
		leave(r, name, text);
		return;
	}
	if (!auth_setting_find(str_from(name), &row, &star, &group, &err)) {
		const char *last = strrchr(name, '.');
		if (last == NULL || strcmp(last, ".content_path") != 0) leave(r, name, "is not known");
		return;
	}
	const char *why = unwanted(name, row, value);
	if (why != NULL) {
		leave(r, name, why);
		(void)json_array_append_new(r->unwanted, json_string(name));
		return;
	}
	bool is_empty = json_is_string(value) && json_string_length(value) == 0;
	bool is_test_mail =
	    strcmp(name, "rate_limit.email_sent") == 0 && json_integer_value(value) == MAILS_OF_THE_TEMPLATE;
	if (is_empty || is_test_mail || (is_default(row, value) && strcmp(name, "email.enable_confirmations") != 0))
		return;
	if (!is_sound(row, name, value, &err)) {
		leave(r, name, err.msg);
		return;
	}
	(void)json_object_set(r->values, name, value);
}

static void read_object(struct reading *r, const char *prefix, json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		char name[SIGNIN_NAME_MAX];
		if (snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key) >=
		    (int)sizeof name)
			continue;
		if (json_is_object(value))
			read_object(r, name, value);
		else
			read_leaf(r, name, value);
	}
}

/* What lacks a part that was not wanted stays off, as a whole. */
static void switch_off_unwanted(struct reading *r)
{
	for (size_t i = 0; i < json_array_size(r->unwanted); i++) {
		const char *name = json_string_value(json_array_get(r->unwanted, i)), *last = strrchr(name, '.');
		char enabled[SIGNIN_NAME_MAX + 16];
		if (last == NULL) continue;
		(void)snprintf(enabled, sizeof enabled, "%.*s.enabled", (int)(last - name), name);
		(void)json_object_del(r->values, enabled);
	}
}

static void adapt(json_t *adaptations, json_t *what)
{
	(void)json_array_append_new(adaptations, json_pack("{s:s, s:o}", "file", "supabase/config.toml", "what", what));
}

static json_t *joined(const char *before, json_t *values)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, 4000);
	buf_puts(&text, before);
	const char *name;
	json_t *ignored;
	size_t i = 0;
	json_object_foreach(values, name, ignored) buf_printf(&text, "%s%s", i++ > 0 ? ", " : "", name);
	return json_string(buf_cstr(&text));
}

static bool replace(const struct flow *f, const char *app, json_t *values, struct err *err)
{
	const char *name;
	json_t *value;
	if (!db_run(f->db, NULL, err, "delete from secret where app = ? and kind = '" SIGNIN_EXPORT "'", "s", app))
		return false;
	json_object_foreach(values, name,
			    value) if (!signin_keep(f, app, SIGNIN_EXPORT, name, value, err)) return false;
	return true;
}

/* As if it were kept: what does not fit together, and which variables are missing. */
static bool try_out(const struct flow *f, const char *app, json_t *values, json_t **ret_missing, struct err *why,
		    struct err *err)
{
	json_t *document JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	*why = (struct err){0};
	if (!db_begin(f->db, err)) return false;
	bool ok = replace(f, app, values, err) && signin_compose(f, app, true, &document, ret_missing, err);
	if (ok) (void)auth_settings_read(document, &settings, why);
	auth_settings_free(settings);
	db_rollback(f->db);
	return ok;
}

bool signin_plan_export(const struct flow *f, const char *app, json_t *section, json_t *ret_adaptations,
			json_t *ret_missing, struct err *err)
{
	json_t *values JSON_CLEANUP = json_object(), *left JSON_CLEANUP = json_array(),
		       *not_wanted JSON_CLEANUP = json_array();
	json_t *missing JSON_CLEANUP = NULL;
	struct reading r = {section, values, left, not_wanted};
	struct err why;
	if (section != NULL) read_object(&r, "", section);
	switch_off_unwanted(&r);
	if (!try_out(f, app, values, &missing, &why, err)) return false;
	if (why.code != ERR_NONE) {
		adapt(ret_adaptations, json_sprintf("[auth] is not taken: %.400s", why.msg));
		(void)json_object_clear(values);
	} else {
		if (json_object_size(values) > 0) adapt(ret_adaptations, joined("sign-in is set by [auth]: ", values));
		if (json_object_get(values, "additional_redirect_urls") != NULL)
			adapt(ret_adaptations,
			      json_string("additional_redirect_urls keep their paths, under the app's own address"));
		(void)json_array_extend(ret_missing, missing);
	}
	for (size_t i = 0; i < json_array_size(left); i++) adapt(ret_adaptations, json_incref(json_array_get(left, i)));
	char *text = json_text(values);
	bool ok = app_secret_set(f->db, f->seal, app, "key", PENDING, str_from(text), err);
	free(text);
	return ok;
}

bool signin_settle_export(const struct flow *f, const char *app, struct err *err)
{
	json_t *values JSON_CLEANUP = NULL;
	struct buf text BUF_CLEANUP;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	if (!app_secret_get(f->db, f->seal, app, "key", PENDING, &text, err))
		return err->code == ERR_NOT_FOUND && signin_apply(f, app, err);
	if (!json_parse(buf_view(&text), &values, err) || !db_begin(f->db, err)) return false;
	if (!replace(f, app, values, err) || !app_secret_unset(f->db, app, "key", PENDING, err)) {
		db_rollback(f->db);
		return false;
	}
	return db_commit(f->db, err) && signin_apply(f, app, err);
}
