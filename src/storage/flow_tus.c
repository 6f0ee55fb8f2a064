/* SPDX-License-Identifier: Apache-2.0
 *
 * Resumable uploads (TUS 1.0), as storage-api answers them below /upload/resumable: a file that comes in as many
 * requests as it takes. What has come lies beside the objects (kept.h); with its last byte it becomes one.
 *
 *     POST    checking ─▶ making ─▶ receiving* ─▶ syncing ─┬─▶ reply: so far
 *     PATCH   opening ─▶ checking ─▶ receiving ─▶ syncing ─┤
 *     HEAD    opening ─▶ (it is whole: checking) ──────────┴─▶ it is whole: placing ─▶ committing ─▶ removing ─▶ reply
 *     DELETE  opening ─▶ checking ─▶ removing ─▶ reply                                   (* creation-with-upload)
 *
 * An answer that names an offset comes when that much is synced. A process that died between the last byte and the row
 * leaves an upload that is whole: the next HEAD or PATCH finishes it under the same checks, so that nobody is told of a
 * whole file that is no object. One that is finished is known by the row that has its version. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "storage/flow_tus.h"
#include "storage/token.h"
#include "storage/tus.h"

/* The end of one that is whole. */
static void on_removed(void *arg, const struct err *err)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	(void)err; /* the sweep takes it away */
	t->r = NULL;
	tus_answer(call, t->size);
}

static void on_committed(struct storage_call *call, const char *id)
{
	struct tus *t = call->flow;
	(void)id;
	resumable_remove(t->r, on_removed);
}

static void on_placed(void *arg, const struct stored *stored, const struct err *err)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	if (err != NULL)
		tus_fail_disk(call, err);
	else
		upload_commit(call, &t->up, stored, on_committed);
}

static void on_synced(void *arg, const struct err *err)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	if (err != NULL)
		tus_fail_disk(call, err);
	else if (resumable_end(t->r) == t->size)
		resumable_place(t->r, on_placed);
	else
		tus_answer(call, resumable_end(t->r));
}

/* The body. */
static void on_room(void *arg)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	if (call->is_done || !t->is_waiting || !t->is_ready) return;
	t->is_waiting = false;
	call->request.on_room(call->arg);
}

static bool on_body(struct storage_call *call, struct str bytes)
{
	struct tus *t = call->flow;
	bool has_room = true;
	if (t->is_ready && t->has_body) {
		if (resumable_end(t->r) + bytes.len > t->size) {
			tus_refuse(call, 413, "upload's size exceeded\n");
			return true;
		}
		has_room = resumable_write(t->r, bytes);
	}
	t->is_waiting = !t->is_ready || !has_room;
	return !t->is_waiting;
}

static void on_body_end(struct storage_call *call)
{
	struct tus *t = call->flow;
	if (t->has_body || t->size == 0)
		resumable_sync(t->r, on_synced);
	else
		tus_answer(call, 0);
}

/* Another request of the same client wants it: this one has stood still, its connection is dead. */
static void on_taken(void *arg)
{
	struct storage_call *call = arg;
	tus_refuse(call, 423, "The upload goes on in another request\n");
}

static void step_receive(struct storage_call *call)
{
	struct tus *t = call->flow;
	int64_t length;
	if (str_to_int(storage_header_of(call, STR("Content-Length")), &length) && t->has_body &&
	    resumable_end(t->r) + (uint64_t)length > t->size) {
		tus_refuse(call, 413, "upload's size exceeded\n");
		return;
	}
	t->is_ready = true;
	on_room(call);
}

/* POST */
static void on_made(void *arg, const struct err *err)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	if (err != NULL) {
		t->r = NULL;
		tus_fail_disk(call, err);
		return;
	}
	t->id = arena_strdup(call->arena, resumable_kept(t->r)->id);
	if (t->id == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	t->created_s = resumable_kept(t->r)->created_s;
	step_receive(call);
}

