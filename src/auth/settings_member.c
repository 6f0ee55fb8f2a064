/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/settings_member.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define WEEK_S ((int64_t)7 * 24 * 3600)
#define RATE_MAX 1000000
#define TEMPLATE_MAX 60000
#define DURATION_MAX_MS ((int64_t)AUTH_SETTING_DURATION_MAX_S * 1000)

static const char *const captcha_words[] = {"hcaptcha", "turnstile", NULL};
static const char *const security_words[] = {"auto", "tls", "starttls", "none", NULL};

#define S(member) offsetof(struct auth_settings, member)
#define P(member) offsetof(struct auth_provider, member)
#define BOOL(word, at, yes)                                                                                            \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_BOOL, .offset = (at), .number = (yes)                             \
	}
#define INT(word, at, least, most, otherwise)                                                                          \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_INT, .offset = (at), .min = (least), .max = (most),               \
		.number = (otherwise)                                                                                  \
	}
#define MS(word, at, most, otherwise)                                                                                  \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_DURATION, .offset = (at), .max = (most), .number = (otherwise)    \
	}
#define SECONDS(word, at, least, most, otherwise)                                                                      \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_SECONDS, .offset = (at), .min = (least), .max = (most),           \
		.number = (otherwise)                                                                                  \
	}
#define TEXT(word, at, otherwise)                                                                                      \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_TEXT, .offset = (at), .max = AUTH_SETTING_TEXT_MAX,               \
		.text = (otherwise)                                                                                    \
	}
#define SECRET(word, at)                                                                                               \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_TEXT, .offset = (at), .max = 2 * AUTH_SETTING_TEXT_MAX,           \
		.text = "", .is_secret = true                                                                          \
	}
#define URL(word, at, otherwise)                                                                                       \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_URL, .offset = (at), .max = AUTH_SETTING_TEXT_MAX,                \
		.text = (otherwise)                                                                                    \
	}
#define LIST(word, at)                                                                                                 \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_LIST, .offset = (at), .max = AUTH_SETTING_TEXT_MAX                \
	}
#define WORD(word, at, list, otherwise)                                                                                \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_WORD, .offset = (at), .words = (list), .number = (otherwise)      \
	}

