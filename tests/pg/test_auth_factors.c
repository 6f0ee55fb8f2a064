/* SPDX-License-Identifier: Apache-2.0
 *
 * Second factors, anonymous users, sessions with an end, hooks, telephone numbers, old rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/sweep.h"
#include "auth/totp.h"
#include "authsteps.h"
#include "base/clock.h"
#include "codec/json.h"

static void expect_claim(const json_t *session, const char *name, const char *value)
{
	json_t *claims JSON_CLEANUP = authbox_claims(session);
	assert_string_equal(json_str(claims, name, ""), value);
}

static int setup(void **state)
{
	(void)state;
	authbox_init(&box, SETTINGS_UNCONFIRMED(""));
	return 0;
}

static int usual(void **state)
{
	(void)state;
	authbox_configure(&box, SETTINGS_UNCONFIRMED(""));
	return 0;
}

static struct answer verify(const char *token, const char *factor, const char *challenge, const char *code)
{
	char path[100];
	(void)snprintf(path, sizeof path, "/factors/%s/verify", factor);
	return ask("POST", path, "", token, textf("{\"challenge_id\":\"%s\",\"code\":\"%s\"}", challenge, code));
}

/* The id of a fresh challenge; until the next call. */
static const char *challenge(const char *token, const char *factor)
{
	static char id[40];
	char path[100];
	(void)snprintf(path, sizeof path, "/factors/%s/challenge", factor);
	json_t *c = answer_ok(ask("POST", path, "", token, ""));
	assert_string_equal(json_str(c, "type", ""), "totp");
	assert_true(json_int(c, "expires_at", 0) > clock_wall_ms() / 1000 + 200);
	(void)snprintf(id, sizeof id, "%s", json_str(c, "id", ""));
	json_decref(c);
	return id;
}

static void test_a_second_factor(void **state)
{
	(void)state;
	json_t *session = sign_up("two@example.com"), *elsewhere = answer_ok(sign_in("two@example.com"));
	const char *token = token_of(session);
	expect_claim(session, "aal", "aal1");
	answer_expect(ask("POST", "/factors", "", token, "{\"factor_type\":\"x\"}"), 400, "validation_failed");
	answer_expect(ask("POST", "/factors", "", token, "{\"factor_type\":\"phone\",\"phone\":\"+123\"}"), 422,
		      "mfa_phone_enroll_not_enabled");
	answer_expect(ask("POST", "/factors", "", token, "{\"factor_type\":\"webauthn\"}"), 422,
		      "mfa_webauthn_enroll_not_enabled");
	json_t *factor = answer_ok(
	    ask("POST", "/factors", "", token, "{\"factor_type\":\"totp\",\"friendly_name\":\"Ada's phone\"}"));
	const json_t *totp = json_object_get(factor, "totp");
	const char *id = json_str(factor, "id", ""), *secret = json_str(totp, "secret", "");
	assert_int_equal(strncmp(json_str(totp, "qr_code", ""), "<svg ", 5), 0);
	assert_non_null(strstr(json_str(totp, "uri", ""), "otpauth://totp/shop.localhost:two%40example.com?"));
	answer_expect(
	    ask("POST", "/factors", "", token, "{\"factor_type\":\"totp\",\"friendly_name\":\"Ada's phone\"}"), 422,
	    "mfa_factor_name_conflict");
	char code[7];
	assert_true(totp_code(secret, clock_wall_ms() / 1000, code));
	const char *c = challenge(token, id);
	answer_expect(verify(token, id, c, "000000"), 422, "mfa_verification_failed");
	answer_expect(verify(token, id, "10000000-0000-4000-8000-000000000000", code), 422, "mfa_factor_not_found");
	box.address = "192.0.2.77";
	answer_expect(verify(token, id, c, code), 422, "mfa_ip_address_mismatch");
	box.address = "192.0.2.1";
	json_t *raised = answer_ok(verify(token, id, c, code));
	expect_claim(raised, "aal", "aal2");
	json_t *claims = authbox_claims(raised);
	const json_t *amr = json_object_get(claims, "amr");
	assert_int_equal(json_array_size(amr), 2);
	assert_string_equal(json_str(json_array_get(amr, 0), "method", ""), "totp");
	json_decref(claims);
	answer_expect(verify(token, id, c, code), 422, "mfa_ip_address_mismatch"); /* a challenge is good once */
	/* The others are out, and the token of before raises nobody. */
	answer_expect(ask("GET", "/user", "", token_of(elsewhere), ""), 403, "session_not_found");
	answer_expect(refresh(session), 400, "refresh_token_already_used");
	answer_expect(refresh(raised), 400, "refresh_token_already_used"); /* a theft ends the family */
	json_decref(raised), json_decref(session), json_decref(elsewhere);
	/* With the password alone, nothing grave. */
	session = answer_ok(sign_in("two@example.com"));
	token = token_of(session);
	expect_claim(session, "aal", "aal1");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret2\"}"), 401, "insufficient_aal");
	answer_expect(ask("POST", "/factors", "", token, "{\"factor_type\":\"totp\",\"friendly_name\":\"b\"}"), 403,
		      "insufficient_aal");
	char path[100];
	(void)snprintf(path, sizeof path, "/factors/%s", id);
	answer_expect(ask("DELETE", path, "", token, ""), 422, "insufficient_aal");
	assert_true(totp_code(secret, clock_wall_ms() / 1000, code));
	raised = answer_ok(verify(token, id, challenge(token, id), code));
	json_t *again = answer_ok(refresh(raised));
	expect_claim(again, "aal", "aal2");
	json_decref(answer_ok(ask("DELETE", path, "", token_of(again), "")));
	json_t *lowered = answer_ok(refresh(again));
	expect_claim(lowered, "aal", "aal1");
	answer_expect(ask("DELETE", path, "", token_of(lowered), ""), 404, "mfa_factor_not_found");
	json_decref(factor), json_decref(raised), json_decref(again), json_decref(lowered), json_decref(session);
}

