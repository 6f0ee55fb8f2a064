/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3_part.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/flows.h"

bool s3_part_read(struct storage_call *call, struct s3_part_row *part)
{
	int64_t number;
	const char *text = storage_query_of(call, STR("partNumber"));
	part->upload = storage_query_of(call, STR("uploadId"));
	if (part->upload == NULL) return s3_fail_argument(call, "uploadId");
	if (text == NULL || !str_to_int(str_from(text), &number) || number < 1 || number > S3_PARTS_MAX)
		return s3_fail_argument(call, "partNumber (1 to 10000)");
	part->number = arena_printf(call->arena, "%d", (int)number);
	if (part->number == NULL) storage_fail(call, FAULT_FULL);
	return part->number != NULL;
}

/* The type that the upload was begun with is what the bucket's rules are asked about. */
static void on_found(struct storage_call *call)
{
	struct s3_part_row *part = call->s3->part;
	const PGresult *rows = storage_rows(call, 1);
	int64_t bytes;
	if (PQntuples(rows) == 0) {
		storage_fail(call, FAULT_NO_UPLOAD);
		return;
	}
	if (str_to_int(str_from(storage_value(rows, 0, 2)), &bytes)) part->others_bytes = (uint64_t)bytes;
	part->up->type = storage_value(rows, 0, 0);
	part->up->user_metadata = storage_is_null(rows, 0, 1) ? NULL : storage_value(rows, 0, 1);
	part->found(call);
}

void s3_part_find(struct storage_call *call, struct s3_part_row *part, struct upload *up,
		  void (*then)(struct storage_call *call))
{
	call->s3->part = part;
	part->up = up;
	part->found = then;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(
	    &call->batch,
	    "select coalesce(u.metadata ->> 'mimetype', 'application/octet-stream'), u.user_metadata::text, "
	    "(select coalesce(sum(p.size), 0) from storage.s3_multipart_uploads_parts p where p.upload_id = u.id "
	    "and p.part_number <> $6::int) from storage.s3_multipart_uploads u where " S3_UPLOAD_IS,
	    part->upload, call->bucket, call->key, call->owner, s3_sees_all(call), part->number);
	storage_run(call, on_found);
}

bool s3_part_fits(struct storage_call *call, struct s3_part_row *part, uint64_t bytes)
{
	uint64_t limit = part->up->limit;
	if (bytes <= limit && part->others_bytes <= limit - bytes) return true;
	storage_fail(call, FAULT_TOO_LARGE);
	return false;
}

/* The row. */

static void forget(struct storage_call *call, const char *version)
{
	if (storage_is_uuid(str_from(version))) files_remove(call->storage->files, &version, 1);
}

static bool on_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed, (void)why;
	forget(call, call->s3->part->version);
	return false;
}

static void on_committed(struct storage_call *call)
{
	struct s3_part_row *part = call->s3->part;
	const PGresult *before = storage_rows(call, 2), *put = storage_rows(call, 3);
	if (PQntuples(put) == 0) {
		forget(call, part->version); /* the upload ended meanwhile */
		storage_fail(call, FAULT_NO_UPLOAD);
		return;
	}
	for (int i = 0; i < PQntuples(before); i++) forget(call, storage_value(before, i, 0));
	part->then(call);
}

void s3_part_commit(struct storage_call *call, struct s3_part_row *part, const struct stored *stored,
		    void (*then)(struct storage_call *call))
{
	const char *size = arena_printf(call->arena, "%llu", (unsigned long long)stored->size);
	part->then = then;
	part->version = stored->version;
	if (size == NULL || !s3_part_fits(call, part, stored->size)) {
		forget(call, stored->version);
		if (size == NULL) storage_fail(call, FAULT_FULL);
		return;
	}
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.s3_multipart_uploads where id = $1 for update",
		     part->upload);
	(void)PG_ADD(&call->batch,
		     "delete from storage.s3_multipart_uploads_parts where upload_id = $1 and part_number = $2::int "
		     "returning version",
		     part->upload, part->number);
	(void)PG_ADD(
	    &call->batch,
	    "insert into storage.s3_multipart_uploads_parts (upload_id, size, part_number, bucket_id, key, etag, "
	    "owner_id, version) select u.id, $2::bigint, $3::int, u.bucket_id, u.key, $4, $5, $6 from "
	    "storage.s3_multipart_uploads u where u.id = $1 returning id",
	    part->upload, size, part->number, stored->etag, call->owner, stored->version);
	call->on_refused = on_refused;
	storage_run(call, on_committed);
}

/* UploadPart */

struct receiving {
	struct upload up;
	struct s3_part_row part;
	struct stored stored;
};

static void on_put(struct storage_call *call)
{
	const struct receiving *r = call->flow;
	struct storage_reply reply = {.status = 200};
	storage_reply_add(&reply, "ETag", r->stored.etag);
	s3_answer_with(call, &reply);
}

static void on_stored(struct storage_call *call, const struct stored *stored)
{
	struct receiving *r = call->flow;
	r->stored = *stored;
	s3_part_commit(call, &r->part, &r->stored, on_put);
}

static void on_allowed(struct storage_call *call)
{
	struct receiving *r = call->flow;
	if (r->up.declared > 0 && !s3_part_fits(call, &r->part, (uint64_t)r->up.declared)) return;
	s3_receive_allowed(call);
}

static void on_upload(struct storage_call *call)
{
	struct receiving *r = call->flow;
	upload_check(call, &r->up, on_allowed);
}

void s3_part_put(struct storage_call *call)
{
	struct receiving *r = arena_alloc(call->arena, sizeof *r);
	if (r == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	r->up = (struct upload){.bucket = call->bucket, .key = call->key, .owner = call->owner, .is_upsert = true};
	call->flow = r;
	if (!s3_part_read(call, &r->part)) return;
	s3_receive(call, &r->up, on_stored);
	if (!call->is_done) s3_part_find(call, &r->part, &r->up, on_upload);
}
