/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <stdlib.h>

#include "auth/hook.h"
#include "auth/token.h"
#include "auth/user_columns.h"
#include "codec/json.h"

#define SESSION_MAX_BYTES (16u << 20)

struct begun {
	const char *id, *refresh_token, *method, *extra;
	bool is_new; /* its row was written by this call */
	int user_statement; /* which gives the user as it leaves them */
	struct auth_user user;
	struct session session;
	void (*done)(struct auth_call *call, const struct session *session);
};

static void finish(struct auth_call *call, struct begun *b, const char *claims)
{
	b->session.access_token = token_sign(call->arena, keyring_signing(call->auth->keys), claims);
	if (b->session.access_token == NULL)
		call_full(call);
	else
		b->done(call, &b->session);
}

/* The owner's hook may change what a token says, and refuse it; then the session that was just begun ends, too. */
struct refusal {
	struct auth_problem problem;
	const char *cause;
};

static void on_undone(struct auth_call *call, const PGresult *rows)
{
	const struct refusal *r = call->flow;
	(void)rows;
	call_problem(call, &r->problem, r->cause);
}

static void on_hook_refused(struct auth_call *call, const struct auth_problem *problem, const char *cause)
{
	const struct begun *b = call->begun;
	struct refusal *r;
	if (!b->is_new) {
		call_problem(call, problem, cause);
		return;
	}
	if ((r = call_flow(call, sizeof *r)) == NULL) return;
	*r = (struct refusal){*problem, cause};
	PG_ADD(call_sql(call), "delete from auth.sessions where id = $1::uuid", b->id);
	call_run(call, "Database error deleting session", on_undone);
}

static void on_hook(struct auth_call *call, const json_t *output)
{
	struct begun *b = call->begun;
	struct auth_problem problem;
	const json_t *claims = json_object_get(output, "claims");
	if (!token_check_claims(claims, &problem)) {
		on_hook_refused(call, &problem, NULL);
		return;
	}
	char *text = json_text(claims);
	const char *copy = arena_strdup(call->arena, text);
	free(text);
	if (copy == NULL)
		call_full(call);
	else
		finish(call, b, copy);
}

static void step_hook(struct auth_call *call, const struct begun *b, const char *claims)
{
	json_t *input = hook_input(call, AUTH_HOOK_CUSTOM_ACCESS_TOKEN), *value = NULL;
	struct err err;
	(void)json_parse(str_from(claims), &value, &err);
	(void)json_object_set_new(input, "user_id", json_string(b->user.id));
	(void)json_object_set_new(input, "claims", value);
	(void)json_object_set_new(input, "authentication_method", json_string(b->method));
	hook_ask(call, AUTH_HOOK_CUSTOM_ACCESS_TOKEN, input, on_hook, on_hook_refused);
}

static void step_token(struct auth_call *call, struct begun *b, const char *aal, const char *amr)
{
	const struct auth_settings *settings = call->settings;
	int64_t now_s = call_now_s(call);
	b->session = (struct session){.refresh_token = b->refresh_token,
				      .expires_in_s = settings->jwt_expiry_s,
				      .expires_at_s = now_s + settings->jwt_expiry_s,
				      .user = b->user,
				      .extra = b->extra};
	struct token_facts facts = {.issuer = settings->jwt_issuer,
				    .now_s = now_s,
				    .expires_at_s = b->session.expires_at_s,
				    .user = &b->user,
				    .session_id = b->id,
				    .aal = aal,
				    .amr = amr};
	const char *claims = token_claims(call->arena, &facts);
	if (claims == NULL)
		call_full(call);
	else if (hook_is_on(call, AUTH_HOOK_CUSTOM_ACCESS_TOKEN))
		step_hook(call, b, claims);
	else
		finish(call, b, claims);
}

void session_continue(struct auth_call *call, const struct session_facts *facts,
		      void (*done)(struct auth_call *call, const struct session *session))
{
	struct begun *b = arena_alloc(call->arena, sizeof *b);
	if (b == NULL) {
		call_full(call);
		return;
	}
	*b = (struct begun){.id = facts->id,
			    .refresh_token = facts->refresh_token,
			    .method = facts->method,
			    .extra = facts->extra,
			    .user = *facts->user,
			    .done = done};
	call->begun = b;
	step_token(call, b, facts->aal, facts->amr);
}

static void on_begun(struct auth_call *call, const PGresult *rows)
{
	struct begun *b = call->begun;
	rows = call_rows(call, b->user_statement);
	if (PQntuples(rows) == 0) {
		call_fail(call, 500, "unexpected_failure", "Database error loading user");
		return;
	}
	auth_user_read(rows, 0, &b->user);
	const char *amr = arena_printf(call->arena, "[{\"method\":\"%s\",\"timestamp\":%lld}]", b->method,
				       (long long)call_now_s(call));
	if (amr == NULL)
		call_full(call);
	else
		step_token(call, b, "aal1", amr);
}

/* The user's row first, and read as it is written: whoever signs in as the same user at once waits there, and nothing
 * is looked for twice. */
static void add_rows(struct auth_call *call, const struct session_start *start, struct begun *b)
{
	struct pg_batch *sql = &call->sql;
	b->user_statement =
	    PG_ADD(sql,
		   "update auth.users u set last_sign_in_at = now(), updated_at = now() where u.id = $1::uuid "
		   "returning " AUTH_USER_COLUMNS,
		   start->user_id);
	PG_ADD(sql,
	       "insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip) "
	       "values ($1::uuid, $2::uuid, now(), now(), 'aal1', $3, $4::inet)",
	       b->id, start->user_id, call->user_agent, call->address);
	PG_ADD(sql,
	       "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) "
	       "values (gen_random_uuid(), $1::uuid, now(), now(), $2)",
	       b->id, start->method);
	PG_ADD(sql,
	       "insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, "
	       "session_id) values (" SQL_NOBODY ", $1, $2, false, now(), now(), $3::uuid)",
	       b->refresh_token, start->user_id, b->id);
}

void session_begin(struct auth_call *call, const struct session_start *start, const char *failure,
		   void (*done)(struct auth_call *call, const struct session *session))
{
	struct begun *b = arena_alloc(call->arena, sizeof *b);
	if (b != NULL)
		*b = (struct begun){.id = auth_new_uuid(call->arena),
				    .refresh_token = auth_new_refresh_token(call->arena),
				    .method = start->method,
				    .extra = start->extra,
				    .is_new = true,
				    .done = done};
	if (b == NULL || b->id == NULL || b->refresh_token == NULL) {
		call_full(call);
		return;
	}
	call->begun = b;
	add_rows(call, start, b);
	call_run(call, failure, on_begun);
}

static void put_session(struct buf *b, const struct session *s)
{
	buf_puts(b, "{\"access_token\":\"");
	buf_puts(b, s->access_token);
	buf_puts(b, "\",\"token_type\":\"bearer\",");
	buf_printf(b, "\"expires_in\":%lld,\"expires_at\":%lld,", (long long)s->expires_in_s,
		   (long long)s->expires_at_s);
	buf_puts(b, "\"refresh_token\":");
	json_put_string(b, str_from(s->refresh_token));
	buf_putc(b, ',');
	if (s->extra != NULL) buf_printf(b, "%s,", s->extra);
	buf_puts(b, "\"user\":");
	auth_user_put(b, &s->user);
	buf_putc(b, '}');
}

void session_reply(struct auth_call *call, const struct session *session)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SESSION_MAX_BYTES);
	if (call->on_session != NULL) {
		call->on_session(call, session);
		return;
	}
	put_session(&b, session);
	call_reply(call, 200, buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL);
}
