/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/new_user.h"

#include "auth/hook.h"
#include "codec/json.h"

struct waiting {
	void (*next)(struct auth_call *call);
};

static void on_hook(struct auth_call *call, const json_t *output)
{
	const struct waiting *w = call->new_user;
	(void)output;
	w->next(call);
}

static void ask(struct auth_call *call, enum auth_hook_kind kind, json_t *user, void (*next)(struct auth_call *call))
{
	json_t *input = hook_input(call, kind);
	struct waiting *w = arena_alloc(call->arena, sizeof *w);
	(void)json_object_set_new(input, "user", user);
	if (w == NULL) {
		json_decref(input);
		call_full(call);
		return;
	}
	w->next = next;
	call->new_user = w;
	hook_ask(call, kind, input, on_hook, NULL);
}

/* As upstream shows a user that has no row yet. */
static json_t *user_of(const struct new_user_facts *f)
{
	json_t *metadata = NULL;
	struct err err;
	if (f->user_metadata == NULL || !json_parse(str_from(f->user_metadata), &metadata, &err))
		metadata = json_object();
	json_t *app = f->provider != NULL ? json_pack("{s:s, s:[s]}", "provider", f->provider, "providers", f->provider)
					  : json_object();
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:[], s:s, s:s, s:b}", "id", f->id, "aud",
			 "authenticated", "role", "", "email", f->email != NULL ? f->email : "", "phone",
			 f->phone != NULL ? f->phone : "", "app_metadata", app, "user_metadata", metadata, "identities",
			 "created_at", "0001-01-01T00:00:00Z", "updated_at", "0001-01-01T00:00:00Z", "is_anonymous",
			 f->provider == NULL);
}

void new_user_before(struct auth_call *call, const struct new_user_facts *facts, void (*next)(struct auth_call *call))
{
	if (hook_is_on(call, AUTH_HOOK_BEFORE_USER_CREATED))
		ask(call, AUTH_HOOK_BEFORE_USER_CREATED, user_of(facts), next);
	else
		next(call);
}

void new_user_after(struct auth_call *call, const struct auth_user *user, void (*next)(struct auth_call *call))
{
	if (hook_is_on(call, AUTH_HOOK_AFTER_USER_CREATED))
		ask(call, AUTH_HOOK_AFTER_USER_CREATED, hook_user(call, user), next);
	else
		next(call);
}
