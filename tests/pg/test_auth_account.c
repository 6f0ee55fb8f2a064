/* SPDX-License-Identifier: Apache-2.0
 *
 * What a signed-in user and an administrator change of an account, and what is told and written of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authsteps.h"
#include "codec/json.h"

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

/* Whoever finds an open session does not take the account with it. */
static void test_the_current_password(void **state)
{
	(void)state;
	authbox_configure(&box, SETTINGS_UNCONFIRMED("\"security_update_password_require_current_password\":true,"));
	json_t *session = sign_up("current@example.com");
	const char *token = token_of(session);
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret2\"}"), 400, "current_password_required");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret2\",\"current_password\":\"\"}"), 400,
		      "current_password_required");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret2\",\"current_password\":\"secret3\"}"),
		      400, "current_password_invalid");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret1\",\"current_password\":\"secret1\"}"),
		      422, "same_password");
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"data\":{\"a\":1}}"))); /* nothing else asks for it */
	json_decref(answer_ok(sign_in("current@example.com"))); /* so far it is the old one */
	json_decref(
	    answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret2\",\"current_password\":\"secret1\"}")));
	answer_expect(sign_in("current@example.com"), 400, "invalid_credentials");
	json_decref(session);
	/* Who forgot it came by a mail; who never had one sets the first. */
	json_decref(answer_ok(ask("POST", "/recover", "", "", "{\"email\":\"current@example.com\"}")));
	const char *code = authbox_text(&box, "select token from freehold_auth.mails where recipient = "
					      "'current@example.com' order by id desc limit 1");
	session =
	    answer_ok(ask("POST", "/verify", "", "",
			  textf("{\"type\":\"recovery\",\"email\":\"current@example.com\",\"token\":\"%s\"}", code)));
	json_decref(answer_ok(ask("PUT", "/user", "", token_of(session), "{\"password\":\"secret1\"}")));
	authbox_run(&box, "update auth.users set encrypted_password = '' where email = 'current@example.com'");
	json_decref(answer_ok(ask("PUT", "/user", "", token_of(session), "{\"password\":\"secret4\"}")));
	json_decref(session);
}

static const char *count_pending(void)
{
	return authbox_text(&box,
			    "select (select count(*) from auth.one_time_tokens t where t.user_id = u.id)::text || "
			    "' ' || (u.recovery_token = '')::text || ' ' || coalesce(u.email, '-') || ' ' || "
			    "(u.email_confirmed_at is not null)::text from auth.users u where "
			    "u.raw_user_meta_data ->> 'who' = 'unlinks'");
}

#define UNLINKS                                                                                                        \
	"{\"site_url\":\"http://shop.localhost\",\"enable_manual_linking\":true,\"rate_limit\":{"                      \
	"\"sign_in_sign_ups\":1000},\"email\":{\"max_frequency\":\"0s\",\"enable_confirmations\":"

/* Whoever reads the mailbox of the address that goes has nothing to do with the account any more. */
static void test_unlinking_voids_what_was_mailed(void **state)
{
	(void)state;
	json_t *session = answer_ok(ask("POST", "/signup", "", "",
					"{\"email\":\"goes@example.com\",\"password\":\"secret1\",\"data\":{"
					"\"who\":\"unlinks\"}}"));
	const json_t *user = json_object_get(session, "user");
	const char *of = json_str(json_array_get(json_object_get(user, "identities"), 0), "identity_id", "");
	char path[100];
	authbox_run(&box,
		    textf("insert into auth.identities (provider_id, user_id, identity_data, provider, created_at) "
			  "values ('g-1', '%s', '{\"email\":\"stays@example.com\",\"email_verified\":false}', "
			  "'google', now()), ('g-2', '%s', '{\"email\":\"last@example.com\",\"email_verified\":"
			  "true}', 'github', now())",
			  json_str(user, "id", ""), json_str(user, "id", "")));
	/* An identity that the address did not come from takes nothing with it. */
	authbox_configure(&box, UNLINKS "true}}");
	json_decref(answer_ok(ask("POST", "/recover", "", "", "{\"email\":\"goes@example.com\"}")));
	char hash[100];
	(void)snprintf(hash, sizeof hash, "%s",
		       authbox_text(&box, "select recovery_token from auth.users where email = 'goes@example.com'"));
	(void)snprintf(path, sizeof path, "/user/identities/%s",
		       authbox_text(&box, "select id::text from auth.identities where provider_id = 'g-2'"));
	json_decref(answer_ok(ask("DELETE", path, "", token_of(session), "")));
	assert_string_equal(count_pending(), "1 false goes@example.com true");
	(void)snprintf(path, sizeof path, "/user/identities/%s", of);
	json_decref(answer_ok(ask("DELETE", path, "", token_of(session), "")));
	assert_string_equal(count_pending(), "0 true stays@example.com false");
	answer_expect(ask("POST", "/verify", "", "", textf("{\"type\":\"recovery\",\"token_hash\":\"%s\"}", hash)), 403,
		      "otp_expired");
	/* Where no mail confirms anything, the address that takes its place counts as confirmed. */
	authbox_run(&box,
		    "update auth.users set email = 'again@example.com', email_confirmed_at = now() where email = "
		    "'stays@example.com'; insert into auth.identities (provider_id, user_id, identity_data, provider, "
		    "created_at) select 'g-3', id, '{\"email\":\"again@example.com\"}', 'gitlab', now() from "
		    "auth.users where email = 'again@example.com'");
	authbox_configure(&box, UNLINKS "false}}");
	(void)snprintf(path, sizeof path, "/user/identities/%s",
		       authbox_text(&box, "select id::text from auth.identities where provider_id = 'g-3'"));
	json_decref(answer_ok(ask("DELETE", path, "", token_of(session), "")));
	assert_string_equal(count_pending(), "0 true stays@example.com true");
	json_decref(session);
}

