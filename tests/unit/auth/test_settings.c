/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/settings.h"
#include "auth/settings_member.h"
#include "codec/json.h"

static struct auth_settings *read_text(const char *text, struct err *err)
{
	json_t *object JSON_CLEANUP = NULL;
	struct auth_settings *settings = NULL;
	assert_true(json_parse(str_from(text), &object, err));
	return auth_settings_read(object, &settings, err) ? settings : NULL;
}

static struct auth_settings *must_read(const char *text)
{
	struct err err = {0};
	struct auth_settings *settings = read_text(text, &err);
	if (settings == NULL) fail_msg("%s", err.msg);
	return settings;
}

#define SITE "\"site_url\":\"https://shop.example/\""

static void test_defaults(void **state)
{
	(void)state;
	struct auth_settings *s = must_read("{" SITE "}");
	assert_string_equal(s->site_url, "https://shop.example");
	assert_string_equal(s->external_url, "https://shop.example/auth/v1");
	assert_string_equal(s->jwt_issuer, "https://shop.example/auth/v1");
	assert_int_equal(s->jwt_expiry_s, 3600);
	assert_true(s->enable_signup && s->enable_refresh_token_rotation);
	assert_false(s->enable_anonymous_sign_ins || s->enable_manual_linking);
	assert_int_equal(s->refresh_token_reuse_interval_s, 10);
	assert_int_equal(s->email.max_frequency_ms, 60000);
	assert_int_equal(s->email.otp_length, 6);
	assert_int_equal(s->email.otp_expiry_s, 3600);
	assert_true(s->email.double_confirm_changes && s->email.enable_signup);
	assert_true(s->mfa.totp_enroll_enabled && s->mfa.totp_verify_enabled);
	assert_false(s->mfa.phone_enroll_enabled);
	assert_int_equal(s->rate_limit.token_refresh, 150);
	assert_int_equal(s->provider_count, 0);
	assert_true(s->email.templates[MAIL_RECOVERY].is_enabled);
	assert_false(s->email.templates[MAIL_PASSWORD_CHANGED].is_enabled);
	assert_null(s->email.templates[MAIL_RECOVERY].subject);
	assert_string_equal(s->hooks[AUTH_HOOK_SEND_SMS].uri, "");
	auth_settings_free(s);
}

/* Without a way to send mail, nobody could ever confirm. */
static void test_confirmations_follow_mail(void **state)
{
	(void)state;
#define SMTP "\"host\":\"mail.example\",\"admin_email\":\"me@shop.example\""
	struct auth_settings *s = must_read("{" SITE "}");
	assert_false(s->email.enable_confirmations || auth_settings_sends_mail(s));
	auth_settings_free(s);
	s = must_read("{" SITE ",\"email\":{\"smtp\":{" SMTP "}}}");
	assert_true(s->email.enable_confirmations && s->email.smtp.is_enabled);
	assert_int_equal(s->email.smtp.port, 587);
	auth_settings_free(s);
	s = must_read("{" SITE ",\"email\":{\"enable_confirmations\":false,\"smtp\":{" SMTP "}}}");
	assert_false(s->email.enable_confirmations);
	auth_settings_free(s);
	s = must_read("{" SITE ",\"email\":{\"enable_confirmations\":true,\"smtp\":{\"enabled\":false," SMTP "}}}");
	assert_true(s->email.enable_confirmations);
	assert_false(s->email.smtp.is_enabled);
	auth_settings_free(s);
	s = must_read("{" SITE ",\"hook\":{\"send_email\":{\"enabled\":true,\"uri\":\"pg-functions://postgres/public/"
		      "send\"}}}");
	assert_true(s->email.enable_confirmations);
	auth_settings_free(s);
}

