/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"

#define CONNECT_DEADLINE_MS 5000
#define LINE_DEFAULT_BYTES (1u << 20)
#define TICK_MS 100

struct transfer {
	const struct http_call *call;
	CURL *curl;
	struct curl_slist *headers, *connect_to;
	struct buf *body;
	struct buf line;
	bool is_stopped; /* on_line or on_tick wanted no more */
	bool is_overflowed; /* the body, or a line */
	bool is_read_failed;
};

static size_t on_read(char *to, size_t size, size_t count, void *transfer)
{
	struct transfer *t = transfer;
	ptrdiff_t n = t->call->on_read(t->call->arg, to, size * count);
	if (n >= 0) return (size_t)n;
	t->is_read_failed = true;
	return CURL_READFUNC_ABORT;
}

static bool give_line(struct transfer *t, struct str line)
{
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
	if (t->call->on_line(t->call->arg, line)) return true;
	t->is_stopped = true;
	return false;
}

static bool take_lines(struct transfer *t, struct str bytes)
{
	buf_str(&t->line, bytes);
	if (!buf_is_ok(&t->line)) {
		t->is_overflowed = true;
		return false;
	}
	struct str rest = buf_view(&t->line), line;
	bool is_wanted = true;
	while (is_wanted && str_cut(rest, '\n', &line, &rest)) is_wanted = give_line(t, line);
	buf_consume(&t->line, t->line.len - rest.len);
	return is_wanted;
}

static bool is_good(const struct transfer *t)
{
	long status = 0;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *transfer)
{
	struct transfer *t = transfer;
	size_t len = size * count;
	if (t->call->on_line != NULL && is_good(t)) return take_lines(t, (struct str){bytes, len}) ? len : 0;
	if (t->body == NULL) return len;
	buf_append(t->body, bytes, len);
	t->is_overflowed = !buf_is_ok(t->body);
	return t->is_overflowed ? 0 : len;
}

static void add_header(struct transfer *t, const char *text)
{
	struct curl_slist *longer = curl_slist_append(t->headers, text);
	if (longer == NULL) abort();
	t->headers = longer;
}

static void set_headers(struct transfer *t)
{
	const struct http_call *call = t->call;
	char line[512];
	if (call->host != NULL) {
		(void)snprintf(line, sizeof line, "Host: %s", call->host);
		add_header(t, line);
	}
	if (call->on_read != NULL || call->body.len > 0) {
		const char *type = call->content_type != NULL ? call->content_type : "application/json";
		(void)snprintf(line, sizeof line, "Content-Type: %s", type);
		add_header(t, line);
	}
	for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++) add_header(t, call->headers[i]);
	(void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
}

static void set_body(struct transfer *t)
{
	const struct http_call *call = t->call;
	if (call->on_read != NULL) {
		(void)curl_easy_setopt(t->curl, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(t->curl, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(t->curl, CURLOPT_READDATA, t);
		(void)curl_easy_setopt(t->curl, CURLOPT_INFILESIZE_LARGE,
				       (curl_off_t)(call->upload_bytes > 0 ? call->upload_bytes : -1));
		(void)curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, "POST");
	} else if (call->body.len > 0) {
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
		(void)curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, call->body.ptr);
	}
	if (call->method == NULL) return;
	if (strcmp(call->method, "HEAD") == 0)
		(void)curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
	else
		(void)curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_tls(struct transfer *t)
{
	char to[128];
	(void)snprintf(to, sizeof to, "::%s", t->call->tls_door); /* for any host and port */
	if ((t->connect_to = curl_slist_append(NULL, to)) == NULL) abort();
	(void)curl_easy_setopt(t->curl, CURLOPT_CONNECT_TO, t->connect_to);
	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 0L);
	(void)curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_call(struct transfer *t)
{
	const struct http_call *call = t->call;
	int64_t connect_ms = call->connect_deadline_ms > 0 ? call->connect_deadline_ms : CONNECT_DEADLINE_MS;
	(void)curl_easy_setopt(t->curl, CURLOPT_URL, call->url);
	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, call->socket_path);
	(void)curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)call->deadline_ms);
	if (call->silence_deadline_ms > 0) {
		(void)curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		(void)curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME,
				       (long)((call->silence_deadline_ms + 999) / 1000));
	}
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	if (call->tls_door != NULL) set_tls(t);
	set_headers(t);
	set_body(t);
}

