/* SPDX-License-Identifier: Apache-2.0
 *
 * The program freehold-backend as the edge sees it: started, asked over its socket, stopped. Its path is the test's
 * argument. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "backendbox.h"
#include "base/clock.h"
#include "bin/backend/health.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/keyring.h"
#include "http/client.h"

static struct backendbox box;
static const char *program;
static pid_t backend;

static int setup(void **state)
{
	(void)state;
	backendbox_init(&box, program, NULL, "http://shop.localhost");
	backend = backendbox_start(&box);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	int status = backendbox_stop(backend);
	backendbox_done(&box);
	return status;
}

static long call(const char *method, const char *path, const char *headers, const char *body, struct buf *ret_body)
{
	char url[300];
	struct http_answer answer;
	struct err err;
	const char *list[] = {headers, NULL};
	(void)snprintf(url, sizeof url, "http://shop.localhost%s", path);
	struct http_call c = {.socket_path = box.listen,
			      .method = method,
			      .url = url,
			      .body = str_from(body),
			      .headers = headers != NULL ? list : NULL,
			      .deadline_ms = 10000};
	buf_clear(ret_body);
	if (!http_call(&c, ret_body, &answer, &err)) fail_msg("%s %s: %s", method, path, err.msg);
	return answer.status;
}

static void test_health(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	assert_int_equal(call("GET", "/health", NULL, NULL, &b), 200);
	assert_string_equal(buf_cstr(&b), "{\"status\":\"ok\"}");
}

static int ask_health(void)
{
	static const char question[] = "GET /health HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", box.listen);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(write(fd, question, sizeof question - 1), sizeof question - 1);
	return fd;
}

/* The whole machine stands still while PostgreSQL is connected to, for longer than it has for its answer; we run again
 * before it does. */
static void stand_still(char ret_status[13])
{
	(void)ownbox_text(&box.db, "postgres",
			  "select count(pg_terminate_backend(pid))::text from pg_stat_activity"
			  " where backend_type = 'client backend' and pid <> pg_backend_pid()");
	(void)kill(box.db.postmaster, SIGSTOP);
	int fd = ask_health();
	(void)usleep(200 * 1000); /* mostly it is connecting then; where it is not, less is tried */
	(void)kill(backend, SIGSTOP);
	(void)usleep((HEALTH_DEADLINE_MS + 500) * 1000);
	(void)kill(backend, SIGCONT);
	(void)usleep(100 * 1000);
	(void)kill(box.db.postmaster, SIGCONT);
	assert_int_equal(recv(fd, ret_status, 12, MSG_WAITALL), 12);
	ret_status[12] = '\0';
	(void)close(fd);
}

/* Three times at most: afterwards PostgreSQL still has to answer in time, which a busy machine may keep it from. */
static void test_standstill_is_not_held_against_the_database(void **state)
{
	(void)state;
	char status[13] = "";
	for (int i = 0; i < 3 && strcmp(status, "HTTP/1.1 200") != 0; i++) stand_still(status);
	assert_string_equal(status, "HTTP/1.1 200");
}

static void test_what_is_not_served_says_so(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	assert_int_equal(call("GET", "/storage/v1/iceberg/bucket", NULL, NULL, &b), 501);
	assert_non_null(strstr(buf_cstr(&b), "Freehold does not serve this yet"));
	assert_int_equal(call("POST", "/functions/v1/x", NULL, "{}", &b), 501);
	assert_int_equal(call("GET", "/realtime/v1/websocket", NULL, NULL, &b), 426);
	assert_int_equal(call("GET", "/rest/v10", NULL, NULL, &b), 404);
	assert_int_equal(call("GET", "/", NULL, NULL, &b), 404);
}

static void test_keys(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	assert_int_equal(call("GET", "/rest/v1/t", "apikey: wrong", NULL, &b), 401);
	assert_non_null(strstr(buf_cstr(&b), "Invalid API key"));
	assert_int_equal(call("GET", "/rest/v1/t", "Authorization: Bearer wrong", NULL, &b), 401);
	assert_non_null(strstr(buf_cstr(&b), "PGRST301"));
	assert_int_equal(call("GET", "/auth/v1/admin/users", "apikey: sb_publishable_x", NULL, &b), 403);
	assert_int_equal(call("GET", "/auth/v1/admin/users", "apikey: sb_secret_y", NULL, &b), 200);
	assert_int_equal(call("GET", "/auth/v1/admin/users", NULL, NULL, &b), 401);
}

static void test_sign_up_and_who_am_i(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	char header[4096];
	struct err err;
	buf_init(&b, 1 << 20);
	assert_int_equal(call("POST", "/auth/v1/signup", "apikey: sb_publishable_x",
			      "{\"email\":\"a@example.com\",\"password\":\"secret1\"}", &b),
			 200);
	json_t *session JSON_CLEANUP = NULL;
	assert_true(json_parse(buf_view(&b), &session, &err));
	(void)snprintf(header, sizeof header, "Authorization: Bearer %s", json_str(session, "access_token", ""));
	assert_int_equal(call("GET", "/auth/v1/user", header, NULL, &b), 200);
	assert_non_null(strstr(buf_cstr(&b), "a@example.com"));
}

static void test_too_large_a_body(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	char *body = malloc((2 << 20) + 1);
	memset(body, ' ', 2 << 20);
	body[2 << 20] = '\0';
	assert_int_equal(call("POST", "/auth/v1/signup", NULL, body, &b), 413);
	free(body);
}

