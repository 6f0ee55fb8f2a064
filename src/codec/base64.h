/* SPDX-License-Identifier: Apache-2.0
 *
 * base64url without padding (RFC 4648, section 5), as tokens use it, and the common form of headers. */
#ifndef FREEHOLD_CODEC_BASE64_H
#define FREEHOLD_CODEC_BASE64_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

void base64url_encode(struct str bytes, struct buf *ret_text);

/* Strict: no padding, no other characters, no stray bits at the end. False leaves ret_bytes as it was; it may also
 * overflow. */
bool base64url_decode(struct str text, struct buf *ret_bytes);

/* Either alphabet, padded or not, as Node's Buffer takes it; characters that are none are passed over. */
void base64_decode_any(struct str text, struct buf *ret_bytes);

/* The common alphabet with padding. */
void base64_encode(struct str bytes, struct buf *ret_text);

#endif
