/* SPDX-License-Identifier: Apache-2.0
 *
 * ListObjects, both versions: names of a bucket in the order of their bytes, from a name on; with a delimiter what lies
 * behind the next one is one entry. */
#include <string.h>

#include "codec/base64.h"
#include "storage/flows.h"
#include "storage/s3.h"

#define KEYS_MAX 1000

struct listing {
	bool is_v2, encodes;
	const char *prefix, *delimiter, *marker, *token, *start_after;
	int64_t max;
};

/* A name as it is shown: percent-encoded where the client asked for that. */
static void put_token(struct buf *b, const char *name)
{
	struct buf token BUF_CLEANUP = {0};
	buf_init(&token, 4096);
	base64url_encode(str_from(name), &token);
	s3_xml_text(b, "NextContinuationToken", buf_cstr(&token));
}

static void put_object(struct buf *b, const struct listing *l, const PGresult *rows, int i)
{
	buf_puts(b, "<Contents>");
	s3_xml_key(b, l->encodes, "Key", storage_value(rows, i, 0));
	s3_xml_text(b, "LastModified", storage_value(rows, i, 2));
	s3_xml_text(b, "ETag", storage_value(rows, i, 3));
	s3_xml_text(b, "Size", storage_is_null(rows, i, 4) ? "0" : storage_value(rows, i, 4));
	buf_puts(b, "<StorageClass>STANDARD</StorageClass></Contents>");
}

static void put_head(struct buf *b, const struct storage_call *call, const struct listing *l, bool is_cut, int count)
{
	s3_xml_begin(b, "ListBucketResult");
	s3_xml_text(b, "Name", call->bucket);
	s3_xml_key(b, l->encodes, "Prefix", l->prefix);
	if (*l->delimiter != '\0') s3_xml_key(b, l->encodes, "Delimiter", l->delimiter);
	if (l->encodes) s3_xml_text(b, "EncodingType", "url");
	s3_xml_number(b, "MaxKeys", l->max);
	s3_xml_text(b, "IsTruncated", is_cut ? "true" : "false");
	if (!l->is_v2) {
		s3_xml_key(b, l->encodes, "Marker", l->marker);
		return;
	}
	s3_xml_number(b, "KeyCount", count);
	s3_xml_text(b, "ContinuationToken", l->token);
	if (*l->start_after != '\0') s3_xml_key(b, l->encodes, "StartAfter", l->start_after);
}

static void on_listed(struct storage_call *call)
{
	const struct listing *l = call->flow;
	const PGresult *buckets = storage_rows(call, 1), *rows = storage_rows(call, 3);
	struct buf b BUF_CLEANUP = {0};
	if (PQntuples(buckets) == 0) {
		storage_fail(call, FAULT_NO_BUCKET);
		return;
	}
	int count = PQntuples(rows);
	bool is_cut = count > (int)l->max;
	if (is_cut) count = (int)l->max;
	buf_init(&b, S3_ANSWER_MAX);
	put_head(&b, call, l, is_cut && count > 0, count);
	for (int i = 0; i < count; i++)
		if (storage_value(rows, i, 1)[0] == 't') put_object(&b, l, rows, i);
	for (int i = 0; i < count; i++) {
		if (storage_value(rows, i, 1)[0] == 't') continue;
		buf_puts(&b, "<CommonPrefixes>");
		s3_xml_key(&b, l->encodes, "Prefix", storage_value(rows, i, 0));
		buf_puts(&b, "</CommonPrefixes>");
	}
	if (is_cut && count > 0 && l->is_v2) put_token(&b, storage_value(rows, count - 1, 0));
	if (is_cut && count > 0 && !l->is_v2)
		s3_xml_key(&b, l->encodes, "NextMarker", storage_value(rows, count - 1, 0));
	buf_puts(&b, "</ListBucketResult>");
	s3_answer(call, 200, &b);
}

static const char *text_of(struct storage_call *call, struct str name)
{
	const char *text = storage_query_of(call, name);
	return text != NULL ? text : "";
}

static bool read_listing(struct storage_call *call, struct listing *l)
{
	struct buf after BUF_CLEANUP = {0};
	const char *encoding = text_of(call, STR("encoding-type"));
	*l = (struct listing){.is_v2 = strcmp(text_of(call, STR("list-type")), "2") == 0,
			      .encodes = strcmp(encoding, "url") == 0,
			      .prefix = text_of(call, STR("prefix")),
			      .delimiter = text_of(call, STR("delimiter")),
			      .marker = text_of(call, STR("marker")),
			      .token = storage_query_of(call, STR("continuation-token")),
			      .start_after = text_of(call, STR("start-after"))};
	if (*encoding != '\0' && !l->encodes) return s3_fail_argument(call, "encoding-type");
	if (!s3_query_count(call, STR("max-keys"), KEYS_MAX, KEYS_MAX, &l->max)) return false;
	if (!l->is_v2) return true;
	l->marker = l->start_after;
	if (l->token == NULL) return true;
	buf_init(&after, 4096);
	if (!base64url_decode(str_from(l->token), &after) || !buf_is_ok(&after) ||
	    memchr(buf_cstr(&after), '\0', after.len) != NULL || !str_is_utf8(buf_view(&after)))
		return s3_fail_argument(call, "continuation-token");
	l->marker = arena_cstr(call->arena, buf_view(&after));
	return true;
}

#define COLUMNS                                                                                                        \
	"coalesce(metadata ->> 'lastModified', " SQL_TIME("updated_at") "), metadata ->> 'eTag', metadata ->> 'size'"

void s3_list(struct storage_call *call)
{
	struct listing *l = arena_alloc(call->arena, sizeof *l);
	if (l == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!read_listing(call, l)) return;
	call->flow = l;
	const char *limit = arena_printf(call->arena, "%lld", (long long)(l->max > 0 ? l->max + 1 : 0));
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.buckets where id = $1", call->bucket);
	storage_as_caller(call);
	if (*l->delimiter == '\0')
		(void)PG_ADD(&call->batch,
			     "select name, true, " COLUMNS
			     " from storage.objects where bucket_id = $1 and name collate "
			     "\"C\" > $2 and name collate \"C\" >= $3 and starts_with(name, $3) order by name collate "
			     "\"C\" limit $4::int",
			     call->bucket, l->marker, l->prefix, limit);
	else
		(void)PG_ADD(&call->batch,
			     "select name, id is not null, " COLUMNS
			     " from storage.list_objects_with_delimiter($1, $2, "
			     "$3, $4::int, $5)",
			     call->bucket, l->prefix, l->delimiter, limit, l->marker);
	storage_run(call, on_listed);
}
