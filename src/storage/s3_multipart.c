/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads in parts, but for the parts: CreateMultipartUpload, ListParts, ListMultipartUploads, AbortMultipartUpload,
 * CompleteMultipartUpload. A completed one is a new file; that it may be completed twice does no harm. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/flows.h"
#include "storage/s3.h"
#include "storage/s3_part.h"

#define STORED_AT SQL_TIME("p.created_at")
#define BEGUN_AT SQL_TIME("u.created_at")
#define LISTED_MAX 1000

/* Creating. */

struct creating {
	struct upload up;
	char id[STORAGE_VERSION_SIZE];
	const char *metadata;
};

static void on_created(struct storage_call *call)
{
	const struct creating *c = call->flow;
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, 8192);
	s3_xml_begin(&b, "InitiateMultipartUploadResult");
	s3_xml_text(&b, "Bucket", call->bucket);
	s3_xml_text(&b, "Key", call->key);
	s3_xml_text(&b, "UploadId", c->id);
	buf_puts(&b, "</InitiateMultipartUploadResult>");
	s3_answer(call, 200, &b);
}

static void on_allowed(struct storage_call *call)
{
	const struct creating *c = call->flow;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(
	    &call->batch,
	    "insert into storage.s3_multipart_uploads (id, upload_signature, bucket_id, key, version, owner_id, "
	    "user_metadata, metadata) values ($1, '', $2, $3, $1, $4, $5::jsonb, $6::jsonb)",
	    c->id, call->bucket, call->key, call->owner, c->up.user_metadata, c->metadata);
	storage_run(call, on_created);
}

static const char *metadata_of(struct storage_call *call, const struct upload *up)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "mimetype", up->type);
	if (o == NULL) o = json_object();
	if (up->cache_control != NULL) (void)json_object_set_new(o, "cacheControl", json_string(up->cache_control));
	char *text = json_text(o);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	return copy;
}

void s3_upload_create(struct storage_call *call)
{
	struct creating *c = arena_alloc(call->arena, sizeof *c);
	if (c == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	const char *type = s3_printable(call, STR("Content-Type"));
	c->up = (struct upload){.bucket = call->bucket,
				.key = call->key,
				.owner = call->owner,
				.is_upsert = true,
				.type = type != NULL ? type : "application/octet-stream",
				.cache_control = s3_printable(call, STR("Cache-Control")),
				.declared = -1};
	if (!s3_user_metadata(call, &c->up.user_metadata)) return;
	c->metadata = metadata_of(call, &c->up);
	storage_version(c->id);
	call->flow = c;
	upload_check(call, &c->up, on_allowed);
}

/* Listing. */

static void on_parts(struct storage_call *call)
{
	const PGresult *upload = storage_rows(call, 1), *rows = storage_rows(call, 2);
	const int64_t *max = call->flow;
	struct buf b BUF_CLEANUP = {0};
	if (PQntuples(upload) == 0) {
		storage_fail(call, FAULT_NO_UPLOAD);
		return;
	}
	int count = PQntuples(rows);
	bool is_cut = count > (int)*max;
	if (is_cut) count = (int)*max;
	buf_init(&b, S3_ANSWER_MAX);
	s3_xml_begin(&b, "ListPartsResult");
	s3_xml_text(&b, "Bucket", call->bucket);
	s3_xml_text(&b, "Key", call->key);
	s3_xml_text(&b, "UploadId", storage_value(upload, 0, 0));
	s3_xml_text(&b, "StorageClass", "STANDARD");
	s3_xml_number(&b, "MaxParts", *max);
	s3_xml_text(&b, "IsTruncated", is_cut ? "true" : "false");
	if (is_cut && count > 0) s3_xml_text(&b, "NextPartNumberMarker", storage_value(rows, count - 1, 0));
	for (int i = 0; i < count; i++) {
		buf_puts(&b, "<Part>");
		s3_xml_text(&b, "PartNumber", storage_value(rows, i, 0));
		s3_xml_text(&b, "LastModified", storage_value(rows, i, 1));
		s3_xml_text(&b, "ETag", storage_value(rows, i, 2));
		s3_xml_text(&b, "Size", storage_value(rows, i, 3));
		buf_puts(&b, "</Part>");
	}
	buf_puts(&b, "</ListPartsResult>");
	s3_answer(call, 200, &b);
}

void s3_part_list(struct storage_call *call)
{
	int64_t *max = arena_alloc(call->arena, sizeof *max), marker;
	if (max == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!s3_query_count(call, STR("max-parts"), LISTED_MAX, LISTED_MAX, max) ||
	    !s3_query_count(call, STR("part-number-marker"), S3_PARTS_MAX, 0, &marker))
		return;
	call->flow = max;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select u.id from storage.s3_multipart_uploads u where " S3_UPLOAD_IS,
		     storage_query_of(call, STR("uploadId")), call->bucket, call->key, call->owner, s3_sees_all(call));
	(void)PG_ADD(&call->batch,
		     "select p.part_number, " STORED_AT ", p.etag, p.size from "
		     "storage.s3_multipart_uploads_parts p join storage.s3_multipart_uploads u on u.id = "
		     "p.upload_id where " S3_UPLOAD_IS " and p.part_number > $6::int order by p.part_number "
		     "limit $7::int",
		     storage_query_of(call, STR("uploadId")), call->bucket, call->key, call->owner, s3_sees_all(call),
		     arena_printf(call->arena, "%d", (int)marker), arena_printf(call->arena, "%d", (int)*max + 1));
	storage_run(call, on_parts);
}

