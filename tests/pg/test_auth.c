/* SPDX-License-Identifier: Apache-2.0
 *
 * /auth/v1 against a real database with the prelude's auth schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authsteps.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"

#define expect answer_expect

static struct answer sign_up_named(const char *email, const char *password)
{
	char body[300];
	(void)snprintf(body, sizeof body,
		       "{\"email\":\"%s\",\"password\":\"%s\",\"data\":{\"name\":\"N\",\"none\":null}}", email,
		       password);
	return ask("POST", "/signup", "", "", body);
}

static struct answer refresh_by(const char *token)
{
	char body[300];
	(void)snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", token);
	return ask("POST", "/token", "grant_type=refresh_token", "", body);
}

#define SETTINGS(attempts)                                                                                             \
	"{\"site_url\":\"http://shop.localhost\",\"rate_limit\":{\"sign_in_sign_ups\":" #attempts                      \
	"},\"email\":{\"enable_confirmations\":false}}"

static int setup(void **state)
{
	(void)state;
	authbox_init(&box, SETTINGS(60));
	return 0;
}

static void test_sign_up_gives_a_session(void **state)
{
	(void)state;
	struct answer a = sign_up_named("Ada@Example.com", "secret1");
	assert_int_equal(a.status, 200);
	assert_string_equal(json_str(a.body, "token_type", ""), "bearer");
	assert_int_equal(json_int(a.body, "expires_in", 0), 3600);
	assert_int_equal(strlen(json_str(a.body, "refresh_token", "")), 22);
	const json_t *user = json_object_get(a.body, "user");
	assert_string_equal(json_str(user, "email", ""), "ada@example.com");
	assert_string_equal(json_str(user, "phone", "-"), "");
	assert_string_equal(json_str(user, "role", ""), "authenticated");
	const char *present[] = {"id",         "aud",       "email_confirmed_at", "confirmed_at", "last_sign_in_at",
				 "created_at", "updated_at"};
	for (size_t i = 0; i < sizeof present / sizeof *present; i++) assert_non_null(json_str(user, present[i], NULL));
	const char *absent[] = {"invited_at", "new_email", "banned_until", "encrypted_password", "phone_confirmed_at"};
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) assert_null(json_object_get(user, absent[i]));
	assert_false(json_bool(user, "is_anonymous", true));
	const json_t *metadata = json_object_get(user, "user_metadata");
	assert_string_equal(json_str(metadata, "name", ""), "N");
	assert_true(json_is_null(json_object_get(metadata, "none")));
	assert_true(json_bool(metadata, "email_verified", false));
	assert_string_equal(json_str(json_object_get(user, "app_metadata"), "provider", ""), "email");
	const json_t *identity = json_array_get(json_object_get(user, "identities"), 0);
	assert_string_equal(json_str(identity, "provider", ""), "email");
	assert_string_equal(json_str(identity, "id", ""), json_str(user, "id", "-"));
	json_t *claims JSON_CLEANUP = authbox_claims(a.body);
	assert_string_equal(json_str(claims, "sub", ""), json_str(user, "id", "-"));
	assert_string_equal(json_str(claims, "iss", ""), "http://shop.localhost/auth/v1");
	assert_string_equal(json_str(claims, "aud", ""), "authenticated");
	assert_string_equal(json_str(claims, "role", ""), "authenticated");
	assert_string_equal(json_str(claims, "aal", ""), "aal1");
	assert_string_equal(json_str(json_array_get(json_object_get(claims, "amr"), 0), "method", ""), "password");
	assert_int_equal(json_int(claims, "exp", 0), json_int(a.body, "expires_at", 1));
	json_decref(a.body);
}

static void test_sign_up_is_refused_in_upstreams_words(void **state)
{
	(void)state;
	json_decref(sign_up_named("twice@example.com", "secret1").body);
	expect(sign_up_named("TWICE@example.com", "secret1"), 422, "user_already_exists");
	expect(sign_up_named("new@example.com", "short"), 422, "weak_password");
	expect(sign_up_named("not an address", "secret1"), 400, "validation_failed");
	expect(sign_up_named("a@b@c.example", "secret1"), 400, "validation_failed");
	expect(ask("POST", "/signup", "", "", "{"), 400, "bad_json");
	expect(ask("POST", "/signup", "", "", "{\"email\":7}"), 400, "bad_json");
	expect(ask("POST", "/signup", "", "", "{}"), 422, "anonymous_provider_disabled");
	expect(ask("POST", "/signup", "", "", "{\"phone\":\"+491\",\"password\":\"secret1\"}"), 400,
	       "phone_provider_disabled");
	expect(ask("GET", "/authorize", "", "", ""), 400, "validation_failed");
	expect(ask("DELETE", "/signup", "", "", ""), 405, "bad_json");
	expect(ask("GET", "/nothing", "", "", ""), 404, "not_found");
	box.api_version = "2024-01-01";
	struct answer a = sign_up_named("new@example.com", "short");
	box.api_version = "";
	assert_string_equal(a.version, "2024-01-01");
	assert_string_equal(json_str(a.body, "code", ""), "weak_password");
	assert_non_null(json_str(a.body, "message", NULL));
	assert_non_null(json_object_get(json_object_get(a.body, "weak_password"), "reasons"));
	json_decref(a.body);
}

static void test_a_failing_trigger_undoes_the_sign_up(void **state)
{
	(void)state;
	authbox_run(
	    &box,
	    "create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;"
	    "create trigger refuse after insert on auth.users for each row when (new.email = 'refused@example.com') "
	    "execute function public.refuse()");
	expect(sign_up_named("refused@example.com", "secret1"), 500, "unexpected_failure");
	expect(sign_in_with("refused@example.com", "secret1"), 400, "invalid_credentials");
	authbox_run(&box, "drop trigger refuse on auth.users");
}

static void test_password_grant(void **state)
{
	(void)state;
	json_decref(sign_up_named("grace@example.com", "secret1").body);
	struct answer a = sign_in_with("Grace@example.com", "secret1");
	assert_int_equal(a.status, 200);
	assert_string_equal(json_str(json_object_get(a.body, "user"), "email", ""), "grace@example.com");
	json_decref(a.body);
	expect(sign_in_with("grace@example.com", "secret2"), 400, "invalid_credentials");
	expect(sign_in_with("grace@example.com", ""), 400, "invalid_credentials");
	expect(sign_in_with("nobody@example.com", "secret1"), 400, "invalid_credentials");
	expect(ask("POST", "/token", "grant_type=password", "", "{\"password\":\"x\"}"), 400, "validation_failed");
	expect(ask("POST", "/token", "grant_type=x", "", "{}"), 400, "invalid_credentials");
	expect(ask("POST", "/token", "", "", "{}"), 400, "invalid_credentials");
	expect(ask("POST", "/token", "grant_type=pkce", "", "{}"), 400, "validation_failed");
	authbox_run(&box,
		    "update auth.users set banned_until = now() + interval '1 day' where email = 'grace@example.com'");
	expect(sign_in_with("grace@example.com", "secret1"), 400, "user_banned");
}

static void test_unknown_users_take_as_long(void **state)
{
	(void)state;
	json_decref(sign_up_named("slow@example.com", "secret1").body);
	/* The shortest of each counts, of as many as a busy machine needs: passwords are computed with what nobody else
	 * wants of the processor. One that is told at once would be shorter however often it is asked. */
	int64_t times[2] = {INT64_MAX, INT64_MAX};
	bool is_alike = false;
	for (int i = 0; i < 60 && !is_alike; i++) {
		int64_t start_us = clock_now_us();
		expect(sign_in_with(i % 2 == 0 ? "slow@example.com" : "missing@example.com", "wrong-one"), 400,
		       "invalid_credentials");
		int64_t took_us = clock_now_us() - start_us;
		if (took_us < times[i % 2]) times[i % 2] = took_us;
		is_alike = i > 10 && times[1] < times[0] * 2 && times[0] < times[1] * 2;
	}
	assert_true(is_alike);
}

