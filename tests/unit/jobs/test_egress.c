/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/egress.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "jobs/address.h"

static bool may(const struct egress *e, const char *address, uint16_t port)
{
	struct sockaddr_storage to = {0};
	struct sockaddr_in *four = (struct sockaddr_in *)&to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&to;
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six->sin6_addr), 1);
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
	}
	return egress_is_allowed(e, (const struct sockaddr *)&to);
}

static void test_public(void **state)
{
	(void)state;
	static const char *const open[] = {"1.1.1.1",         "9.255.255.255",   "11.0.0.1",   "100.63.255.255",
					   "100.128.0.0",     "172.15.0.1",      "172.32.0.1", "192.167.255.1",
					   "223.255.255.255", "2606:4700::1111", "2a00::1"};
	static const char *const closed[] = {
	    "0.0.0.0",          "10.1.2.3",        "100.64.0.1",      "127.0.0.1", "127.255.0.1",
	    "169.254.169.254",  "172.16.0.1",      "172.31.255.255",  "192.0.0.1", "192.168.1.1",
	    "198.19.0.1",       "224.0.0.1",       "255.255.255.255", "::",        "::1",
	    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "fe80::1",   "fd00:ec2::254",
	    "fc00::1",          "ff02::1",         "2002:7f00:1::1",  "2001::1",   "2001:db8::1",
	    "::7f00:1"};
	struct egress e = {0};
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		if (!may(&e, open[i], 443)) fail_msg("%s is refused", open[i]);
	for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
		if (may(&e, closed[i], 443)) fail_msg("%s is allowed", closed[i]);
	assert_true(may(&e, "::ffff:8.8.8.8", 443));
}

static void test_allowed(void **state)
{
	(void)state;
	struct egress e = {.own_port = 8080};
	struct err err;
	assert_true(may(&e, "127.0.0.1", 8080));
	assert_false(may(&e, "127.0.0.1", 5432));
	assert_false(may(&e, "127.0.0.2", 8080));
	assert_false(may(&e, "::1", 8080));
	assert_true(egress_allow(&e, "10.1.0.0/16", &err));
	assert_true(egress_allow(&e, "192.168.1.7", &err));
	assert_true(egress_allow(&e, "fd12::/16", &err));
	assert_true(may(&e, "10.1.255.1", 1));
	assert_false(may(&e, "10.2.0.1", 1));
	assert_true(may(&e, "192.168.1.7", 1));
	assert_false(may(&e, "192.168.1.6", 1));
	assert_true(may(&e, "fd12:1::1", 1));
	assert_false(may(&e, "fd13::1", 1));
	static const char *const wrong[] = {"",       "x",         "10.0.0", "10.0.0.0/33", "10.0.0.0/-1",
					    "::/129", "10.0.0.1/", "a/8"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(egress_allow(&e, wrong[i], &err));
	while (e.allowed_count < EGRESS_ALLOWED_MAX) assert_true(egress_allow(&e, "10.0.0.1", &err));
	assert_false(egress_allow(&e, "10.0.0.1", &err));
}

#define ANON "eyJhbGciOiJIUzI1NiJ9.eyJyZWYiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdCIsInJvbGUiOiJhbm9uIn0.c2lnbmF0dXJl"
#define SERVICE "eyJhbGciOiJIUzI1NiJ9.eyJyZWYiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdCIsInJvbGUiOiJzZXJ2aWNlX3JvbGUifQ.c2ln"

static void test_addresses(void **state)
{
	(void)state;
	struct address_map map = {.projects = {"abcdefghijklmnopqrst"},
				  .project_count = 1,
				  .site_url = "http://shop",
				  .anon_key = "A",
				  .publishable_key = "P"};
	static const struct {
		const char *from, *to;
	} urls[] = {{"https://abcdefghijklmnopqrst.supabase.co", "http://shop"},
		    {"https://abcdefghijklmnopqrst.supabase.co/functions/v1/a?b#c", "http://shop/functions/v1/a?b#c"},
		    {"HTTPS://ABCDEFGHIJKLMNOPQRST.supabase.co/x", "http://shop/x"},
		    {"https://abcdefghijklmnopqrst.functions.supabase.co/a", "http://shop/functions/v1/a"},
		    {"https://abcdefghijklmnopqrst.supabase.co?x", "http://shop?x"},
		    {"https://bbcdefghijklmnopqrst.supabase.co/x", NULL},
		    {"https://abcdefghijklmnopqrst.supabase.co.evil.example/x", NULL},
		    {"https://abcdefghijklmnopqrst.supabase.co:8443/x", NULL},
		    {"https://user@abcdefghijklmnopqrst.supabase.co/x", NULL},
		    {"http://abcdefghijklmnopqrst.supabase.co/x", NULL},
		    {"", NULL}};
	static const struct {
		const char *from, *to;
	} headers[] = {{"Authorization: Bearer " ANON, "Authorization: Bearer A"},
		       {"apikey: " ANON, "apikey: A"},
		       {"apikey:sb_publishable_old", "apikey: P"},
		       {"authorization: Bearer " SERVICE, NULL},
		       {"X-Other: " ANON, NULL},
		       {"Authorization: Bearer a.b.c", NULL},
		       {"nonsense", NULL}};
	struct arena *a = arena_new(1 << 16);
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		bool is_own;
		const char *to = address_map_url(&map, a, urls[i].from, &is_own);
		assert_string_equal(to, urls[i].to != NULL ? urls[i].to : urls[i].from);
		assert_int_equal(is_own, urls[i].to != NULL);
	}
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
		assert_string_equal(address_map_header(&map, a, headers[i].from),
				    headers[i].to != NULL ? headers[i].to : headers[i].from);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_public),
	    cmocka_unit_test(test_allowed),
	    cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
