/* SPDX-License-Identifier: Apache-2.0
 *
 * The flows of /auth/v1 that go through a mailbox: what was queued is read from the queue, as a person reads it. */
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

#define SETTINGS(more)                                                                                                 \
	"{\"site_url\":\"http://shop.localhost\",\"additional_redirect_urls\":[\"http://*.preview.example/**\"],"      \
	"\"rate_limit\":{\"email_sent\":1000,\"sign_in_sign_ups\":1000,\"token_verifications\":1000}," more "}"
#define CONFIRMED_BY_MAIL SETTINGS("\"email\":{\"enable_confirmations\":true,\"max_frequency\":\"0s\"}")

/* A challenge of RFC 7636, appendix B. */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define PKCE "\"code_challenge\":\"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\",\"code_challenge_method\":\"s256\""

/* The newest mail to somebody; texts until the next call. */
struct mail {
	char kind[64], link[2000], token[16];
};

static struct mail mail_to(const char *address)
{
	struct mail m;
	(void)snprintf(m.kind, sizeof m.kind, "%s", mailed("kind", address));
	(void)snprintf(m.link, sizeof m.link, "%s", mailed("link", address));
	(void)snprintf(m.token, sizeof m.token, "%s", mailed("token", address));
	return m;
}

static int mails_to(const char *address)
{
	char sql[200];
	(void)snprintf(sql, sizeof sql, "select count(*)::text from freehold_auth.mails where recipient = '%s'",
		       address);
	return atoi(authbox_text(&box, sql));
}

/* Follows the link of a mail, as a browser does. */
static struct answer follow(const char *link)
{
	const char *query = strchr(link, '?');
	if (strncmp(link, "http://shop.localhost/auth/v1/verify?", 37) != 0) fail_msg("no link of ours: %s", link);
	return ask("GET", "/verify", query + 1, "", "");
}

/* A parameter of an address, behind '?' or '#', as it stands there. */
static const char *parameter(const char *url, char behind, const char *name)
{
	static char value[8192];
	char wanted[64];
	const char *at = strchr(url, behind);
	(void)snprintf(wanted, sizeof wanted, "%s=", name);
	while (at != NULL && strncmp(at + 1, wanted, strlen(wanted)) != 0) at = strpbrk(at + 1, "&#");
	(void)snprintf(value, sizeof value, "%s", at != NULL ? at + 1 + strlen(wanted) : "");
	value[strcspn(value, "&#")] = '\0';
	return value;
}

static void expect_redirect(struct answer a, const char *prefix)
{
	assert_int_equal(a.status, 303);
	if (strncmp(a.location, prefix, strlen(prefix)) != 0) fail_msg("%s", a.location);
}

static int setup(void **state)
{
	(void)state;
	authbox_init(&box, CONFIRMED_BY_MAIL);
	return 0;
}

static int usual(void **state)
{
	(void)state;
	box.referer = "";
	box.address = "192.0.2.1";
	authbox_configure(&box, CONFIRMED_BY_MAIL);
	return 0;
}

static void test_a_sign_up_is_confirmed_by_its_link(void **state)
{
	(void)state;
	json_t *user = answer_ok(ask("POST", "/signup", "redirect_to=http%3A%2F%2Fa.preview.example%2Fhi%3Fx%3D1", "",
				     "{\"email\":\"ada@example.com\",\"password\":\"secret1\",\"data\":{\"n\":1}}"));
	assert_null(json_object_get(user, "access_token"));
	assert_null(json_object_get(user, "email_confirmed_at"));
	assert_non_null(json_object_get(user, "confirmation_sent_at"));
	assert_int_equal(json_array_size(json_object_get(user, "identities")), 1);
	assert_int_equal(json_int(json_object_get(user, "user_metadata"), "n", 0), 1);
	json_decref(user);
	answer_expect(ask("POST", "/token", "grant_type=password", "",
			  "{\"email\":\"ada@example.com\",\"password\":\"secret1\"}"),
		      400, "email_not_confirmed");
	struct mail m = mail_to("ada@example.com");
	assert_string_equal(m.kind, "confirmation");
	struct answer a = follow(m.link);
	expect_redirect(a, "http://a.preview.example/hi?x=1#access_token=");
	assert_string_equal(parameter(a.location, '#', "type"), "signup");
	assert_string_equal(parameter(a.location, '#', "token_type"), "bearer");
	char *token = strdup(parameter(a.location, '#', "access_token"));
	json_t *me = answer_ok(ask("GET", "/user", "", token, ""));
	assert_non_null(json_object_get(me, "email_confirmed_at"));
	assert_true(json_bool(json_object_get(me, "user_metadata"), "email_verified", false));
	json_t *data = json_object_get(json_array_get(json_object_get(me, "identities"), 0), "identity_data");
	assert_true(json_bool(data, "email_verified", false));
	json_decref(me);
	free(token);
	/* A link is good once. */
	a = follow(m.link);
	expect_redirect(a, "http://a.preview.example/hi?x=1#error=access_denied&error_code=otp_expired&");
	assert_string_equal(authbox_text(&box, "select confirmation_token || (select count(*) from "
					       "auth.one_time_tokens) from auth.users where email = 'ada@example.com'"),
			    "0");
}