static void test_user_get_and_update(void **state)
{
	(void)state;
	struct answer a = sign_up_named("edit@example.com", "secret1"), b = sign_in_with("edit@example.com", "secret1");
	const char *token = json_str(a.body, "access_token", ""), *other = json_str(b.body, "access_token", "");
	struct answer u = ask("GET", "/user", "", token, "");
	assert_int_equal(u.status, 200);
	assert_string_equal(json_str(u.body, "email", ""), "edit@example.com");
	json_decref(u.body);
	u = ask("PUT", "/user", "", token, "{\"data\":{\"name\":null,\"city\":\"Bern\",\"deep\":{\"x\":null}}}");
	assert_int_equal(u.status, 200);
	const json_t *metadata = json_object_get(u.body, "user_metadata");
	assert_null(json_object_get(metadata, "name"));
	assert_string_equal(json_str(metadata, "city", ""), "Bern");
	assert_int_equal(json_object_size(json_object_get(metadata, "deep")), 1);
	json_decref(u.body);
	expect(ask("PUT", "/user", "", token, "{\"password\":\"secret1\"}"), 422, "same_password");
	expect(ask("PUT", "/user", "", token, "{\"password\":\"x\"}"), 422, "weak_password");
	expect(ask("PUT", "/user", "", token, "{\"app_metadata\":{\"role\":\"admin\"}}"), 403, "not_admin");
	u = ask("PUT", "/user", "", token,
		"{\"role\":\"service_role\",\"email\":\"edit@example.com\",\"password\":\"secret2\"}");
	assert_int_equal(u.status, 200);
	assert_string_equal(json_str(u.body, "role", ""), "authenticated");
	json_decref(u.body);
	/* A new password ends the other sessions and keeps this one. */
	expect(ask("GET", "/user", "", other, ""), 403, "session_not_found");
	u = ask("GET", "/user", "", token, "");
	assert_int_equal(u.status, 200);
	json_decref(u.body);
	expect(sign_in_with("edit@example.com", "secret1"), 400, "invalid_credentials");
	u = sign_in_with("edit@example.com", "secret2");
	assert_int_equal(u.status, 200);
	json_decref(u.body);
	json_decref(a.body);
	json_decref(b.body);
}

