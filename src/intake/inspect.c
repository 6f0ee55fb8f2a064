/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/inspect.h"

#include <string.h>

#include "codec/json.h"

bool intake_inspect(const struct intake_child *child, const char *dir, json_t **ret_inspection, struct err *err)
{
	const char *const args[] = {"inspect", dir, NULL};
	struct child_call call = {.args = args, .what = "inspect the source", .dirs_ro = {dir}};
	json_t *answer JSON_CLEANUP = NULL;
	if (!child_run(child, &call, &answer, err)) return false;
	json_t *inspection = json_object_get(answer, "inspection");
	if (json_int(inspection, "schema", 0) != INSPECT_SCHEMA)
		return err_set(err, ERR_INTERNAL, "freehold-intake is of another version; install Freehold again");
	*ret_inspection = json_incref(inspection);
	return true;
}

static bool holds(const json_t *list, const char *text)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i,
			   item) if (json_is_string(item) && strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

json_t *inspect_stops(const json_t *inspection, const json_t *accepted)
{
	json_t *names = json_array();
	size_t i;
	json_t *finding;
	json_array_foreach(json_object_get(inspection, "findings"), i, finding)
	{
		const char *name = json_str(finding, "name", "");
		bool is_accepted = json_bool(finding, "can_accept", false) && holds(accepted, name);
		if (strcmp(json_str(finding, "severity", ""), "stop") == 0 && !is_accepted)
			json_array_append_new(names, json_string(name));
	}
	return names;
}
