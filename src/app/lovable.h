/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in for the services that Lovable gives its apps: the AI provider that the owner set, for one app or for
 * all, and the key by which an app's code asks for it and for mails (ai/ai.h, bin/backend/letter.h). What is set for an
 * app goes before what is set for all. */
#ifndef FREEHOLD_APP_LOVABLE_H
#define FREEHOLD_APP_LOVABLE_H

#include <jansson.h>

#include "app/flow.h"

#define LOVABLE_KEY "lovable_api_key" /* of kind "key"; app/keys.h makes it */

/* {"app_key", "url", "key", "models": [{"from", "to"}]}, for the backend; without url where none is set. */
bool lovable_document(const struct flow *f, const char *app, json_t **ret_document, struct err *err);

/* For the owner: {"url", "has_key", "models": {FROM: TO}, "from": "app", "all" or "none"}. app NULL: what is set for
 * all. */
bool lovable_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

/* change: {"url", "key", "models": {FROM: TO, FROM: null}}, each where it is to change; null takes a model away. NULL:
 * nothing is set any more. What an app has not set itself is begun from what holds for it. Checked as a whole; holds at
 * once. */
bool lovable_change(const struct flow *f, const char *app, const json_t *change, struct err *err);

#endif
