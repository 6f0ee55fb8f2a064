/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/route.h"

#include "codec/url.h"
#include "storage/flows.h"
#include "storage/name.h"

/* The first that matches counts: "/object/public/…" is not a bucket called public. */
static const struct storage_route routes[] = {
    {"GET", "/status", "", ACCESS_OPEN, TAKES_NOTHING, flow_status, 0},
    {"GET", "/version", "", ACCESS_OPEN, TAKES_NOTHING, flow_version, 0},

    {"POST", "/bucket", "storage.bucket.create", ACCESS_KNOWN, TAKES_JSON, flow_bucket_create, 0},
    {"GET", "/bucket", "storage.bucket.list", ACCESS_KNOWN, TAKES_NOTHING, flow_bucket_list, 0},
    {"POST", "/bucket/:b/empty", "storage.bucket.empty", ACCESS_SERVICE, TAKES_NOTHING, flow_bucket_empty, 0},
    {"GET", "/bucket/:b", "storage.bucket.get", ACCESS_KNOWN, TAKES_NOTHING, flow_bucket_get, 0},
    {"PUT", "/bucket/:b", "storage.bucket.update", ACCESS_KNOWN, TAKES_JSON, flow_bucket_update, 0},
    {"DELETE", "/bucket/:b", "storage.bucket.delete", ACCESS_KNOWN, TAKES_NOTHING, flow_bucket_delete, 0},

    {"GET", "/object/public/:b/*", "storage.object.get_public", ACCESS_OPEN, TAKES_NOTHING, flow_read_public,
     READ_FILE},
    {"HEAD", "/object/public/:b/*", "storage.object.info_public", ACCESS_OPEN, TAKES_NOTHING, flow_read_public,
     READ_HEAD},
    {"GET", "/object/info/public/:b/*", "storage.object.info_public", ACCESS_OPEN, TAKES_NOTHING, flow_read_public,
     READ_INFO},
    {"GET", "/object/info/authenticated/:b/*", "object.get_authenticated_info", ACCESS_MAYBE, TAKES_NOTHING, flow_read,
     READ_INFO},
    {"GET", "/object/info/:b/*", "object.get_authenticated_info", ACCESS_MAYBE, TAKES_NOTHING, flow_read, READ_INFO},
    {"GET", "/object/authenticated/:b/*", "storage.object.get_authenticated", ACCESS_KNOWN, TAKES_NOTHING, flow_read,
     READ_FILE},
    {"HEAD", "/object/authenticated/:b/*", "object.head_authenticated_info", ACCESS_MAYBE, TAKES_NOTHING, flow_read,
     READ_HEAD},
    {"GET", "/object/sign/:b/*", "storage.object.get_signed", ACCESS_OPEN, TAKES_NOTHING, flow_read_signed, READ_FILE},
    {"HEAD", "/object/sign/:b/*", "storage.object.get_signed", ACCESS_OPEN, TAKES_NOTHING, flow_read_signed, READ_HEAD},
    {"POST", "/object/sign/:b/*", "storage.object.sign", ACCESS_KNOWN, TAKES_JSON, flow_sign, 0},
    {"POST", "/object/sign/:b", "storage.object.sign_many", ACCESS_KNOWN, TAKES_JSON, flow_sign_many, 0},
    {"POST", "/object/upload/sign/:b/*", "storage.object.sign_upload_url", ACCESS_KNOWN, TAKES_NOTHING,
     flow_sign_upload, 0},
    {"PUT", "/object/upload/sign/:b/*", "storage.object.upload_signed", ACCESS_OPEN, TAKES_FILE, flow_upload,
     UPLOAD_SIGNED},
    {"POST", "/object/list/:b", "storage.object.list", ACCESS_KNOWN, TAKES_JSON, flow_list, 0},
    {"POST", "/object/list-v2/:b", "storage.object.list_v2", ACCESS_KNOWN, TAKES_JSON, flow_list_v2, 0},
    {"POST", "/object/move", "storage.object.move", ACCESS_KNOWN, TAKES_JSON, flow_move, 0},
    {"POST", "/object/copy", "storage.object.copy", ACCESS_KNOWN, TAKES_JSON, flow_copy, 0},
    {"GET", "/object/:b/*", "storage.object.get_authenticated", ACCESS_MAYBE, TAKES_NOTHING, flow_read, READ_FILE},
    {"HEAD", "/object/:b/*", "object.head_authenticated_info", ACCESS_MAYBE, TAKES_NOTHING, flow_read, READ_HEAD},
    {"POST", "/object/:b/*", "storage.object.upload", ACCESS_KNOWN, TAKES_FILE, flow_upload, UPLOAD_NEW},
    {"PUT", "/object/:b/*", "storage.object.upload_update", ACCESS_KNOWN, TAKES_FILE, flow_upload, UPLOAD_UPDATE},
    {"DELETE", "/object/:b/*", "storage.object.delete", ACCESS_KNOWN, TAKES_NOTHING, flow_remove_one, 0},
    {"DELETE", "/object/:b", "storage.object.delete_many", ACCESS_KNOWN, TAKES_JSON, flow_remove_many, 0},

    {"GET", "/render/image/public/:b/*", "storage.render.image_public", ACCESS_OPEN, TAKES_NOTHING, flow_read_public,
     READ_PICTURE},
    {"HEAD", "/render/image/public/:b/*", "storage.render.image_public", ACCESS_OPEN, TAKES_NOTHING, flow_read_public,
     READ_PICTURE},
    {"GET", "/render/image/authenticated/:b/*", "storage.render.image_authenticated", ACCESS_KNOWN, TAKES_NOTHING,
     flow_read, READ_PICTURE},
    {"HEAD", "/render/image/authenticated/:b/*", "storage.render.image_authenticated", ACCESS_KNOWN, TAKES_NOTHING,
     flow_read, READ_PICTURE},
    {"GET", "/render/image/sign/:b/*", "storage.render.image_sign", ACCESS_OPEN, TAKES_NOTHING, flow_read_signed,
     READ_PICTURE},
    {"HEAD", "/render/image/sign/:b/*", "storage.render.image_sign", ACCESS_OPEN, TAKES_NOTHING, flow_read_signed,
     READ_PICTURE},

    {"OPTIONS", "/upload/resumable", "storage.tus.options", ACCESS_OPEN, TAKES_NOTHING, flow_tus_options, 0},
    {"OPTIONS", "/upload/resumable/*", "storage.tus.options", ACCESS_OPEN, TAKES_NOTHING, flow_tus_options, 0},
    {"POST", "/upload/resumable", "storage.tus.upload.create", ACCESS_KNOWN, TAKES_FILE, flow_tus_create, TUS_KNOWN},
    {"POST", "/upload/resumable/sign", "storage.tus.upload.create_signed", ACCESS_OPEN, TAKES_FILE, flow_tus_create,
     TUS_SIGNED},
    {"PATCH", "/upload/resumable/sign/:u", "storage.tus.upload.part_signed", ACCESS_OPEN, TAKES_FILE, flow_tus_patch,
     TUS_SIGNED},
    {"PATCH", "/upload/resumable/:u", "storage.tus.upload.part", ACCESS_KNOWN, TAKES_FILE, flow_tus_patch, TUS_KNOWN},
    {"HEAD", "/upload/resumable/sign/:u", "storage.tus.upload.get_signed", ACCESS_OPEN, TAKES_NOTHING, flow_tus_head,
     TUS_SIGNED},
    {"HEAD", "/upload/resumable/:u", "storage.tus.upload.get", ACCESS_KNOWN, TAKES_NOTHING, flow_tus_head, TUS_KNOWN},
    {"DELETE", "/upload/resumable/sign/:u", "storage.tus.upload.delete_signed", ACCESS_OPEN, TAKES_NOTHING,
     flow_tus_delete, TUS_SIGNED},
    {"DELETE", "/upload/resumable/:u", "storage.tus.upload.delete", ACCESS_KNOWN, TAKES_NOTHING, flow_tus_delete,
     TUS_KNOWN},

    {"DELETE", "/cdn/:b/*", "storage.cdn.purge_object_cache", ACCESS_SERVICE, TAKES_NOTHING, flow_purge, 0},
    {"DELETE", "/cdn/:b", "storage.cdn.purge_bucket_cache", ACCESS_SERVICE, TAKES_NOTHING, flow_purge, 0},
};

