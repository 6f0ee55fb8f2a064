/* SPDX-License-Identifier: Apache-2.0
 *
 * grant_type=pkce: the code that a link or a provider led to, and the verifier whose challenge began it, for a session.
 * A code is good once: its row goes in the transaction that begins the session. */
#include <stdlib.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/pkce.h"
#include "auth/session.h"
#include "auth/user_columns.h"
#include "codec/json.h"

#define GONE "flow state is gone"

/* Behind the user's columns. */
enum { FLOW_ID = AUTH_USER_COLUMN_COUNT, CHALLENGE, CHALLENGE_METHOD, METHOD, PROVIDER, TOKEN, REFRESH_TOKEN, EXPIRED };

struct exchange {
	const char *code, *verifier;
};

static void put_token(struct auth_call *call, json_t *extra, const char *name, const char *token)
{
	(void)call;
	if (token[0] != '\0') (void)json_object_set_new(extra, name, json_string(token));
}

/* What the provider gave, for the app to call it with. NULL: nothing. */
static const char *provider_tokens(struct auth_call *call, const PGresult *rows)
{
	json_t *extra JSON_CLEANUP = json_object();
	put_token(call, extra, "provider_token", PQgetvalue(rows, 0, TOKEN));
	put_token(call, extra, "provider_refresh_token", PQgetvalue(rows, 0, REFRESH_TOKEN));
	if (json_object_size(extra) == 0) return NULL;
	char *text = json_text(extra);
	struct str members = str_from(text);
	const char *copy = arena_cstr(call->arena, str_sub(members, 1, members.len - 1));
	free(text);
	return copy;
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, GONE) != 0) return false;
	call_fail(call, 404, "flow_state_not_found", "invalid flow state, no valid flow state found");
	return true;
}

static void step_session(struct auth_call *call, const PGresult *rows)
{
	PG_ADD(call_sql(call),
	       "with gone as (delete from auth.flow_state where id = $1::uuid returning 1) select "
	       "freehold_auth.refuse('" GONE "') where not exists (select from gone)",
	       PQgetvalue(rows, 0, FLOW_ID));
	audit_add(call, "login", &call->user, json_pack("{s:s}", "provider_type", PQgetvalue(rows, 0, PROVIDER)));
	call->on_refused = on_refused;
	session_begin(call,
		      &(struct session_start){.user_id = call->user.id,
					      .method = PQgetvalue(rows, 0, METHOD),
					      .extra = provider_tokens(call, rows)},
		      "Database error granting user", session_reply);
}

static void on_found(struct auth_call *call, const PGresult *rows)
{
	const struct exchange *x = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "flow_state_not_found", "invalid flow state, no valid flow state found");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	if (PQgetvalue(rows, 0, EXPIRED)[0] == 't')
		call_fail(call, 422, "flow_state_expired", "invalid flow state, flow state has expired");
	else if (!pkce_verify(PQgetvalue(rows, 0, CHALLENGE), PQgetvalue(rows, 0, CHALLENGE_METHOD), x->verifier))
		call_fail(call, 400, "bad_code_verifier",
			  "code challenge does not match previously saved code verifier");
	else if (call->user.is_banned)
		call_fail(call, 400, "user_banned", "User is banned");
	else
		step_session(call, rows);
}

void flow_grant_pkce(struct auth_call *call)
{
	struct auth_problem problem;
	struct exchange *x = call_flow(call, sizeof *x);
	if (x == NULL || !call_limit(call, LIMIT_REFRESH)) return;
	x->code = x->verifier = "";
	if (!body_text(call->arena, call->body, "auth_code", &x->code, &problem) ||
	    !body_text(call->arena, call->body, "code_verifier", &x->verifier, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (x->code[0] == '\0' || x->verifier[0] == '\0') {
		call_fail(call, 400, "validation_failed",
			  "invalid request: both auth code and code verifier should be non-empty");
		return;
	}
	/* A code lives from when its link was followed. Upstream counts most from when the mail was asked for, so that
	 * whoever reads it six minutes later is told to begin again. */
	PG_ADD(call_sql(call),
	       "select " AUTH_USER_COLUMNS ", f.id, coalesce(f.code_challenge, ''), coalesce(f.code_challenge_method"
	       "::text, ''), f.authentication_method, f.provider_type, coalesce(f.provider_access_token, ''), "
	       "coalesce(f.provider_refresh_token, ''), now() > coalesce(f.auth_code_issued_at, f.created_at) + "
	       "make_interval(secs => $2::float8) from auth.flow_state f join auth.users u on u.id = f.user_id where "
	       "f.auth_code = $1",
	       x->code, PKCE_CODE_LIFETIME);
	call_run(call, "Database error finding flow state", on_found);
}
