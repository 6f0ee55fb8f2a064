/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of many rows. A small one comes as one value, in one round trip, which is quickest. A large one would stand
 * in memory several times over, here and in PostgreSQL; so it comes row by row and is led on as it comes, at the
 * client's pace:
 *
 *     read ─▶ FORM_BOUNDED ─▶ the value, or, when it is larger than ROWS_BOUND_BYTES, nothing: asked again as
 *     FORM_ROWS, and remembered, so that the same statement is asked as rows at once the next time
 *     update, delete, insert of a large body, function of several rows ─▶ FORM_ROWS, since they cannot be asked twice
 *
 * Of FORM_ROWS the first row is everything but the body; so the headers, Content-Range among them, are known before
 * the body begins, and most errors too. Up to ROWS_BOUND_BYTES are gathered, and answered like a value if that was all.
 *
 * This module is the form, and the body in the making. */
#ifndef FREEHOLD_REST_ROWS_H
#define FREEHOLD_REST_ROWS_H

#include "rest/plan.h"

#ifndef ROWS_BOUND_BYTES /* a build with 1 shows that both forms give the same bytes */
#define ROWS_BOUND_BYTES (256u << 10)
#endif

enum plan_form rows_form(const struct plan *plan);

/* The piece of a body that is not handed on yet. */
struct rows {
	struct buf bytes;
	size_t sent; /* of its first bytes */
	size_t total; /* bytes so far, those that are gone included */
	const char *between, *closing;
	bool is_first;
};

void rows_begin(struct rows *r, enum plan_handler handler, struct str head); /* head: of the CSV, its first line */
void rows_add(struct rows *r, struct str row);
void rows_end(struct rows *r);
void rows_done(struct rows *r); /* frees */

/* Hands on what the sink takes. True: nothing of importance is left. With is_end nothing at all. */
bool rows_push(struct rows *r, const struct rest_sink *sink, void *arg, bool is_end);

/* Which statements gave large answers: a fixed number of places, the newest has it. */
#define ROWS_MEMORY_PLACES 1024
struct rows_memory {
	uint64_t places[ROWS_MEMORY_PLACES];
};
uint64_t rows_shape(uint64_t text_hash, uint64_t affinity); /* of the statement and the role */
bool rows_was_large(const struct rows_memory *m, uint64_t shape);
void rows_remember(struct rows_memory *m, uint64_t shape, bool is_large);

#endif
