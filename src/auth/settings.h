/* SPDX-License-Identifier: Apache-2.0
 *
 * What the owner of an app decides about its sign-in. A JSON object with the names and the nesting of the section
 * [auth] in supabase/config.toml becomes one struct, complete: what the object leaves out has upstream's default (of a
 * project that Supabase hosts, else of GoTrue). What config.toml has no name for is named as GoTrue's variable is.
 *
 *     {"site_url": "https://shop.example", "email": {"otp_length": 8}, "external": {"google": {"enabled": true, …}}}
 *
 * Settings never change. New ones are read into a new struct; whoever still answers a request with the old ones holds
 * them until it is done. Pure; not for several threads.
 *
 * Each name, its kind, limits and default stand in one table, settings_member.c, which also serves the owner's
 * commands. */
#ifndef FREEHOLD_AUTH_SETTINGS_H
#define FREEHOLD_AUTH_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "mail/kind.h"

#define AUTH_SETTINGS_MAX_BYTES (4u << 20) /* of one app, templates included */
#define AUTH_SETTING_LIST_MAX 64 /* redirects, client ids, scopes: of each */
#define AUTH_PROVIDERS_MAX 32
#define AUTH_TEST_OTP_MAX 32

struct auth_texts {
	const char *const *at;
	size_t count;
};

/* external.NAME. A name that upstream does not know is an OpenID Connect issuer whose address is url. */
struct auth_provider {
	const char *name; /* "google", "custom:acme" */
	bool is_generic; /* needs nothing but its issuer: none of upstream's names, or one that is plain OpenID Connect
			  */
	bool is_enabled;
	struct auth_texts client_ids; /* the first is the one that asks; each may stand in an ID token's audience */
	const char *secret; /* "" when there is none */
	const char *redirect_uri; /* "": external_url + "/callback" */
	const char *url; /* "": the provider's own; an issuer, a GitHub Enterprise, an Azure tenant */
	struct auth_texts scopes; /* beside those that are always asked for */
	bool skip_nonce_check;
	bool is_email_optional;
};

/* email.template.KIND, email.notification.KIND */
struct auth_template {
	const char *subject, *content; /* NULL: the one that comes with Freehold */
	bool is_enabled; /* of a notification; the others are always true */
};

enum auth_hook_kind {
	AUTH_HOOK_MFA_VERIFICATION_ATTEMPT,
	AUTH_HOOK_PASSWORD_VERIFICATION_ATTEMPT,
	AUTH_HOOK_CUSTOM_ACCESS_TOKEN,
	AUTH_HOOK_SEND_SMS,
	AUTH_HOOK_SEND_EMAIL,
	AUTH_HOOK_BEFORE_USER_CREATED,
	AUTH_HOOK_AFTER_USER_CREATED,
};
#define AUTH_HOOK_KINDS 7

/* hook.KIND. Where it is enabled, either schema and function are set, or url and at least one secret. */
struct auth_hook {
	bool is_enabled;
	const char *uri; /* as given: "pg-functions://postgres/SCHEMA/FUNCTION", "https://…" */
	const char *schema, *function; /* names of 1 to 63 letters, digits, underscores; NULL for an address */
	const char *url; /* NULL for a function */
	struct auth_texts secrets; /* "v1,whsec_BASE64", "v1a,whpk_…:whsk_…": each signs */
};

enum auth_captcha_provider { AUTH_CAPTCHA_HCAPTCHA, AUTH_CAPTCHA_TURNSTILE };
enum auth_smtp_security { AUTH_SMTP_AUTO, AUTH_SMTP_TLS, AUTH_SMTP_STARTTLS, AUTH_SMTP_NONE };

struct auth_test_otp {
	const char *phone; /* digits only */
	const char *code;
};