static void test_who_is_there_cannot_be_told(void **state)
{
	(void)state;
	free(somebody("known@example.com"));
	int mails = mails_to("known@example.com");
	json_t *known = answer_ok(post("/signup", "{\"email\":\"known@example.com\",\"password\":\"secret9\"}"));
	json_t *fresh = answer_ok(post("/signup", "{\"email\":\"fresh@example.com\",\"password\":\"secret9\"}"));
	assert_null(json_object_get(known, "email_confirmed_at"));
	assert_null(json_object_get(known, "last_sign_in_at"));
	const char *key;
	json_t *value;
	json_object_foreach(fresh, key, value) if (json_object_get(known, key) == NULL)
	    fail_msg("the answer lacks %s", key);
	assert_string_not_equal(
	    json_str(known, "id", ""),
	    authbox_text(&box, "select id::text from auth.users where email = 'known@example.com'"));
	json_decref(known);
	json_decref(fresh);
	assert_int_equal(mails_to("known@example.com"), mails);
	answer_expect(ask("POST", "/token", "grant_type=password", "",
			  "{\"email\":\"known@example.com\",\"password\":\"secret9\"}"),
		      400, "invalid_credentials");
	json_decref(answer_ok(post("/recover", "{\"email\":\"nobody@example.com\"}")));
	json_decref(answer_ok(post("/resend", "{\"type\":\"signup\",\"email\":\"nobody@example.com\"}")));
	assert_int_equal(mails_to("nobody@example.com"), 0);
}

static void test_resending_voids_what_was_sent(void **state)
{
	(void)state;
	json_decref(answer_ok(post("/signup", "{\"email\":\"again@example.com\",\"password\":\"secret1\"}")));
	struct mail first = mail_to("again@example.com");
	json_decref(answer_ok(post("/resend", "{\"type\":\"signup\",\"email\":\"again@example.com\"}")));
	struct mail second = mail_to("again@example.com");
	assert_string_not_equal(first.link, second.link);
	expect_redirect(follow(first.link), "http://shop.localhost#error=access_denied");
	expect_redirect(follow(second.link), "http://shop.localhost#access_token=");
	answer_expect(post("/resend", "{\"type\":\"nothing\",\"email\":\"again@example.com\"}"), 400,
		      "validation_failed");
	answer_expect(post("/resend", "{\"type\":\"signup\"}"), 400, "validation_failed");
}

