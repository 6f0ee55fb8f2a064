/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of one shape: reads that differ in nothing but the values of their filters, "id=eq.5" and "id=eq.6", and so
 * become the same statement. What was read, planned and written for one of them is kept; the next one only has its
 * values put in, which takes a third of the work.
 *
 *     request ─▶ its shape (query, path, headers that count; values left out) ─▶ known: recalled
 *                                                     ├─ came once before: learned from, then recalled
 *                                                     └─ new: read, planned and written as ever
 *
 * A value is what stands behind eq., neq., gt., gte., lt. or lte.: it is a parameter as it is, whatever it says, as
 * long as it is UTF-8. How a shape is learned shows that: the request is read with marks in the values' places, and a
 * shape is only kept when each mark came out as one parameter, unchanged. Everything else belongs to the shape. Who
 * asks does not: role and claims are set by a statement of their own, with each request's own values.
 *
 * Holds at most SHAPES_MAX, of at most 48 KiB each; all are forgotten when the catalogue or the settings change. */
#ifndef FREEHOLD_REST_SHAPE_H
#define FREEHOLD_REST_SHAPE_H

#include "rest/sql.h"

#define SHAPES_MAX 128

struct shapes;

struct shapes *shapes_new(void);
void shapes_free(struct shapes *s); /* NULL is allowed */

struct recalled {
	struct plan plan; /* its ask has marks for values; its canonical query has not */
	struct pg_statement main;
};

/* False: not known, or no such read. What is recalled lives as long as the request's arena. */
bool shapes_recall(struct shapes *s, const struct rest_settings *settings, struct catalogue *c,
		   const struct rest_request *request, struct recalled *ret);

int shapes_count(const struct shapes *s); /* known now; for tests */

#endif
