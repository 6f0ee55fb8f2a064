/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/url.h"

#define USER_METADATA_MAX (1u << 20)

struct pg_batch *storage_batch(struct storage_call *call)
{
	call->batch.count = 0;
	return &call->batch;
}

/* In one condition of set_config calls there is no row to send; see rest's. Deleting is the storage API's own right. */
#define SET_ROLE                                                                                                       \
	"select where set_config('role', $1, true) is null or set_config('request.jwt.claims', $2, true) is null "     \
	"or set_config('storage.operation', $3, true) is null or set_config('request.method', $4, true) is null "      \
	"or set_config('request.path', $5, true) is null "                                                             \
	"or set_config('storage.allow_delete_query', 'true', true) is null"

static void set_role(struct storage_call *call, const char *role, const char *claims)
{
	const char *method = call->route->method, *path = arena_cstr(call->arena, call->request.path);
	(void)PG_ADD(&call->batch, SET_ROLE, role, claims, call->route->operation, method, path != NULL ? path : "");
}

void storage_as_caller(struct storage_call *call)
{
	set_role(call, call->role, call->claims);
}

void storage_as_service(struct storage_call *call)
{
	set_role(call, "service_role", "{\"role\":\"service_role\"}");
}

static void free_rows(void *rows)
{
	PQclear(rows);
}

/* They live in the request's arena, as everything. */
static void keep_rows(struct storage_call *call, struct pg_call *pg)
{
	for (int i = 0; i <= pg->count; i++)
		if (pg->results[i] != NULL) arena_defer(call->arena, free_rows, pg->results[i]);
}

static void on_refused(struct storage_call *call, struct pg_call *pg)
{
	struct pg_error why;
	struct storage_problem problem;
	pg_error_from_result(&why, pg->results[pg->failed], NULL);
	bool (*asked)(struct storage_call *, int, const struct pg_error *) = call->on_refused;
	call->on_refused = NULL;
	if (asked != NULL && asked(call, pg->failed, &why)) return;
	(void)storage_problem_pg(&problem, &why);
	storage_end(call, &problem, arena_printf(call->arena, "%s (%s)", why.message, why.sqlstate));
}

static void on_done(void *arg, struct pg_call *pg)
{
	struct storage_call *call = arg;
	keep_rows(call, pg);
	if (pg->failed >= 0 && pg->results[pg->failed] != NULL) {
		on_refused(call, pg);
	} else if (pg->err.code != ERR_NONE) {
		storage_fail_inside(call, &pg->err);
	} else {
		call->on_refused = NULL;
		call->on_rows(call);
	}
}

void storage_run(struct storage_call *call, void (*on_rows)(struct storage_call *))
{
	struct err err;
	call->pg = (struct pg_call){.statements = call->batch.statements,
				    .count = call->batch.count,
				    .affinity = pg_affinity(call->role, strlen(call->role)),
				    .done = on_done,
				    .arg = call};
	call->on_rows = on_rows;
	if (!pg_pool_run(call->storage->pool, &call->pg, &err)) storage_fail_inside(call, &err);
}

const PGresult *storage_rows(const struct storage_call *call, int statement)
{
	return call->pg.results[statement];
}

bool storage_is_null(const PGresult *rows, int row, int column)
{
	return rows == NULL || row >= PQntuples(rows) || PQgetisnull(rows, row, column);
}

const char *storage_value(const PGresult *rows, int row, int column)
{
	return storage_is_null(rows, row, column) ? "" : PQgetvalue(rows, row, column);
}

/* The ends. */
void storage_reply_add(struct storage_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < STORAGE_REPLY_HEADERS_MAX);
	if (value != NULL) reply->headers[reply->header_count++] = (struct storage_header){name, value};
}

void storage_forget_files(struct storage_call *call, const PGresult *rows, int column)
{
	int count = PQntuples(rows);
	const char **versions = arena_array(call->arena, (size_t)count + 1, sizeof *versions);
	for (int i = 0; versions != NULL && i < count; i++) versions[i] = storage_value(rows, i, column);
	if (versions != NULL) files_remove(call->storage->files, versions, count);
}

void storage_changes(struct storage_call *call, const char *bucket, const char *key)
{
	struct storage_change *change = arena_alloc(call->arena, sizeof *change);
	if (change == NULL) {
		/* What is known already stands for it: the longest wait that there is. */
		if (call->changes != NULL) call->changes->key = NULL;
		return;
	}
	*change = (struct storage_change){bucket, key, call->changes};
	call->changes = change;
}

static void give(struct storage_call *call, const struct storage_reply *reply)
{
	call->storage->calls--;
	call->done(call->arg, reply);
}

struct hold {
	uv_timer_t timer;
	struct storage_call *call;
	struct storage_reply reply;
};

