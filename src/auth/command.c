/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/command.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "codec/json.h"
#include "codec/url.h"

#define EMAIL_MAX_BYTES 255
#define PER_PAGE_DEFAULT 50
#define PER_PAGE_MAX 1000

struct route {
	const char *method, *path;
	enum auth_command_kind kind;
	enum auth_access access;
};

static const struct route routes[] = {
    {"GET", "/health", AUTH_HEALTH, AUTH_ANYONE},
    {"GET", "/settings", AUTH_SETTINGS, AUTH_ANYONE},
    {"GET", "/.well-known/jwks.json", AUTH_JWKS, AUTH_ANYONE},
    {"POST", "/signup", AUTH_SIGNUP, AUTH_ANYONE},
    {"POST", "/token", AUTH_PASSWORD, AUTH_ANYONE},
    {"GET", "/user", AUTH_USER_GET, AUTH_USER},
    {"PUT", "/user", AUTH_USER_UPDATE, AUTH_USER},
    {"POST", "/logout", AUTH_LOGOUT, AUTH_USER},
    {"GET", "/admin/users", AUTH_ADMIN_LIST, AUTH_ADMIN},
    {"POST", "/admin/users", AUTH_ADMIN_CREATE, AUTH_ADMIN},
    {"GET", "/admin/users/:id", AUTH_ADMIN_GET, AUTH_ADMIN},
    {"PUT", "/admin/users/:id", AUTH_ADMIN_UPDATE, AUTH_ADMIN},
    {"DELETE", "/admin/users/:id", AUTH_ADMIN_DELETE, AUTH_ADMIN},
};

/* Upstream's other paths, and what a person would call them. */
static const struct {
	const char *prefix, *what;
} not_served[] = {
    {"/recover", "resetting a password by mail"},
    {"/otp", "signing in with a one-time code"},
    {"/verify", "confirming by a mailed link or code"},
    {"/magiclink", "signing in with a mailed link"},
    {"/resend", "sending a mail again"},
    {"/reauthenticate", "confirming a change by mail"},
    {"/invite", "inviting users by mail"},
    {"/admin/generate_link", "links for mails"},
    {"/admin/", "this administrative call"},
    {"/authorize", "signing in with Google or another provider"},
    {"/callback", "signing in with Google or another provider"},
    {"/user/identities", "linking identities"},
    {"/user/oauth", "signing in elsewhere with this app"},
    {"/factors", "a second factor"},
    {"/sso", "single sign-on"},
    {"/saml", "single sign-on"},
    {"/passkeys", "passkeys"},
    {"/oauth", "signing in elsewhere with this app"},
};

bool auth_is_uuid(const char *text)
{
	for (int i = 0; i < AUTH_UUID_SIZE - 1; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (is_dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
	}
	return text[AUTH_UUID_SIZE - 1] == '\0';
}

static bool invalid(struct auth_problem *problem, const char *words)
{
	return auth_problem_set(problem, 400, "validation_failed", "%s", words);
}

static bool full(struct auth_problem *problem)
{
	return auth_problem_set(problem, 413, "request_entity_too_large",
				"The request needs more memory than is set aside");
}

static bool is_match(const char *pattern, struct str path, struct str *ret_id)
{
	struct str head = str_from(pattern);
	if (!str_has_suffix(head, STR(":id"))) return str_eq(head, path);
	head.len -= 3;
	*ret_id = str_sub(path, head.len, path.len);
	return str_has_prefix(path, head) && ret_id->len > 0 && str_find_char(*ret_id, '/') < 0;
}

static bool unknown(struct str path, bool is_known_path, struct auth_problem *problem)
{
	if (is_known_path) return auth_problem_set(problem, 405, "bad_json", "This method is not allowed here");
	for (size_t i = 0; i < sizeof not_served / sizeof *not_served; i++)
		if (str_has_prefix(path, str_from(not_served[i].prefix)))
			return auth_problem_set(problem, 501, "not_implemented", "Freehold does not serve this yet: %s",
						not_served[i].what);
	return auth_problem_set(problem, 404, "not_found", "There is no such path below /auth/v1");
}

static const struct route *find_route(struct str method, struct str path, struct str *ret_id,
				      struct auth_problem *problem)
{
	bool is_known_path = false;
	if (path.len > 1 && path.ptr[path.len - 1] == '/') path.len--;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!is_match(routes[i].path, path, ret_id)) continue;
		is_known_path = true;
		if (str_eq(method, str_from(routes[i].method))) return &routes[i];
	}
	(void)unknown(path, is_known_path, problem);
	return NULL;
}

