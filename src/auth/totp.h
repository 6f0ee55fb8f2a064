/* SPDX-License-Identifier: Apache-2.0
 *
 * Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, six digits, thirty seconds. Pure but
 * for the randomness of a secret. */
#ifndef FREEHOLD_AUTH_TOTP_H
#define FREEHOLD_AUTH_TOTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define TOTP_SECRET_SIZE 33 /* 160 bits in base32, and NUL */

void totp_make_secret(char ret_secret[TOTP_SECRET_SIZE]);

/* The code of the step that holds now_s; false for a secret that is no base32. */
bool totp_code(const char *secret, int64_t now_s, char ret_code[7]);

/* Whether the code is that of now, or of the step before or behind, since clocks differ. In constant time. */
bool totp_verify(const char *secret, const char *code, int64_t now_s);

/* otpauth://totp/ISSUER:ACCOUNT?…; NULL at the arena's limit. */
const char *totp_uri(struct arena *a, const char *secret, const char *issuer, const char *account);

/* A text as a QR code, an SVG image. False when it is too long for one. */
bool totp_qr_svg(const char *text, struct buf *ret_svg);

#endif
