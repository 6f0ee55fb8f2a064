/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/send.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/json.h"
#include "jobs/net.h"

#define ARENA_BYTES (2u * NET_ANSWER_MAX_BYTES + (1u << 20)) /* the answer's text, and its headers */
#define REDIRECTS_MAX 10
#define CONNECT_MS 10000
#define AGAIN_MS 2000
#define USER_AGENT "pg_net (Freehold)"

enum { COL_ID, COL_METHOD, COL_URL, COL_HEADERS, COL_BODY, COL_TIMEOUT };
enum { PARAM_ID, PARAM_STATUS, PARAM_TYPE, PARAM_HEADERS, PARAM_CONTENT, PARAM_TIMED_OUT, PARAM_ERROR };

/* Only while it is ours: a lease that ran out was recorded as lost. */
static const char record_sql[] =
    "with gone as (delete from freehold_jobs.request where id = $1::bigint returning id) "
    "insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg) "
    "select id, $2::integer, $3, $4::jsonb, $5, $6::boolean, $7 from gone";

static void record(struct net_send *s);

static void on_again(uv_timer_t *timer)
{
	record(timer->data);
}

static void release(struct net_send *s)
{
	curl_slist_free_all(s->headers);
	curl_slist_free_all(s->connect_to);
	s->headers = s->connect_to = NULL;
	if (s->transfer.curl != NULL) curl_easy_cleanup(s->transfer.curl);
	s->transfer.curl = NULL;
	buf_done(&s->body);
	arena_free(s->arena);
	s->arena = NULL;
	s->state = SEND_FREE;
}

static void on_recorded(void *arg, struct pg_call *pg)
{
	struct net_send *s = arg;
	if (pg->err.code != ERR_NONE) {
		pg_call_clear(pg);
		(void)uv_timer_start(&s->timer, on_again, AGAIN_MS, 0);
		return;
	}
	if (pg->failed >= 0)
		log_warn("net: the answer to request %s could not be kept: %s", s->id,
			 PQresultErrorMessage(pg->results[pg->failed]));
	pg_call_clear(pg);
	release(s);
	s->done(s->arg);
}

static void record(struct net_send *s)
{
	struct err ignored;
	s->state = SEND_RECORDING;
	s->statement =
	    (struct pg_statement){.sql = record_sql, .param_count = 7, .params = s->params, .is_prepared = true};
	s->pg = (struct pg_call){.statements = &s->statement, .count = 1, .done = on_recorded, .arg = s};
	if (!pg_pool_run(s->pool, &s->pg, &ignored)) (void)uv_timer_start(&s->timer, on_again, AGAIN_MS, 0);
}

static void set_error(struct net_send *s, bool is_timeout)
{
	if (!str_is_utf8(str_from(s->error))) (void)snprintf(s->error, sizeof s->error, "an error without words");
	s->params[PARAM_STATUS] = s->params[PARAM_TYPE] = s->params[PARAM_HEADERS] = s->params[PARAM_CONTENT] = NULL;
	s->params[PARAM_TIMED_OUT] = is_timeout ? "t" : "f";
	s->params[PARAM_ERROR] = s->error;
}

/* From the loop: whoever begins it may still be at work. */
static void fail_at_once(struct net_send *s, const char *why)
{
	(void)snprintf(s->error, sizeof s->error, "%s", why);
	set_error(s, false);
	(void)uv_timer_start(&s->timer, on_again, 0, 0);
}

/* A text that PostgreSQL takes: UTF-8 without NUL. */
static const char *text_of(struct net_send *s, struct str bytes)
{
	if (!str_is_utf8(bytes) || memchr(bytes.ptr, 0, bytes.len) != NULL) return NULL;
	return arena_cstr(s->arena, bytes);
}

static const char *headers_of(struct net_send *s)
{
	json_t *all JSON_CLEANUP = json_object();
	struct curl_header *header = NULL;
	while ((header = curl_easy_nextheader(s->transfer.curl, CURLH_HEADER, -1, header)) != NULL) {
		json_t *value = json_string(header->value);
		if (value != NULL) (void)json_object_set_new(all, header->name, value); /* NULL: no UTF-8 */
	}
	char *text = json_text(all);
	const char *copy = arena_strdup(s->arena, text);
	free(text);
	return copy;
}

