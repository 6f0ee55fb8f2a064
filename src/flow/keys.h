/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of an app, made once: the secret its tokens are signed with, and the two pairs that supabase-js knows: JWTs
 * that carry the roles anon and service_role, and the newer sb_publishable_… and sb_secret_…. */
#ifndef FREEHOLD_FLOW_KEYS_H
#define FREEHOLD_FLOW_KEYS_H

#include "flow/flow.h"

/* Makes those that are missing. */
bool keys_ensure(const struct flow *f, const char *app, struct err *err);

#endif
