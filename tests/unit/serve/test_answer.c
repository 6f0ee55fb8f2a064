/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "serve/answer.h"
#include "serve/config.h"

static enum answer_line name_of(const char *head, char ret_name[80])
{
	struct str name = STR("");
	enum answer_line line = answer_name(str_from(head), &name);
	(void)snprintf(ret_name, 80, "%.*s", STR_FMT(name));
	return line;
}

static void expect(const char *head, const char *wanted)
{
	char name[80];
	assert_int_equal(name_of(head, name), LINE_WHOLE);
	assert_string_equal(name, wanted);
}

static void test_names(void **state)
{
	(void)state;
	expect("POST /hello HTTP/1.1\r\n", "hello");
	expect("GET /send-mail/a/b?x=/y HTTP/1.1\r\n", "send-mail");
	expect("OPTIONS /a?b", "a");
	expect("GET / HTTP/1.1", "");
}

static void test_pieces(void **state)
{
	(void)state;
	static const char head[] = "DELETE /hello/world HTTP/1.1\r\n";
	char name[80];
	for (size_t len = 0; len < sizeof "DELETE /hello" - 1; len++) {
		struct str ignored;
		assert_int_equal(answer_name((struct str){head, len}, &ignored), LINE_SHORT);
	}
	assert_int_equal(name_of("DELETE /hello/", name), LINE_WHOLE);
	assert_int_equal(name_of("DELETE /hello", name), LINE_SHORT);
}

static void test_wrong(void **state)
{
	(void)state;
	char name[80], longest[200];
	static const char *const wrong[] = {" /x ", "get /x ", "GET x ", "GET  /x", "G3T /x ", "\x16\x03\x01", "\0/"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong - 1; i++)
		assert_int_equal(name_of(wrong[i], name), LINE_WRONG);
	memset(longest, 'A', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(name_of(longest, name), LINE_WRONG);
	memcpy(longest, "GET /", 5);
	assert_int_equal(name_of(longest, name), LINE_WRONG);
}

static void test_texts(void **state)
{
	(void)state;
	char text[ANSWER_SIZE], why[3000];
	size_t len = answer_text(ANSWER_LIMIT, "it said \"no\\\" \n\xc3\xa4", text);
	assert_int_equal(len, strlen(text));
	assert_non_null(strstr(text, "HTTP/1.1 546 "));
	assert_non_null(strstr(text, "\r\nX-Relay-Error: true\r\n"));
	assert_non_null(strstr(text, "\"code\":\"WORKER_LIMIT\""));
	assert_non_null(strstr(text, "\"hint\":\"it said \\\"no\\\\\\\" \"}"));
	memset(why, '"', sizeof why - 1);
	why[sizeof why - 1] = '\0';
	for (int a = ANSWER_UNKNOWN; a <= ANSWER_LIMIT; a++) {
		len = answer_text((enum answer)a, why, text);
		assert_true(len < ANSWER_SIZE && len == strlen(text));
		const char *length = strstr(text, "Content-Length: "), *body = strstr(text, "\r\n\r\n");
		int64_t number = 0;
		struct str line = str_from(length + strlen("Content-Length: ")), first;
		assert_true(str_cut(line, '\r', &first, &line) && str_to_int(first, &number));
		assert_int_equal(number, strlen(body + 4));
		assert_true(str_has_suffix(str_from(text), STR("\"}")));
	}
}

#define NEEDED "\"argv\":[\"deno\"],\"socket\":\"/r/web.sock\",\"state\":\"/r/state.json\""

static void test_config(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct config c;
	struct err err;
	assert_true(config_parse(STR("{" NEEDED ",\"is_outward\":true,\"functions\":[{\"name\":\"a-b\",\"entry\":\"f/"
				     "a.ts\"},{\"name\":\"b\",\"refusal\":\"gone\"}],\"worker\":{\"most\":3}}"),
				 arena, &c, &err));
	assert_int_equal(c.function_count, 2);
	assert_string_equal(c.functions[0].entry, "f/a.ts");
	assert_string_equal(c.functions[1].refusal, "gone");
	assert_int_equal(c.workers_max, 3);
	assert_int_equal(c.worker_memory_bytes, 256 << 20);
	assert_true(c.is_outward);
	static const char *const wrong[] = {
	    "{" NEEDED ",\"functions\":[{\"name\":\"a/b\",\"entry\":\"x\"}]}",
	    "{" NEEDED ",\"functions\":[{\"name\":\"..\",\"entry\":\"x\"}]}",
	    "{" NEEDED ",\"functions\":[{\"name\":\"a\"}]}",
	    "{" NEEDED ",\"functions\":[{\"entry\":\"x\"}]}",
	    "{" NEEDED ",\"functions\":[],\"worker\":{\"most\":0}}",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(config_parse(str_from(wrong[i]), arena, &c, &err));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names), cmocka_unit_test(test_pieces), cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_texts), cmocka_unit_test(test_config),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
