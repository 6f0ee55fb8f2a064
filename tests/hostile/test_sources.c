/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile files inside a source, inspected through the real helper: each ends in a plain error that names the file, or
 * is inspected all the same; never in a crash of ours, never late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "codec/json.h"
#include "intake/inspect.h"
#include "intake/report.h"
#include "os/file.h"
#include "os/sandbox.h"

#define NOBODY 65534

static int setup(void **state)
{
	char *dir = strdup("/tmp/intake-hostile-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	struct err err;
	assert_true(file_remove_tree(*state, &err));
	free(*state);
	return 0;
}

/* Writes text once, then `repeat` more times `unit`, then `end`. */
static void write_long(const char *dir, const char *name, const char *text, const char *unit, size_t repeat,
		       const char *end)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	assert_true(file_mkdirs(path, 0755, &err));
	*slash = '/';
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs(text, f);
	for (size_t i = 0; i < repeat; i++) (void)fputs(unit, f);
	(void)fputs(end, f);
	assert_int_equal(fclose(f), 0);
}

static bool inspect(const char *dir, json_t **ret_inspection, struct err *err)
{
	bool is_root = geteuid() == 0;
	struct err ignored;
	struct intake_child c = {.helper = FREEHOLD_INTAKE,
				 .has_user = is_root,
				 .uid = NOBODY,
				 .gid = NOBODY,
				 .no_sandbox = !sandbox_probe(is_root, NOBODY, NOBODY, &ignored)};
	int64_t began_ms = clock_now_ms();
	bool ok = intake_inspect(&c, dir, ret_inspection, err);
	assert_true(clock_now_ms() - began_ms < 30000);
	return ok;
}

static void expect_error(const char *dir, const char *named)
{
	struct err err = {0};
	json_t *inspection = NULL;
	assert_false(inspect(dir, &inspection, &err));
	if (strstr(err.msg, named) == NULL) fail_msg("%s: %s", named, err.msg);
	assert_true(strlen(err.msg) < 900);
}

static void expect_inspected(const char *dir)
{
	struct err err = {0};
	json_t *inspection JSON_CLEANUP = NULL;
	struct buf text BUF_CLEANUP;
	if (!inspect(dir, &inspection, &err)) fail_msg("%s", err.msg);
	buf_init(&text, REPORT_MAX_BYTES);
	intake_report(inspection, &text, false);
	assert_true(buf_is_ok(&text));
	assert_true(str_is_utf8(buf_view(&text)));
}

static void test_large_package(void **state)
{
	write_long(*state, "package.json", "{\"a\":\"", "xxxxxxxxxx", 10000000, "\"}");
	expect_error(*state, "package.json is larger than 1 MB");
}

static void test_deep_package(void **state)
{
	write_long(*state, "package.json", "", "[", 400000, "");
	expect_error(*state, "package.json: is not valid JSON");
	write_long(*state, "package.json", "", "{\"a\":", 150000, "");
	expect_error(*state, "package.json: is not valid JSON");
}

static void test_large_sql(void **state)
{
	write_long(*state, "index.html", "x", "", 0, "");
	write_long(*state, "supabase/migrations/1_a.sql", "", "select 1; ", 5000000, "");
	expect_error(*state, "supabase/migrations/1_a.sql is larger than 5 MB");
	write_long(*state, "supabase/migrations/1_a.sql", "", "select 1;\n", 500000, "");
	expect_error(*state, "supabase/migrations/1_a.sql: more than 50000 statements");
}

static void test_deep_sql(void **state)
{
	write_long(*state, "index.html", "x", "", 0, "");
	static const char *const units[][3] = {
	    {"select ", "(", "1"},
	    {"select ", "not ", "true"},
	    {"select ", "- ", "1"},
	    {"select 1", "+1", ""},
	    {"select ", "a[", ""},
	    {"create table t as ", "select (select ", ""},
	    {"", "/*", ""},
	    {"do $$ begin ", "create policy ", " end $$"},
	    {"create view v as select 1", " union select 1", ""},
	    {"create policy p on t using (", "true or ", "true)"},
	    {"create policy p on t using (", "(", "true"},
	    {"create policy p on t using (", "not ", "true)"},
	    {"", "alter type t add value 'a';", ""},
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t repeat = 100000;
		write_long(*state, "supabase/migrations/1_a.sql", units[i][0], units[i][1], repeat, units[i][2]);
		struct err err = {0};
		json_t *inspection JSON_CLEANUP = NULL;
		if (!inspect(*state, &inspection, &err) && strstr(err.msg, "supabase/migrations/1_a.sql") == NULL)
			fail_msg("%s: %s", units[i][1], err.msg);
	}
}

static void test_bytes(void **state)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	write_long(*state, "index.html", "x", "", 0, "");
	(void)snprintf(path, sizeof path, "%s/supabase/migrations", (char *)*state);
	assert_true(file_mkdirs(path, 0755, &err));
	(void)snprintf(path, sizeof path, "%s/supabase/migrations/1_a.sql", (char *)*state);
	assert_true(file_write(path, STR("select '\xFF'"), 0644, &err));
	expect_error(*state, "supabase/migrations/1_a.sql: holds bytes");
}

static void test_code(void **state)
{
	write_long(*state, "index.html", "x", "", 0, "");
	write_long(*state, "src/a.ts", "supabase ", "eyJ", 300000, "");
	write_long(*state, "src/b.ts", "supabase ", "import.meta.env.", 60000, "");
	write_long(*state, "src/c.ts", "supabase ", "supabase.storage.from(x).", 40000, "");
	write_long(*state, "src/d.ts", "supabase ", "-----BEGIN PRIVATE KEY-----", 30000, "");
	write_long(*state, "src/e.ts", "supabase ", "`${", 300000, "");
	write_long(*state, "src/types.ts", "public: { Tables: {", "a: {", 200000, "");
	write_long(*state, "supabase/config.toml", "a = ", "[", 500000, "");
	write_long(*state, ".env", "A=", "\nB=", 300000, "");
	write_long(*state, "wrangler.jsonc", "", "{\"a\":[", 100000, "");
	expect_inspected(*state);
}

/* Links in a folder that is inspected as it is (no archive) are not followed. */
static void test_links(void **state)
{
	char path[FILE_PATH_SIZE];
	write_long(*state, "index.html", "x", "", 0, "");
	(void)snprintf(path, sizeof path, "%s/package.json", (char *)*state);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	(void)snprintf(path, sizeof path, "%s/loop", (char *)*state);
	assert_int_equal(symlink(".", path), 0);
	(void)snprintf(path, sizeof path, "%s/pipe.ts", (char *)*state);
	assert_int_equal(mkfifo(path, 0644), 0);
	expect_inspected(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_large_package, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deep_package, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_large_sql, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_deep_sql, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_code, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
