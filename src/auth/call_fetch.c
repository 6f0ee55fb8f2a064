/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/call_fetch.h"

#include <stdlib.h>

#include "codec/json.h"

struct asked {
	struct auth_call *call;
	call_fetched_fn done;
	struct err err;
};

static void on_fetched(void *arg, const struct http_fetched *fetched, const struct err *why)
{
	struct asked *asked = arg;
	asked->call->auth->fetches--;
	asked->done(asked->call, fetched, why);
}

static void on_closed(uv_handle_t *handle)
{
	struct asked *asked = handle->data;
	struct auth_call *call = asked->call;
	struct err err = asked->err;
	call_fetched_fn done = asked->done;
	free(handle);
	done(call, NULL, &err);
}

/* Never from inside: a flow that goes on from here would be in the middle of its own step. */
static void fail_later(struct asked *asked)
{
	uv_timer_t *timer = calloc(1, sizeof *timer);
	if (timer == NULL) abort();
	(void)uv_timer_init(asked->call->auth->loop, timer);
	timer->data = asked;
	uv_close((uv_handle_t *)timer, on_closed);
}

void call_fetch(struct auth_call *call, const struct http_fetch_spec *spec, call_fetched_fn done)
{
	struct asked *asked = arena_alloc(call->arena, sizeof *asked);
	if (asked == NULL) {
		call_full(call);
		return;
	}
	*asked = (struct asked){.call = call, .done = done};
	if (call->auth->http == NULL || call->auth->fetches >= CALL_FETCHES_MAX)
		(void)err_set(&asked->err, ERR_UNAVAILABLE, "too many other servers are being asked");
	else if (http_fetch(call->auth->http, spec, call->arena, on_fetched, asked, &asked->err))
		call->auth->fetches++;
	if (asked->err.code != ERR_NONE) fail_later(asked);
}

static void free_json(void *arg)
{
	json_decref(arg);
}

json_t *call_fetched_json(struct auth_call *call, const struct http_fetched *fetched)
{
	json_t *value = NULL;
	struct err ignored;
	if (!json_parse(fetched->body, &value, &ignored)) return NULL;
	arena_defer(call->arena, free_json, value);
	return value;
}
