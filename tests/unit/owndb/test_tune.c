/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/conf.h"
#include "owndb/override.h"
#include "owndb/tune.h"

#define MB (1ull << 20)
#define GB (1ull << 30)

static struct tune tune(uint64_t memory, int cores, int apps, uint64_t database)
{
	struct tune t;
	tune_compute(
	    &(struct tune_facts){.memory_bytes = memory, .cores = cores, .apps = apps, .database_bytes = database}, &t);
	return t;
}

/* What an idle app costs does not grow with the machine. */
static void test_small_database(void **state)
{
	(void)state;
	assert_int_equal(tune(1 * GB, 1, 1, 0).shared_buffers_mb, 16);
	assert_int_equal(tune(64 * GB, 16, 1, 32 * MB).shared_buffers_mb, 16);
	assert_int_equal(tune(4 * GB, 2, 30, 100 * GB).shared_buffers_mb, 17);
}

static void test_large_database(void **state)
{
	(void)state;
	assert_int_equal(tune(4 * GB, 2, 1, 100 * GB).shared_buffers_mb, 512);
	assert_int_equal(tune(4 * GB, 2, 4, 100 * GB).shared_buffers_mb, 128);
	assert_int_equal(tune(64 * GB, 2, 1, 100 * GB).shared_buffers_mb, 1024);
	assert_int_equal(tune(64 * GB, 2, 1, 132 * MB).shared_buffers_mb, 150);
}

static void test_connections(void **state)
{
	(void)state;
	static const uint64_t memories[] = {512 * MB, 2 * GB, 8 * GB, 32 * GB};
	static const int server[] = {25, 25, 50, 100};
	for (size_t i = 0; i < 4; i++) {
		struct tune t = tune(memories[i], 2, 3, 0);
		assert_int_equal(t.server_connections, server[i]);
		assert_int_equal(t.max_connections, server[i] + TUNE_OTHER_CONNECTIONS);
		assert_true(t.work_mem_mb >= 4 && t.work_mem_mb <= 64);
	}
	/* Another app does not take connections away. */
	assert_int_equal(tune(8 * GB, 2, 40, 0).server_connections, 50);
}

static void test_odd(void **state)
{
	(void)state;
	struct tune t = tune(0, 0, 0, 0);
	assert_int_equal(t.shared_buffers_mb, 16);
	assert_int_equal(t.max_worker_processes, 4);
	t = tune(1024 * GB, 500, 1, 1ull << 50);
	assert_int_equal(t.shared_buffers_mb, 1024);
	assert_int_equal(t.max_worker_processes, 16);
}

static void test_names(void **state)
{
	(void)state;
	struct err err;
	static const char *const good[] = {"work_mem", "shared_buffers", "random_page_cost", "statement_timeout"};
	static const char *const own[] = {
	    "port",  "ssl_key_file", "archive_command",        "unix_socket_directories",
	    "fsync", "include_dir",  "pg_stat_statements.max", "shared_preload_libraries"};
	static const char *const bad[] = {"", "Work_Mem", "a b", "x;y", "x'", "x\ny", "../x", "x=y"};
	for (size_t i = 0; i < 4; i++) assert_true(override_name_check(good[i], &err));
	for (size_t i = 0; i < 8; i++) {
		assert_false(override_name_check(own[i], &err));
		assert_int_equal(err.code, ERR_REFUSED);
		assert_false(override_name_check(bad[i], &err));
		assert_int_equal(err.code, ERR_INVALID);
	}
}

/* A value stays within its line, whatever it is. */
static void test_values(void **state)
{
	(void)state;
	struct err err;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	assert_true(conf_override(&b, "work_mem", STR("16MB"), &err));
	assert_string_equal(buf_cstr(&b), "work_mem = '16MB'\n");
	buf_clear(&b);
	assert_true(conf_override(&b, "search_path", STR("it's \\ #"), &err));
	assert_string_equal(buf_cstr(&b), "search_path = 'it''s \\\\ #'\n");
	assert_false(conf_override(&b, "work_mem", STR("1MB\nfsync = off"), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small_database), cmocka_unit_test(test_large_database),
	    cmocka_unit_test(test_connections),    cmocka_unit_test(test_odd),
	    cmocka_unit_test(test_names),          cmocka_unit_test(test_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
