/* SPDX-License-Identifier: Apache-2.0
 *
 * A PostgreSQL beside the app's own as a unit of the supervisor: a branch, a copy that is looked at. It has no network,
 * archives nothing and subscribes to nothing, whatever its files or ALTER SYSTEM say: the command line is stronger. */
#ifndef FREEHOLD_APP_ALONE_H
#define FREEHOLD_APP_ALONE_H

#include "app/flow.h"
#include "app/parts.h"
#include "base/arena.h"
#include "run/supervisor.h"

struct alone {
	const char *bin_dir, *data_dir, *socket_dir, *log_path;
	const char *setting; /* one more, "name=value" */
	int64_t stop_ms;
};

/* The texts go into the arena; the name is the caller's to set. */
void alone_unit(const struct flow *f, const struct parts *p, const struct alone *a, struct arena *arena,
		struct unit_spec *ret_spec);

#endif
