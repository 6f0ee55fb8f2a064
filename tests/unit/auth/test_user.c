/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's row, as PostgreSQL gives it, and what clients see of it. */
#include "auth/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "auth/user_columns.h"

/* In the order of AUTH_USER_COLUMNS. */
static const char *const row[AUTH_USER_COLUMN_COUNT] = {"u1",
							"{\"a\": 1}",
							"",
							"b\"@example.com",
							"",
							"authenticated",
							"authenticated",
							"hash",
							"new@example.com",
							"",
							"",
							"",
							"r-hash",
							"",
							"",
							"",
							"f",
							"",
							"1", /* texts, flags */
							"1764551577.222123",
							"",
							"",
							"",
							"1764551577.222123",
							"1764551570",
							"",
							"",
							"",
							"-0.5",
							"0.000001",
							"1764551577",
							"Infinity",
							"",
							"1764551580.5", /* times, and now */
							"t[{\"id\":\"f1\"}]",
							"[]"};

static PGresult *result_of(const char *const *values)
{
	static char name[] = "c";
	PGresAttDesc columns[AUTH_USER_COLUMN_COUNT];
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	for (int i = 0; i < AUTH_USER_COLUMN_COUNT; i++) columns[i] = (PGresAttDesc){.name = name, .typlen = -1};
	assert_int_equal(PQsetResultAttrs(rows, AUTH_USER_COLUMN_COUNT, columns), 1);
	for (int i = 0; i < AUTH_USER_COLUMN_COUNT; i++) {
		char copy[64];
		(void)strcpy(copy, values[i]);
		assert_int_equal(PQsetvalue(rows, 0, i, copy, (int)strlen(copy)), 1);
	}
	return rows;
}

static void test_a_row_is_read_and_shown(void **state)
{
	(void)state;
	struct auth_user u;
	struct buf b BUF_CLEANUP;
	PGresult *rows = result_of(row);
	auth_user_read(rows, 0, &u);
	assert_true(auth_user_is_shown(&u));
	assert_true(u.is_email_confirmed && !u.is_phone_confirmed && !u.is_invited && !u.is_banned);
	assert_true(u.is_change_half_confirmed && u.has_factor && !u.is_anonymous);
	assert_string_equal(u.recovery.token, "r-hash");
	assert_int_equal(u.recovery.age_ms, 10500);
	assert_int_equal(u.confirmation.age_ms, -1);
	buf_init(&b, 4096);
	auth_user_put(&b, &u);
	assert_string_equal(
	    buf_cstr(&b),
	    "{\"id\":\"u1\",\"aud\":\"authenticated\",\"role\":\"authenticated\",\"email\":\"b\\\"@example.com\","
	    "\"email_confirmed_at\":\"2025-12-01T01:12:57.222123Z\",\"phone\":\"\","
	    "\"confirmed_at\":\"2025-12-01T01:12:57.222123Z\",\"recovery_sent_at\":\"2025-12-01T01:12:50.000000Z\","
	    "\"new_email\":\"new@example.com\",\"last_sign_in_at\":\"1969-12-31T23:59:59.500000Z\","
	    "\"created_at\":\"1970-01-01T00:00:00.000001Z\",\"updated_at\":\"2025-12-01T01:12:57.000000Z\","
	    "\"is_anonymous\":false,\"app_metadata\":{\"a\": 1},\"user_metadata\":{},"
	    "\"factors\":[{\"id\":\"f1\"}],\"identities\":[]}");
	PQclear(rows);
}

static void test_one_whose_row_is_not_there_yet(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	struct auth_user u = {.id = "u1"};
	assert_false(auth_user_is_shown(&u));
	u = (struct auth_user){.fields = "{\"id\":\"u1\"}",
			       .app_metadata = "{}",
			       .user_metadata = "{}",
			       .factors = "",
			       .identities = "[]"};
	assert_true(auth_user_is_shown(&u));
	buf_init(&b, 4096);
	auth_user_put(&b, &u);
	assert_string_equal(buf_cstr(&b), "{\"id\":\"u1\",\"app_metadata\":{},\"user_metadata\":{},\"identities\":[]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_row_is_read_and_shown),
	    cmocka_unit_test(test_one_whose_row_is_not_there_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
