/* SPDX-License-Identifier: Apache-2.0
 *
 * A form with a file. However it is cut into pieces the same parts come out, and nothing of a file that is not in the
 * body. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf text;
	bool is_inside;
};

static bool on_part(void *arg, const struct multipart_part *part, struct err *err)
{
	struct seen *s = arg;
	(void)err;
	if (s->is_inside) abort();
	s->is_inside = true;
	buf_printf(&s->text, "[%.*s|%.*s|%.*s|%d]", STR_FMT(part->name), STR_FMT(part->filename), STR_FMT(part->type),
		   part->is_file);
	return true;
}

static bool on_data(void *arg, struct str bytes, struct err *err)
{
	struct seen *s = arg;
	(void)err;
	if (!s->is_inside || bytes.len == 0) abort();
	buf_str(&s->text, bytes);
	return true;
}

static bool on_part_end(void *arg, struct err *err)
{
	struct seen *s = arg;
	(void)err;
	if (!s->is_inside) abort();
	s->is_inside = false;
	buf_puts(&s->text, "[/]");
	return true;
}

/* The first byte is how long a piece is, 0: all at once. */
static bool feed(struct str body, size_t piece, struct seen *s)
{
	struct multipart m;
	struct err err;
	bool ok = true;
	buf_init(&s->text, 8 * body.len + 4096);
	multipart_init(&m, STR("XX"), &(struct multipart_handler){on_part, on_data, on_part_end, s});
	for (size_t at = 0; ok && at < body.len; at += piece)
		ok = multipart_feed(&m, str_sub(body, at, at + piece), &err);
	ok = ok && multipart_is_whole(&m);
	multipart_done(&m);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = {0}, pieces = {0};
	struct str text = {(const char *)data, size}, boundary;
	(void)multipart_boundary(text, &boundary);
	if (size < 2) return 0;
	struct str body = str_sub(text, 1, size);
	bool a = feed(body, body.len, &whole);
	bool b = feed(body, data[0] > 0 ? data[0] : body.len, &pieces);
	if (a != b || (a && !str_eq(buf_view(&whole.text), buf_view(&pieces.text)))) abort();
	buf_done(&whole.text);
	buf_done(&pieces.text);
	return 0;
}
