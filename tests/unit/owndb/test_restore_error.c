/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/restore_error.h"

static void test_pg_restore(void **state)
{
	(void)state;
	struct str rest =
	    STR("pg_restore: connecting to database for restore\n"
		"pg_restore: while PROCESSING TOC:\n"
		"pg_restore: from TOC entry 3421; 2620 16406 TRIGGER users on_created supabase_auth_admin\n"
		"pg_restore: error: could not execute query: ERROR:  function public.gone() does not exist\n"
		"Command was: CREATE TRIGGER on_created AFTER INSERT ON auth.users;\n\n\n"
		"pg_restore: from TOC entry 5; 2615 2200 SCHEMA public postgres\n"
		"pg_restore: error: could not execute query: ERROR:  schema \"public\" already exists\n"
		"Command was: CREATE SCHEMA public;\n\n"
		"pg_restore: from TOC entry 9; 0 0 ACL TABLE notes postgres\n"
		"pg_restore: error: could not execute query: ERROR:  role \"accounting\" does not exist\n"
		"Command was: GRANT SELECT ON TABLE public.notes TO accounting;\n\n"
		"pg_restore: warning: errors ignored on restore: 3\n");
	struct restore_error e;
	assert_true(restore_error_next(&rest, &e));
	assert_true(str_eq(e.message, STR("function public.gone() does not exist")));
	assert_true(str_eq(e.about, STR("TRIGGER users on_created supabase_auth_admin")));
	assert_true(str_has_prefix(e.statement, STR("CREATE TRIGGER on_created")));
	assert_null(e.harmless);
	assert_true(restore_error_next(&rest, &e));
	assert_non_null(e.harmless);
	assert_true(restore_error_next(&rest, &e));
	struct str role;
	assert_true(restore_error_role(e.message, &role));
	assert_true(str_eq(role, STR("accounting")));
	assert_non_null(strstr(e.advice, "--make-roles"));
	assert_false(restore_error_next(&rest, &e));
}

static void test_psql(void **state)
{
	(void)state;
	struct str rest = STR("psql:/mnt/import.sql:12: ERROR:  relation \"a\" already exists\n"
			      "psql:/mnt/import.sql:20: NOTICE:  nothing\n"
			      "psql:/mnt/import.sql:30: ERROR:  role \"supabase_etl_admin\" does not exist\n"
			      "psql:/mnt/import.sql:41: ERROR:  syntax error at or near \"root\"\n");
	struct restore_error e;
	assert_true(restore_error_next(&rest, &e));
	assert_true(str_eq(e.message, STR("relation \"a\" already exists")));
	assert_true(str_eq(e.line, STR("12")));
	assert_null(e.harmless);
	assert_null(e.advice);
	assert_true(restore_error_next(&rest, &e));
	assert_non_null(e.harmless);
	assert_true(restore_error_next(&rest, &e));
	assert_true(str_eq(e.line, STR("41")));
	assert_non_null(strstr(e.advice, "not SQL"));
	assert_false(restore_error_next(&rest, &e));
}

static void test_damage(void **state)
{
	(void)state;
	struct str rest = STR("pg_restore: error: could not read from input file: end of file\n");
	struct restore_error e;
	assert_true(restore_error_next(&rest, &e));
	assert_null(e.harmless);
	assert_non_null(strstr(e.advice, "cut off"));
	rest = STR("");
	assert_false(restore_error_next(&rest, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pg_restore), cmocka_unit_test(test_psql),
					   cmocka_unit_test(test_damage)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