static bool explain(const struct transfer *t, CURLcode code, struct err *err)
{
	const struct http_call *call = t->call;
	const char *where = call->socket_path != NULL ? call->socket_path : call->url;
	if (t->is_overflowed) return err_set(err, ERR_LIMIT, "%s answered with more than we take", where);
	if (t->is_read_failed) return err_set(err, ERR_IO, "what was to be sent could not be read");
	switch (code) {
	case CURLE_COULDNT_CONNECT: return err_set(err, ERR_UNAVAILABLE, "nobody answers at %s", where);
	case CURLE_OPERATION_TIMEDOUT: return err_set(err, ERR_TIMEOUT, "%s did not answer in time", where);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
		return err_set(err, ERR_UNAVAILABLE, "%s ended, or was stopped, before its answer was whole", where);
	default: return err_set(err, ERR_UNAVAILABLE, "%s: %s", where, curl_easy_strerror(code));
	}
}

static void take_answer(const struct transfer *t, struct http_answer *ret_answer)
{
	struct http_answer answer = {0};
	const char *type = NULL;
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	(void)curl_easy_getinfo(t->curl, CURLINFO_CONTENT_TYPE, &type);
	(void)snprintf(answer.content_type, sizeof answer.content_type, "%s", type != NULL ? type : "");
	*ret_answer = answer;
}

/* curl_easy_perform sleeps for up to a second at a time; this wakes for on_tick. */
static CURLcode perform_ticking(struct transfer *t)
{
	CURLM *multi = curl_multi_init();
	if (multi == NULL) abort();
	CURLcode code = CURLE_OK;
	int running = 0, left;
	(void)curl_multi_add_handle(multi, t->curl);
	for (;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK) code = CURLE_RECV_ERROR;
		if (running == 0 || code != CURLE_OK) break;
		t->is_stopped = !t->call->on_tick(t->call->arg);
		if (t->is_stopped) break;
		(void)curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
	}
	const CURLMsg *message = curl_multi_info_read(multi, &left);
	if (message != NULL && message->msg == CURLMSG_DONE) code = message->data.result;
	(void)curl_multi_remove_handle(multi, t->curl);
	(void)curl_multi_cleanup(multi);
	return code;
}

static bool perform(struct transfer *t, struct http_answer *ret_answer, struct err *err)
{
	CURLcode code = t->call->on_tick != NULL ? perform_ticking(t) : curl_easy_perform(t->curl);
	if (code != CURLE_OK && !t->is_stopped) return explain(t, code, err);
	if (t->line.len > 0 && !t->is_stopped) (void)give_line(t, buf_view(&t->line));
	take_answer(t, ret_answer);
	return true;
}

bool http_call(const struct http_call *call, struct buf *ret_body, struct http_answer *ret_answer, struct err *err)
{
	struct transfer t = {.call = call, .body = ret_body, .curl = curl_easy_init()};
	if (t.curl == NULL) abort();
	buf_init(&t.line, call->line_max_bytes > 0 ? call->line_max_bytes : LINE_DEFAULT_BYTES);
	set_call(&t);
	bool ok = perform(&t, ret_answer, err);
	curl_slist_free_all(t.headers);
	curl_slist_free_all(t.connect_to);
	curl_easy_cleanup(t.curl);
	buf_done(&t.line);
	return ok;
}

static enum err_code code_of_status(long status)
{
	static const enum err_code codes[] = {ERR_INVALID, ERR_NOT_FOUND, ERR_CONFLICT,    ERR_REFUSED,
					      ERR_DENIED,  ERR_LIMIT,     ERR_UNAVAILABLE, ERR_TIMEOUT};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (err_code_http_status(codes[i]) == (int)status) return codes[i];
	return status == 401 ? ERR_DENIED : ERR_FAILED;
}

bool http_call_ok(const struct http_call *call, struct buf *ret_body, struct http_answer *ret_answer, struct err *err)
{
	struct http_answer answer;
	if (!http_call(call, ret_body, &answer, err)) return false;
	if (answer.status < 400) {
		*ret_answer = answer;
		return true;
	}
	json_t *o JSON_CLEANUP = NULL;
	struct err ignored;
	const char *message = NULL;
	if (ret_body != NULL && json_parse(buf_view(ret_body), &o, &ignored)) message = json_str(o, "message", NULL);
	if (message == NULL)
		return err_set(err, code_of_status(answer.status), "%s: status %ld", call->url, answer.status);
	const char *word = json_str(o, "code", NULL);
	return err_set(err, word != NULL ? err_code_from_word(word) : code_of_status(answer.status), "%s", message);
}
