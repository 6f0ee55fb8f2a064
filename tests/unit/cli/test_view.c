/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/view.h"
#include "codec/json.h"

static struct buf out;

static struct view view_of(void)
{
	buf_clear(&out);
	return (struct view){.now_ms = 3600000, .out = &out};
}

static json_t *parse(const char *text)
{
	json_t *value = NULL;
	struct err err;
	if (!json_parse(str_from(text), &value, &err)) fail_msg("%s", err.msg);
	return value;
}

static void test_apps(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *none JSON_CLEANUP = parse("{\"apps\":[]}");
	view_apps(&v, none);
	assert_string_equal(buf_cstr(&out), "No apps yet. Deploy one: freehold deploy PATH\n");
	v = view_of();
	json_t *apps JSON_CLEANUP = parse(
	    "{\"apps\":[{\"name\":\"shop\",\"state\":\"running\",\"live\":7,\"url\":\"http://shop.localhost:8080\","
	    "\"created_at\":\"1970-01-01T00:30:00.000Z\",\"shape\":\"static\"},{\"name\":\"b\",\"state\":\"new\","
	    "\"live\":null}]}");
	view_apps(&v, apps);
	assert_string_equal(buf_cstr(&out),
			    "APP   STATE    RELEASE  ADDRESS                     CREATED     WHAT IT IS\n"
			    "shop  running        7  http://shop.localhost:8080  30 min ago  static\n"
			    "b     new         none                                          \n");
}

static void test_status(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *status JSON_CLEANUP = parse("{\"version\":\"0.1\",\"home\":\"/h\",\"address\":\"http://"
					    "127.0.0.1:8080\",\"edge\":{\"name\":\"edge\",\"state\":\"running\","
					    "\"restarts\":0,\"since\":\"1970-01-01T00:00:00Z\"},\"warnings\":["
					    "\"backups lie on\\u001b[31m the same disk\"],\"apps\":[{\"name\":"
					    "\"shop\",\"state\":\"running\",\"live\":7,\"url\":\"http://"
					    "x\",\"database_bytes\":31000000,\"processes\":[{\"name\":\"backend\","
					    "\"state\":\"waiting\",\"restarts\":2,\"reason\":\"ended by signal "
					    "9\",\"since\":\"1970-01-01T00:59:00Z\"}],\"deployment\":"
					    "{\"number\":8,\"state\":\"failed\"}}]}");
	view_status(&v, status);
	assert_string_equal(buf_cstr(&out), "Freehold 0.1 at http://127.0.0.1:8080, home /h\n"
					    "  edge  running  for 1 h    \n"
					    "  ! backups lie on the same disk\n"
					    "\nshop  running, release 7 is live, database 31 MB\n  http://x\n"
					    "  backend  waiting  for 1 min  2 restarts  ended by signal 9\n"
					    "  ! deployment 8 failed: freehold deployments shop 8 says why\n");
}

static void test_what_does_not_run_says_what_is_next(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *failing JSON_CLEANUP = parse(
			    "{\"name\":\"shop\",\"state\":\"running\",\"live\":7,\"has_database\":true,\"processes\":["
			    "{\"name\":\"backend\",\"state\":\"running\"},{\"name\":\"server\",\"state\":\"failing\"},"
			    "{\"name\":\"functions\",\"state\":\"failing\"}]}"),
			*stopped JSON_CLEANUP =
			    parse("{\"name\":\"shop\",\"state\":\"stopped\",\"live\":7,\"has_database\":true}"),
			*first JSON_CLEANUP =
			    parse("{\"name\":\"shop\",\"state\":\"new\",\"live\":null,\"has_database\":"
				  "false,\"backup\":{\"last_at\":null},\"deployment\":{\"number\":1,"
				  "\"state\":\"running\",\"step\":\"build\"}}");
	view_app(&v, failing);
	assert_non_null(
	    strstr(buf_cstr(&out), "x server does not stay up: freehold logs shop --source server -n 50 says why\n"));
	assert_non_null(
	    strstr(buf_cstr(&out), "x functions does not stay up: freehold logs shop --functions -n 50 says why\n"));
	assert_null(strstr(buf_cstr(&out), "backend does not"));
	v = view_of();
	view_app(&v, stopped);
	assert_non_null(strstr(buf_cstr(&out), "  visitors get 503 meanwhile; freehold start shop\n"));
	v = view_of();
	view_app(&v, first);
	assert_string_equal(buf_cstr(&out),
			    "shop  new, nothing is live\n  ! being deployed now: deployment 1, step build\n");
}

static void test_an_empty_app_is_no_alarm(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *app JSON_CLEANUP = parse(
	    "{\"name\":\"shpo\",\"state\":\"new\",\"live\":null,\"has_database\":false,\"backup\":{\"last_at\":null},"
	    "\"processes\":[{\"name\":\"postgres\",\"state\":\"stopped\"}]}");
	view_app(&v, app);
	assert_string_equal(buf_cstr(&out),
			    "shpo  new, nothing is live\n"
			    "  freehold deploy PATH --app shpo makes it; freehold destroy shpo takes it away, "
			    "if nobody wants it\n");
}

