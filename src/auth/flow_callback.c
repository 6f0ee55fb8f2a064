/* SPDX-License-Identifier: Apache-2.0
 *
 * GET and POST /callback: a person comes back from a provider.
 *
 *     state ─▶ its row ─▶ code ─▶ who it is (provider_call.h) ─▶ the user (account.h) ─┬─▶ PKCE: a code in the query
 *                                                                                      └─▶ implicit: tokens in the
 * fragment
 *
 * Whatever goes wrong is a redirect, too: to where the flow began, or, as long as nobody knows where that is, to the
 * app. */
#include <stdio.h>
#include <string.h>

#include "auth/account.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/new_user.h"
#include "auth/provider_call.h"
#include "auth/redirect.h"
#include "auth/session.h"
#include "codec/url.h"

#define STATE_LIFETIME "300" /* seconds; upstream's default */
#define USED "flow state was used"

enum { PROVIDER, REFERRER, IS_PKCE, IS_USED, IS_EXPIRED, INVITE, TARGET, EMAIL_OPTIONAL, VERIFIER };

struct callback {
	struct str params; /* of the query or the form */
	const char *state, *code;
	struct oauth_provider provider;
	const PGresult *row;
	struct account account;
	const char *access_token, *refresh_token; /* the provider's */
	const char *url; /* where the answer goes, once the user is known */
};

static const char *param(struct auth_call *call, struct str name)
{
	const struct callback *f = call->flow;
	struct str value;
	if (!query_get(call->arena, f->params, name, &value)) return "";
	const char *copy = arena_cstr(call->arena, value);
	return copy != NULL ? copy : "";
}

static bool is_set(const struct callback *f, int column)
{
	return PQgetvalue(f->row, 0, column)[0] == 't';
}

/* Ends. */
static void go(struct auth_call *call)
{
	const struct callback *f = call->flow;
	call->error_redirect = NULL;
	call_redirect(call, f->url);
}

static void finish(struct auth_call *call, const struct auth_user *user)
{
	const struct callback *f = call->flow;
	if (f->url == NULL)
		call_full(call);
	else if (f->account.is_new)
		new_user_after(call, user, go);
	else
		go(call);
}

static void put_tokens(struct redirect *r, const struct session *session)
{
	char number[24];
	redirect_fragment(r, "access_token", session->access_token);
	(void)snprintf(number, sizeof number, "%lld", (long long)session->expires_at_s);
	redirect_fragment(r, "expires_at", number);
	(void)snprintf(number, sizeof number, "%lld", (long long)session->expires_in_s);
	redirect_fragment(r, "expires_in", number);
}

static void on_session(struct auth_call *call, const struct session *session)
{
	struct callback *f = call->flow;
	struct redirect r REDIRECT_CLEANUP;
	redirect_init(&r, str_from(call->error_redirect));
	put_tokens(&r, session);
	if (f->refresh_token[0] != '\0') redirect_fragment(&r, "provider_refresh_token", f->refresh_token);
	redirect_fragment(&r, "provider_token", f->access_token);
	redirect_fragment(&r, "refresh_token", session->refresh_token);
	redirect_fragment(&r, "sb", "");
	redirect_fragment(&r, "token_type", "bearer");
	f->url = redirect_text(&r, call->arena);
	finish(call, &session->user);
}

static void on_code(struct auth_call *call, const PGresult *rows)
{
	struct callback *f = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 500, "unexpected_failure", "Database error loading user");
		return;
	}
	struct redirect r REDIRECT_CLEANUP;
	auth_user_read(rows, 0, &call->user);
	redirect_init(&r, str_from(call->error_redirect));
	redirect_query(&r, "code", PQgetvalue(call_rows(call, call->sql.count - 2), 0, 0));
	f->url = redirect_text(&r, call->arena);
	finish(call, &call->user);
}

/* A state is good once: of two who bring it one is refused. */
static bool on_used(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, USED) != 0) return account_on_refused(call, why);
	call_fail(call, 400, "flow_state_already_used", "State has already been used");
	return true;
}

static void on_account(struct auth_call *call)
{
	const struct callback *f = call->flow;
	call->on_refused = on_used;
	if (is_set(f, IS_PKCE)) {
		PG_ADD(
		    &call->sql,
		    "with f as (update auth.flow_state set provider_access_token = $2, provider_refresh_token = $3, "
		    "user_id = $4::uuid, auth_code_issued_at = now(), updated_at = now() where id = $1::uuid and "
		    "user_id "
		    "is null returning auth_code) select auth_code from f union all select freehold_auth.refuse('" USED
		    "') where not exists (select from f)",
		    f->state, f->access_token, f->refresh_token, f->account.user_id);
		user_sql_by_id(&call->sql, f->account.user_id);
		call_run(call, "Database error saving flow state", on_code);
		return;
	}
	PG_ADD(
	    &call->sql,
	    "with f as (delete from auth.flow_state where id = $1::uuid returning 1) select freehold_auth.refuse('" USED
	    "') where not exists (select from f)",
	    f->state);
	session_begin(call, &(struct session_start){.user_id = f->account.user_id, .method = "oauth"},
		      "Database error granting user", on_session);
}

