/* SPDX-License-Identifier: Apache-2.0
 *
 * GetObject, HeadObject, PutObject, DeleteObject, DeleteObjects. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/flows.h"
#include "storage/range.h"
#include "storage/s3.h"

#define META_MAX 20 /* headers of an answer */

/* Reading. */

static bool is_printable(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~') return false;
	return *text != '\0';
}

/* What the client wants to be said instead; signed like everything else. */
static const char * override(struct storage_call *call, struct str name, const char *otherwise)
{
	const char *text = storage_query_of(call, name);
	return text != NULL && is_printable(text) ? text : otherwise;
}

static int add_metadata(struct storage_call *call, const struct object *o, struct storage_reply *reply)
{
	json_t *all JSON_CLEANUP = NULL;
	struct err ignored;
	const char *name;
	const json_t *value;
	int count = 0;
	if (!o->has_user_metadata || !json_parse(str_from(o->user_metadata), &all, &ignored)) return 0;
	json_object_foreach(all, name, value)
	{
		const char *text = json_string_value(value);
		bool is_name =
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == strlen(name);
		if (text == NULL || !is_name || !is_printable(text) || count == META_MAX) continue;
		storage_reply_add(reply, arena_printf(call->arena, "x-amz-meta-%s", name),
				  arena_strdup(call->arena, text));
		count++;
	}
	return count;
}

static void add_date(struct storage_call *call, const struct object *o, struct storage_reply *reply)
{
	char text[STORAGE_DATE_SIZE];
	int64_t modified_s;
	if (!storage_time_read(str_from(o->modified), &modified_s)) return;
	storage_date_write(modified_s, text);
	storage_reply_add(reply, "Last-Modified", arena_strdup(call->arena, text));
}

static void reply_object(struct storage_call *call, const struct object *o)
{
	struct storage_reply reply = {.status = 200};
	bool is_fresh = false;
	enum storage_fault fault = s3_conditions(call, "", o, &is_fresh);
	if (fault != FAULT_NONE) {
		storage_fail(call, fault);
		return;
	}
	const char *type = override(call, STR("response-content-type"),
				    storage_is_mime(str_from(o->type)) ? o->type : "application/octet-stream");
	const char *cache = override(call, STR("response-cache-control"), o->cache_control);
	storage_reply_add(&reply, "Content-Type", type);
	storage_reply_add(&reply, "Accept-Ranges", "bytes");
	storage_reply_add(&reply, "X-Content-Type-Options", "nosniff");
	/* A presigned address can be opened in a browser, on the app's own origin. */
	if (storage_is_active(str_from(type))) storage_reply_add(&reply, "Content-Security-Policy", OBJECT_SANDBOX);
	if (is_printable(o->etag)) storage_reply_add(&reply, "ETag", o->etag);
	if (is_printable(cache)) storage_reply_add(&reply, "Cache-Control", cache);
	storage_reply_add(&reply, "Content-Disposition", override(call, STR("response-content-disposition"), NULL));
	storage_reply_add(&reply, "Content-Language", override(call, STR("response-content-language"), NULL));
	storage_reply_add(&reply, "Expires", override(call, STR("response-expires"), NULL));
	add_date(call, o, &reply);
	(void)add_metadata(call, o, &reply);
	storage_reply_add(&reply, "x-amz-request-id", call->s3->id);
	if (is_fresh) {
		reply.status = 304;
		storage_answer_with(call, &reply);
		return;
	}
	object_send(call, o, &reply, false);
}

static void on_found(struct storage_call *call)
{
	struct object o;
	const PGresult *bucket = storage_rows(call, 1), *rows = storage_rows(call, 3);
	if (PQntuples(bucket) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
	} else if (PQntuples(rows) == 0) {
		storage_fail(call, FAULT_NO_KEY);
	} else {
		object_read(rows, 0, 0, &o);
		reply_object(call, &o);
	}
}

static void find(struct storage_call *call, void (*then)(struct storage_call *call))
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "select " OBJECT_COLUMNS " from storage.objects o where o.bucket_id = $1 and o.name = $2",
		     call->bucket, call->key);
	storage_run(call, then);
}

void s3_read(struct storage_call *call)
{
	find(call, on_found);
}

/* There are none; clients that copy ask all the same. */
static void on_tagged(struct storage_call *call)
{
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, 1024);
	if (PQntuples(storage_rows(call, 3)) == 0) {
		storage_fail(call, FAULT_NO_KEY);
		return;
	}
	s3_xml_begin(&b, "Tagging");
	buf_puts(&b, "<TagSet></TagSet></Tagging>");
	s3_answer(call, 200, &b);
}

void s3_tagging(struct storage_call *call)
{
	find(call, on_tagged);
}

/* Writing. */

struct putting {
	struct upload up;
	struct stored stored;
};

