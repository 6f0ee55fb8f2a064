/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl on our event loop: transfers that are made elsewhere (http/fetch.h, mail/smtp.h) run here, by curl's multi
 * interface over libuv's polls and timer. Connections are kept and used again. */
#ifndef FREEHOLD_HTTP_MULTI_H
#define FREEHOLD_HTTP_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#define HTTP_MULTI_CONNECTIONS_MAX 32 /* open at a time; transfers beyond that wait within curl */

struct http_multi;

struct http_multi *http_multi_new(uv_loop_t *loop);

/* No transfer may run. The multi is gone when the loop has closed its handles. NULL is allowed. */
void http_multi_stop(struct http_multi *multi);

/* Runs it; done is called once, from the loop, never from inside. The easy handle stays the caller's; its
 * CURLOPT_PRIVATE is ours. transfer must live until then. */
struct http_transfer {
	CURL *curl;
	void (*done)(void *arg, CURLcode code);
	void *arg;
};
void http_multi_add(struct http_multi *multi, struct http_transfer *transfer);

/* Takes it out; done is not called. */
void http_multi_remove(struct http_multi *multi, struct http_transfer *transfer);

#endif
