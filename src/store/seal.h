/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets at rest: XSalsa20-Poly1305 (libsodium's secretbox) with the key in <home>/secret.key, 32 random bytes that
 * only the daemon's user can read. A sealed value is nonce || box; its label (app and name) is inside, so that a row
 * copied onto another row's place does not open. */
#ifndef FREEHOLD_STORE_SEAL_H
#define FREEHOLD_STORE_SEAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SEAL_VALUE_MAX_BYTES (64u * 1024)

struct seal;

/* Reads the key, or makes it when there is none. */
bool seal_open(const char *key_path, struct seal **ret_seal, struct err *err);
void seal_close(struct seal *s); /* wipes the key; NULL is allowed */

void seal_close_value(const struct seal *s, struct str label, struct str value, struct buf *ret_sealed);
bool seal_open_value(const struct seal *s, struct str label, struct str sealed, struct buf *ret_value, struct err *err);

/* Random text of the alphabet A-Z a-z 0-9, NUL-terminated. */
void seal_random_text(char *ret_text, size_t len);

#endif