struct uploads {
	int64_t max;
	bool encodes;
	const char *prefix, *delimiter, *key_marker, *id_marker;
};

static void on_uploads(struct storage_call *call)
{
	const struct uploads *l = call->flow;
	const PGresult *buckets = storage_rows(call, 1), *rows = storage_rows(call, 2);
	struct buf b BUF_CLEANUP = {0};
	if (PQntuples(buckets) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
		return;
	}
	int count = PQntuples(rows);
	bool is_cut = count > (int)l->max;
	if (is_cut) count = (int)l->max;
	buf_init(&b, S3_ANSWER_MAX);
	s3_xml_begin(&b, "ListMultipartUploadsResult");
	s3_xml_text(&b, "Bucket", call->bucket);
	s3_xml_key(&b, l->encodes, "KeyMarker", l->key_marker);
	s3_xml_text(&b, "UploadIdMarker", l->id_marker);
	s3_xml_key(&b, l->encodes, "Prefix", l->prefix);
	if (*l->delimiter != '\0') s3_xml_key(&b, l->encodes, "Delimiter", l->delimiter);
	if (l->encodes) s3_xml_text(&b, "EncodingType", "url");
	s3_xml_number(&b, "MaxUploads", l->max);
	s3_xml_text(&b, "IsTruncated", is_cut && count > 0 ? "true" : "false");
	if (is_cut && count > 0) {
		s3_xml_key(&b, l->encodes, "NextKeyMarker", storage_value(rows, count - 1, 0));
		s3_xml_text(&b, "NextUploadIdMarker", storage_value(rows, count - 1, 1));
	}
	for (int i = 0; i < count; i++) {
		if (storage_is_null(rows, i, 2)) {
			buf_puts(&b, "<CommonPrefixes>");
			s3_xml_key(&b, l->encodes, "Prefix", storage_value(rows, i, 0));
			buf_puts(&b, "</CommonPrefixes>");
			continue;
		}
		buf_puts(&b, "<Upload>");
		s3_xml_key(&b, l->encodes, "Key", storage_value(rows, i, 0));
		s3_xml_text(&b, "UploadId", storage_value(rows, i, 1));
		s3_xml_text(&b, "StorageClass", "STANDARD");
		s3_xml_text(&b, "Initiated", storage_value(rows, i, 2));
		buf_puts(&b, "</Upload>");
	}
	buf_puts(&b, "</ListMultipartUploadsResult>");
	s3_answer(call, 200, &b);
}

static const char *text_of(struct storage_call *call, struct str name)
{
	const char *text = storage_query_of(call, name);
	return text != NULL ? text : "";
}