static const struct auth_setting settings_rows[] = {
    URL("site_url", S(site_url), ""),
    URL("external_url", S(external_url), ""),
    URL("issuer_url", S(issuer_url), ""),
    LIST("additional_redirect_urls", S(redirect_urls)),
    TEXT("jwt_issuer", S(jwt_issuer), ""),
    SECONDS("jwt_expiry", S(jwt_expiry_s), 60, WEEK_S, 3600),
    BOOL("enable_refresh_token_rotation", S(enable_refresh_token_rotation), true),
    SECONDS("refresh_token_reuse_interval", S(refresh_token_reuse_interval_s), 0, 3600, 10),
    BOOL("enable_signup", S(enable_signup), true),
    BOOL("enable_anonymous_sign_ins", S(enable_anonymous_sign_ins), false),
    BOOL("enable_manual_linking", S(enable_manual_linking), false),
    INT("minimum_password_length", S(minimum_password_length), 6, 72, 6),
    {.name = "password_requirements", .kind = AUTH_SETTING_CHARACTERS, .offset = S(password_required), .text = ""},
    BOOL("security_update_password_require_current_password", S(security_update_password_require_current_password),
	 false),
    BOOL("password_hibp_enabled", S(password_hibp_enabled), false),
    BOOL("password_hibp_fail_closed", S(password_hibp_fail_closed), false),
    URL("password_hibp_url", S(password_hibp_url), "https://api.pwnedpasswords.com"),
    BOOL("audit_log.enabled", S(audit_log_enabled), true),
    INT("rate_limit.email_sent", S(rate_limit.email_sent), 0, RATE_MAX, 30),
    INT("rate_limit.sms_sent", S(rate_limit.sms_sent), 0, RATE_MAX, 30),
    INT("rate_limit.anonymous_users", S(rate_limit.anonymous_users), 0, RATE_MAX, 30),
    INT("rate_limit.token_refresh", S(rate_limit.token_refresh), 0, RATE_MAX, 150),
    INT("rate_limit.sign_in_sign_ups", S(rate_limit.sign_in_sign_ups), 0, RATE_MAX, 30),
    INT("rate_limit.token_verifications", S(rate_limit.token_verifications), 0, RATE_MAX, 30),
    INT("rate_limit.mfa_challenge_and_verify", S(rate_limit.mfa_challenge_and_verify), 0, RATE_MAX, 15),
    BOOL("captcha.enabled", S(captcha.is_enabled), false),
    WORD("captcha.provider", S(captcha.provider), captcha_words, AUTH_CAPTCHA_HCAPTCHA),
    SECRET("captcha.secret", S(captcha.secret)),
    URL("captcha.url", S(captcha.url), ""),
    MS("captcha.timeout", S(captcha.timeout_ms), 60000, 10000),
    BOOL("email.enable_signup", S(email.enable_signup), true),
    BOOL("email.enable_confirmations", S(email.enable_confirmations), false), /* see settings.c */
    BOOL("email.double_confirm_changes", S(email.double_confirm_changes), true),
    BOOL("email.secure_password_change", S(email.secure_password_change), false),
    MS("email.max_frequency", S(email.max_frequency_ms), 24 * HOUR_MS, 60000),
    INT("email.otp_length", S(email.otp_length), 6, 10, 6),
    SECONDS("email.otp_expiry", S(email.otp_expiry_s), 60, WEEK_S, 3600),
    BOOL("email.smtp.enabled", S(email.smtp.is_enabled), false), /* see settings.c */
    TEXT("email.smtp.host", S(email.smtp.host), ""),
    INT("email.smtp.port", S(email.smtp.port), 1, 65535, 587),
    TEXT("email.smtp.user", S(email.smtp.user), ""),
    SECRET("email.smtp.pass", S(email.smtp.pass)),
    TEXT("email.smtp.admin_email", S(email.smtp.admin_email), ""),
    TEXT("email.smtp.sender_name", S(email.smtp.sender_name), ""),
    WORD("email.smtp.security", S(email.smtp.security), security_words, AUTH_SMTP_AUTO),
    BOOL("sms.enable_signup", S(sms.enable_signup), false),
    BOOL("sms.enable_confirmations", S(sms.enable_confirmations), true),
    MS("sms.max_frequency", S(sms.max_frequency_ms), 24 * HOUR_MS, 60000),
    INT("sms.otp_length", S(sms.otp_length), 6, 10, 6),
    SECONDS("sms.otp_expiry", S(sms.otp_expiry_s), 10, WEEK_S, 60),
    MS("sessions.timebox", S(sessions.timebox_ms), DURATION_MAX_MS, 0),
    MS("sessions.inactivity_timeout", S(sessions.inactivity_timeout_ms), DURATION_MAX_MS, 0),
    BOOL("sessions.single_per_user", S(sessions.single_per_user), false),
    INT("mfa.max_enrolled_factors", S(mfa.max_enrolled_factors), 0, 100, 10),
    SECONDS("mfa.challenge_expiry_duration", S(mfa.challenge_expiry_s), 30, 3600, 300),
    BOOL("mfa.totp.enroll_enabled", S(mfa.totp_enroll_enabled), true),
    BOOL("mfa.totp.verify_enabled", S(mfa.totp_verify_enabled), true),
    BOOL("mfa.phone.enroll_enabled", S(mfa.phone_enroll_enabled), false),
    BOOL("mfa.phone.verify_enabled", S(mfa.phone_verify_enabled), false),
    INT("mfa.phone.otp_length", S(mfa.phone_otp_length), 6, 10, 6),
    MS("mfa.phone.max_frequency", S(mfa.phone_max_frequency_ms), 24 * HOUR_MS, 60000),
    {.name = NULL},
};

static const struct auth_setting provider_rows[] = {
    BOOL("enabled", P(is_enabled), false),
    LIST("client_id", P(client_ids)),
    SECRET("secret", P(secret)),
    URL("redirect_uri", P(redirect_uri), ""),
    URL("url", P(url), ""),
    LIST("scopes", P(scopes)),
    BOOL("skip_nonce_check", P(skip_nonce_check), false),
    BOOL("email_optional", P(is_email_optional), false),
    {.name = NULL},
};

#define TEMPLATE(word, at, most)                                                                                       \
	{                                                                                                              \
		.name = (word), .kind = AUTH_SETTING_TEXT, .offset = offsetof(struct auth_template, at), .max = (most) \
	}

