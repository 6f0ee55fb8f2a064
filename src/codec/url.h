/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding (RFC 3986) and query strings. */
#ifndef FREEHOLD_CODEC_URL_H
#define FREEHOLD_CODEC_URL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Decodes %XX. ERR_INVALID for a broken sequence and for a decoded NUL, which no name or value of ours may hold;
 * ERR_LIMIT when the arena is full. Text without '%' is returned as it is. */
bool url_decode(struct arena *a, struct str text, struct str *ret_text, struct err *err);

/* The same, and '+' is a space, as forms and query strings have it. */
bool url_decode_plus(struct arena *a, struct str text, struct str *ret_text, struct err *err);

/* Leaves letters, digits and -._~ and encodes everything else. */
void url_encode(struct str text, struct buf *ret_text);

/* Takes the next name=value from *rest, neither decoded; without '=' the value is empty. Empty parts ("a&&b") are
 * passed over. False at the end. Begin with *rest = the query. */
bool query_next(struct str *rest, struct str *ret_name, struct str *ret_value);

/* The first value of a name, both decoded with '+'. False when it is absent or does not decode. */
bool query_get(struct arena *a, struct str query, struct str name, struct str *ret_value);

#endif
