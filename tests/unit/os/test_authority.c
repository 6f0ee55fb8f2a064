/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "os/authority.h"
#include "os/file.h"

#define PEM(what) "-----BEGIN CERTIFICATE-----\n" what "\n-----END CERTIFICATE-----\n"

static char root[64];

static void put(const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/%s", root, name));
	assert_true(file_write(path, str_from(text), 0644, &err));
}

static int begin(void **state)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	(void)state;
	(void)snprintf(root, sizeof root, "/tmp/fh-authority-XXXXXX");
	assert_non_null(mkdtemp(root));
	return file_path(path, &err, "%s/office", root) && file_mkdirs(path, 0755, &err) ? 0 : 1;
}

static int end(void **state)
{
	struct err err;
	(void)state;
	return file_remove_tree(root, &err) ? 0 : 1;
}

static void test_none(void **state)
{
	struct buf pem BUF_CLEANUP;
	(void)state;
	buf_init(&pem, AUTHORITY_MAX_BYTES);
	authority_added("/tmp/fh-there-is-no-such-folder", &pem);
	authority_added(root, &pem);
	assert_int_equal(pem.len, 0);
}

static void test_added(void **state)
{
	struct buf pem BUF_CLEANUP;
	(void)state;
	buf_init(&pem, AUTHORITY_MAX_BYTES);
	put("proxy.crt", PEM("one"));
	put("office/printer.crt", "who it is\n" PEM("two"));
	put("README", PEM("of another name"));
	put("broken.crt", "no certificate");
	put(".hidden.crt", PEM("hidden"));
	authority_added(root, &pem);
	assert_true(buf_is_ok(&pem));
	assert_non_null(strstr(buf_cstr(&pem), PEM("one")));
	assert_non_null(strstr(buf_cstr(&pem), PEM("two")));
	assert_null(strstr(buf_cstr(&pem), "another"));
	assert_null(strstr(buf_cstr(&pem), "no certificate"));
	assert_null(strstr(buf_cstr(&pem), "hidden"));
}

/* Whole ones, as many as there is room for. */
static void test_limit(void **state)
{
	struct buf pem BUF_CLEANUP;
	(void)state;
	buf_init(&pem, 70);
	put("proxy.crt", PEM("one"));
	put("office/printer.crt", PEM("two"));
	authority_added(root, &pem);
	assert_true(buf_is_ok(&pem));
	assert_int_equal(pem.len, strlen(PEM("one")) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_none, begin, end),
	    cmocka_unit_test_setup_teardown(test_added, begin, end),
	    cmocka_unit_test_setup_teardown(test_limit, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
