/* SPDX-License-Identifier: Apache-2.0
 *
 * What the calls of S3 share: their answers, and what they read of a request. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/url.h"
#include "storage/range.h"
#include "storage/s3.h"

#define META "x-amz-meta-"
#define META_MAX_BYTES (8u << 10) /* S3 takes 2 kB */
#define EXPOSED "ETag, Content-Range, x-amz-request-id, x-amz-version-id, x-amz-bucket-region, Last-Modified"

/* Where storage-api's own calls say it otherwise. */
static const struct {
	enum storage_fault fault;
	int status;
	const char *code;
} otherwise[] = {
    {FAULT_BUCKET_NOT_EMPTY, 409, "BucketNotEmpty"},
    {FAULT_BUCKET_EXISTS, 409, "BucketAlreadyOwnedByYou"},
    {FAULT_KEY_EXISTS, 412, "PreconditionFailed"},
    {FAULT_NOT_SERVED, 501, "NotImplemented"},
    {FAULT_REFERENCED, 409, "BucketNotEmpty"},
    {FAULT_DISK_FULL, 507, "InsufficientStorage"},
    {FAULT_TIMEOUT, 503, "SlowDown"},
};

static void add_common(struct storage_call *call, struct storage_reply *reply)
{
	if (call->s3 != NULL) storage_reply_add(reply, "x-amz-request-id", call->s3->id);
	storage_reply_add(reply, "Access-Control-Expose-Headers", EXPOSED);
}

void s3_answer_with(struct storage_call *call, struct storage_reply *reply)
{
	add_common(call, reply);
	storage_answer_with(call, reply);
}

void s3_answer_none(struct storage_call *call, int status)
{
	s3_answer_with(call, &(struct storage_reply){.status = status});
}

void s3_answer(struct storage_call *call, int status, const struct buf *xml)
{
	struct storage_reply reply = {.status = status};
	struct str body = buf_is_ok(xml) ? arena_str(call->arena, buf_view(xml)) : (struct str){NULL, 0};
	if (body.ptr == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	reply.body = body;
	storage_reply_add(&reply, "Content-Type", "application/xml");
	s3_answer_with(call, &reply);
}

void s3_end(struct storage_call *call, const struct storage_problem *problem, const char *cause)
{
	struct storage_reply reply = {.status = storage_problem_meant(problem), .cause = cause};
	const char *code = storage_problem_code(problem);
	struct buf b BUF_CLEANUP = {0};
	buf_init(&b, 16u << 10);
	for (size_t i = 0; i < sizeof otherwise / sizeof *otherwise; i++)
		if (otherwise[i].fault == problem->fault) reply.status = otherwise[i].status, code = otherwise[i].code;
	buf_puts(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
	s3_xml_text(&b, "Code", code);
	s3_xml_text(&b, "Message", storage_problem_words(problem));
	s3_xml_text(&b, "RequestId", call->s3 != NULL ? call->s3->id : "");
	buf_puts(&b, "</Error>");
	reply.body = arena_str(call->arena, buf_view(&b));
	if (reply.body.ptr == NULL || !buf_is_ok(&b)) reply.body = STR("<Error><Code>InternalError</Code></Error>");
	storage_reply_add(&reply, "Content-Type", "application/xml");
	add_common(call, &reply);
	storage_answer_with(call, &reply);
}

bool s3_fail_argument(struct storage_call *call, const char *name)
{
	struct storage_problem problem;
	(void)storage_problem_set(&problem, FAULT_ARGUMENT, "Invalid argument: %.100s", name);
	storage_end(call, &problem, NULL);
	return false;
}

const char *s3_sees_all(const struct storage_call *call)
{
	return strcmp(call->role, "service_role") == 0 ? "true" : "false";
}

/* What is asked. */

const char *s3_printable(struct storage_call *call, struct str header)
{
	struct str text = storage_header_of(call, header);
	if (text.ptr == NULL || text.len > 1000) return NULL;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] > '~') return NULL;
	return text.len > 0 ? arena_cstr(call->arena, text) : NULL;
}

