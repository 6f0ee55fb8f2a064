/* SPDX-License-Identifier: Apache-2.0
 *
 * What a unit consists of: its spec, whose texts are copied, and the cgroup it runs in. For the supervisor. */
#ifndef FREEHOLD_RUN_UNIT_H
#define FREEHOLD_RUN_UNIT_H

#include <stdbool.h>

#include "base/err.h"
#include "os/limits.h"
#include "run/supervisor.h"

void unit_spec_copy(struct unit_spec *to, const struct unit_spec *from);
void unit_spec_done(struct unit_spec *spec);

/* A short text that is another for each home, before the names of its groups. */
#define UNIT_MARK_SIZE 12
void unit_group_mark(const char *db_path, char ret_mark[UNIT_MARK_SIZE]);

/* Makes the unit's group, and the environment that tells of it: ret_env points into the spec and into ret_text. Of a
 * spec without limits it is the spec's own. */
#define UNIT_GROUP_TEXT_SIZE (LIMITS_GROUP_TEXT_SIZE + 32)
bool unit_group_open(const char *mark, const struct unit_spec *spec, struct limits_group *ret_group,
		     const char *ret_env[UNIT_ENV_MAX + 2], char ret_text[UNIT_GROUP_TEXT_SIZE], struct err *err);
void unit_group_forget(const char *mark, const struct unit_spec *spec);
void unit_group_sweep(const char *mark); /* those of this home that hold nobody */

#endif
