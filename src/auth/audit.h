/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened, in auth.audit_log_entries, by upstream's names. */
#ifndef FREEHOLD_AUTH_AUDIT_H
#define FREEHOLD_AUTH_AUDIT_H

#include "auth/call.h"

/* Adds the row to call->sql where the owner wants a log. action is upstream's word: "login", "user_signedup" …; actor
 * has at least an id, or is NULL for an administrator. traits is an object that is taken over, or NULL. */
void audit_add(struct auth_call *call, const char *action, const struct auth_user *actor, json_t *traits);

#endif
