/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/pool_size.h"
#include "owndb/pooler.h"

static void test_version(void **state)
{
	(void)state;
	assert_int_equal(pooler_read_version(STR("PgBouncer 1.18.0\nlibevent 2.1\n")), 11800);
	assert_int_equal(pooler_read_version(STR("PgBouncer 1.24.1")), 12401);
	assert_int_equal(pooler_read_version(STR("PgBouncer 1.25")), 12500);
	assert_int_equal(pooler_read_version(STR("PgBouncer one")), 0);
	assert_int_equal(pooler_read_version(STR("pgbouncer 1.18.0")), 0);
	assert_int_equal(pooler_read_version(STR("")), 0);
}

static void test_files(void **state)
{
	(void)state;
	struct err err;
	struct buf b BUF_CLEANUP;
	struct pooler p = {.dir = "/r/shop/pool",
			   .files = "/r/shop/pool",
			   .server_socket_dir = "/r/shop/database",
			   .owner = "root",
			   .verifier = "abc",
			   .version = 11800,
			   .size = 7};
	buf_init(&b, POOLER_FILE_MAX);
	pooler_settings(&b, &p);
	assert_non_null(strstr(b.ptr, "listen_addr =\n"));
	assert_non_null(strstr(b.ptr, "pool_mode = session\n"));
	assert_non_null(strstr(b.ptr, "listen_backlog = 5000\n")); /* no fewer than there may be clients */
	assert_non_null(strstr(b.ptr, "default_pool_size = 7\n"));
	assert_non_null(strstr(b.ptr, "auth_type = hba\n"));
	assert_null(strstr(b.ptr, "max_prepared_statements"));
	assert_null(strstr(b.ptr, "abc"));
	buf_clear(&b);
	p.version = POOLER_PREPARES;
	p.is_transaction = true;
	pooler_settings(&b, &p);
	assert_non_null(strstr(b.ptr, "pool_mode = transaction\n"));
	assert_non_null(strstr(b.ptr, "max_prepared_statements = "));
	buf_clear(&b);
	assert_true(pooler_access(&b, &p, &err));
	assert_string_equal(buf_cstr(&b), "local pgbouncer root peer\nlocal postgres freehold_app scram-sha-256\n");
	/* These mean something there. */
	static const char *const bad[] = {"", "all", "a b", "a\"", "x\n", "freehold_app", "+x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		p.owner = bad[i];
		assert_false(pooler_access(&b, &p, &err));
	}
}

static void test_size(void **state)
{
	(void)state;
	assert_int_equal(pool_size_choose(true, 1, 0, 20), 4);
	assert_int_equal(pool_size_choose(true, 2, 0, 20), 6);
	assert_int_equal(pool_size_choose(true, 16, 0, 20), 20);
	assert_int_equal(pool_size_choose(true, 2, 3, 20), 6);
	assert_int_equal(pool_size_choose(true, 2, 8, 20), 10);
	assert_int_equal(pool_size_choose(true, 2, 500, 15), 15);
	assert_int_equal(pool_size_choose(true, 2, 500, 95), 20); /* more would wait for the processor */
	assert_int_equal(pool_size_choose(true, 8, 500, 95), 80);
	assert_int_equal(pool_size_choose(false, 2, 1, 20), 20);
	assert_int_equal(pool_size_demand(0, 0), 0);
	assert_int_equal(pool_size_demand(6, 2), 8);
	assert_int_equal(pool_size_demand(6, 190), 10);
	/* With clients that always wait it grows, step by step, and ends at the limit. */
	int size = 6, steps = 0;
	while (size < 20 && steps < 20) {
		size = pool_size_choose(true, 2, pool_size_demand(size, 190), 20);
		steps++;
	}
	assert_true(steps >= 2 && steps < 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
