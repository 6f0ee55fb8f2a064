/* SPDX-License-Identifier: Apache-2.0 */
#include "move/move.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/cluster_switch.h"
#include "app/git_key.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "move/following.h"
#include "move/import.h"
#include "move/import_files.h"
#include "release/release.h"

#define HOLD_PATIENCE_MS 30000
#define RECOVER_MS (10ll * 60 * 1000)
#define RECOVER_AGAIN_MS 5000
#define URL_MAX_BYTES 4096

static bool is_moving(const json_t *journal)
{
	return json_bool(json_object_get(journal, "options"), "move", false);
}

static bool read_move(const struct flow *f, const char *app, json_t **ret_journal, struct err *err)
{
	json_t *journal = NULL;
	struct err ignored;
	if (import_journal_read(f, app, &journal, &ignored) && is_moving(journal)) {
		*ret_journal = journal;
		return true;
	}
	json_decref(journal);
	return err_set(err, ERR_CONFLICT, "%s is not being moved; begin with: freehold move %s postgresql://...", app,
		       app);
}

bool move_finish_options(const struct flow *f, const char *app, json_t *options, struct err *err)
{
	json_t *journal JSON_CLEANUP = NULL;
	if (!read_move(f, app, &journal, err)) return false;
	if (json_bool(journal, "held", false) && import_is_switched(f, app, journal))
		return err_set(err, ERR_CONFLICT, "%s was moved already; the way back is: freehold move %s --back", app,
			       app);
	int64_t live = 0;
	char dir[FILE_PATH_SIZE];
	if (!layout_app(&f->layout, app, "", dir, err) || !release_live(dir, &live, err)) return false;
	if (live == 0)
		return err_set(
		    err, ERR_CONFLICT,
		    "nothing of %s is live here, and from then on its people would find nothing anywhere: deploy its "
		    "code "
		    "first and try it (freehold deploy PATH --app %s). For the database alone: freehold db %s import",
		    app, app, app);
	(void)json_object_update_missing(options, json_object_get(journal, "options"));
	json_object_set_new(options, "hold", json_true());
	json_object_set_new(options, "replace", json_true());
	json_object_del(options, "check");
	return true;
}

static bool set_held(const struct flow *f, const char *app, json_t *journal, bool is_held, struct err *err)
{
	json_object_set_new(journal, "held", json_boolean(is_held));
	return import_journal_write(f, app, journal, err);
}

bool move_hold(const struct flow *f, const char *app, json_t *journal, const char *url, struct events *events,
	       struct quiesce *q, struct err *err)
{
	json_t *report = json_object_get(journal, "report");
	if (!set_held(f, app, journal, true, err)) return false;
	if (!quiesce_begin(url, HOLD_PATIENCE_MS, q, report, err)) return false;
	if (json_array_size(json_object_get(report, "not_held")) > 0)
		events_note(
		    events,
		    "Some tables at the source could not be stopped, since the role may not: what is written there "
		    "from now on stays behind. --json lists them.");
	return true;
}

bool move_release(const struct flow *f, const char *app, json_t *journal, const char *url, struct err *err)
{
	return quiesce_end(url, err) && set_held(f, app, journal, false, err);
}

static bool release_sealed(const struct flow *f, const char *app, json_t *journal, struct err *err)
{
	struct buf url BUF_CLEANUP;
	buf_init(&url, URL_MAX_BYTES);
	const char *sealed = json_str(json_object_get(journal, "options"), "url", "");
	return git_address_open(f->seal, app, sealed, &url, err) && move_release(f, app, journal, buf_cstr(&url), err);
}

bool move_back(const struct flow *f, const char *app, struct err *err)
{
	json_t *journal JSON_CLEANUP = NULL;
	int64_t stopped_ms = 0;
	if (!read_move(f, app, &journal, err)) return false;
	if (import_is_switched(f, app, journal)) {
		struct err why;
		if (!cluster_switch_back(f, app, &stopped_ms, err)) return false;
		if (!import_open_places(f, app, &why)) log_warn("%s", why.msg);
	}
	json_object_set_new(journal, "state", json_string("back"));
	import_files_forget(f, app);
	if (json_bool(journal, "held", false)) {
		/* What is done is known, even if the source is out of reach: the same command again lets it go. */
		if (!import_journal_write(f, app, journal, err) || !release_sealed(f, app, journal, err)) return false;
	}
	json_object_del(json_object_get(journal, "options"), "url");
	return import_journal_write(f, app, journal, err) && following_forget(f, app, "the move was taken back", err);
}

bool move_is_left_held(const struct flow *f, const char *app)
{
	json_t *journal JSON_CLEANUP = NULL;
	struct err ignored;
	return import_journal_read(f, app, &journal, &ignored) && json_bool(journal, "held", false) &&
	       strcmp(json_str(journal, "state", ""), "running") == 0 && !import_is_switched(f, app, journal);
}

bool move_recover(const struct flow *f, const char *app, struct err *err)
{
	json_t *journal JSON_CLEANUP = NULL;
	char path[FILE_PATH_SIZE];
	if (!import_events_path(f, app, path, err)) return false;
	int turn = open(path, O_RDONLY | O_CLOEXEC); /* whoever still works on it holds it */
	bool ok = (turn >= 0 && flock(turn, LOCK_EX) == 0) || err_set_errno(err, "%s", path);
	ok = ok && import_journal_read(f, app, &journal, err);
	bool is_due = ok && move_is_left_held(f, app);
	if (is_due) {
		json_object_set_new(journal, "state", json_string("interrupted"));
		int64_t began_ms = clock_now_ms();
		while (!(ok = release_sealed(f, app, journal, err)) && clock_now_ms() - began_ms < RECOVER_MS)
			(void)poll(NULL, 0, RECOVER_AGAIN_MS);
		if (ok) log_warn("%s: its move was cut off; the source may write again", app);
	}
	if (turn >= 0) (void)close(turn);
	return ok;
}
