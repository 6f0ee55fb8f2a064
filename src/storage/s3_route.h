/* SPDX-License-Identifier: Apache-2.0
 *
 * Which call of S3's a request is: by its method, whether its path names a bucket and a key, and its query. Pure. */
#ifndef FREEHOLD_STORAGE_S3_ROUTE_H
#define FREEHOLD_STORAGE_S3_ROUTE_H

#include <stdbool.h>

#include "base/str.h"
#include "storage/route.h"

#define S3_PREFIX "/s3"

enum s3_takes {
	S3_TAKES_NOTHING,
	S3_TAKES_XML, /* collected, then the call begins */
	S3_TAKES_FILE, /* the call begins before */
};

struct s3_route {
	struct storage_route as; /* method, operation and begin, as the other calls have them */
	enum s3_takes takes;
	int level; /* 0: all buckets, 1: a bucket, 2: an object */
	const char *query; /* a parameter that must be there; NULL: none of those that other rows name */
	const char *header; /* that must be there; NULL: none */
};

/* path: behind "/s3", percent-encoded; ret_bucket and ret_key are as it has them. NULL: S3 knows more than is served.
 */
const struct s3_route *s3_route_find(struct str method, struct str path, struct str query, bool has_copy_source,
				     struct str *ret_bucket, struct str *ret_key);

/* The path is below S3_PREFIX. */
bool s3_route_is_below(struct str path, struct str *ret_rest);

#endif
