/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/csv_head.h"

static void is(struct str text, char delimiter, const char *names)
{
	struct csv_head h;
	struct err err;
	char all[400] = "";
	assert_true(csv_head_read(text, &h, &err));
	assert_int_equal(h.delimiter, delimiter);
	for (size_t i = 0; i < h.count; i++)
		(void)snprintf(all + strlen(all), sizeof all - strlen(all), "[%s]", h.names[i]);
	assert_string_equal(all, names);
	csv_head_done(&h);
}

static void test_names(void **state)
{
	(void)state;
	is(STR("id,name\n1,a;b;c;d\n"), ',', "[id][name]");
	is(STR("id"), ',', "[id]");
	is(STR("\xEF\xBB\xBFid;a, b;c\r\n"), ';', "[id][a, b][c]");
	is(STR("a\tb,c\td\n"), '\t', "[a][b,c][d]");
	is(STR("\"a \"\"b\"\"\", c ,\"d\ne\"\rx"), ',', "[a \"b\"][c][d\ne]");
}

static void refuses(struct str text, const char *words)
{
	struct csv_head h;
	struct err err;
	assert_false(csv_head_read(text, &h, &err));
	assert_non_null(strstr(err.msg, words));
	assert_int_equal(h.count, 0);
}

static void test_refused(void **state)
{
	(void)state;
	refuses(STR(""), "is empty");
	refuses(STR("\nid\n"), "is empty");
	refuses(STR("id,\n"), "column 2 has no name");
	refuses(STR("id,\"name\n1,2\n"), "not closed");
	char *many = malloc(8000);
	assert_non_null(many);
	for (size_t i = 0; i < 8000; i++) many[i] = i % 2 == 0 ? 'a' : ',';
	refuses((struct str){many, 7999}, "more or longer");
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
