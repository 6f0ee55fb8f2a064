/* SPDX-License-Identifier: Apache-2.0
 *
 * GET and POST /oidc/authorize: the page, and what was typed into it. Whatever goes wrong is said on the page. */
#include <string.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/issuer.h"
#include "auth/redirect.h"
#include "auth/signup.h"
#include "auth/strength.h"
#include "auth/token.h"

struct entering {
	struct issuer_ask ask;
	const char *email, *password, *code;
	struct signup signup;
};

static void show(struct auth_call *call, int status, const char *words, bool is_good_news)
{
	const struct entering *e = call->issuer;
	struct str host = str_from(call->settings->site_url), scheme;
	ptrdiff_t at = str_find(host, STR("://"));
	scheme = at > 0 ? str_sub(host, (size_t)at + 3, host.len) : host;
	const char *name = arena_cstr(call->arena, scheme);
	issuer_reply_page(call, status,
			  issuer_page(call->arena, &e->ask, name != NULL ? name : "", e->email, words, is_good_news),
			  arena_strdup(call->arena, words));
}

static void on_problem(struct auth_call *call, const struct auth_problem *problem)
{
	show(call, problem->status, problem->message, false);
}

/* Ends: a code. */
static void on_code(struct auth_call *call, const PGresult *rows)
{
	const struct entering *e = call->issuer;
	struct redirect r REDIRECT_CLEANUP;
	(void)rows;
	redirect_init(&r, str_from(e->ask.redirect_uri));
	redirect_query(&r, "code", e->code);
	if (e->ask.state[0] != '\0') redirect_query(&r, "state", e->ask.state);
	const char *iss = call->settings->issuer_url;
	if (iss != NULL) redirect_query(&r, "iss", iss);
	call_redirect(call, redirect_text(&r, call->arena));
}

static void step_code(struct auth_call *call, const char *user_id)
{
	struct entering *e = call->issuer;
	const char *one = auth_new_uuid(call->arena), *two = auth_new_uuid(call->arena);
	e->code = one != NULL && two != NULL ? arena_printf(call->arena, "%s%s", one, two) : NULL;
	const char *hash = e->code != NULL ? issuer_hash(call->arena, e->code) : NULL;
	if (hash == NULL) {
		call_full(call);
		return;
	}
	PG_ADD0(call_sql(call), "delete from freehold_auth.issuer_codes where created_at < now() - interval '1 hour'");
	PG_ADD(&call->sql,
	       "insert into freehold_auth.issuer_codes (code_hash, user_id, client_id, redirect_uri, challenge, nonce, "
	       "scope) values ($1, $2::uuid, $3, $4, $5, $6, $7)",
	       hash, user_id, e->ask.client_id, e->ask.redirect_uri, e->ask.challenge, e->ask.nonce, e->ask.scope);
	call_run(call, "Database error saving the code", on_code);
}

/* Signing in. */
static void on_compared(struct auth_call *call, bool is_right)
{
	if (!is_right || call->user.id == NULL)
		show(call, 400, "Address or password is not right.", false);
	else if (call->user.is_banned)
		show(call, 403, "This account is closed.", false);
	else if (!call->user.is_email_confirmed)
		show(call, 400, "Please follow the link in the mail that we sent you first.", false);
	else
		step_code(call, call->user.id);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct entering *e = call->issuer;
	if (PQntuples(rows) > 0) auth_user_read(rows, 0, &call->user);
	bool has_password = call->user.id != NULL && call->user.password[0] != '\0';
	call_compare(call, e->password, has_password ? call->user.password : NULL, on_compared);
}

/* Signing up. */
static void on_confirmed(struct auth_call *call)
{
	const struct entering *e = call->issuer;
	step_code(call, e->signup.id);
}

static void on_mailed(struct auth_call *call)
{
	show(call, 200, "Nearly there: follow the link in the mail we sent you, then sign in here.", true);
}

static void on_strong(struct auth_call *call)
{
	struct entering *e = call->issuer;
	signup_run(call, &e->signup);
}

static void step_up(struct auth_call *call, struct entering *e)
{
	if (!call->settings->enable_signup || !call->settings->email.enable_signup) {
		show(call, 422, "New accounts are not made here at the moment.", false);
		return;
	}
	e->signup = (struct signup){.email = e->email,
				    .password = e->password,
				    .pkce = {.challenge = "", .method = ""},
				    .on_confirmed = on_confirmed,
				    .on_mailed = on_mailed};
	strength_run(call, e->password, on_strong);
}

static void step_typed(struct auth_call *call, struct entering *e)
{
	struct str form = call->request.body;
	struct auth_problem problem;
	const char *email = issuer_param(call, form, STR("email"));
	const char *action = issuer_param(call, form, STR("action"));
	e->password = issuer_param(call, form, STR("password"));
	if (!auth_email_check(call->arena, email, &e->email, &problem)) {
		e->email = email;
		show(call, 400, "This is no email address.", false);
		return;
	}
	if (!call_limit(call, LIMIT_SIGN_IN)) return;
	if (strcmp(action, "sign_up") == 0) {
		step_up(call, e);
		return;
	}
	user_sql_by_email(call_sql(call), e->email);
	call_run(call, "Database error finding user", on_found);
}

void flow_issuer_authorize(struct auth_call *call)
{
	struct entering *e = call_flow(call, sizeof *e);
	bool is_typed = str_eq(call->request.method, STR("POST"));
	const char *words;
	if (e == NULL) return;
	call->issuer = e;
	e->email = "";
	if (!issuer_ask_read(call, is_typed ? call->request.body : call->request.query, &e->ask, &words)) {
		issuer_reply_page(call, 400, issuer_problem_page(call->arena, words), words);
		return;
	}
	call->on_problem = on_problem;
	if (is_typed)
		step_typed(call, e);
	else
		show(call, 200, "", false);
}
