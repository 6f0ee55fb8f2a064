/* SPDX-License-Identifier: Apache-2.0
 *
 * S3's protocol in front of the same buckets, objects and policies: /storage/v1/s3/BUCKET/KEY.
 *
 *     head ─▶ route (s3_route.h) ─▶ signature (s3_sign.h) ─┬─▶ the flow
 *                                                          ├─▶ XML is collected (s3_body.h) ─▶ the flow
 *                                                          └─▶ the flow ─▶ a file is received (s3_receive) ─▶ its row
 *
 * Whoever signs with a key of the app is service_role; with the anon key as the secret, who the session token says, and
 * row security decides. Answers and errors are S3's XML. */
#ifndef FREEHOLD_STORAGE_S3_H
#define FREEHOLD_STORAGE_S3_H

#include "storage/call.h"
#include "storage/object.h"
#include "storage/s3_body.h"
#include "storage/s3_route.h"
#include "storage/s3_sign.h"
#include "storage/s3_xml.h"
#include "storage/upload.h"

#define S3_REGION "us-east-1" /* what is said; any is taken in signatures */
#define S3_ANSWER_MAX (8u << 20)

struct s3_receipt;
struct s3_part_row;

struct s3_call {
	const struct s3_route *route;
	struct s3_signature signature;
	unsigned char key[S3_KEY_BYTES];
	struct s3_body body;
	struct buf xml; /* collected */
	struct s3_receipt *receipt;
	struct s3_part_row *part; /* s3_part.c's */
	char id[17]; /* of the request, in its answer */
};

/* The whole of a call below S3_PREFIX; rest is the path behind that. */
void s3_begin(struct storage_call *call, struct str rest);

/* A file that comes as the body. The flow begins it before it checks whether it may be, and says so when it may:
 *
 *     s3_receive ─▶ (the flow's checks; upload_check) ─▶ s3_receive_allowed ─▶ then: the file lies in its place */
void s3_receive(struct storage_call *call, struct upload *up,
		void (*then)(struct storage_call *call, const struct stored *stored));
void s3_receive_allowed(struct storage_call *call);

/* The ends. xml may have overflowed. */
void s3_answer(struct storage_call *call, int status, const struct buf *xml);
void s3_answer_none(struct storage_call *call, int status);
void s3_answer_with(struct storage_call *call, struct storage_reply *reply); /* adds what every answer has */
void s3_end(struct storage_call *call, const struct storage_problem *problem, const char *cause);
bool s3_fail_argument(struct storage_call *call, const char *name); /* false */

/* x-amz-meta-… of the request as a JSON object, NULL where there is none; false at the arena's limit. */
bool s3_user_metadata(struct storage_call *call, const char **ret_json);
const char *s3_printable(struct storage_call *call, struct str header); /* NULL: absent, or not printable */

/* A number of the query, within bounds; false, and the call answered, where it is none. */
bool s3_query_count(struct storage_call *call, struct str name, int64_t max, int64_t otherwise, int64_t *ret);

/* x-amz-copy-source: which object. False: the call is answered. */
bool s3_copy_source(struct storage_call *call, const char **ret_bucket, const char **ret_key);

/* Whether the conditions on an object hold: If-Match and so on, or with the prefix "x-amz-copy-source-". FAULT_NONE,
 * FAULT_PRECONDITION; ret_is_fresh (may be NULL): 304 is due. */
enum storage_fault s3_conditions(struct storage_call *call, const char *prefix, const struct object *o,
				 bool *ret_is_fresh);

/* Whether the caller is service_role or made the upload; a parameter of statements. */
const char *s3_sees_all(const struct storage_call *call);

#endif
