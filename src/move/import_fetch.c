/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/url.h"
#include "http/fetch.h"

#define AT_ONCE 8
#define TRIES_MAX 6
#define PAUSE_FIRST_MS 500
#define CONNECT_S 15L
#define STALL_S 60L /* without a byte: broken off, and asked for again */
#define REFUSAL_MAX_BYTES 4096u
#define URL_MAX_BYTES 16384u
#define KEY_MAX 4000

struct slot {
	struct fetch *fetch;
	CURL *curl;
	struct want want;
	struct intake_file file;
	struct buf refusal; /* what stands in an answer that is no file */
	char etag[WANT_ETAG_SIZE];
	bool is_used, is_running, has_etag;
	int tries;
	int64_t again_ms; /* when, of one that waits */
	struct err err; /* of the disk */
};

struct fetch {
	CURLM *multi;
	struct curl_slist *headers;
	char *base; /* up to /storage/v1 */
	struct slot slots[AT_ONCE];
	int folder_fd;
	bool is_over; /* next has no more */
	bool (*next)(void *arg, struct want *ret_want, struct err *err);
	void (*done)(void *arg, const struct want *want, enum want_end end);
	void *arg;
};

static size_t on_header(char *bytes, size_t size, size_t count, void *slot)
{
	struct slot *s = slot;
	struct str line = str_trim((struct str){bytes, size * count}), name, value;
	if (str_has_prefix(line, STR("HTTP/"))) s->has_etag = false;
	if (!str_cut(line, ':', &name, &value) || !str_eq_nocase(name, STR("etag"))) return size * count;
	s->has_etag = true;
	(void)snprintf(s->etag, sizeof s->etag, "%.*s", STR_FMT(str_sub(str_trim(value), 0, WANT_ETAG_SIZE - 1)));
	return size * count;
}

