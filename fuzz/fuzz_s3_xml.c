/* SPDX-License-Identifier: Apache-2.0
 *
 * The XML that S3's clients send. What is read is within its limits; what is written again is read as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "storage/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20) return true;
	return false;
}

static void write_again(struct arena *a, const struct s3_delete *d)
{
	static struct s3_delete again;
	struct buf b BUF_CLEANUP;
	struct err err;
	buf_init(&b, S3_XML_MAX_BYTES);
	buf_puts(&b, "<Delete>");
	for (size_t i = 0; i < d->count; i++) {
		if (has_control(d->keys[i])) return;
		buf_puts(&b, "<Object><Key>");
		s3_xml_escape(&b, d->keys[i]);
		buf_puts(&b, "</Key></Object>");
	}
	buf_puts(&b, "</Delete>");
	if (!buf_is_ok(&b)) return;
	if (!s3_xml_read_delete(a, buf_view(&b), &again, &err) || again.count != d->count) abort();
	for (size_t i = 0; i < d->count; i++)
		if (!str_eq(again.keys[i], d->keys[i])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct s3_delete d;
	struct str text = {(const char *)data, size};
	struct s3_part *parts;
	size_t count;
	struct err err;
	struct arena *a = arena_new(64 * size + (8u << 20));
	(void)s3_xml_check(text, &err);
	if (s3_xml_read_delete(a, text, &d, &err)) {
		if (d.count == 0 || d.count > S3_DELETE_MAX) abort();
		write_again(a, &d);
	}
	if (s3_xml_read_parts(a, text, &parts, &count, &err)) {
		if (count == 0 || count > S3_PARTS_MAX) abort();
		for (size_t i = 0; i < count; i++)
			if (parts[i].number < 1 || parts[i].number > S3_PARTS_MAX || parts[i].etag.len == 0) abort();
	}
	arena_free(a);
	return 0;
}
