/* SPDX-License-Identifier: Apache-2.0
 *
 * What SQL that was not written by us would change, read by the helper in its sandbox (intake/sql_loss.h). */
#ifndef FREEHOLD_INTAKE_CHANGES_H
#define FREEHOLD_INTAKE_CHANGES_H

#include <jansson.h>

#include "intake/child.h"

/* dir: an absolute path the child's user can read, with supabase/migrations in it. ret_changes is the caller's:
 * {"migrations": the plan of codec/migration.h, "losses": [{"name", "schema", "table", "what", "line"}], "tables":
 * {"public.users": …} that it creates}. */
bool intake_changes(const struct intake_child *child, const char *dir, json_t **ret_changes, struct err *err);

#endif
