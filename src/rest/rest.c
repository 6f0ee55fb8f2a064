/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's way through the stages.
 *
 *     waiting (no catalogue yet) ─▶ asked, planned, written ─▶ running in PostgreSQL ─▶ answered
 *                                           └─ a problem ────────────────────────────▶ answered */
#include "rest/rest.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "pg/statements.h"
#include "rest/inspect.h"
#include "rest/renewal.h"
#include "rest/reply.h"
#include "rest/rows.h"
#include "rest/shape.h"

#define WAITING_MAX 1024

struct rest {
	struct pg_pool *pool;
	struct renewal *renewal;
	void (*on_ready)(void *arg); /* NULL: called, or nobody asked */
	void *ready_arg;
	uint64_t pool_timeouts;
	struct rows_memory large;
	struct shapes *shapes;
	struct rest_call *waiting; /* for the first catalogue */
	int waiting_count;
};

struct rest_call {
	struct rest_call *next;
	struct rest *rest;
	const struct rest_settings *settings;
	struct rest_request request;
	rest_reply_fn done;
	void *arg;
	struct catalogue *catalogue;
	struct ask *ask; /* NULL: recalled */
	struct plan plan;
	struct pg_statement main; /* recalled */
	struct sql_batch batch;
	struct pg_call query;
	struct reply reply;
	bool is_sent, is_refused;
	struct rows rows; /* of an answer that comes row by row, and where it is: */
	uint64_t shape;
	enum { ROWS_HEAD, ROWS_GATHERED, ROWS_LED_ON, ROWS_DRAINED, ROWS_DROPPED } rows_state;
	struct problem rows_problem; /* of what is dropped; code NULL: the reply says it */
	int64_t start_us, parsed_us, planned_us, sent_us, answered_us; /* for Server-Timing; 0: not reached */
};

/* In milliseconds with a tenth, as PostgREST writes them. */
static void add_timing(struct rest_call *c)
{
	struct reply *r = &c->reply;
	int64_t now_us = clock_now_us();
	double parse = 0, plan = 0, transaction = 0, response = 0;
	if (r->http.header_count == REPLY_HEADERS_MAX) return;
	if (c->parsed_us > 0) parse = (double)(c->parsed_us - c->start_us) / 1000;
	if (c->planned_us > 0) plan = (double)(c->planned_us - c->parsed_us) / 1000;
	if (c->answered_us > 0) transaction = (double)(c->answered_us - c->sent_us) / 1000;
	if (c->answered_us > 0) response = (double)(now_us - c->answered_us) / 1000;
	char *text = arena_printf(
	    c->request.arena, "jwt;dur=%.1f, parse;dur=%.1f, plan;dur=%.1f, transaction;dur=%.1f, response;dur=%.1f",
	    (double)c->request.auth_us / 1000, parse, plan, transaction, response);
	if (text == NULL) return;
	r->headers[r->http.header_count++] = (struct rest_header){STR("Server-Timing"), str_from(text)};
	r->http.headers = r->headers;
}

/* log-query: by the level that the answer's status has. */
static void log_queries(const struct rest_call *c)
{
	int status = c->reply.http.status;
	enum log_level level = status >= 500 ? LOG_ERROR : status >= 400 ? LOG_WARN : LOG_INFO;
	for (int i = 0; i < c->batch.count; i++) log_line(level, "query: %s", c->batch.statements[i].sql);
}

static void answer(struct rest_call *c)
{
	if (c->settings != NULL && c->settings->logs_queries) log_queries(c);
	if (!c->is_refused && c->settings->server_timing) add_timing(c);
	catalogue_put(c->catalogue);
	c->catalogue = NULL;
	c->done(c->arg, &c->reply.http);
}

static void answer_problem(struct rest_call *c, const struct problem *problem)
{
	reply_problem(c->request.arena, problem, &c->reply);
	c->is_refused = true;
	answer(c);
}

static void clear_result(void *result)
{
	PQclear(result);
}

/* [{"Plan": {"Plan Rows": 42, …}}] */
static int64_t estimate_of(const PGresult *explained)
{
	JSON_CLEANUP json_t *plans = NULL;
	struct err err;
	if (PQntuples(explained) == 0) return -1;
	if (!json_parse(str_from(PQgetvalue(explained, 0, 0)), &plans, &err)) return -1;
	return json_int(json_object_get(json_array_get(plans, 0), "Plan"), "Plan Rows", -1);
}

static bool problem_of(struct rest_call *c, struct problem *problem)
{
	const struct pg_call *query = &c->query;
	struct arena *a = c->request.arena;
	if (query->failed < 0) {
		c->rest->pool_timeouts += query->err.code == ERR_TIMEOUT;
		return problem_from_err(problem, a, &query->err);
	}
	if (query->failed == c->batch.guard)
		return reply_guard_problem(a, &c->plan, query->results[c->batch.main], problem);
	return problem_from_pg(problem, a, query->results[query->failed], c->request.is_authenticated);
}

