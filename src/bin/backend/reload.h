/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration file is watched: whoever writes a new one over it (rename(2)) has the app's sign-in run by it a
 * moment later, without a restart. A file that cannot be taken leaves what was, and the log says why. */
#ifndef FREEHOLD_BIN_BACKEND_RELOAD_H
#define FREEHOLD_BIN_BACKEND_RELOAD_H

#include <uv.h>

#include "bin/backend/config.h"
#include "bin/backend/gateway.h"
#include "bin/backend/jobs.h"

struct reload {
	const char *path;
	struct backend_config *config; /* auth and keys are replaced in it */
	struct gateway *gateway;
	struct jobs *jobs;
	json_t *auth, *keys, *s3_keys, *place, *asked,
	    *lovable; /* what applies, as it stood in the file; NULL: nothing stood there */
	uv_fs_event_t event;
	uv_timer_t timer; /* several changes at once are read once */
};

/* Reads the file once more at once: it may have changed since it was read. Everything must outlive the loop. */
void reload_start(struct reload *r, uv_loop_t *loop);
void reload_stop(struct reload *r);

#endif
