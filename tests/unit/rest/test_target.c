/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rest/target.h"

static struct arena *arena;
static struct target t;
static struct parse_error e;

static bool parse(const char *query)
{
	arena_free(arena);
	arena = arena_new(1 << 20);
	return target_parse(arena, str_from(query), false, &t, &e);
}

static void check_text(struct str s, const char *expected)
{
	assert_int_equal(s.len, strlen(expected));
	assert_memory_equal(s.ptr, expected, s.len);
}

static void test_select(void **state)
{
	(void)state;
	assert_true(
	    parse("select=id,total:data->a->>0::int,who:author!fk!inner(name,*),...cover(*),price.sum()::text"));
	const struct select_item *i = t.select;
	check_text(i->field.name, "id");
	i = i->next;
	check_text(i->alias, "total");
	check_text(i->cast, "int");
	assert_int_equal(i->field.path_count, 2);
	assert_true(i->field.path[1].is_text && i->field.path[1].is_index);
	i = i->next;
	assert_int_equal(i->kind, SELECT_RELATION);
	check_text(i->alias, "who");
	check_text(i->hint, "fk");
	assert_int_equal(i->join, JOIN_INNER);
	check_text(i->children->next->field.name, "*");
	i = i->next;
	assert_int_equal(i->kind, SELECT_SPREAD);
	i = i->next;
	assert_int_equal(i->aggregate, AGG_SUM);
	check_text(i->aggregate_cast, "text");
	assert_null(i->next);
	assert_true(parse("select="));
	assert_null(t.select);
	assert_true(parse(""));
	check_text(t.select->field.name, "*");
}

static void test_filters(void **state)
{
	(void)state;
	assert_true(parse("id=not.in.(1,%22a,b%22,)&a.b.name=like(any).%7Bx*%7D&data->>k=is.NULL&t=fts(english).cat"));
	assert_int_equal(t.filter_count, 4);
	const struct filter *in = &t.filters[0].filter;
	assert_true(in->is_negated && in->op == OP_IN && in->value_count == 3);
	check_text(in->values[1], "a,b");
	check_text(in->values[2], "");
	assert_int_equal(t.filters[1].path.count, 2);
	assert_int_equal(t.filters[1].filter.quantifier, QUANT_ANY);
	check_text(t.filters[1].filter.value, "{x*}");
	assert_int_equal(t.filters[2].filter.is, IS_NULL);
	assert_int_equal(t.filters[2].filter.field.path_count, 1);
	check_text(t.filters[3].filter.language, "english");
}

static void test_trees(void **state)
{
	(void)state;
	assert_true(parse("or=(a.eq.1,and(b.not.gt.2,c.in.(x,y)))&child.not.and=(d.eq.{1,2},e.is.null)"));
	const struct logic *l = t.logics[0].logic;
	assert_true(l->is_or && l->children->is_leaf && !l->children->next->is_leaf);
	assert_int_equal(l->children->next->children->next->filter.value_count, 2);
	assert_true(t.logics[1].logic->is_negated);
	assert_int_equal(t.logics[1].path.count, 1);
	check_text(t.logics[1].logic->children->filter.value, "{1,2}");
	assert_false(parse("or=(a.eq.1"));
	assert_false(parse("or=()"));
}

static void test_order_and_ranges(void **state)
{
	(void)state;
	assert_true(parse("order=a.desc.nullslast,b->c,rel(name).asc&limit=5&offset=10&kids.limit=2"));
	assert_int_equal(t.orders[0].term_count, 3);
	assert_int_equal(t.orders[0].terms[0].nulls, NULLS_LAST);
	check_text(t.orders[0].terms[2].relation, "rel");
	assert_int_equal(t.top.range.lower, 10);
	assert_int_equal(t.top.range.upper, 14);
	assert_int_equal(t.ranges[0].range.upper, 1);
	assert_true(parse("limit=0"));
	assert_true(t.top.is_zero);
	assert_true(parse("limit=0&offset=5"));
	assert_true(!t.top.is_zero && range_is_empty(t.top.range));
	assert_true(parse("kids.offset=1&kids.offset=3&kids.limit=x"));
	assert_int_equal(t.range_count, 1);
	assert_true(t.ranges[0].range.lower == 3 && t.ranges[0].range.upper == 2);
	assert_true(parse("-bad.limit=1"));
	assert_non_null(t.range_error.message);
	assert_false(parse("order=a.down"));
}

