/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/oidc.h"
#include "codec/json.h"

static struct arena *arena;
static struct auth_settings *settings;

static const char text[] =
    "{\"site_url\":\"https://"
    "a.example\",\"external\":{\"google\":{\"enabled\":true,\"client_id\":\"g\",\"secret\":\"s\"},"
    "\"github\":{\"enabled\":true,\"client_id\":\"h\",\"secret\":\"s\"},"
    "\"azure\":{\"enabled\":true,\"client_id\":\"z\",\"secret\":\"s\",\"url\":\"https://login.microsoftonline.com/"
    "t1\"},"
    "\"discord\":{\"enabled\":false,\"client_id\":\"d\",\"secret\":\"s\"},"
    "\"facebook\":{\"enabled\":true,\"client_id\":\"f\",\"secret\":\"s\"},"
    "\"acme\":{\"enabled\":true,\"client_id\":\"c\",\"secret\":\"s\",\"url\":\"https://id.acme.example\"}}}";

static struct oauth_provider find(const char *name)
{
	struct oauth_provider p;
	struct err err;
	if (!oauth_provider_find(settings, str_from(name), arena, &p, &err)) fail_msg("%s: %s", name, err.msg);
	return p;
}

static void test_find(void **state)
{
	(void)state;
	struct oauth_provider p = find("Google");
	struct err err;
	assert_string_equal(p.issuer, "https://accounts.google.com");
	assert_string_equal(p.redirect_uri, "https://a.example/auth/v1/callback");
	assert_string_equal(find("github").token_url, "https://github.com/login/oauth/access_token");
	assert_string_equal(find("acme").issuer, "https://id.acme.example");
	assert_false(oauth_provider_find(settings, STR("discord"), arena, &p, &err));
	assert_string_equal(err.msg, "provider is not enabled");
	assert_false(oauth_provider_find(settings, STR("nobody"), arena, &p, &err));
	assert_string_equal(err.msg, "Provider nobody could not be found");
	assert_false(oauth_provider_find(settings, STR(""), arena, &p, &err));
}

/* Of the request's own parameters none may take the place of ours. */
static void test_authorize_url(void **state)
{
	(void)state;
	struct oauth_provider p = find("github");
	const char *url = oauth_authorize_url(
	    &p, arena,
	    STR("provider=github&scopes=repo%2Cgist&prompt=consent&redirect_uri=https%3A%2F%2Fevil&STATE=x&client_id=y&"
		"redirect_to=z&login=a%26b"),
	    "st", NULL, "ch");
	assert_string_equal(url, "https://github.com/login/oauth/authorize?client_id=h&redirect_uri=https%3A%2F%2F"
				 "a.example%2Fauth%2Fv1%2Fcallback&response_type=code&scope=user%3Aemail%20repo%20gist&"
				 "state=st&code_challenge=ch&code_challenge_method=S256&prompt=consent&login=a%26b");
	assert_string_equal(
	    oauth_token_body(&p, arena, "c&d", NULL, true),
	    "grant_type=authorization_code&code=c%26d&redirect_uri=https%3A%2F%2Fa.example%2Fauth%2Fv1%2F"
	    "callback&client_id=h&client_secret=s");
}

static void test_issuers(void **state)
{
	(void)state;
	struct oauth_provider google = find("google"), azure = find("azure"), acme = find("acme");
	assert_true(oauth_issuer_is_good(&google, "https://accounts.google.com"));
	assert_false(oauth_issuer_is_good(&google, "https://accounts.google.com.evil.example"));
	assert_true(oauth_issuer_is_good(&azure, "https://login.microsoftonline.com/t1/v2.0"));
	assert_false(oauth_issuer_is_good(&azure, "https://login.microsoftonline.com/t2/v2.0"));
	assert_false(oauth_issuer_is_good(&azure, "https://login.microsoftonline.com/t12/v2.0"));
	assert_false(oauth_issuer_is_good(&acme, "https://accounts.google.com"));
}

