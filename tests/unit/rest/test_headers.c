/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rest/media.h"
#include "rest/prefer.h"

static bool is_berlin(void *arg, struct str name)
{
	(void)arg;
	return str_eq(name, STR("Europe/Berlin"));
}

static void test_preferences(void **state)
{
	(void)state;
	struct rest_header headers[] = {
	    {STR("prefer"), STR("return=representation, return=minimal ,count=exact,what=ever")},
	    {STR("Prefer"),
	     STR("timezone=Europe/Berlin,timezone=Mars/Base,max-affected=3,handling=strict,tx=rollback")}};
	struct prefer p;
	prefer_parse(headers, 2, false, is_berlin, NULL, &p);
	assert_int_equal(p.representation, RETURN_FULL);
	assert_int_equal(p.tx, TX_NONE);
	assert_int_equal(p.invalid_count, 1); /* of time zones only the first is looked at */
	assert_true(p.has_max_affected && p.max_affected == 3);
	BUF_CLEANUP struct buf b;
	buf_init(&b, 1000);
	prefer_applied(&p, &b);
	assert_string_equal(buf_cstr(&b),
			    "return=representation, count=exact, handling=strict, timezone=Europe/Berlin, "
			    "max-affected=3");
}

static void test_media_types(void **state)
{
	(void)state;
	struct arena *a = arena_new(10000);
	struct media m[MEDIA_ACCEPT_MAX];
	assert_int_equal(
	    media_accept(a, STR("text/csv;q=0.5, application/vnd.pgrst.object+json;nulls=stripped, */*;q=0.1"), m), 3);
	assert_int_equal(m[0].kind, MEDIA_OBJECT_STRIPPED);
	assert_int_equal(m[1].kind, MEDIA_CSV);
	assert_int_equal(m[2].kind, MEDIA_ANY);
	assert_int_equal(media_parse(a, STR("Application/JSON; charset=x")).kind, MEDIA_JSON);
	assert_string_equal(media_content_type(a, media_parse(a, STR("text/csv"))), "text/csv; charset=utf-8");
	assert_string_equal(media_content_type(a, media_parse(a, STR("image/png"))), "image/png");
	struct media plan =
	    media_parse(a, STR("application/vnd.pgrst.plan+JSON; for=\"text/csv\"; options=buffers|analyze|what; x=y"));
	assert_true(plan.kind == MEDIA_PLAN && plan.plan_is_json && plan.plan_for == MEDIA_CSV);
	assert_string_equal(media_content_type(a, plan), "application/vnd.pgrst.plan+json; for=\"text/csv\"; "
							 "options=analyze|buffers; charset=utf-8");
	assert_int_equal(media_parse(a, STR("application/vnd.pgrst.array+json; nulls=stripped")).kind,
			 MEDIA_ARRAY_STRIPPED);
	assert_int_equal(media_parse(a, STR("application/vnd.pgrst.array")).kind, MEDIA_JSON);
	assert_int_equal(media_parse(a, STR("nonsense")).kind, MEDIA_OTHER);
	assert_int_equal(media_accept(a, (struct str){0}, m), 1);
	assert_int_equal(media_accept(a, STR(""), m), 1);
	assert_int_equal(media_accept(a, STR("a/b,"), m), 2);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_preferences),
	    cmocka_unit_test(test_media_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
