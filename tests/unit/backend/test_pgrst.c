/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "bin/backend/pgrst.h"
#include "bin/backend/pgrst_dump.h"
#include "bin/backend/pgrst_values.h"
#include "codec/claim.h"
#include "codec/json.h"

static void expect_line(const char *line, const char *name, const char *value)
{
	BUF_CLEANUP struct buf b;
	struct str found;
	buf_init(&b, 1024);
	assert_true(pgrst_line(str_from(line), &found, &b));
	assert_true(str_eq(found, str_from(name)));
	assert_string_equal(buf_cstr(&b), value);
}

static void test_lines(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf b;
	struct str name;
	buf_init(&b, 1024);
	expect_line("db-schemas = \"api, public\"  # two", "db-schemas", "api, public");
	expect_line("db-pool=10 # ten", "db-pool", "10");
	expect_line("jwt-secret = \"a \\\"b\\\" \\\\ #c\"", "jwt-secret", "a \"b\" \\ #c");
	expect_line("app.settings.x = \"\"", "app.settings.x", "");
	assert_true(pgrst_line(STR("  # nothing"), &name, &b) && name.ptr == NULL);
	assert_true(pgrst_line(STR(""), &name, &b) && name.ptr == NULL);
	assert_false(pgrst_line(STR("db-pool"), &name, &b));
	assert_false(pgrst_line(STR("db-uri = \"postgres"), &name, &b));
	assert_false(pgrst_line(STR("db-uri = \"a\" b"), &name, &b));
}

static void expect_error(const char *const *environment, const char *words)
{
	struct pgrst *p;
	struct err err;
	assert_false(pgrst_read(NULL, environment, NULL, &p, &err));
	if (strstr(err.msg, words) == NULL) fail_msg("%s", err.msg);
}

static void test_environment(void **state)
{
	(void)state;
	struct pgrst *p;
	struct err err;
	const char *set[] = {"PGRST_DB_CONFIG=false",
			     "PGRST_DB_SCHEMAS=api, v2",
			     "PGRST_DB_ANON_ROLE=anon",
			     "PGRST_MAX_ROWS=7",
			     "PGRST_DB_EXTRA_SEARCH_PATH=",
			     "PGRST_APP_SETTINGS_Word=sesame",
			     "PGRST_JWT_SECRET=a secret that has thirty-two chars",
			     "PGRST_DB_TX_END=rollback-allow-override",
			     "HOME=/",
			     NULL};
	if (!pgrst_read(NULL, set, NULL, &p, &err)) fail_msg("%s", err.msg);
	assert_int_equal(p->rest.schema_count, 2);
	assert_string_equal(p->rest.schemas[1], "v2");
	assert_string_equal(p->anon_role, "anon");
	assert_int_equal(p->rest.max_rows, 7);
	assert_int_equal(p->rest.extra_search_path_count, 0);
	assert_int_equal(p->rest.app_setting_count, 1);
	assert_string_equal(p->rest.app_settings[0], "app.settings.Word");
	assert_int_equal(p->rest.tx_end, REST_TX_ROLLBACK_ALLOW_OVERRIDE);
	assert_int_equal(jwk_keys(p->keys).count, 1);
	assert_int_equal(p->server_port, 3000);
	pgrst_put(p);
	expect_error((const char *[]){"PGRST_DB_CONFIG=false", "PGRST_JWT_SECRET=short", NULL}, "at least 32");
	expect_error((const char *[]){"PGRST_DB_CONFIG=false", "PGRST_DB_TX_END=never", NULL}, "db-tx-end");
	expect_error((const char *[]){"PGRST_DB_CONFIG=false", "PGRST_JWT_ROLE_CLAIM_KEY=role", NULL},
		     "jwt-role-claim-key");
	expect_error((const char *[]){"PGRST_DB_CONFIG=false", "PGRST_ADMIN_SERVER_PORT=3000", NULL}, "same");
	expect_error((const char *[]){"PGRST_JWT_AUD=not a:uri", NULL}, "jwt-aud");
	expect_error((const char *[]){"PGRST_OPENAPI_SERVER_PROXY_URI=ftp://x", NULL}, "openapi-server-proxy-uri");
	expect_error((const char *[]){"PGRST_OPENAPI_SERVER_PROXY_URI=https://a:70000/", NULL},
		     "openapi-server-proxy-uri");
}

/* A secret may be any bytes, and only one line's end is cut off. */
static void test_a_secret_of_any_bytes(void **state)
{
	(void)state;
	static const char bytes[] = "\xff\x01\x80 0123456789012345678901234567\n\n";
	struct pgrst *p;
	struct err err;
	char path[] = "/tmp/fh-secret-XXXXXX", set[100];
	int fd = mkstemp(path);
	assert_int_equal(write(fd, bytes, sizeof bytes - 1), sizeof bytes - 1);
	(void)close(fd);
	(void)snprintf(set, sizeof set, "PGRST_JWT_SECRET=@%s", path);
	bool ok = pgrst_read(NULL, (const char *[]){set, NULL}, NULL, &p, &err);
	(void)unlink(path);
	if (!ok) fail_msg("%s", err.msg);
	struct jwt_keys keys = jwk_keys(p->keys);
	assert_int_equal(keys.keys[0].secret.len, sizeof bytes - 2);
	assert_memory_equal(keys.keys[0].secret.ptr, bytes, sizeof bytes - 2);
	pgrst_put(p);
}

