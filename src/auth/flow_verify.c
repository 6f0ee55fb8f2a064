/* SPDX-License-Identifier: Apache-2.0
 *
 * GET and POST /verify: a token of a mail or message becomes what it was sent for, and a session:
 *
 *     find ─▶ take the token, change the user ─┬─▶ POST: the session
 *                                              ├─▶ GET: redirect, tokens in the fragment
 *                                              └─▶ GET of a PKCE link: redirect, a code in the query */
#include <stdio.h>
#include <stdlib.h>

#include "auth/audit.h"
#include "auth/flows.h"
#include "auth/post.h"
#include "auth/redirect.h"
#include "auth/session.h"
#include "auth/token.h"
#include "auth/verify.h"
#include "codec/json.h"

#define HALF "Confirmation link accepted. Please proceed to confirm link sent to the other email"
#define NO_FLOW "no flow state"
#define NOT_FIRST "not the first confirmation"

/* Ends: the session. */
static void on_link_session(struct auth_call *call, const struct session *session)
{
	const struct verify *v = call->flow;
	struct redirect r REDIRECT_CLEANUP;
	char number[24];
	redirect_init(&r, str_from(call->error_redirect));
	call->error_redirect = NULL;
	redirect_fragment(&r, "access_token", session->access_token);
	(void)snprintf(number, sizeof number, "%lld", (long long)session->expires_at_s);
	redirect_fragment(&r, "expires_at", number);
	(void)snprintf(number, sizeof number, "%lld", (long long)session->expires_in_s);
	redirect_fragment(&r, "expires_in", number);
	redirect_fragment(&r, "refresh_token", session->refresh_token);
	redirect_fragment(&r, "sb", "");
	redirect_fragment(&r, "token_type", "bearer");
	redirect_fragment(&r, "type", v->type_word);
	call_redirect(call, redirect_text(&r, call->arena));
}

/* Ends: a code. */
static const char *method_of(const struct verify *v)
{
	switch (v->type) {
	case VERIFY_SIGNUP: return "email/signup";
	case VERIFY_INVITE: return "invite";
	case VERIFY_RECOVERY: return "recovery";
	case VERIFY_EMAIL_CHANGE: return "email_change";
	default: return "magiclink";
	}
}

static void on_code(struct auth_call *call, const PGresult *rows)
{
	struct redirect r REDIRECT_CLEANUP;
	redirect_init(&r, str_from(call->error_redirect));
	call->error_redirect = NULL;
	redirect_query(&r, "code", PQgetvalue(rows, 0, 0));
	call_redirect(call, redirect_text(&r, call->arena));
}

static bool on_code_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, NO_FLOW) != 0) return verify_on_refused(call, why);
	call_fail(call, 400, "flow_state_not_found",
		  "No associated flow state found. 422: No valid flow state found for user.");
	return true;
}

static void step_code(struct auth_call *call, const struct verify *v)
{
	PG_ADD(&call->sql,
	       "with f as (update auth.flow_state set auth_code_issued_at = now(), updated_at = now() where id = "
	       "(select id from auth.flow_state where user_id = $1::uuid and authentication_method = $2 and "
	       "code_challenge <> '' order by created_at desc limit 1) returning auth_code) "
	       "select auth_code from f union all select freehold_auth.refuse('" NO_FLOW "') where not exists "
	       "(select from f)",
	       call->user.id, method_of(v));
	call->on_refused = on_code_refused;
	call_run(call, "Error verifying user", on_code);
}

static void step_end(struct auth_call *call)
{
	const struct verify *v = call->flow;
	user_sql_providers(&call->sql, call->user.id);
	if (v->is_pkce)
		step_code(call, v);
	else
		session_begin(call, &(struct session_start){.user_id = call->user.id, .method = "otp"},
			      "Error verifying user", v->is_link ? on_link_session : session_reply);
}

/* signup, invite: the address is the user's. Who was invited has no password yet and gets one that nobody knows; the
 * app asks for another. */
static void write_confirmed(struct auth_call *call, const char *hash)
{
	const struct verify *v = call->flow;
	struct pg_batch *sql = call_sql(call);
	verify_sql_take(call, v);
	if (hash != NULL) user_sql_password(sql, call->user.id, hash, NULL);
	audit_add(call, "user_signedup", &call->user, json_pack("{s:s}", "provider", "email"));
	user_sql_confirm_email(sql, call->user.id);
	PG_ADD(sql,
	       "update auth.identities i set identity_data = i.identity_data || '{\"email_verified\": true}', "
	       "updated_at = now() from auth.users u where u.id = $1::uuid and i.user_id = u.id and i.email = "
	       "lower(u.email)",
	       call->user.id);
	step_end(call);
}

static void step_confirm(struct auth_call *call)
{
	char one[AUTH_REFRESH_TOKEN_SIZE], two[AUTH_REFRESH_TOKEN_SIZE];
	if (!call->user.is_invited || call->user.password[0] != '\0') {
		write_confirmed(call, NULL);
		return;
	}
	auth_make_refresh_token(one);
	auth_make_refresh_token(two);
	const char *password = arena_printf(call->arena, "%s%s", one, two);
	if (password == NULL)
		call_full(call);
	else
		call_hash(call, password, write_confirmed);
}

