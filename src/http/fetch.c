/* SPDX-License-Identifier: Apache-2.0 */
#include "http/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define DEADLINE_MS 10000
#define CONNECT_MS 5000
#define ANSWER_MAX_BYTES (1u << 20)
#define HOST_SIZE 256

struct http_fetch {
	struct http_multi *multi;
	struct http_transfer transfer;
	struct curl_slist *headers;
	struct arena *arena;
	struct buf body;
	char host[HOST_SIZE]; /* for messages */
	char fault[CURL_ERROR_SIZE];
	char *origin, *url; /* of what was asked: redirects stay within; where one leads */
	int redirects_left;
	int64_t max_age_s;
	void (*done)(void *arg, const struct http_fetched *fetched, const struct err *why);
	void *arg;
};

static void fetch_free(struct http_fetch *f)
{
	curl_easy_cleanup(f->transfer.curl);
	curl_slist_free_all(f->headers);
	buf_done(&f->body);
	free(f->origin);
	free(f->url);
	free(f);
}

static bool is_this_machine(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static char *url_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	return curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool check_parts(const char *scheme, const char *host, const char *user, struct err *err)
{
	if (scheme == NULL || host == NULL || host[0] == '\0')
		return err_set(err, ERR_INVALID, "this is no address of a server");
	if (user != NULL) return err_set(err, ERR_INVALID, "an address with a user name in it is not called");
	if (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_this_machine(host))) return true;
	return err_set(err, ERR_REFUSED, "%.100s is not called by %.10s; it must be https", host, scheme);
}

/* ret_origin: "https://host:443", to be freed. */
static bool check(const char *url, char ret_host[HOST_SIZE], char **ret_origin, struct err *err)
{
	CURLU *u = curl_url();
	if (u == NULL) abort();
	bool ok = false;
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
		(void)err_set(err, ERR_INVALID, "this is no address of a server: %.200s", url);
	} else {
		char *scheme = url_part(u, CURLUPART_SCHEME), *host = url_part(u, CURLUPART_HOST);
		char *user = url_part(u, CURLUPART_USER), *port = url_part(u, CURLUPART_PORT);
		ok = check_parts(scheme, host, user, err);
		if (ok) (void)snprintf(ret_host, HOST_SIZE, "%s", host);
		if (ok && asprintf(ret_origin, "%s://%s:%s", scheme, host, port != NULL ? port : "") < 0) abort();
		curl_free(scheme), curl_free(host), curl_free(user), curl_free(port);
	}
	curl_url_cleanup(u);
	return ok;
}

bool http_fetch_check(const char *url, struct err *err)
{
	char host[HOST_SIZE];
	char *origin = NULL;
	bool ok = check(url, host, &origin, err);
	free(origin);
	return ok;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *fetch)
{
	struct http_fetch *f = fetch;
	buf_append(&f->body, bytes, size * count);
	return buf_is_ok(&f->body) ? size * count : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *fetch)
{
	struct http_fetch *f = fetch;
	struct str line = str_trim((struct str){bytes, size * count}), name, value, part;
	if (str_has_prefix(line, STR("HTTP/"))) {
		f->max_age_s = -1;
		buf_clear(&f->body);
	}
	if (!str_cut(line, ':', &name, &value) || !str_eq_nocase(name, STR("cache-control"))) return size * count;
	while (str_next(&value, ',', &part)) {
		part = str_trim(part);
		if (str_has_prefix(part, STR("max-age="))) (void)str_to_int(str_sub(part, 8, part.len), &f->max_age_s);
	}
	return size * count;
}

static bool explain(const struct http_fetch *f, CURLcode code, struct err *err)
{
	if (!buf_is_ok(&f->body)) return err_set(err, ERR_LIMIT, "%s answered with more than is taken", f->host);
	const char *words = f->fault[0] != '\0' ? f->fault : curl_easy_strerror(code);
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT: return err_set(err, ERR_TIMEOUT, "%s did not answer in time", f->host);
	case CURLE_COULDNT_CONNECT: return err_set(err, ERR_UNAVAILABLE, "nobody answers at %s", f->host);
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, ERR_REFUSED, "the certificate of %s is not good: %s", f->host, words);
	default: return err_set(err, ERR_UNAVAILABLE, "%s: %s", f->host, words);
	}
}

/* Follows it when it stays with the same server; false: it is an answer like any other. */
static bool follow(struct http_fetch *f)
{
	char *to = NULL, *origin = NULL;
	char host[HOST_SIZE];
	struct err err;
	if (f->redirects_left <= 0) return false;
	(void)curl_easy_getinfo(f->transfer.curl, CURLINFO_REDIRECT_URL, &to);
	if (to == NULL || !check(to, host, &origin, &err)) return false;
	bool is_same = strcmp(origin, f->origin) == 0;
	free(origin);
	if (!is_same) return false;
	f->redirects_left--;
	free(f->url);
	f->url = strdup(to);
	if (f->url == NULL) abort();
	(void)curl_easy_setopt(f->transfer.curl, CURLOPT_URL, f->url);
	http_multi_add(f->multi, &f->transfer);
	return true;
}