static int64_t estimate_in(const struct rest_call *c)
{
	return c->batch.explain >= 0 ? estimate_of(c->query.results[c->batch.explain]) : -1;
}

/* The first row: all but the body. Where that is an error already, the rows behind it are of no use. */
static void take_head(struct rest_call *c, const PGresult *row)
{
	struct str head = {PQgetvalue(row, 0, SQL_BODY), (size_t)PQgetlength(row, 0, SQL_BODY)};
	c->answered_us = clock_now_us();
	c->rows_problem.code = NULL;
	bool ok = reply_make(c->request.arena, c->settings, &c->plan, row, estimate_in(c), &c->reply, &c->rows_problem);
	c->rows_state = c->rows_problem.code == NULL ? ROWS_GATHERED : ROWS_DROPPED;
	if (ok) c->rows_problem.code = NULL; /* out of bounds: the reply says it */
	rows_begin(&c->rows, c->plan.handler, head);
}

static bool on_row(void *arg, struct pg_call *query, const PGresult *row)
{
	struct rest_call *c = arg;
	(void)query;
	if (c->rows_state == ROWS_HEAD) {
		take_head(c, row);
		return true;
	}
	if (c->rows_state == ROWS_DROPPED) return true;
	rows_add(&c->rows, (struct str){PQgetvalue(row, 0, SQL_BODY), (size_t)PQgetlength(row, 0, SQL_BODY)});
	if (c->rows_state == ROWS_GATHERED) {
		if (c->rows.total <= ROWS_BOUND_BYTES) return true;
		c->rows_state = ROWS_LED_ON;
		c->reply.http.is_streamed = true;
		c->reply.http.body = STR("");
		answer(c);
	}
	return rows_push(&c->rows, c->request.sink, c->arg, false);
}

static void end_stream(struct rest_call *c, bool is_whole)
{
	rows_done(&c->rows);
	c->request.sink->end(c->arg, is_whole);
}

static void free_rows(void *rows)
{
	rows_done(rows);
}

/* All rows were here, and PostgreSQL has committed. */
static void finish_rows(struct rest_call *c)
{
	if (c->rows_state == ROWS_DROPPED) {
		rows_done(&c->rows);
		if (c->rows_problem.code != NULL)
			answer_problem(c, &c->rows_problem);
		else
			answer(c);
		return;
	}
	rows_end(&c->rows);
	if (c->plan.is_read_only) rows_remember(&c->rest->large, c->shape, c->rows.total > ROWS_BOUND_BYTES / 2);
	if (c->rows_state == ROWS_GATHERED) {
		arena_defer(c->request.arena, free_rows, &c->rows);
		c->reply.http.body = buf_view(&c->rows.bytes);
		answer(c);
		return;
	}
	c->rows_state = ROWS_DRAINED;
	if (rows_push(&c->rows, c->request.sink, c->arg, true)) end_stream(c, true);
}

static void fail(struct rest_call *c)
{
	struct problem problem;
	if (c->rows_state == ROWS_LED_ON) {
		log_warn("rest: an answer was cut off after %zu bytes: %s", c->rows.total, c->query.err.msg);
		pg_call_clear(&c->query);
		end_stream(c, false);
		return;
	}
	if (c->rows_state != ROWS_HEAD) rows_done(&c->rows);
	(void)problem_of(c, &problem);
	pg_call_clear(&c->query);
	answer_problem(c, &problem);
}

static bool send_query(struct rest_call *c, struct problem *problem);

static void on_answer(void *arg, struct pg_call *query)
{
	struct rest_call *c = arg;
	struct problem problem;
	c->is_sent = false;
	if (query->err.code != ERR_NONE) {
		fail(c);
		return;
	}
	if (c->plan.form == FORM_ROWS) {
		pg_call_clear(query);
		finish_rows(c);
		return;
	}
	c->answered_us = clock_now_us();
	PGresult *row = query->results[c->batch.main];
	if (c->plan.form == FORM_BOUNDED && PQgetisnull(row, 0, SQL_BODY)) {
		pg_call_clear(query);
		rows_remember(&c->rest->large, c->shape, true);
		if (!send_query(c, &problem)) answer_problem(c, &problem);
		return;
	}
	int64_t estimate = estimate_in(c);
	query->results[c->batch.main] = NULL; /* the reply's body lies in it */
	arena_defer(c->request.arena, clear_result, row);
	pg_call_clear(query);
	struct arena *a = c->request.arena;
	const struct rest_settings *settings = c->settings;
	if (c->plan.ask->action == ASK_ROOT ? reply_root(a, settings, &c->plan, row, &c->reply, &problem)
					    : reply_make(a, settings, &c->plan, row, estimate, &c->reply, &problem))
		answer(c);
	else
		answer_problem(c, &problem);
}

