/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/caller.h"

#include "auth/body.h"

static bool bad_jwt(struct auth_problem *problem, const char *words)
{
	return auth_problem_set(problem, 403, "bad_jwt", "%s", words);
}

static bool check_admin(const char *role, struct auth_problem *problem)
{
	if (strcmp(role, "service_role") == 0 || strcmp(role, "supabase_admin") == 0) return true;
	return auth_problem_set(problem, 403, "not_admin", "User not allowed");
}

static bool check_user(struct arena *a, const struct token_holder *holder, struct auth_caller *caller,
		       struct auth_problem *problem)
{
	const char *user = arena_cstr(a, holder->user_id), *session = arena_cstr(a, holder->session_id);
	if (user == NULL || session == NULL) return auth_full(problem);
	if (user[0] == '\0') return bad_jwt(problem, "invalid claim: missing sub claim");
	if (!auth_is_uuid(user))
		return auth_problem_set(problem, 400, "bad_jwt", "invalid claim: sub claim must be a UUID");
	if (session[0] != '\0' && !auth_is_uuid(session))
		return bad_jwt(problem, "invalid claim: session_id claim must be a UUID");
	caller->user_id = user;
	caller->session_id = session[0] != '\0' ? session : NULL;
	return true;
}

static bool find_holder(const struct auth_request *r, struct tokens *tokens, int64_t now_s,
			struct token_holder *ret_holder, struct auth_problem *problem)
{
	enum jwt_fault fault;
	struct err err;
	if (r->bearer.len == 0)
		return auth_problem_set(problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (r->key_role.len > 0) {
		*ret_holder = (struct token_holder){.role = r->key_role, .user_id = STR(""), .session_id = STR("")};
		return true;
	}
	return tokens_find(tokens, r->bearer, now_s, ret_holder, &fault, &err) ||
	       auth_problem_set(problem, 403, "bad_jwt", "invalid JWT: unable to parse or verify signature, %.150s",
				err.msg);
}

bool auth_caller_check(const struct auth_request *request, enum auth_access access, struct tokens *tokens,
		       int64_t now_s, struct auth_caller *ret_caller, struct auth_problem *ret_problem)
{
	struct token_holder holder;
	if (access == AUTH_ANYONE) return true;
	if (access == AUTH_USER && request->is_bearer_apikey)
		return auth_problem_set(ret_problem, 401, "no_authorization",
					"This endpoint requires a valid Bearer token");
	if (!find_holder(request, tokens, now_s, &holder, ret_problem)) return false;
	ret_caller->role = arena_cstr(request->arena, holder.role);
	if (ret_caller->role == NULL) return auth_full(ret_problem);
	if (access == AUTH_ADMIN && !check_admin(ret_caller->role, ret_problem)) return false;
	if (access == AUTH_ADMIN && holder.session_id.len == 0) return true;
	return check_user(request->arena, &holder, ret_caller, ret_problem);
}
