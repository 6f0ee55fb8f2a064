/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request's body is made of, as far as it must be known before PostgreSQL reads it: the names in its objects.
 * Pure, fuzzed. */
#ifndef FREEHOLD_REST_BODY_H
#define FREEHOLD_REST_BODY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

#define BODY_KEYS_MAX 1600 /* PostgreSQL's limit of columns */
#define BODY_DEPTH_MAX 500

enum body_shape { BODY_OBJECT, BODY_ARRAY, BODY_OTHER };

struct body_keys {
	enum body_shape shape;
	struct str *names; /* sorted, once each */
	int count;
	bool is_uniform; /* every element of the array is an object with these keys */
	bool is_empty; /* [] */
};

/* False: no JSON text (RFC 8259). Names are decoded. */
bool body_scan_json(struct arena *a, struct str json, struct body_keys *ret_keys);

/* A table with a header line (RFC 4180) as a JSON array of objects with text values, NULL for the word NULL. On failure
 * *ret_message says what is wrong. */
bool body_csv_to_json(struct arena *a, struct str csv, struct str *ret_json, const char **ret_message);

/* name=value&… as a JSON object with text values; a name that comes again counts once, with its last value. */
struct body_pair {
	struct str name, value;
};
bool body_form(struct arena *a, struct str form, struct body_pair **ret_pairs, int *ret_count);
bool body_pairs_to_json(struct arena *a, const struct body_pair *pairs, int count, struct str *ret_json);

#endif
