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

bool auth_caller_check(struct arena *a, struct str bearer, enum auth_access access, struct str secret, int64_t now_s,
		       struct auth_caller *ret_caller, struct auth_problem *ret_problem)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = secret};
	const struct jwt_keys keys = {&key, 1};
	const struct jwt_expect expect = {.now_s = now_s};
	json_t *claims JSON_CLEANUP = NULL;
	enum jwt_fault fault;
	struct err err;
	if (access == AUTH_ANYONE) return true;
	if (bearer.len == 0)
		return auth_problem_set(ret_problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (!jwt_verify(bearer, &keys, &expect, &claims, &fault, &err))
		return auth_problem_set(ret_problem, 403, "bad_jwt",
					"invalid JWT: unable to parse or verify signature, %.150s", err.msg);
	ret_caller->role = arena_strdup(a, json_str(claims, "role", ""));
	if (ret_caller->role == NULL) return auth_full(ret_problem);
	if (access == AUTH_ADMIN) return check_admin(ret_caller->role, ret_problem);
	return check_user(a, claims, ret_caller, ret_problem);
}