static const struct {
	const char *prefix, *what;
} not_served[] = {
    {"/iceberg", "analytics buckets"},
    {"/vector", "vector buckets"},
};

static bool take_part(struct str *path, struct str *ret_part)
{
	if (path->len == 0 || path->ptr[0] != '/') return false;
	struct str rest = str_sub(*path, 1, path->len);
	ptrdiff_t slash = str_find_char(rest, '/');
	*ret_part = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
	*path = slash < 0 ? STR("") : str_sub(rest, (size_t)slash, rest.len);
	return true;
}

static bool is_match(const char *pattern, struct str path, struct str *bucket, struct str *key)
{
	struct str wanted = str_from(pattern), want, have;
	*bucket = *key = (struct str){"", 0};
	while (take_part(&wanted, &want)) {
		if (str_eq(want, STR("*"))) {
			*key = str_sub(path, 1, path.len);
			return path.len > 1;
		}
		if (!take_part(&path, &have)) return false;
		if (str_eq(want, STR(":u"))) {
			*key = have;
			return have.len > 0 && path.len <= 1;
		}
		if (!str_eq(want, STR(":b"))) {
			if (!str_eq(want, have)) return false;
		} else if (have.len == 0) {
			return false;
		} else {
			*bucket = have;
		}
	}
	return path.len == 0 || str_eq(path, STR("/"));
}

