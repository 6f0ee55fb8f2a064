/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "storage/object.h"

struct work {
	struct upload *up;
	struct stored stored;
	void (*then)(struct storage_call *call);
	void (*then_id)(struct storage_call *call, const char *id);
};

/* Kept beside the flow's own, of which it knows nothing. */
static struct work *work_of(struct storage_call *call, struct upload *up)
{
	if (call->upload == NULL) call->upload = arena_alloc(call->arena, sizeof(struct work));
	if (call->upload != NULL) call->upload->up = up;
	return call->upload;
}

static bool is_allowed_type(const PGresult *bucket, const struct upload *up)
{
	json_t *rules JSON_CLEANUP = NULL;
	struct err ignored;
	size_t i;
	const json_t *rule;
	if (!json_parse(str_from(storage_value(bucket, 0, 1)), &rules, &ignored) || json_array_size(rules) == 0)
		return true;
	json_array_foreach(
	    rules, i,
	    rule) if (storage_mime_matches(str_from(up->type),
					   str_from(json_is_string(rule) ? json_string_value(rule) : ""))) return true;
	return false;
}

/* What can be said without row security, in upstream's order. */
static bool check_bucket(struct storage_call *call, struct upload *up, struct storage_problem *problem)
{
	const PGresult *bucket = storage_rows(call, 1);
	uint64_t room;
	int64_t limit;
	if (bucket == NULL || PQntuples(bucket) == 0) return storage_problem_set(problem, FAULT_NO_BUCKET, "%s", "");
	up->limit = call->storage->file_max;
	if (str_to_int(str_from(storage_value(bucket, 0, 0)), &limit) && limit >= 0 && (uint64_t)limit < up->limit)
		up->limit = (uint64_t)limit;
	bool is_placeholder = storage_is_empty_folder(str_from(up->key));
	if (is_placeholder) up->limit = 0;
	if (!is_placeholder && !is_allowed_type(bucket, up))
		return storage_problem_set(problem, FAULT_MIME, "mime type %.200s is not supported", up->type);
	if (up->declared > 0 && (uint64_t)up->declared > up->limit)
		return storage_problem_set(problem, FAULT_TOO_LARGE, "%s", "");
	if (files_room(call->storage->files, &room) &&
	    room < call->storage->reserve + (up->declared > 0 ? (uint64_t)up->declared - up->held : 0))
		return storage_problem_set(problem, FAULT_DISK_FULL, "%s", "");
	return true;
}

static void on_checked(struct storage_call *call)
{
	struct storage_problem problem;
	struct work *work = call->upload;
	if (check_bucket(call, work->up, &problem))
		work->then(call);
	else
		storage_end(call, &problem, NULL);
}

static bool on_check_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	struct storage_problem problem;
	struct work *work = call->upload;
	(void)failed;
	if (!check_bucket(call, work->up, &problem))
		storage_end(call, &problem, NULL);
	else if (strcmp(why->sqlstate, "23505") == 0)
		storage_fail(call, FAULT_KEY_EXISTS);
	else
		return false;
	return true;
}

static const char *declared_metadata(struct storage_call *call, const struct upload *up)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "mimetype", up->type);
	if (o == NULL) o = json_object(); /* not UTF-8 */
	if (up->declared >= 0) (void)json_object_set_new(o, "contentLength", json_integer(up->declared));
	char *text = json_text(o);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	return copy;
}

void upload_check(struct storage_call *call, struct upload *up, void (*then)(struct storage_call *call))
{
	struct work *work = work_of(call, up);
	const char *metadata = declared_metadata(call, up);
	if (work == NULL || metadata == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	work->then = then;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch,
		     "select file_size_limit, array_to_json(allowed_mime_types) from storage.buckets where id = $1",
		     up->bucket);
	if (!up->is_service) storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select storage.freehold_try_upload($1, $2, $3::boolean, $4, $5::jsonb, $6::jsonb)",
		     up->bucket, up->key, up->is_upsert ? "true" : "false", up->owner, metadata, up->user_metadata);
	call->on_refused = on_check_refused;
	storage_run(call, on_checked);
}

static void forget(struct storage_call *call)
{
	const char *version = call->upload->stored.version;
	files_remove(call->storage->files, &version, 1);
}

static bool on_commit_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed, (void)why;
	forget(call);
	return false;
}

static void on_committed(struct storage_call *call)
{
	struct work *work = call->upload;
	const PGresult *put = storage_rows(call, PUT_STATEMENT);
	if (PQntuples(put) == 0) {
		forget(call);
		storage_fail(call, FAULT_KEY_EXISTS);
		return;
	}
	object_forget_before(call, PUT_STATEMENT, work->stored.version);
	work->then_id(call, storage_value(put, 0, 1));
}

static json_t *text(const char *value)
{
	json_t *o = json_string(value);
	return o != NULL ? o : json_string("");
}

static const char *metadata_of(struct storage_call *call, const struct upload *up, const struct stored *stored)
{
	char time[CLOCK_ISO8601_SIZE];
	json_t *o JSON_CLEANUP = json_object();
	clock_iso8601(stored->modified_ms, time);
	(void)json_object_set_new(o, "eTag", text(stored->etag));
	(void)json_object_set_new(o, "size", json_integer((json_int_t)stored->size));
	(void)json_object_set_new(o, "mimetype", text(up->type));
	(void)json_object_set_new(o, "cacheControl", text(up->cache_control != NULL ? up->cache_control : "no-cache"));
	(void)json_object_set_new(o, "lastModified", text(time));
	(void)json_object_set_new(o, "contentLength", json_integer((json_int_t)stored->size));
	(void)json_object_set_new(o, "httpStatusCode", json_integer(200));
	if (up->robots != NULL) (void)json_object_set_new(o, "xRobotsTag", text(up->robots));
	char *json = json_text(o);
	const char *copy = arena_strdup(call->arena, json);
	free(json);
	return copy;
}

void upload_commit(struct storage_call *call, struct upload *up, const struct stored *stored,
		   void (*then)(struct storage_call *call, const char *id))
{
	struct work *work = work_of(call, up);
	const char *metadata = metadata_of(call, up, stored);
	if (work == NULL || metadata == NULL) {
		const char *version = stored->version;
		files_remove(call->storage->files, &version, 1);
		storage_fail(call, FAULT_FULL);
		return;
	}
	work->stored = *stored;
	work->then_id = then;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)object_put(call, up->bucket, up->key, up->is_upsert, up->owner, work->stored.version, metadata,
			 up->user_metadata != NULL ? up->user_metadata : "{}");
	call->on_refused = on_commit_refused;
	storage_run(call, on_committed);
}
