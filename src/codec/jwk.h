/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Keys (RFC 7517): a key, a set {"keys": [...]}, or a list, become keys that verify tokens: kty oct, RSA, EC
 * (P-256, P-384, P-521) and OKP (Ed25519). A key that says no alg serves all algorithms of its kind. Keys of other
 * kinds, and those whose use is "enc", are left out. */
#ifndef FREEHOLD_CODEC_JWK_H
#define FREEHOLD_CODEC_JWK_H

#include "codec/jwt.h"

#define JWK_KEYS_MAX 64
#define JWK_TEXT_MAX (64u << 10)

struct jwk_set;

/* ERR_INVALID names the key and what is wrong with it, ERR_LIMIT when there are too many. */
bool jwk_read(struct str text, struct jwk_set **ret_set, struct err *err);

/* One secret, for HS256: an oct key says others. */
struct jwk_set *jwk_from_secret(struct str secret);

struct jwt_keys jwk_keys(const struct jwk_set *set); /* live as long as the set */
void jwk_free(struct jwk_set *set); /* NULL is allowed */

#endif
