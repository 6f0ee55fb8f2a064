/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of storage.objects as it is answered, and the file behind it as a reply. */
#ifndef FREEHOLD_STORAGE_OBJECT_H
#define FREEHOLD_STORAGE_OBJECT_H

#include "storage/call.h"

#define OBJECT_CREATED_AT SQL_TIME("o.created_at")
#define OBJECT_UPDATED_AT SQL_TIME("o.updated_at")
#define OBJECT_ACCESSED_AT SQL_TIME("o.last_accessed_at")

/* What a statement selects from "storage.objects o", in this order. */
#define OBJECT_COLUMNS                                                                                                 \
	"o.version, o.metadata ->> 'mimetype', o.metadata ->> 'size', o.metadata ->> 'cacheControl', "                 \
	"o.metadata ->> 'eTag', coalesce(o.metadata ->> 'lastModified', " OBJECT_UPDATED_AT "), o.metadata "           \
	"->> 'xRobotsTag', o.id, o.name, o.bucket_id, o.user_metadata::text, " OBJECT_UPDATED_AT                       \
	", " OBJECT_CREATED_AT
#define OBJECT_COLUMN_COUNT 13

/* Of upstream's answers that hold a whole row. */
#define OBJECT_JSON                                                                                                    \
	"json_build_object('id', o.id, 'bucket_id', o.bucket_id, 'name', o.name, 'owner', o.owner, "                   \
	"'owner_id', o.owner_id, 'version', o.version, 'created_at', " OBJECT_CREATED_AT                               \
	", 'updated_at', " OBJECT_UPDATED_AT ", 'last_accessed_at', " OBJECT_ACCESSED_AT ", 'metadata', o.metadata, "  \
	"'user_metadata', o.user_metadata)"

/* All point into the rows. */
struct object {
	const char *version, *type, *size, *cache_control, *etag, *modified, *robots;
	const char *id, *name, *bucket, *user_metadata, *updated_at, *created_at;
	const char *place, *transformations; /* of a picture made from it: its file, below the folder; else NULL */
	bool is_negotiated; /* what it is sent as depends on Accept */
	bool has_type, has_size, has_cache_control, has_etag, has_user_metadata;
};

void object_read(const PGresult *rows, int row, int first_column, struct object *ret_object);

/* The file itself: a part of it where one was asked for, 304 where the client has it. expires_s > 0: until when a
 * signed address is good. */
void object_reply_file(struct storage_call *call, const struct object *o, int64_t expires_s);

/* The same without a thought: the part of the file that Range asks for, with the headers that reply has. is_again: it
 * was not in its other place either. */
void object_send(struct storage_call *call, const struct object *o, struct storage_reply *reply, bool is_again);
void object_send_missing(struct storage_call *call, const struct object *o);
struct str object_range(struct storage_call *call, const struct object *o); /* .ptr NULL: all of it */
void object_part(struct storage_call *call, struct storage_reply *reply, uint64_t from, uint64_t length, uint64_t size);

/* A document that could run scripts is shown, by a browser that follows its address, in an origin of its own, where it
 * runs none: the files are served from the app's own address, whose sessions they must not reach. Images stay images.
 */
#define OBJECT_SANDBOX "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

/* Adds the statements that put a row for a file that lies in its place, or let it name another. metadata and
 * user_metadata are JSON. Returns the number of the last; its rows: the object as OBJECT_JSON, its id. No row: it is
 * there and may not be replaced. */
#define PUT_STATEMENT 2 /* behind the role, in a pipeline of its own */
int object_put(struct storage_call *call, const char *bucket, const char *key, bool is_upsert, const char *owner,
	       const char *version, const char *metadata, const char *user_metadata);

/* Takes the file away that the row named before. put: what object_put returned. */
void object_forget_before(struct storage_call *call, int put, const char *version);

void object_reply_info(struct storage_call *call, const struct object *o);

#endif
