/* SPDX-License-Identifier: Apache-2.0 */
#include "pg/console.h"

#include <stdlib.h>
#include <string.h>

#include "pg/link.h"

struct console {
	struct pg_link link;
	uv_timer_t timer;
	const char *commands[CONSOLE_COMMANDS_MAX];
	PGresult *results[CONSOLE_COMMANDS_MAX];
	int count, at;
	struct err err;
	console_done done;
	void *arg;
};

static void on_closed(uv_handle_t *handle)
{
	struct console *c = handle->data;
	c->done(c->arg, c->results, c->count, c->err.code == ERR_NONE ? NULL : &c->err);
	for (int i = 0; i < c->count; i++) PQclear(c->results[i]);
	free(c);
}

static void end(struct console *c)
{
	if (uv_is_closing((uv_handle_t *)&c->timer)) return;
	pg_link_close(&c->link);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void fail(struct console *c, const char *said)
{
	size_t len = strlen(said);
	while (len > 0 && said[len - 1] == '\n') len--;
	(void)err_set(&c->err, ERR_UNAVAILABLE, "%.*s", (int)len, said);
	end(c);
}

static void on_deadline(uv_timer_t *timer)
{
	struct console *c = timer->data;
	(void)err_set(&c->err, ERR_TIMEOUT, "no answer in time to %s", c->commands[c->at]);
	end(c);
}

static void send_next(struct console *c)
{
	if (c->at == c->count) {
		end(c);
		return;
	}
	if (PQsendQuery(c->link.raw, c->commands[c->at]) != 1)
		fail(c, PQerrorMessage(c->link.raw));
	else
		(void)PQflush(c->link.raw); /* a few bytes into an empty socket */
}

static void on_open(struct pg_link *link, const struct err *err)
{
	struct console *c = link->owner;
	if (err == NULL) {
		send_next(c);
		return;
	}
	c->err = *err;
	end(c);
}

static void on_ready(struct pg_link *link)
{
	struct console *c = link->owner;
	if (PQconsumeInput(link->raw) != 1) {
		fail(c, PQerrorMessage(link->raw));
		return;
	}
	while (!PQisBusy(link->raw)) {
		PGresult *result = PQgetResult(link->raw);
		if (result == NULL) {
			if (c->at < c->count && c->results[c->at] != NULL) {
				c->at++;
				send_next(c);
			}
			return;
		}
		bool is_error = PQresultStatus(result) == PGRES_FATAL_ERROR;
		if (is_error || c->at >= c->count || c->results[c->at] != NULL) {
			if (is_error) fail(c, PQresultErrorMessage(result));
			PQclear(result);
			if (is_error) return;
			continue;
		}
		c->results[c->at] = result;
	}
}

static const struct pg_link_events events = {on_open, on_ready};

void pg_console_run(uv_loop_t *loop, const char *conninfo, const char *const *commands, int64_t deadline_ms,
		    console_done done, void *arg)
{
	struct console *c = calloc(1, sizeof *c);
	if (c == NULL || uv_timer_init(loop, &c->timer) != 0) abort();
	c->timer.data = c;
	c->done = done;
	c->arg = arg;
	while (c->count < CONSOLE_COMMANDS_MAX && commands[c->count] != NULL) {
		c->commands[c->count] = commands[c->count];
		c->count++;
	}
	(void)uv_timer_start(&c->timer, on_deadline, (uint64_t)deadline_ms, 0);
	if (!pg_link_open(&c->link, loop, conninfo, &events, c, &c->err)) end(c);
}
