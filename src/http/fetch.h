/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking other servers from the event loop: providers of sign-in, hooks, CAPTCHA. By libcurl over http/multi.h. HTTPS
 * with its certificate checked; plain HTTP to this machine only. No proxy, no cookies, no environment, and no following
 * of redirects unless asked, then to the same scheme, host and port only. */
#ifndef FREEHOLD_HTTP_FETCH_H
#define FREEHOLD_HTTP_FETCH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/multi.h"

/* Borrowed until http_fetch returns, but for the body: until done. What is NULL or 0 is not used. */
struct http_fetch_spec {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; one with a line break is refused */
	const char *user, *password; /* Basic */
	const char *content_type; /* of the body; NULL: application/json */
	struct str body;
	int64_t deadline_ms; /* for all of it; 0: 10,000 */
	size_t answer_max_bytes; /* 0: 1 MiB; a longer one is ERR_LIMIT */
	int redirects_max; /* 0: a redirect is an answer like any other */
	const char *ca_file; /* certificates to trust, PEM; NULL: the system's */
};

struct http_fetched {
	int status;
	struct str body; /* ends in NUL, which is not counted; in the arena */
	const char *content_type; /* "" when there is none */
	int64_t retry_after_s; /* -1: not said */
	int64_t max_age_s; /* Cache-Control's; -1: not said */
};

/* done is called once, from the loop, never from inside. fetched is NULL when no answer came: why says what happened
 * (ERR_TIMEOUT, ERR_UNAVAILABLE, ERR_LIMIT, ERR_REFUSED for a certificate). The arena must live until then. False:
 * ERR_INVALID for an address that is none, ERR_REFUSED for one that is not HTTPS; done is not called. */
bool http_fetch(struct http_multi *multi, const struct http_fetch_spec *spec, struct arena *arena,
		void (*done)(void *arg, const struct http_fetched *fetched, const struct err *why), void *arg,
		struct err *err);

/* An address that http_fetch takes: https, or http to localhost, 127.0.0.0/8 or ::1, without a user in it. */
bool http_fetch_check(const char *url, struct err *err);

#endif
