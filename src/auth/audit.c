/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/audit.h"

#include <stdlib.h>

#include "codec/json.h"

#define NOBODY "00000000-0000-0000-0000-000000000000"

static const struct {
	const char *action, *type;
} types[] = {
    {"login", "account"},
    {"logout", "account"},
    {"invite_accepted", "account"},
    {"user_signedup", "team"},
    {"user_invited", "team"},
    {"user_deleted", "team"},
    {"token_revoked", "token"},
    {"token_refreshed", "token"},
    {"factor_in_progress", "factor"},
    {"factor_unenrolled", "factor"},
    {"challenge_created", "factor"},
    {"verification_attempted", "factor"},
    {"factor_deleted", "factor"},
    {"factor_updated", "factor"},
};

static const char *type_of(const char *action)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].action, action) == 0) return types[i].type;
	return "user";
}

static void put_name(json_t *payload, const struct auth_user *actor)
{
	json_t *metadata JSON_CLEANUP = NULL;
	struct err err;
	if (actor == NULL || actor->user_metadata == NULL) return;
	if (!json_parse(str_from(actor->user_metadata), &metadata, &err)) return;
	json_t *name = json_object_get(metadata, "full_name");
	if (name != NULL) (void)json_object_set(payload, "actor_name", name);
}

static const char *username(const struct auth_call *call, const struct auth_user *actor)
{
	if (actor == NULL) return call->caller.role != NULL ? call->caller.role : "";
	if (actor->phone != NULL && actor->phone[0] != '\0') return actor->phone;
	return actor->email != NULL ? actor->email : "";
}

void audit_add(struct auth_call *call, const char *action, const struct auth_user *actor, json_t *traits)
{
	json_t *held JSON_CLEANUP = traits;
	if (!call->settings->audit_log_enabled) return;
	json_t *payload JSON_CLEANUP =
	    json_pack("{s:s, s:b, s:s, s:s, s:s}", "actor_id", actor != NULL ? actor->id : NOBODY, "actor_via_sso", 0,
		      "actor_username", username(call, actor), "action", action, "log_type", type_of(action));
	put_name(payload, actor);
	if (held != NULL) (void)json_object_set(payload, "traits", held);
	char *text = json_text(payload);
	PG_ADD(&call->sql,
	       "insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address) values "
	       "(" SQL_NOBODY ", gen_random_uuid(), $1::json, now(), coalesce($2, ''))",
	       arena_strdup(call->arena, text), call->address);
	free(text);
}