static void test_an_administrator_renames_a_factor(void **state)
{
	(void)state;
	char *admin = authbox_token("{\"role\":\"service_role\"}"), path[160];
	json_t *session = sign_up("renamed@example.com");
	const char *user = json_str(json_object_get(session, "user"), "id", "");
	json_t *factor = answer_ok(
	    ask("POST", "/factors", "", token_of(session), "{\"factor_type\":\"totp\",\"friendly_name\":\"one\"}"));
	json_t *other = answer_ok(
	    ask("POST", "/factors", "", token_of(session), "{\"factor_type\":\"totp\",\"friendly_name\":\"two\"}"));
	(void)snprintf(path, sizeof path, "/admin/users/%s/factors/%s", user, json_str(factor, "id", ""));
	answer_expect(ask("PUT", path, "", token_of(session), "{\"friendly_name\":\"mine\"}"), 403, "not_admin");
	answer_expect(ask("PUT", path, "", admin, "{\"friendly_name\":7}"), 400, "bad_json");
	json_t *now = answer_ok(ask("PUT", path, "", admin, "{\"friendly_name\":\"three\",\"phone\":\"+1\"}"));
	assert_string_equal(json_str(now, "friendly_name", ""), "three");
	assert_string_equal(json_str(now, "factor_type", ""), "totp");
	assert_null(json_object_get(now, "phone"));
	assert_null(json_object_get(now, "secret"));
	json_decref(now);
	answer_expect(ask("PUT", path, "", admin, "{\"friendly_name\":\"two\"}"), 422, "mfa_factor_name_conflict");
	now = answer_ok(ask("PUT", path, "", admin, "{}"));
	assert_string_equal(json_str(now, "friendly_name", ""), "three");
	json_decref(now);
	assert_string_equal(authbox_text(&box, "select count(*)::text from auth.audit_log_entries where payload ->> "
					       "'action' = 'factor_updated' and payload ->> 'log_type' = 'factor'"),
			    "2");
	/* A number is that of a factor by telephone, in E.164, and of one of them. */
	authbox_run(&box, textf("update auth.mfa_factors set factor_type = 'phone', phone = '4930' || (friendly_name = "
				"'two')::int, secret = null where user_id = '%s'",
				user));
	answer_expect(ask("PUT", path, "", admin, "{\"phone\":\"none\"}"), 400, "validation_failed");
	answer_expect(ask("PUT", path, "", admin, "{\"phone\":\"+49301\"}"), 422, "mfa_verified_factor_exists");
	now = answer_ok(ask("PUT", path, "", admin, "{\"phone\":\"+49 305\"}"));
	assert_string_equal(json_str(now, "phone", ""), "49305");
	json_decref(now);
	(void)snprintf(path, sizeof path, "/admin/users/%s/factors/%s", user, "10000000-0000-4000-8000-000000000000");
	answer_expect(ask("PUT", path, "", admin, "{\"friendly_name\":\"x\"}"), 404, "mfa_factor_not_found");
	json_decref(other), json_decref(factor), json_decref(session);
	free(admin);
}

