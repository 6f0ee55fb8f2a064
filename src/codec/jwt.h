/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Tokens (RFC 7515, 7519): signed and verified by HMAC, RSA, ECDSA (RFC 7518) and Ed25519 (RFC 8037).
 * An algorithm belongs to a key, never to the token, so that a token cannot choose how it is checked. Keys are read
 * by codec/jwk.h. */
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

enum jwt_algorithm {
	JWT_HS256,
	JWT_HS384,
	JWT_HS512,
	JWT_RS256,
	JWT_RS384,
	JWT_RS512,
	JWT_ES256,
	JWT_ES384,
	JWT_ES512,
	JWT_EDDSA,
};
#define JWT_ALGORITHMS 10

struct evp_pkey_st;

struct jwt_key {
	enum jwt_algorithm algorithm;
	struct str kid; /* empty: matches a token with any kid or none */
	struct str secret; /* HS… */
	struct evp_pkey_st *key; /* of the others: borrowed, OpenSSL's EVP_PKEY; to sign, with its private half */
};

/* Of what is signed of a token (header and claims): the signature's text can be written in several ways. */
#define JWT_DIGEST_BYTES 32
struct jwt_digest {
	unsigned char bytes[JWT_DIGEST_BYTES];
};
void jwt_digest(struct str token, struct jwt_digest *ret_digest);

struct jwt_keys {
	const struct jwt_key *keys;
	size_t count;
	const struct jwt_digest *refused; /* tokens that are not believed although a key verifies them */
	size_t refused_count;
};

enum jwt_fault {
	JWT_OK,
	JWT_EMPTY,
	JWT_PARTS, /* not three parts */
	JWT_UNREADABLE, /* too long, not base64url, not JSON, header that we do not understand */
	JWT_UNSECURED, /* `none` */
	JWT_ALGORITHM, /* one that is not known */
	JWT_SIGNATURE, /* no key verifies it, or it is refused by name */
	JWT_NO_KEY, /* no key of ours has its algorithm and kid */
	JWT_CLAIMS, /* signed, but no JSON object */
	JWT_EXP_TYPE, /* exp, nbf, iat or aud of the wrong type */
	JWT_NBF_TYPE,
	JWT_IAT_TYPE,
	JWT_AUD_TYPE,
	JWT_EXPIRED,
	JWT_NOT_YET, /* nbf */
	JWT_FUTURE, /* iat */
	JWT_AUDIENCE,
	JWT_NO_ROLE, /* tokens.h: it names none, and must */
};

struct jwt_expect {
	int64_t now_s; /* since 1970 */
	struct str audience; /* empty: any. A token that names no audience is for everybody */
};

/* The claims of a token that is signed by one of the keys and valid now; the caller owns them. On failure the fault
 * says which check it was. */
bool jwt_verify(struct str token, const struct jwt_keys *keys, const struct jwt_expect *expect, json_t **ret_claims,
		enum jwt_fault *ret_fault, struct err *err);

/* The name in a token's header; -1 when it is none of ours. */
int jwt_algorithm_find(const char *name);

/* Appends the signed token: HMAC, or a key with its private half. */
void jwt_sign(const struct jwt_key *key, const json_t *claims, struct buf *ret_token);

/* The same of claims that are JSON text already. */
void jwt_sign_text(const struct jwt_key *key, struct str claims, struct buf *ret_token);

/* The claims as they stand there, nothing verified: to tell an anon key from a service key, never to decide. */
bool jwt_peek(struct str token, json_t **ret_claims, struct err *err);

#endif
