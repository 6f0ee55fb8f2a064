/* SPDX-License-Identifier: Apache-2.0
 *
 * Which moment can be restored from what, what is due and what may go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/retention.h"
#include "backup/snapshots.h"
#include "backup/window.h"
#include "codec/json.h"

#define DAY RETENTION_DAY_MS

static json_t *parse(const char *text)
{
	struct err err;
	json_t *value = NULL;
	assert_true(json_parse(str_from(text), &value, &err));
	return value;
}

static const char backups_text[] =
    "[{\"label\": \"a\", \"type\": \"full\", \"taken_at_ms\": 1000, \"stop_ms\": 1000, \"timeline\": 1},"
    " {\"label\": \"b\", \"type\": \"incr\", \"taken_at_ms\": 2000, \"stop_ms\": 2000, \"timeline\": 1},"
    " {\"label\": \"c\", \"type\": \"full\", \"taken_at_ms\": 5000, \"stop_ms\": 5000, \"timeline\": 2},"
    " {\"label\": \"d\", \"type\": \"incr\", \"taken_at_ms\": 8000, \"stop_ms\": 8000, \"timeline\": 1}]";

static const char *choose(const char *timelines, const char *gaps, int64_t at_ms, int64_t *ret_timeline)
{
	static char label[8];
	json_t *b JSON_CLEANUP = parse(backups_text), *t JSON_CLEANUP = parse(timelines), *g JSON_CLEANUP = parse(gaps);
	const json_t *found = window_choose(b, t, g, at_ms, 9000, ret_timeline);
	(void)snprintf(label, sizeof label, "%s", found != NULL ? json_str(found, "label", "") : "none");
	return label;
}

/* Live on 1; at 4000 restored to the state of 1500, which made 2; at 7000 that was undone, so 1 went on. */
static const char undone[] = "[{\"number\": 2, \"began_at_ms\": 4000, \"parent\": 1, \"forked_at_ms\": 1500},"
			     " {\"number\": 1, \"began_at_ms\": 7000, \"parent\": 0, \"forked_at_ms\": 0}]";

static void test_choose(void **state)
{
	(void)state;
	int64_t timeline = 0;
	assert_string_equal(choose("[]", "[]", 999, &timeline), "none");
	assert_string_equal(choose("[]", "[]", 1500, &timeline), "a");
	assert_string_equal(choose("[]", "[]", 3000, &timeline), "b");
	assert_int_equal(timeline, 1);
	assert_string_equal(choose(undone, "[]", 3999, &timeline), "b");
	assert_int_equal(timeline, 1);
	/* On 2, before its first backup: b is later than where 2 left 1, so it is of no use. */
	assert_string_equal(choose(undone, "[]", 4500, &timeline), "a");
	assert_int_equal(timeline, 2);
	assert_string_equal(choose(undone, "[]", 6000, &timeline), "c");
	/* On 1 again: c belongs to the history that was left. */
	assert_string_equal(choose(undone, "[]", 7500, &timeline), "b");
	assert_int_equal(timeline, 1);
	assert_string_equal(choose(undone, "[]", 0, &timeline), "d");
}

static void test_gaps(void **state)
{
	(void)state;
	int64_t timeline = 0;
	static const char gap[] = "[{\"since_ms\": 2500, \"until_ms\": 0}]";
	assert_string_equal(choose("[]", gap, 2400, &timeline), "b");
	assert_string_equal(choose("[]", gap, 2600, &timeline), "none");
	json_t *b JSON_CLEANUP = parse(backups_text),
		  *g JSON_CLEANUP = parse("[{\"since_ms\": 2500, \"until_ms\": 5000}]");
	json_t *ranges JSON_CLEANUP = window_ranges(b, g, 9000);
	assert_int_equal(json_array_size(ranges), 2);
	assert_int_equal(json_int(json_array_get(ranges, 0), "from_ms", 0), 1000);
	assert_int_equal(json_int(json_array_get(ranges, 0), "to_ms", 0), 2500);
	assert_int_equal(json_int(json_array_get(ranges, 1), "from_ms", 0), 5000);
	assert_int_equal(json_int(json_array_get(ranges, 1), "to_ms", 0), 9000);
}

static void add(json_t *list, const char *type, int64_t at_ms)
{
	json_array_append_new(list, json_pack("{s:s, s:I}", "type", type, "taken_at_ms", (json_int_t)at_ms));
}

