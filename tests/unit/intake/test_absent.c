/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define VITE                                                                                                           \
	{"package.json", "{\"dependencies\":{\"vite\":\"5\"}}"},                                                       \
	{                                                                                                              \
		"index.html", "<p>"                                                                                    \
	}
#define TREE(...) fixture_tree(*state, (const char *const[][2]){__VA_ARGS__, {NULL, NULL}})

static void test_vercel(void **state)
{
	TREE(VITE, {"api/leads.ts", "export default (req, res) => res.end()"},
	     {"api/lead/[id].ts", "export function GET(r: Request) {}"}, {"api/data.js", "export default []"},
	     {"api/_lib/mail.ts", "x"}, {"api/readme.md", "x"}, {"src/api/client.ts", "x"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *finding = fixture_finding(i, "platform-functions:vercel");
	assert_non_null(finding);
	assert_string_equal(json_str(finding, "severity", ""), "warn");
	assert_string_equal(json_str(finding, "title", ""), "2 functions that only Vercel runs");
	assert_non_null(strstr(json_str(finding, "detail", ""), "api/lead/[id].ts, api/leads.ts"));
	assert_null(fixture_finding(i, "platform-functions:netlify"));
	assert_true(json_bool(i, "runs", false));
}

/* There the folder wraps the app's own server, which runs here; or it is an app by itself. */
static void test_vercel_beside_a_server(void **state)
{
	TREE({"package.json",
	      "{\"dependencies\":{\"express\":\"4\",\"vite\":\"5\"},\"scripts\":{\"start\":\"node x\"}}"},
	     {"api/index.ts", "request"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_null(fixture_finding(i, "platform-functions:vercel"));
	TREE(VITE, {"api/package.json", "{}"}, {"api/index.ts", "request"});
	json_t *own JSON_CLEANUP = fixture_inspect(*state);
	assert_null(fixture_finding(own, "platform-functions:vercel"));
}

static void test_netlify(void **state)
{
	TREE({"package.json", "{\"dependencies\":{\"astro\":\"5\"}}"}, {"netlify/functions/pay.mts", "(request) => 1"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *finding = fixture_finding(i, "platform-functions:netlify");
	assert_string_equal(json_str(finding, "title", ""), "1 function that only Netlify runs");
	assert_string_equal(json_str(finding, "file", ""), "netlify/functions/pay.mts");
}

static void test_files(void **state)
{
	TREE(VITE, {"assets/icon.png", "https://stackblitz.com/storage/blobs/redirect/abc--def/icon.png"},
	     {"assets/real.png", "\x89PNG and more than enough of it to be looked at, twice"},
	     {"notes.txt", "https://stackblitz.com/storage/blobs/redirect/abc"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *finding = fixture_finding(i, "left-out-files:bolt");
	assert_string_equal(json_str(finding, "title", ""), "1 file that Bolt's export left out");
	assert_string_equal(json_str(finding, "file", ""), "assets/icon.png");
}

static void test_php(void **state)
{
	TREE({"index.html", "<p>"}, {"send.php", "<?php"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_string_equal(json_str(fixture_finding(i, "php-not-run:send.php"), "severity", ""), "stop");
	TREE(VITE, {"inc/theme.php", "<?php"}, {"public/mail/send.php", "<?php"});
	json_t *vite JSON_CLEANUP = fixture_inspect(*state);
	assert_non_null(fixture_finding(vite, "php-not-run:public/mail/send.php"));
	assert_int_equal(fixture_count(vite, "stop"), 1);
}

#define READS "import { supabase } from './client';\nsupabase\n  .from('tools').select(); Array.from('abc');"

static void test_schema(void **state)
{
	TREE(VITE, {"src/a.ts", READS}, {"setup.sql", "-- once\ncreate table tools (id int);"},
	     {"fix.sql", "update tools set id = 1"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *finding = fixture_finding(i, "no-schema:supabase");
	assert_non_null(finding);
	assert_int_equal(json_int(finding, "line", 0), 3);
	assert_non_null(strstr(json_str(finding, "detail", ""), "It reads tools, and"));
	assert_non_null(strstr(json_str(finding, "detail", ""), "There is SQL that makes tables in setup.sql, which"));
	TREE(VITE, {"src/a.ts", "import { supabase } from './c';\nBuffer.from('abc'); supabase.storage.from('files')"});
	json_t *none JSON_CLEANUP = fixture_inspect(*state);
	assert_null(fixture_finding(none, "no-schema:supabase"));
}

static void test_schema_that_is_there(void **state)
{
	TREE(VITE, {"src/a.ts", READS}, {"supabase/migrations/1_a.sql", "create table tools (id int);"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_null(fixture_finding(i, "no-schema:supabase"));
	TREE({"package.json", "{\"dependencies\":{\"vite\":\"5\"},\"devDependencies\":{\"drizzle-kit\":\"1\"}}"},
	     {"index.html", "<p>"}, {"drizzle.config.ts", "dialect: 'postgresql'"}, {"src/a.ts", READS});
	json_t *drizzle JSON_CLEANUP = fixture_inspect(*state);
	assert_null(fixture_finding(drizzle, "no-schema:supabase"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vercel),
	    cmocka_unit_test(test_vercel_beside_a_server),
	    cmocka_unit_test(test_netlify),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_php),
	    cmocka_unit_test(test_schema),
	    cmocka_unit_test(test_schema_that_is_there),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
