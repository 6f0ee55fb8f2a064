/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/vault_rows.h"

static void gives(struct str sql, const char *expected)
{
	json_t *names = json_array();
	vault_names(sql, names);
	char *text = json_dumps(names, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(names);
}

static void test_names(void **state)
{
	(void)state;
	gives(STR("SET x = 1;\nCOPY vault.secrets (id, name, description, secret) FROM stdin;\n1\tstripe\t\tabc=\n"
		  "2\t\\N\t\tdef=\n\\.\n\n3\tnot a row\n"),
	      "[\"stripe\",\"(without a name)\"]");
	gives(STR("COPY vault.secrets (id, secret) FROM stdin;\n1\tx\n\\.\n"), "[]");
	gives(STR("COPY vault.secrets (id, name) FROM stdin;\n1\t\xff\n1"), "[\"(without a name)\",\"1\"]");
	gives(STR(""), "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
