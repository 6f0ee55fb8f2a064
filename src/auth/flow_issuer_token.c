/* SPDX-License-Identifier: Apache-2.0
 *
 * What the app's server asks the issuer: its description, its keys, tokens for a code or a refresh token, who somebody
 * is, and the way out. */
#include <stdlib.h>
#include <string.h>

#include "auth/audit.h"
#include "auth/flows.h"
#include "auth/issuer.h"
#include "auth/pkce.h"
#include "auth/redirect.h"
#include "auth/session.h"
#include "auth/token.h"
#include "auth/user_columns.h"
#include "codec/json.h"
#include "codec/keyring.h"

#define GONE "issuer code is gone"

struct granting {
	const char *client_id, *nonce, *scope;
	const char *redirect_uri, *verifier, *hash;
};

static void reply_json(struct auth_call *call, int status, const json_t *value)
{
	char *text = json_text(value);
	struct auth_reply reply = {.status = status};
	auth_reply_add(&reply, "Cache-Control",
		       status == 200 && call->issuer == NULL ? "public, max-age=300" : "no-store");
	call_reply_with(call, &reply, arena_strdup(call->arena, text));
	free(text);
}

void flow_issuer_discovery(struct auth_call *call)
{
	const char *url = call->settings->issuer_url;
	json_t *o JSON_CLEANUP =
	    json_pack("{s:s, s:[s], s:[s], s:[s], s:[s], s:[s], s:[sss], s:[ssss], s:b}", "issuer", url,
		      "response_types_supported", "code", "response_modes_supported", "query",
		      "subject_types_supported", "public", "id_token_signing_alg_values_supported", "RS256",
		      "code_challenge_methods_supported", "S256", "token_endpoint_auth_methods_supported", "none",
		      "client_secret_post", "client_secret_basic", "scopes_supported", "openid", "email", "profile",
		      "offline_access", "authorization_response_iss_parameter_supported", 1);
	static const char *const paths[][2] = {{"authorization_endpoint", "authorize"},
					       {"token_endpoint", "token"},
					       {"userinfo_endpoint", "userinfo"},
					       {"jwks_uri", "jwks"},
					       {"end_session_endpoint", "end_session"}};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		(void)json_object_set_new(o, paths[i][0], json_sprintf("%s/%s", url, paths[i][1]));
	(void)json_object_set_new(o, "grant_types_supported", json_pack("[ss]", "authorization_code", "refresh_token"));
	reply_json(call, 200, o);
}

static void on_jwks(struct auth_call *call)
{
	call_reply(call, 200, arena_cstr(call->arena, keyring_jwks(call->auth->issuer_keys)));
}

void flow_issuer_jwks(struct auth_call *call)
{
	issuer_ready(call, on_jwks);
}

/* The words of RFC 6749, 5.2. */
static void on_problem(struct auth_call *call, const struct auth_problem *problem)
{
	const char *error = problem->status >= 500 ? "server_error" : "invalid_grant";
	if (strcmp(problem->code, "validation_failed") == 0) error = "invalid_request";
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s}", "error", error, "error_description", problem->message);
	reply_json(call, problem->status >= 500 ? 500 : problem->status == 429 ? 429 : 400, o);
}

/* Replit's names beside the standard ones. */
static void put_person(json_t *o, const struct auth_user *user)
{
	json_t *m JSON_CLEANUP = NULL;
	struct err ignored;
	static const char *const names[][3] = {{"given_name", "first_name", "given_name"},
					       {"family_name", "last_name", "family_name"},
					       {"picture", "avatar_url", "picture"},
					       {"name", "full_name", "name"}};
	static const char *const replits[][2] = {
	    {"first_name", "given_name"}, {"last_name", "family_name"}, {"profile_image_url", "picture"}};
	(void)json_parse(str_from(user->user_metadata), &m, &ignored);
	(void)json_object_set_new(o, "email", json_string(user->email));
	(void)json_object_set_new(o, "email_verified", json_boolean(user->is_email_confirmed));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = json_str(m, names[i][1], json_str(m, names[i][2], NULL));
		if (value != NULL) (void)json_object_set_new(o, names[i][0], json_string(value));
	}
	for (size_t i = 0; i < sizeof replits / sizeof *replits; i++) {
		const char *value = json_str(o, replits[i][1], NULL);
		(void)json_object_set_new(o, replits[i][0], value != NULL ? json_string(value) : json_null());
	}
}

static const char *id_token(struct auth_call *call, const struct granting *g, const struct session *s)
{
	int64_t now_s = call_now_s(call);
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "iss", call->settings->issuer_url, "sub",
					   s->user.id, "aud", g->client_id, "iat", (json_int_t)now_s, "exp",
					   (json_int_t)s->expires_at_s, "auth_time", (json_int_t)now_s);
	struct buf token BUF_CLEANUP;
	buf_init(&token, 64u << 10);
	if (g->nonce[0] != '\0') (void)json_object_set_new(o, "nonce", json_string(g->nonce));
	put_person(o, &s->user);
	jwt_sign(keyring_signing(call->auth->issuer_keys), o, &token);
	return buf_is_ok(&token) ? arena_cstr(call->arena, buf_view(&token)) : NULL;
}