bool s3_user_metadata(struct storage_call *call, const char **ret_json)
{
	json_t *o JSON_CLEANUP = json_object();
	struct str name, value;
	size_t bytes = 0, skip = sizeof META - 1;
	for (size_t i = 0; call->request.header_at(call->request.header_arg, i, &name, &value); i++) {
		char low[200];
		if (name.len <= skip || name.len - skip >= sizeof low ||
		    !str_eq_nocase(str_sub(name, 0, skip), STR(META)))
			continue;
		bytes += name.len + value.len;
		if (bytes > META_MAX_BYTES) return s3_fail_argument(call, "x-amz-meta (more than 8 kB)");
		for (size_t c = skip; c < name.len; c++)
			low[c - skip] =
			    (char)(name.ptr[c] >= 'A' && name.ptr[c] <= 'Z' ? name.ptr[c] + 32 : name.ptr[c]);
		low[name.len - skip] = '\0';
		json_t *text = json_stringn(value.ptr, value.len);
		if (text != NULL) (void)json_object_set_new(o, low, text);
	}
	*ret_json = NULL;
	if (json_object_size(o) == 0) return true;
	char *text = json_text(o);
	*ret_json = arena_strdup(call->arena, text);
	free(text);
	if (*ret_json == NULL) storage_fail(call, FAULT_FULL);
	return *ret_json != NULL;
}

bool s3_query_count(struct storage_call *call, struct str name, int64_t max, int64_t otherwise_n, int64_t *ret)
{
	const char *text = storage_query_of(call, name);
	*ret = otherwise_n;
	if (text == NULL || *text == '\0') return true;
	if (!str_to_int(str_from(text), ret) || *ret < 0) return s3_fail_argument(call, arena_cstr(call->arena, name));
	if (*ret > max) *ret = max;
	return true;
}

bool s3_copy_source(struct storage_call *call, const char **ret_bucket, const char **ret_key)
{
	struct str text = str_trim(storage_header_of(call, STR("x-amz-copy-source"))), bucket, key, version;
	struct err ignored;
	if (str_cut(text, '?', &key, &version)) text = key;
	if (!url_decode(call->arena, text, &text, &ignored)) return s3_fail_argument(call, "x-amz-copy-source");
	if (str_has_prefix(text, STR("/"))) text = str_sub(text, 1, text.len);
	if (!str_cut(text, '/', &bucket, &key) || !storage_is_bucket(bucket) || !storage_is_key(key))
		return s3_fail_argument(call, "x-amz-copy-source");
	*ret_bucket = arena_cstr(call->arena, bucket);
	*ret_key = arena_cstr(call->arena, key);
	if (*ret_bucket != NULL && *ret_key != NULL) return true;
	storage_fail(call, FAULT_FULL);
	return false;
}

/* RFC 9110, 13.2.2. */
enum storage_fault s3_conditions(struct storage_call *call, const char *prefix, const struct object *o,
				 bool *ret_is_fresh)
{
	static const char *const names[] = {"if-match", "if-unmodified-since", "if-none-match", "if-modified-since"};
	struct str given[4];
	int64_t modified_s = 0, since_s;
	bool has_time = storage_time_read(str_from(o->modified), &modified_s), is_fresh = false;
	for (int i = 0; i < 4; i++) {
		const char *name = arena_printf(call->arena, "%s%s", prefix, names[i]);
		if (name == NULL) return FAULT_FULL;
		given[i] = storage_header_of(call, str_from(name));
	}
	struct str etag = str_from(o->etag);
	if (given[0].ptr != NULL) {
		struct str bare = str_sub(etag, 1, etag.len > 0 ? etag.len - 1 : 0); /* clients leave quotes out */
		if (!storage_etag_listed(given[0], etag) && !storage_etag_listed(given[0], bare))
			return FAULT_PRECONDITION;
	} else if (given[1].ptr != NULL && has_time && storage_date_read(given[1], &since_s) && modified_s > since_s) {
		return FAULT_PRECONDITION;
	}
	if (given[2].ptr != NULL) {
		struct str bare = str_sub(etag, 1, etag.len > 0 ? etag.len - 1 : 0);
		is_fresh = storage_etag_listed(given[2], etag) || storage_etag_listed(given[2], bare);
	} else if (given[3].ptr != NULL && has_time && storage_date_read(given[3], &since_s)) {
		is_fresh = modified_s <= since_s;
	}
	if (ret_is_fresh == NULL) return is_fresh ? FAULT_PRECONDITION : FAULT_NONE;
	*ret_is_fresh = is_fresh;
	return FAULT_NONE;
}
