/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "owndb/explain.h"
#include "owndb/sqltext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, rest = text, token, name;
	const char *behind = text.ptr;
	while (sqltext_next(&rest, &token)) {
		if (token.len == 0 || token.ptr < behind || token.ptr + token.len > text.ptr + text.len) abort();
		behind = token.ptr + token.len;
	}
	if (!sqltext_is_same(text, text)) abort();
	if (sqltext_extension(text, &name) && name.len > size) abort();
	char shortened[64];
	sqltext_shorten(text, shortened, sizeof shortened);
	if (strnlen(shortened, sizeof shortened) == sizeof shortened) abort();
	unsigned line, column;
	explain_position(text, 1, 20, &line, &column);
	return 0;
}
