/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "bin/backend/caller.h"
#include "codec/jwt.h"

#define NOW 1700000000
#define SECRET "a secret of the app, at least 32 bytes"

static struct buf anon, service, user;
static struct backend_config config;
static struct callers *callers;
static struct arena *arena;
static struct caller caller;
static struct token_refusal refusal;

static void sign(struct buf *b, const char *claims)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(SECRET)};
	buf_init(b, 4096);
	jwt_sign_text(&key, str_from(claims), b);
}

static int setup(void **state)
{
	(void)state;
	sign(&anon, "{\"role\":\"anon\"}");
	sign(&service, "{\"role\":\"service_role\"}");
	sign(&user, "{\"role\":\"authenticated\",\"sub\":\"u\",\"exp\":1700000100}");
	config = (struct backend_config){.jwt_secret = SECRET,
					 .anon_key = buf_cstr(&anon),
					 .service_role_key = buf_cstr(&service),
					 .publishable_key = "sb_publishable_x",
					 .secret_key = "sb_secret_y"};
	config.keys = keyring_from_secret(STR(SECRET));
	callers = callers_new(&config);
	arena = arena_new(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	callers_free(callers);
	keyring_free(config.keys);
	arena_free(arena);
	buf_done(&anon), buf_done(&service), buf_done(&user);
	return 0;
}

static bool find_at(const char *apikey, const char *authorization, int64_t now_s)
{
	struct str none = {NULL, 0};
	return callers_find(callers, arena, apikey != NULL ? str_from(apikey) : none,
			    authorization != NULL ? str_from(authorization) : none, now_s, &caller, &refusal);
}

static void expect_role(const char *apikey, const char *authorization, const char *role)
{
	if (!find_at(apikey, authorization, NOW)) fail_msg("%s", refusal.message);
	assert_true(str_eq(caller.role, str_from(role)));
}

static void expect_refusal(const char *apikey, const char *authorization, int status, const char *code)
{
	assert_false(find_at(apikey, authorization, NOW));
	assert_int_equal(refusal.status, status);
	if (code == NULL)
		assert_null(refusal.code);
	else
		assert_string_equal(refusal.code, code);
}

static const char *bearer(const char *token)
{
	return arena_printf(arena, "Bearer %s", token);
}

static void test_who_is_who(void **state)
{
	(void)state;
	expect_role(NULL, NULL, "anon");
	expect_role("sb_publishable_x", NULL, "anon");
	expect_role("sb_secret_y", NULL, "service_role");
	expect_role(config.anon_key, NULL, "anon");
	expect_role(config.service_role_key, NULL, "service_role");
	expect_role("sb_publishable_x", bearer("sb_publishable_x"), "anon");
	expect_role("sb_secret_y", bearer("sb_secret_y"), "service_role");
	expect_role("sb_publishable_x", bearer(buf_cstr(&user)), "authenticated");
	expect_role(config.anon_key, arena_printf(arena, "bearer  %s ", buf_cstr(&user)), "authenticated");
	assert_true(str_find(caller.claims, STR("\"sub\":\"u\"")) > 0);
	/* A user's token decides, whatever the key would allow. */
	expect_role("sb_secret_y", bearer(buf_cstr(&user)), "authenticated");
	expect_role(NULL, "Basic dXNlcg==", "anon");
}

static void test_what_is_refused(void **state)
{
	(void)state;
	expect_refusal("sb_publishable_other", NULL, 401, NULL);
	expect_refusal("sb_secret_", NULL, 401, NULL);
	expect_refusal("", NULL, 401, NULL);
	expect_refusal("rubbish", bearer(buf_cstr(&user)), 401, NULL);
	expect_refusal(NULL, bearer("rubbish"), 401, "PGRST301");
	expect_refusal(NULL, "Bearer", 401, "PGRST301");
	expect_refusal(NULL, bearer("eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."), 401, "PGRST301");
}

static void test_a_remembered_token_still_expires(void **state)
{
	(void)state;
	assert_true(find_at(NULL, bearer(buf_cstr(&user)), NOW));
	assert_true(find_at(NULL, bearer(buf_cstr(&user)), NOW + 130));
	assert_false(find_at(NULL, bearer(buf_cstr(&user)), NOW + 131));
	assert_string_equal(refusal.code, "PGRST303");
	assert_string_equal(refusal.message, "JWT expired");
}

static void test_the_memory_of_tokens_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * TOKENS_REMEMBERED_MAX; i++) {
		struct buf token BUF_CLEANUP;
		char claims[60];
		(void)snprintf(claims, sizeof claims, "{\"role\":\"r%d\"}", i);
		sign(&token, claims);
		arena_reset(arena);
		assert_true(find_at(NULL, bearer(buf_cstr(&token)), NOW));
		(void)snprintf(claims, sizeof claims, "r%d", i);
		assert_true(str_eq(caller.role, str_from(claims)));
	}
	expect_role(NULL, bearer(buf_cstr(&user)), "authenticated");
}

static void test_config_is_for_its_owner_only(void **state)
{
	(void)state;
	char path[] = "/tmp/freehold-config-XXXXXX";
	const char *text =
	    "{\"listen\":\"/run/x.sock\",\"rest_database\":\"a\",\"auth_database\":\"b\",\"realtime_database\":\"c\","
	    "\"jwt_secret\":\"" SECRET "\",\"anon_key\":\"k\",\"service_role_key\":\"k\","
	    "\"publishable_key\":\"p\",\"secret_key\":\"s\",\"site_url\":\"http://x\",\"listen_mode\":\"0660\"}";
	struct backend_config c;
	struct err err;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_true(backend_config_read(path, &c, &err));
	assert_string_equal(c.schemas[0], "public");
	assert_int_equal(c.pool_size, 10);
	assert_int_equal(c.listen_mode, 0660);
	backend_config_done(&c);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_false(backend_config_read(path, &c, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "{\"listen\":\"x\"}", 14, 0), 14);
	assert_false(backend_config_read(path, &c, &err));
	assert_int_equal(err.code, ERR_INVALID);
	(void)close(fd);
	(void)unlink(path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* What was verified by a key that is gone is not believed any more; the app's own keys are. */
static void test_other_keys(void **state)
{
	(void)state;
	struct keyring *old = config.keys;
	expect_role(NULL, bearer(buf_cstr(&user)), "authenticated");
	config.keys = keyring_from_secret(STR("another secret of at least 32 bytes, too"));
	callers_rekey(callers);
	keyring_free(old);
	expect_refusal(NULL, bearer(buf_cstr(&user)), 401, "PGRST301");
	expect_role(config.anon_key, NULL, "anon");
	expect_role(NULL, bearer(config.service_role_key), "service_role");
	struct str role;
	assert_true(str_eq(callers_bearer(callers, STR("sb_secret_y"), (struct str){0}, &role),
			   str_from(config.service_role_key)));
	assert_true(str_eq(role, STR("service_role")));
	(void)callers_bearer(callers, STR("sb_secret_y"), str_from(bearer(buf_cstr(&user))), &role);
	assert_int_equal(role.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(test_other_keys),
					   T(test_who_is_who),
					   T(test_what_is_refused),
					   T(test_a_remembered_token_still_expires),
					   T(test_the_memory_of_tokens_is_bounded),
					   cmocka_unit_test(test_config_is_for_its_owner_only)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