static bool read_request(struct rest_call *c, struct problem *problem)
{
	struct arena *a = c->request.arena;
	c->ask = arena_alloc(a, sizeof *c->ask);
	if (c->ask == NULL) return problem_set(problem, 400, "PGRST100", "The request is too large", NULL, NULL);
	return ask_read(a, c->settings, c->catalogue, &c->request, c->ask, problem);
}

/* Row by row it is another statement, with the values in places of their own. */
static bool write_rows(struct rest_call *c, struct problem *problem)
{
	struct arena *a = c->request.arena;
	if (c->ask == NULL &&
	    (!read_request(c, problem) || !plan_make(a, c->settings, c->catalogue, c->ask, &c->plan, problem)))
		return false;
	c->plan.form = FORM_ROWS;
	return sql_make(a, c->settings, &c->request, &c->plan, NULL, &c->batch, problem);
}

static bool write_query(struct rest_call *c, uint64_t affinity, struct problem *problem)
{
	struct arena *a = c->request.arena;
	const struct rest_settings *settings = c->settings;
	bool is_recalled = c->ask == NULL;
	if (c->plan.ask->action == ASK_ROOT)
		return sql_make_root(a, settings, &c->request, &c->plan, &c->batch, problem);
	if (!is_recalled) c->plan.form = c->request.sink != NULL ? rows_form(&c->plan) : FORM_VALUE;
	if (!sql_make(a, settings, &c->request, &c->plan, is_recalled ? &c->main : NULL, &c->batch, problem))
		return false;
	if (c->plan.form != FORM_BOUNDED) return true;
	struct pg_statement *main = &c->batch.statements[c->batch.main];
	if (main->hash == 0) main->hash = pg_text_hash(main->sql);
	c->shape = rows_shape(main->hash, affinity);
	return !rows_was_large(&c->rest->large, c->shape) || write_rows(c, problem);
}

static bool send_query(struct rest_call *c, struct problem *problem)
{
	struct err err;
	struct arena *a = c->request.arena;
	uint64_t affinity = pg_affinity(c->request.role.ptr, c->request.role.len);
	if (!write_query(c, affinity, problem)) return false;
	for (int i = 0; c->settings->is_unprepared && i < c->batch.count; i++)
		c->batch.statements[i].is_prepared = false;
	c->query = (struct pg_call){.statements = c->batch.statements,
				    .count = c->batch.count,
				    .affinity = affinity,
				    .is_repeatable = c->plan.is_read_only,
				    .done = on_answer,
				    .on_row = on_row,
				    .arg = c};
	if (!pg_pool_run(c->rest->pool, &c->query, &err)) return problem_from_err(problem, a, &err);
	c->is_sent = true;
	return true;
}

static bool answers_itself(enum ask_action action)
{
	return action == ASK_ROOT_INFO || action == ASK_TABLE_INFO || action == ASK_ROUTINE_INFO;
}

/* Reads and plans the request, unless others of its shape came before. */
static bool prepare(struct rest_call *c, struct problem *problem)
{
	struct arena *a = c->request.arena;
	const struct rest_settings *settings = c->settings;
	struct recalled recalled;
	if (shapes_recall(c->rest->shapes, settings, c->catalogue, &c->request, &recalled)) {
		c->plan = recalled.plan;
		c->main = recalled.main;
		c->parsed_us = c->planned_us = clock_now_us();
		return true;
	}
	bool ok = read_request(c, problem);
	c->parsed_us = clock_now_us();
	if (ok && c->ask->action == ASK_ROOT_INFO) c->plan.ask = c->ask;
	if (!ok || c->ask->action == ASK_ROOT_INFO) return ok;
	ok = (c->ask->action == ASK_ROOT ? plan_root : plan_make)(a, settings, c->catalogue, c->ask, &c->plan, problem);
	c->planned_us = clock_now_us();
	return ok;
}

static void run(struct rest_call *c)
{
	struct problem problem;
	struct arena *a = c->request.arena;
	c->settings = renewal_settings(c->rest->renewal, a);
	c->catalogue = catalogue_get(renewal_catalogue(c->rest->renewal));
	bool ok = prepare(c, &problem);
	c->sent_us = clock_now_us();
	if (ok && answers_itself(c->plan.ask->action)) {
		reply_info(a, &c->plan, &c->reply);
		answer(c);
		return;
	}
	if (!ok || !send_query(c, &problem)) answer_problem(c, &problem);
}

