/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/token.h"

#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"

static const char *const scopes[] = {[URL_TOKEN_DOWNLOAD] = "download", [URL_TOKEN_UPLOAD] = "upload"};

const char *url_token_make(struct storage_call *call, enum url_token_scope scope, const char *url,
			   const struct url_token *token, int64_t lasts_s)
{
	struct buf text BUF_CLEANUP;
	json_t *claims JSON_CLEANUP = json_object();
	int64_t now_s = clock_wall_ms() / 1000;
	buf_init(&text, JWT_MAX_BYTES);
	if (token->owner != NULL) (void)json_object_set_new(claims, "owner", json_string(token->owner));
	if (token->picture != NULL) (void)json_object_set_new(claims, "transformations", json_string(token->picture));
	(void)json_object_set_new(claims, "url", json_string(url));
	if (scope == URL_TOKEN_UPLOAD) (void)json_object_set_new(claims, "upsert", json_boolean(token->is_upsert));
	(void)json_object_set_new(claims, "scope", json_string(scopes[scope]));
	(void)json_object_set_new(claims, "iat", json_integer(now_s));
	(void)json_object_set_new(claims, "exp", json_integer(now_s + lasts_s));
	jwt_sign(keyring_signing(call->storage->keys), claims, &text);
	return buf_is_ok(&text) ? arena_strdup(call->arena, buf_cstr(&text)) : NULL;
}

static bool is_scope(const json_t *claims, enum url_token_scope scope)
{
	const char *given = json_str(claims, "scope", NULL);
	if (given != NULL) return strcmp(given, scopes[scope]) == 0;
	if (json_object_get(claims, "scope") != NULL) return false;
	return (json_object_get(claims, "upsert") != NULL) == (scope == URL_TOKEN_UPLOAD);
}

static bool is_for(struct storage_call *call, const json_t *claims)
{
	struct str url = str_from(json_str(claims, "url", "")), bucket, key;
	return str_cut(url, '/', &bucket, &key) && str_eq(bucket, str_from(call->bucket)) &&
	       str_eq(key, str_from(call->key));
}

bool url_token_check(struct storage_call *call, const char *text, enum url_token_scope scope,
		     struct url_token *ret_token, struct storage_problem *problem)
{
	struct jwt_keys keys = keyring_verifying(call->storage->keys);
	struct jwt_expect expect = {.now_s = clock_wall_ms() / 1000};
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	if (!jwt_verify(str_from(text), &keys, &expect, &claims, &fault, &err))
		return storage_problem_set(problem, FAULT_JWT, "%s",
					   fault == JWT_EXPIRED ? "\"exp\" claim timestamp check failed" : err.msg);
	if (!is_scope(claims, scope))
		return storage_problem_set(problem, FAULT_SIGNATURE, "Token is not scoped for %s", scopes[scope]);
	if (!is_for(call, claims)) return storage_problem_set(problem, FAULT_SIGNATURE, "%s", "");
	int64_t expires_s = json_int(claims, "exp", 0);
	if (expires_s <= 0) return storage_problem_set(problem, FAULT_EXPIRED, "%s", "");
	const char *owner = json_str(claims, "owner", NULL), *picture = json_str(claims, "transformations", NULL);
	*ret_token = (struct url_token){.is_upsert = json_bool(claims, "upsert", false), .expires_s = expires_s};
	if (owner != NULL) ret_token->owner = arena_strdup(call->arena, owner);
	if (picture != NULL && *picture != '\0' && (ret_token->picture = arena_strdup(call->arena, picture)) == NULL)
		return storage_problem_set(problem, FAULT_FULL, "%s", "");
	return owner == NULL || ret_token->owner != NULL || storage_problem_set(problem, FAULT_FULL, "%s", "");
}
