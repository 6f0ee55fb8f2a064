/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as Prefer and Accept, and as a view's parsed form. */
#include <stdint.h>

#include "pg/view.h"
#include "rest/media.h"
#include "rest/prefer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct rest_header header = {STR("Prefer"), text};
	struct media media[MEDIA_ACCEPT_MAX];
	struct view_column columns[8];
	struct prefer prefer;
	struct arena *a = arena_new(1 << 20);
	prefer_parse(&header, 1, true, NULL, NULL, &prefer);
	int n = media_accept(a, text, media);
	for (int i = 0; i < n; i++) (void)media_content_type(a, media[i]);
	(void)view_columns(text, columns, 8);
	arena_free(a);
	return 0;
}