void s3_upload_list(struct storage_call *call)
{
	struct uploads *l = arena_alloc(call->arena, sizeof *l);
	if (l == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	*l = (struct uploads){.prefix = text_of(call, STR("prefix")),
			      .delimiter = text_of(call, STR("delimiter")),
			      .key_marker = text_of(call, STR("key-marker")),
			      .id_marker = text_of(call, STR("upload-id-marker")),
			      .encodes = strcmp(text_of(call, STR("encoding-type")), "url") == 0};
	if (!s3_query_count(call, STR("max-uploads"), LISTED_MAX, LISTED_MAX, &l->max)) return;
	call->flow = l;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	/* Of what lies behind a delimiter one entry, without an id and a time. */
	(void)PG_ADD(&call->batch,
		     "select e.entry, max(e.id), min(e.at) "
		     "from (select coalesce(storage.get_common_prefix(u.key, $2, $3), u.key) as entry, "
		     "case when storage.get_common_prefix(u.key, $2, $3) is null then u.id else '' end as id, "
		     "case when storage.get_common_prefix(u.key, $2, $3) is null then " BEGUN_AT " end as at "
		     "from storage.s3_multipart_uploads u "
		     "where u.bucket_id = $1 and starts_with(u.key, $2) and ($7::boolean or (u.owner_id is not "
		     "null and u.owner_id = $8))) e "
		     "where $4 = '' or e.entry collate \"C\" > $4 or ($5 <> '' and e.entry = $4 and e.id > $5) "
		     "group by e.entry, e.id order by e.entry collate \"C\", e.id limit $6::int",
		     call->bucket, l->prefix, l->delimiter, l->key_marker, l->id_marker,
		     arena_printf(call->arena, "%d", (int)l->max + 1), s3_sees_all(call), call->owner);
	storage_run(call, on_uploads);
}

/* Ending. */

/* Two statements: the parts, then the upload; the rows of the first are their files. */
static void add_end(struct storage_call *call, const char *upload)
{
	(void)PG_ADD(
	    &call->batch,
	    "delete from storage.s3_multipart_uploads_parts p using storage.s3_multipart_uploads u where u.id = "
	    "p.upload_id and " S3_UPLOAD_IS " returning p.version",
	    upload, call->bucket, call->key, call->owner, s3_sees_all(call));
	(void)PG_ADD(&call->batch, "delete from storage.s3_multipart_uploads u where " S3_UPLOAD_IS " returning u.id",
		     upload, call->bucket, call->key, call->owner, s3_sees_all(call));
}

#define LOCK_UPLOAD "select u.id from storage.s3_multipart_uploads u where " S3_UPLOAD_IS " for update"

static void on_aborted(struct storage_call *call)
{
	if (PQntuples(storage_rows(call, 3)) == 0) {
		storage_fail(call, FAULT_NO_UPLOAD);
		return;
	}
	storage_forget_files(call, storage_rows(call, 2), 0);
	s3_answer_none(call, 204);
}

void s3_upload_abort(struct storage_call *call)
{
	const char *upload = storage_query_of(call, STR("uploadId"));
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, LOCK_UPLOAD, upload, call->bucket, call->key, call->owner, s3_sees_all(call));
	add_end(call, upload);
	storage_run(call, on_aborted);
}

struct completing {
	struct upload up;
	const char *upload;
	struct s3_part *parts;
	size_t count;
	const char **versions;
	uint64_t bytes;
	EVP_MD_CTX *md5;
	struct stored stored;
};

static void on_ended(struct storage_call *call)
{
	const struct completing *c = call->flow;
	struct buf b BUF_CLEANUP = {0};
	storage_forget_files(call, storage_rows(call, 2), 0);
	buf_init(&b, 16u << 10);
	s3_xml_begin(&b, "CompleteMultipartUploadResult");
	s3_xml_text(&b, "Location", arena_printf(call->arena, "/%s/%s", call->bucket, call->key));
	s3_xml_text(&b, "Bucket", call->bucket);
	s3_xml_text(&b, "Key", call->key);
	s3_xml_text(&b, "ETag", c->stored.etag);
	buf_puts(&b, "</CompleteMultipartUploadResult>");
	s3_answer(call, 200, &b);
}

/* The object is there; what is left of the upload goes. */
static void on_put(struct storage_call *call, const char *id)
{
	const struct completing *c = call->flow;
	(void)id;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, LOCK_UPLOAD, c->upload, call->bucket, call->key, call->owner, s3_sees_all(call));
	add_end(call, c->upload);
	storage_run(call, on_ended);
}

static void on_joined(void *arg, const struct stored *stored, const struct err *err)
{
	struct storage_call *call = arg;
	struct completing *c = call->flow;
	if (err != NULL) {
		struct storage_problem problem = {.fault = err->code == ERR_NOT_FOUND     ? FAULT_NO_UPLOAD
							   : err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL
											  : FAULT_INTERNAL};
		storage_end(call, &problem, arena_strdup(call->arena, err->msg));
		return;
	}
	char etag[FILES_ETAG_SIZE];
	memcpy(etag, c->stored.etag, sizeof etag);
	c->stored = *stored;
	memcpy(c->stored.etag, etag, sizeof etag);
	upload_commit(call, &c->up, &c->stored, on_put);
}

