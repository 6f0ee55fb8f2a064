/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE /user/identities/:id: a way to sign in is taken away, never the last one. Where the user's address came from
 * it, that of another identity takes its place. */
#include <string.h>

#include "auth/audit.h"
#include "auth/flows.h"
#include "auth/post.h"
#include "codec/json.h"

#define LAST "the last identity"

static bool on_refused(struct auth_call *call, const struct pg_error *why)
{
	if (strcmp(why->message, LAST) == 0)
		call_fail(call, 422, "single_identity_not_deletable",
			  "User must have at least 1 identity after unlinking");
	else if (strcmp(why->constraint, "users_email_partial_key") == 0)
		call_fail(call, 422, "email_conflict_identity_not_deletable",
			  "Unable to unlink identity due to email conflict");
	else
		return false;
	return true;
}

static void on_unlinked(struct auth_call *call, const PGresult *rows)
{
	(void)rows;
	call_reply(call, 200, "{}");
}

/* Verified addresses first, then the oldest; none that is somebody else's. What was mailed to the address that goes, or
 * waits for a code, is void: whoever reads that mailbox has nothing to do with the account any more. */
static void add_email(struct auth_call *call)
{
	PG_ADD(
	    &call->sql,
	    "with changed as (update auth.users u set email = n.email, email_confirmed_at = case when n.is_good then "
	    "coalesce(u.email_confirmed_at, now()) end, raw_user_meta_data = case when n.is_good then "
	    "u.raw_user_meta_data else coalesce(u.raw_user_meta_data, '{}') || '{\"email_verified\": false}' end, "
	    "confirmation_token = '', confirmation_sent_at = null, recovery_token = '', recovery_sent_at = null, "
	    "email_change = '', email_change_token_current = '', email_change_token_new = '', email_change_sent_at = "
	    "null, email_change_confirm_status = 0, phone_change = '', phone_change_token = '', phone_change_sent_at = "
	    "null, reauthentication_token = '', reauthentication_sent_at = null, updated_at = now() from (select 1) "
	    "one "
	    "left join lateral (select i.email, $2::boolean or coalesce((i.identity_data ->> "
	    "'email_verified')::boolean, "
	    "false) as is_good from auth.identities i where i.user_id = $1::uuid and i.email is not null and not "
	    "exists "
	    "(select from auth.users o where o.email = i.email and o.id <> $1::uuid and not o.is_sso_user) order by "
	    "coalesce((i.identity_data ->> 'email_verified')::boolean, false) desc, i.created_at, i.id limit 1) n on "
	    "true where u.id = $1::uuid and u.email is not null and not exists (select from auth.identities i where "
	    "i.user_id = $1::uuid and i.email = u.email) returning u.id) delete from auth.one_time_tokens where "
	    "user_id "
	    "in (select id from changed)",
	    call->user.id, call->settings->email.enable_confirmations ? "f" : "t");
}

static const char *find(struct auth_call *call, json_t *identities, const char **ret_provider_id)
{
	size_t i;
	json_t *identity;
	json_array_foreach(identities, i, identity)
	{
		if (strcmp(json_str(identity, "identity_id", ""), call->ids[0]) != 0) continue;
		*ret_provider_id = arena_strdup(call->arena, json_str(identity, "id", ""));
		return arena_strdup(call->arena, json_str(identity, "provider", ""));
	}
	return NULL;
}

static void step_unlink(struct auth_call *call, const char *provider, const char *provider_id)
{
	PG_ADD(call_sql(call),
	       "select freehold_auth.refuse('" LAST
	       "') from (select id from auth.users where id = $1::uuid for update) u "
	       "where (select count(*) from auth.identities i where i.user_id = u.id) <= 1",
	       call->user.id);
	PG_ADD(&call->sql, "delete from auth.identities where id = $1::uuid and user_id = $2::uuid", call->ids[0],
	       call->user.id);
	if (strcmp(provider, "phone") == 0)
		PG_ADD(&call->sql,
		       "update auth.users set phone = null, phone_confirmed_at = null, updated_at = now() where id = "
		       "$1::uuid",
		       call->user.id);
	else
		add_email(call);
	user_sql_providers(&call->sql, call->user.id);
	audit_add(call, "identity_unlinked", &call->user,
		  json_pack("{s:s, s:s, s:s}", "identity_id", call->ids[0], "provider", provider, "provider_id",
			    provider_id));
	if (call->user.email[0] != '\0')
		post_notify(
		    call, &call->user,
		    &(struct post){.kind = MAIL_IDENTITY_UNLINKED, .to = call->user.email, .provider = provider});
	call->on_refused = on_refused;
	call_run(call, "Database error deleting identity", on_unlinked);
}

void flow_identity_delete(struct auth_call *call)
{
	json_t *identities JSON_CLEANUP = NULL;
	struct err ignored;
	const char *provider_id = NULL;
	if (!call->settings->enable_manual_linking) {
		call_fail(call, 404, "manual_linking_disabled", "Manual linking is disabled");
		return;
	}
	(void)json_parse(str_from(call->user.identities), &identities, &ignored);
	if (json_array_size(identities) <= 1) {
		call_fail(call, 422, "single_identity_not_deletable",
			  "User must have at least 1 identity after unlinking");
		return;
	}
	const char *provider = find(call, identities, &provider_id);
	if (provider == NULL || provider_id == NULL)
		call_fail(call, 422, "identity_not_found", "Identity doesn't exist");
	else
		step_unlink(call, provider, provider_id);
}