/* Whoever may name the issuer of a token may sign it: only hosts of Microsoft's. */
static void test_issuers_of_any_tenant(void **state)
{
	(void)state;
	struct oauth_provider azure = find("azure");
	struct auth_provider common = *azure.settings;
	common.url = "";
	azure.settings = &common;
	static const char *const good[] = {"https://login.microsoftonline.com/t1/v2.0", "https://sts.windows.net/t1/",
					   "https://shop.ciamlogin.com/t1/v2.0",
					   "https://shop-1.ciamlogin.com/t1/v2.0/"};
	static const char *const bad[] = {"https://login.microsoftonline.com.evil.example/t1/v2.0",
					  "https://long-enough.evil.example/x.ciamlogin.com/t1/v2.0",
					  "https://long-enough.evil.example/.ciamlogin.com/",
					  "https://long-enough.evil.example#.ciamlogin.com/t1/v2.0",
					  "https://long-enough.evil.example?a=.ciamlogin.com/t1/v2.0",
					  "https://me@evil.example:1.ciamlogin.com/t1/v2.0",
					  "https://evil.example\\x.ciamlogin.com/t1/v2.0",
					  "https://.ciamlogin.com/t1/v2.0",
					  "http://shop.ciamlogin.com/t1/v2.0"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!oauth_issuer_is_good(&azure, good[i])) fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (oauth_issuer_is_good(&azure, bad[i])) fail_msg("%s", bad[i]);
	common.url = "https://login.microsoftonline.com/organizations/";
	assert_true(oauth_issuer_is_good(&azure, good[0]));
	common.url = "https://login.microsoftonline.com/commonwealth.example";
	assert_false(oauth_issuer_is_good(&azure, good[0]));
}

static json_t *json(const char *what)
{
	json_t *value = NULL;
	struct err err;
	if (!json_parse(str_from(what), &value, &err)) fail_msg("%s", err.msg);
	return value;
}

static void test_persons(void **state)
{
	(void)state;
	struct oauth_provider github = find("github"), facebook = find("facebook");
	struct oauth_person p;
	struct err err;
	json_t *claims JSON_CLEANUP =
	    json("{\"iss\":\"https://accounts.google.com\",\"sub\":\"1\",\"email\":\"A@X.example\","
		 "\"email_verified\":true,\"name\":\"Ada\",\"picture\":\"p\",\"hd\":\"x.example\"}");
	assert_true(oauth_person_from_claims(OAUTH_GOOGLE, claims, arena, &p, &err));
	assert_string_equal(p.email, "a@x.example");
	assert_true(p.is_email_verified && json_array_size(p.verified) == 1);
	assert_string_equal(json_str(p.data, "full_name", ""), "Ada");
	assert_string_equal(json_str(p.data, "avatar_url", ""), "p");
	assert_string_equal(json_str(json_object_get(p.data, "custom_claims"), "hd", ""), "x.example");
	json_t *unverified JSON_CLEANUP = json("{\"sub\":\"1\",\"email\":\"a@x.example\",\"email_verified\":false}");
	assert_true(oauth_person_from_claims(OAUTH_OIDC, unverified, arena, &p, &err));
	assert_false(p.is_email_verified || json_array_size(p.verified) > 0);
	json_t *edov JSON_CLEANUP = json("{\"iss\":\"https://login.microsoftonline.com/t1/v2.0\",\"sub\":\"1\","
					 "\"email\":\"a@x.example\",\"xms_edov\":\"0\"}");
	assert_true(oauth_person_from_claims(OAUTH_AZURE, edov, arena, &p, &err) && !p.is_email_verified);
	json_t *nobody JSON_CLEANUP = json("{\"email\":\"a@x.example\"}");
	assert_false(oauth_person_from_claims(OAUTH_OIDC, nobody, arena, &p, &err));
	json_t *user JSON_CLEANUP = json("{\"id\":7,\"login\":\"ada\",\"name\":null,\"avatar_url\":\"u\"}");
	json_t *emails JSON_CLEANUP = json("[{\"email\":\"old@x.example\",\"verified\":true,\"primary\":false},"
					   "{\"email\":\"new@x.example\",\"verified\":false,\"primary\":true}]");
	assert_true(oauth_person_from_api(&github, user, emails, arena, &p, &err));
	assert_string_equal(p.subject, "7");
	assert_string_equal(p.email, "new@x.example");
	assert_false(p.is_email_verified);
	assert_int_equal(json_array_size(p.verified), 1);
	assert_string_equal(json_str(p.data, "user_name", ""), "ada");
	json_t *fb JSON_CLEANUP =
	    json("{\"id\":\"9\",\"first_name\":\"Ada\",\"last_name\":\"L\",\"picture\":{\"data\":{\"url\":\"p\"}}}");
	assert_true(oauth_person_from_api(&facebook, fb, NULL, arena, &p, &err));
	assert_string_equal(json_str(p.data, "name", ""), "Ada L");
	assert_string_equal(p.email, "");
	oauth_person_name(&p, STR("{\"name\":{\"firstName\":\"B\",\"lastName\":\"C\"}}"));
	assert_string_equal(json_str(p.data, "name", ""), "B C");
	oauth_person_name(&p, STR("{"));
}

