/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether what a channel wants to hear of can be had: the tables are in the publication, the columns of filters are
 * there and its role may read them, the values are ones of their types. Two questions, the second only for filters. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "pg/pool.h"
#include "realtime/array.h"
#include "realtime/feed.h"
#include "realtime/interest.h"

#define ARENA_BYTES (4u << 20)
#define ARRAY_MAX_BYTES (1u << 20)
#define WORDS_SIZE 4096

static const char tables_sql[] =
    "select p.n, c.oid, case when p.details then (select json_object_agg(a.attname, json_build_object("
    "  'type', a.atttypid::bigint, 'base', b.oid::bigint, 'enum', b.typtype = 'e',"
    "  'may', pg_catalog.has_column_privilege($5::text, c.oid, a.attnum, 'SELECT')))"
    "  from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid"
    "  join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end"
    "  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) end"
    " from unnest($1::int[], $2::text[], $3::text[], $4::bool[]) p(n, schema, name, details)"
    " join pg_catalog.pg_publication_tables t on t.pubname = 'supabase_realtime'"
    "  and (p.schema = '*' or t.schemaname = p.schema) and (p.name = '*' or t.tablename = p.name)"
    " join pg_catalog.pg_namespace s on s.nspname = t.schemaname"
    " join pg_catalog.pg_class c on c.relname = t.tablename and c.relnamespace = s.oid"
    " order by p.n, c.oid";

static const char values_sql[] =
    "select realtime.freehold_filter(f.op, f.type::regtype, f.value)"
    " from unnest($1::text[], $2::oid[], $3::text[]) with ordinality f(op, type, value, n) order by f.n";

struct asked_filter {
	struct interest *interest;
	int filter;
	uint32_t column_type;
	struct value_type type;
};

struct question {
	struct arena *arena;
	struct channel *channel;
	unsigned round;
	struct pg_call call;
	struct pg_statement statement;
	const char *params[5];
	struct asked_filter *filters;
	int filter_count;
};

static void question_free(struct question *q)
{
	channel_unref(q->channel);
	arena_free(q->arena);
}

/* An answer to a channel that has closed, or asked again since, is of no use. */
static bool is_current(const struct question *q)
{
	return q->channel->state != CHANNEL_CLOSED && q->channel->round == q->round;
}

static void fail(struct question *q, const char *message)
{
	struct channel *c = q->channel;
	c->is_asking = false;
	if (c->state == CHANNEL_JOINED) channel_system(c, "postgres_changes", "error", message);
	log_info("realtime: a subscription is refused: %.300s", message);
	question_free(q);
}

#define UNABLE "Unable to subscribe to changes with given parameters. "

static void fail_at(struct question *q, const struct interest *interest, const char *exception)
{
	const char *what = filter_describe(q->arena, &interest->wish);
	const char *words = exception == NULL
				? arena_printf(q->arena,
					       UNABLE "Please check Realtime is enabled for the given connect "
						      "parameters: %s",
					       what)
				: arena_printf(q->arena,
					       UNABLE "An exception happened so please check your connect parameters: "
						      "%s. Exception: %s",
					       what, exception);
	fail(q, words != NULL ? words : UNABLE);
}

static void regroup(struct channel *c)
{
	for (int i = 0; i < c->subscription_count; i++) interest_enter(&c->subscriptions[i], c->identity);
	if (c->is_regrouping) c->realtime->regrouping--;
	c->is_regrouping = false;
}

void subscribe_regroup(struct channel *c)
{
	if (c->is_regrouping) regroup(c);
}

static void succeed(struct question *q)
{
	struct channel *c = q->channel;
	c->is_asking = false;
	/* In the middle of a batch an identity it has not asked about would see nothing. */
	if (!c->is_subscribed || !feed_is_busy(c->realtime->feed)) {
		regroup(c);
	} else if (!c->is_regrouping) {
		c->is_regrouping = true;
		c->realtime->regrouping++;
	}
	c->is_subscribed = true;
	c->is_told = false;
	feed_need_changes(c->realtime->feed);
	subscribe_tell(c);
	question_free(q);
}

/* Nobody could be asked: once more in a while. */
static void put_off(struct question *q, const char *why)
{
	struct channel *c = q->channel;
	log_error("realtime: UnableToSubscribeToPostgres: %s", why);
	if (c->state == CHANNEL_JOINED) channel_system(c, "postgres_changes", "error", why);
	c->is_asking = false;
	c->is_put_off = true;
	question_free(q);
}

static const char *exception_of(struct question *q, const struct pg_call *call)
{
	struct pg_error e;
	pg_error_from_result(&e, call->results[call->failed], NULL);
	const char *words = arena_printf(q->arena, "ERROR %s%s %s", e.sqlstate,
					 strcmp(e.sqlstate, "P0001") == 0 ? " (raise_exception)" : "", e.message);
	return words != NULL ? words : "";
}

