/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "serve/listens.h"
#include "serve/usage.h"

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST "00000000:00000000 00:00000000 00000000  1000        0 "

/* As Linux 6 prints them on a little-endian machine. */
static const char v4[] = HEAD "   0: 0100007F:1F90 00000000:0000 0A " REST "101 1 0 100 0 0 10 0\n"
			      "   1: 00000000:0BB8 00000000:0000 0A " REST "102 1 0 100 0 0 10 0\n"
			      "   2: 0100007F:0BB8 0100007F:C350 01 " REST "103 1 0 20 4 30 10 -1\n"
			      "   3: 0100007F:240D 00000000:0000 0A " REST "104 1 0 100 0 0 10 0\n";
static const char v6[] =
    HEAD "   0: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A " REST
	 "201 1 0 100 0 0 10 0\n"
	 "   1: 00000000000000000000000000000000:0BBA 00000000000000000000000000000000:0000 0A " REST
	 "202 1 0 100 0 0 10 0\n";

static void read_both(struct listens *l)
{
	*l = (struct listens){0};
	listens_parse(str_from(v4), false, l);
	listens_parse(str_from(v6), true, l);
}

static void spell(const struct listen_at *at, char ret_text[64], uint16_t *ret_port)
{
	struct sockaddr_storage address;
	socklen_t len;
	listens_target(at, &address, &len);
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
	assert_int_equal(len, at->is_v6 ? sizeof *in6 : sizeof *in);
	assert_non_null(inet_ntop(
	    address.ss_family, at->is_v6 ? (const void *)&in6->sin6_addr : (const void *)&in->sin_addr, ret_text, 64));
	*ret_port = ntohs(at->is_v6 ? in6->sin6_port : in->sin_port);
}

static void test_reads_what_listens(void **state)
{
	(void)state;
	struct listens l;
	uint16_t ports[LISTENS_MAX];
	read_both(&l);
	assert_int_equal(l.count, 5);
	assert_int_equal(l.at[0].inode, 101);
	assert_int_equal(listens_ports(&l, ports), 5);
	static const uint16_t expected[] = {3000, 3001, 3002, 8080, 9229};
	assert_memory_equal(ports, expected, sizeof expected);
}

static void test_ours_are_not_the_apps(void **state)
{
	(void)state;
	struct listens l;
	read_both(&l);
	listens_leave_out(&l, (const uint64_t[]){101, 999}, 2);
	assert_int_equal(l.count, 4);
	assert_int_equal(l.at[0].port, 3000);
}

static void test_where_it_is_reached(void **state)
{
	(void)state;
	struct listens l;
	char text[64];
	uint16_t port;
	read_both(&l);
	spell(listens_choose(&l, 3000, false, 0, 0), text, &port); /* everywhere */
	assert_string_equal(text, "127.0.0.1");
	assert_int_equal(port, 3000);
	spell(listens_choose(&l, 3001, false, 0, 0), text, &port); /* ::1 */
	assert_string_equal(text, "::1");
	spell(listens_choose(&l, 3002, false, 0, 0), text, &port); /* :: */
	assert_string_equal(text, "::1");
}

static void test_another_port(void **state)
{
	(void)state;
	struct listens l = {0};
	listens_parse(str_from(v4), false, &l);
	assert_null(listens_choose(&l, 4000, false, 0, 0));
	/* What everybody may reach comes before what only loopback may: that is a debugger, say. */
	assert_int_equal(listens_choose(&l, 4000, true, 4000, 4000)->port, 3000);
	/* What is another instance's is not taken. */
	assert_int_equal(listens_choose(&l, 4000, true, 3000, 3003)->port, 8080);
	l.count = 0;
	assert_null(listens_choose(&l, 4000, true, 4000, 4000));
}

static void test_nonsense_is_passed_over(void **state)
{
	(void)state;
	static const char *const lines[] = {"",
					    "\n\n",
					    "0: 0100007F 0 0A " REST "1\n",
					    "0: 0100007F:ZZZZ 0:0 0A " REST "1\n",
					    "0: 0100007F:1F90 0:0 0A " REST "x\n",
					    "0: 0100007F:1F90 0:0 0A\n",
					    "0: 7F:1F90 0:0 0A " REST "1\n",
					    "0: 0100007F:0000 0:0 0A " REST "1\n",
					    "0: 0100007F:11F90 0:0 0A " REST "1\n"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct listens l = {0};
		listens_parse(str_from(lines[i]), false, &l);
		assert_int_equal(l.count, 0);
	}
}

static void test_more_than_there_is_room_for(void **state)
{
	(void)state;
	struct listens l = {0};
	for (int i = 0; i < 20; i++) listens_parse(str_from(v4), false, &l);
	assert_int_equal(l.count, LISTENS_MAX);
}

static void test_usage_adds_up(void **state)
{
	(void)state;
	struct usage u = {0};
	usage_add_status(STR("Name:\tnode\nRssAnon:\t    1024 kB\nRssFile:\t 9 kB\nRssShmem:\t 1 kB\nThreads:\t11\n"),
			 &u);
	usage_add_status(STR("Name:\tRssAnon: 7 kB\nRssAnon:\t1 kB\nThreads:\t1\n"), &u);
	usage_add_status(STR("Name:\tzombie\nThreads:\t1"), &u);
	usage_add_status(STR("RssAnon:\t-1 kB\nThreads:\tmany\n"), &u);
	assert_int_equal(u.memory_bytes, 1026 * 1024);
	assert_int_equal(u.processes, 13);
	usage_add_io(STR("rchar: 9\nwchar: 9\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n"), &u);
	assert_int_equal(u.written_bytes, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads_what_listens),      cmocka_unit_test(test_ours_are_not_the_apps),
	    cmocka_unit_test(test_where_it_is_reached),     cmocka_unit_test(test_another_port),
	    cmocka_unit_test(test_nonsense_is_passed_over), cmocka_unit_test(test_more_than_there_is_room_for),
	    cmocka_unit_test(test_usage_adds_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
