/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request for a file says in its headers and its path: ranges, etags, dates, names, types, sizes, routes. A part
 * that is sent lies within the file. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "storage/name.h"
#include "storage/range.h"
#include "storage/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_range(struct str text, uint64_t size)
{
	uint64_t from = 0, length = 0;
	enum range_kind kind = storage_range(text, size, &from, &length);
	if (kind == RANGE_PART && (length == 0 || from >= size || length > size - from)) abort();
}

static void try_routes(struct arena *a, struct str text)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		struct storage_problem problem;
		struct str bucket, key, method = str_from(methods[i]);
		const struct storage_route *route = storage_route_find(a, method, text, &bucket, &key, &problem);
		if (route == NULL) continue;
		if (bucket.len > 0 && !storage_is_bucket(bucket)) abort();
		bool is_id = str_has_suffix(str_from(route->path), STR(":u"));
		if (!is_id && key.len > 0 && !storage_is_key(key)) abort();
		if ((route->takes == TAKES_FILE) != storage_route_takes_file(method, text)) abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, head, tail;
	int64_t n;
	struct arena *a = arena_new(64 * size + 4096);
	try_range(text, 0), try_range(text, 1), try_range(text, 1000), try_range(text, UINT64_MAX / 2);
	(void)storage_etag_listed(text, STR("\"abc\""));
	(void)storage_date_read(text, &n);
	(void)storage_time_read(text, &n);
	if (storage_read_size(text, &n) && n < 0) abort();
	(void)storage_is_mime_rule(text);
	(void)storage_is_active(text);
	if (str_cut(text, '\n', &head, &tail)) (void)storage_mime_matches(head, tail);
	try_routes(a, text);
	arena_free(a);
	return 0;
}
