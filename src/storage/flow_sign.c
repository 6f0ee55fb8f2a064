/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed addresses: createSignedUrl, createSignedUrls, createSignedUploadUrl. Who may read an object now may hand out
 * an address that reads it later; who may write one, an address that writes it. */
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "storage/flows.h"
#include "storage/picture.h"
#include "storage/token.h"

#define PATHS_MAX 1000
/* Upstream's hosted service says two hours in its documentation of createSignedUploadUrl; its open source says 60 s. */
#define UPLOAD_LASTS_S 7200
#define LASTS_MAX_S ((int64_t)100 * 365 * 24 * 3600)

static bool read_lasts(const struct storage_call *call, int64_t *ret_s, struct storage_problem *problem)
{
	const json_t *value = json_object_get(call->body, "expiresIn");
	if (value == NULL)
		return storage_problem_set(problem, FAULT_INVALID, "body must have required property 'expiresIn'");
	if (json_is_string(value) && str_to_int(str_from(json_string_value(value)), ret_s))
		; /* upstream takes a number in a string too */
	else if (json_is_integer(value))
		*ret_s = (int64_t)json_integer_value(value);
	else
		return storage_problem_set(problem, FAULT_INVALID, "body/expiresIn must be integer");
	return (*ret_s >= 1 && *ret_s <= LASTS_MAX_S) ||
	       storage_problem_set(problem, FAULT_INVALID, "body/expiresIn must be >= 1");
}

/* picture: NULL, or what is wanted of it. */
static const char *address(struct storage_call *call, const char *path, const char *picture, int64_t lasts_s)
{
	struct url_token of = {.picture = picture};
	const char *url = arena_printf(call->arena, "%s/%s", call->bucket, path);
	const char *token = url != NULL ? url_token_make(call, URL_TOKEN_DOWNLOAD, url, &of, lasts_s) : NULL;
	const char *where = picture != NULL ? "render/image" : "object";
	return token != NULL ? arena_printf(call->arena, "/%s/sign/%s?token=%s", where, url, token) : NULL;
}

struct one {
	int64_t lasts_s;
	const char *picture;
};

static void on_found(struct storage_call *call)
{
	const struct one *one = call->flow;
	if (PQntuples(storage_rows(call, 1)) == 0) {
		storage_fail(call, FAULT_NO_KEY);
		return;
	}
	const char *signed_url = address(call, call->key, one->picture, one->lasts_s);
	if (signed_url == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "signedURL", signed_url);
	storage_answer_json(call, 200, o);
}

static bool read_picture(struct storage_call *call, struct one *one, struct storage_problem *problem)
{
	struct picture picture;
	if (!picture_read_json(json_object_get(call->body, "transform"), &picture, problem)) return false;
	one->picture = picture_words(call->arena, &picture);
	if (one->picture == NULL) return storage_problem_set(problem, FAULT_FULL, "%s", "");
	if (*one->picture == '\0') one->picture = NULL;
	return true;
}

void flow_sign(struct storage_call *call)
{
	struct storage_problem problem;
	struct one *one = arena_alloc(call->arena, sizeof *one);
	if (one == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	if (!read_lasts(call, &one->lasts_s, &problem) || !read_picture(call, one, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	call->flow = one;
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select id from storage.objects where bucket_id = $1 and name = $2", call->bucket,
		     call->key);
	storage_run(call, on_found);
}

/* Many. */
struct many {
	int64_t lasts_s;
	const json_t *paths;
};

static void on_found_many(struct storage_call *call)
{
	const struct many *many = call->flow;
	const PGresult *rows = storage_rows(call, 1);
	json_t *answer JSON_CLEANUP = json_array(), *found JSON_CLEANUP = json_object();
	size_t i;
	const json_t *path;
	for (int row = 0; row < PQntuples(rows); row++)
		(void)json_object_set_new(found, storage_value(rows, row, 0), json_true());
	json_array_foreach(many->paths, i, path)
	{
		const char *name = json_string_value(path);
		bool is_there = json_object_get(found, name) != NULL;
		const char *url = is_there ? address(call, name, NULL, many->lasts_s) : NULL;
		json_t *entry = json_object();
		(void)json_object_set_new(
		    entry, "error",
		    url != NULL ? json_null()
				: json_string("Either the object does not exist or you do not have access to it"));
		(void)json_object_set_new(entry, "path", json_string(name));
		(void)json_object_set_new(entry, "signedURL", url != NULL ? json_string(url) : json_null());
		(void)json_array_append_new(answer, entry);
	}
	storage_answer_json(call, 200, answer);
}

static bool read_many(struct storage_call *call, struct many *many, struct storage_problem *problem)
{
	size_t i;
	const json_t *o;
	many->paths = json_object_get(call->body, "paths");
	if (!read_lasts(call, &many->lasts_s, problem)) return false;
	if (!json_is_array(many->paths) || json_array_size(many->paths) == 0 ||
	    json_array_size(many->paths) > PATHS_MAX)
		return storage_problem_set(problem, FAULT_INVALID, "body/paths must have 1 to %d items", PATHS_MAX);
	json_array_foreach(many->paths, i, o) if (!json_is_string(o)) return storage_problem_set(
	    problem, FAULT_INVALID, "body/paths/%zu must be string", i);
	return true;
}

void flow_sign_many(struct storage_call *call)
{
	struct storage_problem problem;
	struct many *many = arena_alloc(call->arena, sizeof *many);
	if (many == NULL || !read_many(call, many, &problem)) {
		if (many == NULL) (void)storage_problem_set(&problem, FAULT_FULL, "%s", "");
		storage_end(call, &problem, NULL);
		return;
	}
	char *text = json_text(many->paths);
	const char *paths = arena_strdup(call->arena, text);
	free(text);
	call->flow = many;
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch,
		     "select name from storage.objects where bucket_id = $1 and name in "
		     "(select jsonb_array_elements_text($2::jsonb))",
		     call->bucket, paths);
	storage_run(call, on_found_many);
}

/* To upload. */
static void on_allowed(struct storage_call *call)
{
	bool is_upsert = storage_header_is(call, STR("x-upsert"), STR("true"));
	const char *url = arena_printf(call->arena, "%s/%s", call->bucket, call->key);
	struct url_token of = {.owner = call->owner, .is_upsert = is_upsert};
	const char *token = url != NULL ? url_token_make(call, URL_TOKEN_UPLOAD, url, &of, UPLOAD_LASTS_S) : NULL;
	const char *address =
	    token != NULL ? arena_printf(call->arena, "/object/upload/sign/%s?token=%s", url, token) : NULL;
	if (address == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s}", "url", address, "token", token);
	storage_answer_json(call, 200, o);
}

static bool on_not_allowed(struct storage_call *call, int failed, const struct pg_error *why)
{
	(void)failed;
	if (strcmp(why->sqlstate, "23505") != 0) return false;
	storage_fail(call, FAULT_KEY_EXISTS);
	return true;
}

void flow_sign_upload(struct storage_call *call)
{
	bool is_upsert = storage_header_is(call, STR("x-upsert"), STR("true"));
	(void)storage_batch(call);
	storage_as_caller(call);
	(void)PG_ADD(&call->batch, "select storage.freehold_try_upload($1, $2, $3::boolean, $4, null, $5::jsonb)",
		     call->bucket, call->key, is_upsert ? "true" : "false", call->owner,
		     storage_user_metadata(call, storage_header_of(call, STR("x-metadata"))));
	call->on_refused = on_not_allowed;
	storage_run(call, on_allowed);
}
