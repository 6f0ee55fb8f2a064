/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sweep.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/sql.h"

#define ROWS " limit 1000 for update skip locked)"

struct sweep {
	struct pg_pool *pool;
	struct pg_call pg;
	struct pg_batch sql;
	char timebox_ms[24], inactivity_ms[24];
	size_t next;
	int64_t next_at_ms;
	bool is_running, is_orphan;
};

/* $1 and $2: the limits of sessions, in milliseconds, 0 for none. Each statement names both, so that all take the same.
 */
#define TAKES_LIMITS " and ($1::bigint >= 0 or $2::bigint >= 0)"

static const char *const statements[] = {
    "delete from auth.flow_state where id in (select id from auth.flow_state where created_at < now() - interval "
    "'24 hours'" TAKES_LIMITS ROWS,
    "delete from auth.refresh_tokens where id in (select id from auth.refresh_tokens where revoked and updated_at < "
    "now() - interval '24 hours' - interval '1 hour'" TAKES_LIMITS ROWS,
    "delete from auth.mfa_challenges where id in (select id from auth.mfa_challenges where created_at < now() - "
    "interval '24 hours'" TAKES_LIMITS ROWS,
    "delete from auth.mfa_factors where id in (select id from auth.mfa_factors where created_at < now() - interval "
    "'24 hours' and status = 'unverified'" TAKES_LIMITS ROWS,
    "delete from auth.sessions where id in (select id from auth.sessions where not_after < now() - interval '72 "
    "hours' or ($1::bigint > 0 and created_at < now() - interval '24 hours' - make_interval(secs => $1::float8 / "
    "1000)) or ($2::bigint > 0 and refreshed_at < (now() - interval '24 hours' - make_interval(secs => $2::float8 / "
    "1000)) at time zone 'utc')" ROWS,
};

struct sweep *sweep_new(struct pg_pool *pool)
{
	struct sweep *sweep = calloc(1, sizeof *sweep);
	if (sweep == NULL) abort();
	sweep->pool = pool;
	return sweep;
}

void sweep_free(struct sweep *sweep)
{
	if (sweep != NULL && sweep->is_running)
		sweep->is_orphan = true;
	else
		free(sweep);
}

/* A failure is tried again with the next turn; the rows stay meanwhile. */
static void on_done(void *arg, struct pg_call *pg)
{
	struct sweep *sweep = arg;
	pg_call_clear(pg);
	sweep->is_running = false;
	if (sweep->is_orphan) free(sweep);
}

void sweep_maybe(struct sweep *sweep, const struct auth_settings *settings, int64_t now_ms)
{
	struct err ignored;
	if (sweep->is_running || now_ms < sweep->next_at_ms) return;
	sweep->next_at_ms = now_ms + SWEEP_PAUSE_MS;
	(void)snprintf(sweep->timebox_ms, sizeof sweep->timebox_ms, "%lld", (long long)settings->sessions.timebox_ms);
	(void)snprintf(sweep->inactivity_ms, sizeof sweep->inactivity_ms, "%lld",
		       (long long)settings->sessions.inactivity_timeout_ms);
	sweep->sql.count = 0;
	PG_ADD(&sweep->sql, statements[sweep->next], sweep->timebox_ms, sweep->inactivity_ms);
	sweep->next = (sweep->next + 1) % (sizeof statements / sizeof *statements);
	sweep->pg = (struct pg_call){
	    .statements = sweep->sql.statements, .count = 1, .run_ms = 5000, .done = on_done, .arg = sweep};
	sweep->is_running = pg_pool_run(sweep->pool, &sweep->pg, &ignored);
}

bool sweep_is_running(const struct sweep *sweep)
{
	return sweep->is_running;
}
