/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept for the work that an app's database asks for (jobs/cron.h, jobs/net.h): which Supabase projects it came
 * from, whose address in its jobs means its own now, and which addresses that are not public it may call. */
#ifndef FREEHOLD_APP_ASKED_H
#define FREEHOLD_APP_ASKED_H

#include <jansson.h>

#include "app/flow.h"

/* {"projects": [REF], "allow": ["10.0.0.5"]}, for the backend's configuration. */
bool asked_document(const struct flow *f, const char *app, json_t **ret_document, struct err *err);

/* The project of an export; "" changes nothing. The newest come first, NET_PROJECTS_MAX are kept. */
bool asked_keep_project(const struct flow *f, const char *app, const char *project, struct err *err);

/* Adds a network, or takes it away; both hold at once. ERR_INVALID for what is none, ERR_NOT_FOUND for one to be taken
 * away that is not there. */
bool asked_allow(const struct flow *f, const char *app, const char *network, bool is_allowed, struct err *err);

#endif