static void test_releases(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *answer JSON_CLEANUP = parse("{\"releases\":[{\"number\":12,\"is_live\":true,\"bytes\":1200000,"
					    "\"commit\":\"0123456789abcdef\",\"from\":\"/shop\","
					    "\"promoted_at\":\"1970-01-01T00:59:55Z\",\"can_go_back\":true},{"
					    "\"number\":9,\"is_live\":false,\"bytes\":900,"
					    "\"can_go_back\":false,\"why_not\":\"its files were removed\"}]}");
	view_releases(&v, "shop", answer);
	assert_string_equal(buf_cstr(&out),
			    "RELEASE  PUT LIVE       SIZE  COMMIT    FROM   \n"
			    "     12  just now     1.2 MB  01234567  /shop  live now\n"
			    "      9  never     900 bytes                   no way back: its files were removed\n"
			    "\nGo back to the one before with freehold rollback shop, or to any with freehold rollback "
			    "shop RELEASE.\n");
}

static void test_rollback(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *answer JSON_CLEANUP =
	    parse("{\"from\":7,\"to\":6,\"switch_ms\":3.1,\"first_served_ms\":8.0,\"notes\":[\"n\"]}");
	view_rollback(&v, "shop", answer);
	assert_string_equal(
	    buf_cstr(&out),
	    "shop is back at release 6 (was 7), served to a visitor after 8 ms. The database stays as it "
	    "is.\n  ! n\nForward again: freehold rollback shop 7\n");
}

static void test_rollback_forward_stopped_and_with_data(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *forward JSON_CLEANUP = parse("{\"from\":6,\"to\":7,\"first_served_ms\":8.0,\"notes\":[]}"),
			*stopped JSON_CLEANUP = parse("{\"from\":7,\"to\":6,\"first_served_ms\":null,\"notes\":[]}"),
			*data JSON_CLEANUP =
			    parse("{\"from\":7,\"to\":6,\"first_served_ms\":8.0,\"notes\":[],\"data\":true}");
	view_rollback(&v, "shop", forward);
	view_rollback(&v, "shop", stopped);
	view_rollback(&v, "shop", data);
	assert_string_equal(
	    buf_cstr(&out),
	    "shop is again at release 7 (was 6), served to a visitor after 8 ms. The database stays as it is.\n"
	    "Back again: freehold rollback shop 6\n"
	    "shop is back at release 6 (was 7). The database stays as it is.\n"
	    "It is stopped; visitors get that release from its next start on: freehold start shop\n"
	    "Forward again: freehold rollback shop 7\n"
	    "shop is back at release 6 (was 7), served to a visitor after 8 ms, with its data.\n"
	    "Forward again: freehold rollback shop 7\n"
	    "The data as they were: freehold db shop restore --undo\n");
}

static void test_doctor(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *answer JSON_CLEANUP =
	    parse("{\"checks\":[{\"name\":\"a\",\"state\":\"ok\",\"what\":\"fine\"},{\"name\":\"b\",\"state\":\"bad\","
		  "\"what\":\"no disk\",\"next\":\"buy one\"}]}");
	view_doctor(&v, answer);
	assert_string_equal(
	    buf_cstr(&out),
	    "  + a: fine\n  x b: no disk\n    To do: buy one\n\n1 of these must be mended before apps can "
	    "run well.\n");
}

static void test_env_hides_values(void **state)
{
	(void)state;
	struct view v = view_of();
	json_t *answer JSON_CLEANUP =
	    parse("{\"env\":[{\"name\":\"KEY\",\"value\":\"s3cret\",\"set_at\":\"1970-01-01T00:59:55Z\"}]}");
	view_env(&v, "shop", answer, false);
	assert_null(strstr(buf_cstr(&out), "s3cret"));
	v = view_of();
	view_env(&v, "shop", answer, true);
	assert_non_null(strstr(buf_cstr(&out), "s3cret"));
}

static void test_answers_of_another_shape_are_survived(void **state)
{
	(void)state;
	static const char *const answers[] = {
	    "{}", "[]", "null",
	    ("{\"apps\":{},\"edge\":[],\"warnings\":[1],\"releases\":[null],\"deployments\":[3],"
	     "\"checks\":[\"x\"],\"env\":[[]],\"steps\":[0],\"error\":5,\"notes\":[{}]}")};
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		struct view v = view_of();
		json_t *answer JSON_CLEANUP = parse(answers[i]);
		view_apps(&v, answer);
		view_status(&v, answer);
		view_releases(&v, "a", answer);
		view_rollback(&v, "a", answer);
		view_deployments(&v, "a", answer);
		view_deployment(&v, answer);
		view_doctor(&v, answer);
		view_env(&v, "a", answer, true);
	}
}

static int set_up(void **state)
{
	(void)state;
	buf_init(&out, VIEW_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_done(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_apps),
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_an_empty_app_is_no_alarm),
	    cmocka_unit_test(test_releases),
	    cmocka_unit_test(test_what_does_not_run_says_what_is_next),
	    cmocka_unit_test(test_rollback),
	    cmocka_unit_test(test_rollback_forward_stopped_and_with_data),
	    cmocka_unit_test(test_doctor),
	    cmocka_unit_test(test_env_hides_values),
	    cmocka_unit_test(test_answers_of_another_shape_are_survived),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