static void test_challenges_grow_old(void **state)
{
	(void)state;
	json_t *session = sign_up("old@example.com"), *other = sign_up("other@example.com");
	json_t *factor = answer_ok(ask("POST", "/factors", "", token_of(session), "{\"factor_type\":\"totp\"}"));
	const char *id = json_str(factor, "id", "");
	char code[7], path[160];
	assert_true(totp_code(json_str(json_object_get(factor, "totp"), "secret", ""), clock_wall_ms() / 1000, code));
	const char *c = challenge(token_of(session), id);
	authbox_run(&box, "update auth.mfa_challenges set created_at = now() - interval '6 minutes'");
	answer_expect(verify(token_of(session), id, c, code), 422, "mfa_challenge_expired");
	/* Nor is it somebody else's. */
	answer_expect(verify(token_of(other), id, c, code), 404, "mfa_factor_not_found");
	(void)snprintf(path, sizeof path, "/factors/%s", id);
	answer_expect(ask("DELETE", path, "", token_of(other), ""), 404, "mfa_factor_not_found");
	/* An administrator sees and takes it. */
	char *admin = authbox_token("{\"role\":\"service_role\"}");
	const char *user = json_str(json_object_get(session, "user"), "id", "");
	(void)snprintf(path, sizeof path, "/admin/users/%s/factors", user);
	json_t *list = answer_ok(ask("GET", path, "", admin, ""));
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	(void)snprintf(path, sizeof path, "/admin/users/%s/factors/%s", user, id);
	json_decref(answer_ok(ask("DELETE", path, "", admin, "")));
	answer_expect(ask("DELETE", path, "", admin, ""), 404, "mfa_factor_not_found");
	free(admin);
	json_decref(factor), json_decref(session), json_decref(other);
}

static void test_anonymous_users(void **state)
{
	(void)state;
	json_t *session = answer_ok(ask("POST", "/signup", "", "", "{\"data\":{\"n\":1}}"));
	const json_t *user = json_object_get(session, "user");
	assert_true(json_bool(user, "is_anonymous", false));
	assert_string_equal(json_str(user, "email", "-"), "");
	assert_int_equal(json_array_size(json_object_get(user, "identities")), 0);
	json_t *claims = authbox_claims(session);
	assert_true(json_bool(claims, "is_anonymous", false));
	json_decref(claims);
	answer_expect(ask("PUT", "/user", "", token_of(session), "{\"password\":\"secret1\"}"), 422,
		      "validation_failed");
	answer_expect(ask("POST", "/factors", "", token_of(session), "{\"factor_type\":\"totp\"}"), 403,
		      "no_authorization");
	/* With an address they are somebody. */
	json_t *named = answer_ok(
	    ask("PUT", "/user", "", token_of(session), "{\"email\":\"named@example.com\",\"password\":\"secret1\"}"));
	assert_false(json_bool(named, "is_anonymous", true));
	assert_string_equal(json_str(named, "email", ""), "named@example.com");
	json_decref(named);
	json_decref(answer_ok(sign_in("named@example.com")));
	json_decref(session);
	authbox_configure(&box, "{\"site_url\":\"http://shop.localhost\"}");
	answer_expect(ask("POST", "/signup", "", "", "{}"), 422, "anonymous_provider_disabled");
}

