/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "app/keys.h"
#include "app/serve_env.h"
#include "build/adapt.h"
#include "build/placeholder.h"
#include "codec/given.h"
#include "codec/json.h"
#include "store/env.h"

struct fixture {
	char folder[64];
	struct flow f;
};

static int set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	struct err err;
	struct app app;
	char path[FILE_PATH_SIZE];
	(void)snprintf(x->folder, sizeof x->folder, "/tmp/freehold-test-XXXXXX");
	if (mkdtemp(x->folder) == NULL) return 1;
	(void)snprintf(x->f.edge.address, sizeof x->f.edge.address, "127.0.0.1");
	x->f.edge.port = 8080;
	x->f.edge.tls_port = 8443;
	*state = x;
	return !(file_path(path, &err, "%s/freehold.db", x->folder) && db_open(path, &x->f.db, &err) &&
		 file_path(path, &err, "%s/secret.key", x->folder) && seal_open(path, &x->f.seal, &err) &&
		 app_create(x->f.db, "shop", &app, &err) && keys_ensure(&x->f, "shop", &err));
}

static int tear_down(void **state)
{
	struct fixture *x = *state;
	struct err err;
	flow_close(&x->f);
	bool ok = file_remove_tree(x->folder, &err);
	free(x);
	return !ok;
}

static json_t *env_of(struct fixture *x, const json_t *server)
{
	json_t *env = NULL;
	struct err err;
	if (!serve_env(&x->f, "shop", server, &env, &err)) fail_msg("%s", err.msg);
	return env;
}

static void test_what_a_server_gets(void **state)
{
	json_t *env JSON_CLEANUP = env_of(*state, NULL);
	assert_string_equal(json_str(env, "NODE_ENV", ""), "production");
	assert_string_equal(json_str(env, "SUPABASE_URL", ""), "http://shop.localhost:8080");
	assert_string_equal(json_str(env, "NEXT_PUBLIC_SUPABASE_URL", ""), "http://shop.localhost:8080");
	assert_string_equal(json_str(env, "VITE_SUPABASE_PROJECT_ID", ""), "shop");
	assert_string_equal(json_str(env, "VITE_SUPABASE_ANON_KEY", "-"), json_str(env, "SUPABASE_ANON_KEY", ""));
	assert_string_equal(json_str(env, "NEXTAUTH_URL", ""), "http://shop.localhost:8080");
	assert_true(strncmp(json_str(env, "SUPABASE_SECRET_KEY", ""), "sb_secret_", 10) == 0);
	assert_true(strncmp(json_str(env, "SUPABASE_SERVICE_ROLE_KEY", ""), "ey", 2) == 0);
	assert_true(str_has_prefix(str_from(json_str(env, "DATABASE_URL", "")), STR("postgres://freehold_app:")));
	assert_true(str_has_suffix(str_from(json_str(env, "DATABASE_URL", "")),
				   STR("@127.0.0.1:5432/postgres?sslmode=disable")));
	/* Past the pool. */
	static const char *const direct[] = {"DIRECT_URL", "POSTGRES_URL_NON_POOLING", "DATABASE_URL_UNPOOLED"};
	for (size_t i = 0; i < 3; i++)
		assert_true(str_has_suffix(str_from(json_str(env, direct[i], "")),
					   STR("@127.0.0.1:5433/postgres?sslmode=disable")));
	assert_string_equal(json_str(env, "ISSUER_URL", ""), "https://shop.localhost:8443/auth/v1/oidc");
	assert_string_equal(json_str(env, "REPL_ID", ""), "shop");
	assert_string_equal(json_str(env, "REPLIT_DOMAINS", ""), "shop.localhost");
	assert_int_equal(serve_env_port(env), 3000);
	/* No name with a public prefix has a placeholder left or a secret in it. */
	const char *name;
	json_t *value;
	json_object_foreach(env, name, value)
	{
		assert_null(strstr(json_string_value(value), "placeholder"));
		if (strstr(name, "PUBLIC_") != NULL || strncmp(name, "VITE_", 5) == 0)
			assert_string_not_equal(json_string_value(value),
						json_str(env, "SUPABASE_SERVICE_ROLE_KEY", ""));
	}
}

