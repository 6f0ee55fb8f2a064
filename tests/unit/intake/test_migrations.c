/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/migration.h"
#include "fixture.h"
#include "intake/sql_split.h"

#define DIR "supabase/migrations/"
#define TREE(...) fixture_tree(*state, (const char *const[][2]){{"index.html", "<p>"}, __VA_ARGS__, {NULL, NULL}})

static void test_split(void **state)
{
	(void)state;
	const char *text = "\xEF\xBB\xBF-- a comment; with a semicolon\n"
			   "create table \"t\xC3\xA9\" (a text default ';');\n\n/* /* x */ */ DO $$ begin; end $$;\n"
			   "create unique index concurrently i on t(a)";
	struct arena *arena = arena_new(1 << 20);
	struct sql_split split;
	struct err err;
	assert_true(sql_split(str_from(text), arena, &split, &err));
	assert_null(split.problem);
	assert_int_equal(split.count, 3);
	assert_memory_equal(text + split.statements[0].offset, "create table", 12);
	assert_int_equal(text[split.statements[0].offset + split.statements[0].len], ';');
	assert_int_equal(split.statements[0].line, 2);
	assert_string_equal(split.statements[1].kind, "do");
	assert_int_equal(split.statements[1].line, 4);
	assert_string_equal(split.statements[2].kind, "create index");
	assert_int_equal(text[split.statements[2].offset + split.statements[2].len], '\0');
	arena_free(arena);
}

/* What the parser of 15 does not know must still be cut where PostgreSQL would. */
static void test_split_of_newer_sql(void **state)
{
	(void)state;
	const char *text =
	    "select a is json; create function f() returns int language sql begin atomic select 1; select "
	    "2; end; select 3;";
	struct arena *arena = arena_new(1 << 20);
	struct sql_split split;
	struct err err;
	assert_true(sql_split(str_from(text), arena, &split, &err));
	assert_non_null(split.problem);
	assert_int_equal(split.problem_line, 1);
	assert_int_equal(split.count, 3);
	assert_string_equal(split.statements[1].kind, "create function");
	assert_string_equal(split.statements[2].kind, "select");
	assert_false(sql_split(STR("select '\xFF'"), arena, &split, &err));
	assert_false(sql_split(STR("select \0 1"), arena, &split, &err));
	assert_true(sql_split(STR(""), arena, &split, &err));
	assert_int_equal(split.count, 0);
	arena_free(arena);
}

static const json_t *migration(const json_t *inspection, size_t index)
{
	return json_array_get(json_object_get(json_object_get(inspection, "migrations"), "migrations"), index);
}