static void test_due(void **state)
{
	(void)state;
	struct retention r = retention_default();
	json_t *list JSON_CLEANUP = json_array();
	int64_t three = 100 * DAY + 3 * 3600000; /* the slot of day 100 */
	assert_int_equal(retention_slot_ms(three - 1, 3), three - DAY);
	assert_int_equal(retention_slot_ms(three, 3), three);
	assert_int_equal(retention_due(&r, list, three), DUE_FULL);
	add(list, "full", three + 60000);
	assert_int_equal(retention_due(&r, list, three + DAY - 1), DUE_NOTHING);
	assert_int_equal(retention_due(&r, list, three + DAY), DUE_INCREMENTAL);
	add(list, "incr", three + DAY + 1000);
	assert_int_equal(retention_due(&r, list, three + 2 * DAY - 1), DUE_NOTHING);
	/* Missed for days: one is made up, and a full one once it is a week. */
	assert_int_equal(retention_due(&r, list, three + 5 * DAY), DUE_INCREMENTAL);
	assert_int_equal(retention_due(&r, list, three + 7 * DAY), DUE_FULL);
}

static void test_keep(void **state)
{
	(void)state;
	struct retention r = retention_default();
	json_t *list JSON_CLEANUP = json_array();
	assert_int_equal(retention_keep_full(&r, list, 0), 1);
	for (int week = 0; week < 10; week++) {
		add(list, "full", 7 * week * DAY);
		add(list, "incr", (7 * week + 1) * DAY);
	}
	/* At day 65: 63, 56, and 49, which is the first that is older than 14 days. */
	assert_int_equal(retention_keep_full(&r, list, 65 * DAY), 3);
	r.count = 5;
	assert_int_equal(retention_keep_full(&r, list, 65 * DAY), 5);
	r.days = 3650;
	assert_int_equal(retention_keep_full(&r, list, 65 * DAY), 10);
}

/* The ids that go, each one letter. */
static const char *forgotten(const struct retention *r, const char *snapshots, int64_t now_ms)
{
	static char text[32];
	json_t *list JSON_CLEANUP = parse(snapshots), *ids JSON_CLEANUP = retention_forget(r, list, now_ms);
	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(ids); i++)
		(void)snprintf(text + i, sizeof text - i, "%s", json_string_value(json_array_get(ids, i)));
	return text;
}

static void test_forget(void **state)
{
	(void)state;
	struct retention r = retention_default();
	static const char three[] = "[{\"id\": \"a\", \"at_ms\": 0}, {\"id\": \"c\", \"at_ms\": 172800000}, "
				    "{\"id\": \"b\", \"at_ms\": 86400000}]"; /* days 0, 2, 1 */
	assert_string_equal(forgotten(&r, "[]", 50 * DAY), "");
	/* What was there 14 days ago is in the newest that is as old: only what is before that one goes. */
	assert_string_equal(forgotten(&r, three, 15 * DAY - 1), "");
	assert_string_equal(forgotten(&r, three, 15 * DAY), "a");
	assert_string_equal(forgotten(&r, three, 16 * DAY - 1), "a");
	/* By its days b could go too; two stay in any case. */
	assert_string_equal(forgotten(&r, three, 400 * DAY), "a");
	r.count = 1;
	assert_string_equal(forgotten(&r, three, 400 * DAY), "ab");
	r.count = 3;
	assert_string_equal(forgotten(&r, three, 400 * DAY), "");
	/* Taken while the clock was ahead: it stays until that time has come, and keeps nothing else. */
	r.count = 2;
	assert_string_equal(forgotten(&r,
				      "[{\"id\": \"a\", \"at_ms\": 0}, {\"id\": \"b\", \"at_ms\": 86400000}, {\"id\": "
				      "\"f\", \"at_ms\": 99999999999999}]",
				      30 * DAY),
			    "a");
}

/* The ids in the order of making, each one letter. */
static void test_snapshots(void **state)
{
	(void)state;
	json_t *answer JSON_CLEANUP =
	    parse("[{\"id\": \"c\", \"time\": \"2026-03-01T00:00:00Z\", \"tags\": [\"freehold\", \"made-9\"]},"
		  " {\"id\": \"b\", \"time\": \"2031-01-01T00:00:00Z\", \"tags\": [\"freehold\"]},"
		  " {\"id\": \"x\", \"time\": \"?\", \"tags\": [\"made-99\"]},"
		  " {\"id\": \"d\", \"time\": \"2030-01-01T00:00:00Z\", \"tags\": [\"made-10\", \"made-\"]},"
		  " {\"id\": \"a\", \"time\": \"2026-01-01T00:00:00Z\"},"
		  " {\"id\": \"e\", \"time\": \"2026-03-02T00:00:00.5Z\", \"tags\": [\"made-11\", 7]}]");
	json_t *list JSON_CLEANUP = snapshots_read(answer), *none JSON_CLEANUP = json_array();
	char text[8] = "";
	for (size_t i = 0; i < json_array_size(list); i++)
		(void)snprintf(text + i, sizeof text - i, "%s", json_str(json_array_get(list, i), "id", ""));
	assert_string_equal(text, "abcde");
	assert_int_equal(snapshots_next(list), 12);
	assert_int_equal(snapshots_next(none), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_choose), cmocka_unit_test(test_gaps),   cmocka_unit_test(test_due),
	    cmocka_unit_test(test_keep),   cmocka_unit_test(test_forget), cmocka_unit_test(test_snapshots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
