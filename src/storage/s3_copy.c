/* SPDX-License-Identifier: Apache-2.0
 *
 * CopyObject and UploadPartCopy: the row that it is made from as the caller sees it, then the file's second name (or a
 * part of it in a file of its own), then the new row. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "storage/flows.h"
#include "storage/range.h"
#include "storage/s3.h"
#include "storage/s3_part.h"

struct copying {
	struct upload up;
	const char *from_bucket, *from_key;
	bool replaces; /* metadata comes from the request */
	struct object from;
	struct stored stored;
	struct s3_part_row part; /* of an upload in parts */
};

static void on_put(struct storage_call *call, const char *id)
{
	const struct copying *c = call->flow;
	struct buf b BUF_CLEANUP = {0};
	char time[CLOCK_ISO8601_SIZE];
	(void)id;
	clock_iso8601(c->stored.modified_ms, time);
	buf_init(&b, 4096);
	s3_xml_begin(&b, "CopyObjectResult");
	s3_xml_text(&b, "LastModified", time);
	s3_xml_text(&b, "ETag", c->stored.etag);
	buf_puts(&b, "</CopyObjectResult>");
	s3_answer(call, 200, &b);
}

static void fail_copy(struct storage_call *call, const struct err *err)
{
	struct storage_problem problem = {.fault = err->code == ERR_NOT_FOUND     ? FAULT_NO_KEY
						   : err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL
										  : FAULT_INTERNAL};
	storage_end(call, &problem, arena_strdup(call->arena, err->msg));
}

static void on_copied(void *arg, const char *version, const struct err *err)
{
	struct storage_call *call = arg;
	struct copying *c = call->flow;
	int64_t size = 0;
	if (err != NULL) {
		fail_copy(call, err);
		return;
	}
	(void)str_to_int(str_from(c->from.size), &size);
	c->stored.size = (uint64_t)size;
	c->stored.modified_ms = clock_wall_ms();
	(void)snprintf(c->stored.version, sizeof c->stored.version, "%s", version);
	(void)snprintf(c->stored.etag, sizeof c->stored.etag, "%s", c->from.etag);
	upload_commit(call, &c->up, &c->stored, on_put);
}

static void on_allowed(struct storage_call *call)
{
	const struct copying *c = call->flow;
	files_copy(call->storage->files, c->from.version, on_copied, call);
}

/* False: the call is answered. */
static bool read_source(struct storage_call *call, struct copying *c)
{
	const PGresult *rows = storage_rows(call, 1);
	if (PQntuples(rows) == 0) {
		storage_fail(call, FAULT_NO_KEY);
		return false;
	}
	object_read(rows, 0, 0, &c->from);
	enum storage_fault fault = s3_conditions(call, "x-amz-copy-source-", &c->from, NULL);
	if (fault == FAULT_NONE && !storage_is_uuid(str_from(c->from.version))) fault = FAULT_NO_KEY;
	if (fault != FAULT_NONE) storage_fail(call, fault);
	return fault == FAULT_NONE;
}

static void on_source(struct storage_call *call)
{
	struct copying *c = call->flow;
	int64_t size;
	if (!read_source(call, c)) return;
	if (!c->replaces) {
		c->up.type = c->from.has_type ? c->from.type : "application/octet-stream";
		c->up.cache_control = c->from.has_cache_control ? c->from.cache_control : NULL;
		c->up.user_metadata = c->from.has_user_metadata ? c->from.user_metadata : NULL;
	}
	c->up.robots = *c->from.robots != '\0' ? c->from.robots : NULL;
	c->up.declared = str_to_int(str_from(c->from.size), &size) ? size : -1;
	upload_check(call, &c->up, on_allowed);
}

static void find_source(struct storage_call *call, const struct copying *c, void (*then)(struct storage_call *call))
{
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "select " OBJECT_COLUMNS " from storage.objects o where o.bucket_id = $1 and o.name = $2",
		     c->from_bucket, c->from_key);
	storage_run(call, then);
}

static struct copying *begin_copy(struct storage_call *call)
{
	struct copying *c = arena_alloc(call->arena, sizeof *c);
	if (c == NULL) {
		storage_fail(call, FAULT_FULL);
		return NULL;
	}
	c->up = (struct upload){.bucket = call->bucket,
				.key = call->key,
				.owner = call->owner,
				.is_upsert = true,
				.type = "application/octet-stream",
				.declared = -1};
	call->flow = c;
	return s3_copy_source(call, &c->from_bucket, &c->from_key) ? c : NULL;
}

void s3_copy(struct storage_call *call)
{
	struct copying *c = begin_copy(call);
	if (c == NULL) return;
	const char *directive = s3_printable(call, STR("x-amz-metadata-directive"));
	c->replaces = directive != NULL && strcmp(directive, "REPLACE") == 0;
	if (c->replaces) {
		const char *type = s3_printable(call, STR("Content-Type"));
		if (type != NULL) c->up.type = type;
		c->up.cache_control = s3_printable(call, STR("Cache-Control"));
		if (!s3_user_metadata(call, &c->up.user_metadata)) return;
	}
	find_source(call, c, on_source);
}

/* UploadPartCopy */

static void on_part_put(struct storage_call *call)
{
	const struct copying *c = call->flow;
	struct buf b BUF_CLEANUP = {0};
	char time[CLOCK_ISO8601_SIZE];
	clock_iso8601(c->stored.modified_ms, time);
	buf_init(&b, 4096);
	s3_xml_begin(&b, "CopyPartResult");
	s3_xml_text(&b, "LastModified", time);
	s3_xml_text(&b, "ETag", c->stored.etag);
	buf_puts(&b, "</CopyPartResult>");
	s3_answer(call, 200, &b);
}

static void on_cut(void *arg, const struct stored *stored, const struct err *err)
{
	struct storage_call *call = arg;
	struct copying *c = call->flow;
	if (err != NULL) {
		fail_copy(call, err);
		return;
	}
	c->stored = *stored;
	s3_part_commit(call, &c->part, &c->stored, on_part_put);
}

/* "bytes=0-9", whole and within the source. */
static void on_part_source(struct storage_call *call)
{
	struct copying *c = call->flow;
	uint64_t from = 0, length = 0;
	int64_t size;
	if (!read_source(call, c)) return;
	struct str range = storage_header_of(call, STR("x-amz-copy-source-range"));
	if (!str_to_int(str_from(c->from.size), &size) || size < 0) size = 0;
	length = (uint64_t)size;
	if (range.ptr != NULL && storage_range(range, (uint64_t)size, &from, &length) != RANGE_PART) {
		storage_fail(call, FAULT_RANGE);
		return;
	}
	if (!s3_part_fits(call, &c->part, length)) return;
	files_cut(call->storage->files, c->from.version, from, length, on_cut, call);
}

static void on_part_allowed(struct storage_call *call)
{
	find_source(call, call->flow, on_part_source);
}

static void on_part_found(struct storage_call *call)
{
	struct copying *c = call->flow;
	upload_check(call, &c->up, on_part_allowed);
}

void s3_part_copy(struct storage_call *call)
{
	struct copying *c = begin_copy(call);
	if (c == NULL || !s3_part_read(call, &c->part)) return;
	s3_part_find(call, &c->part, &c->up, on_part_found);
}
