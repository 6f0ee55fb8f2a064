/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings and percent-encoding. What was encoded decodes to itself. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(struct arena *a, struct str text)
{
	struct buf encoded BUF_CLEANUP;
	struct str decoded;
	struct err err;
	buf_init(&encoded, 3 * text.len);
	url_encode(text, &encoded);
	if (!buf_is_ok(&encoded)) abort();
	if (url_decode(a, buf_view(&encoded), &decoded, &err) != (str_find_char(text, '\0') < 0)) abort();
	if (str_find_char(text, '\0') < 0 && !str_eq(text, decoded)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, name, value, decoded;
	struct err err;
	struct arena *a = arena_new(4 * size + 100);
	there_and_back(a, rest);
	arena_reset(a);
	while (query_next(&rest, &name, &value)) (void)url_decode_plus(a, value, &decoded, &err);
	(void)query_get(a, (struct str){(const char *)data, size}, STR("grant_type"), &value);
	arena_free(a);
	return 0;
}
