/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/migration.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_names(void **state)
{
	(void)state;
	struct str version, name;
	assert_true(migration_name_cut(STR("20240101120000_add_votes.sql"), &version, &name));
	assert_true(str_eq(version, STR("20240101120000")));
	assert_true(str_eq(name, STR("add_votes")));
	assert_true(migration_name_cut(STR("1_.sql"), &version, &name));
	assert_int_equal(name.len, 0);
	const char *bad[] = {"votes.sql", "_votes.sql", "20240101.sql", "2024-01_x.sql", "1_x.sql.bak", "1_x", ""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(migration_name_cut(str_from(bad[i]), &version, &name));
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct migration_statement statements[] = {{0, 20, 1, "create table"}, {25, 8, 4, "alter type"}};
	struct migration migrations[] = {
	    {"1", "init", "1_init.sql", SHA, statements, 2, MIGRATION_COMMIT_AFTER, "adds an enum value", "1"},
	    {"2", "more", "2_more.sql", SHA, NULL, 0, MIGRATION_TOGETHER, NULL, NULL},
	};
	struct migration_skipped skipped[] = {{"README.md", "not a migration"}};
	struct migration_plan plan = {"supabase/migrations", migrations, 2, skipped, 1}, back;
	json_t *value JSON_CLEANUP = migration_plan_to_json(&plan);
	struct arena *arena = arena_new(1 << 16);
	struct err err;
	assert_true(migration_plan_from_json(value, arena, &back, &err));
	assert_int_equal(back.migration_count, 2);
	assert_string_equal(back.dir, "supabase/migrations");
	assert_string_equal(back.migrations[0].sha256, SHA);
	assert_int_equal(back.migrations[0].boundary, MIGRATION_COMMIT_AFTER);
	assert_string_equal(back.migrations[0].boundary_reason, "adds an enum value");
	assert_string_equal(back.migrations[0].boundary_lifted_by, "1");
	assert_int_equal(back.migrations[0].statements[1].offset, 25);
	assert_int_equal(back.migrations[0].statements[1].line, 4);
	assert_string_equal(back.migrations[0].statements[1].kind, "alter type");
	assert_null(back.migrations[1].boundary_reason);
	assert_string_equal(back.skipped[0].file, "README.md");
	arena_free(arena);
}

/* The helper that wrote the JSON has read hostile files: what it says is checked. */
static void test_bad_plans_are_refused(void **state)
{
	(void)state;
	const char *bad[] = {
	    "{}",
	    "{\"dir\":\"m\",\"migrations\":{}}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\"}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1'; "
	    "drop\",\"name\":\"\",\"file\":\"1_.sql\",\"sha256\":\"" SHA "\"}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\",\"name\":\"\",\"file\":\"../1_.sql\",\"sha256\":\"" SHA
	    "\"}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\",\"name\":\"\",\"file\":\"1_.sql\",\"sha256\":\"00\"}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\",\"name\":\"\",\"file\":\"1_.sql\",\"sha256\":\"" SHA
	    "\",\"statements\":[[-1,2,1,\"do\"]]}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\",\"name\":\"\",\"file\":\"1_.sql\",\"sha256\":\"" SHA
	    "\",\"boundary\":\"never\"}]}",
	    "{\"dir\":\"m\",\"migrations\":[{\"version\":\"1\",\"name\":\"\",\"file\":\"1_.sql\",\"sha256\":\"" SHA
	    "\",\"boundary\":\"no-transaction\"}]}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err;
		struct migration_plan plan;
		struct arena *arena = arena_new(1 << 16);
		json_t *value JSON_CLEANUP = NULL;
		assert_true(json_parse(str_from(bad[i]), &value, &err));
		assert_false(migration_plan_from_json(value, arena, &plan, &err));
		assert_int_equal(err.code, ERR_INVALID);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_bad_plans_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
