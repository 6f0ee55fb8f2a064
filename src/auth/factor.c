/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/factor.h"

#include "auth/user_columns.h"

struct loading_factor {
	struct factor factor;
	void (*next)(struct auth_call *call);
};

static void on_loaded(struct auth_call *call, const PGresult *rows)
{
	struct loading_factor *l = call->loading;
	struct factor *f = &l->factor;
	if (PQntuples(rows) == 0) {
		call_fail(call, 404, "mfa_factor_not_found", "Factor not found");
		return;
	}
	*f = (struct factor){.id = PQgetvalue(rows, 0, 0),
			     .type = PQgetvalue(rows, 0, 1),
			     .secret = PQgetvalue(rows, 0, 2),
			     .phone = PQgetvalue(rows, 0, 3),
			     .is_verified = PQgetvalue(rows, 0, 4)[0] == 't',
			     .challenged_ms = -1,
			     .json = PQgetvalue(rows, 0, 6)};
	(void)str_to_int(str_from(PQgetvalue(rows, 0, 5)), &f->challenged_ms);
	call->factor = f;
	l->next(call);
}

void factor_load(struct auth_call *call, const char *factor_id, void (*next)(struct auth_call *call))
{
	struct loading_factor *l = arena_alloc(call->arena, sizeof *l);
	if (l == NULL) {
		call_full(call);
		return;
	}
	l->next = next;
	call->loading = l;
	PG_ADD(call_sql(call),
	       "select f.id, f.factor_type, coalesce(f.secret, ''), coalesce(f.phone, ''), f.status = 'verified', "
	       "floor(extract(epoch from now() - f.last_challenged_at) * 1000)::bigint, " FACTOR_JSON
	       " from auth.mfa_factors f where f.id = $1::uuid and f.user_id = $2::uuid",
	       factor_id, call->user.id);
	call_run(call, "Database error loading factor", on_loaded);
}

bool factor_is_totp(const struct factor *factor)
{
	return strcmp(factor->type, "totp") == 0;
}

void factor_sql_downgrade(struct auth_call *call, const struct factor *factor)
{
	PG_ADD(&call->sql,
	       "with raised as (update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now() where "
	       "user_id = $1::uuid and factor_id = $2::uuid returning id) delete from auth.mfa_amr_claims where "
	       "session_id in (select id from raised) and authentication_method = $3",
	       call->user.id, factor->id, factor_is_totp(factor) ? "totp" : "mfa/phone");
}

void factor_name_taken(struct auth_call *call, const char *name)
{
	struct auth_problem problem;
	(void)auth_problem_set(&problem, 422, "mfa_factor_name_conflict",
			       "A factor with the friendly name \"%.100s\" for this user already exists", name);
	call_problem(call, &problem, NULL);
}

bool factor_on_taken(struct auth_call *call, const struct pg_error *why, const char *name)
{
	if (strcmp(why->constraint, "mfa_factors_user_friendly_name_unique") != 0) return false;
	factor_name_taken(call, name);
	return true;
}
