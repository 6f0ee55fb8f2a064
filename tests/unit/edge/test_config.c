/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edge/config.h"

static struct edge_settings settings(void)
{
	return (struct edge_settings){.home = "/h/edge",
				      .run = "/r/edge",
				      .listen = "127.0.0.1:8080",
				      .tls_listen = "127.0.0.1:8443",
				      .tls_port = 8443,
				      .user = "www",
				      .modules = "/m",
				      .is_pinned = true};
}

static void test_it_names_no_app(void **state)
{
	(void)state;
	struct buf b BUF_CLEANUP;
	buf_init(&b, 65536);
	struct edge_settings e = settings();
	assert_true(edge_config(&e, &b));
	assert_non_null(strstr(b.ptr, "root /h/edge/hosts/$host/live/public;"));
	/* Links are resolved for what can differ between releases, and for nothing else. */
	assert_non_null(strstr(b.ptr, "{\n      set $pin $realpath_root;\n      set $at $pin;\n    }"));
	assert_non_null(strstr(b.ptr, "ssl_certificate /h/edge/certs/$tls_host.pem;"));
	assert_non_null(strstr(b.ptr, "return 308 https://$host:8443$request_uri;"));
	assert_null(strstr(b.ptr, "brotli"));
	/* What was opened is kept open where no link leads, and nowhere else. */
	char *kept = strstr(b.ptr, "location ^~ /storage/v1/object/public/"), *end = strstr(kept, "    }\n");
	*kept = '\0';
	assert_null(strstr(b.ptr, "open_file_cache"));
	kept = strstr(end, "location ^~ /storage/v1/object/public/"); /* the other door's */
	assert_true(strstr(end, "open_file_cache") > kept);
	assert_null(strstr(strstr(kept, "    }\n"), "open_file_cache"));
}

static void test_settings_cannot_break_out(void **state)
{
	(void)state;
	const char *bad[] = {"/h; user root", "/h}\nserver {", "/h/$host", "/h 1", "/h\"", "/h#"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b BUF_CLEANUP;
		buf_init(&b, 65536);
		struct edge_settings e = settings();
		e.home = bad[i];
		assert_false(edge_config(&e, &b));
		assert_int_equal(b.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_names_no_app),
	    cmocka_unit_test(test_settings_cannot_break_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