static void take_answer(struct net_send *s)
{
	long status = 0;
	char *type = NULL;
	(void)curl_easy_getinfo(s->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(s->transfer.curl, CURLINFO_CONTENT_TYPE, &type);
	(void)snprintf(s->status, sizeof s->status, "%ld", status);
	s->params[PARAM_STATUS] = s->status;
	s->params[PARAM_TYPE] = type != NULL ? text_of(s, str_from(type)) : NULL;
	s->params[PARAM_HEADERS] = headers_of(s);
	s->params[PARAM_CONTENT] = s->body.len > 0 ? text_of(s, buf_view(&s->body)) : NULL;
	s->params[PARAM_TIMED_OUT] = "f";
	s->params[PARAM_ERROR] = NULL;
	if (s->body.len == 0 || s->params[PARAM_CONTENT] != NULL) return;
	(void)snprintf(s->error, sizeof s->error, "the answer is no text (UTF-8) and was not kept");
	s->params[PARAM_ERROR] = s->error;
}

static void explain(struct net_send *s, CURLcode code)
{
	double total = 0;
	(void)curl_easy_getinfo(s->transfer.curl, CURLINFO_TOTAL_TIME, &total);
	if (code == CURLE_OPERATION_TIMEDOUT)
		(void)snprintf(s->error, sizeof s->error, "Timeout of %lld ms reached. Total time: %.3f ms",
			       (long long)s->timeout_ms, total * 1000);
	else if (s->refused[0] != '\0')
		(void)snprintf(s->error, sizeof s->error,
			       "%s is this machine or in a private network and is not called; the owner can allow it "
			       "with: freehold cron APP allow %s",
			       s->refused, s->refused);
	else if (!buf_is_ok(&s->body))
		(void)snprintf(s->error, sizeof s->error, "the answer is longer than %u MiB",
			       NET_ANSWER_MAX_BYTES >> 20);
	else
		(void)snprintf(s->error, sizeof s->error, "%s",
			       s->fault[0] != '\0' ? s->fault : curl_easy_strerror(code));
	set_error(s, code == CURLE_OPERATION_TIMEDOUT);
}

static void on_done(void *arg, CURLcode code)
{
	struct net_send *s = arg;
	if (code == CURLE_OK)
		take_answer(s);
	else
		explain(s, code);
	record(s);
}

static size_t on_write(char *bytes, size_t size, size_t count, void *send)
{
	struct net_send *s = send;
	buf_append(&s->body, bytes, size * count);
	return buf_is_ok(&s->body) ? size * count : 0;
}

static curl_socket_t on_open_socket(void *send, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct net_send *s = send;
	(void)purpose;
	if (egress_is_allowed(&s->egress, &to->addr))
		return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	struct sockaddr_storage address = {0};
	memcpy(&address, &to->addr, to->addrlen < sizeof address ? to->addrlen : sizeof address);
	const void *bytes = to->family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)&address)->sin6_addr
						   : (const void *)&((struct sockaddr_in *)&address)->sin_addr;
	if (inet_ntop(to->family, bytes, s->refused, sizeof s->refused) == NULL)
		(void)snprintf(s->refused, sizeof s->refused, "the address");
	return CURL_SOCKET_BAD;
}

static bool add_header(struct net_send *s, const char *line)
{
	struct str name, value;
	for (const char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' && *c != '\t') return false;
	/* To curl "Name:" means to leave that header out, "Name;" that it is empty. */
	if (str_cut(str_from(line), ':', &name, &value) && str_trim(value).len == 0)
		line = arena_printf(s->arena, "%.*s;", STR_FMT(name));
	struct curl_slist *longer = line != NULL ? curl_slist_append(s->headers, line) : NULL;
	if (longer == NULL) return false;
	s->headers = longer;
	return true;
}

static bool set_headers(struct net_send *s, const char *text, const struct address_map *map, bool is_own)
{
	json_t *lines JSON_CLEANUP = NULL;
	struct err ignored;
	size_t i;
	json_t *line;
	if (!json_parse(str_from(text), &lines, &ignored)) return false;
	json_array_foreach(lines, i, line)
	{
		const char *one = json_string_value(line);
		if (one != NULL && is_own) one = address_map_header(map, s->arena, one);
		if (one == NULL || !add_header(s, one)) return false;
	}
	return true;
}

/* The app itself, whatever its name resolves to: the edge of this machine. */
static bool reach_own(struct net_send *s, const char *site_url)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;
	bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, site_url, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (ok) {
		char *line = arena_printf(s->arena, "%s:%s:127.0.0.1:%s", host, port, port);
		int64_t number = 0;
		(void)str_to_int(str_from(port), &number);
		s->egress.own_port = (uint16_t)number;
		if (line != NULL) s->connect_to = curl_slist_append(NULL, line);
	}
	curl_free(host), curl_free(port);
	curl_url_cleanup(u);
	return ok && s->connect_to != NULL;
}