/* What a provider says becomes part of every token, which must stay one that is read. */
static void test_a_person_fits_into_a_token(void **state)
{
	(void)state;
	static char picture[3000], subject[400];
	struct oauth_person p;
	struct err err;
	memset(picture, 'x', sizeof picture - 1);
	memset(subject, 's', 300);
	json_t *claims JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:s}", "sub", "1", "email", "a@x.example", "picture", picture, "name", "Ada");
	assert_true(oauth_person_from_claims(OAUTH_GOOGLE, claims, arena, &p, &err));
	assert_null(json_object_get(p.data, "picture"));
	assert_null(json_object_get(p.data, "avatar_url"));
	assert_string_equal(json_str(p.data, "name", ""), "Ada");
	/* Many that are short enough each: the address is there, whatever is left out. */
	static const char *const names[] = {"name",     "family_name", "given_name", "middle_name",
					    "nickname", "profile",     "picture",    "website",
					    "gender",   "birthdate",   "zoneinfo",   "locale"};
	picture[1000] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)json_object_set_new(claims, names[i], json_string(picture));
	assert_true(oauth_person_from_claims(OAUTH_GOOGLE, claims, arena, &p, &err));
	assert_true(json_dumpb(p.data, NULL, 0, 0) < 10000);
	assert_string_equal(json_str(p.data, "email", ""), "a@x.example");
	assert_string_equal(json_str(p.data, "sub", ""), "1");
	(void)json_object_set_new(claims, "sub", json_string(subject));
	assert_false(oauth_person_from_claims(OAUTH_GOOGLE, claims, arena, &p, &err));
	assert_string_equal(err.msg, "the provider names a subject (sub) of more than 255 bytes");
}

/* Only Microsoft's own tenants are believed without a word about the address; of others it must be claimed. */
static void test_azure(void **state)
{
	(void)state;
	static const char *const others[] = {"https://shop.ciamlogin.com/t1/v2.0", "https://sts.windows.net/t1/",
					     "https://login.microsoftonline.com/t1/t2/v2.0"};
	struct oauth_person p;
	struct err err;
	json_t *claims JSON_CLEANUP =
	    json("{\"iss\":\"https://login.microsoftonline.com/t1/v2.0\",\"sub\":\"1\",\"email\":\"a@x.example\","
		 "\"name\":\"Ada\",\"oid\":\"o\",\"roles\":[\"admin\"],\"aio\":\"x\",\"aud\":\"z\"}");
	assert_true(oauth_person_from_claims(OAUTH_AZURE, claims, arena, &p, &err));
	assert_true(p.is_email_verified);
	assert_string_equal(json_str(p.data, "full_name", ""), "Ada");
	const json_t *custom = json_object_get(p.data, "custom_claims");
	assert_string_equal(json_str(custom, "oid", ""), "o");
	assert_int_equal(json_array_size(json_object_get(custom, "roles")), 1);
	assert_null(json_object_get(custom, "aio"));
	json_t *groups = json_array();
	for (int i = 0; i < 200; i++)
		(void)json_array_append_new(groups, json_string("01234567-89ab-cdef-0123-456789abcdef"));
	(void)json_object_set_new(claims, "groups", groups);
	assert_true(oauth_person_from_claims(OAUTH_AZURE, claims, arena, &p, &err));
	custom = json_object_get(p.data, "custom_claims");
	assert_null(json_object_get(custom, "groups"));
	assert_string_equal(json_str(custom, "oid", ""), "o");
	assert_null(json_object_get(custom, "name"));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		(void)json_object_set_new(claims, "iss", json_string(others[i]));
		assert_true(oauth_person_from_claims(OAUTH_AZURE, claims, arena, &p, &err));
		assert_false(p.is_email_verified);
		assert_int_equal(json_array_size(p.verified), 0);
	}
}

