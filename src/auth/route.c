/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/route.h"

#include "auth/body.h"
#include "auth/flows.h"

static const struct auth_route routes[] = {
    {"GET", "/health", AUTH_ANYONE, AUTH_NO_BODY, flow_health},
    {"GET", "/settings", AUTH_ANYONE, AUTH_NO_BODY, flow_settings},
    {"GET", "/.well-known/jwks.json", AUTH_ANYONE, AUTH_NO_BODY, flow_jwks},
    {"POST", "/signup", AUTH_ANYONE, AUTH_JSON_BODY, flow_signup},
    {"POST", "/token", AUTH_ANYONE, AUTH_JSON_BODY, flow_token},
    {"POST", "/otp", AUTH_ANYONE, AUTH_JSON_BODY, flow_otp},
    {"POST", "/magiclink", AUTH_ANYONE, AUTH_JSON_BODY, flow_magiclink},
    {"POST", "/recover", AUTH_ANYONE, AUTH_JSON_BODY, flow_recover},
    {"POST", "/resend", AUTH_ANYONE, AUTH_JSON_BODY, flow_resend},
    {"GET", "/verify", AUTH_ANYONE, AUTH_NO_BODY, flow_verify},
    {"POST", "/verify", AUTH_ANYONE, AUTH_JSON_BODY, flow_verify},
    {"GET", "/authorize", AUTH_ANYONE, AUTH_NO_BODY, flow_authorize},
    {"GET", "/callback", AUTH_ANYONE, AUTH_NO_BODY, flow_callback},
    {"POST", "/callback", AUTH_ANYONE, AUTH_NO_BODY, flow_callback},
    {"GET", "/user/identities/authorize", AUTH_USER, AUTH_NO_BODY, flow_identity_authorize},
    {"DELETE", "/user/identities/:id", AUTH_USER, AUTH_NO_BODY, flow_identity_delete},
    {"GET", "/oidc/.well-known/openid-configuration", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_discovery},
    {"GET", "/oidc/jwks", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_jwks},
    {"GET", "/oidc/authorize", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_authorize},
    {"POST", "/oidc/authorize", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_authorize},
    {"POST", "/oidc/token", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_token},
    {"GET", "/oidc/userinfo", AUTH_USER, AUTH_NO_BODY, flow_issuer_userinfo},
    {"POST", "/oidc/userinfo", AUTH_USER, AUTH_NO_BODY, flow_issuer_userinfo},
    {"GET", "/oidc/end_session", AUTH_ANYONE, AUTH_NO_BODY, flow_issuer_end_session},
    {"POST", "/invite", AUTH_ADMIN, AUTH_JSON_BODY, flow_invite},
    {"GET", "/user", AUTH_USER, AUTH_NO_BODY, flow_user_get},
    {"PUT", "/user", AUTH_USER, AUTH_JSON_BODY, flow_user_update},
    {"GET", "/reauthenticate", AUTH_USER, AUTH_NO_BODY, flow_reauthenticate},
    {"POST", "/logout", AUTH_USER, AUTH_NO_BODY, flow_logout},
    {"POST", "/factors", AUTH_USER, AUTH_JSON_BODY, flow_factor_enroll},
    {"POST", "/factors/:id/challenge", AUTH_USER, AUTH_NO_BODY, flow_factor_challenge},
    {"POST", "/factors/:id/verify", AUTH_USER, AUTH_JSON_BODY, flow_factor_verify},
    {"DELETE", "/factors/:id", AUTH_USER, AUTH_NO_BODY, flow_factor_unenroll},
    {"GET", "/admin/users", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_list},
    {"POST", "/admin/users", AUTH_ADMIN, AUTH_JSON_BODY, flow_admin_create},
    {"GET", "/admin/users/:id", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_get},
    {"PUT", "/admin/users/:id", AUTH_ADMIN, AUTH_JSON_BODY, flow_admin_update},
    {"DELETE", "/admin/users/:id", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_delete},
    {"GET", "/admin/users/:id/factors", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_factors},
    {"PUT", "/admin/users/:id/factors/:id", AUTH_ADMIN, AUTH_JSON_BODY, flow_admin_factor_update},
    {"DELETE", "/admin/users/:id/factors/:id", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_factor_delete},
    {"POST", "/admin/generate_link", AUTH_ADMIN, AUTH_JSON_BODY, flow_admin_link},
    {"GET", "/admin/audit", AUTH_ADMIN, AUTH_NO_BODY, flow_admin_audit},
};