static void test_secrets_are_made_once(void **state)
{
	static const char *const names[] = {"SESSION_SECRET", "AUTH_SECRET", "BETTER_AUTH_SECRET", "DATABASE_URL",
					    "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY"};
	json_t *one JSON_CLEANUP = env_of(*state, NULL), *two JSON_CLEANUP = env_of(*state, NULL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_string_equal(json_str(one, names[i], "a"), json_str(two, names[i], "b"));
	assert_string_not_equal(json_str(one, "SESSION_SECRET", ""), json_str(one, "AUTH_SECRET", ""));
	assert_string_equal(json_str(one, "NEXTAUTH_SECRET", ""), json_str(one, "AUTH_SECRET", "-"));
	assert_true(strlen(json_str(one, "SESSION_SECRET", "")) >= 32);
	unsigned char key[64];
	size_t len = 0;
	const char *text = json_str(one, "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY", "");
	assert_int_equal(
	    sodium_base642bin(key, sizeof key, text, strlen(text), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL),
	    0);
	assert_int_equal(len, 32);
	/* A build gets the same one. */
	struct fixture *x = *state;
	struct err err;
	char wanted[128];
	json_t *pairs JSON_CLEANUP = json_array();
	assert_true(serve_env_for_build(&x->f, "shop", false, pairs, &err));
	assert_int_equal(json_array_size(pairs), 1);
	(void)snprintf(wanted, sizeof wanted, "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY=%s", text);
	assert_string_equal(json_string_value(json_array_get(pairs, 0)), wanted);
}

/* Every name that the server will have and no secret of it. */
static void test_a_build_that_runs_code(void **state)
{
	struct fixture *x = *state;
	struct err err;
	json_t *env JSON_CLEANUP = env_of(x, NULL), *pairs JSON_CLEANUP = json_array(), *pair;
	static const char *const secrets[] = {"SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_SECRET_KEY", "PGPASSWORD",
					      "SESSION_SECRET", "SUPABASE_JWT_SECRET"};
	size_t i;
	bool has_database = false, has_origin = false;
	assert_true(serve_env_for_build(&x->f, "shop", true, pairs, &err));
	json_array_foreach(pairs, i, pair)
	{
		const char *text = json_string_value(pair);
		has_database = has_database || strncmp(text, "DATABASE_URL=postgres://", 24) == 0;
		has_origin = has_origin || strcmp(text, "NEXT_PUBLIC_SITE_URL=" PLACEHOLDER_ORIGIN) == 0;
		for (size_t n = 0; n < sizeof secrets / sizeof *secrets; n++)
			assert_null(strstr(text, json_str(env, secrets[n], "?")));
	}
	assert_true(has_database && has_origin);
}

static void test_the_owner_wins(void **state)
{
	struct fixture *x = *state;
	struct err err;
	json_t *server JSON_CLEANUP = json_pack("{s:{s:s, s:s}}", "env", "PORT", "4000", "NITRO_X", "1");
	assert_true(env_set(x->f.db, x->f.seal, "shop", "PORT", STR("5000"), ENV_BY_NAME, &err) &&
		    env_set(x->f.db, x->f.seal, "shop", "SENTRY", STR("x"), ENV_BUILD, &err) &&
		    env_set(x->f.db, x->f.seal, "shop", "SESSION_SECRET", STR("mine"), ENV_RUN, &err));
	json_t *env JSON_CLEANUP = env_of(x, server);
	assert_int_equal(serve_env_port(env), 5000);
	assert_string_equal(json_str(env, "NITRO_X", ""), "1");
	assert_string_equal(json_str(env, "SESSION_SECRET", ""), "mine");
	assert_null(json_object_get(env, "SENTRY"));
}

static void test_a_database_elsewhere(void **state)
{
	struct fixture *x = *state;
	struct err err;
	assert_true(
	    env_set(x->f.db, x->f.seal, "shop", "DATABASE_URL", STR("postgres://db.example/x"), ENV_BY_NAME, &err));
	json_t *env JSON_CLEANUP = env_of(x, NULL);
	assert_string_equal(json_str(env, "DATABASE_URL", ""), "postgres://db.example/x");
	assert_null(json_object_get(env, "PGSSLMODE"));
	assert_null(json_object_get(env, "POSTGRES_URL"));
	json_t *server JSON_CLEANUP = json_pack("{s:b}", "wants_database", 0);
	json_t *without JSON_CLEANUP = env_of(x, server);
	assert_null(json_object_get(without, "PGHOST"));
}

static void test_what_nobody_need_set(void **state)
{
	/* The list that intake reads is of what is given here, by name. */
	json_t *env JSON_CLEANUP = env_of(*state, NULL);
	const char *name;
	json_t *value;
	json_object_foreach(env, name, value) if (!given_is(str_from(name)))
	    fail_msg("%s is given and not listed", name);
	for (const char *const *p = build_env(); *p != NULL; p++) {
		struct str built, ignored;
		assert_true(str_cut(str_from(*p), '=', &built, &ignored));
		if (!given_is(built)) fail_msg("%s is given to builds and not listed", *p);
	}
	assert_false(given_is(STR("STRIPE_SECRET_KEY")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_a_server_gets, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_secrets_are_made_once, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_build_that_runs_code, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_owner_wins, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_database_elsewhere, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_nobody_need_set, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