static long status_of(const struct slot *s)
{
	long status = 0;
	(void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *slot)
{
	struct slot *s = slot;
	struct str piece = {bytes, size * count};
	if (status_of(s) != 200) {
		buf_str(&s->refusal, piece);
		return piece.len;
	}
	if (s->fetch->folder_fd < 0) return piece.len;
	if (s->file.fd < 0 && !intake_file_open(&s->file, s->fetch->folder_fd, s->want.version, &s->err)) return 0;
	return intake_file_write(&s->file, piece, &s->err) ? piece.len : 0;
}

static void slot_init(struct slot *s, struct fetch *f)
{
	s->fetch = f;
	s->file.fd = -1;
	buf_init(&s->refusal, REFUSAL_MAX_BYTES);
	s->curl = curl_easy_init();
	if (s->curl == NULL) abort();
	(void)curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(s->curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(s->curl, CURLOPT_USERAGENT, "Freehold");
	(void)curl_easy_setopt(s->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	(void)curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
	(void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, f->headers);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
	(void)curl_easy_setopt(s->curl, CURLOPT_PRIVATE, s);
}

static void ask(struct slot *s, const char *path)
{
	struct buf url BUF_CLEANUP;
	buf_init(&url, URL_MAX_BYTES);
	buf_printf(&url, "%s%s", s->fetch->base, path);
	(void)curl_easy_setopt(s->curl, CURLOPT_URL, buf_cstr(&url));
	buf_clear(&s->refusal);
	s->has_etag = false;
	s->err.code = ERR_NONE;
	s->is_running = true;
	(void)curl_multi_add_handle(s->fetch->multi, s->curl);
}

static void ask_for_file(struct slot *s)
{
	struct buf path BUF_CLEANUP;
	struct str rest = str_from(s->want.name), part;
	buf_init(&path, URL_MAX_BYTES);
	buf_puts(&path, "/object/authenticated/");
	url_encode(str_from(s->want.bucket), &path);
	while (str_next(&rest, '/', &part)) {
		buf_putc(&path, '/');
		url_encode(part, &path);
	}
	s->tries++;
	ask(s, buf_cstr(&path));
}

/* A file that is not there is told with 404, or with 400 and a body that says 404. */
static long said_status(const struct slot *s)
{
	json_t *body JSON_CLEANUP = NULL;
	struct err ignored;
	int64_t told = 0;
	long status = status_of(s);
	if (status != 400 || !json_parse(buf_view(&s->refusal), &body, &ignored)) return status;
	const json_t *in = json_object_get(body, "statusCode");
	if (json_is_integer(in)) return (long)json_integer_value(in);
	return str_to_int(str_from(json_str(body, "statusCode", "")), &told) ? (long)told : status;
}

static bool is_for_now(CURLcode code, long status)
{
	return code != CURLE_OK ? code != CURLE_WRITE_ERROR && code != CURLE_PEER_FAILED_VERIFICATION
				: status == 429 || status >= 500;
}

static bool say_refused(const struct slot *s, CURLcode code, long status, struct err *err)
{
	struct str said = str_sub(buf_view(&s->refusal), 0, 200);
	if (s->err.code != ERR_NONE) {
		*err = s->err;
		return false;
	}
	if (code != CURLE_OK) return err_set(err, ERR_UNAVAILABLE, "%s: %s", s->fetch->base, curl_easy_strerror(code));
	if (status == 401 || status == 403)
		return err_set(err, ERR_DENIED,
			       "%s refuses the key (%ld %.*s); it must be the project's service_role key or a secret "
			       "key",
			       s->fetch->base, status, STR_FMT(said));
	return err_set(err, ERR_UNAVAILABLE, "%s answers %ld: %.*s", s->fetch->base, status, STR_FMT(said));
}

static bool end_of_file(struct slot *s, enum want_end *ret_end, struct err *err)
{
	bool is_the_one = false;
	if (s->file.fd < 0 && !intake_file_open(&s->file, s->fetch->folder_fd, s->want.version, err)) return false;
	if (!intake_file_keep(&s->file, &s->want, s->has_etag ? s->etag : NULL, &is_the_one, err)) return false;
	*ret_end = is_the_one ? WANT_HERE : WANT_DIFFERS;
	return true;
}

static bool on_done(struct slot *s, CURLcode code, struct err *err)
{
	enum want_end end = WANT_MISSING;
	long status = code == CURLE_OK ? said_status(s) : 0;
	s->is_running = false;
	if (code == CURLE_OK && status == 200) {
		if (!end_of_file(s, &end, err)) return false;
	} else if (code != CURLE_OK || status != 404) {
		intake_file_drop(&s->file);
		if (!is_for_now(code, status) || s->tries >= TRIES_MAX)
			return say_refused(s, code, status, err) ||
			       err_wrap(err, "%s/%.200s", s->want.bucket, s->want.name);
		s->again_ms = clock_now_ms() + ((int64_t)PAUSE_FIRST_MS << (s->tries - 1));
		return true;
	}
	s->is_used = false;
	s->fetch->done(s->fetch->arg, &s->want, end);
	return true;
}

static bool fill(struct fetch *f, struct err *err)
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct slot *s = &f->slots[i];
		if (s->is_used && !s->is_running && clock_now_ms() >= s->again_ms) ask_for_file(s);
		if (s->is_used || f->is_over) continue;
		err->code = ERR_NONE;
		if (!f->next(f->arg, &s->want, err)) {
			if (err->code != ERR_NONE) return false;
			f->is_over = true;
			continue;
		}
		s->is_used = true;
		s->tries = 0;
		ask_for_file(s);
	}
	return true;
}

static bool gather(struct fetch *f, bool (*on)(struct slot *s, CURLcode code, struct err *err), struct err *err)
{
	CURLMsg *m;
	int running = 0, left = 0;
	(void)curl_multi_perform(f->multi, &running);
	while ((m = curl_multi_info_read(f->multi, &left)) != NULL) {
		char *private = NULL;
		CURLcode code = m->data.result;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		struct slot *s = (struct slot *)(void *)private;
		(void)curl_multi_remove_handle(f->multi, s->curl);
		if (!on(s, code, err)) return false;
	}
	(void)curl_multi_poll(f->multi, NULL, 0, running > 0 ? 1000 : 50, NULL);
	return true;
}

static void stop(struct fetch *f)
{
	for (size_t i = 0; i < AT_ONCE; i++) {
		struct slot *s = &f->slots[i];
		if (s->is_running) (void)curl_multi_remove_handle(f->multi, s->curl);
		intake_file_drop(&s->file);
		s->is_running = s->is_used = false;
	}
}

bool fetch_all(struct fetch *fetch, int folder_fd, bool (*next)(void *arg, struct want *ret_want, struct err *err),
	       void (*done)(void *arg, const struct want *want, enum want_end end), void *arg, struct err *err)
{
	bool ok = true, has_more = true;
	fetch->folder_fd = folder_fd;
	fetch->next = next;
	fetch->done = done;
	fetch->arg = arg;
	fetch->is_over = false;
	while (ok && has_more) {
		ok = fill(fetch, err) && gather(fetch, on_done, err);
		has_more = !fetch->is_over;
		for (size_t i = 0; i < AT_ONCE; i++) has_more |= fetch->slots[i].is_used;
	}
	stop(fetch);
	return ok;
}

/* Opening: whose key it is, and whether the project takes it. */

/* A public key sees what policies show, and everything else would seem to be missing. */
static bool is_public_key(const char *key)
{
	struct str rest = str_from(key), head, part, sum;
	struct buf text BUF_CLEANUP;
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	buf_init(&text, KEY_MAX);
	if (strncmp(key, "sb_publishable_", 15) == 0) return true;
	if (!str_cut(rest, '.', &head, &rest) || !str_cut(rest, '.', &part, &sum) || !base64url_decode(part, &text))
		return false;
	return json_parse(buf_view(&text), &claims, &ignored) && strcmp(json_str(claims, "role", ""), "anon") == 0;
}

bool fetch_check_key(const char *key, struct err *err)
{
	if (key[0] == '\0' || strlen(key) > KEY_MAX || strpbrk(key, " \r\n\t") != NULL)
		return err_set(err, ERR_INVALID, "the key of the old project's storage is not one line of text");
	return !is_public_key(key) ||
	       err_set(err, ERR_DENIED,
		       "this is the project's public key, which does not see every file; its service_role key or a "
		       "secret key is needed (Project settings, API keys)");
}

static void add_header(struct fetch *f, const char *name, const char *value)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, KEY_MAX + 100);
	buf_printf(&line, "%s%s", name, value);
	struct curl_slist *longer = curl_slist_append(f->headers, buf_cstr(&line));
	if (longer == NULL) abort();
	f->headers = longer;
}

