/* SPDX-License-Identifier: Apache-2.0
 *
 * upload, update, uploadToSignedUrl: an object's bytes as the whole body, or as the file of a form.
 *
 *     (form: its fields) ─▶ checking ─▶ receiving ─▶ storing ─▶ committing ─▶ reply
 *                           database    to the disk  sync,      database
 *                                                    rename
 *
 * While it is checked no more of the body is taken than what had come with the file's beginning. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/multipart.h"
#include "storage/flows.h"
#include "storage/token.h"
#include "storage/upload.h"

#define FIELDS_MAX 10 /* as upstream */
#define FIELD_MAX_BYTES (1u << 20)
#define NAME_MAX_BYTES 64

struct receipt {
	struct upload up;
	struct incoming *incoming;
	bool is_checking, is_checked, is_waiting; /* the body is held up */
	struct stored stored;

	bool is_form, has_file, is_in_file;
	struct multipart form;
	int fields;
	char field[NAME_MAX_BYTES]; /* the one that is read; "": none that is needed */
	struct buf value;
};

static const char *printable(struct storage_call *call, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] > '~') return NULL;
	return text.len <= 300 ? arena_cstr(call->arena, text) : NULL;
}

static void done_receipt(void *arg)
{
	struct receipt *r = arg;
	incoming_abandon(r->incoming); /* of a call that was refused or abandoned */
	multipart_done(&r->form);
	buf_done(&r->value);
}

static void on_room(void *arg)
{
	struct storage_call *call = arg;
	struct receipt *r = call->flow;
	if (call->is_done || !r->is_waiting || r->is_checking) return;
	r->is_waiting = false;
	call->request.on_room(call->arg);
}

static void on_allowed(struct storage_call *call)
{
	struct receipt *r = call->flow;
	r->is_checking = false;
	r->is_checked = true;
	if (r->incoming != NULL && incoming_size(r->incoming) > r->up.limit) {
		storage_fail(call, FAULT_TOO_LARGE);
		return;
	}
	on_room(call);
}

/* A refusal of the check answers the call; what came of the file by then goes with the request. */
static void step_check(struct storage_call *call)
{
	struct receipt *r = call->flow;
	r->is_checking = true;
	r->incoming = incoming_new(call->storage->files, on_room, call);
	upload_check(call, &r->up, on_allowed);
}

/* The form. */

static bool on_part(void *arg, const struct multipart_part *part, struct err *err)
{
	static const char *const needed[] = {"cacheControl", "metadata", "userMetadata", "contentType"};
	struct storage_call *call = arg;
	struct receipt *r = call->flow;
	r->field[0] = '\0';
	buf_clear(&r->value);
	bool is_file = part->is_file || str_eq_nocase(part->type, STR("application/octet-stream"));
	if (!is_file) {
		if (++r->fields > FIELDS_MAX) return err_set(err, ERR_LIMIT, "the form has too many fields");
		for (size_t i = 0; !r->has_file && i < sizeof needed / sizeof *needed; i++)
			if (str_eq(part->name, str_from(needed[i]))) (void)strcpy(r->field, needed[i]);
		return true;
	}
	r->is_in_file = !r->has_file; /* the first counts */
	if (r->has_file) return true;
	r->has_file = true;
	if (r->up.type == NULL)
		r->up.type = part->type.len > 0 ? printable(call, part->type) : "application/octet-stream";
	if (r->up.type == NULL) r->up.type = "application/octet-stream";
	step_check(call);
	return true;
}

static bool on_data(void *arg, struct str bytes, struct err *err)
{
	struct storage_call *call = arg;
	struct receipt *r = call->flow;
	if (r->field[0] != '\0') {
		buf_str(&r->value, bytes);
		return buf_is_ok(&r->value) || err_set(err, ERR_LIMIT, "a field of the form is too long");
	}
	if (r->is_in_file && !call->is_done) (void)incoming_write(r->incoming, bytes);
	return true;
}

static const char *json_object_text(struct storage_call *call, struct str text)
{
	json_t *value JSON_CLEANUP = NULL;
	struct err ignored;
	return json_parse(text, &value, &ignored) && json_is_object(value) ? arena_cstr(call->arena, text) : NULL;
}

static bool on_part_end(void *arg, struct err *err)
{
	struct storage_call *call = arg;
	struct receipt *r = call->flow;
	struct str value = buf_view(&r->value);
	(void)err;
	r->is_in_file = false;
	if (strcmp(r->field, "cacheControl") == 0) {
		const char *seconds = printable(call, value);
		if (seconds != NULL && *seconds != '\0')
			r->up.cache_control = arena_printf(call->arena, "max-age=%s", seconds);
	} else if (strcmp(r->field, "contentType") == 0) {
		r->up.type = printable(call, value);
	} else if (r->field[0] != '\0' && r->up.user_metadata == NULL) {
		r->up.user_metadata = json_object_text(call, value);
	}
	r->field[0] = '\0';
	return true;
}

