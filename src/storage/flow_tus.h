/* SPDX-License-Identifier: Apache-2.0
 *
 * A resumable upload under way, and how its protocol answers (tus_answer.c), for flow_tus.c. */
#ifndef FREEHOLD_STORAGE_FLOW_TUS_H
#define FREEHOLD_STORAGE_FLOW_TUS_H

#include "storage/flows.h"
#include "storage/resumable.h"
#include "storage/upload.h"

/* What a browser's script may send and read. */
#define TUS_HEADERS                                                                                                    \
	"Authorization, Content-Type, Location, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "             \
	"Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, "  \
	"X-Requested-With, X-Forwarded-Host, X-Forwarded-Proto, Forwarded"
#define TUS_EXPOSED_HEADERS TUS_HEADERS ", Upload-Expires"
#define TUS_ALLOWED_HEADERS TUS_HEADERS ", X-Upsert, Upload-Expires, ApiKey, x-signature"

enum tus_kind { TUS_CREATE, TUS_PATCH, TUS_HEAD, TUS_DELETE };

struct tus {
	enum tus_kind kind;
	struct upload up;
	struct resumable *r; /* NULL: none is open */
	const char *metadata; /* as the client said it */
	uint64_t size, offset; /* of Upload-Length, Upload-Offset */
	const char *id; /* NULL: not made yet */
	int64_t created_s;
	bool has_body; /* what comes is of the file */
	bool is_ready, is_waiting; /* the body may come; it is held up */
};

void tus_done(void *arg); /* lets the upload go */

/* The upload is let go first: the client's next request may come at once. */
void tus_reply(struct storage_call *call, const struct storage_reply *reply);
void tus_reply_begin(struct storage_reply *reply, int status);
void tus_add_number(struct storage_call *call, struct storage_reply *reply, const char *name, uint64_t number);

/* offset of size bytes are there. */
void tus_answer(struct storage_call *call, uint64_t offset);
void tus_refuse(struct storage_call *call, int status, const char *words);

/* What the rest of storage says of a call is worded as this protocol does: the status itself, and plain text. */
void tus_refuse_problem(struct storage_call *call, const struct storage_problem *problem, const char *cause);
void tus_fail_disk(struct storage_call *call, const struct err *err);

#endif