static void test_sessions_end(void **state)
{
	(void)state;
	authbox_configure(&box,
			  SETTINGS_UNCONFIRMED("\"sessions\":{\"timebox\":\"2h\",\"inactivity_timeout\":\"1h\"},"));
	json_t *session = sign_up("ends@example.com");
	json_t *next = answer_ok(refresh(session));
	authbox_run(&box, "update auth.sessions set refreshed_at = now() at time zone 'utc' - interval '61 minutes'");
	struct answer a = refresh(next);
	assert_non_null(strstr(json_str(a.body, "msg", ""), "Inactivity"));
	answer_expect(a, 400, "session_expired");
	authbox_run(&box, "update auth.sessions set refreshed_at = now() at time zone 'utc', created_at = now() - "
			  "interval '121 minutes'");
	answer_expect(refresh(next), 400, "session_expired");
	json_decref(session), json_decref(next);
	authbox_configure(&box, SETTINGS_UNCONFIRMED("\"sessions\":{\"single_per_user\":true},"));
	session = sign_up("single@example.com");
	json_t *newer = answer_ok(sign_in("single@example.com"));
	a = refresh(session);
	assert_non_null(strstr(json_str(a.body, "msg", ""), "Newer Login"));
	answer_expect(a, 400, "session_expired");
	next = answer_ok(refresh(newer));
	json_decref(session), json_decref(newer), json_decref(next);
}

#define HOOK(kind, name)                                                                                               \
	"\"hook\":{\"" kind "\":{\"enabled\":true,\"uri\":\"pg-functions://postgres/public/" name "\"}},"
#define HOOK_FUNCTION(name, body)                                                                                      \
	"create or replace function public." name "(event jsonb) returns jsonb language plpgsql as $$ begin " body     \
	" end $$; grant execute on function public." name " to supabase_auth_admin;"

static void test_hooks_in_the_database(void **state)
{
	(void)state;
	authbox_run(&box,
		    "create table public.asked (event jsonb); grant insert on public.asked to supabase_auth_admin; "
		    "grant usage on schema public to supabase_auth_admin;" HOOK_FUNCTION(
			"claims", "if event ->> 'authentication_method' = 'token_refresh' then return "
				  "jsonb_build_object('error', jsonb_build_object('http_code', 403, 'message', 'not "
				  "again')); end if; return jsonb_set(event, '{claims,plan}', '\"pro\"');")
			HOOK_FUNCTION("bad_claims", "return jsonb_build_object('claims', '{}'::jsonb);") HOOK_FUNCTION(
			    "before", "if event -> 'user' ->> 'email' like '%@spam.example' then return "
				      "'{\"error\":{\"http_code\":400,\"message\":\"No spam\"}}'; end if; return '{}';")
			    HOOK_FUNCTION("after", "insert into public.asked values (event); return '{}';")
				HOOK_FUNCTION("guess", "insert into public.asked values (event); return "
						       "'{\"decision\":\"reject\",\"message\":\"Too many\"}';")
				    HOOK_FUNCTION("fails", "perform 1/0; return '{}';")
					HOOK_FUNCTION("slow", "perform pg_sleep(30); return '{}';"));
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("custom_access_token", "claims")));
	json_t *session = sign_up("hook@example.com");
	expect_claim(session, "plan", "pro");
	answer_expect(refresh(session), 403, "unknown");
	json_decref(session);
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("custom_access_token", "bad_claims")));
	answer_expect(sign_in("hook@example.com"), 500, "unexpected_failure");
	assert_string_equal(authbox_text(&box, "select count(*)::text from auth.sessions s join auth.users u on u.id = "
					       "s.user_id where u.email = 'hook@example.com'"),
			    "1"); /* what was refused left no session */
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("before_user_created", "before")));
	answer_expect(ask("POST", "/signup", "", "", "{\"email\":\"a@spam.example\",\"password\":\"secret1\"}"), 400,
		      "unknown");
	json_decref(sign_up("a@ham.example"));
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("password_verification_attempt", "guess")));
	answer_expect(sign_in("hook@example.com"), 400, "invalid_credentials");
	assert_string_equal(authbox_text(&box, "select event ->> 'valid' from public.asked"), "true");
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("password_verification_attempt", "fails")));
	answer_expect(sign_in("hook@example.com"), 500, "unexpected_failure");
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("password_verification_attempt", "nothing")));
	answer_expect(sign_in("hook@example.com"), 500, "unexpected_failure");
	authbox_configure(&box, SETTINGS_UNCONFIRMED(HOOK("password_verification_attempt", "slow")));
	int64_t start_ms = clock_now_ms();
	struct answer a = sign_in("hook@example.com");
	assert_true(a.status >= 500 && clock_now_ms() - start_ms < 10000);
	json_decref(a.body);
}

