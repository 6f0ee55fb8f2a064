/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/object.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/url.h"
#include "os/file.h"
#include "storage/flows.h"
#include "storage/object_far.h"
#include "storage/place.h"
#include "storage/range.h"

#define NAME_MAX_BYTES 1000 /* of ?download= */
#define EDGE_KEEPS_BYTES (1 << 20) /* what is larger costs more to send than to ask for */

void object_read(const PGresult *rows, int row, int first, struct object *ret_object)
{
	*ret_object = (struct object){.version = storage_value(rows, row, first),
				      .type = storage_value(rows, row, first + 1),
				      .size = storage_value(rows, row, first + 2),
				      .cache_control = storage_value(rows, row, first + 3),
				      .etag = storage_value(rows, row, first + 4),
				      .modified = storage_value(rows, row, first + 5),
				      .robots = storage_value(rows, row, first + 6),
				      .id = storage_value(rows, row, first + 7),
				      .name = storage_value(rows, row, first + 8),
				      .bucket = storage_value(rows, row, first + 9),
				      .user_metadata = storage_value(rows, row, first + 10),
				      .updated_at = storage_value(rows, row, first + 11),
				      .created_at = storage_value(rows, row, first + 12),
				      .has_type = !storage_is_null(rows, row, first + 1),
				      .has_size = !storage_is_null(rows, row, first + 2),
				      .has_cache_control = !storage_is_null(rows, row, first + 3),
				      .has_etag = !storage_is_null(rows, row, first + 4),
				      .has_user_metadata = !storage_is_null(rows, row, first + 10)};
}

/* Pages are shown as text, as upstream does. */
static const char *type_of(const struct object *o)
{
	if (!storage_is_mime(str_from(o->type))) return "application/octet-stream";
	return str_find(str_from(o->type), STR("text/html")) >= 0 ? "text/plain" : o->type;
}

static bool is_printable(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~') return false;
	return *text != '\0';
}

static void add_download(struct storage_call *call, struct storage_reply *reply)
{
	const char *name = storage_query_of(call, STR("download"));
	struct buf encoded BUF_CLEANUP = {0};
	if (name == NULL) return;
	if (*name == '\0') {
		storage_reply_add(reply, "Content-Disposition", "attachment;");
		return;
	}
	buf_init(&encoded, 3 * NAME_MAX_BYTES);
	url_encode(str_sub(str_from(name), 0, NAME_MAX_BYTES), &encoded);
	storage_reply_add(reply, "Content-Disposition",
			  arena_printf(call->arena, "attachment; filename=%s; filename*=UTF-8''%s", buf_cstr(&encoded),
				       buf_cstr(&encoded)));
}

static void add_date(struct storage_call *call, struct storage_reply *reply, const char *name, int64_t s)
{
	char text[STORAGE_DATE_SIZE];
	storage_date_write(s, text);
	if (text[0] != '\0') storage_reply_add(reply, name, arena_strdup(call->arena, text));
}

static void add_facts(struct storage_call *call, const struct object *o, int64_t expires_s, struct storage_reply *reply)
{
	int64_t modified_s;
	const char *type = type_of(o);
	storage_reply_add(reply, "Content-Type", type);
	storage_reply_add(reply, "Accept-Ranges", "bytes");
	storage_reply_add(reply, "X-Content-Type-Options", "nosniff");
	if (storage_is_active(str_from(type))) storage_reply_add(reply, "Content-Security-Policy", OBJECT_SANDBOX);
	if (is_printable(o->etag)) storage_reply_add(reply, "ETag", o->etag);
	if (storage_time_read(str_from(o->modified), &modified_s)) add_date(call, reply, "Last-Modified", modified_s);
	storage_reply_add(reply, "X-Transformations", o->transformations);
	if (o->is_negotiated) storage_reply_add(reply, "Vary", "Accept");
	storage_reply_add(reply, "X-Robots-Tag", is_printable(o->robots) ? o->robots : "none");
	if (expires_s > 0)
		add_date(call, reply, "Expires", expires_s);
	else if (is_printable(o->cache_control))
		storage_reply_add(reply, "Cache-Control", o->cache_control);
	add_download(call, reply);
}

