/* SPDX-License-Identifier: Apache-2.0
 *
 * grant_type=refresh_token: a token is swapped for its child. */
#include "auth/body.h"
#include "auth/flows.h"
#include "auth/moved.h"
#include "auth/session.h"
#include "auth/token.h"
#include "auth/user_columns.h"

/* Behind the user's columns. */
enum { VERDICT = AUTH_USER_COLUMN_COUNT, TOKEN, SESSION, AAL, AMR };

static const struct {
	const char *verdict, *code, *words;
} refusals[] = {
    {"unknown", "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"},
    {"banned", "user_banned", "Invalid Refresh Token: User Banned"},
    {"no session", "session_not_found", "Invalid Refresh Token: No Valid Session Found"},
    {"expired", "session_expired", "Invalid Refresh Token: Session Expired"},
    {"inactive", "session_expired", "Invalid Refresh Token: Session Expired (Inactivity)"},
    {"newer", "session_expired", "Invalid Refresh Token: Session Expired (Revoked by Newer Login)"},
    {"reused", "refresh_token_already_used", "Invalid Refresh Token: Already Used"},
    {"replay", "refresh_token_already_used", "Invalid Refresh Token: Already Used"},
};

static void on_refreshed(struct auth_call *call, const PGresult *rows)
{
	const char *verdict = PQgetvalue(rows, 0, VERDICT);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		if (strcmp(verdict, refusals[i].verdict) != 0) continue;
		call_fail(call, 400, refusals[i].code, refusals[i].words);
		return;
	}
	auth_user_read(rows, 0, &call->user);
	struct session_facts facts = {.user = &call->user,
				      .id = PQgetvalue(rows, 0, SESSION),
				      .refresh_token = PQgetvalue(rows, 0, TOKEN),
				      .method = "token_refresh",
				      .aal = PQgetvalue(rows, 0, AAL),
				      .amr = PQgetvalue(rows, 0, AMR)};
	session_continue(call, &facts, session_reply);
}

/* When a session was last of use, to whoever holds its token and to others. */
#define LAST_USED_BY(token) "coalesce(s.refreshed_at at time zone 'utc', greatest(" token ".updated_at, s.created_at))"
#define LAST_USED "coalesce(o.refreshed_at at time zone 'utc', o.created_at)"

#define AGO(milliseconds) "now() - make_interval(secs => " milliseconds "::float8 / 1000)"

/* It would stack the pieces to the right without end: */
/* clang-format off */

/* What the owner may bound sessions by. Where nothing is bound, which is nearly everywhere, it is left out: PostgreSQL
 * would open it for nothing, and find that a plan made anew, without it, costs less than the one it keeps. */
#define LIMITS \
    "when $8::bigint > 0 and exists (select from s where created_at < " AGO("$8") ") then 'expired' " \
    "when $9::bigint > 0 and exists (select from s, t where " LAST_USED_BY("t") " < " AGO("$9") ") then 'inactive' " \
    "when $10::boolean and exists (select from auth.sessions o, s, t where o.user_id = s.user_id and o.id <> s.id " \
    "and (o.not_after is null or o.not_after >= now()) " \
    "and ($8::bigint = 0 or o.created_at >= " AGO("$8") ") and ($9::bigint = 0 or " LAST_USED " >= " AGO("$9") ") " \
    "and " LAST_USED " > " LAST_USED_BY("t") ") then 'newer' "

/* Two requests with one token meet at the session's lock; the statement behind it then sees what the other did. A token
 * that was swapped may be used again for a while, or when its child is the one in force (the answer got lost);
 * otherwise somebody has a copy, and the whole family ends: at a time in the past, so that no other member of it is
 * forgiven for having been swapped just now.
 * A token names its user as text, which may be anything: it is made a uuid, not the users' ids text, so that their
 * index finds the one. */
