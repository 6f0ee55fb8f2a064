/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/types.h"

#include "intake/inspect.h"
#include "intake/scan.h"

/* Behind "key: {" at or after from; 0 when it is not there. */
static size_t inside(struct str text, size_t from, struct str key)
{
	ptrdiff_t found;
	for (; (found = scan_word(text, from, key)) >= 0; from = (size_t)found + key.len) {
		size_t at = (size_t)found + key.len;
		if (scan_take(text, &at, STR(":")) && scan_take(text, &at, STR("{"))) return at;
	}
	return 0;
}

/* Behind the bracket that closes what at is inside of. */
static size_t skip_braces(struct str text, size_t at)
{
	for (int depth = 1; at < text.len && depth > 0; at++) {
		if (text.ptr[at] == '{') depth++;
		if (text.ptr[at] == '}') depth--;
	}
	return at;
}

void types_tables(struct str text, json_t *names)
{
	size_t at = inside(text, 0, STR("public"));
	if (at > 0) at = inside(text, at, STR("Tables"));
	if (at == 0) return;
	while (json_array_size(names) < INSPECT_MAX_LIST) {
		struct str name;
		(void)(scan_take(text, &at, STR(";")) || scan_take(text, &at, STR(",")));
		if (!scan_take_quoted(text, &at, &name) && !scan_take_name(text, &at, &name)) return;
		if (!scan_take(text, &at, STR(":")) || !scan_take(text, &at, STR("{"))) return;
		json_array_append_new(names, scan_json(name));
		at = skip_braces(text, at);
	}
}
