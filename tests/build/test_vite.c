/* SPDX-License-Identifier: Apache-2.0
 *
 * The examples, cold and warm: test_vite EXAMPLES_FOLDER. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/bind.h"
#include "build/placeholder.h"
#include "codec/json.h"
#include "harness.h"

static struct harness h;
static const char *examples;

static bool public_has(const char *release, const char *text)
{
	struct err err;
	bool found = false;
	size_t i;
	json_t *value;
	json_array_foreach(json_object_get(h.package, "unbound"), i, value)
	{
		char path[FILE_PATH_SIZE];
		struct buf b BUF_CLEANUP;
		buf_init(&b, 64 << 20);
		assert_true(file_path(path, &err, "%s/public/%s", release, json_string_value(value)));
		assert_true(file_read(path, &b, &err));
		if (str_find(buf_view(&b), str_from(text)) >= 0) found = true;
	}
	return found;
}

static void check_binding(void)
{
	struct err err;
	const struct build_values one = {"https://shop.example.com", "anon-one", "pub-one", "shop"};
	const struct build_values two = {"http://shop.localhost:8080", "anon-two", "pub-two", "shop"};
	json_t *first JSON_CLEANUP = NULL, *again JSON_CLEANUP = NULL;
	assert_true(public_has(h.release, PLACEHOLDER_HOST));
	assert_true(build_bind(h.release, &one, &first, &err));
	assert_true(public_has(h.release, "https://shop.example.com"));
	assert_false(public_has(h.release, "freehold-"));
	/* The same build for another environment. */
	assert_true(build_bind(h.release, &two, &again, &err));
	assert_true(public_has(h.release, "http://shop.localhost:8080"));
	assert_string_not_equal(json_str(again, "hash_bound", "a"), json_str(first, "hash_bound", "a"));
	const struct build_values evil = {"https://x\"-alert(1)-\"", "a", "b", "c"};
	assert_false(build_bind(h.release, &evil, &again, &err));
}

static void build_example(const char *name, bool is_hard_coded)
{
	char source[FILE_PATH_SIZE], unbound[100];
	struct err err;
	harness_init(&h, name, NULL);
	assert_true(file_path(source, &err, "%s/%s", examples, name));
	h.job.source_dir = source;
	for (int round = 0; round < 2; round++) {
		int64_t began_ms = clock_now_ms();
		if (!harness_build(&h)) fail_msg("%s\n%s", h.err.msg, buf_cstr(&h.output));
		printf("%s %s: %lld ms (install %lld, build %lld, package %lld), peak %lld MB\n", name,
		       round == 0 ? "cold" : "warm", (long long)(clock_now_ms() - began_ms),
		       (long long)json_int(h.install, "duration_ms", 0), (long long)json_int(h.run, "duration_ms", 0),
		       (long long)json_int(h.package, "duration_ms", 0),
		       (long long)json_int(h.run, "memory_peak_bytes", 0) / 1000000);
		assert_int_equal(json_bool(h.install, "cached", round == 0), round == 1);
		assert_true(json_array_size(json_object_get(h.package, "assets")) >= 2);
		assert_int_equal(json_array_size(json_object_get(h.adapt, "adaptations")) > 0, is_hard_coded);
		/* The same source gives the same build. */
		const char *hash = json_str(h.package, "hash_unbound", "");
		if (round == 1) assert_string_equal(hash, unbound);
		(void)snprintf(unbound, sizeof unbound, "%s", hash);
		if (round == 0) harness_again(&h);
	}
	check_binding();
	harness_done(&h);
}

static void test_tool_library(void **state)
{
	(void)state;
	build_example("tool-library", true);
}

static void test_studio_daybook(void **state)
{
	(void)state;
	build_example("studio-daybook", false);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc != 2) return 2;
	examples = argv[1];
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tool_library), cmocka_unit_test(test_studio_daybook)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