static void end(struct http_fetch *f, const struct http_fetched *fetched, const struct err *why)
{
	f->done(f->arg, fetched, why);
	fetch_free(f);
}

static void on_done(void *arg, CURLcode code)
{
	struct http_fetch *f = arg;
	struct http_fetched fetched = {.content_type = "", .max_age_s = f->max_age_s, .retry_after_s = -1};
	struct err err;
	long status = 0;
	curl_off_t retry = 0;
	char *type = NULL;
	if (code != CURLE_OK) {
		(void)explain(f, code, &err);
		end(f, NULL, &err);
		return;
	}
	if (follow(f)) return;
	(void)curl_easy_getinfo(f->transfer.curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(f->transfer.curl, CURLINFO_CONTENT_TYPE, &type);
	(void)curl_easy_getinfo(f->transfer.curl, CURLINFO_RETRY_AFTER, &retry);
	fetched.status = (int)status;
	if (retry > 0) fetched.retry_after_s = retry;
	char *body = arena_cstr(f->arena, buf_view(&f->body));
	if (type != NULL) fetched.content_type = arena_strdup(f->arena, type);
	if (body == NULL || fetched.content_type == NULL) {
		(void)err_set(&err, ERR_LIMIT, "%s answered with more than is taken", f->host);
		end(f, NULL, &err);
		return;
	}
	fetched.body = (struct str){body, f->body.len};
	end(f, &fetched, NULL);
}

static bool add_header(struct http_fetch *f, const char *line, struct err *err)
{
	for (const char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F)
			return err_set(err, ERR_INVALID, "a header holds a control character");
	struct curl_slist *longer = curl_slist_append(f->headers, line);
	if (longer == NULL) abort();
	f->headers = longer;
	return true;
}

static bool set_headers(struct http_fetch *f, const struct http_fetch_spec *spec, struct err *err)
{
	char type[160];
	if (spec->body.len > 0) {
		(void)snprintf(type, sizeof type, "Content-Type: %s",
			       spec->content_type != NULL ? spec->content_type : "application/json");
		if (!add_header(f, type, err)) return false;
	}
	for (size_t i = 0; spec->headers != NULL && spec->headers[i] != NULL; i++)
		if (!add_header(f, spec->headers[i], err)) return false;
	(void)curl_easy_setopt(f->transfer.curl, CURLOPT_HTTPHEADER, f->headers);
	return true;
}

static void set_request(struct http_fetch *f, const struct http_fetch_spec *spec)
{
	CURL *curl = f->transfer.curl;
	if (spec->body.len > 0) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body.len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, spec->body.ptr);
	}
	if (spec->method != NULL) (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, spec->method);
	if (spec->user != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(curl, CURLOPT_USERNAME, spec->user);
		(void)curl_easy_setopt(curl, CURLOPT_PASSWORD, spec->password != NULL ? spec->password : "");
	}
}

static void set_limits(struct http_fetch *f, const struct http_fetch_spec *spec)
{
	CURL *curl = f->transfer.curl;
	int64_t deadline = spec->deadline_ms > 0 ? spec->deadline_ms : DEADLINE_MS;
	(void)curl_easy_setopt(curl, CURLOPT_URL, spec->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "Freehold");
	(void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)deadline);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, f);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, f->fault);
	if (spec->ca_file != NULL) (void)curl_easy_setopt(curl, CURLOPT_CAINFO, spec->ca_file);
}

bool http_fetch(struct http_multi *multi, const struct http_fetch_spec *spec, struct arena *arena,
		void (*done)(void *arg, const struct http_fetched *fetched, const struct err *why), void *arg,
		struct err *err)
{
	struct http_fetch *f = calloc(1, sizeof *f);
	if (f == NULL) abort();
	f->multi = multi;
	f->arena = arena;
	f->done = done;
	f->arg = arg;
	f->redirects_left = spec->redirects_max;
	f->max_age_s = -1;
	buf_init(&f->body, spec->answer_max_bytes > 0 ? spec->answer_max_bytes : ANSWER_MAX_BYTES);
	f->transfer = (struct http_transfer){.curl = curl_easy_init(), .done = on_done, .arg = f};
	if (f->transfer.curl == NULL) abort();
	if (!check(spec->url, f->host, &f->origin, err) || !set_headers(f, spec, err)) {
		fetch_free(f);
		return false;
	}
	set_limits(f, spec);
	set_request(f, spec);
	http_multi_add(multi, &f->transfer);
	return true;
}