static void test_a_forgotten_password(void **state)
{
	(void)state;
	char *old = somebody("forgot@example.com");
	json_decref(answer_ok(post("/recover", "{\"email\":\"Forgot@example.com\"}")));
	struct mail m = mail_to("forgot@example.com");
	assert_string_equal(m.kind, "recovery");
	struct answer a = follow(m.link);
	expect_redirect(a, "http://shop.localhost#access_token=");
	assert_string_equal(parameter(a.location, '#', "type"), "recovery");
	char *token = strdup(parameter(a.location, '#', "access_token"));
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret2\"}")));
	answer_expect(ask("GET", "/user", "", old, ""), 403, "session_not_found");
	json_decref(answer_ok(ask("POST", "/token", "grant_type=password", "",
				  "{\"email\":\"forgot@example.com\",\"password\":\"secret2\"}")));
	free(token);
	free(old);
	/* By code. */
	json_decref(answer_ok(post("/recover", "{\"email\":\"forgot@example.com\"}")));
	m = mail_to("forgot@example.com");
	answer_expect(
	    postf("/verify", "{\"type\":\"signup\",\"email\":\"forgot@example.com\",\"token\":\"%s\"}", m.token), 403,
	    "otp_expired");
	answer_expect(post("/verify", "{\"type\":\"recovery\",\"email\":\"forgot@example.com\",\"token\":\"x\"}"), 403,
		      "otp_expired");
	json_t *session = answer_ok(
	    postf("/verify", "{\"type\":\"recovery\",\"email\":\"forgot@example.com\",\"token\":\"%s\"}", m.token));
	json_t *claims JSON_CLEANUP = authbox_claims(session);
	assert_string_equal(json_str(json_array_get(json_object_get(claims, "amr"), 0), "method", ""), "otp");
	json_decref(session);
	/* An hour later it is too old. */
	json_decref(answer_ok(post("/recover", "{\"email\":\"forgot@example.com\"}")));
	m = mail_to("forgot@example.com");
	authbox_run(&box, "update auth.users set recovery_sent_at = now() - interval '61 minutes'");
	answer_expect(
	    postf("/verify", "{\"type\":\"recovery\",\"email\":\"forgot@example.com\",\"token\":\"%s\"}", m.token), 403,
	    "otp_expired");
}

static void test_codes_to_sign_in_with(void **state)
{
	(void)state;
	answer_expect(post("/otp", "{\"email\":\"otp@example.com\",\"create_user\":false}"), 422, "otp_disabled");
	json_decref(answer_ok(post("/otp", "{\"email\":\"otp@example.com\",\"data\":{\"from\":\"otp\"}}")));
	struct mail m = mail_to("otp@example.com");
	assert_string_equal(m.kind, "confirmation");
	json_t *session =
	    answer_ok(postf("/verify", "{\"type\":\"email\",\"email\":\"otp@example.com\",\"token\":\"%s\"}", m.token));
	json_t *metadata = json_object_get(json_object_get(session, "user"), "user_metadata");
	assert_string_equal(json_str(metadata, "from", ""), "otp");
	json_decref(session);
	json_decref(answer_ok(post("/otp", "{\"email\":\"otp@example.com\",\"create_user\":false}")));
	m = mail_to("otp@example.com");
	assert_string_equal(m.kind, "magic_link");
	expect_redirect(follow(m.link), "http://shop.localhost#access_token=");
	json_decref(answer_ok(post("/magiclink", "{\"email\":\"otp@example.com\"}")));
	m = mail_to("otp@example.com");
	json_decref(answer_ok(
	    postf("/verify", "{\"type\":\"magiclink\",\"token_hash\":\"%s\"}", parameter(m.link, '?', "token"))));
	/* Where addresses need no confirmation somebody new gets the link all the same. */
	authbox_configure(&box, SETTINGS("\"email\":{\"enable_confirmations\":false,\"max_frequency\":\"0s\"}"));
	json_decref(answer_ok(post("/otp", "{\"email\":\"otp2@example.com\"}")));
	m = mail_to("otp2@example.com");
	assert_string_equal(m.kind, "magic_link");
	expect_redirect(follow(m.link), "http://shop.localhost#access_token=");
}

static void test_both_addresses_confirm_a_change(void **state)
{
	(void)state;
	char *token = somebody("old@example.com");
	json_t *user = answer_ok(ask("PUT", "/user", "", token, "{\"email\":\"New@example.com\"}"));
	assert_string_equal(json_str(user, "email", ""), "old@example.com");
	assert_string_equal(json_str(user, "new_email", ""), "new@example.com");
	json_decref(user);
	struct mail to_old = mail_to("old@example.com"), to_new = mail_to("new@example.com");
	assert_string_equal(to_old.kind, "email_change");
	assert_string_equal(to_new.kind, "email_change");
	struct answer a = follow(to_old.link);
	expect_redirect(a, "http://shop.localhost#message=Confirmation%20link%20accepted");
	expect_redirect(follow(to_old.link), "http://shop.localhost#error=access_denied");
	user = answer_ok(ask("GET", "/user", "", token, ""));
	assert_string_equal(json_str(user, "email", ""), "old@example.com");
	json_decref(user);
	json_t *session = answer_ok(postf(
	    "/verify", "{\"type\":\"email_change\",\"email\":\"new@example.com\",\"token\":\"%s\"}", to_new.token));
	const json_t *changed = json_object_get(session, "user");
	assert_string_equal(json_str(changed, "email", ""), "new@example.com");
	assert_null(json_object_get(changed, "new_email"));
	const json_t *identity = json_array_get(json_object_get(changed, "identities"), 0);
	assert_string_equal(json_str(identity, "email", ""), "new@example.com");
	json_decref(session);
	free(token);
	/* The new one is enough where the owner says so; an address that is taken is refused. */
	authbox_configure(&box, SETTINGS("\"email\":{\"enable_confirmations\":true,\"max_frequency\":\"0s\","
					 "\"double_confirm_changes\":false}"));
	token = somebody("one@example.com");
	answer_expect(ask("PUT", "/user", "", token, "{\"email\":\"new@example.com\"}"), 422, "email_exists");
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"email\":\"two@example.com\"}")));
	expect_redirect(follow(mail_to("two@example.com").link), "http://shop.localhost#access_token=");
	assert_int_equal(mails_to("one@example.com"), 1);
	free(token);
}

