/* SPDX-License-Identifier: Apache-2.0
 *
 * The first round trip of a batch: the facts of its tables for each role, and the comparisons that only PostgreSQL can
 * make. */
#include "realtime/verdict.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "pg/pool.h"
#include "realtime/array.h"

static const char facts_sql[] =
    "select p.n, c.relrowsecurity, a.attname, t.typname, pg_catalog.format_type(a.atttypid, null), b.oid,"
    "  coalesce((select case when e.typtype = 'd' then e.typbasetype else e.oid end from pg_catalog.pg_type e"
    "    where e.oid = b.typelem and b.typcategory = 'A'), 0),"
    "  coalesce((select e.typdelim from pg_catalog.pg_type e where e.oid = b.typelem), ','), b.typtype = 'e',"
    "  coalesce(a.attnum = any (k.conkey), false),"
    "  case when r.oid is null then false"
    "    else pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT') end"
    " from unnest($1::int[], $2::oid[], $3::text[]) p(n, relation, role)"
    " join pg_catalog.pg_class c on c.oid = p.relation"
    " join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    " join pg_catalog.pg_type t on t.oid = a.atttypid"
    " join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end"
    " left join pg_catalog.pg_roles r on r.rolname = p.role"
    " left join pg_catalog.pg_constraint k on k.conrelid = c.oid and k.contype = 'p'"
    " order by p.n, a.attnum";

/* A commit is in the log a moment before others see what it did. The log has the lower half of a transaction's number.
 */
static const char seen_sql[] =
    "select coalesce(bool_and(pg_catalog.pg_visible_in_snapshot("
    "  (case when x.v - x.m > 2147483648 then x.v - 4294967296 when x.m - x.v > 2147483648 then x.v + 4294967296"
    "    else x.v end)::text::xid8, x.s)), true)"
    " from (select s.s, s.m, s.m - s.m % 4294967296 + t.xid as v from unnest($1::bigint[]) t(xid),"
    "  (select p.s, pg_catalog.pg_snapshot_xmax(p.s)::text::bigint as m"
    "    from (select pg_catalog.pg_current_snapshot() as s) p) s) x";

static const char compare_sql[] =
    "select realtime.freehold_compare(f.op, f.type::regtype, f.given, f.wanted, f.negated)"
    " from unnest($1::text[], $2::oid[], $3::text[], $4::text[], $5::bool[])"
    " with ordinality f(op, type, given, wanted, negated, n) order by f.n";

void *verdict_must(void *memory)
{
	if (memory == NULL) abort();
	return memory;
}

const struct facts *verdict_facts(const struct batch *batch, const struct feed_relation *relation, const char *role)
{
	const struct facts *f = batch->facts;
	while (f != NULL && (f->relation != relation->oid || strcmp(f->role, role) != 0)) f = f->next;
	return f;
}

struct first {
	struct batch *batch;
	struct pg_call call;
	struct pg_statement statements[3];
	const char *seen_params[1], *facts_params[3], *compare_params[5];
	struct feed_match **asked; /* one for each comparison */
	int asked_count;
};

static void need_facts(struct batch *batch, const struct feed_relation *relation, const char *role, int *count)
{
	if (verdict_facts(batch, relation, role) != NULL) return;
	struct facts *f = verdict_must(arena_alloc(batch->arena, sizeof *f));
	f->relation = relation->oid;
	f->role = verdict_must(arena_strdup(batch->arena, role));
	f->next = batch->facts;
	batch->facts = f;
	(*count)++;
}

static int collect_facts(struct batch *batch)
{
	int count = 0;
	for (int i = 0; i < batch->count; i++)
		for (int m = 0; m < batch->changes[i]->match_count; m++)
			for (struct interest_group *g = batch->changes[i]->matches[m].interest->groups; g != NULL;
			     g = g->next)
				need_facts(batch, batch->changes[i]->relation, g->identity->role, &count);
	return count;
}

static void ask_facts(struct first *first)
{
	struct batch *batch = first->batch;
	struct buf numbers, relations, roles;
	int n = 0;
	array_begin(&numbers, VERDICT_ARRAY_MAX_BYTES);
	array_begin(&relations, VERDICT_ARRAY_MAX_BYTES);
	array_begin(&roles, VERDICT_ARRAY_MAX_BYTES);
	for (struct facts *f = batch->facts; f != NULL; f = f->next) {
		struct str role = str_from(f->role);
		array_add_number(&numbers, (unsigned)n++);
		array_add_number(&relations, f->relation);
		array_add(&roles, &role);
	}
	first->facts_params[0] = array_end(batch->arena, &numbers);
	first->facts_params[1] = array_end(batch->arena, &relations);
	first->facts_params[2] = array_end(batch->arena, &roles);
	first->statements[1] = (struct pg_statement){
	    .sql = facts_sql, .param_count = 3, .params = first->facts_params, .is_prepared = true};
}

