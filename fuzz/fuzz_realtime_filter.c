/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter of a subscription: it is read, or there are words for why not. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/json.h"
#include "realtime/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_wish wish;
	const char *problem = NULL;
	struct arena *a = arena_new(1 << 20);
	json_t *text = json_stringn((const char *)data, size);
	if (text != NULL) {
		json_t *element = json_pack("{s:s, s:s, s:o}", "schema", "public", "table", "t", "filter", text);
		bool ok = filter_read(a, element, &wish, &problem);
		if (ok ? filter_describe(a, &wish)[0] != '[' : problem == NULL || problem[0] == '\0') abort();
		for (int i = 0; ok && i < wish.filter_count; i++)
			if (wish.filters[i].column == NULL || wish.filters[i].value == NULL) abort();
		json_decref(element);
	}
	arena_free(a);
	return 0;
}
