/* SPDX-License-Identifier: Apache-2.0 */
#include "app/live.h"

#include <stdio.h>

#include "app/functions.h"
#include "app/pause.h"
#include "app/pin.h"
#include "app/web.h"
#include "base/clock.h"
#include "codec/json.h"
#include "edge/tls.h"
#include "release/release.h"
#include "store/deployment.h"

#define SERVED_DEADLINE_MS 5000
#define RELEASE_ANSWER_PATH "/.well-known/freehold"

bool live_publish(const struct flow *f, const char *app, struct err *err)
{
	char host[EDGE_HOST_SIZE], target[FILE_PATH_SIZE];
	edge_app_host(app, host);
	return file_path(target, err, "../../apps/%s", app) &&
	       edge_certificate_ensure(&f->edge, host, clock_wall_ms(), err) &&
	       edge_inside_set(&f->edge, host, target, err) && edge_host_set(&f->edge, host, target, err) &&
	       edge_set_stopped(&f->edge, host, false, err);
}

bool live_withdraw(const struct flow *f, const char *app, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	return edge_host_unset(&f->edge, host, err) && edge_inside_unset(&f->edge, host, err) &&
	       edge_set_stopped(&f->edge, host, false, err);
}

bool live_set_stopped(const struct flow *f, const char *app, bool is_stopped, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	edge_app_host(app, host);
	return edge_set_stopped(&f->edge, host, is_stopped, err);
}

bool live_served_release(const struct flow *f, const char *app, int64_t *ret_release, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	struct buf body BUF_CLEANUP;
	long status = 0;
	json_t *answer JSON_CLEANUP = NULL;
	buf_init(&body, 4096);
	edge_app_host(app, host);
	if (!edge_get(&f->edge, host, RELEASE_ANSWER_PATH, SERVED_DEADLINE_MS, &status, &body, err)) return false;
	if (status != 200 || !json_parse(buf_view(&body), &answer, err))
		return err_set(err, ERR_FAILED, "the edge answered %ld when it was asked which release of %s it serves",
			       status, app);
	*ret_release = json_int(answer, "release", 0);
	return true;
}

static bool choose(const struct flow *f, const char *app, const char *dir, int64_t live, int64_t *to, struct err *err)
{
	json_t *facts JSON_CLEANUP = NULL;
	if (live == 0)
		return err_set(err, ERR_CONFLICT,
			       "nothing of %s is live, so there is nothing to go back from; deploy it first", app);
	if (*to == 0 && !promotion_before(f->db, app, live, to, err)) return false;
	if (*to == 0)
		return err_set(err, ERR_CONFLICT,
			       "release %lld of %s is the first that was ever live; there is none to go back to",
			       (long long)live, app);
	if (!release_facts(dir, *to, &facts, err))
		return err->code == ERR_NOT_FOUND
			   ? err_set(err, ERR_NOT_FOUND,
				     "%s has no release %lld; freehold releases %s lists those it has", app,
				     (long long)*to, app)
			   : false;
	return *to != live || err_set(err, ERR_CONFLICT, "release %lld of %s is live already", (long long)live, app);
}

bool live_restore_assets(const char *app_dir, int64_t number, struct err *err)
{
	json_t *facts JSON_CLEANUP = NULL;
	return release_facts(app_dir, number, &facts, err) &&
	       release_link_assets(app_dir, number, json_object_get(facts, "assets"), err);
}

/* What deployments after release `to` took away from the database for good, up to the newest: in the words of their
 * reports. ret_applied counts their migrations. */
