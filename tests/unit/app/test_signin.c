/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "app/keys.h"
#include "app/signin.h"
#include "app/signing.h"
#include "codec/json.h"
#include "codec/toml.h"
#include "os/file.h"

#define URL "http://shop.localhost:8080"

static char dir[] = "/tmp/fh-signin-XXXXXX";
static struct flow f;
static struct err err;

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		if (!(call)) fail_msg("%s", err.msg);                                                                  \
	} while (0)

static int setup(void **state)
{
	(void)state;
	char path[FILE_PATH_SIZE];
	struct app app;
	assert_non_null(mkdtemp(dir));
	f = (struct flow){.edge.port = 8080, .edge.tls_port = 8443};
	(void)snprintf(f.layout.home, sizeof f.layout.home, "%s", dir);
	(void)snprintf(f.layout.run, sizeof f.layout.run, "%s/run", dir);
	(void)snprintf(path, sizeof path, "%s/freehold.db", dir);
	MUST(db_open(path, &f.db, &err));
	(void)snprintf(path, sizeof path, "%s/secret.key", dir);
	MUST(seal_open(path, &f.seal, &err));
	MUST(app_create(f.db, "shop", &app, &err));
	MUST(keys_ensure(&f, "shop", &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close(f.db);
	seal_close(f.seal);
	return file_remove_tree(dir, &err) ? 0 : -1;
}

static struct auth_settings *settings(void)
{
	json_t *document JSON_CLEANUP = NULL;
	struct auth_settings *s = NULL;
	MUST(signin_document(&f, "shop", &document, NULL, &err));
	MUST(auth_settings_read(document, &s, &err));
	return s;
}

static bool change(const char *set, const char *unset)
{
	json_t *s JSON_CLEANUP = NULL, *u JSON_CLEANUP = NULL;
	MUST(json_parse(str_from(set), &s, &err) && json_parse(str_from(unset), &u, &err));
	return signin_change(&f, "shop", s, u, &err);
}

/* The sentences, one a line. */
static const char *deploy_with(const char *toml, const char **ret_missing)
{
	static char said[8000], lacking[1000];
	json_t *config JSON_CLEANUP = NULL, *adaptations JSON_CLEANUP = json_array(),
		       *missing JSON_CLEANUP = json_array();
	said[0] = lacking[0] = '\0';
	MUST(toml_parse(str_from(toml), &config, &err));
	MUST(signin_plan_export(&f, "shop", json_object_get(config, "auth"), adaptations, missing, &err));
	for (size_t i = 0; i < json_array_size(adaptations); i++)
		(void)snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n",
			       json_str(json_array_get(adaptations, i), "what", ""));
	for (size_t i = 0; i < json_array_size(missing); i++)
		(void)snprintf(lacking + strlen(lacking), sizeof lacking - strlen(lacking), "%s=%s\n",
			       json_str(json_array_get(missing, i), "name", ""),
			       json_str(json_array_get(missing, i), "variable", ""));
	MUST(signin_settle_export(&f, "shop", &err));
	MUST(signin_settle_export(&f, "shop", &err)); /* after a crash between the two */
	if (ret_missing != NULL) *ret_missing = lacking;
	return said;
}

static void test_what_freehold_knows(void **state)
{
	(void)state;
	struct auth_settings *s = settings();
	assert_string_equal(s->site_url, URL);
	assert_string_equal(s->external_url, URL "/auth/v1");
	assert_string_equal(s->redirect_urls.at[0], URL "/**");
	assert_string_equal(s->redirect_urls.at[2], "https://shop.localhost:8443/**");
	assert_string_equal(s->issuer_url, "https://shop.localhost:8443/auth/v1/oidc");
	auth_settings_free(s);
}

static void test_owner(void **state)
{
	(void)state;
	assert_true(
	    change("{\"email.otp_length\":\"8\",\"additional_redirect_urls\":\"app://a, https://b.example\"}", "[]"));
	struct auth_settings *s = settings();
	assert_int_equal(s->email.otp_length, 8);
	assert_int_equal(s->redirect_urls.count, 5);
	auth_settings_free(s);
	assert_false(change("{\"email.otp_length\":\"9\",\"jwt_expiry\":\"1\"}", "[]"));
	assert_non_null(strstr(err.msg, "jwt_expiry"));
	assert_false(change("{\"external.google.enabled\":\"true\"}", "[]"));
	assert_non_null(strstr(err.msg, "external.google is enabled and has no client_id"));
	assert_false(change("{\"email.template.recovery.content\":\"{{ if\"}", "[]"));
	assert_non_null(strstr(err.msg, "recovery"));
	assert_false(change("{}", "[\"jwt_expiry\"]"));
	s = settings();
	assert_int_equal(s->email.otp_length, 8);
	assert_int_equal(s->provider_count, 0);
	auth_settings_free(s);
	assert_true(change("{}", "[\"email.otp_length\",\"additional_redirect_urls\"]"));
}

static const char export_toml[] =
    "[auth]\n"
    "enabled = true\n"
    "site_url = \"http://127.0.0.1:3000\"\n"
    "additional_redirect_urls = [\"https://old.lovable.app/welcome\", \"https://old.lovable.app\", \"myapp://back\"]\n"
    "jwt_expiry = 7200\n"
    "enable_signup = true\n"
    "minimum_password_length = 3\n"
    "enable_magic = 1\n"
    "[auth.rate_limit]\nemail_sent = 2\n"
    "[auth.email]\nenable_confirmations = false\nmax_frequency = \"1s\"\n"
    "[auth.sms.twilio]\nenabled = true\nauth_token = \"env(TWILIO)\"\n"
    "[auth.web3.solana]\nenabled = false\n"
    "[auth.external.twitch]\nenabled = true\nclient_id = \"t\"\n"
    "[auth.external.apple]\nenabled = false\nsecret = \"env(APPLE)\"\n"
    "[auth.external.google]\nenabled = true\nclient_id = \"1.apps\"\nsecret = \"env(GOOGLE_SECRET)\"\n";

static void test_export(void **state)
{
	(void)state;
	const char *missing, *said = deploy_with(export_toml, &missing);
	assert_non_null(
	    strstr(said, "sign-in is set by [auth]: additional_redirect_urls, jwt_expiry, email.enable_confirmations, "
			 "email.max_frequency, external.google.enabled"));
	assert_non_null(strstr(said, "site_url: http://127.0.0.1:3000 is not this server"));
	assert_non_null(strstr(said, "minimum_password_length: minimum_password_length must be 6 to 72, not 3"));
	assert_non_null(strstr(said, "enable_magic: is not known"));
	assert_non_null(strstr(said, "sms.twilio.enabled: text messages by Twilio is not served"));
	assert_non_null(strstr(said, "external.twitch.enabled: sign-in with it is not served"));
	assert_null(strstr(said, "apple"));
	assert_null(strstr(said, "web3"));
	assert_null(strstr(said, "email_sent"));
	assert_string_equal(missing, "external.google.secret=GOOGLE_SECRET\n");
	struct auth_settings *s = settings();
	assert_int_equal(s->jwt_expiry_s, 7200);
	assert_int_equal(s->email.max_frequency_ms, 1000);
	assert_string_equal(s->site_url, URL);
	assert_int_equal(s->redirect_urls.count, 5);
	assert_string_equal(s->redirect_urls.at[0], URL "/welcome");
	assert_string_equal(s->redirect_urls.at[1], "myapp://back");
	assert_false(auth_settings_provider(s, STR("google"))->is_enabled);
	auth_settings_free(s);
	/* The variable comes, the owner says otherwise, and the next export brings less. */
	MUST(app_secret_set(f.db, f.seal, "shop", "env", "GOOGLE_SECRET", STR("s3cret"), &err));
	assert_true(change("{\"jwt_expiry\":\"1h\"}", "[]"));
	s = settings();
	assert_int_equal(s->jwt_expiry_s, 3600);
	assert_true(auth_settings_provider(s, STR("google"))->is_enabled);
	assert_string_equal(auth_settings_provider(s, STR("google"))->secret, "s3cret");
	auth_settings_free(s);
	assert_string_equal(deploy_with("[auth]\nenable_anonymous_sign_ins = true\n", NULL),
			    "sign-in is set by [auth]: enable_anonymous_sign_ins\n");
	s = settings();
	assert_true(s->enable_anonymous_sign_ins);
	assert_int_equal(s->provider_count, 0);
	assert_int_equal(s->jwt_expiry_s, 3600);
	auth_settings_free(s);
	assert_string_equal(deploy_with("project_id = \"x\"\n", NULL), "");
}

/* What an export must not decide: it could lead the backend to what else runs on the machine, or leave a door open. */
static void test_export_is_not_the_owner(void **state)
{
	(void)state;
	const char *said =
	    deploy_with("[auth]\njwt_expiry = 7200\n[auth.sms.test_otp]\n4152127777 = \"123456\"\n"
			"[auth.external.acme]\nenabled = true\nclient_id = \"a\"\nurl = \"http://127.0.0.1:6379\"\n"
			"[auth.email.smtp]\nenabled = true\nhost = \"localhost\"\nadmin_email = \"a@b.example\"\n"
			"[auth.hook.send_sms]\nenabled = true\nuri = \"http://localhost:9200\"\nsecrets = "
			"\"v1,whsec_YQ==\"\n",
			NULL);
	assert_non_null(strstr(said, "sms.test_otp.4152127777: a code that always fits"));
	assert_non_null(strstr(said, "external.acme.url: an address without https"));
	assert_non_null(strstr(said, "email.smtp.host: a mail server on this machine"));
	assert_non_null(strstr(said, "hook.send_sms.uri: an address without https"));
	struct auth_settings *s = settings();
	assert_null(strstr(said, "is not taken:"));
	assert_int_equal(s->jwt_expiry_s, 3600); /* the owner's */
	assert_false(auth_settings_provider(s, STR("acme"))->is_enabled);
	assert_int_equal(s->sms.test_otp_count, 0);
	assert_false(auth_settings_sends_mail(s));
	assert_false(s->hooks[AUTH_HOOK_SEND_SMS].is_enabled);
	auth_settings_free(s);
	(void)deploy_with("project_id = \"x\"\n", NULL);
}

/* What does not fit together is not taken, and says so. */
static void test_export_that_cannot_be(void **state)
{
	(void)state;
	const char *said = deploy_with("[auth]\njwt_expiry = 7200\n[auth.hook.send_email]\nenabled = true\n", NULL);
	assert_non_null(strstr(said, "[auth] is not taken: hook.send_email is enabled and has no uri"));
	struct auth_settings *s = settings();
	assert_int_equal(s->jwt_expiry_s, 3600);
	auth_settings_free(s);
}

static void test_secrets_are_not_listed(void **state)
{
	(void)state;
	json_t *list JSON_CLEANUP = NULL, *all JSON_CLEANUP = NULL;
	assert_true(change("{\"captcha.secret\":\"top-secret\",\"captcha.enabled\":\"true\"}", "[]"));
	MUST(signin_list(&f, "shop", &list, &err));
	MUST(signin_list_all(&f, "shop", &all, &err));
	char *text = json_text(list), *more = json_text(all);
	assert_null(strstr(text, "top-secret"));
	assert_null(strstr(more, "top-secret"));
	assert_non_null(strstr(text, "captcha.secret"));
	assert_non_null(strstr(more, "\"rate_limit.token_refresh\""));
	free(text);
	free(more);
}

static void test_keys(void **state)
{
	(void)state;
	json_t *list JSON_CLEANUP = NULL, *backend JSON_CLEANUP = NULL;
	struct keyring *keyring = NULL;
	assert_false(signing_rotate(&f, "shop", &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	MUST(signing_standby(&f, "shop", JWT_ES256, &err));
	assert_false(signing_standby(&f, "shop", JWT_ES256, &err));
	MUST(signing_rotate(&f, "shop", &err));
	MUST(signing_revoke(&f, "shop", SIGNING_LEGACY, &err));
	assert_false(signing_revoke(&f, "shop", "nothing", &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	json_t *theirs JSON_CLEANUP =
	    json_pack("[{s:s, s:s}]", "kty", "oct", "k", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0");
	MUST(signing_import(&f, "shop", theirs, false, &err));
	json_t *taking JSON_CLEANUP = json_pack("[o]", keyring_make(JWT_RS256, "rsa"));
	MUST(signing_import(&f, "shop", taking, true, &err));
	assert_false(signing_import(&f, "shop", taking, true, &err));
	MUST(signing_for_backend(&f, "shop", &backend, &err));
	MUST(keyring_read(backend, &keyring, &err));
	assert_int_equal(keyring_signing(keyring)->algorithm, JWT_RS256);
	keyring_free(keyring);
	MUST(signing_list(&f, "shop", &list, &err));
	assert_int_equal(json_array_size(list), 4);
	char *text = json_text(list);
	assert_null(strstr(text, "\"d\""));
	assert_null(strstr(text, "\"k\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_freehold_knows),
	    cmocka_unit_test(test_owner),
	    cmocka_unit_test(test_export),
	    cmocka_unit_test(test_export_that_cannot_be),
	    cmocka_unit_test(test_export_is_not_the_owner),
	    cmocka_unit_test(test_secrets_are_not_listed),
	    cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
