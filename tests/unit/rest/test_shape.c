/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rest/shape.h"

static struct catalogue_pair to_author = {{"author_id", 9}, {"id", 2}};
static struct catalogue_column columns[] = {
    {.name = STR("id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("author_id"), .type = STR("integer"), .base_type = STR("integer")},
    {.name = STR("title"), .type = STR("text"), .base_type = STR("text")},
};
static struct catalogue_rel to_authors[] = {{.cardinality = REL_M2O,
					     .table = {STR("api"), STR("book")},
					     .foreign = {STR("api"), STR("author")},
					     .pair_count = 1,
					     .constraint = STR("book_author_id_fkey"),
					     .pairs = &to_author}};
static struct str key[] = {STR("id")};
static struct catalogue_table tables[] = {
    {.name = {STR("api"), STR("author")}, .columns = columns, .column_count = 3, .key = key, .key_count = 1},
    {.name = {STR("api"), STR("book")},
     .columns = columns,
     .column_count = 3,
     .key = key,
     .key_count = 1,
     .rels = to_authors,
     .rel_count = 1},
};
static struct str exposed[] = {STR("api")};
static struct catalogue c = {
    .tables = tables, .table_count = 2, .schemas = exposed, .schema_count = 1, .references = 1};
static const char *const schemas[] = {"api"};
static const struct rest_settings settings = {.schemas = schemas, .schema_count = 1};
static struct shapes *shapes;
static struct arena *arena;

static int start(void **state)
{
	(void)state;
	shapes = shapes_new();
	arena = arena_new(8 << 20);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	shapes_free(shapes);
	assert_int_equal(c.references, 1);
	return 0;
}

static struct rest_request ask_for(const char *path, const char *query, const struct rest_header *headers, int count)
{
	static const struct rest_sink sink = {0};
	return (struct rest_request){.method = STR("GET"),
				     .path = str_from(path),
				     .query = str_from(query),
				     .headers = headers,
				     .header_count = count,
				     .role = STR("anon"),
				     .claims = STR("{}"),
				     .sink = &sink,
				     .arena = arena};
}

static bool recalls(const char *query)
{
	struct rest_request r = ask_for("/book", query, NULL, 0);
	struct recalled recalled;
	return shapes_recall(shapes, &settings, &c, &r, &recalled);
}

static void assert_same(const struct pg_statement *x, const struct pg_statement *y)
{
	assert_string_equal(x->sql, y->sql);
	assert_int_equal(x->param_count, y->param_count);
	for (int i = 0; i < x->param_count; i++) assert_string_equal(x->params[i], y->params[i]);
}

/* What is recalled for the last of the queries, which are of one shape, is what reading it would have given. */
static void assert_recalled(const char *const *queries, int count, const struct rest_header *headers, int header_count)
{
	struct recalled recalled;
	struct problem problem;
	struct ask *ask = arena_alloc(arena, sizeof *ask);
	struct plan plan;
	struct sql_batch whole, ready;
	struct rest_request r;
	assert_non_null(ask);
	for (int i = 0; i < count; i++) {
		r = ask_for("/book", queries[i], headers, header_count);
		assert_int_equal(shapes_recall(shapes, &settings, &c, &r, &recalled), i > 0);
	}
	assert_true(ask_read(arena, &settings, &c, &r, ask, &problem));
	assert_true(plan_make(arena, &settings, &c, ask, &plan, &problem));
	plan.form = FORM_BOUNDED;
	assert_true(sql_make(arena, &settings, &r, &plan, NULL, &whole, &problem));
	assert_true(sql_make(arena, &settings, &r, &recalled.plan, &recalled.main, &ready, &problem));
	assert_int_equal(whole.count, ready.count);
	assert_int_equal(whole.main, ready.main);
	for (int i = 0; i < whole.count; i++) assert_same(&whole.statements[i], &ready.statements[i]);
	assert_int_equal(plan.canonical.len, recalled.plan.canonical.len);
	assert_memory_equal(plan.canonical.ptr, recalled.plan.canonical.ptr, plan.canonical.len);
}

static void test_values_are_put_in(void **state)
{
	(void)state;
	static const char *const lists[][3] = {
	    {"select=id,title&order=id&limit=3", "select=id,title&order=id&limit=3",
	     "select=id,title&order=id&limit=3"},
	    {"id=eq.1", "id=eq.2", "id=eq."},
	    {"title=eq.a&id=gte.1", "title=eq.z%20+%22'&id=gte.7", "title=eq.%C3%A9%26b~freehold.value.0~&id=gte.-5"},
	    {"id=gt.1&id=lt.9&id=neq.4", "id=gt.2&id=lt.8&id=neq.3", "id=gt.7&id=lt.99&id=neq.in.(1,2)"},
	    {"select=id,author(title)&author.title=eq.x", "select=id,author(title)&author.title=eq.y",
	     "select=id,author(title)&author.title=eq.not.null"},
	    {"id=lte.3&or=(id.eq.1,id.eq.2)", "id=lte.4&or=(id.eq.1,id.eq.2)", "id=lte.5&or=(id.eq.1,id.eq.2)"},
	    {"id=eq.1;title=eq.2", "id=eq.2;title=eq.1", "id=eq.%00x;title=eq.b%"},
	};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) assert_recalled(lists[i], 3, NULL, 0);
	static const struct rest_header exact[] = {{STR("prefer"), STR("count=exact")}};
	assert_recalled(lists[1], 3, exact, 1);
}

static void test_what_is_no_value_makes_another_shape(void **state)
{
	(void)state;
	static const char *const others[] = {"id=eq.1",      "id=gt.1",  "title=eq.1",      "id=not.eq.1",
					     "id=in.(1)",    "limit=1",  "id=eq.1&limit=1", "id=eq(any).{1}",
					     "title=like.a", "offset=1", "id=is.null",      "select=id&id=eq.1"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_false(recalls(others[i]));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_true(recalls(others[i]));
}

static void test_values_that_are_no_text(void **state)
{
	(void)state;
	assert_false(recalls("title=eq.a"));
	assert_true(recalls("title=eq.b"));
	assert_false(recalls("title=eq.%A6b"));
	assert_false(recalls("title=eq.b%C3"));
	assert_true(recalls("title=eq.%C3%A6"));
}

static void test_headers_that_count(void **state)
{
	(void)state;
	static const struct rest_header one[] = {{STR("accept"), STR("text/csv")}},
					other[] = {{STR("x"), STR("text/csv")}};
	struct rest_request with = ask_for("/book", "id=eq.1", one, 1), without = ask_for("/book", "id=eq.1", other, 1);
	struct recalled recalled;
	assert_false(shapes_recall(shapes, &settings, &c, &without, &recalled));
	assert_true(shapes_recall(shapes, &settings, &c, &without, &recalled));
	assert_false(shapes_recall(shapes, &settings, &c, &with, &recalled));
	assert_true(shapes_recall(shapes, &settings, &c, &with, &recalled));
	assert_int_equal(recalled.plan.handler, HANDLER_CSV);
	assert_true(recalls("id=eq.1"));
}

static void test_what_is_not_kept(void **state)
{
	(void)state;
	static const char *const queries[] = {"id=maybe.1", "select=nothing(id)", "select=id,,",
					      "title=like.~freehold.value.0~&id=eq.1"};
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		for (int k = 0; k < 3; k++) assert_false(recalls(queries[i]));
	char longer[4096];
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	memcpy(longer, "order=", 6);
	for (int k = 0; k < 3; k++) assert_false(recalls(longer));
	assert_int_equal(shapes_count(shapes), 0);
	struct recalled recalled;
	struct rest_request r = ask_for("/book", "", NULL, 0);
	r.method = STR("POST");
	for (int k = 0; k < 3; k++) assert_false(shapes_recall(shapes, &settings, &c, &r, &recalled));
	r = ask_for("/book", "id=eq.1", NULL, 0);
	static const struct rest_header planned[] = {{STR("Prefer"), STR("count=planned")}};
	r.headers = planned;
	r.header_count = 1;
	for (int k = 0; k < 3; k++) assert_false(shapes_recall(shapes, &settings, &c, &r, &recalled));
}

static void test_another_catalogue_forgets(void **state)
{
	(void)state;
	struct catalogue other = c;
	struct recalled recalled;
	struct rest_request r = ask_for("/book", "id=eq.1", NULL, 0);
	other.references = 1;
	assert_false(recalls("id=eq.1"));
	assert_true(recalls("id=eq.1"));
	assert_int_equal(shapes_count(shapes), 1);
	assert_true(shapes_recall(shapes, &settings, &other, &r, &recalled)); /* it came before */
	assert_ptr_equal(recalled.plan.catalogue, &other);
	assert_int_equal(shapes_count(shapes), 1);
	assert_true(recalls("id=eq.1"));
	assert_int_equal(other.references, 1);
}

/* The least used go; what is in use then stays whole until its request ends. */
static void test_no_more_than_so_many(void **state)
{
	(void)state;
	struct recalled recalled;
	struct rest_request r = ask_for("/book", "id=eq.1", NULL, 0);
	(void)shapes_recall(shapes, &settings, &c, &r, &recalled);
	assert_true(shapes_recall(shapes, &settings, &c, &r, &recalled));
	char *text = arena_strdup(arena, recalled.main.sql);
	for (int i = 1; i <= 2000; i++) {
		char query[32];
		(void)snprintf(query, sizeof query, "limit=%d", i);
		(void)recalls(query);
		assert_true(recalls(query));
	}
	assert_true(shapes_count(shapes) <= SHAPES_MAX);
	assert_string_equal(recalled.main.sql, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_values_are_put_in, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_no_value_makes_another_shape, start, stop),
	    cmocka_unit_test_setup_teardown(test_values_that_are_no_text, start, stop),
	    cmocka_unit_test_setup_teardown(test_headers_that_count, start, stop),
	    cmocka_unit_test_setup_teardown(test_what_is_not_kept, start, stop),
	    cmocka_unit_test_setup_teardown(test_another_catalogue_forgets, start, stop),
	    cmocka_unit_test_setup_teardown(test_no_more_than_so_many, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
