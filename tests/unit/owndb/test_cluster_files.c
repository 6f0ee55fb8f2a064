/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/conf.h"
#include "owndb/identity.h"

static void test_settings(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, CONF_MAX_BYTES);
	struct tune tune;
	tune_smallest(&tune);
	struct conf conf = {.major = 15, .archives = true, .tune = &tune};
	conf_settings(&b, &conf);
	assert_non_null(strstr(b.ptr, "shared_buffers = 16MB\n"));
	assert_non_null(strstr(b.ptr, "listen_addresses = ''\n"));
	assert_non_null(strstr(b.ptr, "wal_level = logical\n"));
	assert_null(strstr(b.ptr, "fsync = off"));
	buf_clear(&b);
	conf.is_clone = true;
	conf_settings(&b, &conf);
	assert_non_null(strstr(b.ptr, "fsync = off\n"));
	assert_non_null(strstr(b.ptr, "archive_mode = off\n"));
	buf_clear(&b);
	conf_access(&b);
	assert_null(strstr(b.ptr, "trust"));
	assert_null(strstr(b.ptr, "host"));
}

static void test_users(void **state)
{
	(void)state;
	struct err err;
	struct buf b BUF_CLEANUP;
	buf_init(&b, CONF_MAX_BYTES);
	assert_true(conf_users(&b, "root", "fh1-db", "fh1-api", &err));
	assert_non_null(strstr(b.ptr, "freehold \"fh1-db\" \"supabase_admin\"\n"));
	assert_non_null(strstr(b.ptr, "freehold \"fh1-api\" \"authenticator\"\n"));
	assert_null(strstr(b.ptr, "freehold \"fh1-api\" \"postgres\"\n"));
	buf_clear(&b);
	assert_true(conf_users(&b, "ann", "ann", "ann", &err));
	assert_non_null(strstr(b.ptr, "freehold \"ann\" \"supabase_auth_admin\"\n"));
	assert_non_null(strstr(b.ptr, "freehold \"ann\" \"freehold_realtime\"\n"));
	assert_non_null(strstr(b.ptr, "freehold \"ann\" \"freehold_jobs\"\n"));
	/* "all", a pattern and a group mean something there. */
	static const char *const bad[] = {"", "/.*", "a b", "x\"", "x\n", "+x", "-x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(conf_users(&b, "root", "db", bad[i], &err));
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(identity_crc32c("123456789", 9), 0xe3069283u); /* the check value of the algorithm */
	uint8_t control[8192] = {0};
	for (int i = 0; i < 288; i++) control[i] = (uint8_t)(i * 7);
	uint32_t crc = identity_crc32c(control, 288);
	memcpy(control + 288, &crc, 4);
	assert_true(identity_replace(control, sizeof control, 0x1122334455667788u));
	uint64_t identifier;
	memcpy(&identifier, control, 8);
	assert_true(identifier == 0x1122334455667788u);
	memcpy(&crc, control + 288, 4);
	assert_int_equal(crc, identity_crc32c(control, 288));
	control[100] ^= 1;
	assert_false(identity_replace(control, sizeof control, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_settings), cmocka_unit_test(test_users),
					   cmocka_unit_test(test_identity)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