static void ask_seen(struct first *first)
{
	const struct batch *batch = first->batch;
	struct buf xids;
	array_begin(&xids, VERDICT_ARRAY_MAX_BYTES);
	for (int i = 0; i < batch->count; i++)
		if (i == 0 || batch->changes[i]->xid != batch->changes[i - 1]->xid)
			array_add_number(&xids, batch->changes[i]->xid);
	first->seen_params[0] = array_end(batch->arena, &xids);
	first->statements[0] =
	    (struct pg_statement){.sql = seen_sql, .param_count = 1, .params = first->seen_params, .is_prepared = true};
}

struct compare {
	struct buf ops, types, given, wanted, negated;
};

static const struct pgoutput_value *value_of(const struct feed_change *change, const char *column, bool is_old,
					     uint32_t *ret_type)
{
	const struct feed_relation *relation = change->relation;
	const struct pgoutput_value *values = is_old ? change->old_values : change->new_values;
	for (int i = 0; values != NULL && i < relation->column_count; i++) {
		if (!str_eq(relation->columns[i].name, str_from(column))) continue;
		if (is_old && change->is_key_only && !relation->columns[i].is_key) return NULL;
		*ret_type = relation->columns[i].type;
		return &values[i];
	}
	return NULL;
}

static void add_compare(struct compare *c, const struct filter *f, uint32_t type, const struct pgoutput_value *value)
{
	struct str op = str_from(filter_op_name(f->op)), wanted = str_from(f->value);
	array_add(&c->ops, &op);
	array_add_number(&c->types, type);
	array_add(&c->given, value->kind == PGOUTPUT_TEXT ? &value->text : NULL);
	array_add(&c->wanted, &wanted);
	array_add_flag(&c->negated, f->is_negated);
}

/* Those of an interest's filters that could not be compared here. */
static void ask_filters(struct first *first, struct compare *c, const struct feed_change *change, struct feed_match *m,
			int *size)
{
	const struct filter_wish *wish = &m->interest->wish;
	for (int i = 0; i < wish->filter_count; i++) {
		uint32_t type = 0;
		const struct pgoutput_value *value =
		    value_of(change, wish->filters[i].column, change->event == FILTER_DELETE, &type);
		if (interest_match(m->interest, i, type, value) != MATCH_ASK) continue;
		if (first->asked_count == *size) {
			int larger = *size == 0 ? 64 : *size * 2;
			struct feed_match **asked =
			    verdict_must(arena_array(first->batch->arena, (size_t)larger, sizeof *asked));
			if (*size > 0) memcpy(asked, first->asked, (size_t)*size * sizeof *asked);
			first->asked = asked;
			*size = larger;
		}
		first->asked[first->asked_count++] = m;
		add_compare(c, &wish->filters[i], type, value);
	}
}

static void ask_compare(struct first *first)
{
	struct batch *batch = first->batch;
	struct compare c;
	int size = 0;
	array_begin(&c.ops, VERDICT_ARRAY_MAX_BYTES), array_begin(&c.types, VERDICT_ARRAY_MAX_BYTES),
	    array_begin(&c.given, VERDICT_ARRAY_MAX_BYTES), array_begin(&c.wanted, VERDICT_ARRAY_MAX_BYTES);
	array_begin(&c.negated, VERDICT_ARRAY_MAX_BYTES);
	for (int i = 0; i < batch->count; i++)
		for (int m = 0; m < batch->changes[i]->match_count; m++)
			if (batch->changes[i]->matches[m].match == MATCH_ASK)
				ask_filters(first, &c, batch->changes[i], &batch->changes[i]->matches[m], &size);
	first->compare_params[0] = array_end(batch->arena, &c.ops);
	first->compare_params[1] = array_end(batch->arena, &c.types);
	first->compare_params[2] = array_end(batch->arena, &c.given);
	first->compare_params[3] = array_end(batch->arena, &c.wanted);
	first->compare_params[4] = array_end(batch->arena, &c.negated);
	first->statements[2] = (struct pg_statement){
	    .sql = compare_sql, .param_count = 5, .params = first->compare_params, .is_prepared = true};
}