/* recovery, magiclink: whoever reads the mail is the user, and the address is theirs. */
static void step_recover(struct auth_call *call)
{
	const struct verify *v = call->flow;
	struct pg_batch *sql = call_sql(call);
	verify_sql_take(call, v);
	PG_ADD(sql, "delete from auth.one_time_tokens where user_id = $1::uuid", call->user.id);
	if (call->user.is_email_confirmed) {
		audit_add(call, "login", &call->user, NULL);
	} else {
		audit_add(call, "user_signedup", &call->user, json_pack("{s:s}", "provider", "email"));
		user_sql_confirm_email(sql, call->user.id);
	}
	step_end(call);
}

/* email_change: where both addresses must agree, the first of them is noted. */
static void on_half(struct auth_call *call, const PGresult *rows)
{
	const struct verify *v = call->flow;
	(void)rows;
	if (!v->is_link) {
		call_reply(call, 200, "{\"code\":\"200\",\"msg\":\"" HALF "\"}");
		return;
	}
	struct redirect r REDIRECT_CLEANUP;
	redirect_init(&r, str_from(call->error_redirect));
	call->error_redirect = NULL;
	if (v->is_pkce) redirect_query(&r, "message", HALF);
	redirect_fragment(&r, "message", HALF);
	redirect_fragment(&r, "sb", "");
	call_redirect(call, redirect_text(&r, call->arena));
}

static void dispatch(struct auth_call *call);

/* Two links followed at once: the lock of the row lets the second see that it is the second. */
static bool on_half_refused(struct auth_call *call, const struct pg_error *why)
{
	struct verify *v = call->flow;
	if (strcmp(why->message, NOT_FIRST) != 0) return verify_on_refused(call, why);
	verify_find(call, v, dispatch);
	return true;
}

static void step_half(struct auth_call *call, const struct verify *v)
{
	struct pg_batch *sql = call_sql(call);
	verify_sql_take(call, v);
	PG_ADD(sql,
	       "with u as (update auth.users set email_change_confirm_status = 1, updated_at = now() where id = "
	       "$1::uuid and coalesce(email_change_confirm_status, 0) = 0 returning 1) select "
	       "freehold_auth.refuse('" NOT_FIRST "') where not exists (select from u)",
	       call->user.id);
	call->on_refused = on_half_refused;
	call_run(call, "Error confirm email", on_half);
}

static void step_change(struct auth_call *call)
{
	const struct verify *v = call->flow;
	struct pg_batch *sql = call_sql(call);
	const struct auth_user *u = &call->user;
	verify_sql_take(call, v);
	audit_add(call, "user_modified", u, NULL);
	user_sql_change_email(sql, u->id, u->email_change);
	if (!u->is_email_confirmed) user_sql_confirm_email(sql, u->id);
	struct auth_user changed = *u;
	changed.email = u->email_change;
	post_notify(call, &changed, &(struct post){.kind = MAIL_EMAIL_CHANGED, .to = u->email, .old_email = u->email});
	step_end(call);
}

static void step_email_change(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	bool is_double = s->email.enable_confirmations && s->email.double_confirm_changes;
	if (is_double && !call->user.is_change_half_confirmed && call->user.email[0] != '\0')
		step_half(call, call->flow);
	else
		step_change(call);
}

/* sms, phone_change. */
static void step_phone(struct auth_call *call)
{
	const struct verify *v = call->flow;
	struct pg_batch *sql = call_sql(call);
	verify_sql_take(call, v);
	if (v->type == VERIFY_SMS) {
		audit_add(call, "user_signedup", &call->user, json_pack("{s:s}", "provider", "phone"));
		user_sql_confirm_phone(sql, call->user.id);
	} else {
		audit_add(call, "user_modified", &call->user, NULL);
		user_sql_change_phone(sql, call->user.id, v->phone);
		post_notify_phone(call, &call->user, v->phone);
	}
	step_end(call);
}

static void dispatch(struct auth_call *call)
{
	const struct verify *v = call->flow;
	switch (v->type) {
	case VERIFY_SIGNUP:
	case VERIFY_INVITE: step_confirm(call); return;
	case VERIFY_EMAIL:
	case VERIFY_RECOVERY:
	case VERIFY_MAGICLINK: step_recover(call); return;
	case VERIFY_EMAIL_CHANGE: step_email_change(call); return;
	case VERIFY_SMS:
	case VERIFY_PHONE_CHANGE: step_phone(call); return;
	}
}

void flow_verify(struct auth_call *call)
{
	struct auth_problem problem;
	struct verify *v = call_flow(call, sizeof *v);
	if (v == NULL || !call_limit(call, LIMIT_VERIFY)) return;
	if (!verify_read(call, v, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (v->is_link) {
		call->error_redirect = call_redirect_to(call);
		call->is_error_in_query = v->is_pkce;
	}
	verify_find(call, v, dispatch);
}