/* Upstream's other paths, and what a person would call them. */
static const struct {
	const char *prefix, *what;
} not_served[] = {
    {"/admin/", "this administrative call"},
};

/* What a project of upstream's may have switched off answers so here. */
static const struct {
	const char *prefix, *code, *message;
} off[] = {
    {"/sso", "saml_provider_disabled", "SAML 2.0 is disabled"},
    {"/admin/sso", "saml_provider_disabled", "SAML 2.0 is disabled"},
    {"/passkeys", "passkey_disabled", "Passkeys are disabled"},
    {"/oauth", "feature_disabled", "OAuth server is disabled"},
    {"/user/oauth", "feature_disabled", "OAuth server is disabled"},
    {"/admin/oauth", "feature_disabled", "OAuth server is disabled"},
    {"/admin/custom-providers", "feature_disabled", "Custom OAuth providers are disabled"},
    {"/scim", "feature_disabled", "SCIM server is disabled"},
};

/* Part by part; what stands for ":id" goes to ret_ids. */
static bool is_match(const char *pattern, struct str path, struct str ret_ids[AUTH_ROUTE_IDS_MAX])
{
	struct str rest = str_from(pattern), want, have;
	int ids = 0;
	for (int i = 0; i < AUTH_ROUTE_IDS_MAX; i++) ret_ids[i] = (struct str){NULL, 0};
	for (;;) {
		bool more = str_next(&rest, '/', &want), has = str_next(&path, '/', &have);
		if (!more || !has) return more == has;
		if (!str_eq(want, STR(":id"))) {
			if (!str_eq(want, have)) return false;
		} else if (have.len == 0) {
			return false;
		} else {
			ret_ids[ids++] = have;
		}
	}
}

static bool unknown(struct str path, bool is_known_path, struct auth_problem *problem)
{
	if (is_known_path) return auth_problem_set(problem, 405, "bad_json", "This method is not allowed here");
	for (size_t i = 0; i < sizeof off / sizeof *off; i++)
		if (str_has_prefix(path, str_from(off[i].prefix)))
			return auth_problem_set(problem, 404, off[i].code, "%s", off[i].message);
	for (size_t i = 0; i < sizeof not_served / sizeof *not_served; i++)
		if (str_has_prefix(path, str_from(not_served[i].prefix)))
			return auth_problem_set(problem, 501, "not_implemented", "Freehold does not serve this yet: %s",
						not_served[i].what);
	return auth_problem_set(problem, 404, "not_found", "There is no such path below /auth/v1");
}

static const struct auth_route *find(struct str method, struct str path, struct str ret_ids[AUTH_ROUTE_IDS_MAX],
				     struct auth_problem *problem)
{
	bool is_known_path = false;
	if (path.len > 1 && path.ptr[path.len - 1] == '/') path.len--;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!is_match(routes[i].path, path, ret_ids)) continue;
		is_known_path = true;
		if (str_eq(method, str_from(routes[i].method))) return &routes[i];
	}
	(void)unknown(path, is_known_path, problem);
	return NULL;
}

const struct auth_route *auth_route_find(const struct auth_request *request, const char *ret_ids[AUTH_ROUTE_IDS_MAX],
					 struct auth_problem *ret_problem)
{
	struct str ids[AUTH_ROUTE_IDS_MAX] = {{NULL, 0}};
	const struct auth_route *route = find(request->method, request->path, ids, ret_problem);
	if (route == NULL) return NULL;
	for (int i = 0; i < AUTH_ROUTE_IDS_MAX && ids[i].ptr != NULL; i++) {
		ret_ids[i] = arena_cstr(request->arena, ids[i]);
		if (ret_ids[i] == NULL) return (void)auth_full(ret_problem), NULL;
	}
	return route;
}

bool auth_route_check_ids(const struct auth_route *route, const char *const ids[AUTH_ROUTE_IDS_MAX],
			  struct auth_problem *problem)
{
	bool is_admin = str_has_prefix(str_from(route->path), STR("/admin"));
	for (int i = 0; i < AUTH_ROUTE_IDS_MAX && ids[i] != NULL; i++) {
		const char *name = i == 1 ? "factor_id" : is_admin ? "user_id" : "factor_id";
		if (str_has_prefix(str_from(route->path), STR("/user/identities"))) name = "identity_id";
		if (!auth_is_uuid(ids[i]))
			return auth_problem_set(problem, 404, "validation_failed", "%s must be an UUID", name);
	}
	return true;
}
