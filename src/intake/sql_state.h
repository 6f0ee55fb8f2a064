/* SPDX-License-Identifier: Apache-2.0
 *
 * What a database looks like after the migrations, as far as safety asks: tables and their row security, policies,
 * functions that run with their owner's rights, buckets. Statements are applied in order from the parser's JSON trees;
 * what a tree does not tell (dynamic SQL) is remembered as uncertain rather than guessed. */
#ifndef FREEHOLD_INTAKE_SQL_STATE_H
#define FREEHOLD_INTAKE_SQL_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct sql_state {
	/* "public.votes": {rls, file, line, anon_revoked, signed_in_revoked, personal: [columns named like a person's
	 * data], policies: {name: {cmd, roles [..], using, check: "true"|"other"|"none"|"bucket", permissive, file,
	 * line}}} */
	json_t *tables;
	json_t *functions; /* "public.f(int4)": {name, definer, trigger, public, anon, file, line} */
	json_t *buckets; /* name: {public, file, line} */
	json_t *extensions; /* name: {file, line} */
	json_t *cron; /* name: {file, line} */
	json_t *enums; /* "public.mood": index of the migration that creates it */
	bool has_dynamic_rls; /* EXECUTE with ENABLE ROW LEVEL SECURITY was seen */
	bool default_public, default_anon; /* new functions may be called by */
};

/* Where a statement stands. */
struct sql_place {
	const char *file;
	uint32_t line;
	size_t migration; /* index */
};

void sql_state_init(struct sql_state *s);
void sql_state_done(struct sql_state *s);

/* Parses one statement and applies it. text ends in NUL. False when the parser does not understand it (nothing is
 * changed then). */
bool sql_state_apply(struct sql_state *s, const char *text, struct sql_place place);

/* Applies what a DO block's body holds in plain sight: the statements in it that concern row security, as if all its
 * branches ran. */
void sql_state_apply_block(struct sql_state *s, struct str body, struct sql_place place);

#endif
