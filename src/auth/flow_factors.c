/* SPDX-License-Identifier: Apache-2.0
 *
 * /factors: enroll, challenge, unenroll. What is enrolled counts once a code of it was verified
 * (flow_factor_verify.c). */
#include <stdlib.h>

#include "auth/audit.h"
#include "auth/body.h"
#include "auth/factor.h"
#include "auth/flows.h"
#include "auth/hook.h"
#include "auth/phone.h"
#include "auth/post.h"
#include "auth/redirect.h"
#include "auth/token.h"
#include "auth/totp.h"
#include "codec/json.h"

#define QR_MAX_BYTES (256u << 10)
#define UNVERIFIED_LIFETIME "300" /* seconds, of a factor that nobody challenged, as upstream */

struct enroll {
	const char *name, *type, *issuer, *phone, *id, *uri;
	char secret[TOTP_SECRET_SIZE];
};

/* Who may have factors at all. */
static bool may(struct auth_call *call)
{
	if (call->user.is_anonymous)
		call_fail(call, 403, "no_authorization", "Anonymous user not allowed to perform these actions");
	else if (call->session.id == NULL)
		call_fail(call, 500, "unexpected_failure",
			  "A valid session and a registered user are required to enroll a factor");
	else
		return true;
	return false;
}

/* Enroll. */
static void reply_enrolled(struct auth_call *call, const struct enroll *e)
{
	json_t *o JSON_CLEANUP = json_pack("{s:s, s:s, s:s}", "id", e->id, "type", e->type, "friendly_name", e->name);
	struct buf svg BUF_CLEANUP;
	buf_init(&svg, QR_MAX_BYTES);
	if (e->phone != NULL) {
		(void)json_object_set_new(o, "phone", json_string(e->phone));
	} else {
		if (!totp_qr_svg(e->uri, &svg)) {
			call_fail(call, 500, "unexpected_failure", "Error generating QR Code");
			return;
		}
		(void)json_object_set_new(
		    o, "totp",
		    json_pack("{s:s, s:s, s:s}", "qr_code", buf_cstr(&svg), "secret", e->secret, "uri", e->uri));
	}
	char *text = json_text(o);
	call_reply(call, 200, arena_strdup(call->arena, text));
	free(text);
}

static void on_enrolled(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	reply_enrolled(call, call->flow);
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	const struct enroll *e = call->flow;
	return factor_on_taken(call, why, e->name);
}

/* The factors that are there: name, verified, phone. */
static bool is_room(struct auth_call *call, const PGresult *rows)
{
	const struct enroll *e = call->flow;
	int verified = 0;
	for (int i = 0; i < PQntuples(rows); i++) {
		bool is_verified = PQgetvalue(rows, i, 1)[0] == 't';
		verified += is_verified;
		if (e->phone != NULL && is_verified && strcmp(PQgetvalue(rows, i, 2), e->phone) == 0) {
			call_fail(call, 422, "mfa_verified_factor_exists",
				  "A verified phone factor already exists, unenroll the existing factor to continue");
			return false;
		}
		if (strcmp(PQgetvalue(rows, i, 0), e->name) == 0) {
			factor_name_taken(call, e->name);
			return false;
		}
	}
	if (PQntuples(rows) >= call->settings->mfa.max_enrolled_factors)
		call_fail(call, 422, "too_many_enrolled_mfa_factors",
			  "Maximum number of verified factors reached, unenroll to continue");
	else if (verified > 0 && !call->session.is_aal2)
		call_fail(call, 403, "insufficient_aal", "AAL2 required to enroll a new factor");
	else
		return true;
	return false;
}

static void on_factors(struct auth_call *call, const PGresult *rows)
{
	const struct enroll *e = call->flow;
	if (!is_room(call, rows)) return;
	PG_ADD(call_sql(call),
	       "insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at, "
	       "secret, phone) values ($1::uuid, $2::uuid, $3, $4::auth.factor_type, 'unverified', now(), now(), $5, "
	       "$6)",
	       e->id, call->user.id, e->name, e->type, e->phone == NULL ? e->secret : NULL, e->phone);
	audit_add(call, "factor_in_progress", &call->user, json_pack("{s:s}", "factor_id", e->id));
	call->on_refused = on_refused;
	call_run(call, "Database error enrolling factor", on_enrolled);
}

