/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "build/database_use.h"
#include "os/file.h"

static char root[64];

static void put(const char *path, const char *text)
{
	char whole[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(whole, &err, "%s/%s", root, path));
	char *slash = strrchr(whole, '/');
	*slash = '\0';
	assert_true(file_mkdirs(whole, 0755, &err));
	*slash = '/';
	assert_true(file_write(whole, str_from(text), 0644, &err));
}

static int begin(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof root, "/tmp/fh-use-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("server/index.mjs", "import { createClient } from '@supabase/supabase-js'");
	put("server/.env.txt", "DATABASE_URL=x");
	put("server/node_modules/react/index.js", "process.env.DATABASE_URL");
	return 0;
}

static int end(void **state)
{
	(void)state;
	struct err err;
	return file_remove_tree(root, &err) ? 0 : 1;
}

static bool uses(const char *modules)
{
	char path[FILE_PATH_SIZE], more[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/server", root) && file_path(more, &err, "%s/%s", root, modules));
	return build_uses_database(path, modules[0] != '\0' ? more : NULL);
}

/* Neither a text, nor what somebody else's package mentions. */
static void test_none(void **state)
{
	(void)state;
	assert_false(uses(""));
}

static void test_code(void **state)
{
	(void)state;
	put("server/.next/server/chunks/12.js", "let a=process.env.POSTGRES_URL;");
	assert_true(uses(""));
}

static void test_driver(void **state)
{
	(void)state;
	put("server/.output/node_modules/pg/package.json", "{}");
	assert_true(uses(""));
}

static void test_modules(void **state)
{
	(void)state;
	put("modules/K/node_modules/left-pad/package.json", "{}");
	assert_false(uses("modules/K/node_modules"));
	put("modules/K/node_modules/@neondatabase/serverless/package.json", "{}");
	assert_true(uses("modules/K/node_modules"));
}

/* A link is not followed, be it to itself. */
static void test_links(void **state)
{
	(void)state;
	char link[FILE_PATH_SIZE], target[FILE_PATH_SIZE];
	struct err err;
	put("elsewhere/a.js", "DATABASE_URL");
	assert_true(file_path(link, &err, "%s/server/linked", root) && file_path(target, &err, "%s/elsewhere", root));
	assert_int_equal(symlink(target, link), 0);
	assert_true(file_path(link, &err, "%s/server/b.js", root) &&
		    file_path(target, &err, "%s/elsewhere/a.js", root));
	assert_int_equal(symlink(target, link), 0);
	assert_false(uses(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_none, begin, end),
	    cmocka_unit_test_setup_teardown(test_code, begin, end),
	    cmocka_unit_test_setup_teardown(test_driver, begin, end),
	    cmocka_unit_test_setup_teardown(test_modules, begin, end),
	    cmocka_unit_test_setup_teardown(test_links, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
