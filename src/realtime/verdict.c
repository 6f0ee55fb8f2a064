/* SPDX-License-Identifier: Apache-2.0
 *
 * The questions of a batch: first the facts of its tables for each role and the comparisons that only PostgreSQL can
 * make, in one round trip; then, for tables under row security, which of the changed rows each identity sees, one
 * question for each identity and table. Upstream asks once for each subscription. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "pg/pool.h"
#include "realtime/feed.h"

#define ARRAY_MAX_BYTES (32u << 20)
#define AT_ONCE 16 /* questions under way; the pool has fewer connections */
#define CHECK_SQL_MAX_BYTES 65536
#define PRIMARY_MAX 32 /* columns of a key: PostgreSQL's INDEX_MAX_KEYS */

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

static const char identity_sql[] = "select pg_catalog.set_config('role', $1, true),"
				   " pg_catalog.set_config('request.jwt.claims', $2, true),"
				   /* A few rows of a table of any size: by its key, never all of it. */
				   " pg_catalog.set_config('enable_hashjoin', 'off', true),"
				   " pg_catalog.set_config('enable_mergejoin', 'off', true)";

static void *must(void *memory)
{
	if (memory == NULL) abort(); /* a batch is bounded; its arena is larger than it can need */
	return memory;
}

/* A text array, element by element. */
static void array_begin(struct buf *b)
{
	buf_init(b, ARRAY_MAX_BYTES);
	buf_putc(b, '{');
}

static void array_add(struct buf *b, const struct str *text)
{
	if (b->len > 1) buf_putc(b, ',');
	if (text == NULL) {
		buf_puts(b, "NULL");
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < text->len; i++) {
		if (text->ptr[i] == '"' || text->ptr[i] == '\\') buf_putc(b, '\\');
		buf_putc(b, text->ptr[i]);
	}
	buf_putc(b, '"');
}

static void array_add_number(struct buf *b, unsigned long long number)
{
	buf_printf(b, "%s%llu", b->len > 1 ? "," : "", number);
}

static const char *array_end(struct arena *a, struct buf *b)
{
	buf_putc(b, '}');
	const char *text = must(arena_strndup(a, buf_cstr(b), b->len));
	buf_done(b);
	return text;
}

const struct facts *verdict_facts(const struct batch *batch, const struct feed_relation *relation, const char *role)
{
	const struct facts *f = batch->facts;
	while (f != NULL && (f->relation != relation->oid || strcmp(f->role, role) != 0)) f = f->next;
	return f;
}

/* The first round trip */
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
	struct facts *f = must(arena_alloc(batch->arena, sizeof *f));
	f->relation = relation->oid;
	f->role = must(arena_strdup(batch->arena, role));
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
	array_begin(&numbers);
	array_begin(&relations);
	array_begin(&roles);
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
	array_begin(&xids);
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
	buf_printf(&c->negated, "%s%c", c->negated.len > 1 ? "," : "", f->is_negated ? 't' : 'f');
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
			    must(arena_array(first->batch->arena, (size_t)larger, sizeof *asked));
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
	array_begin(&c.ops), array_begin(&c.types), array_begin(&c.given), array_begin(&c.wanted);
	array_begin(&c.negated);
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
	return (struct str){must(arena_strdup(a, PQgetvalue(rows, row, column))),
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
		f->columns = must(arena_array(batch->arena, (size_t)(row - from) + 1, sizeof *f->columns));
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

/* The second: row security */
struct check_question {
	struct batch *batch;
	struct checks *checks;
	struct pg_call call;
	struct pg_statement statements[2];
	const char *identity_params[2], *params[PRIMARY_MAX + 1];
};

static void step_checks(struct batch *batch);

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
	step_checks(batch);
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
	array_begin(&b);
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
	array_begin(&b);
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

static bool ask_check(struct batch *batch, struct checks *checks)
{
	const struct facts *facts = verdict_facts(batch, checks->relation, checks->identity->role);
	struct check_question *q = must(arena_alloc(batch->arena, sizeof *q));
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
	q->statements[1] = (struct pg_statement){.sql = must(arena_strdup(batch->arena, buf_cstr(&sql))),
						 .param_count = keys + 1,
						 .params = q->params,
						 .is_prepared = true};
	q->call = (struct pg_call){.statements = q->statements,
				   .count = 2,
				   .affinity = checks->identity->affinity,
				   .is_repeatable = true,
				   .done = on_checked,
				   .arg = q};
	if (!pg_pool_run(batch->realtime->spec.pool, &q->call, &err)) return false;
	batch->questions++;
	feed_count_check(batch->feed);
	return true;
}

static void step_checks(struct batch *batch)
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
	c = must(arena_alloc(batch->arena, sizeof *c));
	*c = (struct checks){.next = batch->checks, .identity = identity_ref(identity), .relation = relation};
	c->wanted = must(arena_alloc(batch->arena, (size_t)batch->count));
	c->visible = must(arena_alloc(batch->arena, (size_t)batch->count));
	batch->checks = c;
	c->identity_next = identity->checks;
	identity->checks = c;
	return c;
}

static void collect_checks(struct batch *batch, struct feed_change *change)
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
		for (int i = 0; i < batch->count; i++) collect_checks(batch, batch->changes[i]);
		batch->next_check = batch->checks;
	}
	pg_call_clear(call);
	step_checks(batch);
}

void verdict_begin(struct batch *batch)
{
	struct first *first = must(arena_alloc(batch->arena, sizeof *first));
	struct err err;
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
	if (pg_pool_run(batch->realtime->spec.pool, &first->call, &err)) return;
	log_error("realtime: cannot ask who may see the changes: %s", err.msg);
	batch->is_lost = true;
	feed_give_out(batch);
}
