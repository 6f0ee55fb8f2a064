/* SPDX-License-Identifier: Apache-2.0
 *
 * What has changed at a source, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "owndb/twin_schema.h"

static void differ(const char *before_text, const char *now_text, const char *wanted)
{
	struct err err;
	json_t *before JSON_CLEANUP = NULL, *now JSON_CLEANUP = NULL;
	char names[420];
	assert_true(json_parse(str_from(before_text), &before, &err));
	assert_true(json_parse(str_from(now_text), &now, &err));
	twin_schema_differ(before, now, names, sizeof names);
	assert_string_equal(names, wanted);
}

static void test_differ(void **state)
{
	(void)state;
	differ("{}", "{}", "");
	differ("{\"table a\": \"1\"}", "{\"table a\": \"1\"}", "");
	differ("{\"table a\": \"1\", \"table b\": \"1\"}", "{\"table a\": \"2\", \"table b\": \"1\"}", "table a");
	differ("{\"table a\": \"1\"}", "{\"table b\": \"1\"}", "table a, table b");
	differ("{}", "{\"a\": \"1\", \"b\": \"1\", \"c\": \"1\", \"d\": \"1\", \"e\": \"1\"}", "a, b, c and 2 more");
}

static void test_long_names(void **state)
{
	(void)state;
	char now[2000] = "{", part[400], name[300], names[420];
	struct err err;
	json_t *schema JSON_CLEANUP = NULL, *none JSON_CLEANUP = json_object();
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		(void)snprintf(part, sizeof part, "%s\"%d%s\": \"1\"", i > 0 ? ", " : "", i, name);
		strcat(now, part);
	}
	strcat(now, "}");
	assert_true(json_parse(str_from(now), &schema, &err));
	twin_schema_differ(none, schema, names, sizeof names);
	assert_true(strlen(names) < sizeof names);
	assert_non_null(strstr(names, "and 1 more"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_differ), cmocka_unit_test(test_long_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
