/* SPDX-License-Identifier: Apache-2.0
 *
 * The program freehold-backend as the edge sees it: started, asked over its socket, stopped. Its path is the test's
 * argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "http/client.h"
#include "os/file.h"
#include "ownbox.h"
#include "owndb/prelude.h"

#define SECRET "a secret of the app that is at least 32 bytes long"

static const char *program;
static struct ownbox box;
static char socket_path[128], config_path[128];
static struct buf anon, service;
static pid_t backend;

static void sign(struct buf *b, const char *claims)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(SECRET)};
	buf_init(b, 4096);
	jwt_sign_text(&key, str_from(claims), b);
}

static pid_t start_backend(void)
{
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(ready[1], 2);
		(void)close(ready[0]);
		(void)execl(program, program, "--config", config_path, NULL);
		_exit(127);
	}
	(void)close(ready[1]);
	/* It says when it listens; what it says later is read by nobody and must not stop it. */
	char text[512];
	size_t len = 0;
	while (len < sizeof text - 1) {
		ssize_t n = read(ready[0], text + len, sizeof text - 1 - len);
		if (n <= 0) break;
		text[len += (size_t)n] = '\0';
		if (strstr(text, "listening") != NULL) {
			(void)close(ready[0]);
			return pid;
		}
	}
	fail_msg("the backend did not start: %.*s", (int)len, text);
	return -1;
}

static void write_config(void)
{
	char rest[200], auth[200];
	struct err err;
	(void)snprintf(rest, sizeof rest, "host=%s dbname=postgres user=authenticator", box.socket_dir);
	(void)snprintf(auth, sizeof auth, "host=%s dbname=postgres user=supabase_auth_admin", box.socket_dir);
	json_t *o JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "listen", socket_path, "rest_database",
		      rest, "auth_database", auth, "jwt_secret", SECRET, "anon_key", buf_cstr(&anon),
		      "service_role_key", buf_cstr(&service), "publishable_key", "sb_publishable_x", "secret_key",
		      "sb_secret_y", "site_url", "http://shop.localhost", "pool_size", 4);
	char *text = json_text(o);
	if (!file_write(config_path, str_from(text), 0600, &err)) fail_msg("%s", err.msg);
	free(text);
}

static int setup(void **state)
{
	(void)state;
	struct err err;
	ownbox_init(&box);
	box.db.api_os_user = NULL; /* this process is the backend, too */
	if (!owndb_create(&box.db, box.cache_dir, &err)) fail_msg("%s", err.msg);
	ownbox_start(&box);
	if (!owndb_prelude(&box.db, NULL, &err)) fail_msg("%s", err.msg);
	(void)snprintf(socket_path, sizeof socket_path, "%s/backend.sock", box.dir);
	(void)snprintf(config_path, sizeof config_path, "%s/backend.json", box.dir);
	sign(&anon, "{\"role\":\"anon\"}");
	sign(&service, "{\"role\":\"service_role\"}");
	write_config();
	backend = start_backend();
	return 0;
}

static int stop(pid_t pid)
{
	int status = 0;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int teardown(void **state)
{
	(void)state;
	int status = stop(backend);
	buf_done(&anon), buf_done(&service);
	ownbox_done(&box);
	return status;
}

static long call(const char *method, const char *path, const char *headers, const char *body, struct buf *ret_body)
{
	char url[300];
	struct http_answer answer;
	struct err err;
	const char *list[] = {headers, NULL};
	(void)snprintf(url, sizeof url, "http://shop.localhost%s", path);
	struct http_call c = {.socket_path = socket_path,
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

static void test_what_is_not_served_says_so(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1 << 20);
	assert_int_equal(call("POST", "/storage/v1/object/avatars/x", NULL, "{}", &b), 501);
	assert_non_null(strstr(buf_cstr(&b), "file storage"));
	assert_int_equal(call("POST", "/functions/v1/x", NULL, "{}", &b), 501);
	assert_int_equal(call("GET", "/realtime/v1/websocket", NULL, NULL, &b), 501);
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
	ownbox_stop(&box);
	assert_int_equal(call("GET", "/health", NULL, NULL, &b), 503);
	assert_non_null(strstr(buf_cstr(&b), "\"reason\""));
	ownbox_start(&box);
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
	pid_t successor = start_backend();
	assert_int_equal(call("GET", "/auth/v1/settings", NULL, NULL, &b), 200);
	assert_int_equal(stop(backend), 0);
	backend = successor;
	for (int i = 0; i < 20; i++) assert_int_equal(call("GET", "/auth/v1/settings", NULL, NULL, &b), 200);
}

int main(int argc, char **argv)
{
	if (argc != 2) return 2;
	program = argv[1];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_health),
	    cmocka_unit_test(test_what_is_not_served_says_so),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_sign_up_and_who_am_i),
	    cmocka_unit_test(test_too_large_a_body),
	    cmocka_unit_test(test_database_that_is_away_is_said),
	    cmocka_unit_test(test_successor_takes_over),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
