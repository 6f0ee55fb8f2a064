/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "http/fetch.h"
#include "storage/s3_sign.h"

#define ERROR_MAX_BYTES 2048 /* of what the other side says */
#define TEXT_SIZE 256

struct remote {
	struct http_multi *multi;
	char endpoint[1024], region[TEXT_SIZE], bucket[TEXT_SIZE], prefix[TEXT_SIZE], login[2 * TEXT_SIZE];
	struct remote_call *calls;
};

struct remote_call {
	struct remote *remote;
	struct remote_call *next, *prev;
	struct remote_ask ask;
	struct http_transfer transfer;
	struct curl_slist *headers;
	struct remote_result result;
	struct buf said; /* of an error */
	uint64_t sent;
	bool is_inside, is_cancelled;
	char fault[CURL_ERROR_SIZE];
};

static bool copy(char *to, size_t size, const char *from, const char *what, struct err *err)
{
	if (from == NULL || strlen(from) >= size || strpbrk(from, "\r\n ") != NULL)
		return err_set(err, ERR_INVALID, "the place's %s is missing, too long or has a space in it", what);
	(void)snprintf(to, size, "%s", from);
	return true;
}

bool remote_new(struct http_multi *multi, const struct remote_spec *spec, struct remote **ret_remote, struct err *err)
{
	struct remote *r = calloc(1, sizeof *r);
	char id[TEXT_SIZE], secret[TEXT_SIZE];
	if (r == NULL) abort();
	r->multi = multi;
	bool ok = copy(r->endpoint, sizeof r->endpoint, spec->endpoint, "endpoint", err) &&
		  http_fetch_check(r->endpoint, err) &&
		  copy(r->region, sizeof r->region, spec->region, "region", err) &&
		  copy(r->bucket, sizeof r->bucket, spec->bucket, "bucket", err) &&
		  copy(r->prefix, sizeof r->prefix, spec->prefix, "prefix", err) &&
		  copy(id, sizeof id, spec->id, "access key", err) &&
		  copy(secret, sizeof secret, spec->secret, "secret", err);
	if (!ok) {
		free(r);
		return false;
	}
	for (size_t len = strlen(r->endpoint); len > 0 && r->endpoint[len - 1] == '/';) r->endpoint[--len] = '\0';
	(void)snprintf(r->login, sizeof r->login, "%s:%s", id, secret);
	*ret_remote = r;
	return true;
}

static void call_free(struct remote_call *c)
{
	if (c->prev != NULL) c->prev->next = c->next;
	if (c->next != NULL) c->next->prev = c->prev;
	if (c->remote->calls == c) c->remote->calls = c->next;
	curl_easy_cleanup(c->transfer.curl);
	curl_slist_free_all(c->headers);
	buf_done(&c->said);
	free(c);
}

void remote_cancel(struct remote_call *c)
{
	if (c->is_inside) {
		c->is_cancelled = true;
		return;
	}
	http_multi_remove(c->remote->multi, &c->transfer);
	call_free(c);
}

void remote_free(struct remote *r)
{
	if (r == NULL) return;
	struct err err;
	(void)err_set(&err, ERR_UNAVAILABLE, "the place of files changed meanwhile");
	while (r->calls != NULL) {
		struct remote_call *c = r->calls;
		struct remote_ask ask = c->ask;
		remote_cancel(c);
		ask.done(ask.arg, &(struct remote_result){0}, &err);
	}
	free(r);
}

void remote_resume(struct remote_call *c)
{
	if (!c->is_inside) (void)curl_easy_pause(c->transfer.curl, CURLPAUSE_CONT);
}

/* curl's callbacks. */

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct remote_call *c = arg;
	struct str line = str_trim((struct str){bytes, size * count}), name, value;
	if (str_cut(line, ':', &name, &value) && str_eq_nocase(name, STR("etag")) &&
	    str_trim(value).len < sizeof c->result.etag)
		(void)snprintf(c->result.etag, sizeof c->result.etag, "%.*s", STR_FMT(str_trim(value)));
	return size * count;
}