static void test_members(void **state)
{
	(void)state;
	struct auth_settings *s = must_read(
	    "{" SITE ",\"external_url\":\"http://127.0.0.1:9999/auth/v1\",\"jwt_expiry\":\"2h\","
	    "\"additional_redirect_urls\":[\"https://a.example/*\",\" app://back \"],"
	    "\"password_requirements\":\"lower_upper_letters_digits_symbols\","
	    "\"email\":{\"max_frequency\":\"1m30s\",\"template\":{\"invite\":{\"subject\":\"Come\"}},"
	    "\"notification\":{\"email_changed\":{\"enabled\":true,\"content\":\"<p>x\"}},"
	    "\"smtp\":{\"enabled\":true,\"host\":\"h\",\"admin_email\":\"a@b\",\"security\":\"tls\"}},"
	    "\"sessions\":{\"timebox\":\"24h\",\"inactivity_timeout\":1800},"
	    "\"sms\":{\"test_otp\":{\"+1234567890\":\"123456\"}},"
	    "\"captcha\":{\"enabled\":true,\"provider\":\"turnstile\",\"secret\":\"s\"},"
	    "\"mfa\":{\"phone\":{\"enroll_enabled\":true}},"
	    "\"external\":{\"google\":{\"enabled\":true,\"client_id\":\"one, "
	    "two\",\"secret\":\"x\"},\"gitlab\":{\"enabled\":true,\"client_id\":\"g\"},"
	    "\"custom:acme\":{\"enabled\":true,\"client_id\":\"c\",\"url\":\"https://id.acme.example/\","
	    "\"scopes\":[\"groups\"]}},"
	    "\"hook\":{\"custom_access_token\":{\"enabled\":true,\"uri\":\"pg-functions://postgres/public/hook_1\"},"
	    "\"send_sms\":{\"enabled\":true,\"uri\":\"https://hooks.example/sms\",\"secrets\":\"v1,whsec_YQ==|v1,"
	    "whsec_Yg==\"}}}");
	assert_string_equal(s->external_url, "http://127.0.0.1:9999/auth/v1");
	assert_int_equal(s->jwt_expiry_s, 7200);
	assert_int_equal(s->redirect_urls.count, 2);
	assert_string_equal(s->redirect_urls.at[1], "app://back");
	assert_int_equal(s->password_required.count, 4);
	assert_int_equal(s->email.max_frequency_ms, 90000);
	assert_string_equal(s->email.templates[MAIL_INVITE].subject, "Come");
	assert_true(s->email.templates[MAIL_EMAIL_CHANGED].is_enabled);
	assert_int_equal(s->email.smtp.security, AUTH_SMTP_TLS);
	assert_int_equal(s->sessions.timebox_ms, 86400000);
	assert_int_equal(s->sessions.inactivity_timeout_ms, 1800000);
	assert_string_equal(s->sms.test_otp[0].phone, "1234567890");
	assert_string_equal(s->sms.test_otp[0].code, "123456");
	assert_int_equal(s->captcha.provider, AUTH_CAPTCHA_TURNSTILE);
	assert_true(s->mfa.phone_enroll_enabled);
	const struct auth_provider *google = auth_settings_provider(s, STR("google"));
	assert_false(google->is_generic);
	assert_int_equal(google->client_ids.count, 2);
	assert_string_equal(google->client_ids.at[1], "two");
	const struct auth_provider *gitlab = auth_settings_provider(s, STR("gitlab"));
	assert_true(gitlab->is_generic);
	assert_string_equal(gitlab->url, "https://gitlab.com");
	const struct auth_provider *acme = auth_settings_provider(s, STR("custom:acme"));
	assert_true(acme->is_generic);
	assert_string_equal(acme->url, "https://id.acme.example");
	assert_string_equal(acme->scopes.at[0], "groups");
	const struct auth_hook *token = &s->hooks[AUTH_HOOK_CUSTOM_ACCESS_TOKEN];
	assert_string_equal(token->schema, "public");
	assert_string_equal(token->function, "hook_1");
	assert_null(token->url);
	assert_int_equal(s->hooks[AUTH_HOOK_SEND_SMS].secrets.count, 2);
	assert_string_equal(s->hooks[AUTH_HOOK_SEND_SMS].secrets.at[1], "v1,whsec_Yg==");
	struct auth_settings *held = auth_settings_hold(s);
	auth_settings_free(s);
	assert_string_equal(held->site_url, "https://shop.example");
	auth_settings_free(held);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
	    {"{}", "site_url is missing"},
	    {"{\"site_url\":\"shop.example\"}", "site_url must be an address"},
	    {"{\"site_url\":\"https://\"}", "site_url must be an address"},
	    {"{\"site_url\":\"https://a b\"}", "site_url must be an address"},
	    {"{" SITE ",\"site_urll\":1}", "there is no setting site_urll"},
	    {"{" SITE ",\"email\":{\"otp_length\":4}}", "email.otp_length must be 6 to 10, not 4"},
	    {"{" SITE ",\"email\":{\"otp_length\":\"6\"}}", "email.otp_length must be a whole number"},
	    {"{" SITE ",\"email\":7}", "there is no setting email"},
	    {"{" SITE ",\"enable_signup\":\"yes\"}", "enable_signup must be true or false"},
	    {"{" SITE ",\"jwt_expiry\":\"soon\"}", "jwt_expiry must be a time"},
	    {"{" SITE ",\"jwt_expiry\":5}", "jwt_expiry must be 60 to"},
	    {"{" SITE ",\"jwt_expiry\":9223372036854775807}", "out of range"},
	    {"{" SITE ",\"email\":{\"template\":{\"welcome\":{\"subject\":\"x\"}}}}", "email.template.welcome"},
	    {"{" SITE ",\"email\":{\"template\":{\"email_changed\":{\"subject\":\"x\"}}}}",
	     "email.template.email_changed"},
	    {"{" SITE ",\"email\":{\"smtp\":{\"enabled\":true}}}", "email.smtp is enabled and has no host"},
	    {"{" SITE ",\"email\":{\"smtp\":{\"host\":\"h\"}}}", "email.smtp.admin_email"},
	    {"{" SITE ",\"email\":{\"smtp\":{\"host\":\"h\",\"admin_email\":\"a@b\\r\\nBcc: c@d\"}}}",
	     "one plain address"},
	    {"{" SITE ",\"email\":{\"smtp\":{\"host\":\"h\",\"admin_email\":\"a@b\",\"sender_name\":\"a\\nb\"}}}",
	     "one line"},
	    {"{" SITE ",\"external\":{\"google\":{\"enabled\":true}}}",
	     "external.google is enabled and has no client_id"},
	    {"{" SITE ",\"external\":{\"acme\":{\"enabled\":true,\"client_id\":\"c\"}}}", "external.acme needs url"},
	    {"{" SITE ",\"external\":{\"acme\":{\"enabled\":true,\"client_id\":\"c\",\"url\":\"http://far.example\"}}}",
	     "external.acme.url must begin with https"},
	    {"{" SITE ",\"external\":{\"twitter\":{\"enabled\":true,\"client_id\":\"c\"}}}",
	     "external.twitter: sign-in with it is not served"},
	    {"{" SITE ",\"external\":{\"Acme\":{\"enabled\":true}}}", "external.Acme"},
	    {"{" SITE ",\"external\":{\"email\":{\"enabled\":true}}}", "external.email"},
	    {"{" SITE ",\"hook\":{\"send_sms\":{\"enabled\":true}}}", "has no uri"},
	    {"{" SITE ",\"hook\":{\"send_sms\":{\"enabled\":true,\"uri\":\"pg-functions://postgres/a/b;c\"}}}",
	     "hook.send_sms.uri must be"},
	    {"{" SITE ",\"hook\":{\"send_sms\":{\"enabled\":true,\"uri\":\"http://localhost.evil.example/\"}}}",
	     "hook.send_sms.uri must be"},
	    {"{" SITE ",\"hook\":{\"send_sms\":{\"enabled\":true,\"uri\":\"https://x.example\"}}}",
	     "hook.send_sms.secrets"},
	    {"{" SITE ",\"hook\":{\"nothing\":{\"enabled\":true}}}", "hook.nothing"},
	    {"{" SITE ",\"captcha\":{\"enabled\":true}}", "captcha is enabled and has no secret"},
	    {"{" SITE ",\"captcha\":{\"provider\":\"recaptcha\"}}",
	     "captcha.provider must be one of hcaptcha, turnstile"},
	    {"{" SITE ",\"password_requirements\":\"hard\"}", "password_requirements must be empty or"},
	    {"{" SITE ",\"sms\":{\"test_otp\":{\"abc\":\"1\"}}}", "sms.test_otp"},
	    {"{" SITE ",\"additional_redirect_urls\":[1]}", "additional_redirect_urls must be a list"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = {0};
		assert_null(read_text(cases[i].text, &err));
		if (strstr(err.msg, cases[i].words) == NULL) fail_msg("%s: %s", cases[i].text, err.msg);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void test_too_much(void **state)
{
	(void)state;
	struct err err = {0};
	json_t *object JSON_CLEANUP = json_pack("{s:s}", "site_url", "https://a.example");
	json_t *list = json_array();
	struct auth_settings *s = NULL;
	for (int i = 0; i < AUTH_SETTING_LIST_MAX + 1; i++) (void)json_array_append_new(list, json_string("https://b"));
	(void)json_object_set_new(object, "additional_redirect_urls", list);
	assert_false(auth_settings_read(object, &s, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void test_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {{"1s", 1000},  {"1h30m", 5400000}, {"500ms", 500}, {"1.5s", 1500}, {"0", 0},
		     {"90", 90000}, {"", -1},           {"s", -1},      {"1", 1000},    {"1x", -1},
		     {"-1", -1},    {"1s2", -1},        {"1..5s", -1},  {".s", -1},     {"9999999999h", -1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t ms = -1;
		(void)auth_duration_parse(str_from(cases[i].text), &ms);
		if (ms != cases[i].ms) fail_msg("%s: %lld", cases[i].text, (long long)ms);
	}
}

static void test_typed(void **state)
{
	(void)state;
	struct err err;
	json_t *value = NULL;
	assert_true(auth_setting_value(STR("enable_signup"), "off", &value, &err));
	assert_true(json_is_false(value));
	json_decref(value);
	assert_true(auth_setting_value(STR("email.otp_length"), "8", &value, &err));
	assert_int_equal(json_integer_value(value), 8);
	json_decref(value);
	assert_true(auth_setting_value(STR("external.google.client_id"), "a,b", &value, &err));
	assert_string_equal(json_string_value(value), "a,b");
	json_decref(value);
	assert_false(auth_setting_value(STR("email.otp_length"), "many", &value, &err));
	assert_non_null(strstr(err.msg, "must be a whole number"));
	assert_false(auth_setting_value(STR("email.otp"), "8", &value, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_false(auth_setting_value(STR("external"), "8", &value, &err));
	assert_false(auth_setting_value(STR("external..enabled"), "true", &value, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults), cmocka_unit_test(test_confirmations_follow_mail),
	    cmocka_unit_test(test_members),  cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_too_much), cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_typed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