/* Two people press their links in one moment: whichever is second completes the change. */
static void test_two_confirmations_at_once(void **state)
{
	(void)state;
	char *token = somebody("race@example.com");
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"email\":\"raced@example.com\"}")));
	struct mail mails[] = {mail_to("race@example.com"), mail_to("raced@example.com")};
	struct answer got[2];
	struct arena *arenas[2];
	for (int i = 0; i < 2; i++) {
		arenas[i] = arena_new(4u << 20);
		authbox_begin(&box, &got[i], arenas[i], "GET", "/verify", strchr(mails[i].link, '?') + 1, "", "");
	}
	int sessions = 0;
	for (int i = 0; i < 2; i++) {
		authbox_await(&box, &got[i]);
		sessions += strstr(got[i].location, "#access_token=") != NULL;
		arena_free(arenas[i]);
	}
	assert_int_equal(sessions, 1);
	assert_string_equal(authbox_text(&box,
					 "select count(*)::text from auth.users where email = 'raced@example.com' "
					 "and email_change = ''"),
			    "1");
	free(token);
}

static void test_pkce_links_lead_to_a_code(void **state)
{
	(void)state;
	json_decref(answer_ok(post("/signup", "{\"email\":\"pkce@example.com\",\"password\":\"secret1\"," PKCE "}")));
	struct mail m = mail_to("pkce@example.com");
	assert_non_null(strstr(m.link, "token=pkce_"));
	struct answer a = follow(m.link);
	expect_redirect(a, "http://shop.localhost?code=");
	assert_null(strchr(a.location, '#'));
	char code[64];
	(void)snprintf(code, sizeof code, "%s", parameter(a.location, '?', "code"));
	char body[300];
	(void)snprintf(body, sizeof body, "{\"auth_code\":\"%s\",\"code_verifier\":\"%s\"}", code, "wrong" VERIFIER);
	answer_expect(ask("POST", "/token", "grant_type=pkce", "", body), 400, "bad_code_verifier");
	(void)snprintf(body, sizeof body, "{\"auth_code\":\"%s\",\"code_verifier\":\"%s\"}", code, VERIFIER);
	json_t *session = answer_ok(ask("POST", "/token", "grant_type=pkce", "", body));
	json_t *claims JSON_CLEANUP = authbox_claims(session);
	assert_string_equal(json_str(json_array_get(json_object_get(claims, "amr"), 0), "method", ""), "email/signup");
	json_decref(session);
	answer_expect(ask("POST", "/token", "grant_type=pkce", "", body), 404, "flow_state_not_found");
	/* The same by recovery; a code lives five minutes. */
	json_decref(answer_ok(post("/recover", "{\"email\":\"pkce@example.com\"," PKCE "}")));
	a = follow(mail_to("pkce@example.com").link);
	(void)snprintf(body, sizeof body, "{\"auth_code\":\"%s\",\"code_verifier\":\"%s\"}",
		       parameter(a.location, '?', "code"), VERIFIER);
	authbox_run(&box, "update auth.flow_state set auth_code_issued_at = now() - interval '6 minutes'");
	answer_expect(ask("POST", "/token", "grant_type=pkce", "", body), 422, "flow_state_expired");
	answer_expect(post("/recover", "{\"email\":\"pkce@example.com\",\"code_challenge\":\"short\","
				       "\"code_challenge_method\":\"s256\"}"),
		      400, "validation_failed");
	answer_expect(post("/recover", "{\"email\":\"pkce@example.com\",\"code_challenge_method\":\"s256\"}"), 400,
		      "validation_failed");
}

