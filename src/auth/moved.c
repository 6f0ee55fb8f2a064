/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/moved.h"

#include <stdlib.h>

#include "auth/moved_token.h"

struct taking {
	struct moved_token parsed;
	const char *token;
	void (*next)(struct auth_call *call);
};

enum { KEY, COUNTER, IS_KNOWN, IS_RECENT };

/* A client that lost the last answer at the old place holds the token before. One that is ahead was given out there
 * after the project was copied. */
#define BEHIND_MAX 1

static void on_ended(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_fail(call, 400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
}

static void step_old(struct auth_call *call, const struct taking *t, bool is_recent)
{
	if (is_recent || !call->settings->enable_refresh_token_rotation) {
		on_ended(call, NULL);
		return;
	}
	PG_ADD(call_sql(call), "delete from auth.sessions where id = $1::uuid", t->parsed.session_id);
	call_run(call, "Database error refreshing the session", on_ended);
}

/* Of several at once the session's lock lets one be first; the counter is then out of reach for the others. */
static void step_take(struct auth_call *call, const struct taking *t, const char *counter)
{
	const char *ahead = arena_printf(call->arena, "%lld", (long long)t->parsed.counter);
	(void)call_sql(call);
	PG_ADD(&call->sql, "select 1 from auth.sessions where id = $1::uuid for update", t->parsed.session_id);
	PG_ADD(&call->sql,
	       "with s as (update auth.sessions set refresh_token_counter = greatest($2::bigint, $3::bigint) + 2 where "
	       "id = $1::uuid and refresh_token_counter = $2::bigint returning *) insert into auth.refresh_tokens "
	       "(instance_id, token, user_id, revoked, created_at, updated_at, session_id) select " SQL_NOBODY
	       ", $4, s.user_id, false, coalesce(s.refreshed_at at time zone 'utc', s.created_at), "
	       "coalesce(s.refreshed_at at time zone 'utc', s.created_at), s.id from s on conflict (token) do nothing",
	       t->parsed.session_id, counter, ahead, t->token);
	t->next(call);
}

static void on_session(struct auth_call *call, const PGresult *rows)
{
	const struct taking *t = call->moved;
	bool is_signed = PQntuples(rows) > 0 && moved_token_matches(&t->parsed, PQgetvalue(rows, 0, KEY));
	(void)call_sql(call);
	if (!is_signed || PQgetvalue(rows, 0, IS_KNOWN)[0] == 't')
		t->next(call);
	else if (t->parsed.counter < atoll(PQgetvalue(rows, 0, COUNTER)) - BEHIND_MAX)
		step_old(call, t, PQgetvalue(rows, 0, IS_RECENT)[0] == 't');
	else
		step_take(call, t, PQgetvalue(rows, 0, COUNTER));
}

void moved_take(struct auth_call *call, const char *token, void (*next)(struct auth_call *call))
{
	struct taking *t = arena_alloc(call->arena, sizeof *t);
	(void)call_sql(call);
	if (t == NULL) {
		call_full(call);
		return;
	}
	*t = (struct taking){.token = token, .next = next};
	call->moved = t;
	if (!moved_token_read(str_from(token), &t->parsed)) {
		next(call);
		return;
	}
	PG_ADD(&call->sql,
	       "select coalesce(s.refresh_token_hmac_key, ''), coalesce(s.refresh_token_counter, 0), exists(select "
	       "from auth.refresh_tokens t where t.token = $2), coalesce(s.refreshed_at >= now() at time zone 'utc' - "
	       "make_interval(secs => $3::float8), false) from auth.sessions s where s.id = $1::uuid",
	       t->parsed.session_id, token,
	       arena_printf(call->arena, "%lld", (long long)call->settings->refresh_token_reuse_interval_s));
	call_run(call, "Database error refreshing the session", on_session);
}