static void test_tokens_that_do_not_count(void **state)
{
	(void)state;
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(AUTHBOX_SECRET)};
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1000);
	jwt_sign_text(&key, STR("{\"role\":\"anon\"}"), &b);
	expect(ask("GET", "/user", "", "", ""), 401, "no_authorization");
	expect(ask("GET", "/user", "", "rubbish", ""), 403, "bad_jwt");
	expect(ask("GET", "/user", "", buf_cstr(&b), ""), 403, "bad_jwt");
	expect(ask("GET", "/admin/users", "", buf_cstr(&b), ""), 403, "not_admin");
	buf_clear(&b);
	jwt_sign_text(&key, STR("{\"sub\":\"10000000-0000-4000-8000-000000000000\",\"role\":\"authenticated\"}"), &b);
	expect(ask("GET", "/user", "", buf_cstr(&b), ""), 403, "user_not_found");
	buf_clear(&b);
	jwt_sign_text(&key, STR("{\"sub\":\"x\"}"), &b);
	expect(ask("GET", "/user", "", buf_cstr(&b), ""), 400, "bad_jwt");
}

static void test_refresh_rotates(void **state)
{
	(void)state;
	struct answer a = sign_up_named("rotate@example.com", "secret1");
	const char *first = json_str(a.body, "refresh_token", "");
	struct answer b = refresh_by(first);
	assert_int_equal(b.status, 200);
	const char *second = json_str(b.body, "refresh_token", "");
	assert_string_not_equal(first, second);
	json_t *was JSON_CLEANUP = authbox_claims(a.body), *is JSON_CLEANUP = authbox_claims(b.body);
	assert_string_equal(json_str(was, "session_id", ""), json_str(is, "session_id", "-"));
	assert_string_equal(json_str(json_array_get(json_object_get(is, "amr"), 0), "method", ""), "password");
	/* The answer got lost: the parent of the active token gives the same again, however late. */
	authbox_run(&box, "update auth.refresh_tokens set updated_at = now() - interval '1 hour'");
	struct answer c = refresh_by(first);
	assert_string_equal(json_str(c.body, "refresh_token", ""), second);
	struct answer d = refresh_by(second);
	assert_int_equal(d.status, 200);
	const char *third = json_str(d.body, "refresh_token", "");
	/* Within ten seconds a grandparent is forgiven; later it is a theft and ends the family. */
	authbox_run(&box, "update auth.refresh_tokens set updated_at = now()");
	struct answer e = refresh_by(first);
	assert_int_equal(e.status, 200);
	authbox_run(&box, "update auth.refresh_tokens set updated_at = now() - interval '11 seconds'");
	expect(refresh_by(second), 400, "refresh_token_already_used");
	expect(refresh_by(third), 400, "refresh_token_already_used");
	expect(refresh_by(json_str(e.body, "refresh_token", "")), 400, "refresh_token_already_used");
	expect(refresh_by("never"), 400, "refresh_token_not_found");
	struct answer none = refresh_by("");
	assert_string_equal(json_str(none.body, "error", ""), "invalid_request");
	assert_string_equal(json_str(none.body, "error_description", ""), "refresh_token required");
	json_decref(none.body);
	json_decref(a.body), json_decref(b.body), json_decref(c.body), json_decref(d.body), json_decref(e.body);
}

