/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/given.h"

#define START_MS INT64_C(1800000000000)
#define A_SECOND (1000 + GIVEN_LATE_MS)
#define LONGEST (A_SECOND + GIVEN_EARLY_MS)

static struct given given;

static int begin(void **state)
{
	(void)state;
	given_init(&given, START_MS);
	return 0;
}

static void test_only_what_was_read_waits(void **state)
{
	(void)state;
	int64_t now = START_MS + 7000;
	given_mark(&given, "open", "a/b", now + 200);
	assert_int_equal(given_wait_ms(&given, "open", "a/b", now + 400), 600 + GIVEN_LATE_MS);
	assert_int_equal(given_wait_ms(&given, "open", NULL, now + 400), 600 + GIVEN_LATE_MS);
	assert_int_equal(given_wait_ms(&given, "open", "a/c", now + 400), 0);
	assert_int_equal(given_wait_ms(&given, "shut", "a/b", now + 400), 0);
	assert_int_equal(given_wait_ms(&given, "open", "a/b", now + A_SECOND), 0);
}

/* It was told the next second's end. */
static void test_whoever_asks_early_is_waited_for_longer(void **state)
{
	(void)state;
	int64_t now = START_MS + 8000;
	assert_int_equal(given_mark(&given, "open", "a", now - GIVEN_EARLY_MS - 1), now / 1000 - 1);
	assert_int_equal(given_wait_ms(&given, "open", "a", now - 100), 100 + GIVEN_LATE_MS);
	assert_int_equal(given_mark(&given, "open", "a", now - GIVEN_EARLY_MS), now / 1000);
	assert_int_equal(given_wait_ms(&given, "open", "a", now - 100), 100 + A_SECOND);
}

/* What the process before gave is not known. */
static void test_a_beginning_waits_for_all(void **state)
{
	(void)state;
	assert_int_equal(given_wait_ms(&given, "any", "thing", START_MS), A_SECOND);
	assert_int_equal(given_wait_ms(&given, "any", NULL, START_MS + 999), 1 + GIVEN_LATE_MS);
	assert_int_equal(given_wait_ms(&given, "any", "thing", START_MS + A_SECOND), 0);
}

static void test_a_clock_that_is_put_back_is_not_waited_for(void **state)
{
	(void)state;
	given_mark(&given, "open", "a", START_MS + 3600000);
	given_mark(&given, "open", "a", START_MS + 5000);
	assert_int_equal(given_wait_ms(&given, "open", "a", START_MS + 5500), LONGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_only_what_was_read_waits, begin),
	    cmocka_unit_test_setup(test_whoever_asks_early_is_waited_for_longer, begin),
	    cmocka_unit_test_setup(test_a_beginning_waits_for_all, begin),
	    cmocka_unit_test_setup(test_a_clock_that_is_put_back_is_not_waited_for, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
