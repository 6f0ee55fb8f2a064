/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/functions_build.h"

#include <stdio.h>
#include <string.h>

#include "app/functions.h"
#include "base/buf.h"
#include "build/functions.h"
#include "codec/given.h"
#include "codec/json.h"
#include "release/release.h"
#include "store/app.h"

#define NAMES_MAX_BYTES 700

/* Names that functions read and nobody has set: they would be found missing at the first call. */
bool functions_step_check(struct deploy *d, struct err *err)
{
	struct buf missing BUF_CLEANUP;
	size_t i;
	json_t *one;
	int count = 0;
	buf_init(&missing, NAMES_MAX_BYTES);
	json_array_foreach(json_object_get(d->inspection, "env"), i, one)
	{
		struct buf value BUF_CLEANUP;
		buf_init(&value, SEAL_VALUE_MAX_BYTES);
		const char *name = json_str(one, "name", "");
		if (strcmp(json_str(one, "where", ""), "function") != 0 || json_bool(one, "has_default", false) ||
		    json_bool(one, "supplied", false) || given_is(str_from(name)) || given_is_ambient(str_from(name)) ||
		    app_secret_get(d->f->db, d->f->seal, d->parts.app.name, "env", name, &value, err))
			continue;
		if (err->code != ERR_NOT_FOUND) return false;
		if (app_secret_get(d->f->db, d->f->seal, d->parts.app.name, FUNCTIONS_SECRET, name, &value, err))
			continue;
		if (err->code != ERR_NOT_FOUND) return false;
		buf_printf(&missing, "%s%s", count++ > 0 ? ", " : "", name);
	}
	if (count == 0) return true;
	const char *it = count == 1 ? "it" : "them";
	step_note(
	    d,
	    "Functions read %s and nobody has set %s; set %s with: freehold env %s --functions set %.*s=VALUE. It "
	    "holds from then on, without another deployment. Until then what needs %s does not work.",
	    buf_cstr(&missing), it, it, d->parts.app.name, (int)strcspn(buf_cstr(&missing), ","), buf_cstr(&missing),
	    it);
	return true;
}

/* Each by its function, line and address: at the first call it would be too late. */
static void say_problems(struct deploy *d, const json_t *functions)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(functions, "problems"), i, one)
	{
		const char *url = json_str(one, "url", "");
		long long line = (long long)json_int(one, "line", 0);
		char at[32] = "";
		if (line > 0) (void)snprintf(at, sizeof at, " line %lld", line);
		step_note(
		    d, "The function %s will not run: %.300s%s%s%.300s: %.400s. It answers 503 until that is mended.",
		    json_str(one, "function", "?"), json_str(one, "file", ""), at, url[0] != '\0' ? " imports " : "",
		    url, json_str(one, "why", ""));
	}
}

static size_t count_refused(const json_t *list)
{
	size_t i, count = 0;
	json_t *one;
	json_array_foreach(list, i, one) if (json_str(one, "refusal", NULL) != NULL) count++;
	return count;
}

bool functions_step_build(struct deploy *d, struct err *err)
{
	json_t *outcome JSON_CLEANUP = NULL;
	if (!functions_are_there(&d->job)) return true;
	if (!functions_build(&d->job, &outcome, err)) return false;
	say_problems(d, outcome);
	json_t *adaptations = json_object_get(d->report, "adaptations");
	if (adaptations == NULL) {
		adaptations = json_array();
		json_object_set_new(d->report, "adaptations", adaptations);
	}
	(void)json_array_extend(adaptations, json_object_get(outcome, "adaptations"));
	json_object_set(d->release, "functions", outcome);
	json_object_set(d->report, "functions", json_object_get(outcome, "list"));
	size_t count = json_array_size(json_object_get(outcome, "list")),
	       refused = count_refused(json_object_get(outcome, "list"));
	step_note(d, "%zu edge function%s, with %zu packages of their own locked and kept in the release%s.",
		  count - refused, count - refused == 1 ? "" : "s",
		  json_array_size(json_object_get(outcome, "packages")),
		  refused > 0 ? "; others will not run, see above" : "");
	return true;
}

/* The newest release but this one that has functions; "" where there is none. */
static bool find_former(const struct deploy *d, char ret_dir[FILE_PATH_SIZE], struct err *err)
{
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	ret_dir[0] = '\0';
	if (!release_list(d->parts.dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (numbers[i] != d->number && functions_is_there(d->parts.dir, numbers[i]))
			return release_path(d->parts.dir, numbers[i], "", ret_dir, err);
	return true;
}

bool functions_step_package(struct deploy *d, const char *release_dir, struct err *err)
{
	const json_t *functions = json_object_get(d->release, "functions");
	char former[FILE_PATH_SIZE], run_dir[FILE_PATH_SIZE], link[FILE_PATH_SIZE];
	if (functions == NULL) return true;
	return find_former(d, former, err) &&
	       functions_package(&d->job, json_object_get(functions, "list"), former[0] != '\0' ? former : NULL,
				 release_dir, err) &&
	       functions_run_dir(&d->parts, d->number, run_dir, err) && file_path(link, err, "%s/fn", release_dir) &&
	       file_link_swap(run_dir, link, err);
}
