/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /factors/:id/verify: a right code raises this session to aal2, and ends the user's sessions that are not. The
 * refresh token that the session had before cannot raise it again: it is swapped in the same transaction. */
#include <openssl/crypto.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/factor.h"
#include "auth/flows.h"
#include "auth/hook.h"
#include "auth/post.h"
#include "auth/session.h"
#include "auth/token.h"
#include "auth/totp.h"
#include "auth/user_columns.h"
#include "codec/json.h"

#define TAKEN "challenge is taken"

struct verify_factor {
	const char *challenge_id, *code, *refresh_token, *rejection;
	bool is_right;
};

static const char *method_of(const struct auth_call *call)
{
	return factor_is_totp(call->factor) ? "totp" : "mfa/phone";
}

/* Raised. */
static void on_raised(struct auth_call *call, const PGresult *rows)
{
	const struct verify_factor *v = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 500, "unexpected_failure", "Database error loading user");
		return;
	}
	auth_user_read(rows, 0, &call->user);
	struct session_facts facts = {.user = &call->user,
				      .id = call->session.id,
				      .refresh_token = v->refresh_token,
				      .aal = "aal2",
				      .amr = PQgetvalue(rows, 0, AUTH_USER_COLUMN_COUNT),
				      .method = method_of(call)};
	session_continue(call, &facts, session_reply);
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, TAKEN) != 0) return false;
	call_fail(call, 422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.");
	return true;
}

static void add_raise(struct auth_call *call, const struct verify_factor *v)
{
	struct pg_batch *sql = &call->sql;
	const char *session = call->session.id, *user = call->user.id, *factor = call->factor->id;
	PG_ADD(sql,
	       "with c as (update auth.mfa_challenges set verified_at = now() where id = $1::uuid and verified_at is "
	       "null returning 1) select freehold_auth.refuse('" TAKEN "') where not exists (select from c)",
	       v->challenge_id);
	PG_ADD(sql, "update auth.mfa_factors set status = 'verified', updated_at = now() where id = $1::uuid", factor);
	PG_ADD(sql,
	       "update auth.sessions set aal = 'aal2', factor_id = $2::uuid, updated_at = now() where id = $1::uuid",
	       session, factor);
	PG_ADD(sql,
	       "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method) "
	       "values (gen_random_uuid(), $1::uuid, now(), now(), $2) on conflict (session_id, "
	       "authentication_method) do update set updated_at = now()",
	       session, method_of(call));
	/* Its updated_at lies in the past, so that the token before is not taken for one whose answer got lost. */
	PG_ADD(sql,
	       "with gone as (update auth.refresh_tokens set revoked = true, updated_at = now() - interval '1 day' "
	       "where session_id = $1::uuid returning 1) insert into auth.refresh_tokens (instance_id, token, "
	       "user_id, revoked, created_at, updated_at, session_id) values (" SQL_NOBODY
	       ", $2, $3, false, now(), now(), $1::uuid)",
	       session, v->refresh_token, user);
	PG_ADD(sql,
	       "delete from auth.sessions where user_id = $1::uuid and id <> $2::uuid and coalesce(aal, 'aal1') < "
	       "'aal2'",
	       user, session);
	PG_ADD(sql,
	       "delete from auth.mfa_factors where user_id = $1::uuid and status = 'unverified' and factor_type = "
	       "$2::auth.factor_type",
	       user, call->factor->type);
}

static void step_raise(struct auth_call *call)
{
	const struct verify_factor *v = call->flow;
	const struct auth_user *u = &call->user;
	if (!v->is_right) {
		call_fail(call, 422, "mfa_verification_failed",
			  factor_is_totp(call->factor) ? "Invalid TOTP code entered"
						       : "Invalid MFA Phone code entered");
		return;
	}
	(void)call_sql(call);
	add_raise(call, v);
	audit_add(call, "verification_attempted", u,
		  json_pack("{s:s, s:s, s:s}", "factor_id", call->factor->id, "challenge_id", v->challenge_id,
			    "factor_type", call->factor->type));
	if (!call->factor->is_verified)
		post_notify(
		    call, u,
		    &(struct post){.kind = MAIL_MFA_ENROLLED, .to = u->email, .factor_type = call->factor->type});
	PG_ADD(&call->sql,
	       "select " AUTH_USER_COLUMNS ", (select json_agg(json_build_object('method', a.authentication_method, "
	       "'timestamp', extract(epoch from a.updated_at)::bigint) order by a.updated_at desc, a.created_at desc) "
	       "from auth.mfa_amr_claims a where a.session_id = $2::uuid) from auth.users u where u.id = $1::uuid",
	       u->id, call->session.id);
	call->on_refused = on_refused;
	call_run(call, "Failed to update sessions", on_raised);
}

/* The owner's hook may refuse somebody who has guessed too often; that ends all of the user's sessions. */
static void on_rejected(struct auth_call *call, const PGresult *rows)
{
	const struct verify_factor *v = call->flow;
	(void)rows;
	call_fail(call, 403, "mfa_verification_rejected", v->rejection);
}