static void set_request(struct net_send *s, const char *method, const char *url, struct str body, bool has_body)
{
	CURL *curl = s->transfer.curl;
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	if (has_body) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		(void)curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body.ptr);
	} else if (strcasecmp(method, "POST") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		(void)curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, "");
	}
	if (strcasecmp(method, "DELETE") == 0) (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
	if (has_body && strcasecmp(method, "GET") == 0) (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "GET");
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, s->headers);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, s->connect_to);
}

static void set_limits(struct net_send *s)
{
	CURL *curl = s->transfer.curl;
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	(void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, s);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, s->fault);
	/* A connection that is kept was allowed for another request, and perhaps by other rules. */
	(void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
}

void net_send_init(struct net_send *s, uv_loop_t *loop, struct pg_pool *pool, struct http_multi *multi,
		   void (*done)(void *arg), void *arg)
{
	*s = (struct net_send){.pool = pool, .multi = multi, .done = done, .arg = arg};
	(void)uv_timer_init(loop, &s->timer);
	s->timer.data = s;
}

static const char *cell(struct net_send *s, const PGresult *rows, int row, int column)
{
	return arena_strndup(s->arena, PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column));
}

void net_send_begin(struct net_send *s, const PGresult *rows, int row, const struct address_map *map,
		    const struct egress *egress)
{
	bool is_own = false;
	s->state = SEND_UNDER_WAY;
	s->arena = arena_new(ARENA_BYTES);
	s->egress = *egress;
	s->fault[0] = s->refused[0] = '\0';
	buf_init(&s->body, NET_ANSWER_MAX_BYTES);
	s->params[PARAM_ID] = s->id;
	(void)snprintf(s->id, sizeof s->id, "%.*s", PQgetlength(rows, row, COL_ID), PQgetvalue(rows, row, COL_ID));
	const char *method = cell(s, rows, row, COL_METHOD), *url = cell(s, rows, row, COL_URL),
		   *headers = cell(s, rows, row, COL_HEADERS), *timeout = cell(s, rows, row, COL_TIMEOUT);
	struct str body = {PQgetvalue(rows, row, COL_BODY), (size_t)PQgetlength(rows, row, COL_BODY)};
	if (method == NULL || url == NULL || headers == NULL || timeout == NULL) {
		fail_at_once(s, "the request is too long");
		return;
	}
	if (strcasecmp(method, "GET") != 0 && strcasecmp(method, "POST") != 0 && strcasecmp(method, "DELETE") != 0) {
		fail_at_once(s, "Unsupported request method");
		return;
	}
	s->timeout_ms = 0;
	(void)str_to_int(str_from(timeout), &s->timeout_ms);
	if (s->timeout_ms < 1 || s->timeout_ms > NET_TIMEOUT_MAX_MS) s->timeout_ms = NET_TIMEOUT_MAX_MS;
	url = address_map_url(map, s->arena, url, &is_own);
	s->transfer = (struct http_transfer){.curl = curl_easy_init(), .done = on_done, .arg = s};
	if (s->transfer.curl == NULL) abort();
	(void)reach_own(s, map->site_url);
	if (url == NULL || !set_headers(s, headers, map, is_own)) {
		fail_at_once(s, "a header holds a control character, or they are too long");
		return;
	}
	set_limits(s);
	set_request(s, method, url, body, !PQgetisnull(rows, row, COL_BODY));
	http_multi_add(s->multi, &s->transfer);
}

void net_send_cut(struct net_send *s, uv_close_cb on_closed)
{
	if (s->state == SEND_UNDER_WAY && s->transfer.curl != NULL && !uv_is_active((uv_handle_t *)&s->timer))
		http_multi_remove(s->multi, &s->transfer);
	if (s->state != SEND_FREE) release(s);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}
