/* SPDX-License-Identifier: Apache-2.0
 *
 * The second round trip: which of the changed rows of tables under row security each identity sees. */
#include "realtime/verdict.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "pg/pool.h"
#include "realtime/array.h"

#define AT_ONCE 16 /* questions under way; the pool has fewer connections */
#define CHECK_SQL_MAX_BYTES 65536
#define PRIMARY_MAX 32 /* columns of a key: PostgreSQL's INDEX_MAX_KEYS */

static const char identity_sql[] = "select pg_catalog.set_config('role', $1, true),"
				   " pg_catalog.set_config('request.jwt.claims', $2, true),"
				   /* A few rows of a table of any size: by its key, never all of it. */
				   " pg_catalog.set_config('enable_hashjoin', 'off', true),"
				   " pg_catalog.set_config('enable_mergejoin', 'off', true)";

struct check_question {
	struct batch *batch;
	struct checks *checks;
	struct pg_call call;
	struct pg_statement statements[2];
	const char *identity_params[2], *params[PRIMARY_MAX + 1];
};

static void log_refusal(const struct pg_call *call)
{
	struct pg_error e;
	pg_error_from_result(&e, call->results[call->failed], NULL);
	log_info("realtime: a policy failed, what it should decide about is not shown: %s", e.message);
}

static void on_checked(void *arg, struct pg_call *call)
{
	struct check_question *q = arg;
	struct batch *batch = q->batch;
	const PGresult *rows = call->results[1];
	if (call->failed == 0 || call->failed == 1) {
		log_refusal(call);
	} else if (call->err.code != ERR_NONE) {
		batch->is_lost = true;
	} else {
		for (int row = 0; row < PQntuples(rows); row++) {
			int i = atoi(PQgetvalue(rows, row, 0));
			if (i >= 0 && i < batch->count) q->checks->visible[i] = q->checks->wanted[i];
		}
	}
	pg_call_clear(call);
	batch->questions--;
	verdict_step(batch);
}

static void put_name(struct str name, struct buf *b)
{
	buf_putc(b, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"') buf_putc(b, '"');
		buf_putc(b, name.ptr[i]);
	}
	buf_putc(b, '"');
}

/* Which column of the change is this one? */
static int column_of(const struct feed_relation *relation, struct str name)
{
	for (int i = 0; i < relation->column_count; i++)
		if (str_eq(relation->columns[i].name, name)) return i;
	return -1;
}

static const char *keys_of(const struct batch *batch, const struct checks *checks, int column)
{
	struct buf b;
	array_begin(&b, VERDICT_ARRAY_MAX_BYTES);
	for (int i = 0; i < batch->count; i++) {
		if (!checks->wanted[i]) continue;
		const struct pgoutput_value *value = &batch->changes[i]->new_values[column];
		array_add(&b, value->kind == PGOUTPUT_TEXT ? &value->text : NULL);
	}
	return array_end(batch->arena, &b);
}

static const char *numbers_of(const struct batch *batch, const struct checks *checks)
{
	struct buf b;
	array_begin(&b, VERDICT_ARRAY_MAX_BYTES);
	for (int i = 0; i < batch->count; i++)
		if (checks->wanted[i]) array_add_number(&b, (unsigned)i);
	return array_end(batch->arena, &b);
}

/* Names and types come from PostgreSQL's catalogue; what the rows hold are parameters. The casts stand apart: within
 * the condition they could tell somebody what policies hide, so that PostgreSQL would look at every row by its policies
 * first instead of looking up the key. */
static int write_check(struct check_question *q, const struct facts *facts, struct buf *sql)
{
	const struct feed_relation *relation = q->checks->relation;
	struct buf where BUF_CLEANUP, names BUF_CLEANUP, casts BUF_CLEANUP, arrays BUF_CLEANUP;
	int count = 0;
	buf_init(&where, CHECK_SQL_MAX_BYTES);
	buf_init(&names, CHECK_SQL_MAX_BYTES);
	buf_init(&casts, CHECK_SQL_MAX_BYTES);
	buf_init(&arrays, CHECK_SQL_MAX_BYTES);
	for (int i = 0; i < facts->column_count; i++) {
		const struct fact_column *c = &facts->columns[i];
		int column = c->is_primary ? column_of(relation, c->name) : -1;
		if (column < 0 || count == PRIMARY_MAX) continue;
		q->params[++count] = keys_of(q->batch, q->checks, column);
		buf_printf(&arrays, ", $%d::text[]", count + 1);
		buf_printf(&names, ", c%d", count);
		buf_printf(&casts, ", u.c%d::%.*s as c%d", count, STR_FMT(c->type_sql), count);
		buf_puts(&where, count > 1 ? " and x." : "x.");
		put_name(c->name, &where);
		buf_printf(&where, " = k.c%d", count);
	}
	buf_printf(sql, "with k as materialized (select u.n%s from unnest($1::int[]%s) u(n%s))", buf_cstr(&casts),
		   buf_cstr(&arrays), buf_cstr(&names));
	buf_puts(sql, " select k.n from k where exists (select from ");
	put_name(str_from(relation->schema), sql);
	buf_putc(sql, '.');
	put_name(str_from(relation->table), sql);
	buf_puts(sql, " x where ");
	buf_str(sql, buf_view(&where));
	buf_putc(sql, ')');
	return count;
}

