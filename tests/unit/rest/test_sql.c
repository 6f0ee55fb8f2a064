/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rest/sql.h"

/* A catalogue made by hand: api.book (id, author_id, title, data jsonb) refers to api.author. */
static struct catalogue_pair to_author = {{"author_id", 9}, {"id", 2}}, to_book = {{"id", 2}, {"author_id", 9}};
static struct catalogue_column book_columns[] = {
    {.name = STR("id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("author_id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("title"), .type = STR("text"), .base_type = STR("text")},
    {.name = STR("data"), .type = STR("jsonb"), .base_type = STR("jsonb")},
};
static struct catalogue_rel author_rels[1], book_rels[1];
static struct str key[] = {STR("id")};
static struct catalogue_table tables[2];
static struct str exposed[] = {STR("api")};
static struct catalogue c = {.tables = tables, .table_count = 2, .schemas = exposed, .schema_count = 1};
static const char *const schemas[] = {"api"};
static struct rest_settings settings = {.schemas = schemas, .schema_count = 1};
static struct arena *arena;
static struct problem problem;
static struct sql_batch batch;

static int start(void **state)
{
	(void)state;
	struct catalogue_name author = {STR("api"), STR("author")}, book = {STR("api"), STR("book")};
	author_rels[0] = (struct catalogue_rel){.cardinality = REL_O2M,
						.table = author,
						.foreign = book,
						.pair_count = 1,
						.constraint = STR("book_author_id_fkey"),
						.pairs = &to_book};
	book_rels[0] = (struct catalogue_rel){.cardinality = REL_M2O,
					      .table = book,
					      .foreign = author,
					      .pair_count = 1,
					      .constraint = STR("book_author_id_fkey"),
					      .pairs = &to_author};
	tables[0] = (struct catalogue_table){.name = author,
					     .columns = book_columns,
					     .column_count = 1,
					     .key = key,
					     .key_count = 1,
					     .rels = author_rels,
					     .rel_count = 1};
	tables[1] = (struct catalogue_table){.name = book,
					     .columns = book_columns,
					     .column_count = 4,
					     .key = key,
					     .key_count = 1,
					     .rels = book_rels,
					     .rel_count = 1};
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static bool make(const char *method, const char *path, const char *query, const char *body)
{
	static struct ask ask;
	static struct plan plan;
	arena_free(arena);
	arena = arena_new(1 << 20);
	struct rest_request r = {.method = str_from(method),
				 .path = str_from(path),
				 .query = str_from(query),
				 .body = str_from(body),
				 .role = STR("anon"),
				 .claims = STR("{}"),
				 .arena = arena};
	return ask_read(arena, &settings, &c, &r, &ask, &problem) &&
	       plan_make(arena, &settings, &c, &ask, &plan, &problem) &&
	       sql_make(arena, &settings, &r, &plan, NULL, &batch, &problem);
}

static const char *text(void)
{
	return batch.statements[batch.main].sql;
}

static void test_values_are_parameters(void **state)
{
	(void)state;
	assert_true(make("GET", "/book", "title=eq.x'%22$1--&id=in.(1,2)&data->>k=eq.v&limit=3&offset=4", ""));
	assert_null(strstr(text(), "--"));
	assert_non_null(strstr(text(), "\"api\".\"book\".\"title\" = $"));
	const struct pg_statement *s = &batch.statements[batch.main];
	bool is_there = false;
	for (int i = 0; i < s->param_count; i++) is_there = is_there || strcmp(s->params[i], "x'\"$1--") == 0;
	assert_true(is_there);
	assert_int_equal(s->param_count, 5);
}

/* A usual limit is written out, so that the plan need not be made anew; an unusual one would fill the cache. */
static void test_usual_limits_are_written_out(void **state)
{
	(void)state;
	assert_true(make("GET", "/book", "limit=20", ""));
	assert_non_null(strstr(text(), " limit 20)"));
	assert_int_equal(batch.statements[batch.main].param_count, 0);
	assert_true(make("GET", "/book", "limit=1001", ""));
	assert_non_null(strstr(text(), " limit $1)"));
}

static void test_the_role_is_set_by_a_statement_of_its_own(void **state)
{
	(void)state;
	assert_true(make("GET", "/book", "", ""));
	assert_int_equal(batch.main, 1);
	assert_non_null(strstr(batch.statements[0].sql, "set_config('role'"));
	assert_null(strstr(text(), "set_config"));
	/* Most requests have this text from a constant; it is what would have been written. */
	static const char *const app[] = {"app.a", "b"};
	const char *usual = batch.statements[0].sql;
	settings.app_settings = app;
	settings.app_setting_count = 1;
	assert_true(make("GET", "/book", "", ""));
	settings.app_setting_count = 0;
	assert_true(strlen(batch.statements[0].sql) > strlen(usual));
	assert_memory_equal(batch.statements[0].sql, usual, strlen(usual));
	assert_int_equal(batch.statements[0].param_count, 10);
}

/* What is outside of double quotes is ours, whatever the names in a query are. */
static bool has_unquoted(const char *sql, char sign)
{
	bool is_inside = false;
	for (; *sql != '\0'; sql++) {
		if (*sql == '"')
			is_inside = !is_inside;
		else if (*sql == sign && !is_inside)
			return true;
	}
	return false;
}

static void test_names_stay_inside_their_quotes(void **state)
{
	(void)state;
	assert_true(
	    make("GET", "/author", "select=id,...book(\"A\\\", \\\"B), C\\\"\":title,\"D\\\", \":data->\"E\")", ""));
	assert_non_null(strstr(text(), "'[]')::jsonb as \"A\"\", \"\"B), C\"\"\""));
	for (const char *at = "ABCDE"; *at != '\0'; at++) assert_false(has_unquoted(text(), *at));
}

static void test_embeds(void **state)
{
	(void)state;
	assert_true(make("GET", "/book", "select=id,author!inner(id)&author.id=eq.1", ""));
	assert_non_null(
	    strstr(text(), "inner join lateral (select \"author_1\".\"id\" from \"api\".\"author\" as \"author_1\""));
	assert_non_null(strstr(text(), "\"author_1\".\"id\" = \"api\".\"book\".\"author_id\""));
	assert_true(make("GET", "/author", "select=*,books:book(title)", ""));
	assert_non_null(strstr(text(), "json_agg(\"author_books_1\")::jsonb"));
	assert_false(make("GET", "/book", "select=id,publisher(*)", ""));
	assert_string_equal(problem.code, "PGRST200");
	assert_false(make("GET", "/book", "select=id&author.id=eq.1", ""));
	assert_string_equal(problem.code, "PGRST108");
}

static void test_names_that_are_not_there(void **state)
{
	(void)state;
	assert_false(make("GET", "/books", "", ""));
	assert_string_equal(problem.code, "PGRST205");
	assert_string_equal(problem.hint, "Perhaps you meant the table 'api.book'");
	assert_false(make("GET", "/bo\xC3\xA9ok", "", "")); /* one letter, of two bytes */
	assert_string_equal(problem.hint, "Perhaps you meant the table 'api.book'");
	assert_false(make("POST", "/book", "", "{\"titel\":1}"));
	assert_string_equal(problem.code, "PGRST204");
	assert_false(make("POST", "/rpc/nothing", "", ""));
	assert_string_equal(problem.code, "PGRST202");
	assert_false(make("GET", "/a/b", "", ""));
	assert_string_equal(problem.code, "PGRST125");
}

static void test_writes(void **state)
{
	(void)state;
	assert_true(make("POST", "/book", "", "[{\"id\":1,\"title\":\"x\"}]"));
	assert_non_null(strstr(text(), "insert into \"api\".\"book\"(\"id\", \"title\")"));
	assert_non_null(strstr(text(), "json_to_recordset($1::json) as _(\"id\" integer, \"title\" text)"));
	assert_true(make("PATCH", "/book", "id=eq.1", "{\"title\":\"x\"}"));
	assert_non_null(strstr(text(), "update \"api\".\"book\" set \"title\" = \"pgrst_body\".\"title\""));
	assert_non_null(strstr(text(), "where \"api\".\"book\".\"id\" = $2"));
	assert_true(make("PUT", "/book", "id=eq.1", "{\"id\":1}"));
	assert_true(batch.guard > 0);
	assert_false(make("PUT", "/book", "title=eq.1", "{\"id\":1}"));
	assert_string_equal(problem.code, "PGRST105");
}

static void test_identifiers_are_quoted(void **state)
{
	(void)state;
	assert_true(make("GET", "/book", "select=%22a%5C%22b%22", ""));
	assert_non_null(strstr(text(), "\"a\"\"b\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values_are_parameters),
	    cmocka_unit_test(test_usual_limits_are_written_out),
	    cmocka_unit_test(test_the_role_is_set_by_a_statement_of_its_own),
	    cmocka_unit_test(test_names_stay_inside_their_quotes),
	    cmocka_unit_test(test_embeds),
	    cmocka_unit_test(test_names_that_are_not_there),
	    cmocka_unit_test(test_writes),
	    cmocka_unit_test(test_identifiers_are_quoted),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
