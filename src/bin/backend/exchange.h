/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on its way through the gateway, and the ways it ends. */
#ifndef FREEHOLD_BIN_BACKEND_EXCHANGE_H
#define FREEHOLD_BIN_BACKEND_EXCHANGE_H

#include "bin/backend/gateway.h"

#define EXCHANGE_FIELDS_MAX 48

struct exchange {
	struct gateway *gateway;
	struct http_request *req;
	struct arena *arena;
	int64_t start_us;
	struct rest_call *rest_call; /* to be cancelled when the client leaves */
	struct http_reply_field fields[EXCHANGE_FIELDS_MAX];
	size_t field_count;
};

/* NULL at the arena's limit; the request is answered then. */
struct exchange *exchange_new(struct gateway *gateway, struct http_request *req);

/* name and value must live as long as the request. More than the maximum are left out. */
void exchange_field(struct exchange *x, const char *name, const char *value);
bool exchange_has_field(const struct exchange *x, const char *name);

/* The end: adds the headers for browsers, logs a failure (cause may be NULL), sends. The body may lie in the request's
 * arena or be constant; it is not copied. */
void exchange_end(struct exchange *x, unsigned status, struct str body, const char *cause);

/* A body that follows piece by piece, by http_stream_write and http_stream_end on x->req. */
void exchange_begin(struct exchange *x, unsigned status, const struct http_stream_spec *spec);

/* A part of a file as the body; the descriptor is closed. */
void exchange_end_file(struct exchange *x, unsigned status, int fd, uint64_t offset, uint64_t size);

/* {"code","details","hint","message"} as PostgREST words it; code NULL: {"message"}. */
void exchange_end_json(struct exchange *x, unsigned status, const char *code, const char *message, const char *details,
		       const char *hint);

/* Around what answers later: the gateway counts them. */
void exchange_hold(struct exchange *x);
void exchange_release(struct gateway *gateway);

#endif
