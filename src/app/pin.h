/* SPDX-License-Identifier: Apache-2.0
 *
 * `freehold set APP pin=on`: what open tabs ask of the app's server goes to the release they were loaded from, for as
 * long as that one's server is kept (warm). It serves meanwhile, and is not frozen. The edge knows by a cookie of the
 * page, and by edge/pinned/<host>/<release> (edge/edge.h). */
#ifndef FREEHOLD_APP_PIN_H
#define FREEHOLD_APP_PIN_H

#include "app/flow.h"

/* As the setting is: from now on pages tell which release they are of, or no tab keeps anything. */
bool pin_follow_setting(const struct flow *f, const char *app, struct err *err);

/* Before another release goes live: tabs keep this one, if the app wants that and it has a server. 0: none is live. */
bool pin_keep(const struct flow *f, const char *app, int64_t release, struct err *err);

/* Its server ends: tabs get the live one. */
bool pin_let_go(const struct flow *f, const char *app, int64_t release, struct err *err);

/* The app goes. */
bool pin_forget(const struct flow *f, const char *app, struct err *err);

#endif
