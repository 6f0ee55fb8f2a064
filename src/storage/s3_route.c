/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3_route.h"

#include "codec/url.h"
#include "storage/flows.h"

#define ROUTE(method, operation, begin)                                                                                \
	{                                                                                                              \
		method, "", operation, ACCESS_KNOWN, TAKES_NOTHING, begin, 0                                           \
	}
#define COPY "x-amz-copy-source"

/* operation: as storage-api names them to policies (src/http/routes/operations.ts). */
static const struct s3_route routes[] = {
    {ROUTE("GET", "storage.s3.bucket.list", s3_bucket_list), S3_TAKES_NOTHING, 0, NULL, NULL},

    {ROUTE("PUT", "storage.s3.bucket.create", s3_bucket_create), S3_TAKES_XML, 1, NULL, NULL},
    {ROUTE("DELETE", "storage.s3.bucket.delete", s3_bucket_delete), S3_TAKES_NOTHING, 1, NULL, NULL},
    {ROUTE("HEAD", "storage.s3.bucket.head", s3_bucket_head), S3_TAKES_NOTHING, 1, NULL, NULL},
    {ROUTE("GET", "storage.s3.bucket.get_location", s3_bucket_location), S3_TAKES_NOTHING, 1, "location", NULL},
    {ROUTE("GET", "storage.s3.bucket.get_versioning", s3_bucket_versioning), S3_TAKES_NOTHING, 1, "versioning", NULL},
    {ROUTE("GET", "storage.s3.upload.list_multipart", s3_upload_list), S3_TAKES_NOTHING, 1, "uploads", NULL},
    {ROUTE("POST", "storage.s3.object.delete_many", s3_delete_many), S3_TAKES_XML, 1, "delete", NULL},
    {ROUTE("GET", "storage.s3.object.list", s3_list), S3_TAKES_NOTHING, 1, NULL, NULL},

    {ROUTE("GET", "storage.s3.object.get_tagging", s3_tagging), S3_TAKES_NOTHING, 2, "tagging", NULL},
    {ROUTE("GET", "storage.s3.upload.list_parts", s3_part_list), S3_TAKES_NOTHING, 2, "uploadId", NULL},
    {ROUTE("GET", "storage.s3.object.get", s3_read), S3_TAKES_NOTHING, 2, NULL, NULL},
    {ROUTE("HEAD", "storage.s3.object.info", s3_read), S3_TAKES_NOTHING, 2, NULL, NULL},
    {ROUTE("PUT", "storage.s3.upload.part_copy", s3_part_copy), S3_TAKES_XML, 2, "uploadId", COPY},
    {ROUTE("PUT", "storage.s3.upload.part", s3_part_put), S3_TAKES_FILE, 2, "uploadId", NULL},
    {ROUTE("PUT", "storage.s3.object.copy", s3_copy), S3_TAKES_XML, 2, NULL, COPY},
    {ROUTE("PUT", "storage.s3.upload", s3_put), S3_TAKES_FILE, 2, NULL, NULL},
    {ROUTE("POST", "storage.s3.upload.create_multipart", s3_upload_create), S3_TAKES_XML, 2, "uploads", NULL},
    {ROUTE("POST", "storage.s3.upload.complete_multipart", s3_upload_complete), S3_TAKES_XML, 2, "uploadId", NULL},
    {ROUTE("DELETE", "storage.s3.upload.abort_multipart", s3_upload_abort), S3_TAKES_NOTHING, 2, "uploadId", NULL},
    {ROUTE("DELETE", "storage.s3.object.delete", s3_delete_one), S3_TAKES_NOTHING, 2, NULL, NULL},
};

/* What else stands in a query to say which call it is; one that no row has is not served. */
static const char *const subresources[] = {
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versioning",
    "versions",
    "website",
};

static const char *subresource_of(struct str query)
{
	struct str name, value;
	while (query_next(&query, &name, &value))
		for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++)
			if (str_eq(name, str_from(subresources[i]))) return subresources[i];
	return NULL;
}

bool s3_route_is_below(struct str path, struct str *ret_rest)
{
	if (!str_has_prefix(path, STR(S3_PREFIX))) return false;
	struct str rest = str_sub(path, sizeof S3_PREFIX - 1, path.len);
	if (rest.len > 0 && rest.ptr[0] != '/') return false;
	*ret_rest = rest;
	return true;
}

const struct s3_route *s3_route_find(struct str method, struct str path, struct str query, bool has_copy_source,
				     struct str *ret_bucket, struct str *ret_key)
{
	const char *wanted = subresource_of(query);
	struct str bucket = path.len > 0 ? str_sub(path, 1, path.len) : STR(""), key = STR("");
	ptrdiff_t slash = str_find_char(bucket, '/');
	if (slash >= 0) {
		key = str_sub(bucket, (size_t)slash + 1, bucket.len);
		bucket = str_sub(bucket, 0, (size_t)slash);
	}
	int level = bucket.len == 0 ? 0 : key.len == 0 ? 1 : 2;
	if (bucket.len == 0 && key.len > 0) return NULL;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		const struct s3_route *r = &routes[i];
		bool is_query = (wanted == NULL) == (r->query == NULL) &&
				(wanted == NULL || str_eq(str_from(wanted), str_from(r->query)));
		if (r->level != level || !is_query || !str_eq(method, str_from(r->as.method))) continue;
		if (r->header != NULL && !has_copy_source) continue;
		*ret_bucket = bucket;
		*ret_key = key;
		return r;
	}
	return NULL;
}
