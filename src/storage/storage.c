/* SPDX-License-Identifier: Apache-2.0
 *
 * How a call begins: its route, whether who asks may ask at all, its body. What follows is the route's flow; see
 * call.h. */
#include "storage/storage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "storage/call.h"
#include "storage/place.h"
#include "storage/render.h"
#include "storage/s3.h"
#include "storage/sweep.h"

#define FILE_MAX_BYTES ((uint64_t)1 << 30)
#define RESERVE_BYTES ((uint64_t)64 << 20)

bool storage_new(uv_loop_t *loop, struct pg_pool *pool, const struct storage_spec *spec, struct storage **ret_storage,
		 struct err *err)
{
	struct storage *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	*s = (struct storage){.loop = loop, .pool = pool, .keys = spec->keys};
	s->file_max = spec->file_max_bytes > 0 ? spec->file_max_bytes : FILE_MAX_BYTES;
	s->reserve = spec->reserve_bytes > 0 ? spec->reserve_bytes : RESERVE_BYTES;
	given_init(&s->given, clock_wall_ms());
	if (!files_new(loop, spec->folder, &s->files, err)) {
		free(s);
		return false;
	}
	s->place = place_new(loop, pool, s->files, spec->http);
	if (spec->place != NULL && !place_set(s->place, spec->place, err)) {
		place_stop(s->place);
		files_free(s->files);
		free(s);
		return false;
	}
	if (spec->image_helper != NULL) s->renderer = renderer_new(s->files, spec->image_helper);
	s->sweep = sweep_start(loop, pool, s->files);
	*ret_storage = s;
	return true;
}

void storage_rekey(struct storage *storage, const struct keyring *keys)
{
	storage->keys = keys;
}

void storage_sweep(struct storage *storage, int64_t asked, int64_t fix_s)
{
	sweep_ask(storage->sweep, asked, fix_s);
}

bool storage_place_set(struct storage *storage, const json_t *place, struct err *err)
{
	return place_set(storage->place, place, err);
}

void storage_s3_set(struct storage *storage, const json_t *keys, const char *anon_key)
{
	json_decref(storage->s3_keys);
	storage->s3_keys = keys != NULL ? json_deep_copy(keys) : NULL;
	free(storage->anon_key);
	storage->anon_key = anon_key != NULL ? strdup(anon_key) : NULL;
}

void storage_free(struct storage *storage)
{
	if (storage == NULL) return;
	assert(storage->calls == 0);
	storage_s3_set(storage, NULL, NULL);
	sweep_stop(storage->sweep);
	place_stop(storage->place);
	renderer_free(storage->renderer);
	files_free(storage->files);
	free(storage);
}

bool storage_takes_body(struct str method, struct str path)
{
	struct str rest;
	if (s3_route_is_below(path, &rest)) return str_eq(method, STR("PUT")) || str_eq(method, STR("POST"));
	return storage_route_takes_file(method, path);
}

static void free_json(void *arg)
{
	json_decref(arg);
}

static bool read_owner(struct storage_call *call)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	if (!json_parse(call->request.claims, &claims, &ignored)) return true;
	const char *sub = json_str(claims, "sub", NULL);
	if (sub != NULL) call->owner = arena_strdup(call->arena, sub);
	return sub == NULL || call->owner != NULL;
}

static bool check_access(const struct storage_call *call, struct storage_problem *problem)
{
	const struct storage_request *r = &call->request;
	enum storage_access access = call->route->access;
	if (access == ACCESS_OPEN || access == ACCESS_MAYBE) return true;
	if (!r->is_authenticated && access == ACCESS_SERVICE)
		return storage_problem_set(problem, FAULT_DENIED_403, "Access denied: JWT is not authenticated");
	if (!r->is_authenticated)
		return storage_problem_set(problem, FAULT_DENIED, "%.*s",
					   STR_FMT(r->refusal.len > 0
						       ? r->refusal
						       : STR("Invalid Compact JWS") /* upstream's word for none */));
	if (access == ACCESS_SERVICE && !str_eq(r->role, STR("service_role")))
		return storage_problem_set(problem, FAULT_DENIED_403, "Access denied: Invalid role");
	return true;
}

static bool read_body(struct storage_call *call, struct storage_problem *problem)
{
	struct err err;
	if (call->route->takes != TAKES_JSON) return true;
	if (!json_parse(call->request.body, &call->body, &err) || !json_is_object(call->body)) {
		json_decref(call->body);
		call->body = NULL;
		return storage_problem_set(problem, FAULT_INVALID, "body must be a JSON object");
	}
	arena_defer(call->arena, free_json, call->body);
	return true;
}

static bool read_request(struct storage_call *call, struct storage_problem *problem)
{
	const struct storage_request *r = &call->request;
	struct str bucket, key;
	call->route = storage_route_find(call->arena, r->method, r->path, &bucket, &key, problem);
	if (call->route == NULL) return false;
	call->bucket = arena_cstr(call->arena, bucket);
	call->key = arena_cstr(call->arena, key);
	call->role = arena_cstr(call->arena, r->role);
	call->claims = arena_cstr(call->arena, r->claims);
	if (call->bucket == NULL || call->key == NULL || call->role == NULL || call->claims == NULL ||
	    !read_owner(call))
		return storage_problem_set(problem, FAULT_FULL, "%s", "");
	return check_access(call, problem) && read_body(call, problem);
}

struct storage_call *storage_handle(struct storage *storage, const struct storage_request *request,
				    storage_reply_fn done, void *arg)
{
	struct storage_problem problem;
	struct storage_call *call = arena_alloc(request->arena, sizeof *call);
	if (call == NULL) {
		done(arg, &(struct storage_reply){.status = 413, .body = STR("{}")});
		return NULL;
	}
	*call = (struct storage_call){
	    .storage = storage, .request = *request, .arena = request->arena, .done = done, .arg = arg};
	storage->calls++;
	call->is_inside = true;
	struct str rest;
	if (s3_route_is_below(request->path, &rest))
		s3_begin(call, rest);
	else if (read_request(call, &problem))
		call->route->begin(call);
	else
		storage_end(call, &problem, NULL);
	call->is_inside = false;
	return call->is_done && call->hold == NULL ? NULL : call;
}

bool storage_body(struct storage_call *call, struct str bytes)
{
	return call->is_done || call->on_body(call, bytes);
}

void storage_body_end(struct storage_call *call)
{
	if (!call->is_done) call->on_body_end(call);
}

void storage_abandon(struct storage_call *call)
{
	storage_call_abandon(call);
}
