/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578, 2046), read as it comes: bytes in, parts out, whatever the pieces are cut into.
 * Nothing of a part's content is kept; at most MULTIPART_HOLD_BYTES wait for what decides about them.
 *
 *     preamble ─▶ headers ─▶ content ─▶ headers … ─▶ end
 *                 on_part    on_data    on_part_end */
#ifndef FREEHOLD_CODEC_MULTIPART_H
#define FREEHOLD_CODEC_MULTIPART_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define MULTIPART_BOUNDARY_MAX 200 /* RFC 2046 allows 70 */
#define MULTIPART_HEADERS_MAX (16u << 10) /* of one part */
#define MULTIPART_HOLD_BYTES (64u << 10)

struct multipart_part {
	struct str name; /* "" where there is none */
	bool is_file; /* it has a filename, be it empty */
	struct str filename;
	struct str type; /* Content-Type; "" where there is none */
};

/* False stops the reading. What they are shown is gone when they return. */
struct multipart_handler {
	bool (*on_part)(void *arg, const struct multipart_part *part, struct err *err);
	bool (*on_data)(void *arg, struct str bytes, struct err *err);
	bool (*on_part_end)(void *arg, struct err *err);
	void *arg;
};

struct multipart {
	struct multipart_handler handler;
	char delimiter[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--boundary" */
	size_t delimiter_len;
	struct buf held;
	enum { MULTIPART_PREAMBLE, MULTIPART_BORDER, MULTIPART_HEADERS, MULTIPART_CONTENT, MULTIPART_END } state;
};

/* The boundary of a Content-Type header. False: it is not multipart/form-data, or names none that is sound. */
bool multipart_boundary(struct str content_type, struct str *ret_boundary);

void multipart_init(struct multipart *m, struct str boundary, const struct multipart_handler *handler);
void multipart_done(struct multipart *m);

/* ERR_INVALID for what is not multipart, ERR_LIMIT for headers that are too long, or what a handler said. */
bool multipart_feed(struct multipart *m, struct str bytes, struct err *err);

/* The body ended: false when its last border has not come. */
bool multipart_is_whole(const struct multipart *m);

#endif