static const struct auth_setting template_rows[] = {
    TEMPLATE("subject", subject, AUTH_SETTING_TEXT_MAX),
    TEMPLATE("content", content, TEMPLATE_MAX),
    {.name = NULL},
};

static const struct auth_setting notification_rows[] = {
    BOOL("enabled", offsetof(struct auth_template, is_enabled), false),
    TEMPLATE("subject", subject, AUTH_SETTING_TEXT_MAX),
    TEMPLATE("content", content, TEMPLATE_MAX),
    {.name = NULL},
};

static const struct auth_setting hook_rows[] = {
    BOOL("enabled", offsetof(struct auth_hook, is_enabled), false),
    TEXT("uri", offsetof(struct auth_hook, uri), ""),
    {.name = "secrets",
     .kind = AUTH_SETTING_LIST,
     .offset = offsetof(struct auth_hook, secrets),
     .max = AUTH_SETTING_TEXT_MAX,
     .is_secret = true},
    {.name = NULL},
};

static const struct auth_setting otp_rows[] = {
    {.name = "",
     .kind = AUTH_SETTING_TEXT,
     .offset = offsetof(struct auth_test_otp, code),
     .max = 10,
     .text = "",
     .is_secret = true},
    {.name = NULL},
};

const struct auth_setting_group auth_setting_groups[AUTH_SETTING_GROUPS] = {
    [AUTH_GROUP_SETTINGS] = {"", settings_rows},
    [AUTH_GROUP_PROVIDER] = {"external.*", provider_rows},
    [AUTH_GROUP_TEMPLATE] = {"email.template.*", template_rows},
    [AUTH_GROUP_NOTIFICATION] = {"email.notification.*", notification_rows},
    [AUTH_GROUP_HOOK] = {"hook.*", hook_rows},
    [AUTH_GROUP_TEST_OTP] = {"sms.test_otp.*", otp_rows},
};

static const struct auth_setting *row_of(const struct auth_setting *rows, struct str name)
{
	for (; rows->name != NULL; rows++)
		if (str_eq(name, str_from(rows->name))) return rows;
	return NULL;
}

/* "external.google.client_id" in "external.*": google, client_id. */
static bool split(const char *prefix, struct str name, struct str *ret_wildcard, struct str *ret_rest)
{
	struct str head = str_from(prefix);
	*ret_wildcard = STR("");
	*ret_rest = name;
	if (head.len == 0) return true;
	head.len--; /* the star */
	if (!str_has_prefix(name, head)) return false;
	struct str tail = str_sub(name, head.len, name.len);
	*ret_rest = STR("");
	if (!str_cut(tail, '.', ret_wildcard, ret_rest)) *ret_wildcard = tail;
	return ret_wildcard->len > 0;
}

bool auth_setting_find(struct str name, const struct auth_setting **ret_row, struct str *ret_wildcard,
		       enum auth_setting_group_id *ret_group, struct err *err)
{
	struct str wildcard, rest;
	for (size_t i = 0; i < AUTH_SETTING_GROUPS; i++) {
		if (!split(auth_setting_groups[i].prefix, name, &wildcard, &rest)) continue;
		const struct auth_setting *row = row_of(auth_setting_groups[i].rows, rest);
		if (row == NULL) continue;
		*ret_row = row;
		*ret_wildcard = wildcard;
		*ret_group = (enum auth_setting_group_id)i;
		return true;
	}
	return err_set(err, ERR_NOT_FOUND,
		       "there is no setting %.*s; freehold auth APP list --all shows those there are",
		       (int)(name.len < 100 ? name.len : 100), name.ptr);
}

void auth_setting_defaults(const struct auth_setting *rows, void *base)
{
	for (; rows->name != NULL; rows++) {
		void *to = (char *)base + rows->offset;
		switch (rows->kind) {
		case AUTH_SETTING_BOOL: *(bool *)to = rows->number != 0; break;
		case AUTH_SETTING_INT:
		case AUTH_SETTING_DURATION:
		case AUTH_SETTING_SECONDS: *(int64_t *)to = rows->number; break;
		case AUTH_SETTING_WORD: *(unsigned *)to = (unsigned)rows->number; break;
		case AUTH_SETTING_LIST: *(struct auth_texts *)to = (struct auth_texts){NULL, 0}; break;
		case AUTH_SETTING_CHARACTERS: *(struct auth_texts *)to = (struct auth_texts){NULL, 0}; break;
		default: *(const char **)to = rows->text;
		}
	}
}