/* RFC 9110, 13.2.2: the etag decides where both are given. */
static bool is_fresh(struct storage_call *call, const struct object *o)
{
	struct str listed = storage_header_of(call, STR("If-None-Match")),
		   since = storage_header_of(call, STR("If-Modified-Since"));
	int64_t since_s, modified_s;
	if (listed.ptr != NULL) return storage_etag_listed(listed, str_from(o->etag));
	return since.ptr != NULL && storage_date_read(since, &since_s) &&
	       storage_time_read(str_from(o->modified), &modified_s) && modified_s <= since_s;
}

/* If-Range: the part is wanted only of the file that the client knows. */
static bool is_same(struct storage_call *call, const struct object *o)
{
	struct str known = storage_header_of(call, STR("If-Range"));
	int64_t known_s, modified_s;
	if (known.ptr == NULL || str_eq(known, str_from(o->etag))) return true;
	return storage_date_read(known, &known_s) && storage_time_read(str_from(o->modified), &modified_s) &&
	       modified_s == known_s;
}

void object_send_missing(struct storage_call *call, const struct object *o)
{
	struct storage_problem problem = {.fault = FAULT_NO_KEY};
	storage_end(call, &problem,
		    arena_printf(call->arena, "the file of %s/%s is missing on the disk (version %.40s)", o->bucket,
				 o->name, o->version));
}

static bool path_of(struct storage_call *call, const struct object *o, char path[FILES_PATH_SIZE])
{
	struct err ignored;
	const struct files *files = call->storage->files;
	return o->place != NULL ? file_path(path, &ignored, "%s/%s", files_folder(files), o->place)
				: files_path(files, str_from(o->version), path, &ignored);
}

struct str object_range(struct storage_call *call, const struct object *o)
{
	return is_same(call, o) ? storage_header_of(call, STR("Range")) : (struct str){NULL, 0};
}

void object_part(struct storage_call *call, struct storage_reply *reply, uint64_t from, uint64_t length, uint64_t size)
{
	reply->status = 206;
	storage_reply_add(reply, "Content-Range",
			  arena_printf(call->arena, "bytes %llu-%llu/%llu", (unsigned long long)from,
				       (unsigned long long)(from + length - 1), (unsigned long long)size));
}

void object_send(struct storage_call *call, const struct object *o, struct storage_reply *reply, bool is_again)
{
	char path[FILES_PATH_SIZE];
	struct stat st;
	uint64_t from = 0, length = 0;
	if (!path_of(call, o, path)) {
		object_send_missing(call, o);
		return;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0) (void)close(fd);
		if (o->place == NULL && place_remote(call->storage->place) != NULL && !is_again)
			object_send_far(call, o, reply, is_again);
		else
			object_send_missing(call, o);
		return;
	}
	enum range_kind kind = storage_range(object_range(call, o), (uint64_t)st.st_size, &from, &length);
	if (kind == RANGE_NONE) {
		(void)close(fd);
		storage_fail(call, FAULT_RANGE);
		return;
	}
	reply->fd = fd;
	reply->size = kind == RANGE_PART ? length : (uint64_t)st.st_size;
	reply->offset = from;
	if (kind == RANGE_PART) object_part(call, reply, from, length, (uint64_t)st.st_size);
	storage_answer_with(call, reply);
}

static bool is_kept_by_edge(const struct storage_call *call, const struct object *o)
{
	int64_t size;
	return call->keep_until_s > 0 && str_to_int(str_from(o->size), &size) && size <= EDGE_KEEPS_BYTES;
}

