/* SPDX-License-Identifier: Apache-2.0
 *
 * Which statements one connection has prepared: a table with a declared maximum, the least recently used leaves first.
 * The key is the text and an affinity (a number for the role it is prepared under): PostgreSQL makes a plan over row
 * security again whenever the role has changed, so each role gets a statement of its own. */
#ifndef FREEHOLD_PG_STATEMENTS_H
#define FREEHOLD_PG_STATEMENTS_H

#include <stdbool.h>
#include <stdint.h>

#define PG_STATEMENT_NAME_SIZE 16

struct pg_statements;

struct pg_prepared {
	uint64_t hash;
	uint64_t affinity;
	uint64_t last_use;
	char *sql;
	char name[PG_STATEMENT_NAME_SIZE];
	bool is_ready; /* the server said so; until then a failure takes it out again */
};

struct pg_statements *pg_statements_new(int max);
void pg_statements_free(struct pg_statements *s); /* NULL is allowed */

/* Of a statement's text. A collision costs a comparison and nothing else. */
uint64_t pg_text_hash(const char *text);

/* The entry of this text, or NULL. hash: pg_text_hash(sql), or 0: not known. */
struct pg_prepared *pg_statements_find(struct pg_statements *s, const char *sql, uint64_t hash, uint64_t affinity);

/* Makes an entry with a fresh name, not ready yet. When the table is full the least recently used one goes and its name
 * is left in ret_evicted ("" otherwise), to be deallocated. Entries younger than `keep` (a value of
 * pg_statements_mark) stay: they belong to the pipeline being sent. NULL when all are that young. */
struct pg_prepared *pg_statements_add(struct pg_statements *s, const char *sql, uint64_t affinity, uint64_t keep,
				      char ret_evicted[PG_STATEMENT_NAME_SIZE]);
uint64_t pg_statements_mark(const struct pg_statements *s);

/* Takes out what never became ready. */
void pg_statements_drop_unready(struct pg_statements *s);
void pg_statements_clear(struct pg_statements *s);
int pg_statements_count(const struct pg_statements *s);

#endif