static void step_enroll(struct auth_call *call, const struct enroll *e)
{
	PG_ADD(
	    call_sql(call),
	    "delete from auth.mfa_factors f where f.user_id = $1::uuid and f.status <> 'verified' and ((f.created_at "
	    "< now() - make_interval(secs => " UNVERIFIED_LIFETIME
	    ") and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)) or f.phone = $2)",
	    call->user.id, e->phone);
	PG_ADD(&call->sql,
	       "select coalesce(friendly_name, ''), status = 'verified', coalesce(phone, '') from auth.mfa_factors "
	       "where user_id = $1::uuid",
	       call->user.id);
	call_run(call, "Database error finding factors", on_factors);
}

static bool parse_enroll(struct auth_call *call, struct enroll *e, struct auth_problem *problem)
{
	const struct auth_settings *s = call->settings;
	struct arena *a = call->arena;
	const char *phone = "";
	e->name = e->type = e->issuer = "";
	if (!body_text(a, call->body, "friendly_name", &e->name, problem) ||
	    !body_text(a, call->body, "factor_type", &e->type, problem) ||
	    !body_text(a, call->body, "issuer", &e->issuer, problem) ||
	    !body_text(a, call->body, "phone", &phone, problem))
		return false;
	if (strcmp(e->type, "totp") == 0)
		return s->mfa.totp_enroll_enabled ||
		       auth_problem_set(problem, 422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP");
	if (strcmp(e->type, "webauthn") == 0)
		return auth_problem_set(problem, 422, "mfa_webauthn_enroll_not_enabled",
					"MFA enroll is disabled for WebAuthn");
	if (strcmp(e->type, "phone") != 0)
		return auth_invalid(problem, "factor_type needs to be totp, phone, or webauthn");
	if (!s->mfa.phone_enroll_enabled)
		return auth_problem_set(problem, 422, "mfa_phone_enroll_not_enabled",
					"MFA enroll is disabled for Phone");
	if (phone[0] == '\0') return auth_invalid(problem, "Phone number required to enroll Phone factor");
	return phone_check(a, phone, &e->phone, problem);
}

void flow_factor_enroll(struct auth_call *call)
{
	struct auth_problem problem;
	struct enroll *e = call_flow(call, sizeof *e);
	struct str scheme, host;
	if (e == NULL || !may(call)) return;
	if (!parse_enroll(call, e, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (e->issuer[0] == '\0') {
		host = str_from(call->settings->site_url);
		if (str_cut(host, ':', &scheme, &host)) host = str_sub(host, 2, host.len);
		(void)str_cut(host, '/', &host, &scheme);
		e->issuer = arena_cstr(call->arena, host);
	}
	totp_make_secret(e->secret);
	e->id = auth_new_uuid(call->arena);
	e->uri = e->issuer != NULL ? totp_uri(call->arena, e->secret, e->issuer, call->user.email) : NULL;
	if (e->id == NULL || e->uri == NULL)
		call_full(call);
	else
		step_enroll(call, e);
}

/* Challenge. */
struct challenge {
	const char *id, *code; /* of a message; NULL: an app makes it */
};

static void on_challenged(struct auth_call *call, const PGresult *rows)
{
	const struct challenge *c = call->flow;
	(void)rows;
	call_reply(call, 200,
		   arena_printf(call->arena, "{\"id\":\"%s\",\"type\":\"%s\",\"expires_at\":%lld}", c->id,
				call->factor->type,
				(long long)(call_now_s(call) + call->settings->mfa.challenge_expiry_s)));
}

static void write_challenge(struct auth_call *call)
{
	const struct challenge *c = call->flow;
	const struct factor *f = call->factor;
	PG_ADD(call_sql(call),
	       "insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code) values ($1::uuid, "
	       "$2::uuid, now(), coalesce($3, '127.0.0.1')::inet, $4)",
	       c->id, f->id, call->address, c->code);
	PG_ADD(&call->sql, "update auth.mfa_factors set last_challenged_at = clock_timestamp() where id = $1::uuid",
	       f->id);
	audit_add(
	    call, "challenge_created", &call->user,
	    json_pack("{s:s, s:s}", "factor_id", f->id, "factor_status", f->is_verified ? "verified" : "unverified"));
	call_run(call, "Database error creating challenge", on_challenged);
}

static void on_message(struct auth_call *call, const json_t *output)
{
	(void)output;
	write_challenge(call);
}

static void step_message(struct auth_call *call, struct challenge *c)
{
	const struct auth_settings *s = call->settings;
	const struct factor *f = call->factor;
	struct once once;
	struct auth_problem problem;
	if (f->challenged_ms >= 0 && f->challenged_ms < s->mfa.phone_max_frequency_ms) {
		(void)auth_problem_set(&problem, 429, "over_sms_send_rate_limit",
				       "For security purposes, you can only request this after %lld seconds.",
				       (long long)((s->mfa.phone_max_frequency_ms - f->challenged_ms) / 1000));
		call_problem(call, &problem, NULL);
		return;
	}
	c->code = phone_test_code(s, f->phone);
	if (c->code != NULL) {
		write_challenge(call);
		return;
	}
	if (!hook_is_on(call, AUTH_HOOK_SEND_SMS)) {
		call_fail(call, 500, "unexpected_failure", "Failed to get SMS provider");
		return;
	}
	if (!once_make(call->arena, f->phone, s->mfa.phone_otp_length, NULL, &once)) {
		call_full(call);
		return;
	}
	c->code = once.code;
	json_t *input = hook_input(call, AUTH_HOOK_SEND_SMS);
	(void)json_object_set_new(input, "user", hook_user(call, &call->user));
	(void)json_object_set_new(input, "sms",
				  json_pack("{s:s, s:s, s:s}", "otp", c->code, "sms_type", "mfa", "phone", f->phone));
	hook_ask(call, AUTH_HOOK_SEND_SMS, input, on_message, NULL);
}

static void step_challenge(struct auth_call *call)
{
	const struct auth_settings *s = call->settings;
	struct challenge *c = call_flow(call, sizeof *c);
	if (c == NULL) return;
	c->id = auth_new_uuid(call->arena);
	if (c->id == NULL)
		call_full(call);
	else if (factor_is_totp(call->factor) && !s->mfa.totp_verify_enabled)
		call_fail(call, 422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP");
	else if (factor_is_totp(call->factor))
		write_challenge(call);
	else if (strcmp(call->factor->type, "phone") != 0)
		call_fail(call, 422, "mfa_webauthn_verify_not_enabled", "MFA verification is disabled for WebAuthn");
	else if (!s->mfa.phone_verify_enabled)
		call_fail(call, 422, "mfa_phone_verify_not_enabled", "MFA verification is disabled for Phone");
	else
		step_message(call, c);
}

void flow_factor_challenge(struct auth_call *call)
{
	if (may(call) && call_limit(call, LIMIT_CHALLENGE)) factor_load(call, call->ids[0], step_challenge);
}

/* Unenroll. */
static void on_unenrolled(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 200, arena_printf(call->arena, "{\"id\":\"%s\"}", call->factor->id));
}

static void step_unenroll(struct auth_call *call)
{
	const struct factor *f = call->factor;
	const struct auth_user *u = &call->user;
	if (f->is_verified && !call->session.is_aal2) {
		call_fail(call, 422, "insufficient_aal", "AAL2 required to unenroll verified factor");
		return;
	}
	(void)call_sql(call);
	factor_sql_downgrade(call, f);
	PG_ADD(&call->sql, "delete from auth.mfa_factors where id = $1::uuid", f->id);
	audit_add(call, "factor_unenrolled", u,
		  json_pack("{s:s, s:s, s:s}", "factor_id", f->id, "factor_status",
			    f->is_verified ? "verified" : "unverified", "session_id", call->session.id));
	post_notify(call, u, &(struct post){.kind = MAIL_MFA_UNENROLLED, .to = u->email, .factor_type = f->type});
	call_run(call, "Database error deleting factor", on_unenrolled);
}

void flow_factor_unenroll(struct auth_call *call)
{
	if (may(call)) factor_load(call, call->ids[0], step_unenroll);
}
