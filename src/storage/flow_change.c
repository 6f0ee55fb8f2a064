/* SPDX-License-Identifier: Apache-2.0
 *
 * remove, move, copy. A row goes first and its file after it, so that no row ever names a file that is gone; moving is
 * the row's business alone. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/flows.h"
#include "storage/object.h"

#define NAMED_AT_ONCE 100 /* of more each counts as all */

static void on_removed_one(struct storage_call *call)
{
	const PGresult *there = storage_rows(call, 1), *gone = storage_rows(call, 3);
	if (PQntuples(there) == 0) {
		storage_fail(call, FAULT_NO_KEY);
	} else if (PQntuples(gone) == 0) {
		storage_fail(call, FAULT_DENIED);
	} else {
		storage_forget_files(call, gone, 0);
		storage_answer(call, 200, "{\"message\":\"Successfully deleted\"}");
	}
}

void flow_remove_one(struct storage_call *call)
{
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(&call->batch, "select id from storage.objects where bucket_id = $1 and name = $2 for update",
		     call->bucket, call->key);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "delete from storage.objects where bucket_id = $1 and name = $2 returning version",
		     call->bucket, call->key);
	storage_changes(call, call->bucket, call->key);
	storage_run(call, on_removed_one);
}

static void on_removed_many(struct storage_call *call)
{
	const PGresult *gone = storage_rows(call, 1);
	struct buf list BUF_CLEANUP;
	buf_init(&list, 256u << 20);
	storage_forget_files(call, gone, 0);
	buf_putc(&list, '[');
	for (int i = 0; i < PQntuples(gone); i++) {
		if (i > 0) buf_putc(&list, ',');
		buf_puts(&list, storage_value(gone, i, 1));
	}
	buf_putc(&list, ']');
	storage_answer(call, 200, arena_cstr(call->arena, buf_view(&list)));
}

/* What the caller may not remove, or is not there, is left out of the answer. */
void flow_remove_many(struct storage_call *call)
{
	const json_t *names = json_object_get(call->body, "prefixes");
	struct storage_problem problem;
	size_t i;
	const json_t *o;
	bool is_sound = json_is_array(names) && json_array_size(names) > 0;
	if (is_sound) json_array_foreach(names, i, o) is_sound = is_sound && json_is_string(o);
	if (!is_sound) {
		(void)storage_problem_set(&problem, FAULT_INVALID, "body/prefixes must be a list of names");
		storage_end(call, &problem, NULL);
		return;
	}
	char *text = json_text(names);
	const char *list = arena_strdup(call->arena, text);
	free(text);
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "delete from storage.objects o where o.bucket_id = $1 and o.name in "
		     "(select jsonb_array_elements_text($2::jsonb)) returning o.version, " OBJECT_JSON,
		     call->bucket, list);
	bool is_all = json_array_size(names) > NAMED_AT_ONCE;
	if (is_all) storage_changes(call, call->bucket, NULL);
	if (!is_all) json_array_foreach(names, i, o) storage_changes(call, call->bucket, json_string_value(o));
	storage_run(call, on_removed_many);
}

/* From where to where. */
struct way {
	const char *bucket, *key, *to_bucket, *to_key;
	char version[STORAGE_VERSION_SIZE]; /* of the copy */
};

static bool read_way(struct storage_call *call, struct way *w, struct storage_problem *problem)
{
	static const char *const needed[] = {"bucketId", "sourceKey", "destinationKey"};
	for (size_t i = 0; i < 3; i++)
		if (json_str(call->body, needed[i], NULL) == NULL)
			return storage_problem_set(problem, FAULT_INVALID, "body must have required property '%s'",
						   needed[i]);
	w->bucket = json_str(call->body, "bucketId", "");
	w->key = json_str(call->body, "sourceKey", "");
	w->to_bucket = json_str(call->body, "destinationBucket", w->bucket);
	w->to_key = json_str(call->body, "destinationKey", "");
	if (*w->to_bucket == '\0') w->to_bucket = w->bucket;
	if (!storage_is_bucket(str_from(w->bucket)) || !storage_is_bucket(str_from(w->to_bucket)))
		return storage_problem_set(problem, FAULT_BUCKET_NAME, "%s", "");
	if (!storage_is_key(str_from(w->to_key)))
		return storage_problem_set(problem, FAULT_KEY, "Invalid key: %.300s", w->to_key);
	return true;
}

static struct way *begin_way(struct storage_call *call)
{
	struct storage_problem problem;
	struct way *w = arena_alloc(call->arena, sizeof *w);
	if (w == NULL) (void)storage_problem_set(&problem, FAULT_FULL, "%s", "");
	if (w != NULL && read_way(call, w, &problem)) return call->flow = w;
	storage_end(call, &problem, NULL);
	return NULL;
}

static void on_moved(struct storage_call *call)
{
	const struct way *w = call->flow;
	const PGresult *moved = storage_rows(call, 1);
	if (PQntuples(moved) == 0) {
		storage_fail(call, FAULT_NO_KEY);
		return;
	}
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s, s:s}", "message", "Successfully moved", "Id",
					   storage_value(moved, 0, 0), "Key", w->to_key);
	storage_answer_json(call, 200, o);
}

