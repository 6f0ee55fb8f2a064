/* SPDX-License-Identifier: Apache-2.0
 *
 * /storage/v1: what storage-api answers, by its paths, bodies, error codes and tables. This module knows no HTTP
 * library: a request is a struct, the reply another.
 *
 *     request ─▶ route (route.h) ─▶ the flow (call.h): its statements under the role of who asks, its files (files.h)
 *                                                                                                        ─▶ reply
 *
 * Row security on storage.objects and storage.buckets decides every access. The bytes of an object lie in one file that
 * is named by the row's version and never changes: moving and renaming are the row's business alone, and an object is
 * there, whole, from the commit of its row on.
 *
 * Of a route that takes a body as it comes (storage_takes_body) the call begins at the request's head:
 *
 *     storage_handle ─▶ storage_body (any number; false: wait for on_room) ─▶ storage_body_end ─▶ reply
 *           └──────────────── storage_abandon: who asked has gone ───────────────────┘
 *
 * The reply may come before the body has ended; storage_body then takes no more. */
#ifndef FREEHOLD_STORAGE_STORAGE_H
#define FREEHOLD_STORAGE_STORAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/arena.h"
#include "base/str.h"
#include "codec/keyring.h"
#include "pg/pool.h"

#define STORAGE_BODY_MAX_BYTES (1u << 20) /* of what is not a file */
#define STORAGE_REPLY_HEADERS_MAX 40

struct http_multi;
struct storage;
struct storage_call;

struct storage_spec {
	const char *folder; /* copied; made where it is missing */
	const struct keyring *keys; /* signs and verifies tokens of URLs; borrowed until storage_rekey */
	uint64_t file_max_bytes; /* of one object, whatever its bucket allows; 0: 1 GiB */
	const char *image_helper; /* the program freehold-image; copied; NULL: no pictures in other sizes */
	struct http_multi *http; /* to another S3; must outlive the storage */
	const json_t *place; /* place.h; NULL: all files are on this disk */
	uint64_t reserve_bytes; /* uploads are refused when the disk has less left; 0: 64 MiB */
};

struct storage_header {
	const char *name;
	const char *value;
};

/* Everything is borrowed until the reply was given. What is absent is empty. */
struct storage_request {
	struct str method;
	struct str path; /* behind the prefix: "/object/avatars/a.png", percent-encoded as it came */
	struct str query;
	struct str body; /* of a route that does not take it as it comes */
	struct str (*header)(const void *arg, struct str name); /* .ptr NULL: there is none */
	/* The header number i, from 0 on; false behind the last. */
	bool (*header_at)(const void *arg, size_t i, struct str *ret_name, struct str *ret_value);
	const void *header_arg;
	struct str full_path; /* as it came, prefix included: S3's clients sign it */
	struct str host; /* where the client sees us, "shop.example" or "shop.localhost:8000": signed too */
	/* Whose a token is, as a bearer's would be; false: nobody's. */
	bool (*know)(void *arg, struct str token, struct str *ret_role, struct str *ret_claims);

	bool is_authenticated; /* a token or a key was given, and it is sound */
	struct str refusal; /* why it is not; empty: none was given */
	struct str role; /* "anon" where it is not authenticated */
	struct str claims; /* a JSON object, role included */
	struct str origin; /* "https://shop.example": where the client sees us, for addresses in answers */
	struct str accel; /* what the edge serves our files below ("/x/"); empty: we send them ourselves */

	void (*on_room)(void *arg); /* storage_body was false; more may come now */
	struct arena *arena; /* what the reply points into lives here */
};

struct storage_reply {
	int status;
	struct storage_header headers[STORAGE_REPLY_HEADERS_MAX];
	int header_count;
	struct str body;
	int fd; /* > 0: the body is size bytes of this file from offset on; whoever gets the reply closes it */
	uint64_t offset, size;
	struct storage_stream *stream; /* the body is size bytes that come later: storage_stream_begin, at once */
	bool has_size; /* without fd and stream (of HEAD): a body of size would be sent */
	const char *cause; /* of a failure, for the log; NULL: nothing to say */
};

/* A body that comes from elsewhere. write takes a piece, or none of it: then none come until storage_stream_resume; end
 * is told once, unless it was cancelled, which is due when nobody wants it any more. */
struct storage_stream;
void storage_stream_begin(struct storage_stream *stream, bool (*write)(void *arg, struct str bytes),
			  void (*end)(void *arg, bool is_whole), void *arg);
void storage_stream_resume(struct storage_stream *stream);
void storage_stream_cancel(struct storage_stream *stream);

typedef void (*storage_reply_fn)(void *arg, const struct storage_reply *reply);

/* The pool is one of the role authenticator and must outlive the storage. */
bool storage_new(uv_loop_t *loop, struct pg_pool *pool, const struct storage_spec *spec, struct storage **ret_storage,
		 struct err *err);
void storage_rekey(struct storage *storage, const struct keyring *keys);

/* Files lie there from now on (place.h); those that lie elsewhere are taken there. False: it stays as it was. */
bool storage_place_set(struct storage *storage, const json_t *place, struct err *err);

/* Compares files and rows (sweep.h). */
void storage_sweep(struct storage *storage, int64_t asked, int64_t fix_s);

/* Who may speak S3's protocol: keys is a list of {"id", "secret"}, which may do all, NULL: none; with anon_key as the
 * secret the session token says who it is. Both are copied. */
void storage_s3_set(struct storage *storage, const json_t *keys, const char *anon_key);

/* No request may be under way; files that are being written are given up. */
void storage_free(struct storage *storage); /* NULL is allowed */

bool storage_takes_body(struct str method, struct str path);

/* done is called exactly once, from inside or later, unless the call is abandoned. The call is good until done was
 * called, and NULL when that was from inside. */
struct storage_call *storage_handle(struct storage *storage, const struct storage_request *request,
				    storage_reply_fn done, void *arg);

/* The bytes are taken either way. False: no more until on_room. */
bool storage_body(struct storage_call *call, struct str bytes);
void storage_body_end(struct storage_call *call);

/* Who asked has gone in the middle of the body: done will not be called, and the request's arena may go at once. */
void storage_abandon(struct storage_call *call);

#endif
