/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys in text: recognised where they stand, their role read, nothing verified. */
#ifndef FREEHOLD_BUILD_LITERAL_H
#define FREEHOLD_BUILD_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum literal_kind {
	LITERAL_NONE,
	LITERAL_ANON_JWT, /* public by design */
	LITERAL_SERVICE_JWT, /* role service_role or supabase_admin: passes by all row security */
	LITERAL_PUBLISHABLE, /* sb_publishable_…: public by design */
	LITERAL_SECRET, /* sb_secret_… */
};

#define LITERAL_REF_SIZE 64

/* Is there a key at text[at]? ret_len is how long it is, ret_ref the project it belongs to ("" where it does not say).
 */
enum literal_kind literal_at(struct str text, size_t at, size_t *ret_len, char ret_ref[LITERAL_REF_SIZE]);

/* The first secret key (service role, sb_secret_) in a text, and its line from 1. */
bool literal_find_secret(struct str text, enum literal_kind *ret_kind, int *ret_line);

#endif
