/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/exchange.h"

#include <stdlib.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"

#define LOG_PATH_MAX_BYTES 200
#define LOG_BODY_MAX_BYTES 400

struct exchange *exchange_new(struct gateway *gateway, struct http_request *req)
{
	struct exchange *x = arena_alloc(http_arena(req), sizeof *x);
	if (x == NULL) {
		http_reply(req, 503, NULL, 0, STR(""));
		return NULL;
	}
	*x = (struct exchange){.gateway = gateway, .req = req, .arena = http_arena(req), .start_us = clock_now_us()};
	return x;
}

void exchange_field(struct exchange *x, const char *name, const char *value)
{
	if (x->field_count < EXCHANGE_FIELDS_MAX && name != NULL && value != NULL)
		x->fields[x->field_count++] = (struct http_reply_field){name, value};
}

bool exchange_has_field(const struct exchange *x, const char *name)
{
	for (size_t i = 0; i < x->field_count; i++)
		if (strcasecmp(x->fields[i].name, name) == 0) return true;
	return false;
}

/* The query stays out of the log: it may hold codes and tokens. */
static void log_failure(const struct exchange *x, unsigned status, const char *cause, struct str body)
{
	char path[LOG_PATH_MAX_BYTES + 1];
	struct str p = str_sub(http_path(x->req), 0, LOG_PATH_MAX_BYTES);
	for (size_t i = 0; i < p.len; i++) path[i] = p.ptr[i] > ' ' && p.ptr[i] < 0x7F ? p.ptr[i] : '?';
	path[p.len] = '\0';
	struct str words = cause != NULL ? str_from(cause) : str_sub(body, 0, LOG_BODY_MAX_BYTES);
	log_line(status >= 500 && status != 501 ? LOG_ERROR : LOG_INFO, "%.*s %s: %u after %lld us: %.*s",
		 STR_FMT(str_sub(http_method(x->req), 0, 20)), path, status, (long long)(clock_now_us() - x->start_us),
		 STR_FMT(words));
}

static void keep(void *body)
{
	(void)body;
}

static void add_browser_fields(struct exchange *x)
{
	if (!exchange_has_field(x, "Access-Control-Allow-Origin"))
		exchange_field(x, "Access-Control-Allow-Origin", "*");
	if (!exchange_has_field(x, "Access-Control-Expose-Headers"))
		exchange_field(
		    x, "Access-Control-Expose-Headers",
		    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
		    "Transfer-Encoding, Range-Unit, X-Total-Count, Link, X-Supabase-Api-Version");
}

void exchange_begin(struct exchange *x, unsigned status, const struct http_stream_spec *spec)
{
	add_browser_fields(x);
	if (status >= 400) log_failure(x, status, NULL, STR(""));
	http_reply_begin(x->req, status, x->fields, x->field_count, spec);
}

void exchange_end(struct exchange *x, unsigned status, struct str body, const char *cause)
{
	add_browser_fields(x);
	if (status >= 400) log_failure(x, status, cause, body);
	if (str_eq(http_method(x->req), STR("HEAD"))) body = STR("");
	http_reply_owned(x->req, status, x->fields, x->field_count, body, keep, NULL);
}

void exchange_end_file(struct exchange *x, unsigned status, int fd, uint64_t offset, uint64_t size)
{
	add_browser_fields(x);
	http_reply_file(x->req, status, x->fields, x->field_count, fd, offset, size);
}

static json_t *text_or_null(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

void exchange_end_json(struct exchange *x, unsigned status, const char *code, const char *message, const char *details,
		       const char *hint)
{
	json_t *o JSON_CLEANUP = json_object();
	if (code != NULL) {
		(void)json_object_set_new(o, "code", json_string(code));
		(void)json_object_set_new(o, "details", text_or_null(details));
		(void)json_object_set_new(o, "hint", text_or_null(hint));
	} else if (hint != NULL) {
		(void)json_object_set_new(o, "hint", json_string(hint));
	}
	(void)json_object_set_new(o, "message", json_string(message));
	char *text = json_text(o);
	char *copy = arena_strdup(x->arena, text);
	free(text);
	exchange_field(x, "Content-Type", "application/json; charset=utf-8");
	exchange_end(x, status, copy != NULL ? str_from(copy) : STR("{}"), NULL);
}

void exchange_hold(struct exchange *x)
{
	x->gateway->active++;
}

void exchange_release(struct gateway *gateway)
{
	if (--gateway->active == 0 && gateway->on_idle != NULL) gateway->on_idle(gateway->idle_arg);
}