/* False: it cannot be asked. */
static bool ask_check(struct batch *batch, struct checks *checks)
{
	const struct facts *facts = verdict_facts(batch, checks->relation, checks->identity->role);
	struct check_question *q = verdict_must(arena_alloc(batch->arena, sizeof *q));
	struct buf sql BUF_CLEANUP;
	struct err err;
	buf_init(&sql, CHECK_SQL_MAX_BYTES * 4);
	*q = (struct check_question){.batch = batch, .checks = checks};
	int keys = write_check(q, facts, &sql);
	if (keys == 0 || !buf_is_ok(&sql)) return true; /* nobody can tell: nobody sees it */
	q->params[0] = numbers_of(batch, checks);
	q->identity_params[0] = checks->identity->role;
	q->identity_params[1] = checks->identity->claims;
	q->statements[0] = (struct pg_statement){
	    .sql = identity_sql, .param_count = 2, .params = q->identity_params, .is_prepared = true};
	q->statements[1] = (struct pg_statement){.sql = verdict_must(arena_strdup(batch->arena, buf_cstr(&sql))),
						 .param_count = keys + 1,
						 .params = q->params,
						 .is_prepared = true};
	q->call = (struct pg_call){.statements = q->statements,
				   .count = 2,
				   .affinity = checks->identity->affinity,
				   .is_repeatable = true,
				   .done = on_checked,
				   .arg = q};
	for (int i = 0; i <= keys; i++)
		if (q->params[i] == NULL) return false;
	if (!pg_pool_run(batch->realtime->spec.pool, &q->call, &err)) return false;
	batch->questions++;
	feed_count_check(batch->feed);
	return true;
}

void verdict_step(struct batch *batch)
{
	while (batch->next_check != NULL && batch->questions < AT_ONCE && !batch->is_lost) {
		struct checks *checks = batch->next_check;
		batch->next_check = checks->next;
		if (!ask_check(batch, checks)) batch->is_lost = true;
	}
	if (batch->questions == 0) feed_give_out(batch);
}

static struct checks *checks_of(struct batch *batch, const struct feed_relation *relation, struct identity *identity)
{
	struct checks *c = identity->checks;
	while (c != NULL && c->relation->oid != relation->oid) c = c->identity_next;
	if (c != NULL) return c;
	c = verdict_must(arena_alloc(batch->arena, sizeof *c));
	*c = (struct checks){.next = batch->checks, .identity = identity_ref(identity), .relation = relation};
	c->wanted = verdict_must(arena_alloc(batch->arena, (size_t)batch->count));
	c->visible = verdict_must(arena_alloc(batch->arena, (size_t)batch->count));
	batch->checks = c;
	c->identity_next = identity->checks;
	identity->checks = c;
	return c;
}

void verdict_collect(struct batch *batch, struct feed_change *change)
{
	if (change->event == FILTER_DELETE) return; /* the row is gone, there is nothing to look at */
	for (int m = 0; m < change->match_count; m++) {
		if (change->matches[m].match != MATCH_YES) continue;
		for (struct interest_group *g = change->matches[m].interest->groups; g != NULL; g = g->next) {
			const struct facts *facts = verdict_facts(batch, change->relation, g->identity->role);
			if (facts == NULL || !facts->has_rls || payload_refusal(change, facts) != NULL) continue;
			checks_of(batch, change->relation, g->identity)->wanted[change->index] = 1;
		}
	}
}

bool verdict_is_visible(const struct facts *facts, const struct feed_change *change, const struct identity *identity)
{
	if (!facts->has_rls || change->event == FILTER_DELETE || payload_refusal(change, facts) != NULL) return true;
	for (const struct checks *c = identity->checks; c != NULL; c = c->identity_next)
		if (c->relation->oid == change->relation->oid) return c->visible[change->index] != 0;
	return false;
}
