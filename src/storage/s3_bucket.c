/* SPDX-License-Identifier: Apache-2.0
 *
 * S3's calls for buckets: ListBuckets, CreateBucket, DeleteBucket, HeadBucket, GetBucketLocation, GetBucketVersioning.
 */
#include <string.h>

#include "storage/flows.h"
#include "storage/s3.h"

static void on_listed(struct storage_call *call)
{
	const PGresult *rows = storage_rows(call, 1);
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, S3_ANSWER_MAX);
	s3_xml_begin(&b, "ListAllMyBucketsResult");
	buf_puts(&b, "<Owner><ID>freehold</ID><DisplayName>freehold</DisplayName></Owner><Buckets>");
	for (int i = 0; i < PQntuples(rows); i++) {
		buf_puts(&b, "<Bucket>");
		s3_xml_text(&b, "Name", storage_value(rows, i, 0));
		s3_xml_text(&b, "CreationDate", storage_value(rows, i, 1));
		buf_puts(&b, "</Bucket>");
	}
	buf_puts(&b, "</Buckets></ListAllMyBucketsResult>");
	s3_answer(call, 200, &b);
}

void s3_bucket_list(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)pg_batch_add(&call->batch,
			   "select id, " SQL_TIME("created_at") " from storage.buckets order by id collate \"C\"", 0,
			   NULL);
	storage_run(call, on_listed);
}

static void on_created(struct storage_call *call)
{
	struct storage_reply reply = {.status = 200};
	storage_reply_add(&reply, "Location", arena_printf(call->arena, "/%s", call->bucket));
	s3_answer_with(call, &reply);
}

void s3_bucket_create(struct storage_call *call)
{
	struct storage_problem problem;
	struct err err;
	const char *acl = s3_printable(call, STR("x-amz-acl"));
	if (!s3_xml_check(buf_view(&call->s3->xml), &err)) {
		(void)storage_problem_set(&problem, FAULT_XML, "%s", err.msg);
		storage_end(call, &problem, NULL);
		return;
	}
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "insert into storage.buckets (id, name, owner, owner_id, public) values ($1, $1, "
		     "storage.freehold_uuid($2), $2, $3::boolean)",
		     call->bucket, call->owner,
		     acl != NULL && str_has_prefix(str_from(acl), STR("public-read")) ? "true" : "false");
	call->on_refused = bucket_create_refused;
	storage_run(call, on_created);
}

static void on_deleted(struct storage_call *call)
{
	if (PQntuples(storage_rows(call, 1)) == 0)
		storage_fail(call, FAULT_NO_BUCKET);
	else if (PQntuples(storage_rows(call, 3)) == 0)
		storage_fail(call, FAULT_DENIED);
	else
		s3_answer_none(call, 204);
}

void s3_bucket_delete(struct storage_call *call)
{
	bucket_delete(call, on_deleted);
}

/* The three that only ask for it. */
static void find(struct storage_call *call, void (*then)(struct storage_call *call))
{
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	storage_run(call, then);
}

static bool is_found(struct storage_call *call)
{
	if (PQntuples(storage_rows(call, 1)) > 0) return true;
	storage_fail(call, FAULT_NO_BUCKET);
	return false;
}

static void on_head(struct storage_call *call)
{
	struct storage_reply reply = {.status = 200};
	if (!is_found(call)) return;
	storage_reply_add(&reply, "x-amz-bucket-region", S3_REGION);
	s3_answer_with(call, &reply);
}

void s3_bucket_head(struct storage_call *call)
{
	find(call, on_head);
}

/* Of the first of Amazon's regions it is empty. */
static void on_location(struct storage_call *call)
{
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, 1024);
	if (!is_found(call)) return;
	s3_xml_begin(&b, "LocationConstraint");
	buf_puts(&b, "</LocationConstraint>");
	s3_answer(call, 200, &b);
}

void s3_bucket_location(struct storage_call *call)
{
	find(call, on_location);
}

static void on_versioning(struct storage_call *call)
{
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, 1024);
	if (!is_found(call)) return;
	s3_xml_begin(&b, "VersioningConfiguration");
	buf_puts(&b, "</VersioningConfiguration>");
	s3_answer(call, 200, &b);
}

void s3_bucket_versioning(struct storage_call *call)
{
	find(call, on_versioning);
}
