/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/settings_member.h"
#include "base/buf.h"
#include "codec/json.h"

#define NAME_MAX_BYTES 200
#define DEPTH_MAX 6
#define SQL_NAME_MAX 63

static const char *const hook_words[AUTH_HOOK_KINDS] = {
    [AUTH_HOOK_MFA_VERIFICATION_ATTEMPT] = "mfa_verification_attempt",
    [AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT] = "password_verification_attempt",
    [AUTH_HOOK_CUSTOM_ACCESS_TOKEN] = "custom_access_token",
    [AUTH_HOOK_SEND_SMS] = "send_sms",
    [AUTH_HOOK_SEND_EMAIL] = "send_email",
    [AUTH_HOOK_BEFORE_USER_CREATED] = "before_user_created",
    [AUTH_HOOK_AFTER_USER_CREATED] = "after_user_created",
};

/* Upstream's names. Those that are plain OpenID Connect need no more than their issuer. */
static const struct {
	const char *name;
	bool is_served;
	const char *issuer;
} providers[] = {
    {"apple", true, NULL},
    {"azure", true, NULL},
    {"discord", true, NULL},
    {"facebook", true, NULL},
    {"github", true, NULL},
    {"google", true, NULL},
    {"keycloak", true, NULL},
    {"gitlab", true, "https://gitlab.com"},
    {"slack_oidc", true, "https://slack.com"},
    {"linkedin_oidc", true, "https://www.linkedin.com/oauth"},
    {"bitbucket", false, NULL},
    {"figma", false, NULL},
    {"fly", false, NULL},
    {"kakao", false, NULL},
    {"linkedin", false, NULL},
    {"notion", false, NULL},
    {"slack", false, NULL},
    {"snapchat", false, NULL},
    {"spotify", false, NULL},
    {"twitch", false, NULL},
    {"twitter", false, NULL},
    {"workos", false, NULL},
    {"x", false, NULL},
    {"zoom", false, NULL},
};
#define PROVIDERS (sizeof providers / sizeof *providers)

static int find_provider(struct str name)
{
	for (size_t i = 0; i < PROVIDERS; i++)
		if (str_eq(name, str_from(providers[i].name))) return (int)i;
	return -1;
}

bool auth_provider_is_served(struct str name)
{
	int known = find_provider(name);
	return known < 0 || providers[known].is_served;
}

static int find_word(const char *const *words, int count, struct str word)
{
	for (int i = 0; i < count; i++)
		if (str_eq(word, str_from(words[i]))) return i;
	return -1;
}

static bool too_large(struct err *err)
{
	return err_set(err, ERR_LIMIT, "the settings are larger than %u bytes", AUTH_SETTINGS_MAX_BYTES);
}

struct reading {
	struct auth_settings *to;
	bool says_confirmations, says_smtp; /* whether the object decided them */
};

static bool is_provider_name(struct str name)
{
	if (name.len > 63) return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
		if (!is_plain && !(c == ':' && i > 0)) return false;
	}
	return true;
}

static void *provider_at(struct auth_settings *s, struct str name, struct err *err)
{
	for (size_t i = 0; i < s->provider_count; i++)
		if (str_eq(name, str_from(s->providers[i].name))) return &s->providers[i];
	if (!is_provider_name(name) || str_eq(name, STR("email")) || str_eq(name, STR("phone"))) {
		(void)err_set(
		    err, ERR_INVALID,
		    "external.%.*s: a provider's name is written in small letters, digits, \"_\", \"-\" and \":\"",
		    (int)(name.len < 63 ? name.len : 63), name.ptr);
		return NULL;
	}
	if (s->provider_count == AUTH_PROVIDERS_MAX) {
		(void)err_set(err, ERR_LIMIT, "external has more than %d providers", AUTH_PROVIDERS_MAX);
		return NULL;
	}
	struct auth_provider *p = &s->providers[s->provider_count];
	auth_setting_defaults(auth_setting_groups[AUTH_GROUP_PROVIDER].rows, p);
	int known = find_provider(name);
	p->is_generic = known < 0 || providers[known].issuer != NULL;
	p->name = arena_cstr(s->arena, name);
	if (p->name == NULL) {
		(void)too_large(err);
		return NULL;
	}
	s->provider_count++;
	return p;
}

