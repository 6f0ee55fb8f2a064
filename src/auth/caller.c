/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/caller.h"

#include "auth/body.h"
#include "codec/json.h"
#include "codec/jwt.h"

static bool bad_jwt(struct auth_problem *problem, const char *words)
{
	return auth_problem_set(problem, 403, "bad_jwt", "%s", words);
}

static bool check_admin(const char *role, struct auth_problem *problem)
{
	if (strcmp(role, "service_role") == 0 || strcmp(role, "supabase_admin") == 0) return true;
	return auth_problem_set(problem, 403, "not_admin", "User not allowed");
}

static bool check_user(struct arena *a, const json_t *claims, struct auth_caller *caller, struct auth_problem *problem)
{
	const char *sub = json_str(claims, "sub", ""), *session = json_str(claims, "session_id", "");
	if (sub[0] == '\0') return bad_jwt(problem, "invalid claim: missing sub claim");
	if (!auth_is_uuid(sub))
		return auth_problem_set(problem, 400, "bad_jwt", "invalid claim: sub claim must be a UUID");
	if (session[0] != '\0' && !auth_is_uuid(session))
		return bad_jwt(problem, "invalid claim: session_id claim must be a UUID");
	caller->user_id = arena_strdup(a, sub);
	caller->session_id = session[0] != '\0' ? arena_strdup(a, session) : NULL;
	return (caller->user_id != NULL && (session[0] == '\0' || caller->session_id != NULL)) || auth_full(problem);
}

static bool read_claims(const struct auth_request *r, const struct keyring *keys, int64_t now_s, json_t **ret_claims,
			struct auth_problem *problem)
{
	const struct jwt_keys verifying = keyring_verifying(keys);
	const struct jwt_expect expect = {.now_s = now_s};
	enum jwt_fault fault;
	struct err err;
	if (r->bearer.len == 0)
		return auth_problem_set(problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (r->key_role.len > 0) {
		*ret_claims = json_pack("{s:s%}", "role", r->key_role.ptr, r->key_role.len);
		return true;
	}
	return jwt_verify(r->bearer, &verifying, &expect, ret_claims, &fault, &err) ||
	       auth_problem_set(problem, 403, "bad_jwt", "invalid JWT: unable to parse or verify signature, %.150s",
				err.msg);
}

bool auth_caller_check(const struct auth_request *request, enum auth_access access, const struct keyring *keys,
		       int64_t now_s, struct auth_caller *ret_caller, struct auth_problem *ret_problem)
{
	json_t *claims JSON_CLEANUP = NULL;
	if (access == AUTH_ANYONE) return true;
	if (access == AUTH_USER && request->is_bearer_apikey)
		return auth_problem_set(ret_problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (!read_claims(request, keys, now_s, &claims, ret_problem)) return false;
	ret_caller->role = arena_strdup(request->arena, json_str(claims, "role", ""));
	if (ret_caller->role == NULL) return auth_full(ret_problem);
	if (access == AUTH_ADMIN && !check_admin(ret_caller->role, ret_problem)) return false;
	if (access == AUTH_ADMIN && json_str(claims, "session_id", "")[0] == '\0') return true;
	return check_user(request->arena, claims, ret_caller, ret_problem);
}