static void on_session(struct auth_call *call, const struct session *s)
{
	const struct granting *g = call->issuer;
	const char *token = id_token(call, g, s);
	if (token == NULL) {
		call_full(call);
		return;
	}
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "access_token", s->access_token,
					   "token_type", "Bearer", "expires_in", (json_int_t)s->expires_in_s,
					   "refresh_token", s->refresh_token, "id_token", token, "scope", g->scope);
	call->on_problem = NULL;
	reply_json(call, 200, o);
}

static bool on_gone(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, GONE) != 0) return false;
	call_fail(call, 400, "bad_code", "The code is not known, or was used");
	return true;
}

static void on_code(struct auth_call *call, const PGresult *rows)
{
	struct granting *g = call->issuer;
	enum { CHALLENGE = AUTH_USER_COLUMN_COUNT, CLIENT, REDIRECT, NONCE, SCOPE };
	if (PQntuples(rows) == 0) {
		call_fail(call, 400, "bad_code", "The code is not known, or was used");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	g->nonce = PQgetvalue(rows, 0, NONCE);
	g->scope = PQgetvalue(rows, 0, SCOPE);
	if (strcmp(PQgetvalue(rows, 0, CLIENT), g->client_id) != 0 ||
	    strcmp(PQgetvalue(rows, 0, REDIRECT), g->redirect_uri) != 0) {
		call_fail(call, 400, "bad_code", "The code is for another client or address");
	} else if (!pkce_verify(PQgetvalue(rows, 0, CHALLENGE), "s256", g->verifier)) {
		call_fail(call, 400, "bad_code_verifier", "The proof is not right (code_verifier)");
	} else if (call->user.is_banned) {
		call_fail(call, 400, "user_banned", "User is banned");
	} else {
		PG_ADD(call_sql(call),
		       "with gone as (delete from freehold_auth.issuer_codes where code_hash = $1 returning 1) select "
		       "freehold_auth.refuse('" GONE "') where not exists (select from gone)",
		       g->hash);
		audit_add(call, "login", &call->user, json_pack("{s:s}", "provider", "email"));
		call->on_refused = on_gone;
		session_begin(call, &(struct session_start){.user_id = call->user.id, .method = "password"},
			      "Database error granting user", on_session);
	}
}

static void step_code(struct auth_call *call)
{
	const struct granting *g = call->issuer;
	PG_ADD(call_sql(call),
	       "select " AUTH_USER_COLUMNS ", c.challenge, c.client_id, c.redirect_uri, c.nonce, c.scope from "
	       "freehold_auth.issuer_codes c join auth.users u on u.id = c.user_id where c.code_hash = $1 and "
	       "c.created_at > now() - interval '" ISSUER_CODE_SECONDS " seconds'",
	       g->hash);
	call_run(call, "Database error finding the code", on_code);
}

static void free_body(void *arg)
{
	json_decref(arg);
}

static void step_refresh(struct auth_call *call)
{
	struct str form = call->request.body;
	call->body = json_pack("{s:s}", "refresh_token", issuer_param(call, form, STR("refresh_token")));
	arena_defer(call->arena, free_body, call->body);
	call->on_session = on_session;
	flow_grant_refresh(call);
}

/* A client that proves itself with a secret proves nothing here, and may: its name may come in either way. */
static const char *client_of(struct auth_call *call, struct str form)
{
	const char *name = issuer_param(call, form, STR("client_id"));
	return name[0] != '\0' ? name : "app";
}

void flow_issuer_token(struct auth_call *call)
{
	struct str form = call->request.body;
	struct granting *g = call_flow(call, sizeof *g);
	if (g == NULL) return;
	call->issuer = g;
	call->on_problem = on_problem;
	g->nonce = "";
	g->scope = "openid email profile offline_access";
	g->client_id = client_of(call, form);
	g->redirect_uri = issuer_way_back(call, issuer_param(call, form, STR("redirect_uri")));
	g->verifier = issuer_param(call, form, STR("code_verifier"));
	g->hash = issuer_hash(call->arena, issuer_param(call, form, STR("code")));
	const char *grant = issuer_param(call, form, STR("grant_type"));
	if (g->hash == NULL || g->redirect_uri == NULL)
		call_full(call);
	else if (strcmp(grant, "authorization_code") == 0)
		issuer_ready(call, step_code);
	else if (strcmp(grant, "refresh_token") == 0)
		issuer_ready(call, step_refresh);
	else
		call_fail(call, 400, "validation_failed", "grant_type must be authorization_code or refresh_token");
}

void flow_issuer_userinfo(struct auth_call *call)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s}", "sub", call->user.id);
	call->issuer = call; /* whatever is of a person is not kept */
	put_person(o, &call->user);
	reply_json(call, 200, o);
}

/* The app's own session there ends with its cookie; here only the way back is left. */
void flow_issuer_end_session(struct auth_call *call)
{
	const char *to =
	    issuer_way_back(call, issuer_param(call, call->request.query, STR("post_logout_redirect_uri")));
	const char *state = issuer_param(call, call->request.query, STR("state"));
	struct redirect r REDIRECT_CLEANUP;
	bool is_good = to != NULL && to[0] != '\0' && redirect_is_allowed(call->settings, str_from(to));
	redirect_init(&r, str_from(is_good ? to : call->settings->site_url));
	if (is_good && state[0] != '\0') redirect_query(&r, "state", state);
	call_redirect(call, redirect_text(&r, call->arena));
}
