/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg/way.h"

static void names(const char *conninfo, const char *expected)
{
	char name[PG_WAY_NAME_SIZE], port[PG_WAY_PORT_SIZE], found[PG_WAY_NAME_SIZE + PG_WAY_PORT_SIZE + 1] = "";
	if (pg_way_name(conninfo, name, port)) (void)snprintf(found, sizeof found, "%s:%s", name, port);
	if (strcmp(found, expected) != 0) fail_msg("%s: \"%s\", not \"%s\"", conninfo, found, expected);
}

static void test_name(void **state)
{
	(void)state;
	names("host='db.example.com' port='6000' user='u'", "db.example.com:6000");
	names("host=db.example.com", "db.example.com:5432");
	names("postgresql://u:p@db.example.com/d", "db.example.com:5432");
	names("host=/run/postgresql", "");
	names("host=@abstract", "");
	names("host=192.0.2.1", "");
	names("host=2001:db8::1", "");
	names("postgresql://u:p@[2001:db8::1]/d", "");
	names("host=db.example.com hostaddr=192.0.2.1", "");
	names("host=a.example.com,b.example.com", "");
	names("user=u", "");
	names("host='unclosed", "");
}

/* The name stays: TLS asks for it. */
static void test_conninfo(void **state)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *address = NULL;
	(void)state;
	assert_int_equal(getaddrinfo("2001:db8::1", "5432", &wanted, &address), 0);
	char *words = pg_way_conninfo("postgresql://u:it%27s@db.example.com:6000/d?sslmode=verify-full", address);
	assert_string_equal(words, "user='u' password='it\\'s' dbname='d' host='db.example.com' port='6000' "
				   "sslmode='verify-full' hostaddr='2001:db8::1'");
	free(words);
	assert_null(pg_way_conninfo("host='unclosed", address));
	freeaddrinfo(address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_name), cmocka_unit_test(test_conninfo)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
