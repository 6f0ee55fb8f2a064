/* SPDX-License-Identifier: Apache-2.0
 *
 * The paths below /storage/v1, and which function begins each of them. */
#ifndef FREEHOLD_STORAGE_ROUTE_H
#define FREEHOLD_STORAGE_ROUTE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "storage/problem.h"

struct storage_call;

enum storage_access {
	ACCESS_OPEN, /* anyone; a token of the URL or a public bucket decides */
	ACCESS_MAYBE, /* anyone; who is known sees what row security allows */
	ACCESS_KNOWN, /* a sound token or key */
	ACCESS_SERVICE, /* service_role */
};
enum storage_takes { TAKES_NOTHING, TAKES_JSON, TAKES_FILE };

struct storage_route {
	const char *method, *path; /* ":b" a bucket, "*" the rest: an object's name; ":u" an upload's id, as it came */
	const char *operation; /* what storage.operation() says to policies */
	enum storage_access access;
	enum storage_takes takes;
	void (*begin)(struct storage_call *call);
	int variant; /* for routes that share a function */
};

/* NULL with a problem. What is matched is decoded, in the arena. */
const struct storage_route *storage_route_find(struct arena *a, struct str method, struct str path,
					       struct str *ret_bucket, struct str *ret_key,
					       struct storage_problem *problem);

/* The same without a problem and without decoding. */
bool storage_route_takes_file(struct str method, struct str path);

#endif
