/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that sign an app's tokens, as the owner turns them (codec/keyring.h has their states). An app begins with
 * the secret it was made with (HS256, here "legacy"): its long-lived keys are signed with that, and the backend knows
 * those two as they stand, so that the secret can be rotated and revoked like any other. */
#ifndef FREEHOLD_APP_SIGNING_H
#define FREEHOLD_APP_SIGNING_H

#include <jansson.h>

#include "app/flow.h"
#include "codec/keyring.h"

#define SIGNING_LEGACY "legacy"

/* [{"id", "algorithm", "state", "created_at", "changed_at"}], the newest first; no key's private half. */
bool signing_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* For the backend: a list for keyring_read. */
bool signing_for_backend(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* A key that is announced and will sign after the next rotation. ERR_CONFLICT when there is one. */
bool signing_standby(const struct flow *f, const char *app, enum jwt_algorithm algorithm, struct err *err);

/* The one on standby signs from now on, what signed before still verifies. ERR_CONFLICT when none is on standby. */
bool signing_rotate(const struct flow *f, const char *app, struct err *err);

/* Tokens that it signed are refused from now on. ERR_CONFLICT for the one in use. */
bool signing_revoke(const struct flow *f, const char *app, const char *id, struct err *err);

/* JSON Web Keys with their private halves. takes_over: the first is in use from now on, else all only verify. A key
 * without a kid gets one. */
bool signing_import(const struct flow *f, const char *app, const json_t *keys, bool takes_over, struct err *err);

#endif