static void test_a_hook_sends_the_mails(void **state)
{
	(void)state;
	authbox_run(&box, "create table if not exists public.sent (event jsonb); grant insert on public.sent to "
			  "supabase_auth_admin;" HOOK_FUNCTION("send", "insert into public.sent values (event); return "
								       "'{}';"));
	authbox_configure(&box, "{\"site_url\":\"http://shop.localhost\"," HOOK(
				    "send_email", "send") "\"email\":{\"enable_confirmations\":true}}");
	json_t *user =
	    answer_ok(ask("POST", "/signup", "", "", "{\"email\":\"byhook@example.com\",\"password\":\"secret1\"}"));
	json_decref(user);
	assert_string_equal(
	    authbox_text(&box,
			 "select (event -> 'user' ->> 'email') || ' ' || (event -> 'email_data' ->> "
			 "'email_action_type') || ' ' || (event -> 'email_data' ->> 'site_url') from public.sent"),
	    "byhook@example.com signup http://shop.localhost/auth/v1");
	assert_string_equal(authbox_text(&box, "select count(*)::text from freehold_auth.mails where recipient = "
					       "'byhook@example.com'"),
			    "0");
	char hash[100];
	(void)snprintf(hash, sizeof hash, "%s",
		       authbox_text(&box, "select event -> 'email_data' ->> 'token_hash' from public.sent"));
	json_decref(
	    answer_ok(ask("POST", "/verify", "", "", textf("{\"type\":\"signup\",\"token_hash\":\"%s\"}", hash))));
}

/* What happened to an account is told by the hook, too; what did not happen is not. */
static void test_a_hook_sends_the_notifications(void **state)
{
	(void)state;
	static const char notify[] = "\"email\":{\"enable_confirmations\":false,\"notification\":{\"password_changed\":"
				     "{\"enabled\":true}}}}";
	char settings[1000];
	authbox_run(&box, "create table if not exists public.sent (event jsonb); truncate public.sent; grant insert on "
			  "public.sent to supabase_auth_admin;" HOOK_FUNCTION(
			      "send", "insert into public.sent values (event); return '{}';"));
	(void)snprintf(settings, sizeof settings, "{\"site_url\":\"http://shop.localhost\",%s%s",
		       HOOK("send_email", "send"), notify);
	authbox_configure(&box, settings);
	json_t *session = sign_up("told@example.com");
	const char *token = json_str(session, "access_token", "");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret1\"}"), 422, "same_password");
	assert_string_equal(authbox_text(&box, "select count(*)::text from public.sent"), "0");
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret2\"}")));
	assert_string_equal(
	    authbox_text(&box, "select string_agg((event -> 'user' ->> 'email') || ' ' || (event -> 'email_data' ->> "
			       "'email_action_type') || ' ' || (select string_agg(k, ',' order by k) from "
			       "jsonb_object_keys(event -> 'email_data') k), '; ') from public.sent"),
	    "told@example.com password_changed_notification email_action_type,factor_type,old_email,old_phone,provider,"
	    "redirect_to,site_url,token,token_hash,token_hash_new,token_new");
	assert_string_equal(
	    authbox_text(&box, "select count(*)::text from freehold_auth.mails where recipient = 'told@example.com'"),
	    "0");
	/* A hook that fails undoes nothing. */
	authbox_run(&box, HOOK_FUNCTION("send", "perform 1/0; return '{}';"));
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret3\"}")));
	json_decref(session);
}