/* The second answer: what PostgreSQL made of the values. */
static void on_values(void *arg, struct pg_call *call)
{
	struct question *q = arg;
	if (!is_current(q)) {
		pg_call_clear(call);
		question_free(q);
		return;
	}
	if (call->err.code != ERR_NONE || call->failed >= 0) {
		bool is_refused = call->failed == 0; /* else nobody could be asked */
		const char *words = is_refused ? exception_of(q, call) : arena_strdup(q->arena, call->err.msg);
		pg_call_clear(call);
		if (is_refused)
			fail_at(q, q->filters[0].interest, words);
		else
			put_off(q, words != NULL ? words : "");
		return;
	}
	for (int i = 0; i < q->filter_count && i < PQntuples(call->results[0]); i++) {
		const struct asked_filter *f = &q->filters[i];
		json_t *values JSON_CLEANUP = NULL;
		struct err ignored;
		if (json_parse(str_from(PQgetvalue(call->results[0], i, 0)), &values, &ignored))
			interest_learn(f->interest, f->filter, f->column_type, &f->type, values);
	}
	pg_call_clear(call);
	succeed(q);
}

static void add_text(struct buf *b, const char *text)
{
	struct str s = str_from(text);
	array_add(b, &s);
}

/* False: they are too long. */
static bool arrays_end(struct question *q, struct buf *arrays, int count)
{
	bool ok = true;
	for (int i = 0; i < count; i++) {
		q->params[i] = array_end(q->arena, &arrays[i]);
		ok = ok && q->params[i] != NULL;
	}
	return ok;
}

static void ask(struct question *q, const char *sql, int params, void (*done)(void *arg, struct pg_call *call))
{
	struct err err;
	q->statement =
	    (struct pg_statement){.sql = sql, .param_count = params, .params = q->params, .is_prepared = true};
	q->call =
	    (struct pg_call){.statements = &q->statement, .count = 1, .is_repeatable = true, .done = done, .arg = q};
	if (!pg_pool_run(q->channel->realtime->spec.pool, &q->call, &err)) put_off(q, err.msg);
}

static void ask_values(struct question *q)
{
	struct buf arrays[3];
	if (q->filter_count == 0) {
		succeed(q);
		return;
	}
	for (int i = 0; i < 3; i++) array_begin(&arrays[i], ARRAY_MAX_BYTES);
	for (int i = 0; i < q->filter_count; i++) {
		const struct filter *f = &q->filters[i].interest->wish.filters[q->filters[i].filter];
		add_text(&arrays[0], filter_op_name(f->op));
		array_add_number(&arrays[1], q->filters[i].column_type);
		add_text(&arrays[2], f->value);
	}
	if (arrays_end(q, arrays, 3))
		ask(q, values_sql, 3, on_values);
	else
		fail(q, UNABLE "They are too long.");
}

/* A table that a wish is about: its columns. False: the question has ended. */
static bool take_table(struct question *q, struct interest *interest, const json_t *columns)
{
	const struct filter_wish *w = &interest->wish;
	for (int i = 0; i < w->filter_count; i++) {
		const json_t *column = json_object_get(columns, w->filters[i].column);
		if (!json_bool(column, "may", false)) {
			fail_at(q, interest,
				arena_printf(q->arena, "ERROR P0001 (raise_exception) invalid column for filter %s",
					     w->filters[i].column));
			return false;
		}
		q->filters[q->filter_count++] =
		    (struct asked_filter){.interest = interest,
					  .filter = i,
					  .column_type = (uint32_t)json_int(column, "type", 0),
					  .type = {.oid = (uint32_t)json_int(column, "base", 0),
						   .delimiter = ',',
						   .is_enum = json_bool(column, "enum", false)}};
	}
	for (int i = 0; i < w->column_count; i++) {
		if (json_bool(json_object_get(columns, w->columns[i]), "may", false)) continue;
		fail_at(q, interest,
			arena_printf(q->arena, "ERROR P0001 (raise_exception) invalid column for select %s",
				     w->columns[i]));
		return false;
	}
	return true;
}

static bool has_details(const struct filter_wish *w)
{
	return w->filter_count > 0 || w->column_count > 0;
}