static void test_reauthentication_guards_the_password(void **state)
{
	(void)state;
	authbox_configure(&box, SETTINGS("\"email\":{\"enable_confirmations\":true,\"max_frequency\":\"0s\","
					 "\"secure_password_change\":true}"));
	char *token = somebody("grave@example.com");
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret2\"}"))); /* a young session */
	authbox_run(&box, "update auth.sessions set created_at = now() - interval '25 hours'");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret3\"}"), 400, "reauthentication_needed");
	json_decref(answer_ok(ask("GET", "/reauthenticate", "", token, "")));
	struct mail m = mail_to("grave@example.com");
	assert_string_equal(m.kind, "reauthentication");
	answer_expect(ask("PUT", "/user", "", token, "{\"password\":\"secret3\",\"nonce\":\"x\"}"), 422,
		      "reauthentication_not_valid");
	char body[200];
	(void)snprintf(body, sizeof body, "{\"password\":\"secret3\",\"nonce\":\"%s\"}", m.token);
	json_decref(answer_ok(ask("PUT", "/user", "", token, body)));
	(void)snprintf(body, sizeof body, "{\"password\":\"secret4\",\"nonce\":\"%s\"}", m.token);
	answer_expect(ask("PUT", "/user", "", token, body), 422, "reauthentication_not_valid");
	free(token);
}

static void test_invitations_and_links_of_an_administrator(void **state)
{
	(void)state;
	char *admin = authbox_token("{\"role\":\"service_role\"}");
	answer_expect(post("/invite", "{\"email\":\"guest@example.com\"}"), 401, "no_authorization");
	json_t *user =
	    answer_ok(ask("POST", "/invite", "", admin, "{\"email\":\"guest@example.com\",\"data\":{\"team\":\"a\"}}"));
	assert_non_null(json_object_get(user, "invited_at"));
	json_decref(user);
	struct mail m = mail_to("guest@example.com");
	assert_string_equal(m.kind, "invite");
	struct answer a = follow(m.link);
	expect_redirect(a, "http://shop.localhost#access_token=");
	char *token = strdup(parameter(a.location, '#', "access_token"));
	json_decref(answer_ok(ask("PUT", "/user", "", token, "{\"password\":\"secret1\"}")));
	free(token);
	answer_expect(ask("POST", "/invite", "", admin, "{\"email\":\"guest@example.com\"}"), 422, "email_exists");
	/* Links that nobody mails. */
	json_t *link = answer_ok(ask("POST", "/admin/generate_link", "", admin,
				     "{\"type\":\"recovery\",\"email\":\"guest@example.com\",\"redirect_to\":"
				     "\"http://b.preview.example/x\"}"));
	assert_string_equal(json_str(link, "verification_type", ""), "recovery");
	assert_string_equal(json_str(link, "redirect_to", ""), "http://b.preview.example/x");
	assert_int_equal(strlen(json_str(link, "email_otp", "")), 6);
	expect_redirect(follow(json_str(link, "action_link", "")), "http://b.preview.example/x#access_token=");
	json_decref(link);
	assert_int_equal(mails_to("guest@example.com"), 1);
	link = answer_ok(ask("POST", "/admin/generate_link", "", admin,
			     "{\"type\":\"magiclink\",\"email\":\"linked@example.com\"}"));
	assert_string_equal(json_str(link, "verification_type", ""), "signup");
	json_decref(answer_ok(
	    postf("/verify", "{\"type\":\"signup\",\"token_hash\":\"%s\"}", json_str(link, "hashed_token", ""))));
	json_decref(link);
	answer_expect(
	    ask("POST", "/admin/generate_link", "", admin, "{\"type\":\"recovery\",\"email\":\"nobody@example.com\"}"),
	    404, "user_not_found");
	answer_expect(ask("POST", "/admin/generate_link", "", admin, "{\"type\":\"x\",\"email\":\"a@b.c\"}"), 400,
		      "validation_failed");
	free(admin);
}