static void on_complete_allowed(struct storage_call *call)
{
	const struct completing *c = call->flow;
	if (c->bytes > c->up.limit)
		storage_fail(call, FAULT_TOO_LARGE);
	else
		files_join(call->storage->files, c->versions, c->count, on_joined, call);
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The MD5 of the parts' MD5s, and how many there are. */
static bool add_etag(EVP_MD_CTX *md5, const char *etag)
{
	unsigned char bytes[16];
	if (strlen(etag) != 34) return false;
	for (int i = 0; i < 16; i++) {
		int high = nibble(etag[1 + 2 * i]), low = nibble(etag[2 + 2 * i]);
		if (high < 0 || low < 0) return false;
		bytes[i] = (unsigned char)(high * 16 + low);
	}
	return EVP_DigestUpdate(md5, bytes, sizeof bytes) == 1;
}

static enum storage_fault match_parts(struct storage_call *call, struct completing *c)
{
	const PGresult *rows = storage_rows(call, 2);
	int row = 0;
	uint32_t before = 0;
	for (size_t i = 0; i < c->count; i++) {
		int64_t number = 0, size = 0;
		if (c->parts[i].number <= before) return FAULT_PART_ORDER;
		before = c->parts[i].number;
		for (; row < PQntuples(rows); row++) {
			if (!str_to_int(str_from(storage_value(rows, row, 0)), &number)) return FAULT_INTERNAL;
			if (number >= c->parts[i].number) break;
		}
		const char *etag = storage_value(rows, row, 1);
		if (row == PQntuples(rows) || number != c->parts[i].number || strlen(etag) < 2 ||
		    !str_eq(c->parts[i].etag, str_sub(str_from(etag), 1, strlen(etag) - 1)) || !add_etag(c->md5, etag))
			return FAULT_PART;
		(void)str_to_int(str_from(storage_value(rows, row, 2)), &size);
		c->bytes += (uint64_t)size;
		c->versions[i] = storage_value(rows, row, 3);
	}
	return FAULT_NONE;
}

static enum storage_fault read_upload(struct storage_call *call, struct completing *c)
{
	const PGresult *upload = storage_rows(call, 1);
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[33];
	if (PQntuples(upload) == 0) return FAULT_NO_UPLOAD;
	c->up.type = storage_value(upload, 0, 0);
	c->up.cache_control = storage_is_null(upload, 0, 1) ? NULL : storage_value(upload, 0, 1);
	c->up.user_metadata = storage_is_null(upload, 0, 2) ? NULL : storage_value(upload, 0, 2);
	c->md5 = EVP_MD_CTX_new();
	if (c->md5 == NULL || EVP_DigestInit_ex(c->md5, EVP_md5(), NULL) != 1) abort();
	enum storage_fault fault = match_parts(call, c);
	(void)EVP_DigestFinal_ex(c->md5, sum, NULL);
	EVP_MD_CTX_free(c->md5);
	s3_hex(sum, 16, hex);
	(void)snprintf(c->stored.etag, sizeof c->stored.etag, "\"%s-%zu\"", hex, c->count);
	return fault;
}

static void on_upload(struct storage_call *call)
{
	struct completing *c = call->flow;
	enum storage_fault fault = read_upload(call, c);
	if (fault != FAULT_NONE) {
		storage_fail(call, fault);
		return;
	}
	c->up.declared = (int64_t)c->bytes;
	upload_check(call, &c->up, on_complete_allowed);
}

void s3_upload_complete(struct storage_call *call)
{
	struct completing *c = arena_alloc(call->arena, sizeof *c);
	struct storage_problem problem;
	struct err err;
	if (c == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!s3_xml_read_parts(call->arena, buf_view(&call->s3->xml), &c->parts, &c->count, &err)) {
		(void)storage_problem_set(&problem, FAULT_XML, "The XML you provided is no list of parts: %.300s",
					  err.msg);
		storage_end(call, &problem, NULL);
		return;
	}
	c->up = (struct upload){.bucket = call->bucket, .key = call->key, .owner = call->owner, .is_upsert = true};
	c->upload = storage_query_of(call, STR("uploadId"));
	c->versions = arena_array(call->arena, c->count, sizeof *c->versions);
	call->flow = c;
	if (c->versions == NULL || c->upload == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch,
		     "select coalesce(u.metadata ->> 'mimetype', 'application/octet-stream'), u.metadata ->> "
		     "'cacheControl', u.user_metadata::text from storage.s3_multipart_uploads u where " S3_UPLOAD_IS,
		     c->upload, call->bucket, call->key, call->owner, s3_sees_all(call));
	(void)PG_ADD(
	    &call->batch,
	    "select part_number, etag, size, version from storage.s3_multipart_uploads_parts where upload_id = "
	    "$1 order by part_number",
	    c->upload);
	storage_run(call, on_upload);
}