static void test_database_that_is_away_is_said(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	ownbox_stop(&box.db);
	assert_int_equal(call("GET", "/health", NULL, NULL, &b), 503);
	assert_non_null(strstr(buf_cstr(&b), "\"reason\""));
	ownbox_start(&box.db);
	long status = 0;
	for (int64_t end_ms = clock_now_ms() + 15000; status != 200 && clock_now_ms() < end_ms;)
		status = call("GET", "/health", NULL, NULL, &b);
	assert_int_equal(status, 200);
}

/* The second one takes the socket's name; the first finishes and goes. Nobody is turned away meanwhile. */
static void test_successor_takes_over(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	pid_t successor = backendbox_start(&box);
	assert_int_equal(call("GET", "/auth/v1/settings", NULL, NULL, &b), 200);
	assert_int_equal(backendbox_stop(backend), 0);
	backend = successor;
	for (int i = 0; i < 20; i++) assert_int_equal(call("GET", "/auth/v1/settings", NULL, NULL, &b), 200);
}

static json_t *key(const char *state, json_t *jwk)
{
	return json_pack("{s:s, s:o}", "state", state, "jwk", jwk);
}

static json_t *secret_jwk(void)
{
	struct buf k BUF_CLEANUP;
	buf_init(&k, 200);
	base64url_encode(STR(BACKENDBOX_SECRET), &k);
	return json_pack("{s:s, s:s}", "kty", "oct", "k", buf_cstr(&k));
}

/* A session's token, as a header. */
static void sign_in(char header[4096], struct buf *b)
{
	json_t *session JSON_CLEANUP = NULL;
	struct err err;
	assert_int_equal(call("POST", "/auth/v1/token?grant_type=password", "apikey: sb_publishable_x",
			      "{\"email\":\"a@example.com\",\"password\":\"secret1\"}", b),
			 200);
	assert_true(json_parse(buf_view(b), &session, &err));
	(void)snprintf(header, 4096, "Authorization: Bearer %s", json_str(session, "access_token", ""));
}

static void await_answer(const char *path, const char *header, long status, const char *words)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	for (int64_t end_ms = clock_now_ms() + 15000; clock_now_ms() < end_ms;)
		if (call("GET", path, header, NULL, &b) == status && strstr(buf_cstr(&b), words) != NULL) return;
	fail_msg("%s did not become %ld and \"%s\": %s", path, status, words, buf_cstr(&b));
}

#define JWKS "/auth/v1/.well-known/jwks.json"

/* Without a restart: keys are rotated and revoked, settings change, and a file that is wrong changes nothing. */
static void test_settings_are_read_again(void **state)
{
	(void)state;
	char old[4096], new[4096];
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	sign_in(old, &b);
	json_t *jwk JSON_CLEANUP = keyring_make(JWT_ES256, "first"),
		    *next JSON_CLEANUP = keyring_make(JWT_RS256, "next");
	backendbox_configure(&box, "signing_keys",
			     json_pack("[o, o, o]", key("in_use", json_incref(jwk)), key("standby", json_incref(next)),
				       key("previously_used", secret_jwk())));
	await_answer(JWKS, NULL, 200, "\"first\"");
	await_answer(JWKS, NULL, 200, "\"next\"");
	assert_int_equal(call("GET", JWKS, NULL, NULL, &b), 200);
	assert_null(strstr(buf_cstr(&b), "\"d\""));
	sign_in(new, &b);
	assert_non_null(strstr(new, "Bearer eyJhbGciOiJFUzI1NiIs")); /* {"alg":"ES256", */
	for (int i = 0; i < 2; i++) { /* twice: the second time the token is remembered */
		assert_int_equal(call("GET", "/auth/v1/user", old, NULL, &b), 200);
		assert_int_equal(call("GET", "/auth/v1/user", new, NULL, &b), 200);
		assert_int_equal(call("GET", "/rest/v1/nothing", old, NULL, &b), 404);
		assert_int_equal(call("GET", "/rest/v1/nothing", new, NULL, &b), 404);
	}
	backendbox_configure(&box, "signing_keys", json_array()); /* nothing could be signed */
	backendbox_configure(&box, "auth", json_pack("{s:b}", "enable_sign_up", false)); /* no such name */
	backendbox_configure(&box, "auth", json_pack("{s:i}", "jwt_expiry", 1234));
	backendbox_configure(&box, "signing_keys",
			     json_pack("[o, o]", key("in_use", json_incref(jwk)), key("revoked", secret_jwk())));
	await_answer("/rest/v1/nothing", old, 401, "PGRST301");
	assert_int_equal(call("GET", "/auth/v1/user", old, NULL, &b), 403);
	assert_int_equal(call("GET", "/auth/v1/user", new, NULL, &b), 200);
	sign_in(new, &b);
	assert_non_null(strstr(buf_cstr(&b), "\"expires_in\":1234"));
	/* The app's own keys stand in pages and on servers: they stay what they are. */
	(void)snprintf(old, sizeof old, "apikey: %s", buf_cstr(&box.service_role_key));
	assert_int_equal(call("GET", "/auth/v1/admin/users", old, NULL, &b), 200);
	(void)snprintf(old, sizeof old, "apikey: %s", buf_cstr(&box.anon_key));
	assert_int_equal(call("GET", "/rest/v1/nothing", old, NULL, &b), 404);
}

int main(int argc, char **argv)
{
	if (argc != 2) return 2;
	program = argv[1];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_health),
	    cmocka_unit_test(test_standstill_is_not_held_against_the_database),
	    cmocka_unit_test(test_what_is_not_served_says_so),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_sign_up_and_who_am_i),
	    cmocka_unit_test(test_too_large_a_body),
	    cmocka_unit_test(test_database_that_is_away_is_said),
	    cmocka_unit_test(test_successor_takes_over),
	    cmocka_unit_test(test_settings_are_read_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