/* The first answer. */
static void read_tables(struct question *q, const PGresult *rows)
{
	struct channel *c = q->channel;
	int row = 0;
	q->filters = arena_array(q->arena, ((size_t)PQntuples(rows) + 1) * FILTERS_MAX, sizeof *q->filters);
	if (q->filters == NULL) {
		fail(q, UNABLE "They match too many tables.");
		return;
	}
	for (int n = 0; n < c->subscription_count; n++) {
		struct interest *interest = c->subscriptions[n].interest;
		int from = row;
		for (; row < PQntuples(rows) && atoi(PQgetvalue(rows, row, 0)) == n; row++) {
			json_t *columns JSON_CLEANUP = NULL;
			struct err ignored;
			if (!has_details(&interest->wish)) continue;
			(void)json_parse(str_from(PQgetvalue(rows, row, 2)), &columns, &ignored);
			if (!take_table(q, interest, columns)) return;
		}
		if (row == from) {
			fail_at(q, interest, NULL);
			return;
		}
	}
	ask_values(q);
}

static void on_tables(void *arg, struct pg_call *call)
{
	struct question *q = arg;
	PGresult *rows = call->results[0];
	bool is_refused = call->failed == 0, is_broken = !is_refused && call->err.code != ERR_NONE;
	const char *words = is_refused ? exception_of(q, call) : arena_strdup(q->arena, call->err.msg);
	call->results[0] = NULL; /* the question, and the call with it, may end before they are read */
	pg_call_clear(call);
	if (!is_current(q))
		question_free(q);
	else if (is_broken)
		put_off(q, words != NULL ? words : "");
	else if (is_refused)
		fail_at(q, q->channel->subscriptions[0].interest, words);
	else
		read_tables(q, rows);
	PQclear(rows);
}

static void make_subscriptions(struct channel *c)
{
	if (c->subscriptions != NULL) return;
	size_t count = json_array_size(c->wishes);
	c->subscriptions = calloc(count + 1, sizeof *c->subscriptions);
	c->found_ids = calloc(count + 1, sizeof *c->found_ids);
	if (c->subscriptions == NULL || c->found_ids == NULL) abort();
	c->subscription_count = (int)count;
	for (size_t i = 0; i < count; i++)
		c->subscriptions[i] = (struct subscription){
		    .channel = c, .interest = interest_get(c->realtime, json_array_get(c->wishes, i))};
}

static void ask_tables(struct question *q)
{
	struct channel *c = q->channel;
	struct buf arrays[4];
	for (int i = 0; i < 4; i++) array_begin(&arrays[i], ARRAY_MAX_BYTES);
	for (int i = 0; i < c->subscription_count; i++) {
		const struct filter_wish *w = &c->subscriptions[i].interest->wish;
		array_add_number(&arrays[0], (unsigned)i);
		add_text(&arrays[1], w->schema);
		add_text(&arrays[2], w->table);
		array_add_flag(&arrays[3], has_details(w));
	}
	if (!arrays_end(q, arrays, 4)) {
		fail(q, UNABLE "They are too long.");
		return;
	}
	q->params[4] = arena_strdup(q->arena, c->identity->role);
	ask(q, tables_sql, 5, on_tables);
}

void subscribe_begin(struct channel *c)
{
	make_subscriptions(c);
	if (c->subscription_count == 0) return;
	struct arena *a = arena_new(ARENA_BYTES);
	struct question *q = arena_alloc(a, sizeof *q);
	if (q == NULL) abort();
	c->references++;
	c->is_asking = true;
	c->is_put_off = false;
	*q = (struct question){.arena = a, .channel = c, .round = ++c->round};
	for (int i = 0; i < c->subscription_count; i++) {
		const char *problem = c->subscriptions[i].interest->problem;
		if (problem == NULL) continue;
		c->failure = problem;
		c->is_asking = false;
		question_free(q);
		return;
	}
	ask_tables(q);
}

void subscribe_end(struct channel *c)
{
	c->round++;
	if (c->is_regrouping) c->realtime->regrouping--;
	c->is_regrouping = false;
	for (int i = 0; i < c->subscription_count; i++) {
		interest_leave(&c->subscriptions[i]);
		interest_put(c->subscriptions[i].interest);
	}
	free(c->subscriptions);
	c->subscriptions = NULL;
	c->subscription_count = 0;
	c->is_subscribed = false;
}

void subscribe_tell(struct channel *c)
{
	if (c->state != CHANNEL_JOINED) return;
	if (c->failure != NULL) {
		channel_system(c, "postgres_changes", "error", c->failure);
		c->failure = NULL;
	}
	if (c->realtime->spec.stream_conninfo == NULL) {
		if (c->is_subscribed && !c->is_told)
			channel_system(
			    c, "postgres_changes", "error",
			    "Changes of tables are not served here: this app's database lets nobody read them");
		c->is_told = c->is_subscribed;
		return;
	}
	if (!feed_is_streaming(c->realtime->feed)) return;
	if (c->wants_ready) {
		c->wants_ready = false;
		channel_system(c, "system", "ok", "Replication connection established");
	}
	if (!c->is_subscribed || c->is_told) return;
	c->is_told = true;
	channel_system(c, "postgres_changes", "ok", "Subscribed to PostgreSQL");
}
