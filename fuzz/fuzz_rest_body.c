/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a body: JSON, a table, a form. */
#include <stdint.h>

#include "rest/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = {(const char *)data, size}, json;
	struct body_keys keys;
	struct body_pair *pairs;
	const char *message = NULL;
	int count;
	struct arena *a = arena_new(8 << 20);
	(void)body_scan_json(a, body, &keys);
	if (body_csv_to_json(a, body, &json, &message)) {
		if (str_is_utf8(body) && !body_scan_json(a, json, &keys)) __builtin_trap();
	} else if (message == NULL) {
		__builtin_trap();
	}
	if (body_form(a, body, &pairs, &count)) (void)body_pairs_to_json(a, pairs, count, &json);
	arena_free(a);
	return 0;
}