static char *make_base(const char *given)
{
	struct str s = str_from(given);
	char *base = NULL;
	while (str_has_suffix(s, STR("/"))) s = str_sub(s, 0, s.len - 1);
	if (str_has_suffix(s, STR("/storage/v1"))) s = str_sub(s, 0, s.len - 11);
	if (asprintf(&base, "%.*s/storage/v1", STR_FMT(s)) < 0) abort();
	return base;
}

static bool on_tried(struct slot *s, CURLcode code, struct err *err)
{
	long status = code == CURLE_OK ? said_status(s) : 0;
	s->is_running = false;
	return (code == CURLE_OK && status == 200) || say_refused(s, code, status, err);
}

static bool try_key(struct fetch *f, struct err *err)
{
	f->folder_fd = -1;
	ask(&f->slots[0], "/bucket");
	bool ok = true;
	while (ok && f->slots[0].is_running) ok = gather(f, on_tried, err);
	stop(f);
	return ok;
}

bool fetch_open(const char *base, const char *key, struct fetch **ret_fetch, struct err *err)
{
	if (!http_fetch_check(base, err) || !fetch_check_key(key, err))
		return err_wrap(err, "the old project's storage");
	struct fetch *f = calloc(1, sizeof *f);
	if (f == NULL) abort();
	f->base = make_base(base);
	f->multi = curl_multi_init();
	if (f->multi == NULL) abort();
	add_header(f, "Authorization: Bearer ", key);
	add_header(f, "apikey: ", key);
	for (size_t i = 0; i < AT_ONCE; i++) slot_init(&f->slots[i], f);
	if (!try_key(f, err)) {
		fetch_close(f);
		return false;
	}
	*ret_fetch = f;
	return true;
}

void fetch_close(struct fetch *fetch)
{
	if (fetch == NULL) return;
	stop(fetch);
	for (size_t i = 0; i < AT_ONCE; i++) {
		curl_easy_cleanup(fetch->slots[i].curl);
		buf_done(&fetch->slots[i].refusal);
	}
	(void)curl_multi_cleanup(fetch->multi);
	curl_slist_free_all(fetch->headers);
	free(fetch->base);
	free(fetch);
}
