/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/multipart.h"

static bool on_part(void *arg, const struct multipart_part *part, struct err *err)
{
	(void)err;
	buf_printf(arg, "<%.*s %d %.*s %.*s>", STR_FMT(part->name), part->is_file, STR_FMT(part->filename),
		   STR_FMT(part->type));
	return true;
}

static bool on_data(void *arg, struct str bytes, struct err *err)
{
	if (str_find(bytes, STR("refused")) >= 0) return err_set(err, ERR_REFUSED, "no");
	buf_str(arg, bytes);
	return true;
}

static bool on_part_end(void *arg, struct err *err)
{
	(void)err;
	buf_puts(arg, "</>");
	return true;
}

static bool read(const char *body, size_t piece, struct buf *out, struct err *err)
{
	struct multipart m;
	bool ok = true;
	buf_clear(out);
	multipart_init(&m, STR("B"), &(struct multipart_handler){on_part, on_data, on_part_end, out});
	struct str text = str_from(body);
	for (size_t at = 0; ok && at < text.len; at += piece)
		ok = multipart_feed(&m, str_sub(text, at, at + piece), err);
	if (ok && !multipart_is_whole(&m)) ok = err_set(err, ERR_INVALID, "not whole");
	multipart_done(&m);
	return ok;
}

static void test_parts(void **state)
{
	(void)state;
	static const struct {
		const char *body, *seen;
	} cases[] = {
	    {"--B\r\nContent-Disposition: form-data; name=\"cacheControl\"\r\n\r\n3600\r\n--B--\r\n",
	     "<cacheControl 0  >3600</>"},
	    {"--B\r\nContent-Disposition: form-data; name=\"\"; filename=\"a;b.png\"\r\nContent-Type: "
	     "image/png\r\n\r\n\r\n--x\r\n--B--",
	     "< 1 a;b.png image/png>\r\n--x</>"},
	    {"preamble\r\n--B \t\r\ncontent-disposition: form-data; name=a; "
	     "filename=\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--epilogue\r\n--B",
	     "<a 1  >x</>< 0  >y</>"},
	    {"--B\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n--B--", "<e 0  ></>"},
	};
	struct buf out BUF_CLEANUP;
	struct err err;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece < 90; piece++) {
			if (!read(cases[i].body, piece, &out, &err)) fail_msg("%zu by %zu: %s", i, piece, err.msg);
			assert_string_equal(buf_cstr(&out), cases[i].seen);
		}
}

static void test_what_is_no_form(void **state)
{
	(void)state;
	static const char *const cases[] = {"",
					    "x",
					    "--B",
					    "--B\r\n\r\nx",
					    "--B\r\n\r\nx\r\n--B",
					    "--BX\r\n\r\nx\r\n--B--",
					    "--B\r\n\r\nrefused\r\n--B--"};
	struct buf out BUF_CLEANUP;
	struct err err;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (read(cases[i], 1000, &out, &err)) fail_msg("taken: %s", cases[i]);
	static char large[MULTIPART_HEADERS_MAX + 100] = "--B\r\n";
	memset(large + 5, 'h', sizeof large - 6);
	assert_false(read(large, 1000, &out, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void test_boundary(void **state)
{
	(void)state;
	struct str b;
	assert_true(multipart_boundary(STR("multipart/form-data; boundary=abc"), &b) && str_eq(b, STR("abc")));
	assert_true(multipart_boundary(STR("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), &b) &&
		    str_eq(b, STR("a b")));
	assert_false(multipart_boundary(STR("multipart/form-data"), &b));
	assert_false(multipart_boundary(STR("multipart/form-data; boundary="), &b));
	assert_false(multipart_boundary(STR("text/plain; boundary=a"), &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_what_is_no_form),
	    cmocka_unit_test(test_boundary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
