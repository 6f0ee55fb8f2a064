/* SPDX-License-Identifier: Apache-2.0
 *
 * The app's address and public keys, as they are now, in its releases (build/bind.h). */
#ifndef FREEHOLD_APP_BIND_H
#define FREEHOLD_APP_BIND_H

#include <jansson.h>

#include "app/flow.h"

/* Into one release's folder. ret_outcome (the caller's) is build_bind's, with "origin". */
bool bind_release(const struct flow *f, const char *app, const char *release_dir, json_t **ret_outcome,
		  struct err *err);

/* After the keys were made anew, or its address became https or http: into every release that is kept, so that visitors
 * get them at once and a rollback brings back no former ones. Each file is whole at every moment; run again after a
 * crash it does the same. Servers that run read theirs when they start. It reads and writes all of the files with keys
 * in them: `freeholdd --bind`. */
bool bind_releases(const struct flow *f, const char *app, struct err *err);

#endif
