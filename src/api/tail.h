/* SPDX-License-Identifier: Apache-2.0
 *
 * Files as streamed answers: from some line to their end, and on as they grow, as fast as the client reads. */
#ifndef FREEHOLD_API_TAIL_H
#define FREEHOLD_API_TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"
#include "http/server.h"

#define TAIL_SOURCES_MAX 200
#define TAIL_LINE_MAX_BYTES (64u * 1024)

struct tail_source {
	const char *path; /* one that is missing is empty */
	const char *name; /* NULL: lines go out as they are, they are JSON; else as {"source": name, "text": line} */
	const char *needle; /* only lines that hold this text; NULL: all */
};

/* Answers the request with application/x-ndjson: the last `lines` lines of each source (-1: everything), then, when
 * is_following, what is appended, until the client leaves or a line begins with end_prefix (NULL: none does). */
void tail_reply(uv_loop_t *loop, struct http_request *req, const struct tail_source *sources, int count, int64_t lines,
		bool is_following, const char *end_mark);

#endif
