/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process that was killed between making a thing and renaming it leaves: names that end in ".new", ".new123". */
#ifndef FREEHOLD_APP_SWEEP_H
#define FREEHOLD_APP_SWEEP_H

#include "app/flow.h"

/* Of one app, while nothing deploys it. */
bool sweep_app(const struct flow *f, const char *app, struct err *err);

/* Of the home, and archives that never came in whole. Only the daemon, before it starts anything. */
bool sweep_home(const struct flow *f, struct err *err);

/* Node versions and package managers that no release's server runs on and no build has used for two weeks.
 * nothing_builds: halves of fetches that were cut off go too. */
bool sweep_tools(const struct flow *f, bool nothing_builds, struct err *err);

#endif