/* Row security judges the old place (is it seen, may it be changed) and the new one. */
void flow_move(struct storage_call *call)
{
	const struct way *w = begin_way(call);
	if (w == NULL) return;
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "update storage.objects set bucket_id = $3, name = $4, owner_id = coalesce($5, owner_id), owner = "
		     "coalesce(storage.freehold_uuid($5), owner) where bucket_id = $1 and name = $2 returning id",
		     w->bucket, w->key, w->to_bucket, w->to_key, call->owner);
	storage_changes(call, w->bucket, w->key);
	storage_changes(call, w->to_bucket, w->to_key);
	storage_run(call, on_moved);
}

/* Copy: the row it is made from, then the file's second name, then its own row. */
static void on_copy_put(struct storage_call *call)
{
	const struct way *w = call->flow;
	const PGresult *put = storage_rows(call, PUT_STATEMENT);
	json_t *row = NULL;
	struct err err;
	if (PQntuples(put) == 0) {
		const char *version = w->version;
		files_remove(call->storage->files, &version, 1);
		storage_fail(call, FAULT_KEY_EXISTS);
		return;
	}
	object_forget_before(call, PUT_STATEMENT, w->version);
	if (!json_parse(str_from(storage_value(put, 0, 0)), &row, &err)) row = json_object();
	json_t *answer JSON_CLEANUP = row;
	(void)json_object_set_new(answer, "Id", json_string(storage_value(put, 0, 1)));
	(void)json_object_set_new(answer, "Key",
				  json_string(arena_printf(call->arena, "%s/%s", w->to_bucket, w->to_key)));
	storage_answer_json(call, 200, answer);
}

/* The row was not put; the file without one goes. */
static bool on_copy_put_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	const struct way *w = call->flow;
	const char *version = w->version;
	(void)failed, (void)why;
	files_remove(call->storage->files, &version, 1);
	return false;
}

static void on_copied(void *arg, const char *version, const struct err *err)
{
	struct storage_call *call = arg;
	struct way *w = call->flow;
	const PGresult *from = storage_rows(call, 1);
	if (err != NULL) {
		struct storage_problem problem = {.fault = err->code == ERR_NOT_FOUND     ? FAULT_NO_KEY
							   : err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL
											  : FAULT_INTERNAL};
		storage_end(call, &problem, arena_strdup(call->arena, err->msg));
		return;
	}
	memcpy(w->version, version, sizeof w->version);
	bool is_upsert = storage_header_is(call, STR("x-upsert"), STR("true"));
	const char *user_metadata = storage_is_null(from, 0, 2) ? NULL : storage_value(from, 0, 2);
	(void)storage_batch(call);
	storage_as_service(call);
	(void)object_put(call, w->to_bucket, w->to_key, is_upsert, call->owner, w->version, storage_value(from, 0, 1),
			 user_metadata);
	call->on_refused = on_copy_put_refused;
	storage_run(call, on_copy_put);
}

static void on_copy_allowed(struct storage_call *call)
{
	const PGresult *from = storage_rows(call, 1);
	const char *version = storage_value(from, 0, 0);
	if (PQntuples(from) == 0 || !storage_is_uuid(str_from(version)))
		storage_fail(call, FAULT_NO_KEY);
	else
		files_copy(call->storage->files, version, on_copied, call);
}

static bool on_copy_refused(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed;
	if (strcmp(why->sqlstate, "23505") != 0) return false;
	storage_fail(call, FAULT_KEY_EXISTS);
	return true;
}

/* What the copy's metadata differ in: never its size, its etag or its bytes. */
static const char *changed_metadata(struct storage_call *call, bool keeps)
{
	const json_t *given = json_object_get(call->body, "metadata");
	json_t *o JSON_CLEANUP = json_object();
	const char *type = json_str(given, "mimetype", NULL), *cache = json_str(given, "cacheControl", NULL);
	if (!keeps && type != NULL) (void)json_object_set_new(o, "mimetype", json_string(type));
	if (!keeps && cache != NULL) (void)json_object_set_new(o, "cacheControl", json_string(cache));
	char *text = json_text(o);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	return copy;
}

#define COPY_METADATA                                                                                                  \
	"(coalesce(o.metadata, '{}') || $3::jsonb || jsonb_build_object('lastModified', " SQL_TIME("now()") "))"
#define COPY_USER_METADATA "(case when $4 = 'keep' then o.user_metadata else $5::jsonb end)"
#define COPY_FROM " from storage.objects o where o.bucket_id = $1 and o.name = $2"

void flow_copy(struct storage_call *call)
{
	const struct way *w = begin_way(call);
	if (w == NULL) return;
	bool keeps = json_bool(call->body, "copyMetadata", true);
	const char *metadata = changed_metadata(call, keeps), *keep = keeps ? "keep" : "given";
	const char *user_metadata = storage_user_metadata(call, storage_header_of(call, STR("x-metadata")));
	const char *upsert = storage_header_is(call, STR("x-upsert"), STR("true")) ? "true" : "false";
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select o.version, " COPY_METADATA "::text, " COPY_USER_METADATA "::text" COPY_FROM,
		     w->bucket, w->key, metadata, keep, user_metadata);
	(void)PG_ADD(&call->batch,
		     "select storage.freehold_try_upload($6, $7, $8::boolean, $9, " COPY_METADATA
		     ", " COPY_USER_METADATA ")" COPY_FROM,
		     w->bucket, w->key, metadata, keep, user_metadata, w->to_bucket, w->to_key, upsert, call->owner);
	call->on_refused = on_copy_refused;
	storage_run(call, on_copy_allowed);
}
