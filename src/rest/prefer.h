/* SPDX-License-Identifier: Apache-2.0
 *
 * The Prefer header (RFC 7240) as PostgREST reads it, and Preference-Applied. */
#ifndef FREEHOLD_REST_PREFER_H
#define FREEHOLD_REST_PREFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "rest/rest.h"

#define PREFER_INVALID_MAX 16

enum prefer_resolution { RESOLUTION_NONE, RESOLUTION_MERGE, RESOLUTION_IGNORE };
enum prefer_return { RETURN_NONE, RETURN_FULL, RETURN_MINIMAL, RETURN_HEADERS };
enum prefer_count { COUNT_NONE, COUNT_EXACT, COUNT_PLANNED, COUNT_ESTIMATED };
enum prefer_tx { TX_NONE, TX_COMMIT, TX_ROLLBACK };
enum prefer_missing { MISSING_NONE, MISSING_DEFAULT, MISSING_NULL };
enum prefer_handling { HANDLING_NONE, HANDLING_STRICT, HANDLING_LENIENT };

struct prefer {
	enum prefer_resolution resolution;
	enum prefer_return representation;
	enum prefer_count count;
	enum prefer_tx tx;
	enum prefer_missing missing;
	enum prefer_handling handling;
	struct str timezone; /* .ptr NULL: none */
	bool has_max_affected;
	int64_t max_affected;
	struct str invalid[PREFER_INVALID_MAX];
	int invalid_count;
};

/* Whether a time zone exists decides the caller (is_timezone may be NULL: none does). */
void prefer_parse(const struct rest_header *headers, int count, bool is_tx_allowed,
		  bool (*is_timezone)(void *arg, struct str name), void *arg, struct prefer *ret_prefer);

/* "resolution=merge-duplicates, return=representation"; appends nothing when nothing applies. */
void prefer_applied(const struct prefer *p, struct buf *ret_text);

#endif
