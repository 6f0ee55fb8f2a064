/* SPDX-License-Identifier: Apache-2.0
 *
 * A template, and behind a NUL the value that it names; rendered both ways, then made plain. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "mail/plain.h"
#include "mail/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const struct mail_template *t, const json_t *values, enum mail_form form)
{
	BUF_CLEANUP struct buf out, plain;
	struct err err;
	buf_init(&out, 64 << 10);
	buf_init(&plain, 64 << 10);
	(void)mail_template_render(t, values, form, &out, &err);
	mail_plain_from_html(buf_view(&out), &plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, value = STR("");
	(void)str_cut(text, '\0', &text, &value);
	struct arena *a = arena_new(8 << 20);
	json_t *values JSON_CLEANUP = json_object(), *members = json_object();
	const struct mail_template *t;
	struct err err;
	(void)json_object_set_new(values, "Token", json_stringn_nocheck(value.ptr, value.len));
	(void)json_object_set_new(members, "x", json_integer((json_int_t)value.len));
	(void)json_object_set_new(values, "Data", members);
	if (mail_template_parse(text, a, &t, &err)) {
		render(t, values, MAIL_HTML);
		render(t, values, MAIL_PLAIN);
	}
	arena_free(a);
	return 0;
}