static void on_put(struct storage_call *call, const char *id)
{
	const struct putting *p = call->flow;
	struct storage_reply reply = {.status = 200};
	(void)id;
	storage_reply_add(&reply, "ETag", p->stored.etag);
	s3_answer_with(call, &reply);
}

static void on_stored(struct storage_call *call, const struct stored *stored)
{
	struct putting *p = call->flow;
	p->stored = *stored;
	upload_commit(call, &p->up, &p->stored, on_put);
}

void s3_put(struct storage_call *call)
{
	struct putting *p = arena_alloc(call->arena, sizeof *p);
	struct str fresh = storage_header_of(call, STR("If-None-Match"));
	if (p == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (storage_header_of(call, STR("If-Match")).ptr != NULL ||
	    (fresh.ptr != NULL && !str_eq(str_trim(fresh), STR("*")))) {
		storage_fail(call, FAULT_NOT_SERVED);
		return;
	}
	const char *type = s3_printable(call, STR("Content-Type"));
	p->up = (struct upload){.bucket = call->bucket,
				.key = call->key,
				.owner = call->owner,
				.is_upsert = fresh.ptr == NULL,
				.type = type != NULL ? type : "application/octet-stream",
				.cache_control = s3_printable(call, STR("Cache-Control"))};
	if (!s3_user_metadata(call, &p->up.user_metadata)) return;
	call->flow = p;
	s3_receive(call, &p->up, on_stored);
	if (!call->is_done) upload_check(call, &p->up, s3_receive_allowed);
}

/* Deleting. What is not there counts as deleted. */

static void on_deleted(struct storage_call *call)
{
	const PGresult *bucket = storage_rows(call, 1), *there = storage_rows(call, 2), *gone = storage_rows(call, 4);
	if (PQntuples(bucket) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
	} else if (PQntuples(there) > 0 && PQntuples(gone) == 0) {
		storage_fail(call, FAULT_DENIED);
	} else {
		storage_forget_files(call, gone, 0);
		s3_answer_none(call, 204);
	}
}

void s3_delete_one(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	(void)PG_ADD(&call->batch, "select id from storage.objects where bucket_id = $1 and name = $2 for update",
		     call->bucket, call->key);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "delete from storage.objects where bucket_id = $1 and name = $2 returning version",
		     call->bucket, call->key);
	storage_changes(call, call->bucket, call->key);
	storage_run(call, on_deleted);
}

static bool has_name(const PGresult *rows, struct str name)
{
	for (int i = 0; i < PQntuples(rows); i++)
		if (str_eq(str_from(PQgetvalue(rows, i, 0)), name)) return true;
	return false;
}

static void on_deleted_many(struct storage_call *call)
{
	const struct s3_delete *d = call->flow;
	const PGresult *bucket = storage_rows(call, 1), *gone = storage_rows(call, 3), *kept = storage_rows(call, 5);
	struct buf b BUF_CLEANUP = {0};
	if (PQntuples(bucket) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
		return;
	}
	storage_forget_files(call, gone, 0);
	buf_init(&b, S3_ANSWER_MAX);
	s3_xml_begin(&b, "DeleteResult");
	for (size_t i = 0; i < d->count; i++) {
		bool is_kept = has_name(kept, d->keys[i]);
		if (!is_kept && d->is_quiet) continue;
		buf_puts(&b, is_kept ? "<Error><Key>" : "<Deleted><Key>");
		s3_xml_escape(&b, d->keys[i]);
		buf_puts(&b, is_kept ? "</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
				     : "</Key></Deleted>");
	}
	buf_puts(&b, "</DeleteResult>");
	s3_answer(call, 200, &b);
}

static const char *names_of(struct storage_call *call, const struct s3_delete *d)
{
	json_t *list JSON_CLEANUP = json_array();
	for (size_t i = 0; i < d->count; i++) {
		json_t *name = json_stringn(d->keys[i].ptr, d->keys[i].len);
		if (name != NULL) (void)json_array_append_new(list, name);
	}
	char *text = json_text(list);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	return copy;
}

#define NAMED "bucket_id = $1 and name in (select jsonb_array_elements_text($2::jsonb))"

void s3_delete_many(struct storage_call *call)
{
	struct s3_delete *d = arena_alloc(call->arena, sizeof *d);
	struct storage_problem problem;
	struct err err;
	if (d == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!s3_xml_read_delete(call->arena, buf_view(&call->s3->xml), d, &err)) {
		(void)storage_problem_set(&problem, FAULT_XML, "The XML you provided is no Delete: %.300s", err.msg);
		storage_end(call, &problem, NULL);
		return;
	}
	const char *names = names_of(call, d);
	call->flow = d;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "delete from storage.objects where " NAMED " returning version", call->bucket,
		     names);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select name from storage.objects where " NAMED, call->bucket, names);
	storage_changes(call, call->bucket, NULL);
	storage_run(call, on_deleted_many);
}
