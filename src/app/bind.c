/* SPDX-License-Identifier: Apache-2.0 */
#include "app/bind.h"

#include "app/live.h"
#include "app/parts.h"
#include "app/pause.h"
#include "build/bind.h"
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

static bool bind_again(const struct flow *f, const char *app, const char *app_dir, int64_t number, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	json_t *facts = NULL, *outcome = NULL;
	bool ok = release_path(app_dir, number, "", dir, err) && release_facts(app_dir, number, &facts, err) &&
		  bind_release(f, app, dir, &outcome, err);
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

/* The oldest first, since of two releases' files of one name assets/ has the newer; and what is live at last. */
bool bind_releases(const struct flow *f, const char *app, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX], live = 0;
	int count = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_list(dir, numbers, &count, err) ||
	    !release_live(dir, &live, err))
		return false;
	while (count-- > 0) {
		if (!bind_again(f, app, dir, numbers[count], err))
			return err_wrap(err, "write its address and keys into release %lld of %s",
					(long long)numbers[count], app);
		pause_here("bind", "release");
	}
	return live == 0 || live_restore_assets(dir, live, err);
}
