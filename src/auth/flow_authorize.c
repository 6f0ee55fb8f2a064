/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /authorize and GET /user/identities/authorize: a row of auth.flow_state says what is to happen when the person
 * comes back, its id is the state, and off they go to the provider. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "auth/body.h"
#include "auth/flows.h"
#include "auth/pkce.h"
#include "auth/provider_call.h"
#include "auth/token.h"
#include "base/buf.h"
#include "codec/base64.h"
#include "codec/json.h"
#include "codec/url.h"

struct authorize {
	struct oauth_provider provider;
	struct pkce pkce; /* the client's */
	const char *invite_token, *redirect_to, *target_id;
	bool wants_json;
	const char *state, *client_state_id;
	const char *verifier, *challenge, *nonce; /* ours; NULL: the provider takes none */
};

static const char *param(struct auth_call *call, struct str name)
{
	struct str value;
	if (!query_get(call->arena, call->request.query, name, &value)) return "";
	const char *copy = arena_cstr(call->arena, value);
	return copy != NULL ? copy : "";
}

static void on_state(struct auth_call *call, const PGresult *rows)
{
	const struct authorize *f = call->flow;
	const char *url =
	    oauth_authorize_url(&f->provider, call->arena, call->request.query, f->state, f->nonce, f->challenge);
	if (f->invite_token[0] != '\0' && PQntuples(rows) == 0) {
		call_fail(call, 404, "user_not_found", "User identified by token not found");
	} else if (url == NULL) {
		call_full(call);
	} else if (f->wants_json) {
		json_t *o JSON_CLEANUP = json_pack("{s:s}", "url", url);
		char *text = json_text(o);
		call_reply(call, 200, arena_strdup(call->arena, text));
		free(text);
	} else {
		call_redirect(call, url);
	}
}

/* Rows whose person never came back are of no use after a day. */
static void step_state(struct auth_call *call)
{
	const struct authorize *f = call->flow;
	bool is_pkce = pkce_is_on(&f->pkce);
	PG_ADD0(call_sql(call),
		"delete from auth.flow_state where id in (select id from auth.flow_state where created_at "
		"< now() - interval '1 day' order by created_at limit 100)");
	PG_ADD0(&call->sql, "delete from auth.oauth_client_states where id in (select id from auth.oauth_client_states "
			    "where created_at < now() - interval '1 day' order by created_at limit 100)");
	if (f->verifier != NULL)
		PG_ADD(&call->sql,
		       "insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at) values "
		       "($1::uuid, $2, $3, now())",
		       f->client_state_id, f->provider.settings->name, f->verifier);
	PG_ADD(
	    &call->sql,
	    "insert into auth.flow_state (id, auth_code, code_challenge_method, code_challenge, provider_type, "
	    "provider_access_token, provider_refresh_token, created_at, updated_at, authentication_method, "
	    "invite_token, referrer, oauth_client_state_id, linking_target_id, email_optional) values ($1::uuid, case "
	    "when $2 <> '' then gen_random_uuid()::text end, nullif($3, '')::auth.code_challenge_method, nullif($2, "
	    "''), "
	    "$4, '', '', now(), now(), 'oauth', nullif($5, ''), $6, $7::uuid, $8::uuid, $9::boolean)",
	    f->state, is_pkce ? f->pkce.challenge : "", is_pkce ? f->pkce.method : "", f->provider.settings->name,
	    f->invite_token, f->redirect_to, f->verifier != NULL ? f->client_state_id : NULL, f->target_id,
	    f->provider.settings->is_email_optional ? "t" : "f");
	PG_ADD(&call->sql, "select 1 from auth.users where confirmation_token = $1 and $1 <> ''", f->invite_token);
	call_run(call, "Error creating flow state", on_state);
}

static bool make_proof(struct auth_call *call, struct authorize *f)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 128);
	const char *one = auth_new_uuid(call->arena), *two = auth_new_uuid(call->arena);
	if (one == NULL || two == NULL) return false;
	f->verifier = arena_printf(call->arena, "%s.%s", one, two);
	if (f->verifier == NULL || EVP_Digest(f->verifier, strlen(f->verifier), digest, &len, EVP_sha256(), NULL) != 1)
		return false;
	base64url_encode((struct str){(const char *)digest, len}, &text);
	f->challenge = arena_cstr(call->arena, buf_view(&text));
	f->nonce = provider_nonce(call->arena, f->verifier);
	f->client_state_id = auth_new_uuid(call->arena);
	return f->challenge != NULL && f->nonce != NULL && f->client_state_id != NULL;
}

/* Issuers of OpenID Connect get a proof and a nonce; GitHub and others know neither, or break on them. */
static void on_ready(struct auth_call *call)
{
	struct authorize *f = call->flow;
	enum oauth_kind kind = f->provider.kind;
	bool has_proof = kind == OAUTH_OIDC || kind == OAUTH_GOOGLE || kind == OAUTH_AZURE;
	f->state = auth_new_uuid(call->arena);
	if (f->state == NULL || (has_proof && !make_proof(call, f)))
		call_full(call);
	else
		step_state(call);
}

static bool parse(struct auth_call *call, struct authorize *f, struct auth_problem *problem)
{
	struct str name = {"", 0};
	struct err err;
	(void)query_get(call->arena, call->request.query, STR("provider"), &name);
	if (!oauth_provider_find(call->settings, name, call->arena, &f->provider, &err))
		return auth_problem_set(problem, 400, "validation_failed", "Unsupported provider: %s", err.msg);
	f->invite_token = param(call, STR("invite_token"));
	f->redirect_to = call_redirect_to(call);
	if (f->redirect_to == NULL) return auth_full(problem);
	return pkce_check(call->arena, param(call, STR("code_challenge")), param(call, STR("code_challenge_method")),
			  &f->pkce, problem);
}

static void begin(struct auth_call *call, const char *target_id, bool wants_json)
{
	struct auth_problem problem;
	struct authorize *f = call_flow(call, sizeof *f);
	if (f == NULL) return;
	if (!parse(call, f, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (!call_limit(call, LIMIT_REFRESH)) return;
	f->target_id = target_id;
	f->wants_json = wants_json;
	provider_ready(call, &f->provider, on_ready);
}

void flow_authorize(struct auth_call *call)
{
	begin(call, NULL, false);
}

void flow_identity_authorize(struct auth_call *call)
{
	if (!call->settings->enable_manual_linking) {
		call_fail(call, 404, "manual_linking_disabled", "Manual linking is disabled");
		return;
	}
	begin(call, call->user.id, strcmp(param(call, STR("skip_http_redirect")), "true") == 0);
}
