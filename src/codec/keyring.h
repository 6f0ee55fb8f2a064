/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that an app's tokens are signed with, and their lives, in Supabase's words:
 *
 *     standby ──▶ in_use ──▶ previously_used ──▶ revoked
 *     announced    signs      verifies still       neither
 *
 * All but the revoked ones verify, and all but those and the secrets (kty oct) stand in the JWKS. One is in use. Pure;
 * OpenSSL makes and reads the numbers. */
#ifndef FREEHOLD_CODEC_KEYRING_H
#define FREEHOLD_CODEC_KEYRING_H

#include "codec/jwt.h"

#define KEYRING_MAX 20
#define KEYRING_REFUSED_MAX 64

enum key_state { KEY_STANDBY, KEY_IN_USE, KEY_PREVIOUSLY_USED, KEY_REVOKED };
const char *key_state_word(enum key_state state);
bool key_state_find(const char *word, enum key_state *ret_state);

struct keyring;

/* A list of {"state": …, "jwk": {…}}, jwk with its private half (RSA of 2048 to 4096 bits, EC P-256) or kty oct. What
 * is a JWK itself counts too, as in Supabase's signing_keys.json: the first is in use, the others were. ERR_INVALID
 * names the key. {"refused": 64 hexadecimal digits} is no key but a token's jwt_digest: that token is not believed. The
 * list is not needed afterwards. */
bool keyring_read(const json_t *list, struct keyring **ret_keyring, struct err *err);

/* One secret, HS256, without a kid. */
struct keyring *keyring_from_secret(struct str secret);
void keyring_free(struct keyring *keyring); /* NULL is allowed */

/* All live as long as the keyring. */
const struct jwt_key *keyring_signing(const struct keyring *keyring);
struct jwt_keys keyring_verifying(const struct keyring *keyring);
struct str keyring_jwks(const struct keyring *keyring); /* {"keys":[…]}, public halves */

/* A fresh private JWK: JWT_ES256, JWT_RS256 (2048 bits) or JWT_HS256. kid must be text of the caller's, unique. */
json_t *keyring_make(enum jwt_algorithm algorithm, const char *kid);

/* What of a JWK may be shown: without its private half; NULL for a secret. */
json_t *keyring_public(const json_t *jwk);

#endif
