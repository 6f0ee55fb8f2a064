/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/config.h"
#include "serve/end.h"

#define NEEDED "\"argv\":[\"node\",\"a.mjs\"],\"socket\":\"/r/web.sock\",\"state\":\"/r/state.json\""

static void test_defaults(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct config c;
	struct err err;
	assert_true(config_parse(STR("{" NEEDED "}"), arena, &c, &err));
	assert_string_equal(c.argv[1], "a.mjs");
	assert_null(c.argv[2]);
	assert_string_equal(c.cwd, "/app");
	assert_int_equal(c.port, 3000);
	assert_int_equal(c.instances, 1);
	assert_int_equal(c.drain_ms, 30000);
	assert_int_equal(c.memory_bytes, 0);
	assert_string_equal(c.env[0], "PATH=/usr/local/bin:/usr/bin:/bin");
	arena_free(arena);
}

static void test_everything(void **state)
{
	(void)state;
	struct arena *arena = arena_new(1 << 20);
	struct config c;
	struct err err;
	static const char text[] =
	    "{" NEEDED ",\"cwd\":\"/app/web\",\"env\":{\"A\":\"1=2\",\"PORT\":\"1\",\"HOST\":\"::\"},"
	    "\"mounts\":[{\"from\":\"/a\",\"to\":\"/app\",\"mode\":\"read\"},{\"from\":\"/d\",\"to\":\"/"
	    "data\",\"mode\":"
	    "\"write\"}],\"hosts\":{\"127.0.0.1\":[\"shop.localhost\",\"b\"]},\"port\":4000,\"instances\":2,"
	    "\"forwards\":[{\"port\":5432,\"socket\":\"/p/"
	    "s\"}],\"limits\":{\"memory_bytes\":512000000,\"processes\":100,"
	    "\"files\":64,\"file_bytes\":9,\"disk_reserve_bytes\":8,\"cpu_percent\":50},\"boot_ms\":1,\"linger_ms\":0,"
	    "\"drain_ms\":0,\"kill_ms\":2}";
	assert_true(config_parse(str_from(text), arena, &c, &err));
	assert_string_equal(c.env[0], "A=1=2");
	assert_string_equal(c.env[1], "HOST=::"); /* PORT is each process's own */
	assert_int_equal(c.mount_count, 2);
	assert_int_equal(c.mounts[1].kind, SANDBOX_WRITE);
	assert_non_null(strstr(c.hosts, "127.0.0.1 shop.localhost b\n"));
	assert_int_equal(c.forwards[0].port, 5432);
	assert_int_equal(c.memory_bytes, 512000000);
	assert_int_equal(c.files, 64);
	assert_int_equal(c.kill_ms, 2);
	arena_free(arena);
}

static void test_what_is_wrong_is_named(void **state)
{
	(void)state;
	static const char *const wrong[][2] = {
	    {"{}", "argv"},
	    {"[]", "object"},
	    {"{\"argv\":[1],\"socket\":\"/s\",\"state\":\"/s\"}", "argv"},
	    {"{\"argv\":[\"a\\u0000b\"],\"socket\":\"/s\",\"state\":\"/s\"}", "argv"},
	    {"{\"argv\":[\"a\"],\"socket\":\"s\",\"state\":\"/s\"}", "socket"},
	    {"{\"argv\":[\"a\"],\"socket\":\"/s\"}", "state"},
	    {"{" NEEDED ",\"env\":{\"A=B\":\"x\"}}", "env"},
	    {"{" NEEDED ",\"env\":{\"A\":1}}", "env"},
	    {"{" NEEDED ",\"mounts\":[{\"from\":\"a\",\"to\":\"/b\"}]}", "mounts"},
	    {"{" NEEDED ",\"mounts\":[{\"from\":\"/a\",\"to\":\"/b\",\"mode\":\"rw\"}]}", "mounts"},
	    {"{" NEEDED ",\"hosts\":{\"127.0.0.1\":[\"a\\nb\"]}}", "hosts"},
	    {"{" NEEDED ",\"port\":80}", "port"},
	    {"{" NEEDED ",\"instances\":99}", "instances"},
	    {"{" NEEDED ",\"limits\":{\"memory_bytes\":-1}}", "memory_bytes"},
	    {"{" NEEDED ",\"boot_ms\":\"1\"}", "boot_ms"},
	    {"{" NEEDED ",\"forwards\":[{\"port\":0,\"socket\":\"/s\"}]}", "forwards"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct arena *arena = arena_new(1 << 20);
		struct config c;
		struct err err;
		assert_false(config_parse(str_from(wrong[i][0]), arena, &c, &err));
		assert_non_null(strstr(err.msg, wrong[i][1]));
		arena_free(arena);
	}
}

static enum end_why judged(struct end_facts f, char ret_text[END_TEXT_SIZE])
{
	f.has_run = f.has_run || f.has_status;
	f.command = "node";
	return end_judge(&f, ret_text);
}

static void test_ends_are_told_apart(void **state)
{
	(void)state;
	char text[END_TEXT_SIZE];
	struct end_facts f = {.has_status = true, .exit_status = 1, .is_group = true};
	assert_int_equal(judged(f, text), END_EXITED);
	f.last = STR("Error: listen EADDRINUSE: address already in use :::8080");
	assert_int_equal(judged(f, text), END_EXITED);
	assert_non_null(strstr(text, "PORT"));
	f.last = STR("");
	f.exit_status = 0;
	assert_int_equal(judged(f, text), END_EXITED_0);
	f.exit_status = -1, f.signal = 9;
	assert_int_equal(judged(f, text), END_SIGNAL);
	f.memory_kills = 1, f.memory_bytes = 512000000, f.memory_seen_bytes = 600000000;
	assert_int_equal(judged(f, text), END_OUT_OF_MEMORY);
	assert_string_equal(text,
			    "the server needed more memory than its limit of 512 MB and was stopped (it had 600 MB)");
	/* A child of it was ended for memory once; that is not why it ends now. */
	f.signal = 0, f.exit_status = 2;
	assert_int_equal(judged(f, text), END_EXITED);
	f.memory_kills = 0, f.exit_status = -1, f.signal = 6;
	f.last = STR("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n");
	assert_int_equal(judged(f, text), END_OUT_OF_MEMORY);
	f.stopped_for = END_NEVER_LISTENED;
	assert_int_equal(judged(f, text), END_NEVER_LISTENED);
	assert_int_equal(judged((struct end_facts){.last = STR("bwrap: no")}, text), END_NO_SANDBOX);
	assert_non_null(strstr(text, "bwrap: no"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_what_is_wrong_is_named),
	    cmocka_unit_test(test_ends_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