#define SWAP(limits) \
    "with t as materialized (select * from auth.refresh_tokens where token = $1), " \
    "s as materialized (select s.* from auth.sessions s join t on t.session_id = s.id), " \
    "u as materialized (select u.* from auth.users u join t on u.id = case when t.user_id ~ " \
    "'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then t.user_id::uuid end), " \
    "active as materialized (select r.token, r.parent from auth.refresh_tokens r join t on r.session_id = " \
    "t.session_id where r.revoked is not true order by r.id desc limit 1), " \
    "v as materialized (select case " \
    "when not exists (select from t) or not exists (select from u) then 'unknown' " \
    "when exists (select from u where banned_until > now()) then 'banned' " \
    "when not exists (select from s) then 'no session' " \
    "when exists (select from s where not_after < now()) then 'expired' " \
    limits \
    "when exists (select from t where revoked is not true) then 'swap' " \
    "when exists (select from active, t where active.parent = t.token) then 'active' " \
    "when exists (select from t where updated_at >= now() - make_interval(secs => $5::float8)) then 'swap' " \
    "when not $6::boolean then 'reused' else 'replay' end as verdict), " \
    "revoked as (update auth.refresh_tokens r set revoked = true, updated_at = case v.verdict when 'replay' then " \
    "now() - make_interval(secs => $5::float8 + 1) else now() end from v where r.revoked is not true and r.id = any " \
    "(case v.verdict when 'swap' then array(select id from t) when 'replay' then array(select x.id from " \
    "auth.refresh_tokens x join t on x.session_id = t.session_id where x.revoked is not true) end)), " \
    "fresh as (insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, " \
    "parent, session_id) select " SQL_NOBODY ", $2, t.user_id, false, now(), now(), t.token, t.session_id from t, " \
    "v where v.verdict = 'swap' returning token), " \
    "touched as (update auth.sessions x set refreshed_at = now() at time zone 'utc', updated_at = now(), " \
    "user_agent = $3, ip = $4::text::inet from t, v where x.id = t.session_id and v.verdict in ('swap', 'active')), " \
    "noted as (insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) select " \
    SQL_NOBODY ", gen_random_uuid(), json_build_object('actor_id', u.id, 'actor_via_sso', u.is_sso_user, " \
    "'actor_username', coalesce(nullif(u.phone, ''), u.email, ''), 'action', a.action, 'log_type', 'token'), now(), " \
    "coalesce($4::text, '') from u, v, (values ('token_refreshed'), ('token_revoked')) a(action) where $7::boolean " \
    "and (v.verdict = 'swap' or (v.verdict = 'active' and a.action = 'token_refreshed'))) " \
    "select " AUTH_USER_COLUMNS ", v.verdict, coalesce((select token from fresh), (select token from active)), s.id, " \
    "coalesce(s.aal::text, 'aal1'), (select coalesce(json_agg(json_build_object('method', a.authentication_method, " \
    "'timestamp', extract(epoch from a.updated_at)::bigint) order by a.created_at desc), '[]') from " \
    "auth.mfa_amr_claims a where a.session_id = s.id) from v left join u on true left join s on true"
/* clang-format on */

struct refresh {
	const char *token, *new_token;
};

static void step_swap(struct auth_call *call)
{
	const struct refresh *f = call->flow;
	const char *token = f->token, *new_token = f->new_token;
	const struct auth_settings *s = call->settings;
	bool is_bound =
	    s->sessions.timebox_ms > 0 || s->sessions.inactivity_timeout_ms > 0 || s->sessions.single_per_user;
	struct arena *a = call->arena;
	const char *const params[] = {token,
				      new_token,
				      call->user_agent,
				      call->address,
				      arena_printf(a, "%lld", (long long)s->refresh_token_reuse_interval_s),
				      s->enable_refresh_token_rotation ? "t" : "f",
				      s->audit_log_enabled ? "t" : "f",
				      arena_printf(a, "%lld", (long long)s->sessions.timebox_ms),
				      arena_printf(a, "%lld", (long long)s->sessions.inactivity_timeout_ms),
				      s->sessions.single_per_user ? "t" : "f"};
	PG_ADD(&call->sql,
	       "select 1 from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id where t.token = $1 "
	       "for update of s",
	       token);
	if (is_bound)
		pg_batch_add(&call->sql, SWAP(LIMITS), 10, params);
	else
		pg_batch_add(&call->sql, SWAP(""), 7, params);
	call_run(call, "Database error refreshing the session", on_refreshed);
}

void flow_grant_refresh(struct auth_call *call)
{
	struct refresh *f = call_flow(call, sizeof *f);
	struct auth_problem problem;
	if (f == NULL || !call_limit(call, LIMIT_REFRESH)) return;
	f->token = "", f->new_token = auth_new_refresh_token(call->arena);
	if (!body_text(call->arena, call->body, "refresh_token", &f->token, &problem)) {
		call_problem(call, &problem, NULL);
	} else if (f->new_token == NULL) {
		call_full(call);
	} else if (f->token[0] == '\0') {
		(void)auth_problem_set(&problem, 400, "validation_failed", "refresh_token required");
		problem.oauth_error = "invalid_request";
		call_problem(call, &problem, NULL);
	} else {
		moved_take(call, f->token, step_swap);
	}
}