/* NUL inside a text is refused here: no name, address or password of ours holds one, and PostgreSQL could not. */
static bool read_body(struct str body, json_t **ret_object, struct auth_problem *problem)
{
	json_error_t ignored;
	json_t *object = json_loadb(body.ptr != NULL ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, &ignored);
	if (json_is_object(object)) {
		*ret_object = object;
		return true;
	}
	json_decref(object);
	return auth_problem_set(problem, 400, "bad_json", "Could not parse request body as JSON");
}

/* An absent or null member leaves *ret_text; another type than text is refused, as upstream does. */
static bool take_text(struct arena *a, const json_t *body, const char *key, const char **ret_text,
		      struct auth_problem *problem)
{
	const json_t *value = json_object_get(body, key);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_string(value))
		return auth_problem_set(problem, 400, "bad_json",
					"Could not parse request body as JSON: %s must be a text", key);
	*ret_text = arena_strdup(a, json_string_value(value));
	return *ret_text != NULL || full(problem);
}

static bool take_object(struct arena *a, const json_t *body, const char *key, const char **ret_text,
			struct auth_problem *problem)
{
	const json_t *value = json_object_get(body, key);
	if (value == NULL || json_is_null(value)) return true;
	if (!json_is_object(value))
		return auth_problem_set(problem, 400, "bad_json",
					"Could not parse request body as JSON: %s must be an object", key);
	char *text = json_text(value);
	*ret_text = arena_strdup(a, text);
	free(text);
	return *ret_text != NULL || full(problem);
}

static bool is_atom(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || strchr("!#$%&'*+/=?^_`{|}~.-", c) != NULL;
}

/* local@domain with a dot-separated domain of letters, digits and dashes. Whether it exists only a mail can tell. */
static bool is_email(struct str email)
{
	struct str local, domain, label;
	if (!str_cut(email, '@', &local, &domain) || local.len == 0 || local.len > 64 || domain.len > 253) return false;
	for (size_t i = 0; i < local.len; i++)
		if (local.ptr[i] == '\0' || !is_atom(local.ptr[i])) return false;
	if (local.ptr[0] == '.' || local.ptr[local.len - 1] == '.' || str_find(local, STR("..")) >= 0) return false;
	while (str_next(&domain, '.', &label)) {
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!isalnum((unsigned char)label.ptr[i]) && label.ptr[i] != '-') return false;
	}
	return true;
}

