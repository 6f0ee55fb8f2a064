/* SPDX-License-Identifier: Apache-2.0 */
#include "app/bind.h"

#include "app/live.h"
#include "app/parts.h"
#include "app/pause.h"
#include "build/bind.h"
#include "os/file.h"
#include "release/release.h"

bool bind_release(const struct flow *f, const char *app, const char *release_dir, json_t **ret_outcome, struct err *err)
{
	char url[EDGE_HOST_SIZE], anon[PARTS_KEY_SIZE], publishable[PARTS_KEY_SIZE];
	edge_app_url(&f->edge, app, url);
	if (!parts_key(f, app, "anon_key", anon, err) || !parts_key(f, app, "publishable_key", publishable, err))
		return false;
	struct build_values values = {.origin = url, .anon_key = anon, .publishable_key = publishable, .project = app};
	if (!build_bind(release_dir, &values, ret_outcome, err)) return false;
	json_object_set_new(*ret_outcome, "origin", json_string(url));
	return true;
}

/* What was written when it was bound before must be there to be written from again; else its pages would keep the
 * former address and nobody would hear of it. */
static bool check_unbound(const char *dir, const json_t *facts, struct err *err)
{
	static const char *const folders[] = {"unbound", "unbound-server", "unbound-functions"};
	const json_t *file;
	size_t i;
	json_array_foreach(json_object_get(json_object_get(facts, "bind"), "files"), i, file)
	{
		char path[FILE_PATH_SIZE];
		bool is_there = false;
		for (size_t k = 0; k < sizeof folders / sizeof *folders && !is_there; k++)
			is_there = file_path(path, err, "%s/%s/%s", dir, folders[k], json_string_value(file)) &&
				   file_exists(path);
		if (!is_there)
			return err_set(
			    err, ERR_NOT_FOUND,
			    "%.200s as it was built is gone from the folders unbound* in %.200s; deploy that "
			    "release's source again",
			    json_string_value(file), dir);
	}
	return true;
}

static bool bind_again(const struct flow *f, const char *app, const char *app_dir, int64_t number, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	json_t *facts = NULL, *outcome = NULL;
	bool ok = release_path(app_dir, number, "", dir, err) && release_facts(app_dir, number, &facts, err) &&
		  check_unbound(dir, facts, err) && bind_release(f, app, dir, &outcome, err);
	if (ok) {
		json_object_set(facts, "bind", outcome);
		json_object_set(facts, "hash_bound", json_object_get(outcome, "hash_bound"));
		ok = release_redress(app_dir, number, err) && release_seal(app_dir, number, facts, err) &&
		     live_restore_assets(app_dir, number, err);
	}
	json_decref(facts);
	json_decref(outcome);
	return ok;
}

/* The oldest first, since of two releases' files of one name assets/ has the newer; and what is live at last. One that
 * cannot be written keeps no other from it, and is told. */
bool bind_releases(const struct flow *f, const char *app, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX], live = 0;
	int count = 0;
	bool ok = true;
	struct err first;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_list(dir, numbers, &count, err) ||
	    !release_live(dir, &live, err))
		return false;
	while (count-- > 0) {
		if (!bind_again(f, app, dir, numbers[count], err)) {
			(void)err_wrap(err, "write its address and keys into release %lld of %s",
				       (long long)numbers[count], app);
			if (ok) first = *err;
			ok = false;
		}
		pause_here("bind", "release");
	}
	if (live != 0 && !live_restore_assets(dir, live, err)) return false;
	if (!ok) *err = first;
	return ok;
}