static void answer_no_catalogue(struct rest_call *c)
{
	struct problem problem;
	(void)problem_set(&problem, 503, "PGRST002", "Could not query the database for the schema cache. Retrying.",
			  NULL, NULL);
	answer_problem(c, &problem);
}

static void on_read(void *arg)
{
	struct rest *rest = arg;
	struct rest_call *list = rest->waiting;
	bool is_ready = rest_is_ready(rest);
	rest->waiting = NULL;
	rest->waiting_count = 0;
	while (list != NULL) {
		struct rest_call *c = list;
		list = c->next;
		if (is_ready)
			run(c);
		else
			answer_no_catalogue(c);
	}
	void (*on_ready)(void *arg) = is_ready ? rest->on_ready : NULL;
	if (on_ready != NULL) rest->on_ready = NULL, on_ready(rest->ready_arg);
}

void rest_on_ready(struct rest *rest, void (*on_ready)(void *arg), void *arg)
{
	rest->on_ready = on_ready;
	rest->ready_arg = arg;
}

struct rest *rest_new(uv_loop_t *loop, struct pg_pool *pool, const struct rest_settings *settings,
		      const char *listen_conninfo)
{
	struct rest *rest = calloc(1, sizeof *rest);
	if (rest == NULL) abort();
	rest->pool = pool;
	rest->shapes = shapes_new();
	rest->renewal = renewal_new(loop, pool, settings, listen_conninfo, on_read, rest);
	return rest;
}

void rest_free(struct rest *rest)
{
	if (rest == NULL) return;
	shapes_free(rest->shapes);
	renewal_free(rest->renewal);
	free(rest);
}

void rest_reload(struct rest *rest)
{
	renewal_begin(rest->renewal);
}

bool rest_is_ready(const struct rest *rest)
{
	return renewal_catalogue(rest->renewal) != NULL;
}

void rest_configure(struct rest *rest, const struct rest_settings *settings, void (*release)(void *arg), void *arg)
{
	renewal_configure(rest->renewal, settings, release, arg);
}

void rest_on_notify(struct rest *rest, void (*on_notify)(void *arg), void *arg)
{
	renewal_on_notify(rest->renewal, on_notify, arg);
}

void rest_stats(const struct rest *rest, struct rest_stats *ret_stats)
{
	renewal_stats(rest->renewal, ret_stats);
	ret_stats->pool_timeouts = rest->pool_timeouts;
}

void rest_write_catalogue(const struct rest *rest, struct buf *ret_json)
{
	if (rest_is_ready(rest)) inspect_catalogue(renewal_catalogue(rest->renewal), ret_json);
}

static bool is_too_large(const struct rest_request *r, struct problem *problem)
{
	if (r->path.len + r->query.len > REST_URL_MAX_BYTES) {
		(void)problem_set(problem, 414, "PGRST100", "The URL is longer than 65536 bytes", NULL,
				  "Send long lists of values to a function by POST.");
		return true;
	}
	if (r->body.len > REST_BODY_MAX_BYTES) {
		(void)problem_set(problem, 413, "PGRST102", "The body is larger than 32 MB", NULL,
				  "Send the rows in several requests.");
		return true;
	}
	return false;
}

struct rest_call *rest_handle(struct rest *rest, const struct rest_request *request, rest_reply_fn done, void *arg)
{
	struct problem problem;
	struct rest_call *c = arena_alloc(request->arena, sizeof *c);
	if (c == NULL) abort(); /* an arena smaller than one call is our mistake */
	*c =
	    (struct rest_call){.rest = rest, .request = *request, .done = done, .arg = arg, .start_us = clock_now_us()};
	if (is_too_large(request, &problem)) {
		answer_problem(c, &problem);
		return NULL;
	}
	if (rest_is_ready(rest)) {
		run(c);
		return c->is_sent ? c : NULL;
	}
	if (!renewal_is_under_way(rest->renewal)) rest_reload(rest);
	if (rest->waiting_count == WAITING_MAX) {
		answer_no_catalogue(c);
		return NULL;
	}
	rest->waiting_count++;
	c->next = rest->waiting;
	rest->waiting = c;
	return c;
}

void rest_cancel(struct rest_call *call)
{
	if (call->is_sent)
		pg_call_cancel(call->rest->pool, &call->query);
	else if (call->rows_state == ROWS_DRAINED)
		end_stream(call, false);
}

void rest_resume(struct rest_call *call)
{
	bool is_drained = call->rows_state == ROWS_DRAINED;
	if (!rows_push(&call->rows, call->request.sink, call->arg, is_drained)) return;
	if (is_drained)
		end_stream(call, true);
	else
		pg_call_resume(&call->query);
}