static struct str cell(struct arena *a, const PGresult *rows, int row, int column)
{
	return (struct str){verdict_must(arena_strdup(a, PQgetvalue(rows, row, column))),
			    (size_t)PQgetlength(rows, row, column)};
}

static void read_fact_column(struct arena *a, const PGresult *rows, int row, struct fact_column *c)
{
	c->name = cell(a, rows, row, 2);
	c->type_name = cell(a, rows, row, 3);
	c->type_sql = cell(a, rows, row, 4);
	c->type.oid = (uint32_t)strtoul(PQgetvalue(rows, row, 5), NULL, 10);
	c->type.element = (uint32_t)strtoul(PQgetvalue(rows, row, 6), NULL, 10);
	c->type.delimiter = PQgetvalue(rows, row, 7)[0];
	c->type.is_enum = PQgetvalue(rows, row, 8)[0] == 't';
	c->is_primary = PQgetvalue(rows, row, 9)[0] == 't';
	c->may_read = PQgetvalue(rows, row, 10)[0] == 't';
}

/* The rows come in the order of the facts. A table that is gone has none. */
static void read_facts(struct batch *batch, const PGresult *rows)
{
	int row = 0, n = 0;
	for (struct facts *f = batch->facts; f != NULL; f = f->next, n++) {
		int from = row;
		while (row < PQntuples(rows) && atoi(PQgetvalue(rows, row, 0)) == n) row++;
		f->columns = verdict_must(arena_array(batch->arena, (size_t)(row - from) + 1, sizeof *f->columns));
		for (int i = from; i < row; i++)
			read_fact_column(batch->arena, rows, i, &f->columns[f->column_count++]);
		f->has_rls = row > from && PQgetvalue(rows, from, 1)[0] == 't';
	}
}

/* All comparisons of a match must be true. */
static void read_compare(struct first *first, const PGresult *rows)
{
	for (int i = 0; i < first->asked_count; i++)
		if (i >= PQntuples(rows) || PQgetvalue(rows, i, 0)[0] != 't') first->asked[i]->match = MATCH_NO;
	for (int i = 0; i < first->asked_count; i++)
		if (first->asked[i]->match == MATCH_ASK) first->asked[i]->match = MATCH_YES;
}

static void on_first(void *arg, struct pg_call *call)
{
	struct first *first = arg;
	struct batch *batch = first->batch;
	if (call->err.code != ERR_NONE || call->failed >= 0) {
		struct pg_error e = {0};
		if (call->failed >= 0 && call->failed < 3) pg_error_from_result(&e, call->results[call->failed], NULL);
		log_error("realtime: cannot ask who may see the changes: %s",
			  call->err.code != ERR_NONE ? call->err.msg : e.message);
		batch->is_lost = true;
	} else if (PQgetvalue(call->results[0], 0, 0)[0] != 't') {
		pg_call_clear(call);
		feed_later(batch->feed);
		return;
	} else {
		read_facts(batch, call->results[1]);
		if (first->asked_count > 0) read_compare(first, call->results[2]);
		for (int i = 0; i < batch->count; i++) verdict_collect(batch, batch->changes[i]);
		batch->next_check = batch->checks;
	}
	pg_call_clear(call);
	verdict_step(batch);
}

/* False: what is to be asked is longer than a question may be. */
static bool is_whole(const struct first *first)
{
	for (int i = 0; i < first->call.count; i++)
		for (int n = 0; n < first->statements[i].param_count; n++)
			if (first->statements[i].params[n] == NULL) return false;
	return true;
}

void verdict_begin(struct batch *batch)
{
	struct first *first = verdict_must(arena_alloc(batch->arena, sizeof *first));
	struct err err = {0};
	*first = (struct first){.batch = batch};
	batch->facts = NULL;
	if (collect_facts(batch) == 0) {
		feed_give_out(batch);
		return;
	}
	ask_seen(first);
	ask_facts(first);
	ask_compare(first);
	first->call = (struct pg_call){.statements = first->statements,
				       .count = first->asked_count > 0 ? 3 : 2,
				       .is_repeatable = true,
				       .done = on_first,
				       .arg = first};
	if (!is_whole(first))
		(void)err_set(&err, ERR_LIMIT, "what changed is more than a question can hold");
	else if (pg_pool_run(batch->realtime->spec.pool, &first->call, &err))
		return;
	log_error("realtime: cannot ask who may see the changes: %s", err.msg);
	batch->is_lost = true;
	feed_give_out(batch);
}