static void on_hook(struct auth_call *call, const json_t *output)
{
	struct verify_factor *v = call->flow;
	const char *message = json_str(output, "message", "");
	if (strcmp(json_str(output, "decision", ""), "reject") != 0) {
		step_raise(call);
		return;
	}
	v->rejection = arena_strdup(
	    call->arena, message[0] != '\0' ? message : "Further MFA verification attempts will be rejected.");
	if (v->rejection == NULL) {
		call_full(call);
		return;
	}
	PG_ADD(call_sql(call), "delete from auth.sessions where user_id = $1::uuid", call->user.id);
	call_run(call, "Database error signing out", on_rejected);
}

static void step_hook(struct auth_call *call)
{
	const struct verify_factor *v = call->flow;
	json_t *input = hook_input(call, AUTH_HOOK_MFA_VERIFICATION_ATTEMPT);
	(void)json_object_set_new(input, "user_id", json_string(call->user.id));
	(void)json_object_set_new(input, "factor_id", json_string(call->factor->id));
	(void)json_object_set_new(input, "factor_type", json_string(call->factor->type));
	(void)json_object_set_new(input, "valid", json_boolean(v->is_right));
	hook_ask(call, AUTH_HOOK_MFA_VERIFICATION_ATTEMPT, input, on_hook, NULL);
}

static bool is_same_code(const char *wanted, const char *given)
{
	size_t len = strlen(wanted);
	return len > 0 && len == strlen(given) && CRYPTO_memcmp(wanted, given, len) == 0;
}

static void expired(struct auth_call *call, const char *challenge_id)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 422, "mfa_challenge_expired",
			       "MFA challenge %s has expired, verify against another challenge or create a new "
			       "challenge.",
			       challenge_id);
	call_problem(call, &problem, NULL);
}

/* Columns: may be verified from here, is expired, code of a message. */
static void on_challenge(struct auth_call *call, const PGresult *rows)
{
	struct verify_factor *v = call->flow;
	if (PQntuples(rows) == 0) {
		call_fail(call, 422, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found");
		return;
	}
	if (PQgetvalue(rows, 0, 0)[0] != 't') {
		call_fail(call, 422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.");
		return;
	}
	if (PQgetvalue(rows, 0, 1)[0] == 't') {
		expired(call, v->challenge_id);
		return;
	}
	v->is_right = factor_is_totp(call->factor) ? totp_verify(call->factor->secret, v->code, call_now_s(call))
						   : is_same_code(PQgetvalue(rows, 0, 2), v->code);
	if (hook_is_on(call, AUTH_HOOK_MFA_VERIFICATION_ATTEMPT))
		step_hook(call);
	else
		step_raise(call);
}

static void step_challenge(struct auth_call *call)
{
	const struct verify_factor *v = call->flow;
	const struct auth_settings *s = call->settings;
	if (factor_is_totp(call->factor) ? !s->mfa.totp_verify_enabled : !s->mfa.phone_verify_enabled) {
		if (factor_is_totp(call->factor))
			call_fail(call, 422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP");
		else
			call_fail(call, 422, "mfa_phone_verify_not_enabled", "MFA verification is disabled for Phone");
		return;
	}
	PG_ADD(
	    call_sql(call),
	    "select c.verified_at is null and c.ip_address = coalesce($3, '127.0.0.1')::inet, c.created_at < now() - "
	    "make_interval(secs => $4::float8), coalesce(c.otp_code, '') from auth.mfa_challenges c where c.id = "
	    "$1::uuid and c.factor_id = $2::uuid",
	    v->challenge_id, call->factor->id, call->address,
	    arena_printf(call->arena, "%lld", (long long)s->mfa.challenge_expiry_s));
	call_run(call, "Database error finding Challenge", on_challenge);
}

void flow_factor_verify(struct auth_call *call)
{
	struct auth_problem problem;
	struct verify_factor *v = call_flow(call, sizeof *v);
	if (v == NULL || !call_limit(call, LIMIT_FACTOR)) return;
	v->challenge_id = v->code = "";
	v->refresh_token = auth_new_refresh_token(call->arena);
	if (!body_text(call->arena, call->body, "challenge_id", &v->challenge_id, &problem) ||
	    !body_text(call->arena, call->body, "code", &v->code, &problem))
		call_problem(call, &problem, NULL);
	else if (v->refresh_token == NULL)
		call_full(call);
	else if (call->user.is_anonymous)
		call_fail(call, 403, "no_authorization", "Anonymous user not allowed to perform these actions");
	else if (call->session.id == NULL)
		call_fail(call, 500, "unexpected_failure", "Cannot read SessionId claim as UUID");
	else if (!auth_is_uuid(v->challenge_id))
		call_fail(call, 400, "bad_json", "Could not parse request body as JSON: challenge_id must be a UUID");
	else if (v->code[0] == '\0')
		call_fail(call, 400, "validation_failed", "Code needs to be non-empty");
	else
		factor_load(call, call->ids[0], step_challenge);
}