static void *template_at(struct auth_settings *s, struct str kind, bool is_notification, struct err *err)
{
	enum mail_kind found;
	if (mail_kind_find_word(kind, &found) && (found >= MAIL_FIRST_NOTIFICATION) == is_notification)
		return &s->email.templates[found];
	(void)err_set(err, ERR_INVALID, "email.%s.%.*s: there is no such mail",
		      is_notification ? "notification" : "template", (int)(kind.len < 63 ? kind.len : 63), kind.ptr);
	return NULL;
}

static void *hook_at(struct auth_settings *s, struct str kind, struct err *err)
{
	int i = find_word(hook_words, AUTH_HOOK_KINDS, kind);
	if (i >= 0) return &s->hooks[i];
	(void)err_set(err, ERR_INVALID, "hook.%.*s: there is no such hook", (int)(kind.len < 63 ? kind.len : 63),
		      kind.ptr);
	return NULL;
}

static void *test_otp_at(struct auth_settings *s, struct str phone, struct err *err)
{
	size_t start = phone.len > 0 && phone.ptr[0] == '+' ? 1 : 0;
	struct str digits = str_sub(phone, start, phone.len);
	bool is_phone = digits.len > 0 && digits.len <= 15;
	for (size_t i = 0; i < digits.len; i++) is_phone = is_phone && digits.ptr[i] >= '0' && digits.ptr[i] <= '9';
	if (!is_phone || s->sms.test_otp_count == AUTH_TEST_OTP_MAX) {
		(void)err_set(err, ERR_INVALID, "sms.test_otp holds at most %d telephone numbers of 1 to 15 digits",
			      AUTH_TEST_OTP_MAX);
		return NULL;
	}
	struct auth_test_otp *otp = &s->sms.test_otp[s->sms.test_otp_count];
	otp->phone = arena_cstr(s->arena, digits);
	if (otp->phone == NULL) {
		(void)too_large(err);
		return NULL;
	}
	s->sms.test_otp_count++;
	return otp;
}

static void *base_of(struct auth_settings *s, enum auth_setting_group_id group, struct str wildcard, struct err *err)
{
	switch (group) {
	case AUTH_GROUP_SETTINGS: return s;
	case AUTH_GROUP_PROVIDER: return provider_at(s, wildcard, err);
	case AUTH_GROUP_TEMPLATE: return template_at(s, wildcard, false, err);
	case AUTH_GROUP_NOTIFICATION: return template_at(s, wildcard, true, err);
	case AUTH_GROUP_HOOK: return hook_at(s, wildcard, err);
	case AUTH_GROUP_TEST_OTP: return test_otp_at(s, wildcard, err);
	}
	return NULL;
}

static bool read_leaf(struct reading *r, const char *name, const json_t *value, struct err *err)
{
	const struct auth_setting *row;
	enum auth_setting_group_id group;
	struct str wildcard;
	if (!auth_setting_find(str_from(name), &row, &wildcard, &group, err)) {
		err->code = ERR_INVALID;
		return false;
	}
	void *base = base_of(r->to, group, wildcard, err);
	if (base == NULL || !auth_setting_put(row, name, value, base, r->to->arena, err)) return false;
	if (strcmp(name, "email.enable_confirmations") == 0) r->says_confirmations = true;
	if (strcmp(name, "email.smtp.enabled") == 0) r->says_smtp = true;
	return true;
}

static bool read_object(struct reading *r, const char *prefix, json_t *object, int depth, struct err *err)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)object, key, value)
	{
		char name[NAME_MAX_BYTES];
		int len = snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
		if (len >= (int)sizeof name || depth == DEPTH_MAX)
			return err_set(
			    err, ERR_INVALID,
			    "there is no setting %.100s…; freehold auth APP list --all shows those there are", name);
		if (json_is_null(value)) continue;
		bool ok = json_is_object(value) ? read_object(r, name, value, depth + 1, err)
						: read_leaf(r, name, value, err);
		if (!ok) return false;
	}
	return true;
}