static long long counted(const char *of)
{
	char sql[200];
	(void)snprintf(sql, sizeof sql, "select coalesce(%s, 0) from pg_stat_user_tables where schemaname = 'auth'",
		       of);
	return atoll(authbox_text(&box, sql));
}

/* PostgreSQL tells of a connection's reads once in a second at most. */
static void until_told(const char *token)
{
	int64_t until_ms = clock_now_ms() + 20000;
	long long before = counted("sum(idx_scan)");
	while (counted("sum(idx_scan)") == before && clock_now_ms() < until_ms)
		json_decref(answer_ok(ask("GET", "/user", "", token, "")));
}

/* Who refreshes is looked for by an index, however many users there are. */
static void test_refresh_does_not_read_all_users(void **state)
{
	(void)state;
	struct answer a = sign_up_named("many@example.com", "secret1");
	const char *token = json_str(a.body, "access_token", "");
	authbox_run(&box,
		    "insert into auth.users (id, aud, email) select gen_random_uuid(), 'authenticated', 'many' || i "
		    "|| '@example.com' from generate_series(1, 2000) i; analyze auth.users, auth.refresh_tokens, "
		    "auth.sessions");
	until_told(token);
	long long before = counted("max(seq_tup_read) filter (where relname = 'users')");
	json_decref(answer_ok(refresh_by(json_str(a.body, "refresh_token", ""))));
	until_told(token);
	until_told(token);
	assert_int_equal(counted("max(seq_tup_read) filter (where relname = 'users')"), before);
	authbox_run(&box, "delete from auth.users where email like 'many%@example.com'; analyze auth.users");
	json_decref(a.body);
}

static void test_refresh_from_two_places_at_once(void **state)
{
	(void)state;
	struct answer a = sign_up_named("tabs@example.com", "secret1"), got[4];
	struct arena *arenas[4];
	char body[200];
	(void)snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", json_str(a.body, "refresh_token", ""));
	for (int i = 0; i < 4; i++) {
		arenas[i] = arena_new(1u << 20);
		authbox_begin(&box, &got[i], arenas[i], "POST", "/token", "grant_type=refresh_token", "", body);
	}
	for (int i = 0; i < 4; i++) authbox_await(&box, &got[i]);
	const char *text =
	    authbox_text(&box, "select count(*) from auth.refresh_tokens r join auth.users u on u.id::text = r.user_id "
			       "where u.email = 'tabs@example.com' and not r.revoked");
	assert_string_equal(text, "1");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(got[i].status, 200);
		assert_string_equal(json_str(got[i].body, "refresh_token", ""),
				    json_str(got[0].body, "refresh_token", "-"));
	}
	for (int i = 0; i < 4; i++) json_decref(got[i].body), arena_free(arenas[i]);
	json_decref(a.body);
}