void object_reply_file(struct storage_call *call, const struct object *o, int64_t expires_s)
{
	struct storage_reply reply = {.status = 200};
	add_facts(call, o, expires_s, &reply);
	struct str accel = call->request.accel;
	if (is_kept_by_edge(call, o)) {
		/* The edge answers all that asks for a part or has a copy. */
		storage_reply_add(&reply, "X-Accel-Expires",
				  arena_printf(call->arena, "@%lld", (long long)call->keep_until_s));
		object_send(call, o, &reply, false);
	} else if (is_fresh(call, o)) {
		reply.status = 304;
		storage_answer_with(call, &reply);
	} else if (accel.len > 0 && (o->place != NULL || place_remote(call->storage->place) == NULL) &&
		   storage_is_uuid(str_from(o->version)) && storage_header_of(call, STR("If-Range")).ptr == NULL) {
		/* The edge knows the part that was asked for, but not our etag. */
		storage_reply_add(&reply, "X-Accel-Redirect",
				  o->place != NULL ? arena_printf(call->arena, "%.*s%s", STR_FMT(accel), o->place)
						   : arena_printf(call->arena, "%.*sobjects/%.2s/%s", STR_FMT(accel),
								  o->version, o->version));
		storage_answer_with(call, &reply);
	} else {
		object_send(call, o, &reply, false);
	}
}

#define PUT_ROW                                                                                                        \
	"insert into storage.objects as o (bucket_id, name, owner, owner_id, version, metadata, user_metadata) "       \
	"values ($1, $2, storage.freehold_uuid($3), $3, $4, $5::jsonb, $6::jsonb) on conflict (bucket_id, name) "
#define PUT_RETURNING " returning " OBJECT_JSON ", o.id"

int object_put(struct storage_call *call, const char *bucket, const char *key, bool is_upsert, const char *owner,
	       const char *version, const char *metadata, const char *user_metadata)
{
	/* Of two that replace it at a time the second waits here, and then sees what the first left. */
	(void)PG_ADD(&call->batch, "select version from storage.objects where bucket_id = $1 and name = $2 for update",
		     bucket, key);
	storage_changes(call, bucket, key); /* also where it is new: one of that name may just have gone */
	if (!is_upsert)
		return PG_ADD(&call->batch, PUT_ROW "do nothing" PUT_RETURNING, bucket, key, owner, version, metadata,
			      user_metadata);
	return PG_ADD(&call->batch,
		      PUT_ROW "do update set version = excluded.version, metadata = excluded.metadata, user_metadata = "
			      "excluded.user_metadata, owner = coalesce(excluded.owner, o.owner), owner_id = "
			      "coalesce(excluded.owner_id, o.owner_id)" PUT_RETURNING,
		      bucket, key, owner, version, metadata, user_metadata);
}

void object_forget_before(struct storage_call *call, int put, const char *version)
{
	const char *before = storage_value(storage_rows(call, put - 1), 0, 0);
	place_kick(call->storage->place);
	if (*before != '\0' && strcmp(before, version) != 0) files_remove(call->storage->files, &before, 1);
}

static json_t *text_or_null(bool has, const char *text)
{
	return has ? json_string(text) : json_null();
}

void object_reply_info(struct storage_call *call, const struct object *o)
{
	int64_t size;
	struct err ignored;
	bool has_size = o->has_size && str_to_int(str_from(o->size), &size);
	json_t *metadata = NULL;
	json_t *info JSON_CLEANUP = json_object();
	(void)json_object_set_new(info, "id", json_string(o->id));
	(void)json_object_set_new(info, "name", json_string(o->name));
	(void)json_object_set_new(info, "version", json_string(o->version));
	(void)json_object_set_new(info, "bucket_id", json_string(o->bucket));
	(void)json_object_set_new(info, "size", has_size ? json_integer(size) : json_null());
	(void)json_object_set_new(info, "content_type", text_or_null(o->has_type, o->type));
	(void)json_object_set_new(info, "cache_control", text_or_null(o->has_cache_control, o->cache_control));
	(void)json_object_set_new(info, "etag", text_or_null(o->has_etag, o->etag));
	if (!o->has_user_metadata || !json_parse(str_from(o->user_metadata), &metadata, &ignored))
		metadata = json_null();
	(void)json_object_set_new(info, "metadata", metadata);
	(void)json_object_set_new(info, "last_modified", json_string(o->updated_at));
	(void)json_object_set_new(info, "created_at", json_string(o->created_at));
	storage_answer_json(call, 200, info);
}