static void read_head(struct remote_call *c)
{
	long status = 0;
	curl_off_t size = -1;
	(void)curl_easy_getinfo(c->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(c->transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	c->result.status = (int)status;
	c->result.size = size > 0 ? (uint64_t)size : 0;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
	struct remote_call *c = arg;
	struct str piece = {bytes, size * count};
	read_head(c);
	if (c->result.status >= 300) {
		buf_str(&c->said, str_sub(piece, 0, ERROR_MAX_BYTES));
		return piece.len;
	}
	if (c->ask.on_data == NULL) return piece.len;
	c->is_inside = true;
	bool is_taken = c->ask.on_data(c->ask.arg, &c->result, piece);
	c->is_inside = false;
	if (c->is_cancelled) {
		(void)curl_easy_pause(c->transfer.curl, CURLPAUSE_CONT);
		return 0; /* it ends with an error, which nobody hears */
	}
	return is_taken ? piece.len : CURL_WRITEFUNC_PAUSE;
}

static size_t on_read(char *bytes, size_t size, size_t count, void *arg)
{
	struct remote_call *c = arg;
	size_t want = size * count;
	if (want > c->ask.size - c->sent) want = (size_t)(c->ask.size - c->sent);
	if (want == 0) return 0;
	ssize_t n = pread(c->ask.fd, bytes, want, (off_t)c->sent);
	if (n <= 0) return CURL_READFUNC_ABORT;
	c->sent += (uint64_t)n;
	return (size_t)n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct remote_call *c = arg;
	if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
	c->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* "<Code>NoSuchBucket</Code><Message>…": what is between the tags. */
static struct str said_of(const struct remote_call *c, struct str open, struct str close)
{
	struct str all = buf_view(&c->said);
	ptrdiff_t from = str_find(all, open);
	if (from < 0) return STR("");
	all = str_sub(all, (size_t)from + open.len, all.len);
	ptrdiff_t to = str_find(all, close);
	return to < 0 ? STR("") : str_sub(all, 0, (size_t)to);
}

static void explain(const struct remote_call *c, CURLcode code, struct err *err)
{
	const char *where = c->remote->endpoint;
	if (code == CURLE_OPERATION_TIMEDOUT) {
		(void)err_set(err, ERR_TIMEOUT, "%s did not answer in time", where);
		return;
	}
	if (code != CURLE_OK) {
		(void)err_set(err, ERR_UNAVAILABLE, "%s: %s", where,
			      c->fault[0] != '\0' ? c->fault : curl_easy_strerror(code));
		return;
	}
	int status = c->result.status;
	struct str word = said_of(c, STR("<Code>"), STR("</Code>")),
		   words = said_of(c, STR("<Message>"), STR("</Message>"));
	enum err_code kind = status == 404   ? ERR_NOT_FOUND
			     : status == 403 ? ERR_DENIED
			     : status >= 500 ? ERR_UNAVAILABLE
					     : ERR_FAILED;
	(void)err_set(err, kind, "%s answered %d%s%.*s%s%.*s", where, status, word.len > 0 ? " " : "",
		      STR_FMT(str_sub(word, 0, 60)), words.len > 0 ? ": " : "", STR_FMT(str_sub(words, 0, 300)));
}

static void on_done(void *arg, CURLcode code)
{
	struct remote_call *c = arg;
	struct err err = {.code = ERR_NONE};
	if (code == CURLE_OK) read_head(c);
	if (code != CURLE_OK || c->result.status < 200 || c->result.status >= 300) explain(c, code, &err);
	void (*done)(void *, const struct remote_result *, const struct err *) = c->ask.done;
	void *done_arg = c->ask.arg;
	struct remote_result result = c->result;
	bool is_cancelled = c->is_cancelled;
	call_free(c);
	if (!is_cancelled) done(done_arg, &result, err.code != ERR_NONE ? &err : NULL);
}

/* Asking. */

static void add_header(struct remote_call *c, const char *name, const char *value)
{
	char line[512];
	(void)snprintf(line, sizeof line, "%s: %s", name, value);
	struct curl_slist *more = curl_slist_append(c->headers, line);
	if (more == NULL) abort();
	c->headers = more;
}

static void set_url(struct remote_call *c)
{
	const struct remote *r = c->remote;
	struct buf url BUF_CLEANUP;
	buf_init(&url, 8192);
	buf_printf(&url, "%s/", r->endpoint);
	s3_encode(str_from(r->bucket), false, &url);
	if (c->ask.name[0] != '\0') {
		buf_putc(&url, '/');
		s3_encode(str_from(r->prefix), true, &url);
		s3_encode(str_from(c->ask.name), true, &url);
	}
	if (c->ask.query != NULL) buf_printf(&url, "?%s", c->ask.query);
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_URL, buf_cstr(&url));
}

static void set_common(struct remote_call *c)
{
	CURL *curl = c->transfer.curl;
	char provider[TEXT_SIZE + 32];
	(void)snprintf(provider, sizeof provider, "aws:amz:%s:s3", c->remote->region);
	(void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, provider);
	(void)curl_easy_setopt(curl, CURLOPT_USERPWD, c->remote->login);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)REMOTE_CONNECT_S);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)REMOTE_STALL_S);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->fault);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
}

static void set_method(struct remote_call *c)
{
	CURL *curl = c->transfer.curl;
	const char *method = c->ask.method;
	if (strcmp(method, "PUT") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->ask.size);
		(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(curl, CURLOPT_READDATA, c);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, c);
		add_header(c, "Content-Type", "application/octet-stream");
		if (c->ask.md5 != NULL) add_header(c, "Content-MD5", c->ask.md5);
	} else if (strcmp(method, "HEAD") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (strcmp(method, "GET") != 0) {
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	}
}

struct remote_call *remote_start(struct remote *r, const struct remote_ask *ask)
{
	struct remote_call *c = calloc(1, sizeof *c);
	char range[64];
	if (c == NULL || (c->transfer.curl = curl_easy_init()) == NULL) abort();
	c->remote = r;
	c->ask = *ask;
	c->next = r->calls;
	if (r->calls != NULL) r->calls->prev = c;
	r->calls = c;
	buf_init(&c->said, ERROR_MAX_BYTES);
	c->transfer.done = on_done;
	c->transfer.arg = c;
	set_url(c);
	set_common(c);
	set_method(c);
	if (ask->has_range) {
		(void)snprintf(range, sizeof range, "bytes=%llu-%llu", (unsigned long long)ask->from,
			       (unsigned long long)(ask->from + ask->length - 1));
		add_header(c, "Range", range);
	}
	add_header(c, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
	(void)curl_easy_setopt(c->transfer.curl, CURLOPT_HTTPHEADER, c->headers);
	c->ask.name = c->ask.query = c->ask.md5 = NULL; /* borrowed until here */
	http_multi_add(r->multi, &c->transfer);
	return c;
}