/* The body. */

static bool on_body(struct storage_call *call, struct str bytes)
{
	struct receipt *r = call->flow;
	struct err err;
	bool has_room = true;
	if (r->is_form && !multipart_feed(&r->form, bytes, &err)) {
		struct storage_problem problem;
		(void)storage_problem_set(&problem, FAULT_NO_CONTENT, "%s", err.msg);
		if (call->is_done) return true;
		storage_end(call, &problem, NULL);
		return true;
	}
	if (call->is_done) return true;
	if (!r->is_form && bytes.len > 0) has_room = incoming_write(r->incoming, bytes);
	if (r->is_form && r->incoming != NULL) has_room = incoming_write(r->incoming, STR(""));
	if (r->is_checked && incoming_size(r->incoming) > r->up.limit) {
		storage_fail(call, FAULT_TOO_LARGE);
		return true;
	}
	r->is_waiting = r->is_checking || !has_room;
	return !r->is_waiting;
}

static void on_put(struct storage_call *call, const char *id)
{
	const struct receipt *r = call->flow;
	json_t *o JSON_CLEANUP = json_object();
	(void)json_object_set_new(o, "Id", json_string(id));
	(void)json_object_set_new(o, "Key", json_string(arena_printf(call->arena, "%s/%s", r->up.bucket, r->up.key)));
	storage_answer_json(call, 200, o);
}

static void on_stored(void *arg, const struct stored *stored, const struct err *err)
{
	struct storage_call *call = arg;
	struct receipt *r = call->flow;
	if (err == NULL) {
		upload_commit(call, &r->up, stored, on_put);
		return;
	}
	struct storage_problem problem = {.fault = err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL : FAULT_INTERNAL};
	storage_end(call, &problem, arena_strdup(call->arena, err->msg));
}

static void on_body_end(struct storage_call *call)
{
	struct receipt *r = call->flow;
	struct storage_problem problem;
	if (r->is_form && (!r->has_file || !multipart_is_whole(&r->form))) {
		(void)storage_problem_set(&problem, FAULT_NO_CONTENT, "%s",
					  r->has_file ? "Unexpected end of multipart data" : "");
		storage_end(call, &problem, NULL);
		return;
	}
	struct incoming *in = r->incoming;
	r->incoming = NULL;
	incoming_finish(in, on_stored, call);
}

/* The beginning. */

static bool read_signed(struct storage_call *call, struct receipt *r)
{
	struct storage_problem problem;
	struct url_token token;
	const char *text = storage_query_of(call, STR("token"));
	if (!url_token_check(call, text != NULL ? text : "", URL_TOKEN_UPLOAD, &token, &problem)) {
		storage_end(call, &problem, NULL);
		return false;
	}
	r->up.owner = token.owner;
	r->up.is_upsert = token.is_upsert;
	r->up.is_service = true;
	return true;
}

static void read_headers(struct storage_call *call, struct receipt *r)
{
	struct str type = storage_header_of(call, STR("Content-Type")),
		   cache = storage_header_of(call, STR("Cache-Control"));
	struct str robots = storage_header_of(call, STR("X-Robots-Tag"));
	int64_t length;
	if (robots.len > 0) r->up.robots = printable(call, robots);
	if (str_to_int(storage_header_of(call, STR("Content-Length")), &length) && length >= 0) r->up.declared = length;
	if (r->is_form) return;
	if (type.len > 0) r->up.type = printable(call, type);
	if (r->up.type == NULL) r->up.type = "application/octet-stream";
	if (cache.len > 0) r->up.cache_control = printable(call, cache);
	r->up.user_metadata = storage_user_metadata(call, storage_header_of(call, STR("x-metadata")));
}

void flow_upload(struct storage_call *call)
{
	static const struct multipart_handler handler = {on_part, on_data, on_part_end, NULL};
	struct receipt *r = arena_alloc(call->arena, sizeof *r);
	struct str boundary = STR("-"), type = storage_header_of(call, STR("Content-Type"));
	if (r == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	int variant = call->route->variant;
	r->up = (struct upload){.bucket = call->bucket, .key = call->key, .owner = call->owner, .declared = -1};
	r->up.is_upsert = variant == UPLOAD_UPDATE || storage_header_is(call, STR("x-upsert"), STR("true"));
	call->flow = r;
	if (variant == UPLOAD_SIGNED && !read_signed(call, r)) return;
	struct multipart_handler of_call = handler;
	of_call.arg = call;
	r->is_form = type.len > 0 && multipart_boundary(type, &boundary);
	multipart_init(&r->form, boundary, &of_call);
	buf_init(&r->value, FIELD_MAX_BYTES);
	arena_defer(call->arena, done_receipt, r);
	read_headers(call, r);
	call->on_body = on_body;
	call->on_body_end = on_body_end;
	/* A form's length is more than its file's; it says nothing but that it is too large by far. */
	if (r->is_form)
		r->up.declared = -1;
	else
		step_check(call);
}
