/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of an app, made once: the secret its tokens are signed with, and the two pairs that supabase-js knows: JWTs
 * that carry the roles anon and service_role, and the newer sb_publishable_… and sb_secret_…. */
#ifndef FREEHOLD_APP_KEYS_H
#define FREEHOLD_APP_KEYS_H

#include <jansson.h>

#include "app/flow.h"

/* Makes those that are missing. */
bool keys_ensure(const struct flow *f, const char *app, struct err *err);

/* Others in place of service_role_key and secret_key. The former ones are refused once the backend has been told. */
bool keys_renew_service(const struct flow *f, const char *app, struct err *err);

/* Others in place of anon_key and publishable_key, which stand in pages: the former ones go on being accepted until
 * keys_revoke_public. ERR_LIMIT when KEYS_FORMER_MAX are accepted already. ERR_CONFLICT: there are none to revoke. */
#define KEYS_FORMER_MAX 8
bool keys_renew_public(const struct flow *f, const char *app, struct err *err);
bool keys_revoke_public(const struct flow *f, const char *app, struct err *err);

/* For the backend: [{"anon", "publishable"}] that are accepted still, and [{"refused": digest}] for codec/keyring.h. */
bool keys_former(const struct flow *f, const char *app, json_t **ret_list, struct err *err);
bool keys_refused(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

#endif
