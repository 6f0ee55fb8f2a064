/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "realtime/message.h"

static struct err err;

static bool reads(enum message_version version, bool is_binary, const char *bytes, size_t len)
{
	struct message_read m;
	if (!message_read(version, is_binary, (struct str){bytes, len}, &m, &err)) return false;
	message_done(&m);
	return true;
}

static bool reads_text(enum message_version version, const char *text)
{
	return reads(version, false, text, strlen(text));
}

static void test_reads_both_versions(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "{\"topic\":\"realtime:a\",\"event\":\"phx_join\",\"payload\":{\"x\":1},\"ref\":\"7\",\"join_ref\":\"6\"}",
	    "[\"6\",\"7\",\"realtime:a\",\"phx_join\",{\"x\":1}]"};
	for (int version = 0; version < 2; version++) {
		struct message_read m;
		assert_true(message_read((enum message_version)version, false, str_from(texts[version]), &m, &err));
		assert_true(str_eq(m.message.topic, STR("realtime:a")) && str_eq(m.message.event, STR("phx_join")));
		assert_true(str_eq(m.message.ref, STR("7")) && str_eq(m.message.join_ref, STR("6")));
		assert_int_equal(json_integer_value(json_object_get(m.message.payload, "x")), 1);
		message_done(&m);
	}
	assert_true(reads_text(MESSAGE_V2, "[null,null,\"phoenix\",\"heartbeat\",{}]"));
	assert_true(reads_text(MESSAGE_V1, "{\"topic\":\"phoenix\",\"event\":\"heartbeat\"}"));
}

static void test_refuses_what_is_none(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",
					    "{",
					    "[]",
					    "[1,2,3,4]",
					    "[null,null,1,\"e\",{}]",
					    "[null,null,\"t\",\"e\",[]]",
					    "[1,null,\"t\",\"e\",{}]",
					    "\"x\"",
					    "{\"topic\":\"t\",\"event\":\"e\"}"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(reads_text(MESSAGE_V2, wrong[i]));
	assert_false(reads_text(MESSAGE_V1, "[null,null,\"t\",\"e\",{}]"));
	assert_false(reads_text(MESSAGE_V1, "{\"topic\":\"t\",\"event\":\"e\",\"payload\":3}"));
}

static void test_binary_broadcasts(void **state)
{
	(void)state;
	static const char push[] = "\x03\x01\x01\x0a\x01\x00\x01"
				   "67realtime:ae{\"x\":1}";
	struct message_read m;
	assert_true(message_read(MESSAGE_V2, true, (struct str){push, sizeof push - 1}, &m, &err));
	assert_true(str_eq(m.message.topic, STR("realtime:a")) && str_eq(m.message.user_event, STR("e")));
	assert_true(str_eq(m.message.event, STR("broadcast")) && str_eq(m.message.user_payload, STR("{\"x\":1}")));
	assert_true(m.message.is_json && m.message.payload == NULL);
	message_done(&m);
	assert_false(reads(MESSAGE_V1, true, push, sizeof push - 1));
	/* Cut anywhere it is refused: in its names, or as JSON. */
	for (size_t len = 0; len < sizeof push - 1; len++) assert_false(reads(MESSAGE_V2, true, push, len));
	struct buf b BUF_CLEANUP;
	buf_init(&b, 1000);
	assert_true(message_write_broadcast(STR("t"), STR("e"), STR("{}"), true, STR("1"), &b));
	assert_memory_equal(b.ptr, "\x04\x01\x01\x02\x01te{}1", 10);
	char long_name[256];
	memset(long_name, 'x', sizeof long_name);
	assert_false(message_write_broadcast((struct str){long_name, 256}, STR("e"), STR(""), true, STR("1"), &b));
}

static void test_writes(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	const struct str null = {NULL, 0};
	buf_init(&b, 1000);
	message_write(MESSAGE_V2, null, STR("1"), STR("a\"b"), STR("e"), STR("{}"), &b);
	assert_string_equal(buf_cstr(&b), "[null,\"1\",\"a\\\"b\",\"e\",{}]");
	buf_clear(&b);
	message_write(MESSAGE_V1, null, null, STR("t"), STR("e"), STR("{}"), &b);
	assert_string_equal(buf_cstr(&b), "{\"ref\":null,\"topic\":\"t\",\"event\":\"e\",\"payload\":{}}");
	buf_clear(&b);
	message_put_string(STR("\n\xC3\xA9\xFF\\"), &b);
	assert_string_equal(buf_cstr(&b), "\"\\u000a\xC3\xA9\xEF\xBF\xBD\\\\\"");
	buf_clear(&b);
	message_put_broadcast(STR("e"), STR("{\"id\":\"1\"}"), STR("{}"), &b);
	assert_string_equal(buf_cstr(&b),
			    "{\"type\":\"broadcast\",\"event\":\"e\",\"payload\":{},\"meta\":{\"id\":\"1\"}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads_both_versions),
					   cmocka_unit_test(test_refuses_what_is_none),
					   cmocka_unit_test(test_binary_broadcasts), cmocka_unit_test(test_writes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