static const struct storage_route *find(struct str method, struct str path, struct str *bucket, struct str *key)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (str_eq(method, str_from(routes[i].method)) && is_match(routes[i].path, path, bucket, key))
			return &routes[i];
	return NULL;
}

static bool unknown(struct str path, struct storage_problem *problem)
{
	for (size_t i = 0; i < sizeof not_served / sizeof *not_served; i++)
		if (str_has_prefix(path, str_from(not_served[i].prefix)))
			return storage_problem_set(problem, FAULT_NOT_SERVED, "Freehold does not serve this yet: %s",
						   not_served[i].what);
	return storage_problem_set(problem, FAULT_NO_ROUTE, "%s", "");
}

const struct storage_route *storage_route_find(struct arena *a, struct str method, struct str path,
					       struct str *ret_bucket, struct str *ret_key,
					       struct storage_problem *problem)
{
	struct err err;
	const struct storage_route *route = find(method, path, ret_bucket, ret_key);
	if (route == NULL) return (void)unknown(path, problem), NULL;
	if (!url_decode(a, *ret_bucket, ret_bucket, &err) || (ret_bucket->len > 0 && !storage_is_bucket(*ret_bucket)))
		return (void)storage_problem_set(problem, FAULT_BUCKET_NAME, "%s", ""), NULL;
	if (str_has_suffix(str_from(route->path), STR(":u"))) return route; /* its reader checks it */
	if (!url_decode(a, *ret_key, ret_key, &err) || (ret_key->len > 0 && !storage_is_key(*ret_key)))
		return (void)storage_problem_set(problem, FAULT_KEY, "Invalid key: %.*s",
						 STR_FMT(str_sub(*ret_key, 0, 300))),
		       NULL;
	return route;
}

bool storage_route_takes_file(struct str method, struct str path)
{
	struct str ignored[2];
	const struct storage_route *route = find(method, path, &ignored[0], &ignored[1]);
	return route != NULL && route->takes == TAKES_FILE;
}