/* Told by mail, of the number that was: whoever has only the phone does not hear of it otherwise. */
static void test_another_number_is_told(void **state)
{
	(void)state;
	static const char *const confirms[] = {"true", "false"};
	char *admin = authbox_token("{\"role\":\"service_role\"}");
	json_decref(answer_ok(ask("POST", "/admin/users", "", admin,
				  "{\"email\":\"number@example.com\",\"email_confirm\":true,\"phone\":\"+4930000\","
				  "\"phone_confirm\":true,\"password\":\"secret1\"}")));
	for (int i = 0; i < 2; i++) {
		authbox_configure(
		    &box, textf("{\"site_url\":\"http://shop.localhost\",\"sms\":{\"enable_signup\":true,"
				"\"enable_confirmations\":%s,\"max_frequency\":\"0s\",\"test_otp\":{\"4930001\":"
				"\"123456\"}},\"email\":{\"enable_confirmations\":false,\"notification\":{"
				"\"phone_changed\":{\"enabled\":true},\"identity_linked\":{\"enabled\":true}}}}",
				confirms[i]));
		json_t *session = answer_ok(sign_in("number@example.com"));
		const char *token = json_str(session, "access_token", "");
		json_decref(answer_ok(ask("PUT", "/user", "", token, textf("{\"phone\":\"+493000%d\"}", 1 + i))));
		if (i == 0)
			json_decref(
			    answer_ok(ask("POST", "/verify", "", "",
					  "{\"type\":\"phone_change\",\"phone\":\"+4930001\",\"token\":\"123456\"}")));
		json_decref(session);
		assert_string_equal(authbox_text(&box,
						 "select count(*)::text from freehold_auth.mails where recipient = "
						 "'number@example.com' and kind = 'phone_changed_notification'"),
				    i == 0 ? "1" : "2");
	}
	/* A first number is no other one, but a new way in. */
	json_t *session = sign_up("first@example.com");
	json_decref(answer_ok(ask("PUT", "/user", "", token_of(session), "{\"phone\":\"+4930099\"}")));
	json_decref(session);
	assert_string_equal(authbox_text(&box,
					 "select string_agg(kind, ',') from freehold_auth.mails where recipient = "
					 "'first@example.com'"),
			    "identity_linked_notification");
	assert_string_equal(authbox_text(&box, "select count(*)::text from freehold_auth.mails where recipient = "
					       "'number@example.com' and kind = 'identity_linked_notification'"),
			    "0");
	free(admin);
}

static void test_what_happened_is_written(void **state)
{
	(void)state;
	char *admin = authbox_token("{\"role\":\"service_role\"}");
	json_decref(sign_up("noted@example.com"));
	json_t *log = answer_ok(ask("GET", "/admin/audit", "query=author:noted", admin, ""));
	assert_int_equal(json_array_size(log), 2);
	const json_t *payload = json_object_get(json_array_get(log, 0), "payload");
	assert_string_equal(json_str(payload, "actor_username", ""), "noted@example.com");
	json_decref(log);
	answer_expect(ask("GET", "/admin/audit", "query=nothing:x", admin, ""), 400, "validation_failed");
	struct answer a = ask("GET", "/admin/users", "per_page=2&page=1", admin, "");
	assert_non_null(strstr(a.link, "</admin/users?page=2&per_page=2>; rel=\"next\", "));
	assert_true(atoi(a.total) > 2);
	json_decref(a.body);
	a = ask("GET", "/admin/users", "filter=%3E%2C&page=1&sort=created_at+asc", admin, "");
	assert_string_equal(a.link,
			    "</admin/users?page=0&per_page=50&filter=%3E%2C&sort=created_at%20asc>; rel=\"last\"");
	json_decref(a.body);
	a = ask("GET", "/admin/audit", "per_page=1", admin, "");
	assert_non_null(strstr(a.link, "</admin/audit?page=2&per_page=1>; rel=\"next\", "));
	json_decref(a.body);
	/* Deleted softly, nobody can tell who it was. */
	json_t *session = sign_up("softly@example.com");
	char path[100];
	(void)snprintf(path, sizeof path, "/admin/users/%s", json_str(json_object_get(session, "user"), "id", ""));
	json_decref(answer_ok(ask("DELETE", path, "", admin, "{\"should_soft_delete\":true}")));
	json_t *user = answer_ok(ask("GET", path, "", admin, ""));
	assert_non_null(json_object_get(user, "deleted_at"));
	assert_null(strstr(json_str(user, "email", ""), "softly"));
	assert_int_equal(json_object_size(json_object_get(user, "user_metadata")), 0);
	json_decref(user);
	answer_expect(sign_in("softly@example.com"), 400, "invalid_credentials");
	json_decref(session);
	session = sign_up("softly@example.com"); /* the address is free again */
	json_decref(session);
	free(admin);
}

/* The token of an administrator who signed in like anybody ends with the session. */
static void test_an_administrator_who_signed_out(void **state)
{
	(void)state;
	json_decref(sign_up("boss@example.com"));
	authbox_run(&box, "update auth.users set role = 'service_role' where email = 'boss@example.com'");
	json_t *session = answer_ok(sign_in("boss@example.com"));
	json_decref(answer_ok(ask("GET", "/admin/users", "per_page=1", token_of(session), "")));
	authbox_run(&box, "delete from auth.sessions");
	answer_expect(ask("GET", "/admin/users", "per_page=1", token_of(session), ""), 403, "session_not_found");
	json_decref(session);
}

#define T(name) cmocka_unit_test_setup(name, usual)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_the_current_password),
	    T(test_unlinking_voids_what_was_mailed),
	    T(test_an_administrator_renames_a_factor),
	    T(test_another_number_is_told),
	    T(test_what_happened_is_written),
	    T(test_an_administrator_who_signed_out),
	};
	return cmocka_run_group_tests(tests, setup, box_teardown);
}