static bool read_losses(const struct flow *f, const char *app, int64_t to, json_t *ret_what, size_t *ret_applied)
{
	struct db_query q;
	struct err ignored;
	db_query(f->db, &q,
		 "select number, report from deployment where app = ? and number > ? and report is not null"
		 " order by number",
		 "si", app, to);
	while (db_row(&q)) {
		json_t *report JSON_CLEANUP = NULL;
		if (!json_parse(str_from(db_text(&q, 1)), &report, &ignored)) continue;
		size_t applied = json_array_size(json_object_get(json_object_get(report, "migrations"), "applied"));
		const json_t *losses = json_object_get(report, "losses"),
			     *pushed = json_object_get(json_object_get(report, "schema_push"), "losses");
		*ret_applied += applied;
		for (size_t i = 0; applied > 0 && i < json_array_size(losses); i++)
			json_array_append(ret_what, json_object_get(json_array_get(losses, i), "what"));
		for (size_t i = 0; applied > 0 && i < json_array_size(pushed); i++)
			json_array_append(ret_what, json_object_get(json_array_get(pushed, i), "what"));
	}
	return db_end(&q, &ignored);
}

#define LOSSES_SAID 5

void live_put_losses(struct buf *out, const json_t *sentences)
{
	size_t count = json_array_size(sentences);
	for (size_t i = 0; i < count && i < LOSSES_SAID; i++)
		buf_printf(out, "%s %.200s", i > 0 ? ", one" : "one", json_string_value(json_array_get(sentences, i)));
	if (count > LOSSES_SAID) buf_printf(out, " and %zu more", count - LOSSES_SAID);
}

/* Whether the older release can live with the newer schema: what was only added it does not see; what was taken away it
 * may miss. */
static json_t *schema_notes(const struct flow *f, const char *app, int64_t from, int64_t to)
{
	json_t *notes = json_array(), *what JSON_CLEANUP = json_array();
	size_t applied = 0;
	if (to > from || !read_losses(f, app, to, what, &applied) || applied == 0) return notes;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 4096);
	buf_printf(&text,
		   "The database keeps the %zu migration%s that came after release %lld; going back does not undo "
		   "them. ",
		   applied, applied == 1 ? "" : "s", (long long)to);
	if (json_array_size(what) == 0) {
		buf_puts(&text, "They only add to it, so the older release can live with them.");
	} else {
		buf_puts(&text, "The older release may not work with them: since then ");
		live_put_losses(&text, what);
		buf_printf(&text, ". To go back with the data as it was then: freehold rollback %s %lld --with-data",
			   app, (long long)to);
	}
	json_array_append_new(notes, json_string(buf_cstr(&text)));
	return notes;
}

bool live_note_switch(const struct flow *f, const char *app, int64_t *ret_live, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t live = 0, noted = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_live(dir, &live, err) ||
	    !promotion_newest(f->db, app, &noted, err))
		return false;
	if (live != noted && !promotion_add(f->db, app, noted, live, "found", err)) return false;
	*ret_live = live;
	return true;
}

bool live_reconcile(const struct flow *f, const char *app, struct err *err)
{
	int64_t live = 0;
	return live_note_switch(f, app, &live, err) && (live == 0 || deployment_set_live(f->db, app, live, err));
}

static bool wait_served(const struct flow *f, const char *app, int64_t to, struct err *err)
{
	int64_t deadline_ms = clock_now_ms() + SERVED_DEADLINE_MS, served = 0;
	do {
		if (!live_served_release(f, app, &served, err)) return false;
		if (served == to) return true;
	} while (clock_now_ms() < deadline_ms);
	return err_set(err, ERR_TIMEOUT,
		       "live points at release %lld and visitors still get %lld; freehold status says how the edge is",
		       (long long)to, (long long)served);
}

/* The older release's server is looked at before any visitor gets it. */
static bool prepare_server(const struct flow *f, const char *app, int64_t to, struct err *err)
{
	struct err ignored;
	if (web_start(f, app, to, err) && web_look(f, app, to, err) && web_unlook(f, app, to, err)) return true;
	(void)web_unlook(f, app, to, &ignored);
	(void)web_stop(f, app, to, &ignored);
	return err_wrap(err, "release %lld was not put live", (long long)to);
}

