/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <stdlib.h>

#include "auth/token.h"
#include "codec/json.h"

#define SESSION_MAX_BYTES (16u << 20)

struct begun {
	const char *id, *refresh_token, *method;
	void (*done)(struct auth_call *call, const struct session *session);
};

void session_continue(struct auth_call *call, const struct session_facts *facts,
		      void (*done)(struct auth_call *call, const struct session *session))
{
	const struct auth_settings *settings = call->settings;
	int64_t now_s = call_now_s(call);
	struct session *session = arena_alloc(call->arena, sizeof *session);
	if (session == NULL) {
		call_full(call);
		return;
	}
	*session = (struct session){.refresh_token = facts->refresh_token,
				    .expires_in_s = settings->jwt_expiry_s,
				    .expires_at_s = now_s + settings->jwt_expiry_s,
				    .user = *facts->user};
	session->access_token =
	    auth_access_token(call->arena, &(struct token_facts){.issuer = settings->jwt_issuer,
								 .key = keyring_signing(call->auth->keys),
								 .now_s = now_s,
								 .expires_at_s = session->expires_at_s,
								 .user = facts->user,
								 .session_id = facts->id,
								 .aal = facts->aal,
								 .amr = facts->amr});
	if (session->access_token == NULL)
		call_full(call);
	else
		done(call, session);
}

static void on_begun(struct auth_call *call, const PGresult *rows)
{
	const struct begun *b = call->flow_session;
	struct auth_user user;
	if (PQntuples(rows) == 0) {
		call_fail(call, 500, "unexpected_failure", "Database error loading user");
		return;
	}
	auth_user_read(rows, 0, &user);
	const char *amr = arena_printf(call->arena, "[{\"method\":\"%s\",\"timestamp\":%lld}]", b->method,
				       (long long)call_now_s(call));
	struct session_facts facts = {
	    .user = &user, .id = b->id, .refresh_token = b->refresh_token, .aal = "aal1", .amr = amr};
	if (amr == NULL)
		call_full(call);
	else
		session_continue(call, &facts, b->done);
}

static void add_rows(struct auth_call *call, const struct session_start *start, const struct begun *b)
{
	struct auth_sql *sql = &call->sql;
	SQL_ADD(sql, "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1::uuid",
		start->user_id);
	SQL_ADD(sql,
		"insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip) "
		"values ($1::uuid, $2::uuid, now(), now(), 'aal1', $3, $4::inet)",
		b->id, start->user_id, call->user_agent, call->address);
	SQL_ADD(sql,
		"insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) "
		"values (gen_random_uuid(), $1::uuid, now(), now(), $2)",
		b->id, start->method);
	SQL_ADD(sql,
		"insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, "
		"session_id) values (" SQL_NOBODY ", $1, $2, false, now(), now(), $3::uuid)",
		b->refresh_token, start->user_id, b->id);
	user_sql_by_id(sql, start->user_id);
}

void session_begin(struct auth_call *call, const struct session_start *start, const char *failure,
		   void (*done)(struct auth_call *call, const struct session *session))
{
	struct begun *b = arena_alloc(call->arena, sizeof *b);
	if (b != NULL)
		*b = (struct begun){.id = auth_new_uuid(call->arena),
				    .refresh_token = auth_new_refresh_token(call->arena),
				    .method = start->method,
				    .done = done};
	if (b == NULL || b->id == NULL || b->refresh_token == NULL) {
		call_full(call);
		return;
	}
	call->flow_session = b;
	add_rows(call, start, b);
	call_run(call, failure, on_begun);
}

static void put_session(struct buf *b, const struct session *s)
{
	json_t *refresh JSON_CLEANUP = json_string(s->refresh_token);
	char *quoted = json_text(refresh);
	buf_printf(b, "{\"access_token\":\"%s\",\"token_type\":\"bearer\",", s->access_token);
	buf_printf(b, "\"expires_in\":%lld,\"expires_at\":%lld,", (long long)s->expires_in_s,
		   (long long)s->expires_at_s);
	buf_printf(b, "\"refresh_token\":%s,\"user\":", quoted);
	auth_user_put(b, &s->user);
	buf_putc(b, '}');
	free(quoted);
}

void session_reply(struct auth_call *call, const struct session *session)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SESSION_MAX_BYTES);
	put_session(&b, session);
	call_reply(call, 200, buf_is_ok(&b) ? arena_cstr(call->arena, buf_view(&b)) : NULL);
}