static void test_flags(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_set;
	} flags[] = {{"TRUE", true}, {"\"true\"", true}, {"2", true}, {"0", false}, {"False", false}, {"?", true}};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		json_t *values JSON_CLEANUP = json_pack("{s:s}", "x", flags[i].text);
		assert_int_equal(pgrst_flag(values, "x", true), flags[i].is_set);
	}
}

static void test_the_environment_counts_more_than_the_file(void **state)
{
	(void)state;
	struct pgrst *p;
	struct err err;
	char path[] = "/tmp/fh-pgrst-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "db-config = false\ndb-schema = \"old\"\nserver-port = 81\nserver-host = \"::1\"\n";
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	(void)close(fd);
	const char *set[] = {"PGRST_SERVER_PORT=82", NULL};
	bool ok = pgrst_read(path, set, NULL, &p, &err);
	(void)unlink(path);
	if (!ok) fail_msg("%s", err.msg);
	assert_int_equal(p->server_port, 82);
	assert_string_equal(p->server_host, "::1");
	assert_string_equal(p->rest.schemas[0], "old");
	pgrst_put(p);
}

static void test_dump(void **state)
{
	(void)state;
	struct pgrst *p;
	struct err err;
	const char *set[] = {"PGRST_DB_SCHEMAS=api,  v2",       "PGRST_JWT_ROLE_CLAIM_KEY=.a[0].\"x-y\"[?(@ == \"z\")]",
			     "PGRST_DB_AGGREGATES_ENABLED=1",   "PGRST_DB_MAX_ROWS=",
			     "PGRST_APP_SETTINGS_a=say \"hi\"", NULL};
	json_t *database = json_pack("{s:s}", "db-anon-role", "of_database");
	BUF_CLEANUP struct buf b;
	buf_init(&b, 1 << 16);
	if (!pgrst_read(NULL, set, database, &p, &err)) fail_msg("%s", err.msg);
	pgrst_dump(p, &b);
	static const char *const lines[] = {"\ndb-schemas = \"api,v2\"\n",
					    "\ndb-anon-role = \"of_database\"\n",
					    "\njwt-role-claim-key = \".\\\"a\\\"[0].\\\"x-y\\\"[?(@ == \\\"z\\\")]\"\n",
					    "db-aggregates-enabled = true\n",
					    "\ndb-max-rows = \"\"\n",
					    "\nadmin-server-host = \"!4\"\n",
					    "\napp.settings.a = \"say \\\"hi\\\"\"\n"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (strstr(buf_cstr(&b), lines[i]) == NULL) fail_msg("%s not in %s", lines[i], buf_cstr(&b));
	pgrst_put(p);
	json_decref(database);
}

/* What is shown as an example can be read, and says what counts anyway. */
static void test_example(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf b;
	buf_init(&b, 1 << 16);
	pgrst_example(&b);
	struct str rest = buf_view(&b), line;
	while (str_next(&rest, '\n', &line)) {
		BUF_CLEANUP struct buf value;
		struct str name;
		buf_init(&value, 1000);
		assert_true(pgrst_line(line, &name, &value));
	}
}

static void expect_claim(const char *path, const char *value)
{
	json_t *claims = json_loads(
	    "{\"role\":\"r\",\"a\":{\"https://b\":{\"c\":\"deep\"}},\"list\":[\"one\",\"two-x\",3]}", 0, NULL);
	const json_t *found = claim_find(claims, path);
	assert_true(claim_path_is_sound(path));
	if (value == NULL)
		assert_null(found);
	else
		assert_string_equal(json_string_value(found), value);
	json_decref(claims);
}

static void test_claims(void **state)
{
	(void)state;
	expect_claim(".role", "r");
	expect_claim(".a.\"https://b\".c", "deep");
	expect_claim(".list[1]", "two-x");
	expect_claim(".list[7]", NULL);
	expect_claim(".list[?(@ == \"one\")]", "one");
	expect_claim(".list[?(@ ^== \"two\")]", "two-x");
	expect_claim(".list[?(@ ==^ \"-x\")]", "two-x");
	expect_claim(".list[?(@ *== \"wo\")]", "two-x");
	expect_claim(".list[?(@ != \"one\")]", "two-x");
	expect_claim(".role.no", NULL);
	static const char *const unsound[] = {
	    "", "role", ".", ".a[", ".a[x]", ".a[?(@ = \"x\")]", ".a.\"b", ".a[?(@ == \"x\")].b"};
	for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) assert_false(claim_path_is_sound(unsound[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines),
					   cmocka_unit_test(test_environment),
					   cmocka_unit_test(test_a_secret_of_any_bytes),
					   cmocka_unit_test(test_flags),
					   cmocka_unit_test(test_the_environment_counts_more_than_the_file),
					   cmocka_unit_test(test_dump),
					   cmocka_unit_test(test_example),
					   cmocka_unit_test(test_claims)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