bool live_rollback_has_server(const struct flow *f, const char *app, int64_t to)
{
	char dir[FILE_PATH_SIZE];
	int64_t live = 0;
	struct err ignored;
	if (!layout_app(&f->layout, app, "", dir, &ignored) || !release_live(dir, &live, &ignored)) return false;
	if (to == 0 && live != 0) (void)promotion_before(f->db, app, live, &to, &ignored);
	return web_is_there(dir, live) || web_is_there(dir, to) || functions_is_there(dir, live) ||
	       functions_is_there(dir, to);
}

bool live_rollback(const struct flow *f, const char *app, int64_t to, json_t **ret_outcome, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct app found;
	int64_t live = 0, running = 0, began_us = clock_now_us();
	if (!app_get(f->db, app, &found, err) || !layout_app(&f->layout, app, "", dir, err) ||
	    !release_live(dir, &live, err) || !deployment_running(f->db, app, &running, err))
		return false;
	if (running != 0)
		return err_set(err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it, then go back",
			       app, (long long)running);
	if (!choose(f, app, dir, live, &to, err)) return false;
	bool is_stopped = found.state[0] == 's';
	if (!is_stopped && web_is_there(dir, to) && !prepare_server(f, app, to, err)) return false;
	if (!is_stopped && !functions_start(f, app, to, err))
		return err_wrap(err, "release %lld was not put live", (long long)to);
	pause_here("rollback", "ready");
	int64_t ready_us = clock_now_us();
	if (!live_restore_assets(dir, to, err) || !pin_keep(f, app, live, err) || !release_promote(dir, to, err))
		return false;
	int64_t switched_us = clock_now_us();
	pause_here("rollback", "renamed");
	if (!promotion_add(f->db, app, live, to, "rollback", err) || !deployment_set_live(f->db, app, to, err))
		return false;
	if (!is_stopped && !wait_served(f, app, to, err)) return false;
	if (!is_stopped && web_is_there(dir, live) && !web_retire(f, app, live, err)) return false;
	if (!is_stopped && !functions_retire(f, app, live, err)) return false;
	*ret_outcome = json_pack("{s:I, s:I, s:f, s:f, s:o, s:o}", "from", (json_int_t)live, "to", (json_int_t)to,
				 "ready_ms", (double)(ready_us - began_us) / 1000, "switch_ms",
				 (double)(switched_us - ready_us) / 1000, "first_served_ms",
				 is_stopped ? json_null() : json_real((double)(clock_now_us() - began_us) / 1000),
				 "notes", schema_notes(f, app, live, to));
	return true;
}

static json_t *release_json(const struct flow *f, const char *app, const char *dir, int64_t number, int64_t live)
{
	struct err ignored;
	json_t *facts = NULL;
	int64_t promoted_ms = 0;
	if (!release_facts(dir, number, &facts, &ignored)) return NULL;
	char when[CLOCK_ISO8601_SIZE] = "";
	if (promotion_time(f->db, app, number, &promoted_ms, &ignored) && promoted_ms != 0)
		clock_iso8601(promoted_ms, when);
	json_object_set_new(facts, "is_live", json_boolean(number == live));
	json_object_set_new(facts, "promoted_at", when[0] != '\0' ? json_string(when) : json_null());
	json_object_set_new(facts, "can_go_back", json_boolean(number != live && live != 0));
	json_object_del(facts, "assets");
	return facts;
}

bool live_releases_json(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct app found;
	int64_t numbers[RELEASES_MAX], live = 0;
	int count = 0;
	if (!app_get(f->db, app, &found, err) || !layout_app(&f->layout, app, "", dir, err) ||
	    !release_live(dir, &live, err) || !release_list(dir, numbers, &count, err))
		return false;
	json_t *list = json_array();
	for (int i = 0; i < count; i++) {
		json_t *release = release_json(f, app, dir, numbers[i], live);
		if (release != NULL) json_array_append_new(list, release);
	}
	*ret_list = list;
	return true;
}