struct auth_settings {
	const char *site_url; /* the app's address, without a slash at the end */
	const char *external_url; /* where /auth/v1 is, for links in mails and callbacks: site_url + "/auth/v1" */
	const char *issuer_url; /* of the app as an issuer for its own server (auth/issuer.h): external_url + "/oidc" */
	struct auth_texts redirect_urls; /* additional_redirect_urls: addresses and patterns beside site_url */
	const char *jwt_issuer; /* external_url unless given */
	int64_t jwt_expiry_s;
	bool enable_refresh_token_rotation;
	int64_t refresh_token_reuse_interval_s;
	bool enable_signup, enable_anonymous_sign_ins, enable_manual_linking;
	int64_t minimum_password_length;
	struct auth_texts password_required; /* of each of these sets of characters at least one */
	bool password_hibp_enabled, password_hibp_fail_closed;
	/* A signed-in user must say the old password with the new one, unless a mail's link signed them in. */
	bool security_update_password_require_current_password;
	const char *password_hibp_url; /* the range API; what follows is "/range/XXXXX" */
	bool audit_log_enabled; /* rows of auth.audit_log_entries */

	/* email_sent, sms_sent, anonymous_users are per hour, the others per five minutes; mails and messages for the
	 * whole app, the others for one address (mfa: one user). */
	struct {
		int64_t email_sent, sms_sent, anonymous_users, token_refresh, sign_in_sign_ups, token_verifications;
		int64_t mfa_challenge_and_verify;
	} rate_limit;

	struct {
		bool is_enabled;
		enum auth_captcha_provider provider;
		const char *secret;
		const char *url; /* that asks whether an answer is right; "": the provider's own */
		int64_t timeout_ms;
	} captcha;

	struct {
		bool enable_signup; /* false: no sign-up and no sign-in by address at all, as upstream */
		/* Confirmed by mail. Where nothing says so, it is whether a mail can leave: smtp or the hook
		 * send_email. */
		bool enable_confirmations;
		bool double_confirm_changes, secure_password_change;
		int64_t max_frequency_ms; /* between two mails to the same address */
		int64_t otp_length, otp_expiry_s;
		struct {
			bool is_enabled;
			const char *host;
			int64_t port;
			const char *user, *pass; /* "": none */
			const char *admin_email, *sender_name; /* From */
			enum auth_smtp_security security; /* auto: TLS on 465, else STARTTLS; none on loopback */
		} smtp;
		struct auth_template templates[MAIL_KINDS];
	} email;

	struct {
		bool enable_signup; /* the same for telephone numbers */
		bool enable_confirmations;
		int64_t max_frequency_ms, otp_length, otp_expiry_s;
		struct auth_test_otp test_otp[AUTH_TEST_OTP_MAX];
		size_t test_otp_count;
	} sms;

	/* 0: no limit. */
	struct {
		int64_t timebox_ms, inactivity_timeout_ms;
		bool single_per_user;
	} sessions;

	struct {
		int64_t max_enrolled_factors, challenge_expiry_s;
		bool totp_enroll_enabled, totp_verify_enabled;
		bool phone_enroll_enabled, phone_verify_enabled;
		int64_t phone_otp_length, phone_max_frequency_ms;
	} mfa;

	struct auth_provider providers[AUTH_PROVIDERS_MAX];
	size_t provider_count;
	struct auth_hook hooks[AUTH_HOOK_KINDS];

	/* The settings' own. */
	struct arena *arena;
	unsigned holders;
};

/* The caller holds the settings. ERR_INVALID names the member, as "email.otp_length must be 6 to 10, not 4";
 * ERR_LIMIT when they are larger than allowed. The object is not needed afterwards. */
bool auth_settings_read(json_t *object, struct auth_settings **ret_settings, struct err *err);

struct auth_settings *auth_settings_hold(struct auth_settings *settings);
void auth_settings_free(struct auth_settings *settings); /* lets go; the last one frees. NULL is allowed */

const struct auth_provider *auth_settings_provider(const struct auth_settings *settings, struct str name); /* or NULL */
bool auth_provider_is_served(struct str name); /* false for upstream's names that are not */
bool auth_settings_sends_mail(const struct auth_settings *settings); /* by smtp or a hook */

#endif
