/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/health.h"

#include <stdlib.h>

#include "codec/json.h"

#define PARTS 12 /* of the deadline */

/* On the heap: the timer's handle is closed after the request has been answered. */
struct health {
	struct exchange *x;
	struct pg_call calls[2];
	uv_timer_t timer;
	int pending, parts;
	bool is_late;
	struct err err; /* the first failure */
};

static const struct pg_statement probe = {.sql = "select 1", .is_prepared = true};

static struct pg_pool *pool_of(const struct health *h, int i)
{
	return i == 0 ? h->x->gateway->rest_pool : h->x->gateway->auth_pool;
}

static void free_health(uv_handle_t *timer)
{
	free(timer->data);
}

static void finish(struct health *h)
{
	struct exchange *x = h->x;
	struct gateway *gateway = x->gateway;
	json_t *o JSON_CLEANUP = h->err.code == ERR_NONE
				     ? json_pack("{s:s}", "status", "ok")
				     : json_pack("{s:s, s:s}", "status", "unavailable", "reason", h->err.msg);
	char *text = json_text(o);
	char *copy = arena_strdup(x->arena, text);
	free(text);
	exchange_field(x, "Content-Type", "application/json; charset=utf-8");
	exchange_end(x, h->err.code == ERR_NONE ? 200 : 503, copy != NULL ? str_from(copy) : STR("{}"), NULL);
	uv_close((uv_handle_t *)&h->timer, free_health);
	exchange_release(gateway);
}

static void on_answer(void *arg, struct pg_call *call)
{
	struct health *h = arg;
	if (call->err.code != ERR_NONE && h->err.code == ERR_NONE) {
		if (h->is_late)
			(void)err_set(&h->err, ERR_TIMEOUT, "the database did not answer within %d ms",
				      HEALTH_DEADLINE_MS);
		else
			h->err = call->err;
	} else if (call->failed >= 0 && h->err.code == ERR_NONE) {
		(void)err_set(&h->err, ERR_FAILED, "the database refused the simplest question");
	}
	pg_call_clear(call);
	call->arg = NULL; /* nothing to cancel any more */
	if (--h->pending == 0) finish(h);
}

/* Where this process stood still, its timers ring before it reads what came meanwhile: however long that was, it counts
 * as one part, and the answer is read before the next. */
static void on_part(uv_timer_t *timer)
{
	struct health *h = timer->data;
	if (++h->parts < PARTS) return;
	(void)uv_timer_stop(timer);
	h->is_late = true;
	for (int i = 0; i < 2; i++)
		if (h->calls[i].arg != NULL) pg_call_cancel(pool_of(h, i), &h->calls[i]);
}

void health_answer(struct exchange *x)
{
	struct health *h = calloc(1, sizeof *h);
	if (h == NULL) abort();
	h->x = x;
	exchange_hold(x);
	(void)uv_timer_init(x->gateway->loop, &h->timer);
	h->timer.data = h;
	(void)uv_timer_start(&h->timer, on_part, HEALTH_DEADLINE_MS / PARTS, HEALTH_DEADLINE_MS / PARTS);
	for (int i = 0; i < 2; i++) {
		h->calls[i] =
		    (struct pg_call){.statements = &probe, .count = 1, .is_repeatable = true, .done = on_answer};
		h->calls[i].arg = h;
		h->pending++;
		if (pg_pool_run(pool_of(h, i), &h->calls[i], &h->err)) continue;
		h->calls[i].arg = NULL;
		h->pending--;
	}
	if (h->pending == 0) finish(h);
}