/* So many a minute for a user; who asks for challenges in vain may still answer the one that there is. */
static void test_guesses_of_a_factor_are_limited(void **state)
{
	(void)state;
	json_t *session = sign_up("guesses@example.com");
	const char *token = token_of(session);
	json_t *factor = answer_ok(ask("POST", "/factors", "", token, "{\"factor_type\":\"totp\"}"));
	const char *id = json_str(factor, "id", "");
	char path[100], last[40];
	authbox_configure(&box,
			  "{\"site_url\":\"http://shop.localhost\",\"rate_limit\":{\"mfa_challenge_and_verify\":3}}");
	for (int i = 0; i < 3; i++) (void)snprintf(last, sizeof last, "%s", challenge(token, id));
	(void)snprintf(path, sizeof path, "/factors/%s/challenge", id);
	answer_expect(ask("POST", path, "", token, ""), 429, "over_request_rate_limit");
	for (int i = 0; i < 3; i++) answer_expect(verify(token, id, last, "abcdef"), 422, "mfa_verification_failed");
	answer_expect(verify(token, id, last, "abcdef"), 429, "over_request_rate_limit");
	json_decref(factor), json_decref(session);
}

static void test_telephone_numbers(void **state)
{
	(void)state;
	answer_expect(ask("POST", "/otp", "", "", "{\"phone\":\"+1234567890\"}"), 400, "phone_provider_disabled");
	authbox_configure(&box,
			  SETTINGS_UNCONFIRMED("\"sms\":{\"enable_signup\":true,\"max_frequency\":\"0s\",\"test_otp\":{"
					       "\"1234567890\":\"123456\"}},"));
	answer_expect(ask("POST", "/otp", "", "", "{\"phone\":\"invalid\"}"), 400, "validation_failed");
	json_t *sent = answer_ok(ask("POST", "/otp", "", "", "{\"phone\":\"+1 234567890\"}"));
	assert_string_equal(json_str(sent, "message_id", ""), "test-otp");
	json_decref(sent);
	answer_expect(
	    ask("POST", "/verify", "", "", "{\"type\":\"sms\",\"phone\":\"+1234567890\",\"token\":\"654321\"}"), 403,
	    "otp_expired");
	json_t *session = answer_ok(
	    ask("POST", "/verify", "", "", "{\"type\":\"sms\",\"phone\":\"+1234567890\",\"token\":\"123456\"}"));
	assert_string_equal(json_str(json_object_get(session, "user"), "phone", ""), "1234567890");
	json_decref(session);
	/* Nobody sends messages here but the owner's hook. */
	answer_expect(ask("POST", "/otp", "", "", "{\"phone\":\"+4912345\"}"), 500, "unexpected_failure");
}

/* Calls take away what nobody will ask for again, one kind after the other. */
static void test_old_rows_go(void **state)
{
	(void)state;
	json_t *session = sign_up("sweep@example.com");
	json_decref(answer_ok(refresh(session)));
	json_decref(answer_ok(
	    ask("POST", "/recover", "", "",
		"{\"email\":\"sweep@example.com\",\"code_challenge\":\"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\","
		"\"code_challenge_method\":\"s256\"}")));
	authbox_run(&box, "update auth.flow_state set created_at = now() - interval '25 hours'; update "
			  "auth.refresh_tokens set updated_at = now() - interval '26 hours'");
	struct sweep *sweep = sweep_new(box.pool);
	struct auth_settings *settings = NULL;
	json_t *wish JSON_CLEANUP = json_pack("{s:s}", "site_url", "http://shop.localhost");
	struct err err;
	assert_true(auth_settings_read(wish, &settings, &err));
	for (int i = 0; i < 5; i++) {
		sweep_maybe(sweep, settings, (i + 1) * SWEEP_PAUSE_MS);
		while (sweep_is_running(sweep)) (void)uv_run(&box.loop, UV_RUN_ONCE);
	}
	sweep_free(sweep);
	auth_settings_free(settings);
	assert_string_equal(authbox_text(&box, "select count(*)::text from auth.flow_state"), "0");
	assert_string_equal(authbox_text(&box,
					 "select count(*)::text || count(*) filter (where revoked) from "
					 "auth.refresh_tokens r join auth.users u on u.id::text = r.user_id where "
					 "u.email = 'sweep@example.com'"),
			    "10");
	json_decref(session);
}

#define T(name) cmocka_unit_test_setup(name, usual)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_second_factor),
	    T(test_challenges_grow_old),
	    T(test_anonymous_users),
	    T(test_sessions_end),
	    T(test_hooks_in_the_database),
	    T(test_a_hook_sends_the_mails),
	    T(test_a_hook_sends_the_notifications),
	    T(test_guesses_of_a_factor_are_limited),
	    T(test_telephone_numbers),
	    T(test_old_rows_go),
	};
	return cmocka_run_group_tests(tests, setup, box_teardown);
}