static void on_hold_closed(uv_handle_t *timer)
{
	struct hold *hold = timer->data;
	free(hold);
}

static void on_held(uv_timer_t *timer)
{
	struct hold *hold = timer->data;
	hold->call->hold = NULL;
	give(hold->call, &hold->reply);
	uv_close((uv_handle_t *)timer, on_hold_closed);
}

static void hold_answer(struct storage_call *call, const struct storage_reply *reply, int64_t wait_ms)
{
	struct hold *hold = calloc(1, sizeof *hold);
	if (hold == NULL) abort();
	hold->call = call;
	hold->reply = *reply;
	call->hold = hold;
	hold->timer.data = hold;
	(void)uv_timer_init(call->storage->loop, &hold->timer);
	(void)uv_timer_start(&hold->timer, on_held, (uint64_t)wait_ms, 0);
}

static int64_t change_wait_ms(const struct storage_call *call)
{
	int64_t now_ms = clock_wall_ms(), longest_ms = 0;
	for (const struct storage_change *c = call->changes; c != NULL; c = c->next) {
		int64_t wait_ms = given_wait_ms(&call->storage->given, c->bucket, c->key, now_ms);
		if (wait_ms > longest_ms) longest_ms = wait_ms;
	}
	return longest_ms;
}

void storage_answer_with(struct storage_call *call, const struct storage_reply *reply)
{
	assert(!call->is_done);
	call->is_done = true;
	int64_t wait_ms = reply->status < 400 ? change_wait_ms(call) : 0;
	if (wait_ms > 0)
		hold_answer(call, reply, wait_ms);
	else
		give(call, reply);
}

void storage_call_abandon(struct storage_call *call)
{
	if (call->is_done && call->hold == NULL) return;
	if (call->hold != NULL) {
		uv_close((uv_handle_t *)&call->hold->timer, on_hold_closed);
		call->hold = NULL;
	}
	call->is_done = true;
	call->storage->calls--;
}

void storage_end(struct storage_call *call, const struct storage_problem *problem, const char *cause)
{
	if (call->refuse != NULL) {
		call->refuse(call, problem, cause);
		return;
	}
	char *body = storage_problem_body(call->arena, problem);
	struct storage_reply reply = {.status = storage_problem_status(problem), .cause = cause};
	reply.body = body != NULL ? str_from(body) : STR("{}");
	storage_reply_add(&reply, "Content-Type", "application/json; charset=utf-8");
	storage_reply_add(&reply, "Cache-Control", "no-store");
	storage_answer_with(call, &reply);
}

void storage_fail(struct storage_call *call, enum storage_fault fault)
{
	storage_end(call, &(struct storage_problem){.fault = fault}, NULL);
}

void storage_fail_inside(struct storage_call *call, const struct err *cause)
{
	struct storage_problem problem = {.fault = FAULT_INTERNAL};
	if (cause->code == ERR_UNAVAILABLE) problem.fault = FAULT_DATABASE_BUSY;
	if (cause->code == ERR_TIMEOUT) problem.fault = FAULT_TIMEOUT;
	storage_end(call, &problem, arena_strdup(call->arena, cause->msg));
}

void storage_answer(struct storage_call *call, int status, const char *json)
{
	struct storage_reply reply = {.status = status};
	if (json == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	reply.body = str_from(json);
	storage_reply_add(&reply, "Content-Type", "application/json; charset=utf-8");
	storage_answer_with(call, &reply);
}

void storage_answer_json(struct storage_call *call, int status, const json_t *value)
{
	char *text = json_text(value);
	char *copy = arena_strdup(call->arena, text);
	free(text);
	storage_answer(call, status, copy);
}

/* What was asked. */
struct str storage_header_of(const struct storage_call *call, struct str name)
{
	return call->request.header(call->request.header_arg, name);
}

bool storage_header_is(const struct storage_call *call, struct str name, struct str value)
{
	struct str given = storage_header_of(call, name);
	return given.ptr != NULL && str_eq(str_trim(given), value);
}

const char *storage_query_of(const struct storage_call *call, struct str name)
{
	struct str value;
	if (!query_get(call->arena, call->request.query, name, &value)) return NULL;
	return arena_cstr(call->arena, value);
}

const char *storage_user_metadata(struct storage_call *call, struct str header)
{
	struct buf bytes BUF_CLEANUP;
	json_t *value JSON_CLEANUP = NULL;
	struct err ignored;
	buf_init(&bytes, USER_METADATA_MAX);
	if (header.ptr == NULL) return NULL;
	base64_decode_any(header, &bytes);
	if (!buf_is_ok(&bytes) || !json_parse(buf_view(&bytes), &value, &ignored) || !json_is_object(value))
		return NULL;
	return arena_cstr(call->arena, buf_view(&bytes));
}