static void test_plan(void **state)
{
	TREE({DIR "20240102_b.sql", "select 2"}, {DIR "20240101_a.sql", "select 1;\nselect 2;"}, {DIR "README.md", "x"},
	     {DIR "notes.sql", "drop table everything"}, {DIR "sub/3_c.sql", "x"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	struct arena *arena = arena_new(1 << 20);
	struct migration_plan plan;
	struct err err;
	assert_true(migration_plan_from_json(json_object_get(i, "migrations"), arena, &plan, &err));
	assert_string_equal(plan.dir, "supabase/migrations");
	assert_int_equal(plan.migration_count, 2);
	assert_string_equal(plan.migrations[0].file, "20240101_a.sql");
	assert_int_equal(plan.migrations[0].statement_count, 2);
	assert_string_equal(plan.migrations[1].sha256,
			    "3cf988cc782b44bc24ceb17e445d9c3cfd06b6c848ecfff949e1bfdb9f705a61");
	assert_int_equal(plan.skipped_count, 2);
	assert_non_null(fixture_finding(i, "migration-skipped:notes.sql"));
	assert_int_equal(fixture_count(i, "stop"), 0);
	arena_free(arena);
}

static void test_scripts(void **state)
{
	TREE({"scripts/002_more.sql", "select 2"}, {"scripts/001_tables.sql", "create table t (a int)"},
	     {"scripts/001_policies.sql", "select 1"}, {"scripts/build.mjs", "x"},
	     {"scripts/seed.sql", "drop table everything"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	struct arena *arena = arena_new(1 << 20);
	struct migration_plan plan;
	struct err err;
	assert_true(migration_plan_from_json(json_object_get(i, "migrations"), arena, &plan, &err));
	assert_string_equal(plan.dir, "scripts");
	/* A number may be there twice, and is no reason to ask. */
	assert_int_equal(plan.migration_count, 3);
	assert_string_equal(plan.migrations[0].file, "001_policies.sql");
	assert_string_equal(plan.migrations[1].file, "001_tables.sql");
	assert_string_equal(plan.migrations[1].version, "001438878");
	assert_string_equal(plan.migrations[1].name, "tables");
	assert_int_equal(plan.skipped_count, 0);
	assert_null(fixture_finding(i, "duplicate-version:001_tables.sql"));
	arena_free(arena);
}

static void test_boundaries(void **state)
{
	static const struct {
		const char *sql, *boundary;
	} cases[] = {
	    {"create index i on t(a)", "together"},
	    {"create index concurrently i on t(a)", "no-transaction"},
	    {"CREATE UNIQUE INDEX /* x */ CONCURRENTLY i on t(a)", "no-transaction"},
	    {"drop index concurrently i", "no-transaction"},
	    {"reindex table concurrently t", "no-transaction"},
	    {"refresh materialized view concurrently v", "together"},
	    {"create index concurrently_not on t(a)", "together"},
	    {"begin; select 1; commit", "no-transaction"},
	    {"select 1; rollback", "no-transaction"},
	    {"savepoint a; release a", "together"},
	    {"vacuum t", "no-transaction"},
	    {"create database d", "no-transaction"},
	    {"alter system set work_mem = '1MB'", "no-transaction"},
	    {"do $$ begin perform 1; end $$", "together"},
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		TREE({DIR "1_a.sql", cases[c].sql});
		json_t *i JSON_CLEANUP = fixture_inspect(*state);
		if (strcmp(json_str(migration(i, 0), "boundary", ""), cases[c].boundary) != 0)
			fail_msg("%s: %s", cases[c].sql, json_str(migration(i, 0), "boundary", ""));
	}
}

static void test_enum_values(void **state)
{
	TREE({DIR "1_a.sql", "create type mood as enum ('sad')"},
	     {DIR "2_b.sql", "alter type public.mood add value if not exists 'glad' after 'sad'"},
	     {DIR "3_c.sql", "insert into t values ('glad')"},
	     {DIR "4_d.sql", "do $$ begin alter type mood add value 'mad'; end $$; select 'mad'"},
	     {DIR "5_e.sql", "alter type mood add value 'unused'"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_string_equal(json_str(migration(i, 1), "boundary", ""), "commit-after");
	assert_string_equal(json_str(migration(i, 1), "boundary_lifted_by", ""), "1");
	assert_non_null(strstr(json_str(migration(i, 1), "boundary_reason", ""), "3_c.sql uses it"));
	assert_string_equal(json_str(migration(i, 3), "boundary", ""), "no-transaction");
	assert_string_equal(json_str(migration(i, 4), "boundary", ""), "together");
}

static void test_duplicate_versions(void **state)
{
	TREE({DIR "1_a.sql", "select 1"}, {DIR "1_b.sql", "select 2"}, {DIR "1_c.sql", "select 3"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_string_equal(json_str(migration(i, 0), "version", ""), "1");
	assert_string_not_equal(json_str(migration(i, 1), "version", ""), json_str(migration(i, 2), "version", ""));
	assert_non_null(fixture_finding(i, "duplicate-version:1_b.sql"));
	assert_non_null(fixture_finding(i, "duplicate-version:1_c.sql"));
	assert_int_equal(fixture_count(i, "stop"), 2);
}

/* Each row: the migrations, and the one finding that must come of it ("" for none). */
static void test_row_security(void **state)
{
#define RLS "create table t(a int); alter table t enable row level security;"
	static const char *const cases[][2] = {
	    {"create table t(a int)", "no-row-security:public.t"},
	    {"create table if not exists \"public\".t(a int)", "no-row-security:public.t"},
	    {"create table t as select 1", "no-row-security:public.t"},
	    {RLS, ""},
	    {RLS "alter table t disable row level security", "no-row-security:public.t"},
	    {RLS "drop table t; create table t(a int)", "no-row-security:public.t"},
	    {"create table t(a int); drop table if exists public.t cascade", ""},
	    {"create table t(a int); alter table t rename to u; alter table u enable row level security", ""},
	    {RLS "alter table t rename to u; create table t(a int)", "no-row-security:public.t"},
	    {"create table private.t(a int)", ""},
	    {"create temp table t(a int)", ""},
	    {"create table t(a int); revoke all on t from anon, authenticated", ""},
	    {"create table t(a int); revoke insert on t from anon, authenticated", "no-row-security:public.t"},
	    {"create table t(a int); do $$ begin if true then alter table t enable row level security; end if; end $$",
	     ""},
	    {RLS "create policy p on t for select using (true)", ""},
	    {"create table t(a int, email text); alter table t enable row level security; create policy p on t for "
	     "select using "
	     "(true)",
	     "open-to-read:public.t:p"},
	    {RLS "alter table t add column home_phone text; create policy p on t for select to anon using (true)",
	     "open-to-read:public.t:p"},
	    {RLS "alter table t add column phone text; create policy p on t for select to authenticated using (true)",
	     ""},
	    {RLS "alter table t add column phone text; create policy p on t for select using (auth.uid() = a)", ""},
	    {RLS "create policy p on t for insert with check (true)", "open-policy:public.t:p"},
	    {RLS "create policy \"Any one!\" on t for insert to anon with check ((1 = 1))",
	     "open-policy:public.t:any-one"},
	    {RLS "create policy p on t using (true)", "open-policy:public.t:p"},
	    {RLS "create policy p on t using (a = 1 or true)", "open-policy:public.t:p"},
	    {RLS "create policy p on t using (a = 1 and true)", ""},
	    {RLS "create policy p on t for update using (true) with check (a = 1)", "open-policy:public.t:p"},
	    {RLS "create policy p on t for update using (a = 1) with check (true)", ""},
	    {RLS "create policy p on t for delete using (auth.uid() = a)", ""},
	    {RLS "create policy p on t to service_role using (true)", ""},
	    {RLS "create policy p on t to authenticated using (true)", "open-to-signed-in:public.t:p"},
	    {RLS "create policy p on t using (true); drop policy p on t", ""},
	    {RLS "create policy p on t using (true); alter policy p on t using (a = 1)", ""},
	    {RLS "create policy p on t using (true); alter policy p on t to service_role", ""},
	    {RLS "create policy p on t using (true); create policy q on t as restrictive using (a = auth.uid())", ""},
	    {RLS "do $$ begin create policy p on t using (true); exception when others then null; end $$",
	     "open-policy:public.t:p"},
	    {"create function f() returns int language sql security definer as 'select 1'",
	     "definer-function:public.f()"},
	    {"create function f() returns int language sql as 'select 1'; alter function f() security definer",
	     "definer-function:public.f()"},
	    {"create function f() returns trigger language plpgsql security definer as ''", ""},
	    {"create function f(a int) returns int language sql security definer as ''; revoke all on function f(int) "
	     "from "
	     "public, anon",
	     ""},
	    {"create function f(a int) returns int language sql security definer as ''; revoke all on function f(int) "
	     "from "
	     "public",
	     "definer-function:public.f(int4)"},
	    {"alter default privileges revoke execute on functions from public; alter default privileges in schema "
	     "public "
	     "revoke execute on functions from anon; create function f() returns int language sql security definer as "
	     "''",
	     ""},
	    {"insert into storage.buckets (id, name, public) values ('a', 'a', true)", "public-bucket:a"},
	    {"insert into storage.buckets (id, name, public) values ('a', 'a', false)", ""},
	    {"insert into storage.buckets (id, name) values ('a', 'a')", ""},
	    {"insert into storage.buckets (id, name, public) values ('a', 'a', true); update storage.buckets set "
	     "public = "
	     "false where id = 'a'",
	     ""},
	    {"create policy p on storage.objects for insert to public with check (bucket_id = 'a')", "open-bucket:p"},
	    {"create policy p on storage.objects for insert to authenticated with check (bucket_id = 'a')", ""},
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		TREE({DIR "1_a.sql", cases[c][0]});
		json_t *i JSON_CLEANUP = fixture_inspect(*state);
		const json_t *findings = json_object_get(i, "findings");
		const char *name = json_str(json_array_get(findings, 0), "name", "");
		bool is_one = json_array_size(findings) == (cases[c][1][0] != '\0' ? 1 : 0);
		if (!is_one || strcmp(name, cases[c][1]) != 0)
			fail_msg("%s: %zu findings, \"%s\"", cases[c][0], json_array_size(findings), name);
	}
}

static void test_places(void **state)
{
	TREE({DIR "1_a.sql",
	      "-- first\n\ncreate table t(a int);\n" RLS "\ndo $$\nbegin\n  create policy p on t\n using "
	      "(true);\nend $$;\nselect cron.schedule('nightly', '0 0 * * *', 'select 1');"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	const json_t *f = fixture_finding(i, "open-policy:public.t:p");
	assert_int_equal(json_int(f, "line", 0), 7);
	assert_string_equal(json_str(f, "file", ""), DIR "1_a.sql");
	const json_t *cron = fixture_named(json_object_get(json_object_get(i, "calls"), "cron"), "nightly");
	assert_int_equal(json_int(cron, "line", 0), 10);
}

static void test_uncertain_row_security(void **state)
{
	TREE({DIR "1_a.sql",
	      "create table t(a int); do $$ begin execute format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', "
	      "'t'); end $$"});
	json_t *i JSON_CLEANUP = fixture_inspect(*state);
	assert_int_equal(fixture_count(i, "stop"), 0);
	assert_int_equal(fixture_count(i, "warn"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_split_of_newer_sql),
	    cmocka_unit_test(test_plan),
	    cmocka_unit_test(test_scripts),
	    cmocka_unit_test(test_boundaries),
	    cmocka_unit_test(test_enum_values),
	    cmocka_unit_test(test_duplicate_versions),
	    cmocka_unit_test(test_row_security),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_uncertain_row_security),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