static bool take_email(struct arena *a, const json_t *body, const char **ret_email, struct auth_problem *problem)
{
	const char *email = NULL;
	if (!take_text(a, body, "email", &email, problem)) return false;
	if (email == NULL || email[0] == '\0') return true;
	if (strlen(email) > EMAIL_MAX_BYTES) return invalid(problem, "An email address is too long");
	if (!is_email(str_from(email))) return invalid(problem, "Unable to validate email address: invalid format");
	char *lower = arena_strdup(a, email);
	if (lower == NULL) return full(problem);
	for (char *c = lower; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
	*ret_email = lower;
	return true;
}

static bool check_strength(const char *password, struct auth_problem *problem)
{
	if (strlen(password) > AUTH_PASSWORD_MAX_BYTES)
		return auth_problem_set(problem, 400, "validation_failed",
					"Password cannot be longer than %d characters", AUTH_PASSWORD_MAX_BYTES);
	if (strlen(password) >= AUTH_PASSWORD_MIN_BYTES) return true;
	(void)auth_problem_set(problem, 422, "weak_password", "Password should be at least %d characters.",
			       AUTH_PASSWORD_MIN_BYTES);
	problem->is_weak_password = true;
	return false;
}

static bool parse_signup(struct arena *a, const json_t *body, struct auth_command *c, struct auth_problem *problem)
{
	const char *phone = NULL, *email = NULL;
	if (!take_text(a, body, "phone", &phone, problem) || !take_text(a, body, "email", &email, problem) ||
	    !take_text(a, body, "password", &c->password, problem) ||
	    !take_object(a, body, "data", &c->user_metadata, problem))
		return false;
	bool has_phone = phone != NULL && phone[0] != '\0', has_email = email != NULL && email[0] != '\0';
	if (!has_email && !has_phone)
		return auth_problem_set(problem, 422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled");
	if (c->password == NULL || c->password[0] == '\0') return invalid(problem, "Signup requires a valid password");
	if (!check_strength(c->password, problem)) return false;
	if (has_email && has_phone)
		return invalid(problem, "Only an email address or phone number should be provided on signup.");
	if (has_phone) return auth_problem_set(problem, 400, "phone_provider_disabled", "Phone signups are disabled");
	return take_email(a, body, &c->email, problem);
}

static bool parse_password_grant(struct arena *a, const json_t *body, struct auth_command *c,
				 struct auth_problem *problem)
{
	const char *phone = NULL, *email = NULL;
	if (!take_text(a, body, "phone", &phone, problem) || !take_text(a, body, "email", &email, problem) ||
	    !take_text(a, body, "password", &c->password, problem))
		return false;
	bool has_phone = phone != NULL && phone[0] != '\0', has_email = email != NULL && email[0] != '\0';
	if (has_phone && has_email)
		return invalid(problem, "Only an email address or phone number should be provided on login.");
	if (has_phone) return auth_problem_set(problem, 422, "phone_provider_disabled", "Phone logins are disabled");
	if (!has_email) return invalid(problem, "missing email or phone");
	char *lower = arena_strdup(a, email);
	if (lower == NULL) return full(problem);
	for (char *at = lower; *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
	c->email = lower;
	if (c->password == NULL) c->password = "";
	return true;
}

static bool parse_token(const struct auth_request *r, const json_t *body, struct auth_command *c,
			struct auth_problem *problem)
{
	struct str grant = {NULL, 0};
	(void)query_get(r->arena, r->query, STR("grant_type"), &grant);
	if (str_eq(grant, STR("password"))) return parse_password_grant(r->arena, body, c, problem);
	if (str_eq(grant, STR("refresh_token"))) {
		c->kind = AUTH_REFRESH;
		if (!take_text(r->arena, body, "refresh_token", &c->refresh_token, problem)) return false;
		if (c->refresh_token == NULL || c->refresh_token[0] == '\0')
			return auth_problem_set(problem, 400, "validation_failed", "refresh_token required");
		return true;
	}
	if (str_eq(grant, STR("pkce")) || str_eq(grant, STR("id_token")) || str_eq(grant, STR("web3")))
		return auth_problem_set(problem, 501, "not_implemented",
					"Freehold does not serve this yet: grant_type=%.*s", STR_FMT(grant));
	return auth_problem_set(problem, 400, "invalid_credentials", "unsupported_grant_type");
}

static bool parse_user_update(struct arena *a, const json_t *body, struct auth_command *c, struct auth_problem *problem)
{
	const char *phone = NULL;
	if (!take_email(a, body, &c->email, problem) || !take_text(a, body, "phone", &phone, problem) ||
	    !take_text(a, body, "password", &c->password, problem) ||
	    !take_object(a, body, "data", &c->user_metadata, problem))
		return false;
	if (phone != NULL && phone[0] != '\0')
		return auth_problem_set(problem, 501, "not_implemented",
					"Freehold does not serve this yet: phone numbers");
	if (json_object_get(body, "app_metadata") != NULL)
		return auth_problem_set(problem, 403, "not_admin", "Updating app_metadata requires admin privileges");
	return c->password == NULL || check_strength(c->password, problem);
}

/* Go's durations, as far as anybody bans by them: "24h", "30m", "90s", "none". */
static bool take_ban(struct arena *a, const json_t *body, struct auth_command *c, struct auth_problem *problem)
{
	const char *text = NULL;
	if (!take_text(a, body, "ban_duration", &text, problem)) return false;
	if (text == NULL || text[0] == '\0') return true;
	c->ban_s = "0";
	if (strcmp(text, "none") == 0) return true;
	size_t len = strlen(text);
	int64_t count, unit = text[len - 1] == 'h' ? 3600 : text[len - 1] == 'm' ? 60 : text[len - 1] == 's' ? 1 : 0;
	if (unit == 0 || !str_to_int((struct str){text, len - 1}, &count) || count < 0 || count > 100000000)
		return invalid(problem, "invalid format for ban duration");
	c->ban_s = arena_printf(a, "%lld", (long long)(count * unit));
	return c->ban_s != NULL || full(problem);
}

static bool parse_admin_user(struct arena *a, const json_t *body, struct auth_command *c, struct auth_problem *problem)
{
	const char *phone = NULL;
	if (!take_email(a, body, &c->email, problem) || !take_text(a, body, "phone", &phone, problem) ||
	    !take_text(a, body, "password", &c->password, problem) ||
	    !take_text(a, body, "password_hash", &c->password_hash, problem) ||
	    !take_text(a, body, "role", &c->role, problem) ||
	    !take_object(a, body, "user_metadata", &c->user_metadata, problem) ||
	    !take_object(a, body, "app_metadata", &c->app_metadata, problem) || !take_ban(a, body, c, problem))
		return false;
	if (phone != NULL && phone[0] != '\0')
		return auth_problem_set(problem, 501, "not_implemented",
					"Freehold does not serve this yet: phone numbers");
	c->is_email_confirmed = json_bool(body, "email_confirm", false);
	if (c->role != NULL && c->role[0] == '\0') c->role = NULL;
	if (c->password_hash != NULL && c->password != NULL)
		return invalid(problem, "Only a password or a password hash should be provided");
	return c->password == NULL || check_strength(c->password, problem);
}

static bool parse_admin_create(struct arena *a, const json_t *body, struct auth_command *c,
			       struct auth_problem *problem)
{
	if (!parse_admin_user(a, body, c, problem) || !take_text(a, body, "id", &c->user_id, problem)) return false;
	if (c->email == NULL) return invalid(problem, "Cannot create a user without either an email or phone");
	if (c->user_id != NULL && !auth_is_uuid(c->user_id))
		return invalid(problem, "ID must conform to the uuid v4 format");
	return true;
}

static bool parse_logout(const struct auth_request *r, struct auth_command *c, struct auth_problem *problem)
{
	struct str scope = STR("global");
	(void)query_get(r->arena, r->query, STR("scope"), &scope);
	if (str_eq(scope, STR("global")) || scope.len == 0)
		c->scope = AUTH_SCOPE_GLOBAL;
	else if (str_eq(scope, STR("local")))
		c->scope = AUTH_SCOPE_LOCAL;
	else if (str_eq(scope, STR("others")))
		c->scope = AUTH_SCOPE_OTHERS;
	else
		return auth_problem_set(problem, 400, "validation_failed", "Unsupported logout scope \"%.*s\"",
					STR_FMT(str_sub(scope, 0, 40)));
	return true;
}

static bool parse_page(const struct auth_request *r, struct auth_command *c, struct auth_problem *problem)
{
	struct str text;
	c->page = 1;
	c->per_page = PER_PAGE_DEFAULT;
	if (query_get(r->arena, r->query, STR("page"), &text) && text.len > 0 &&
	    (!str_to_int(text, &c->page) || c->page < 1 || c->page > 1000000))
		return invalid(problem, "Bad Pagination Parameters: page");
	if (query_get(r->arena, r->query, STR("per_page"), &text) && text.len > 0 &&
	    (!str_to_int(text, &c->per_page) || c->per_page < 1))
		return invalid(problem, "Bad Pagination Parameters: per_page");
	if (c->per_page > PER_PAGE_MAX) c->per_page = PER_PAGE_MAX;
	return true;
}

static bool parse_with_body(const struct auth_request *r, struct auth_command *c, struct auth_problem *problem)
{
	json_t *body JSON_CLEANUP = NULL;
	if (!read_body(r->body, &body, problem)) return false;
	switch (c->kind) {
	case AUTH_SIGNUP: return parse_signup(r->arena, body, c, problem);
	case AUTH_PASSWORD: return parse_token(r, body, c, problem);
	case AUTH_USER_UPDATE: return parse_user_update(r->arena, body, c, problem);
	case AUTH_ADMIN_CREATE: return parse_admin_create(r->arena, body, c, problem);
	default: return parse_admin_user(r->arena, body, c, problem);
	}
}

static bool parse_rest(const struct auth_request *r, struct auth_command *c, struct auth_problem *problem)
{
	switch (c->kind) {
	case AUTH_SIGNUP:
	case AUTH_PASSWORD:
	case AUTH_USER_UPDATE:
	case AUTH_ADMIN_CREATE:
	case AUTH_ADMIN_UPDATE: return parse_with_body(r, c, problem);
	case AUTH_LOGOUT: return parse_logout(r, c, problem);
	case AUTH_ADMIN_LIST: return parse_page(r, c, problem);
	default: return true;
	}
}

bool auth_command_parse(const struct auth_request *request, struct auth_command *ret_command,
			struct auth_problem *ret_problem)
{
	struct str id = {NULL, 0};
	const struct route *route = find_route(request->method, request->path, &id, ret_problem);
	if (route == NULL) return false;
	struct auth_command command = {.kind = route->kind, .access = route->access};
	if (id.len > 0) {
		command.user_id = arena_cstr(request->arena, id);
		if (command.user_id == NULL) return full(ret_problem);
		if (!auth_is_uuid(command.user_id))
			return auth_problem_set(ret_problem, 404, "validation_failed", "user_id must be an UUID");
	}
	if (!parse_rest(request, &command, ret_problem)) return false;
	*ret_command = command;
	return true;
}
