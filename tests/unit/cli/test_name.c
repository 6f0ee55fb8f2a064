/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/name.h"

static void assert_named(const char *source, const char *expected)
{
	char name[NAME_APP_SIZE];
	struct err err;
	assert_true(name_from_source(source, name, &err));
	assert_string_equal(name, expected);
	assert_true(name_check_app(name, &err));
}

static void test_names_from_sources(void **state)
{
	(void)state;
	assert_named("/home/me/shop", "shop");
	assert_named("/home/me/My Shop/", "my-shop");
	assert_named("shop.zip", "shop");
	assert_named("~/Downloads/My Shop-main (1).zip", "my-shop");
	assert_named("shop (2).tar.gz", "shop");
	assert_named("shop-main", "shop-main"); /* a folder is called what its owner calls it */
	assert_named("https://github.com/me/Waha-Smart-Rural-Services-Platform.git",
		     "waha-smart-rural-services-platfo");
	assert_named("git@github.com:shop.git", "shop");
	assert_named("2048_game", "game");
	assert_named("caf\xC3\xA9--bar", "caf-bar");
	assert_named("abcdefghijklmnopqrstuvwxyz01234-extra", "abcdefghijklmnopqrstuvwxyz01234");
	char name[NAME_APP_SIZE] = "untouched";
	struct err err;
	assert_false(name_from_source("/tmp/2048", name, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "--app"));
	assert_string_equal(name, "untouched");
}

static void test_app_names(void **state)
{
	(void)state;
	static const char *const bad[] = {"",    "1a", "A",   "a-",  "-a",
					  "a/b", "..", "a.b", "a b", "abcdefghijklmnopqrstuvwxyz0123456"};
	struct err err;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(name_check_app(bad[i], &err));
	assert_true(name_check_app("a", &err));
	assert_true(name_check_app("abcdefghijklmnopqrstuvwxyz012345", &err));
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const words[] = {"deploy", "destroy", "releases", "rollback", "apps", "env", "logs", NULL};
	assert_string_equal(name_nearest("depoly", words), "deploy");
	assert_string_equal(name_nearest("roll", words), "rollback");
	assert_string_equal(name_nearest("release", words), "releases");
	assert_string_equal(name_nearest("app", words), "apps");
	assert_string_equal(name_nearest("log", words), "logs");
	assert_null(name_nearest("publish", words));
	assert_null(name_nearest("x", words));
	assert_null(name_nearest("averyveryveryveryverylongwordindeed", words));
}

static void test_variables(void **state)
{
	(void)state;
	struct err err;
	assert_true(name_check_variable(STR("VITE_KEY_2"), &err));
	assert_false(name_check_variable(STR("2KEY"), &err));
	assert_false(name_check_variable(STR("A-B"), &err));
	assert_false(name_check_variable(STR(""), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_from_sources),
	    cmocka_unit_test(test_app_names),
	    cmocka_unit_test(test_nearest),
	    cmocka_unit_test(test_variables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
