/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a query string: either a target or a message, never anything else. */
#include <stdint.h>

#include "rest/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target target;
	struct parse_error error = {0};
	struct arena *a = arena_new(8 << 20);
	bool ok = target_parse(a, (struct str){(const char *)data, size}, size % 2 == 0, &target, &error);
	if (!ok && (error.message == NULL || error.details == NULL)) __builtin_trap();
	arena_free(a);
	return 0;
}
