/* SPDX-License-Identifier: Apache-2.0
 *
 * A bucket of another S3, in which files lie by their versions: PREFIX<version>. libcurl speaks and signs (Signature
 * Version 4), over http/multi.h on the loop; nothing is held but what curl has in its hands. HTTPS, or this machine.
 *
 *     remote_start ─▶ (GET: on_data, any number) ─▶ done, once; or remote_cancel, and no done
 *
 * libcurl 7.88 signs the headers it is given and sends no x-amz-content-sha256 by itself, so we say it: that the body
 * is not hashed. A body's MD5 goes along instead, and the other side refuses what differs. */
#ifndef FREEHOLD_STORAGE_REMOTE_H
#define FREEHOLD_STORAGE_REMOTE_H

#include "base/err.h"
#include "base/str.h"
#include "http/multi.h"
#include "storage/files.h"

#define REMOTE_STALL_S 60 /* without a byte: given up */
#define REMOTE_CONNECT_S 10

struct remote;
struct remote_call;

/* Copied. */
struct remote_spec {
	const char *endpoint; /* "https://s3.eu-central-1.amazonaws.com"; buckets are named by paths */
	const char *region, *bucket, *prefix;
	const char *id, *secret;
};

/* ERR_INVALID, ERR_REFUSED for an endpoint that is none. The multi must outlive it. */
bool remote_new(struct http_multi *multi, const struct remote_spec *spec, struct remote **ret_remote, struct err *err);

/* Calls under way are done, with ERR_UNAVAILABLE. NULL is allowed; not from inside a call. */
void remote_free(struct remote *remote);

struct remote_result {
	int status;
	uint64_t size; /* of the answer: its Content-Length */
	char etag[FILES_ETAG_SIZE]; /* "" where there was none, or a longer one */
};

/* What is asked; copied, name and query included. */
struct remote_ask {
	const char *method; /* GET, HEAD, PUT, DELETE */
	const char *name; /* a version; "" for the bucket itself */
	const char *query; /* in the order of names, encoded; NULL: none */
	int fd; /* PUT: the body from its start; stays the caller's */
	uint64_t size;
	const char *md5; /* PUT: base64; NULL: none */
	bool has_range;
	uint64_t from, length; /* GET, with has_range */

	/* GET; false: no more until remote_resume, and the same once more then. NULL: dropped. */
	bool (*on_data)(void *arg, const struct remote_result *head, struct str bytes);

	/* err: NULL, ERR_NOT_FOUND (404), ERR_DENIED (403), ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_FAILED. */
	void (*done)(void *arg, const struct remote_result *result, const struct err *err);
	void *arg;
};

struct remote_call *remote_start(struct remote *remote, const struct remote_ask *ask);
void remote_resume(struct remote_call *call);

/* From anywhere, its own on_data included. */
void remote_cancel(struct remote_call *call);

#endif
