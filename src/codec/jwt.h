/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Tokens (RFC 7515, 7519), signed. HS256 for now; RS256 and ES256 are verified once keys of that kind exist:
 * an algorithm belongs to a key, never to the token, so that a token cannot choose how it is checked. */
#ifndef FREEHOLD_CODEC_JWT_H
#define FREEHOLD_CODEC_JWT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define JWT_MAX_BYTES 16384 /* a longer token is refused unread */
#define JWT_LEEWAY_S 30 /* clocks may differ by so much */

enum jwt_algorithm { JWT_HS256 };

struct jwt_key {
	enum jwt_algorithm algorithm;
	struct str kid; /* empty: matches a token with any kid or none */
	struct str secret;
};

struct jwt_keys {
	const struct jwt_key *keys;
	size_t count;
};

enum jwt_fault {
	JWT_OK,
	JWT_EMPTY,
	JWT_PARTS, /* not three parts */
	JWT_UNREADABLE, /* too long, not base64url, not JSON, header that we do not understand */
	JWT_ALGORITHM, /* `none`, or one that no key of ours has */
	JWT_SIGNATURE, /* no key verifies it */
	JWT_CLAIMS, /* exp, nbf, iat or aud of the wrong type */
	JWT_EXPIRED,
	JWT_NOT_YET, /* nbf */
	JWT_FUTURE, /* iat */
	JWT_AUDIENCE,
};

struct jwt_expect {
	int64_t now_s; /* since 1970 */
	struct str audience; /* empty: any */
};

/* The claims of a token that is signed by one of the keys and valid now; the caller owns them. On failure the fault
 * says which check it was. */
bool jwt_verify(struct str token, const struct jwt_keys *keys, const struct jwt_expect *expect, json_t **ret_claims,
		enum jwt_fault *ret_fault, struct err *err);

/* Appends the signed token. */
void jwt_sign(const struct jwt_key *key, const json_t *claims, struct buf *ret_token);

/* The same of claims that are JSON text already. */
void jwt_sign_text(const struct jwt_key *key, struct str claims, struct buf *ret_token);

/* The claims as they stand there, nothing verified: to tell an anon key from a service key, never to decide. */
bool jwt_peek(struct str token, json_t **ret_claims, struct err *err);

#endif
