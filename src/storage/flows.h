/* SPDX-License-Identifier: Apache-2.0
 *
 * The first steps of all flows, for the table of route.c. */
#ifndef FREEHOLD_STORAGE_FLOWS_H
#define FREEHOLD_STORAGE_FLOWS_H

#include <stdbool.h>

struct pg_error;
struct storage_call;

/* flow_bucket.c */
void flow_bucket_create(struct storage_call *call);
void flow_bucket_get(struct storage_call *call);
void flow_bucket_list(struct storage_call *call);
void flow_bucket_update(struct storage_call *call);
void flow_bucket_delete(struct storage_call *call);
void flow_bucket_empty(struct storage_call *call);

/* flow_bucket.c, for both protocols: an on_refused of whoever makes one; what deletes one, whose rows are 1: it is
 * there, 3: it was deleted. */
bool bucket_create_refused(struct storage_call *call, int failed, const struct pg_error *why);
void bucket_delete(struct storage_call *call, void (*done)(struct storage_call *call));

/* flow_read.c: variants */
enum { READ_FILE, READ_INFO, READ_HEAD, READ_PICTURE };
void flow_read_public(struct storage_call *call);
void flow_read(struct storage_call *call);
void flow_read_signed(struct storage_call *call);

/* flow_list.c */
void flow_list(struct storage_call *call);
void flow_list_v2(struct storage_call *call);

/* flow_change.c */
void flow_remove_one(struct storage_call *call);
void flow_remove_many(struct storage_call *call);
void flow_move(struct storage_call *call);
void flow_copy(struct storage_call *call);

/* flow_sign.c */
void flow_sign(struct storage_call *call);
void flow_sign_many(struct storage_call *call);
void flow_sign_upload(struct storage_call *call);

/* flow_upload.c: variants */
enum { UPLOAD_NEW, UPLOAD_UPDATE, UPLOAD_SIGNED };
void flow_upload(struct storage_call *call);

/* flow_tus.c: variants */
enum { TUS_KNOWN, TUS_SIGNED };
void flow_tus_options(struct storage_call *call);
void flow_tus_create(struct storage_call *call);
void flow_tus_patch(struct storage_call *call);
void flow_tus_head(struct storage_call *call);
void flow_tus_delete(struct storage_call *call);

/* flow_facts.c */
void flow_status(struct storage_call *call);
void flow_version(struct storage_call *call);
void flow_purge(struct storage_call *call);

/* S3's: s3_bucket.c, s3_list.c, s3_object.c, s3_copy.c, s3_multipart.c, s3_complete.c */
void s3_bucket_list(struct storage_call *call);
void s3_bucket_create(struct storage_call *call);
void s3_bucket_delete(struct storage_call *call);
void s3_bucket_head(struct storage_call *call);
void s3_bucket_location(struct storage_call *call);
void s3_bucket_versioning(struct storage_call *call);
void s3_list(struct storage_call *call);
void s3_read(struct storage_call *call);
void s3_tagging(struct storage_call *call);
void s3_put(struct storage_call *call);
void s3_delete_one(struct storage_call *call);
void s3_delete_many(struct storage_call *call);
void s3_copy(struct storage_call *call);
void s3_part_copy(struct storage_call *call);
void s3_upload_create(struct storage_call *call);
void s3_part_put(struct storage_call *call);
void s3_part_list(struct storage_call *call);
void s3_upload_list(struct storage_call *call);
void s3_upload_abort(struct storage_call *call);
void s3_upload_complete(struct storage_call *call);

#endif