static void test_issuers_with_two_names(void **state)
{
	(void)state;
	assert_true(oidc_is_issuer("https://a.example", "https://a.example"));
	assert_false(oidc_is_issuer("https://a.example", "https://b.example"));
	assert_true(oidc_is_issuer("https://appleid.apple.com", "https://account.apple.com"));
	assert_true(oidc_is_issuer("https://accounts.google.com", "accounts.google.com"));
	assert_false(oidc_is_issuer("https://accounts.google.com", "https://account.apple.com"));
}

static void test_facts_of_providers(void **state)
{
	(void)state;
	struct oauth_provider github = find("github"), facebook = find("facebook"), discord;
	struct oauth_person p;
	struct err err;
	assert_string_equal(facebook.issuer, "https://www.facebook.com");
	assert_true(oauth_issuer_is_good(&facebook, "https://www.facebook.com"));
	json_t *apple JSON_CLEANUP = json("{\"sub\":\"1\",\"email\":\"a@x.example\",\"is_private_email\":\"true\"}");
	assert_true(oauth_person_from_claims(OAUTH_APPLE, apple, arena, &p, &err));
	assert_true(json_is_true(json_object_get(json_object_get(p.data, "custom_claims"), "is_private_email")));
	json_t *user JSON_CLEANUP = json("{\"id\":\"7\",\"login\":\"ada\",\"username\":\"ada\",\"avatar\":\"\","
					 "\"discriminator\":\"7\"}");
	assert_true(oauth_person_from_api(&github, user, NULL, arena, &p, &err));
	assert_string_equal(json_str(p.data, "iss", ""), "https://api.github.com");
	discord = github;
	discord.kind = OAUTH_DISCORD;
	discord.api_url = "https://discord.com/api";
	assert_true(oauth_person_from_api(&discord, user, NULL, arena, &p, &err));
	assert_string_equal(json_str(p.data, "iss", ""), "https://discord.com/api");
	assert_string_equal(json_str(p.data, "picture", ""), "https://cdn.discordapp.com/embed/avatars/2.png");
}

static int begin(void **state)
{
	(void)state;
	struct err err;
	json_t *o JSON_CLEANUP = json(text);
	arena = arena_new(4 << 20);
	if (!auth_settings_read(o, &settings, &err)) fail_msg("%s", err.msg);
	return 0;
}

static int end(void **state)
{
	(void)state;
	auth_settings_free(settings);
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_find),
					   cmocka_unit_test(test_authorize_url),
					   cmocka_unit_test(test_issuers),
					   cmocka_unit_test(test_issuers_of_any_tenant),
					   cmocka_unit_test(test_persons),
					   cmocka_unit_test(test_a_person_fits_into_a_token),
					   cmocka_unit_test(test_azure),
					   cmocka_unit_test(test_issuers_with_two_names),
					   cmocka_unit_test(test_facts_of_providers)};
	return cmocka_run_group_tests(tests, begin, end);
}