/* SCHEMA and FUNCTION of "pg-functions://postgres/SCHEMA/FUNCTION". */
static bool is_sql_name(struct str name)
{
	if (name.len == 0 || name.len > SQL_NAME_MAX) return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) return false;
	}
	return true;
}

static bool read_function(struct auth_settings *s, struct auth_hook *hook, const char *word, struct err *err)
{
	struct str rest = str_sub(str_from(hook->uri), strlen("pg-functions://"), strlen(hook->uri)), ignored;
	struct str schema = STR(""), function = STR("");
	if (!str_cut(rest, '/', &ignored, &rest) || !str_cut(rest, '/', &schema, &function) || !is_sql_name(schema) ||
	    !is_sql_name(function))
		return err_set(
		    err, ERR_INVALID,
		    "hook.%s.uri must be pg-functions://postgres/SCHEMA/FUNCTION or https://…, not \"%.100s\"", word,
		    hook->uri);
	hook->schema = arena_cstr(s->arena, schema);
	hook->function = arena_cstr(s->arena, function);
	return (hook->schema != NULL && hook->function != NULL) || too_large(err);
}

/* http only to this machine, as upstream. */
static bool is_loopback(struct str url)
{
	static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct str host = str_from(hosts[i]);
		if (!str_has_prefix(url, host)) continue;
		char next = url.len > host.len ? url.ptr[host.len] : '/';
		if (next == ':' || next == '/') return true;
	}
	return false;
}

static bool read_hook(struct auth_settings *s, enum auth_hook_kind kind, struct err *err)
{
	struct auth_hook *hook = &s->hooks[kind];
	const char *word = hook_words[kind];
	struct str uri = str_from(hook->uri);
	if (!hook->is_enabled) return true;
	if (uri.len == 0) return err_set(err, ERR_INVALID, "hook.%s is enabled and has no uri", word);
	if (str_has_prefix(uri, STR("pg-functions://"))) return read_function(s, hook, word, err);
	if (!str_has_prefix(uri, STR("https://")) && !is_loopback(uri))
		return err_set(
		    err, ERR_INVALID,
		    "hook.%s.uri must be pg-functions://postgres/SCHEMA/FUNCTION or https://…, not \"%.100s\"", word,
		    hook->uri);
	if (hook->secrets.count == 0)
		return err_set(err, ERR_INVALID,
			       "hook.%s.secrets must hold v1,whsec_… so that the receiver knows who calls", word);
	for (size_t i = 0; i < hook->secrets.count; i++) {
		struct str secret = str_from(hook->secrets.at[i]);
		if (!str_has_prefix(secret, STR("v1,whsec_")) && !str_has_prefix(secret, STR("v1a,whpk_")))
			return err_set(err, ERR_INVALID, "hook.%s.secrets must be written v1,whsec_BASE64", word);
	}
	hook->url = hook->uri;
	return true;
}

static bool check_providers(struct auth_settings *s, struct err *err)
{
	for (size_t i = 0; i < s->provider_count; i++) {
		struct auth_provider *p = &s->providers[i];
		if (!p->is_enabled) continue;
		int known = find_provider(str_from(p->name));
		if (!auth_provider_is_served(str_from(p->name)))
			return err_set(err, ERR_INVALID,
				       "external.%s: sign-in with it is not served; apple, azure, discord, facebook, "
				       "github, gitlab, "
				       "google, keycloak, linkedin_oidc and slack_oidc are, and any OpenID Connect "
				       "issuer by its url",
				       p->name);
		if (known >= 0 && p->url[0] == '\0' && providers[known].issuer != NULL)
			p->url = providers[known].issuer;
		if (p->client_ids.count == 0)
			return err_set(err, ERR_INVALID, "external.%s is enabled and has no client_id", p->name);
		if ((p->is_generic || strcmp(p->name, "keycloak") == 0) && p->url[0] == '\0')
			return err_set(err, ERR_INVALID, "external.%s needs url, the address of its issuer", p->name);
		if (p->url[0] != '\0' && !str_has_prefix(str_from(p->url), STR("https://")) &&
		    !is_loopback(str_from(p->url)))
			return err_set(err, ERR_INVALID, "external.%s.url must begin with https://", p->name);
	}
	return true;
}