static void test_mails_are_rationed(void **state)
{
	(void)state;
	authbox_configure(&box, SETTINGS("\"email\":{\"enable_confirmations\":true}"));
	json_decref(answer_ok(post("/signup", "{\"email\":\"slow@example.com\",\"password\":\"secret1\"}")));
	struct answer a = post("/resend", "{\"type\":\"signup\",\"email\":\"slow@example.com\"}");
	assert_non_null(strstr(json_str(a.body, "msg", ""), "you can only request this after 5"));
	answer_expect(a, 429, "over_email_send_rate_limit");
	/* However many ask in one moment, one mail leaves. */
	authbox_run(&box, "update auth.users set confirmation_sent_at = now() - interval '1 hour'");
	authbox_forget_limits(&box);
	struct answer got[8];
	struct arena *arenas[8];
	int sent = 0;
	for (int i = 0; i < 8; i++) {
		arenas[i] = arena_new(4u << 20);
		authbox_begin(&box, &got[i], arenas[i], "POST", "/resend", "", "",
			      "{\"type\":\"signup\",\"email\":\"slow@example.com\"}");
	}
	for (int i = 0; i < 8; i++) {
		authbox_await(&box, &got[i]);
		sent += got[i].status == 200;
		json_decref(got[i].body);
		arena_free(arenas[i]);
	}
	assert_int_equal(sent, 1);
	assert_int_equal(mails_to("slow@example.com"), 2);
	/* And all together so many an hour. */
	authbox_configure(&box, "{\"site_url\":\"http://shop.localhost\",\"rate_limit\":{\"email_sent\":3},"
				"\"email\":{\"enable_confirmations\":true}}");
	int status = 200, count = 0;
	for (; status == 200 && count < 10; count++) {
		a = postf("/signup", "{\"email\":\"many%d@example.com\",\"password\":\"secret1\"}", count);
		status = a.status;
		json_decref(a.body);
	}
	assert_int_equal(status, 429);
	assert_true(count <= 4);
	char last[64];
	(void)snprintf(last, sizeof last, "many%d@example.com", count - 1);
	assert_int_equal(mails_to(last), 0);
	char sql[200];
	(void)snprintf(sql, sizeof sql, "select count(*)::text from auth.users where email = '%s'", last);
	assert_string_equal(authbox_text(&box, sql), "0");
}

static void test_nobody_is_sent_elsewhere(void **state)
{
	(void)state;
	free(somebody("victim@example.com"));
	static const char *const bad[] = {"http%3A%2F%2Fevil.example",
					  "http%3A%2F%2Fshop.localhost.evil.example",
					  "http%3A%2F%2Fshop.localhost%40evil.example",
					  "http%3A%2F%2Fevil.example%5C%40shop.localhost",
					  "%2F%2Fevil.example",
					  "javascript%3Aalert(1)",
					  "http%3A%2F%2Fa.b.preview.example%2F",
					  "http%3A%2F%2Fpreview.example%2F",
					  "https%3A%2F%2Fshop.localhost",
					  "http%3A%2F%2F2130706433%2F",
					  "http%3A%2F%2Fshop.localhost%09.evil.example"};
	char query[300];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		(void)snprintf(query, sizeof query, "redirect_to=%s", bad[i]);
		json_decref(answer_ok(ask("POST", "/recover", query, "", "{\"email\":\"victim@example.com\"}")));
		struct mail m = mail_to("victim@example.com");
		if (strstr(m.link, "redirect_to=http://shop.localhost") == NULL || strstr(m.link, "evil") != NULL)
			fail_msg("%s: %s", bad[i], m.link);
		/* Nor by whoever changes the link. */
		(void)snprintf(query, sizeof query, "token=%s&type=recovery&redirect_to=%s",
			       parameter(m.link, '?', "token"), bad[i]);
		expect_redirect(ask("GET", "/verify", query, "", ""), "http://shop.localhost#access_token=");
	}
}

#define T(name) cmocka_unit_test_setup(name, usual)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_a_sign_up_is_confirmed_by_its_link),
	    T(test_who_is_there_cannot_be_told),
	    T(test_resending_voids_what_was_sent),
	    T(test_a_forgotten_password),
	    T(test_codes_to_sign_in_with),
	    T(test_both_addresses_confirm_a_change),
	    T(test_two_confirmations_at_once),
	    T(test_pkce_links_lead_to_a_code),
	    T(test_reauthentication_guards_the_password),
	    T(test_invitations_and_links_of_an_administrator),
	    T(test_nobody_is_sent_elsewhere),
	    T(test_mails_are_rationed), /* last: it uses the mails of the hour up */
	};
	return cmocka_run_group_tests(tests, setup, box_teardown);
}