static void test_logout_scopes(void **state)
{
	(void)state;
	struct answer a = sign_up_named("leave@example.com", "secret1"),
		      b = sign_in_with("leave@example.com", "secret1"),
		      c = sign_in_with("leave@example.com", "secret1");
	const char *one = json_str(a.body, "access_token", ""), *two = json_str(b.body, "access_token", ""),
		   *three = json_str(c.body, "access_token", "");
	struct tokens_stats before, after;
	expect(ask("POST", "/logout", "scope=nowhere", one, ""), 400, "validation_failed");
	assert_int_equal(ask("POST", "/logout", "scope=local", one, "").status, 204);
	tokens_stats(box.tokens, &before);
	expect(ask("GET", "/user", "", one, ""), 403, "session_not_found");
	tokens_stats(box.tokens, &after);
	assert_int_equal(after.hits, before.hits + 1); /* that its token was verified before does not help it */
	expect(refresh_by(json_str(a.body, "refresh_token", "")), 400, "refresh_token_not_found");
	assert_int_equal(ask("POST", "/logout", "scope=others", two, "").status, 204);
	expect(ask("GET", "/user", "", three, ""), 403, "session_not_found");
	assert_int_equal(ask("POST", "/logout", "", two, "").status, 204);
	expect(ask("GET", "/user", "", two, ""), 403, "session_not_found");
	json_decref(a.body), json_decref(b.body), json_decref(c.body);
}

static void test_administration(void **state)
{
	(void)state;
	char *token = authbox_token("{\"role\":\"service_role\"}"), path[100];
	struct answer a = ask("POST", "/admin/users", "", token,
			      "{\"email\":\"made@example.com\",\"password\":\"secret1\",\"email_confirm\":true,"
			      "\"user_metadata\":{\"n\":1},\"app_metadata\":{\"plan\":\"pro\"}}");
	assert_int_equal(a.status, 200);
	assert_string_equal(json_str(json_object_get(a.body, "app_metadata"), "plan", ""), "pro");
	assert_string_equal(json_str(json_object_get(a.body, "app_metadata"), "provider", ""), "email");
	(void)snprintf(path, sizeof path, "/admin/users/%s", json_str(a.body, "id", ""));
	json_decref(a.body);
	expect(ask("POST", "/admin/users", "", token, "{\"email\":\"made@example.com\"}"), 422, "email_exists");
	a = sign_in_with("made@example.com", "secret1");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	a = ask("PUT", path, "", token,
		"{\"email\":\"moved@example.com\",\"ban_duration\":\"24h\",\"app_metadata\":{\"plan\":null}}");
	assert_int_equal(a.status, 200);
	assert_string_equal(json_str(a.body, "email", ""), "moved@example.com");
	assert_non_null(json_object_get(a.body, "banned_until"));
	assert_null(json_object_get(json_object_get(a.body, "app_metadata"), "plan"));
	const json_t *identity = json_array_get(json_object_get(a.body, "identities"), 0);
	assert_string_equal(json_str(identity, "email", ""), "moved@example.com");
	json_decref(a.body);
	expect(sign_in_with("moved@example.com", "secret1"), 400, "user_banned");
	a = ask("PUT", path, "", token,
		"{\"ban_duration\":\"none\",\"password_hash\":\"$2b$10$7EqJtq98hPqEX7fNZaFWoOd9L."
		"bgP8whUD549S0YkDlkRJTsI6Cky\"}");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	a = sign_in_with("moved@example.com", "nobody-has-this-password");
	assert_int_equal(a.status, 200); /* $2b$, from elsewhere */
	json_decref(a.body);
	a = ask("GET", "/admin/users", "page=1&per_page=2", token, "");
	assert_int_equal(json_array_size(json_object_get(a.body, "users")), 2);
	json_decref(a.body);
	a = ask("GET", path, "", token, "");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	a = ask("DELETE", path, "", token, "");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	expect(ask("GET", path, "", token, ""), 404, "user_not_found");
	expect(ask("DELETE", path, "", token, ""), 404, "user_not_found");
	expect(ask("GET", "/admin/users/x", "", token, ""), 404, "validation_failed");
	free(token);
}