static void on_create_allowed(struct storage_call *call)
{
	struct tus *t = call->flow;
	struct resumable_holder holder = {on_room, on_taken, call};
	t->r = resumable_make(call->storage->files, t->up.bucket, t->up.key, t->metadata, t->size, &holder, on_made);
}

/* The others. */
static void on_allowed(struct storage_call *call)
{
	struct tus *t = call->flow;
	if (t->kind == TUS_DELETE)
		resumable_remove(t->r, on_removed);
	else if (t->kind == TUS_HEAD)
		resumable_place(t->r, on_placed);
	else if (resumable_end(t->r) != t->offset)
		tus_refuse(call, 409, "Upload-Offset conflict\n");
	else
		step_receive(call);
}

static void step_check(struct storage_call *call)
{
	struct tus *t = call->flow;
	t->up.held = resumable_end(t->r);
	upload_check(call, &t->up, on_allowed);
}

/* It is an object: what is left of the upload goes. */
static void step_finished(struct storage_call *call)
{
	struct tus *t = call->flow;
	if (t->kind == TUS_DELETE)
		tus_refuse(call, 400, "Cannot terminate an already completed upload");
	else if (t->kind == TUS_PATCH && t->offset != t->size)
		tus_refuse(call, 409, "Upload-Offset conflict\n");
	else if (t->r != NULL)
		resumable_remove(t->r, on_removed);
	else
		tus_answer(call, t->size);
}

static void on_row(struct storage_call *call)
{
	struct tus *t = call->flow;
	const PGresult *rows = storage_rows(call, 1);
	int64_t size;
	if (PQntuples(rows) > 0 && str_to_int(str_from(storage_value(rows, 0, 0)), &size) && size >= 0) {
		t->size = (uint64_t)size;
		storage_changes(call, t->up.bucket,
				t->up.key); /* whoever committed it may have died before it said so */
		step_finished(call);
	} else if (t->r != NULL) {
		step_check(call);
	} else {
		tus_refuse(call, 404, "The file for this url was not found\n");
	}
}

static void step_row(struct storage_call *call)
{
	const struct tus *t = call->flow;
	(void)storage_batch(call);
	storage_as_service(call);
	(void)PG_ADD(
	    &call->batch,
	    "select metadata ->> 'size' from storage.objects where bucket_id = $1 and name = $2 and version = $3",
	    t->up.bucket, t->up.key, t->id);
	storage_run(call, on_row);
}

static const char *printable(const char *text)
{
	for (const char *c = text; c != NULL && *c != '\0'; c++)
		if (*c < ' ' || *c > '~') return NULL;
	return text != NULL && strlen(text) <= 300 ? text : NULL;
}

static bool is_digits(const char *text)
{
	int64_t ignored;
	return text != NULL && str_to_int(str_from(text), &ignored);
}

static void take_metadata(struct storage_call *call, struct tus *t, const struct tus_metadata *m)
{
	json_t *value JSON_CLEANUP = NULL;
	struct err ignored;
	t->up.type = printable(m->type);
	if (t->up.type == NULL) t->up.type = "application/octet-stream";
	if (is_digits(m->cache_control))
		t->up.cache_control = arena_printf(call->arena, "max-age=%s", m->cache_control);
	if (m->user_metadata != NULL && json_parse(str_from(m->user_metadata), &value, &ignored) &&
	    json_is_object(value))
		t->up.user_metadata = m->user_metadata;
	t->up.declared = (int64_t)t->size;
}

static bool take_kept(struct storage_call *call, struct tus *t)
{
	const struct kept *k = resumable_kept(t->r);
	struct tus_metadata m;
	if (strcmp(k->bucket, t->up.bucket) != 0 || strcmp(k->key, t->up.key) != 0) return false;
	t->metadata = arena_strdup(call->arena, k->metadata);
	t->size = k->size;
	t->created_s = k->created_s;
	if (t->metadata == NULL || !tus_metadata_read(call->arena, str_from(t->metadata), &m)) return false;
	take_metadata(call, t, &m);
	return true;
}

