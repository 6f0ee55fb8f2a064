/* SPDX-License-Identifier: Apache-2.0
 *
 * The owner's hooks (settings: hook.KIND): a function in the app's database or an address is asked before, while or
 * after something happens, with upstream's JSON, and may refuse.
 *
 *     if (!hook_is_on(call, AUTH_HOOK_BEFORE_USER_CREATED)) …
 *     hook_ask(call, AUTH_HOOK_BEFORE_USER_CREATED, input, on_answer);
 *
 * A hook that fails, takes longer than HOOK_WAIT_MS, or answers {"error":{"http_code":…,"message":…}} ends the call
 * with that. It is asked outside of the flow's own transaction: before what it may prevent is written. */
#ifndef FREEHOLD_AUTH_HOOK_H
#define FREEHOLD_AUTH_HOOK_H

#include "auth/call.h"

#define HOOK_WAIT_MS 2000

bool hook_is_on(const struct auth_call *call, enum auth_hook_kind kind);

/* {"metadata":{"uuid","time","name","ip_address"}} to add to. The caller's. */
json_t *hook_input(const struct auth_call *call, enum auth_hook_kind kind);

/* A user as clients see it, for an input. The caller's; NULL for one that is no JSON. */
json_t *hook_user(struct auth_call *call, const struct auth_user *user);

/* input is taken over. done gets the answer: an object or null, valid until the call ends. When the hook refused,
 * refused is called instead, which ends the call (with call_problem); NULL: that is done here. call->sql is left
 * alone. */
typedef void (*hook_done_fn)(struct auth_call *call, const json_t *output);
typedef void (*hook_refused_fn)(struct auth_call *call, const struct auth_problem *problem, const char *cause);
void hook_ask(struct auth_call *call, enum auth_hook_kind kind, json_t *input, hook_done_fn done,
	      hook_refused_fn refused);

/* For whoever asks an address (hook_http.c): gives the hook's answer, a JSON text, back to the call. */
struct hook_asked;
void hook_answer(struct hook_asked *asked, struct str output);
void hook_failed(struct hook_asked *asked, const struct err *why);
void hook_refuse(struct hook_asked *asked, const struct auth_problem *problem, const char *cause);

#endif