/* As PostgREST 14.17's own parser words them. */
static void test_messages_name_the_furthest_place(void **state)
{
	static const struct {
		bool is_call;
		const char *query, *message, *details;
	} rows[] = {
	    {false, "id=0", "\"failed to parse filter (0)\" (line 1, column 1)",
	     "unexpected \"0\" expecting \"not\" or operator (eq, gt, ...)"},
	    {false, "select=data->>--34", "\"failed to parse select parameter (data->>--34)\" (line 1, column 9)",
	     "unexpected \"-\" expecting digit"},
	    {false, "price=cd", "\"failed to parse filter (cd)\" (line 1, column 3)",
	     "unexpected end of input expecting operator (eq, gt, ...)"},
	    {false, "price=in.(a", "\"failed to parse filter (in.(a)\" (line 1, column 6)",
	     "unexpected end of input expecting \",\" or \")\""},
	    {false, "price=is.nuxx", "\"failed to parse filter (is.nuxx)\" (line 1, column 6)",
	     "unexpected \"x\" expecting isVal: (null, not_null, true, false, unknown)"},
	    {false, "select=author:people(name",
	     "\"failed to parse select parameter (author:people(name)\" (line 1, column 19)",
	     "unexpected end of input expecting letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or "
	     "end of input"},
	    {false, "order=price.asc.nulls", "\"failed to parse order (price.asc.nulls)\" (line 1, column 11)",
	     "unexpected end of input expecting \"nullsfirst\" or \"nullslast\""},
	    {false, "or=(a.eq.1,b.foo.2)", "\"failed to parse logic tree ((a.eq.1,b.foo.2))\" (line 1, column 13)",
	     "unexpected \"f\" expecting \"not\" or operator (eq, gt, ...)"},
	    {false, "or=(a.eq.1", "\"failed to parse logic tree ((a.eq.1)\" (line 1, column 10)",
	     "unexpected end of input expecting \",\" or \")\""},
	    {true, "price=not.foo", "\"failed to parse filter (not.foo)\" (line 1, column 5)",
	     "unexpected \"f\" expecting operator (eq, gt, ...)"},
	    {false, "\"half=eq.1", "\"failed to parse tree path (\"half)\" (line 1, column 6)",
	     "unexpected end of input expecting \"\\\\\" or \"\\\"\""},
	    {false, "on_conflict=a,", "\"failed to parse on_conflict parameter (a,)\" (line 1, column 3)",
	     "unexpected end of input expecting field name (* or [a..z0..9_$])"},
	    {false, "a.b->=eq.1", "\"failed to parse tree path (a.b->)\" (line 1, column 6)",
	     "unexpected end of input expecting \"-\", digit or any non reserved character different from: .,>()"},
	    {false, "price=é", "\"failed to parse filter (é)\" (line 1, column 1)",
	     "unexpected \"\\233\" expecting \"not\" or operator (eq, gt, ...)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		arena_free(arena);
		arena = arena_new(1 << 20);
		assert_false(target_parse(arena, str_from(rows[i].query), rows[i].is_call, &t, &e));
		assert_string_equal(e.message, rows[i].message);
		assert_string_equal(e.details, rows[i].details);
	}
}

static void test_what_follows_a_complete_value_is_passed_over(void **state)
{
	(void)state;
	assert_true(parse("a=is.nullx&b=in.(1,2)x&and=(c.eq.1)x&columns=d,e.f&select=g)h"));
	assert_int_equal(t.filters[0].filter.is, IS_NULL);
	assert_int_equal(t.filters[1].filter.value_count, 2);
	assert_int_equal(t.column_count, 2);
}

static void test_limits(void **state)
{
	(void)state;
	char deep[400] = "select=";
	for (int i = 0; i < 60; i++) strcat(deep, "a(");
	assert_false(parse(deep));
	char many[5000];
	memset(many, '&', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	assert_false(parse(many));
}

static void test_canonical_is_sorted_and_encoded(void **state)
{
	(void)state;
	assert_true(parse("b=eq.1&a=eq.x%20y+z&select"));
	check_text(t.canonical, "a=eq.x%20y%20z&b=eq.1&select=");
	assert_true(parse("a=gt.1&b=eq.\xC3\xA9&a=lt.5"));
	check_text(t.canonical, "a=gt.1,lt.5&b=eq.%C3%83%C2%A9");
}

static int stop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_trees),
	    cmocka_unit_test(test_order_and_ranges),
	    cmocka_unit_test(test_messages_name_the_furthest_place),
	    cmocka_unit_test(test_what_follows_a_complete_value_is_passed_over),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_canonical_is_sorted_and_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, stop);
}
