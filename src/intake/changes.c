/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/changes.h"

#include "codec/json.h"

bool intake_changes(const struct intake_child *child, const char *dir, json_t **ret_changes, struct err *err)
{
	const char *const args[] = {"changes", dir, NULL};
	struct child_call call = {.args = args, .what = "read what the schema push would change", .dirs_ro = {dir}};
	json_t *answer JSON_CLEANUP = NULL;
	if (!child_run(child, &call, &answer, err)) return false;
	*ret_changes = json_incref(json_object_get(answer, "changes"));
	return *ret_changes != NULL || err_set(err, ERR_INTERNAL, "freehold-intake is of another version");
}
