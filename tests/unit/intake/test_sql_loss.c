/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "intake/sql_loss.h"

static void assert_losses(const char *sql, const char *wanted)
{
	json_t *losses JSON_CLEANUP = json_array(), *loss;
	char text[600] = "";
	size_t i;
	sql_loss_find(sql, 7, losses);
	json_array_foreach(losses, i, loss)(void)
	    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s: %s", i > 0 ? "; " : "",
		     json_str(loss, "name", ""), json_str(loss, "what", ""));
	assert_string_equal(text, wanted);
}

static void test_what_takes_away(void **state)
{
	(void)state;
	assert_losses("ALTER TABLE \"users\" DROP COLUMN \"email\"",
		      "public.users.email: drops the column email of users");
	assert_losses("alter table app.t alter column a set data type int using a::int, drop column b",
		      "app.t.a: changes the type of a of t; app.t.b: drops the column b of t");
	assert_losses("DROP TABLE \"a\", x.\"B.c\" CASCADE", "public.a: drops the table a; x.B.c: drops the table B.c");
	assert_losses("truncate table users cascade", "public.users: empties the table users");
	assert_losses("delete from users", "public.users: deletes rows of users");
	assert_losses("drop type mood", "public.mood: drops the type mood");
	assert_losses("drop schema audit cascade", "public.audit: drops the schema audit");
	assert_losses("drop sequence s", "public.s: drops the counter s");
}

static void test_what_does_not(void **state)
{
	static const char *const harmless[] = {
	    "create table t (id int)",
	    "alter table t add column b text, alter column b set default 'x'",
	    "create index concurrently on t (b)",
	    "alter table t drop constraint c",
	    "alter table t alter column b drop not null",
	    "insert into t values (1)",
	    "drop index i",
	    "drop view v",
	    "drop policy p on t",
	};
	(void)state;
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) assert_losses(harmless[i], "");
}

static void test_what_nobody_can_tell(void **state)
{
	(void)state;
	assert_losses("do $$ begin execute 'drop table users'; end $$",
		      ".block: runs a block whose effects cannot be seen beforehand: the block");
	assert_losses("frobnicate users", ".statement: does something that is not understood: the statement");
}

static void test_a_folder(void **state)
{
	struct err err;
	json_t *changes JSON_CLEANUP = NULL;
	fixture_tree(*state, (const char *const[][2]){{"supabase/migrations/20261123000000_schema_push.sql",
						       "CREATE TABLE \"users\" (\"id\" int);\n\nDROP TABLE \"old\";\n"},
						      {NULL, NULL}});
	if (!sql_loss_read(*state, &changes, &err)) fail_msg("%s", err.msg);
	const json_t *plan = json_object_get(changes, "migrations"), *losses = json_object_get(changes, "losses");
	assert_int_equal(
	    json_array_size(json_object_get(json_array_get(json_object_get(plan, "migrations"), 0), "statements")), 2);
	assert_int_equal(json_array_size(losses), 1);
	assert_int_equal(json_int(json_array_get(losses, 0), "line", 0), 3);
	assert_non_null(json_object_get(json_object_get(changes, "tables"), "public.users"));
}

static void test_the_tool(void **state)
{
	const char *package =
	    "{\"scripts\":{\"build\":\"vite build\"},\"devDependencies\":{\"vite\":\"5\",\"drizzle-kit\":\"^0.31\"}}";
	const char *config = "export default { dialect: 'postgresql', schema: './shared/schema.ts' }";
	fixture_tree(
	    *state, (const char *const[][2]){
			{"package.json", package}, {"index.html", "<p>"}, {"drizzle.config.ts", config}, {NULL, NULL}});
	json_t *with JSON_CLEANUP = fixture_inspect(*state);
	assert_string_equal(json_str(json_object_get(with, "schema_push"), "config", ""), "drizzle.config.ts");
	fixture_write(*state, "drizzle.config.ts", "export default { dialect: 'sqlite' }");
	json_t *lite JSON_CLEANUP = fixture_inspect(*state);
	assert_true(json_is_null(json_object_get(lite, "schema_push")));
	fixture_write(*state, "drizzle.config.ts", config);
	fixture_write(*state, "supabase/migrations/20240101000000_a.sql", "select 1;");
	json_t *files JSON_CLEANUP = fixture_inspect(*state);
	assert_true(json_is_null(json_object_get(files, "schema_push")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_takes_away),
	    cmocka_unit_test(test_what_does_not),
	    cmocka_unit_test(test_what_nobody_can_tell),
	    cmocka_unit_test_setup_teardown(test_a_folder, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(test_the_tool, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