static void on_opened(void *arg, const struct err *err)
{
	struct storage_call *call = arg;
	struct tus *t = call->flow;
	if (err != NULL) t->r = NULL;
	if (err != NULL && err->code == ERR_NOT_FOUND)
		step_row(call);
	else if (err != NULL && err->code == ERR_CONFLICT)
		tus_refuse(call, 423, "Another request works on this upload; try again\n");
	else if (err != NULL)
		tus_fail_disk(call, err);
	else if (!take_kept(call, t))
		tus_refuse(call, 404, "The file for this url was not found\n");
	else if (clock_wall_ms() / 1000 > t->created_s + KEPT_LASTS_S)
		tus_refuse(call, 410, "The file for this url no longer exists\n");
	else if (resumable_end(t->r) == t->size)
		step_row(call);
	else if (t->kind == TUS_HEAD)
		tus_answer(call, resumable_end(t->r));
	else
		step_check(call);
}

/* The beginning. */
static bool check_number(struct storage_call *call, struct str name, uint64_t *ret_number)
{
	struct str given = storage_header_of(call, name);
	if (given.ptr == NULL || tus_number_read(given, ret_number)) return true;
	tus_refuse(call, 400, arena_printf(call->arena, "Invalid %.*s\n", STR_FMT(name)));
	return false;
}

static bool check_headers(struct storage_call *call, struct tus *t)
{
	struct str version = storage_header_of(call, STR("Tus-Resumable"));
	if (version.ptr == NULL || !str_eq(version, STR(TUS_VERSION))) {
		tus_refuse(call, 412,
			   version.ptr == NULL ? "Tus-Resumable Required\n"
					       : "This server speaks version 1.0.0 of TUS\n");
		return false;
	}
	return check_number(call, STR("upload-offset"), &t->offset) &&
	       check_number(call, STR("upload-length"), &t->size);
}

static bool check_signature(struct storage_call *call, struct tus *t)
{
	struct storage_problem problem;
	struct url_token token;
	struct str text = storage_header_of(call, STR("x-signature"));
	call->bucket = t->up.bucket;
	call->key = t->up.key;
	if (call->route->variant != TUS_SIGNED) return true;
	const char *copy = text.ptr != NULL ? arena_cstr(call->arena, text) : NULL;
	if (copy == NULL) {
		(void)storage_problem_set(&problem, FAULT_SIGNATURE, "Missing x-signature header");
		storage_end(call, &problem, NULL);
		return false;
	}
	if (!url_token_check(call, copy, URL_TOKEN_UPLOAD, &token, &problem)) {
		storage_end(call, &problem, NULL);
		return false;
	}
	t->up.owner = token.owner;
	t->up.is_upsert = token.is_upsert;
	t->up.is_service = true;
	return true;
}

static struct tus *begin(struct storage_call *call, enum tus_kind kind)
{
	struct tus *t = arena_alloc(call->arena, sizeof *t);
	call->refuse = tus_refuse_problem;
	if (t == NULL) {
		storage_fail(call, FAULT_FULL);
		return NULL;
	}
	*t = (struct tus){.kind = kind, .up = {.owner = call->owner, .declared = -1}};
	t->up.is_upsert = storage_header_is(call, STR("x-upsert"), STR("true"));
	t->has_body = storage_header_is(call, STR("Content-Type"), STR(TUS_CONTENT_TYPE));
	call->flow = t;
	call->on_body = on_body;
	call->on_body_end = on_body_end;
	arena_defer(call->arena, tus_done, t);
	return check_headers(call, t) ? t : NULL;
}

static bool check_names(struct storage_call *call, const struct tus_metadata *m)
{
	struct storage_problem problem = {.fault = FAULT_NONE};
	if (m->bucket == NULL || !storage_is_bucket(str_from(m->bucket)))
		(void)storage_problem_set(&problem, FAULT_BUCKET_NAME, "%s", "");
	else if (m->key == NULL || !storage_is_key(str_from(m->key)))
		(void)storage_problem_set(&problem, FAULT_KEY, "Invalid key: %.300s", m->key != NULL ? m->key : "");
	if (problem.fault == FAULT_NONE) return true;
	storage_end(call, &problem, NULL);
	return false;
}

