/* SPDX-License-Identifier: Apache-2.0
 *
 * What an S3 request says of its signature: lines "Name: value" of a head, the first line is METHOD PATH QUERY. Nothing
 * is ever signed by the wrong secret, and what is read of it is bounded. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "storage/s3_route.h"
#include "storage/s3_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str header_of(const void *arg, struct str name)
{
	struct str rest = *(const struct str *)arg, line, n, v;
	while (str_next(&rest, '\n', &line))
		if (str_cut(line, ':', &n, &v) && str_eq_nocase(n, name)) return str_trim(v);
	return (struct str){NULL, 0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, first, head, bucket, key;
	struct s3_signature s;
	if (size > 65536 || !str_cut(text, '\n', &first, &head)) return 0;
	struct arena *a = arena_new(64 * size + 65536);
	struct s3_message m = {.header = header_of, .arg = &head, .path = STR("/"), .query = STR("")};
	if (!str_cut(first, ' ', &m.method, &m.path)) m.method = first;
	struct str path = m.path;
	(void)str_cut(path, ' ', &m.path, &m.query);
	if (s3_sign_read(a, &m, 1369353600, &s) == S3_SIGN_OK) {
		if (s.signature.len != S3_HEX_SIZE - 1 || s.access_key.len == 0 || !s3_sign_covers(&s, STR("host")))
			abort();
		if (s3_sign_check(a, &m, &s, STR("one")) && s3_sign_check(a, &m, &s, STR("two"))) abort();
	}
	const struct s3_route *r = s3_route_find(m.method, m.path, m.query, false, &bucket, &key);
	if (r != NULL && (r->level > 0) != (bucket.len > 0)) abort();
	arena_free(a);
	return 0;
}
