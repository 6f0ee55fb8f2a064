/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a token's role stands: PostgREST's jwt-role-claim-key, a path such as .role, ."https://app/role",
 * .roles[0] or .roles[?(@ == "editor")]; the comparisons are == != ^== (begins) ==^ (ends) *== (contains). */
#ifndef FREEHOLD_CODEC_CLAIM_H
#define FREEHOLD_CODEC_CLAIM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

/* Borrowed from the claims; NULL when it is not there. */
const json_t *claim_find(const json_t *claims, const char *path);

/* A comparison can only be the last step. */
bool claim_path_is_sound(const char *path);

/* A sound path in one form: ."role"[0][?(@ == "x")] */
void claim_path_write(const char *path, struct buf *ret_text);

#endif