static bool check_mail(struct reading *r, struct err *err)
{
	struct auth_settings *s = r->to;
	if (!r->says_smtp) s->email.smtp.is_enabled = s->email.smtp.host[0] != '\0';
	if (!r->says_confirmations) s->email.enable_confirmations = auth_settings_sends_mail(s);
	if (!s->email.smtp.is_enabled) return true;
	if (s->email.smtp.host[0] == '\0') return err_set(err, ERR_INVALID, "email.smtp is enabled and has no host");
	if (strchr(s->email.smtp.admin_email, '@') == NULL)
		return err_set(err, ERR_INVALID, "email.smtp.admin_email must be the address that mails come from");
	for (const char *at = s->email.smtp.admin_email; *at != '\0'; at++)
		if ((unsigned char)*at <= ' ' || *at == '<' || *at == '>')
			return err_set(err, ERR_INVALID, "email.smtp.admin_email must be one plain address");
	for (const char *at = s->email.smtp.sender_name; *at != '\0'; at++)
		if ((unsigned char)*at < ' ')
			return err_set(err, ERR_INVALID, "email.smtp.sender_name must be one line");
	return true;
}

static bool complete(struct reading *r, struct err *err)
{
	struct auth_settings *s = r->to;
	if (s->site_url[0] == '\0') return err_set(err, ERR_INVALID, "site_url is missing: the address of the app");
	if (s->external_url[0] == '\0') s->external_url = arena_printf(s->arena, "%s/auth/v1", s->site_url);
	if (s->external_url == NULL) return too_large(err);
	if (s->jwt_issuer[0] == '\0') s->jwt_issuer = s->external_url;
	if (s->issuer_url[0] == '\0') s->issuer_url = arena_printf(s->arena, "%s/oidc", s->external_url);
	if (s->issuer_url == NULL) return too_large(err);
	if (s->captcha.is_enabled && s->captcha.secret[0] == '\0')
		return err_set(err, ERR_INVALID, "captcha is enabled and has no secret");
	for (int i = 0; i < AUTH_HOOK_KINDS; i++)
		if (!read_hook(s, (enum auth_hook_kind)i, err)) return false;
	return check_providers(s, err) && check_mail(r, err);
}

static void set_defaults(struct auth_settings *s)
{
	auth_setting_defaults(auth_setting_groups[AUTH_GROUP_SETTINGS].rows, s);
	for (int i = 0; i < AUTH_HOOK_KINDS; i++)
		auth_setting_defaults(auth_setting_groups[AUTH_GROUP_HOOK].rows, &s->hooks[i]);
	for (int i = 0; i < MAIL_FIRST_NOTIFICATION; i++) s->email.templates[i].is_enabled = true;
}

bool auth_settings_read(json_t *object, struct auth_settings **ret_settings, struct err *err)
{
	if (!json_is_object(object)) return err_set(err, ERR_INVALID, "the settings of auth must be an object");
	struct auth_settings *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	s->arena = arena_new(AUTH_SETTINGS_MAX_BYTES);
	s->holders = 1;
	struct reading r = {.to = s};
	set_defaults(s);
	if (!read_object(&r, "", object, 0, err) || !complete(&r, err)) {
		auth_settings_free(s);
		return false;
	}
	*ret_settings = s;
	return true;
}

struct auth_settings *auth_settings_hold(struct auth_settings *settings)
{
	settings->holders++;
	return settings;
}

void auth_settings_free(struct auth_settings *settings)
{
	if (settings == NULL || --settings->holders > 0) return;
	arena_free(settings->arena);
	free(settings);
}

const struct auth_provider *auth_settings_provider(const struct auth_settings *settings, struct str name)
{
	for (size_t i = 0; i < settings->provider_count; i++)
		if (str_eq(name, str_from(settings->providers[i].name))) return &settings->providers[i];
	return NULL;
}

bool auth_settings_sends_mail(const struct auth_settings *settings)
{
	return settings->email.smtp.is_enabled || settings->hooks[AUTH_HOOK_SEND_EMAIL].is_enabled;
}
