/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/problem.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "pg/error.h"

#define STATUS_MIN 100 /* of three digits, as HTTP has it */
#define STATUS_MAX 999

bool problem_set(struct problem *p, int status, const char *code, const char *message, const char *details,
		 const char *hint)
{
	*p = (struct problem){.status = status,
			      .code = code,
			      .message = message != NULL ? message : "out of the request's memory",
			      .details = details,
			      .hint = hint};
	return false;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
	size_t len = strlen(text), n = strlen(with);
	return len >= n && strcmp(text + len - n, with) == 0;
}

/* A row: a prefix of the SQLSTATE and its status; the first that fits counts. */
static const struct {
	const char *state;
	int status;
} statuses[] = {
    {"08", 503},    {"09", 500}, {"0L", 403},    {"0P", 403}, {"23503", 409}, {"23505", 409}, {"25006", 405},
    {"25", 500},    {"28", 403}, {"2D", 500},    {"38", 500}, {"39", 500},    {"3B", 500},    {"40", 500},
    {"53400", 500}, {"53", 503}, {"54", 500},    {"55", 500}, {"57P01", 503}, {"57", 500},    {"58", 500},
    {"F0", 500},    {"HV", 500}, {"P0001", 400}, {"P0", 500}, {"XX", 500},    {"42P01", 404}, {"42P17", 500},
};

static int pg_status(const char *state, const char *message, bool is_authenticated)
{
	if (strcmp(state, "21000") == 0) return ends(message, "requires a WHERE clause") ? 400 : 500;
	if (strcmp(state, "22023") == 0) return starts(message, "role") && ends(message, "does not exist") ? 401 : 400;
	if (strcmp(state, "42883") == 0) return starts(message, "function xmlagg(") ? 406 : 404;
	if (strcmp(state, "42501") == 0) return is_authenticated ? 403 : 401;
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (starts(state, statuses[i].state)) return statuses[i].status;
	return 400;
}

static const char *field_text(struct arena *a, const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);
	return text != NULL ? arena_strdup(a, text) : NULL;
}

/* RAISE SQLSTATE 'PT404' USING MESSAGE = … : the three digits are the status, the message its phrase. */
static void apply_pt(struct problem *p, const char *state)
{
	char *end;
	long status = strtol(state + 2, &end, 10);
	p->status = *end == '\0' && end > state + 2 && status >= STATUS_MIN ? (int)status : 500;
	p->reason = p->message;
}

static bool raise_is_malformed(struct problem *p, struct arena *a, const char *what, const char *text)
{
	const char *details = text == NULL ? "DETAIL is missing in the RAISE statement"
					   : arena_printf(a, "Invalid JSON value for %s: '%s'", what, text);
	const char *hint =
	    strcmp(what, "MESSAGE") == 0
		? "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: "
		  "'details', 'hint'."
		: "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: "
		  "'status_text'.";
	return problem_set(p, 500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details,
			   hint);
}

static bool apply_raise_detail(struct problem *p, struct arena *a, const char *text, const json_t *detail)
{
	const json_t *headers = json_object_get(detail, "headers");
	const json_t *status_text = json_object_get(detail, "status_text");
	int64_t status = json_int(detail, "status", -1);
	if (status < STATUS_MIN || status > STATUS_MAX || !json_is_object(headers) ||
	    (status_text != NULL && !json_is_null(status_text) && !json_is_string(status_text)))
		return raise_is_malformed(p, a, "DETAIL", text);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)headers, key, value)
	{
		if (!json_is_string(value)) return raise_is_malformed(p, a, "DETAIL", text);
		if (p->header_count == PROBLEM_HEADERS_MAX) break;
		p->headers[p->header_count][0] = arena_strdup(a, key);
		p->headers[p->header_count++][1] = arena_strdup(a, json_string_value(value));
	}
	p->status = (int)status;
	if (json_is_string(status_text)) p->reason = arena_strdup(a, json_string_value(status_text));
	return false;
}