/* The account. */
static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static void on_person(struct auth_call *call, const struct provider_answer *answer)
{
	struct callback *f = call->flow;
	f->access_token = answer->access_token;
	f->refresh_token = answer->refresh_token;
	f->account = (struct account){.provider = f->provider.settings->name,
				      .person = answer->person,
				      .target_id = or_null(PQgetvalue(f->row, 0, TARGET)),
				      .invite_token = or_null(PQgetvalue(f->row, 0, INVITE)),
				      .is_email_optional = is_set(f, EMAIL_OPTIONAL),
				      .next = on_account};
	if (f->provider.kind == OAUTH_APPLE) oauth_person_name(&f->account.person, str_from(param(call, STR("user"))));
	account_run(call, &f->account);
}

static void on_ready(struct auth_call *call)
{
	const struct callback *f = call->flow;
	const char *verifier = or_null(PQgetvalue(f->row, 0, VERIFIER));
	struct provider_code code = {.provider = &f->provider, .code = f->code, .verifier = verifier};
	if (verifier != NULL) code.nonce = provider_nonce(call->arena, verifier);
	provider_exchange(call, &code, on_person);
}

/* The provider says no, or the person did: in its own words. */
static void end_refused(struct auth_call *call, const char *error)
{
	struct redirect r REDIRECT_CLEANUP;
	const char *why = param(call, STR("error_description"));
	redirect_init(&r, str_from(call->error_redirect));
	redirect_query(&r, "error", error);
	redirect_query(&r, "error_description", why);
	redirect_fragment(&r, "error", error);
	redirect_fragment(&r, "error_description", why);
	redirect_fragment(&r, "sb", "");
	call->error_redirect = NULL;
	call_redirect(call, redirect_text(&r, call->arena));
}

static void step_code(struct auth_call *call)
{
	struct callback *f = call->flow;
	const char *error = param(call, STR("error"));
	struct auth_problem problem;
	struct err err;
	f->code = param(call, STR("code"));
	if (error[0] != '\0') {
		end_refused(call, error);
	} else if (f->code[0] == '\0') {
		call_fail(call, 400, "bad_oauth_callback", "OAuth callback with missing authorization code missing");
	} else if (!oauth_provider_find(call->settings, str_from(PQgetvalue(f->row, 0, PROVIDER)), call->arena,
					&f->provider, &err)) {
		(void)auth_problem_set(&problem, 400, "oauth_provider_not_supported", "Unsupported provider: %s",
				       err.msg);
		call_problem(call, &problem, NULL);
	} else {
		provider_ready(call, &f->provider, on_ready);
	}
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	struct callback *f = call->flow;
	f->row = rows;
	if (PQntuples(rows) == 0) {
		call_fail(call, 400, "bad_oauth_state", "OAuth state not found or expired");
		return;
	}
	/* It was allowed when the flow began; the owner may have changed the list since. */
	struct str referrer = str_from(PQgetvalue(rows, 0, REFERRER));
	if (redirect_is_allowed(call->settings, referrer)) call->error_redirect = arena_cstr(call->arena, referrer);
	if (call->error_redirect == NULL) call->error_redirect = call->settings->site_url;
	if (is_set(f, IS_EXPIRED))
		call_fail(call, 400, "bad_oauth_state", "OAuth state has expired");
	else if (is_set(f, IS_PKCE) && is_set(f, IS_USED))
		call_fail(call, 400, "flow_state_already_used", "State has already been used");
	else
		step_code(call);
}

void flow_callback(struct auth_call *call)
{
	struct callback *f = call_flow(call, sizeof *f);
	if (f == NULL) return;
	call->error_redirect = call->settings->site_url;
	call->is_error_in_query = true;
	f->params = str_eq(call->request.method, STR("POST")) ? call->request.body : call->request.query;
	f->state = param(call, STR("state"));
	if (f->state[0] == '\0') {
		call_fail(call, 400, "bad_oauth_callback", "OAuth state parameter missing");
		return;
	}
	if (!auth_is_uuid(f->state)) {
		call_fail(call, 400, "bad_oauth_state", "OAuth state parameter is invalid");
		return;
	}
	if (!call_limit(call, LIMIT_REFRESH)) return;
	PG_ADD(
	    call_sql(call),
	    "with f as (select * from auth.flow_state where id = $1::uuid and authentication_method = 'oauth'), c as "
	    "(delete from auth.oauth_client_states where id = (select oauth_client_state_id from f) returning "
	    "code_verifier) select f.provider_type, coalesce(f.referrer, ''), coalesce(f.code_challenge, '') <> '', "
	    "f.user_id is not null, f.created_at < now() - interval '" STATE_LIFETIME " seconds', "
	    "coalesce(f.invite_token, ''), coalesce(f.linking_target_id::text, ''), f.email_optional, coalesce((select "
	    "code_verifier from c), '') from f",
	    f->state);
	call_run(call, "Error loading flow state", on_found);
}
