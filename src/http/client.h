/* SPDX-License-Identifier: Apache-2.0
 *
 * A small HTTP client that waits for its answer: for the command line, and for health checks by the daemon's workers.
 * Never call it on an event loop. By libcurl; HTTP, and TLS to our own edge only; no redirects, no proxy, no
 * environment. */
#ifndef FREEHOLD_HTTP_CLIENT_H
#define FREEHOLD_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Borrowed for the time of the call. What is NULL or 0 is not used. */
struct http_call {
	const char *socket_path; /* a unix socket; NULL: TCP to the address of url */
	const char *method; /* NULL: GET, or POST with a body */
	const char *url; /* "http://localhost/v1/apps" over a socket; "http://127.0.0.1:8080/" over TCP */
	const char *host; /* Host header, where it differs from the url's */
	const char *tls_door; /* "127.0.0.1:8443": the url is https, and this is our own edge, whose certificate may be
				 anybody's; it is not checked */
	const char *const *headers; /* "Name: value", NULL-terminated */

	/* One of: */
	const char *content_type; /* of either; NULL: application/json */
	struct str body;
	/* Upload: gives up to size bytes into to; 0 at the end; negative stops the call with ERR_IO. */
	ptrdiff_t (*on_read)(void *arg, char *to, size_t size);
	int64_t upload_bytes; /* -1 or 0: not known, sent chunked */

	/* Called with each line of an answer of status 200 to 299 as it comes, without its line break. False stops the
	 * call, which then succeeds. Without it the body is collected. */
	bool (*on_line)(void *arg, struct str line);
	size_t line_max_bytes; /* 0: 1 MiB; a longer line is ERR_LIMIT */

	/* Called while the call waits, at least ten times a second: for a display, or a signal that was caught. False
	 * stops the call, which then succeeds; the answer's status is 0 where none had come. */
	bool (*on_tick)(void *arg);
	void *arg;

	int64_t connect_deadline_ms; /* 0: 5,000 */
	int64_t deadline_ms; /* for all of it; 0: none */
	int64_t silence_deadline_ms; /* less than one byte a second for so long is ERR_TIMEOUT; 0: none */
};

struct http_answer {
	long status;
	char content_type[128]; /* "" when there is none */
};

/* True when an answer came, whatever its status. ret_body gets what was not given to on_line (for other statuses always
 * the body) up to its maximum, beyond which the call is ERR_LIMIT. ERR_UNAVAILABLE: nobody listens there. */
bool http_call(const struct http_call *call, struct buf *ret_body, struct http_answer *ret_answer, struct err *err);

/* The same, and a status of 400 and above becomes an error: code and words from a {"code","message"} body where it has
 * one, otherwise from the status. */
bool http_call_ok(const struct http_call *call, struct buf *ret_body, struct http_answer *ret_answer, struct err *err);

#endif
