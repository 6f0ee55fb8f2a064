/* SPDX-License-Identifier: Apache-2.0
 *
 * /admin/users/:id/factors: an administrator sees a user's second factors, renames one, corrects its number, takes it
 * away. */
#include "auth/admin.h"
#include "auth/audit.h"
#include "auth/body.h"
#include "auth/factor.h"
#include "auth/flows.h"
#include "auth/phone.h"

static void reply_list(struct auth_call *call)
{
	call_reply(call, 200, call->user.factors[0] != '\0' ? call->user.factors : "[]");
}

void flow_admin_factors(struct auth_call *call)
{
	admin_load_user(call, reply_list);
}

static void reply_factor(struct auth_call *call)
{
	call_reply(call, 200, call->factor->json);
}

/* Update. */
struct update {
	const char *name, *phone; /* "": stays */
};

static void on_updated(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	factor_load(call, call->ids[1], reply_factor);
}

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	const struct update *u = call->flow;
	if (strcmp(why->constraint, "unique_phone_factor_per_user") != 0) return factor_on_taken(call, why, u->name);
	call_fail(call, 422, "mfa_verified_factor_exists", "Another phone factor of this user has that number");
	return true;
}

/* A number belongs to a factor by telephone alone; for another kind it is passed over, as upstream does. */
static void step_update(struct auth_call *call)
{
	struct update *u = call->flow;
	const struct factor *f = call->factor;
	struct auth_problem problem;
	if (strcmp(f->type, "phone") != 0) u->phone = "";
	if (u->phone[0] != '\0' && !phone_check(call->arena, u->phone, &u->phone, &problem)) {
		call_problem(call, &problem, NULL);
		return;
	}
	if (u->name[0] != '\0' || u->phone[0] != '\0')
		PG_ADD(call_sql(call),
		       "update auth.mfa_factors set friendly_name = coalesce(nullif($2, ''), friendly_name), phone = "
		       "coalesce(nullif($3, ''), phone), updated_at = now() where id = $1::uuid",
		       f->id, u->name, u->phone);
	else
		(void)call_sql(call);
	audit_add(call, "factor_updated", NULL,
		  json_pack("{s:s, s:s, s:s}", "user_id", call->user.id, "factor_id", f->id, "factor_type", f->type));
	call->on_refused = on_refused;
	if (call->sql.count > 0)
		call_run(call, "Database error updating factor", on_updated);
	else
		reply_factor(call);
}

static void load_for_update(struct auth_call *call)
{
	factor_load(call, call->ids[1], step_update);
}

void flow_admin_factor_update(struct auth_call *call)
{
	struct auth_problem problem;
	struct update *u = call_flow(call, sizeof *u);
	if (u == NULL) return;
	u->name = u->phone = "";
	if (body_text(call->arena, call->body, "friendly_name", &u->name, &problem) &&
	    body_text(call->arena, call->body, "phone", &u->phone, &problem))
		admin_load_user(call, load_for_update);
	else
		call_problem(call, &problem, NULL);
}

/* Delete. */
static void on_deleted(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	reply_factor(call);
}

static void step_delete(struct auth_call *call)
{
	const struct factor *f = call->factor;
	(void)call_sql(call);
	factor_sql_downgrade(call, f);
	PG_ADD(&call->sql, "delete from auth.mfa_factors where id = $1::uuid", f->id);
	audit_add(call, "factor_deleted", &call->user,
		  json_pack("{s:s, s:s}", "user_id", call->user.id, "factor_id", f->id));
	call_run(call, "Database error deleting factor", on_deleted);
}

static void load_for_delete(struct auth_call *call)
{
	factor_load(call, call->ids[1], step_delete);
}

void flow_admin_factor_delete(struct auth_call *call)
{
	admin_load_user(call, load_for_delete);
}