static void test_attempts_are_limited(void **state)
{
	(void)state;
	const char *body = "{\"email\":\"ada@example.com\",\"password\":\"secret1\"}";
	int taken = 0, status = 422;
	box.address = "192.0.2.99";
	/* Each takes a hash, and meanwhile the limit fills again a little. */
	for (; status == 422; taken++) {
		struct answer a = ask("POST", "/signup", "", "", body);
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_true(taken > 60 && taken < 80);
	/* Passwords have a limit of their own, that of the tokens. */
	struct answer a = sign_in_with("ada@example.com", "secret1");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
	authbox_configure(&box, "{\"site_url\":\"http://shop.localhost\",\"rate_limit\":{\"token_refresh\":10}}");
	box.address = "192.0.2.98";
	for (taken = 0, status = 400; status == 400 && taken < 20; taken++) {
		a = sign_in_with("ada@example.com", "wrong");
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_int_equal(taken, 11);
	/* Of the usual 150 no more than 30 at once; half a one comes back in a second. */
	authbox_configure(&box, SETTINGS(60));
	box.address = "192.0.2.97";
	for (taken = 0, status = 400; status == 400 && taken < 100; taken++) {
		a = ask("POST", "/token", "grant_type=id_token", "", "{}"); /* counts with them, and takes no hash */
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_true(taken > 30 && taken < 40);
	expect(sign_in_with("ada@example.com", "wrong"), 429, "over_request_rate_limit");
	box.address = "192.0.2.1";
	a = sign_in_with("ada@example.com", "secret1");
	assert_int_equal(a.status, 200);
	json_decref(a.body);
}

static void test_too_many_hashes_are_refused_at_once(void **state)
{
	(void)state;
	enum { COUNT = 80 };
	struct answer got[COUNT];
	struct arena *arenas[COUNT];
	int busy = 0;
	authbox_configure(&box, SETTINGS(200));
	static const char *const from[] = {"192.0.2.50", "192.0.2.51", "192.0.2.52", "192.0.2.53"};
	for (int i = 0; i < COUNT; i++) {
		box.address = from[i % 4]; /* each may try thirty at once */
		arenas[i] = arena_new(1u << 20);
		authbox_begin(&box, &got[i], arenas[i], "POST", "/token", "grant_type=password", "",
			      "{\"email\":\"n@example.com\",\"password\":\"x\"}");
	}
	for (int i = 0; i < COUNT; i++) {
		authbox_await(&box, &got[i]);
		busy += got[i].status == 503;
		json_decref(got[i].body);
		arena_free(arenas[i]);
	}
	box.address = "192.0.2.1";
	authbox_configure(&box, SETTINGS(60));
	assert_true(busy > 0 && busy <= COUNT - 64);
}

static void test_public_facts(void **state)
{
	(void)state;
	struct answer a = ask("GET", "/settings", "", "", "");
	assert_true(json_bool(a.body, "mailer_autoconfirm", false));
	assert_true(json_bool(json_object_get(a.body, "external"), "email", false));
	json_decref(a.body);
	a = ask("GET", "/.well-known/jwks.json", "", "", "");
	assert_int_equal(json_array_size(json_object_get(a.body, "keys")), 0);
	json_decref(a.body);
	a = ask("GET", "/health", "", "", "");
	assert_string_equal(json_str(a.body, "name", ""), "GoTrue");
	json_decref(a.body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sign_up_gives_a_session),
	    cmocka_unit_test(test_sign_up_is_refused_in_upstreams_words),
	    cmocka_unit_test(test_a_failing_trigger_undoes_the_sign_up),
	    cmocka_unit_test(test_password_grant),
	    cmocka_unit_test(test_unknown_users_take_as_long),
	    cmocka_unit_test(test_user_get_and_update),
	    cmocka_unit_test(test_tokens_that_do_not_count),
	    cmocka_unit_test(test_refresh_rotates),
	    cmocka_unit_test(test_refresh_does_not_read_all_users),
	    cmocka_unit_test(test_refresh_from_two_places_at_once),
	    cmocka_unit_test(test_logout_scopes),
	    cmocka_unit_test(test_administration),
	    cmocka_unit_test(test_attempts_are_limited),
	    cmocka_unit_test(test_too_many_hashes_are_refused_at_once),
	    cmocka_unit_test(test_public_facts),
	};
	return cmocka_run_group_tests(tests, setup, box_teardown);
}
