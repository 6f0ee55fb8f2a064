/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements of one step of a request: they go out as one pipeline and are one transaction. Texts are constants,
 * values are parameters. Pure. */
#ifndef FREEHOLD_PG_BATCH_H
#define FREEHOLD_PG_BATCH_H

#include "pg/pool.h"

#define PG_BATCH_PARAMS_MAX 12

struct pg_batch {
	struct pg_statement statements[PG_PIPELINE_MAX];
	const char *params[PG_PIPELINE_MAX][PG_BATCH_PARAMS_MAX];
	int count;
};

/* The values must live as long as the call; NULL is SQL null. PG_ADD(batch, text, value, …) counts them, PG_ADD0 has
 * none. Returns the statement's number. */
int pg_batch_add(struct pg_batch *batch, const char *text, int param_count, const char *const *params);

#define PG_ADD(batch, text, ...)                                                                                       \
	pg_batch_add(batch, text, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),                 \
		     (const char *[]){__VA_ARGS__})
#define PG_ADD0(batch, text) pg_batch_add(batch, text, 0, NULL)

#endif