static bool is_text_or_null(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return value == NULL || json_is_null(value) || json_is_string(value);
}

static const char *member(struct arena *a, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? arena_strdup(a, text) : NULL;
}

/* RAISE SQLSTATE 'PGRST': the message is the error body, the detail status and headers, both as JSON. */
static bool apply_pgrst(struct problem *p, struct arena *a, const char *message_text, const char *detail_text)
{
	JSON_CLEANUP json_t *message = NULL;
	JSON_CLEANUP json_t *detail = NULL;
	struct err err;
	bool ok = json_parse(str_from(message_text), &message, &err) &&
		  json_is_string(json_object_get(message, "code")) &&
		  json_is_string(json_object_get(message, "message")) && is_text_or_null(message, "details") &&
		  is_text_or_null(message, "hint");
	if (!ok) return raise_is_malformed(p, a, "MESSAGE", message_text);
	if (detail_text == NULL) return raise_is_malformed(p, a, "DETAIL", NULL);
	if (!json_parse(str_from(detail_text), &detail, &err)) return raise_is_malformed(p, a, "DETAIL", detail_text);
	problem_set(p, 500, member(a, message, "code"), member(a, message, "message"), member(a, message, "details"),
		    member(a, message, "hint"));
	return apply_raise_detail(p, a, detail_text, detail);
}

static void add_header(struct problem *p, const char *name, const char *value)
{
	p->headers[p->header_count][0] = name;
	p->headers[p->header_count++][1] = value;
}

bool problem_from_pg(struct problem *p, struct arena *a, const PGresult *result, bool is_authenticated)
{
	const char *state = field_text(a, result, PG_DIAG_SQLSTATE);
	const char *message = field_text(a, result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = field_text(a, result, PG_DIAG_MESSAGE_DETAIL);
	if (state == NULL || message == NULL)
		return problem_set(p, 503, "PGRST001", "Database client error. Retrying the connection.", NULL, NULL);
	if (strcmp(state, "PGRST") == 0) return apply_pgrst(p, a, message, detail);
	problem_set(p, pg_status(state, message, is_authenticated), state, message, detail,
		    field_text(a, result, PG_DIAG_MESSAGE_HINT));
	if (starts(state, "PT")) apply_pt(p, state);
	if (p->status == 401) add_header(p, "WWW-Authenticate", "Bearer");
	if (p->status == 503) add_header(p, "Retry-After", "1");
	return false;
}

bool problem_from_err(struct problem *p, struct arena *a, const struct err *err)
{
	const char *details = arena_strdup(a, err->msg);
	if (err->code == ERR_TIMEOUT)
		(void)problem_set(p, 504, "PGRST003", "Timed out acquiring connection from connection pool.", NULL,
				  NULL);
	else if (starts(err->msg, PG_CANNOT_CONNECT))
		(void)problem_set(p, 503, "PGRST000", "Database connection error.",
				  arena_strdup(a, err->msg + strlen(PG_CANNOT_CONNECT)), NULL);
	else
		(void)problem_set(p, 503, "PGRST001", "Database client error. Retrying the connection.", details, NULL);
	add_header(p, "Retry-After", "1");
	return false;
}

static void write_member(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, "\"%s\":", name);
	if (text == NULL)
		buf_puts(b, "null");
	else
		json_put_string(b, str_from(text));
}

void problem_write(const struct problem *p, struct buf *ret_json)
{
	buf_putc(ret_json, '{');
	write_member(ret_json, "code", p->code);
	buf_putc(ret_json, ',');
	if (p->details_json != NULL)
		buf_printf(ret_json, "\"details\":%s", p->details_json);
	else
		write_member(ret_json, "details", p->details);
	buf_putc(ret_json, ',');
	write_member(ret_json, "hint", p->hint);
	buf_putc(ret_json, ',');
	write_member(ret_json, "message", p->message);
	buf_putc(ret_json, '}');
}