static bool check_creation(struct storage_call *call)
{
	if (storage_header_of(call, STR("Upload-Concat")).ptr != NULL)
		tus_refuse(
		    call, 501,
		    "Concatenation extension is not (yet) supported. Disable parallel uploads in the tus client.\n");
	else if (storage_header_of(call, STR("Upload-Defer-Length")).ptr != NULL)
		tus_refuse(call, 501, "creation-defer-length extension is not (yet) supported.\n");
	else if (storage_header_of(call, STR("Upload-Length")).ptr == NULL)
		tus_refuse(call, 400, "Upload-Length or Upload-Defer-Length header required\n");
	else if (storage_header_of(call, STR("Upload-Metadata")).ptr == NULL)
		tus_refuse(call, 400, "Metadata header is required");
	else
		return true;
	return false;
}

void flow_tus_create(struct storage_call *call)
{
	struct tus *t = begin(call, TUS_CREATE);
	struct tus_metadata m;
	if (t == NULL || !check_creation(call)) return;
	struct str header = storage_header_of(call, STR("Upload-Metadata"));
	t->metadata = arena_cstr(call->arena, header);
	if (t->metadata == NULL || !tus_metadata_read(call->arena, header, &m)) {
		tus_refuse(call, 400, "Invalid upload-metadata\n");
		return;
	}
	if (!check_names(call, &m)) return;
	t->up.bucket = m.bucket;
	t->up.key = m.key;
	take_metadata(call, t, &m);
	if (check_signature(call, t)) upload_check(call, &t->up, on_create_allowed);
}

static void step_open(struct storage_call *call, struct tus *t)
{
	struct resumable_holder holder = {on_room, on_taken, call};
	struct tus_id id;
	if (!tus_id_read(call->arena, str_from(call->key), &id)) {
		tus_refuse(call, 404, "The file for this url was not found\n");
		return;
	}
	t->up.bucket = id.bucket;
	t->up.key = id.key;
	t->id = id.version;
	if (check_signature(call, t)) t->r = resumable_open(call->storage->files, t->id, &holder, on_opened);
}

void flow_tus_patch(struct storage_call *call)
{
	struct tus *t = begin(call, TUS_PATCH);
	if (t == NULL) return;
	if (storage_header_of(call, STR("Upload-Offset")).ptr == NULL)
		tus_refuse(call, 403, "Upload-Offset header required\n");
	else if (!t->has_body)
		tus_refuse(call, storage_header_of(call, STR("Content-Type")).ptr != NULL ? 400 : 403,
			   "Content-Type " TUS_CONTENT_TYPE " required\n");
	else
		step_open(call, t);
}

void flow_tus_head(struct storage_call *call)
{
	struct tus *t = begin(call, TUS_HEAD);
	if (t != NULL) step_open(call, t);
}

void flow_tus_delete(struct storage_call *call)
{
	struct tus *t = begin(call, TUS_DELETE);
	if (t != NULL) step_open(call, t);
}

/* What a browser asks before a request across origins is answered before it comes here. */
void flow_tus_options(struct storage_call *call)
{
	struct storage_reply reply;
	tus_reply_begin(&reply, 204);
	storage_reply_add(&reply, "Tus-Version", TUS_VERSION);
	storage_reply_add(&reply, "Tus-Extension", TUS_EXTENSIONS);
	tus_add_number(call, &reply, "Tus-Max-Size", call->storage->file_max);
	storage_reply_add(&reply, "Access-Control-Allow-Methods", "POST, HEAD, PATCH, OPTIONS, DELETE");
	storage_reply_add(&reply, "Access-Control-Allow-Headers", TUS_ALLOWED_HEADERS);
	storage_reply_add(&reply, "Access-Control-Max-Age", "86400");
	tus_reply(call, &reply);
}
