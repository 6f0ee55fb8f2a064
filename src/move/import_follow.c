/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_follow.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/pause.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "owndb/tool.h"

#define NEAR_BYTES (1 << 20)
#define NEAR_TICK_MS 500
#define NEAR_PATIENCE_MS (30ll * 60 * 1000)
#define STUCK_MS 60000 /* nothing is applied for so long, though there is something to apply */
#define LAST_PATIENCE_MS 120000
#define LAST_TICK_MS 20
#define TELL_MS 2000

static const char *name_of(const struct import_follow *w)
{
	return json_str(w->state, "name", "");
}

static const json_t *plan_of(const struct import_follow *w)
{
	return json_object_get(w->state, "plan");
}

static void report_way(struct import_follow *w, const char *way, const char *why)
{
	json_t *said = json_pack("{s:s}", "way", way);
	if (why != NULL) json_object_set_new(said, "why", json_string(why));
	json_object_set_new(w->report, "catch_up", said);
}

static void note_pause(struct import_follow *w, const char *why)
{
	char text[TWIN_WHY_SIZE + 200];
	(void)snprintf(text, sizeof text,
		       "The source is not followed: %s. The last copy is made while writing stands still there.", why);
	events_note(w->events, text);
	report_way(w, "pause", why);
}

/* It is said at once; the slot that cannot be removed now is by the daemon. */
static bool give_up(struct import_follow *w, const char *why, struct err *err)
{
	struct err refused;
	twin_start_end(&w->start);
	pg_conn_close(w->source);
	w->source = NULL;
	if (w->is_caught_up || w->import->is_open) import_end(w->import);
	w->is_offered = w->is_made = w->is_caught_up = false;
	note_pause(w, why);
	if (w->state == NULL) return following_never(w->f, w->parts->app.name, why, err);
	if (!following_leave(w->f, w->parts->app.name, w->state, why, &refused)) {
		log_warn("%s: %s", w->parts->app.name, refused.msg);
		events_note(w->events, refused.msg);
	}
	return true;
}

bool import_follow_begin(struct import_follow *w, struct err *err)
{
	struct err why;
	const char *app = w->parts->app.name;
	bool is_move = json_bool(w->options, "move", false);
	w->turn = -1;
	if (!is_move && !following_is_due(w->f, app)) return true;
	if (!following_turn(w->f, app, true, &w->turn, err)) return false;
	if (!following_read(w->f, app, &w->state, &why)) return true;
	bool is_ended = following_is(w->state, "ended");
	if (json_bool(w->options, "hold", false)) {
		if (is_ended) note_pause(w, json_str(w->state, "why", "it was not when it was copied"));
	} else if (!is_ended && !json_bool(w->options, "check", false) &&
		   !following_leave(w->f, app, w->state, "another copy was made", &why)) {
		events_note(w->events, why.msg);
	}
	return true;
}

/* The first copy. */

bool import_follow_wants_offer(const struct import_follow *w)
{
	return w->url != NULL && json_bool(w->options, "move", false) && !json_bool(w->options, "hold", false) &&
	       !json_bool(w->options, "check", false);
}

static void say_whole(struct import_follow *w)
{
	json_t *whole = json_object_get(plan_of(w), "whole"), *one;
	char text[400];
	size_t i;
	json_array_foreach(whole, i, one)
	{
		const char *why = json_str(one, "why", "");
		if (strcmp(why, "is the host's") == 0) continue;
		(void)snprintf(text, sizeof text,
			       "%.200s %.60s: it cannot be followed, and is copied whole while writing stands still",
			       json_str(one, "name", ""), why);
		events_line(w->events, 1, str_from(text));
	}
}

/* Loudly, since it would fill the disk of somebody else's server. */
static void warn_of_slot(struct import_follow *w)
{
	char text[700];
	int64_t keeps_mb = json_int(plan_of(w), "keeps_mb", -1);
	int len = snprintf(text, sizeof text,
			   "The source is followed from here on, by the slot %s: the server there keeps its log until "
			   "it has come here. It is removed when the move is over, and given up when it holds more "
			   "than %lld MB.",
			   name_of(w), (long long)json_int(w->state, "limit_mb", 0));
	if (keeps_mb < 0)
		(void)snprintf(text + len, sizeof text - (size_t)len,
			       " That server has no limit of its own (max_slot_wal_keep_size): if this one here were "
			       "lost for good, remove the slot there: select pg_drop_replication_slot('%s')",
			       name_of(w));
	events_note(w->events, text);
}

/* In the snapshot that is copied. */
static bool keep_schema(struct import_follow *w, struct err *err)
{
	char sql[160];
	struct pg_conn *conn = NULL;
	(void)snprintf(sql, sizeof sql,
		       "begin transaction isolation level repeatable read read only; set transaction snapshot '%s'",
		       w->start.snapshot);
	bool ok = twin_source_open(w->url, &conn, err) && pg_conn_script(conn, sql, NULL, err) &&
		  following_keep_schema(w->f, w->parts->app.name, conn, plan_of(w), err);
	pg_conn_close(conn);
	return ok;
}

static bool judge(struct import_follow *w, json_t **ret_plan, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	struct pg_conn *conn = NULL;
	bool ok = twin_source_open(w->url, &conn, err) && twin_source_judge(conn, ret_plan, ret_why, err);
	pg_conn_close(conn);
	return ok;
}

bool import_follow_offer(struct import_follow *w, struct err *err)
{
	json_t *plan JSON_CLEANUP = NULL;
	char why[TWIN_WHY_SIZE] = "";
	struct err refused;
	if (w->state != NULL && !following_is(w->state, "ended")) {
		note_pause(w, "what an earlier copy left at the source is not removed yet");
		return true;
	}
	json_decref(w->state);
	w->state = NULL;
	if (!json_bool(w->options, "follow", true)) return give_up(w, "it was asked not to be (--no-follow)", err);
	if (!judge(w, &plan, why, &refused)) return give_up(w, refused.msg, err);
	if (why[0] != '\0') return give_up(w, why, err);
	if (!following_prepare(w->f, w->parts->app.name, json_str(w->options, "url", ""),
			       json_str(w->options, "source", ""),
			       json_int(w->options, "slot_limit_mb", FOLLOWING_LIMIT_MB), plan, &w->state, err))
		return false;
	if (!twin_source_publish(w->url, name_of(w), plan_of(w), &w->start, &refused) || !keep_schema(w, &refused))
		return give_up(w, refused.msg, err);
	pause_here("follow", "published");
	w->is_offered = true;
	say_whole(w);
	return true;
}

void import_follow_copied(struct import_follow *w)
{
	twin_start_end(&w->start);
}

bool import_follow_twin(struct import_follow *w, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct err refused;
	if (!following_dir(w->f, w->parts->app.name, "db", dir, err)) return false;
	w->is_made = twin_make(w->import, dir, &refused);
	pause_here("follow", "copied");
	if (w->is_made) {
		report_way(w, "replication", NULL);
		return true;
	}
	if (w->import->clone.keeper <= 0) { /* the first copy does not run any more either */
		*err = refused;
		return false;
	}
	w->is_offered = false;
	note_pause(w, refused.msg);
	if (!following_leave(w->f, w->parts->app.name, w->state, refused.msg, &refused))
		events_note(w->events, refused.msg);
	return true;
}

/* The last one. */

bool import_follow_is_there(const struct import_follow *w)
{
	return w->state != NULL && following_is(w->state, "following") && json_bool(w->options, "hold", false);
}

static void tell_lag(struct import_follow *w, const struct twin_status *s, int64_t *told_ms)
{
	char text[160];
	if (clock_now_ms() - *told_ms < TELL_MS) return;
	*told_ms = clock_now_ms();
	(void)snprintf(text, sizeof text, "%.1f MB of the source's log to go%s", (double)s->lag_bytes / 1e6,
		       s->is_active ? "" : "; the connection is being made");
	events_line(w->events, 1, str_from(text));
}

/* Until as good as nothing is to go: the pause is what that takes. ret_why: it does not come so far. */
static bool come_near(struct import_follow *w, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	struct twin_status s;
	char mark[32], applied[32] = "";
	bool is_at = false;
	int64_t began_ms = clock_now_ms(), applied_ms = began_ms, told_ms = began_ms, failures = 0;
	if (!twin_source_mark(w->source, mark, err)) return false;
	for (;; (void)poll(NULL, 0, NEAR_TICK_MS)) {
		if (!twin_source_status(w->source, name_of(w), &s, err)) return false;
		following_judge(w->state, &s, ret_why);
		if (ret_why[0] != '\0') return true;
		if (!twin_source_is_at(w->source, name_of(w), mark, &is_at, err)) return false;
		if (is_at && s.is_active && s.lag_bytes < NEAR_BYTES) return true;
		int64_t now_ms = clock_now_ms();
		if (strcmp(applied, s.applied) != 0) applied_ms = now_ms;
		(void)snprintf(applied, sizeof applied, "%s", s.applied);
		if (now_ms - applied_ms > STUCK_MS || now_ms - began_ms > NEAR_PATIENCE_MS) {
			char last[400] = "";
			(void)twin_trouble(&w->import->clone, &failures, last, err);
			(void)snprintf(ret_why, TWIN_WHY_SIZE, "it does not catch up (%lld bytes behind)%s%.250s",
				       (long long)s.lag_bytes, last[0] != '\0' ? ": " : "", last);
			return true;
		}
		tell_lag(w, &s, &told_ms);
	}
}

static bool judge_schema(struct import_follow *w, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	char names[TWIN_WHY_SIZE];
	if (!following_compare_schema(w->f, w->parts->app.name, w->source, plan_of(w), names, err)) return false;
	if (names[0] != '\0')
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "it is made otherwise now than when it was copied: %.330s",
			       names);
	return true;
}

static bool open_twin(struct import_follow *w, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct clone *c = &w->import->clone;
	if (!following_dir(w->f, w->parts->app.name, "db", dir, err) ||
	    !twin_clone(c, &w->parts->owndb, w->parts->majors_dir, dir, w->bin_dir, err))
		return false;
	w->import->is_open = true;
	(void)unlink(c->log_path);
	return clone_start(c, err) && twin_subscribe(c, w->url, name_of(w), plan_of(w), err);
}

/* What else can be known before is, so that it costs no time while writing stands still. */
static bool approach(struct import_follow *w, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	ret_why[0] = '\0';
	return twin_source_open(w->url, &w->source, err) && judge_schema(w, ret_why, err) &&
	       (ret_why[0] != '\0' ||
		(open_twin(w, err) && twin_tables_find(w->import, w->source, plan_of(w), &w->tables, err) &&
		 come_near(w, ret_why, err))) &&
	       (ret_why[0] != '\0' || (import_analyze(w->import, err) && tool_sync(w->import->clone.data_dir, err)));
}

bool import_follow_catch_up(struct import_follow *w, struct err *err)
{
	char why[TWIN_WHY_SIZE] = "";
	struct err refused;
	if (!approach(w, why, &refused)) (void)snprintf(why, sizeof why, "%.400s", refused.msg);
	if (why[0] != '\0') return give_up(w, why, err);
	pause_here("follow", "near");
	w->is_caught_up = true;
	report_way(w, "replication", NULL);
	return true;
}

static bool await_last(struct import_follow *w, struct err *err)
{
	char mark[32];
	bool is_at = false;
	int64_t began_ms = clock_now_ms();
	if (!twin_source_mark(w->source, mark, err)) return false;
	while (!is_at) {
		if (!twin_source_is_at(w->source, name_of(w), mark, &is_at, err)) return false;
		if (!is_at && clock_now_ms() - began_ms > LAST_PATIENCE_MS)
			return err_set(err, ERR_TIMEOUT, "what was written last at the source did not come within %d s",
				       LAST_PATIENCE_MS / 1000);
		if (!is_at) (void)poll(NULL, 0, LAST_TICK_MS);
	}
	return true;
}

/* Each part's time is reported: together they are nearly all of the pause. */
static void report_ms(struct import_follow *w, const char *what, int64_t *from_ms)
{
	int64_t now_ms = clock_now_ms();
	json_object_set_new(json_object_get(w->report, "catch_up"), what, json_integer(now_ms - *from_ms));
	*from_ms = now_ms;
}

bool import_follow_take(struct import_follow *w, struct err *err)
{
	char why[TWIN_WHY_SIZE] = "";
	struct err refused;
	int64_t from_ms = clock_now_ms();
	if (!await_last(w, err)) return false;
	report_ms(w, "last_ms", &from_ms);
	if (!twin_take_whole(w->import, w->source, &w->tables, err)) return false;
	report_ms(w, "whole_ms", &from_ms);
	if (!judge_schema(w, why, err)) return false;
	bool is_same = why[0] == '\0' && twin_compare(w->import, w->source, &w->tables, &refused);
	report_ms(w, "compare_ms", &from_ms);
	if (is_same) return true;
	if (why[0] != '\0') (void)err_set(&refused, ERR_CONFLICT, "the source: %s", why);
	bool is_done = give_up(w, refused.msg, err);
	if (is_done) *err = refused;
	return false;
}

/* Written down first: a kill in the middle of it must not find a copy that would be followed further. */
bool import_follow_part(struct import_follow *w, struct err *err)
{
	char password[FILE_PATH_SIZE];
	json_object_set_new(w->state, "state", json_string("leaving"));
	json_object_set_new(w->state, "why", json_string("the last copy was cut off when it was nearly done"));
	if (!following_write(w->f, w->parts->app.name, w->state, err)) return false;
	pause_here("follow", "parting");
	return twin_unsubscribe(&w->import->clone, name_of(w), err) &&
	       file_path(password, err, "%s/source-password", w->import->clone.dir) && file_remove_tree(password, err);
}

/* After the cluster has stopped. */
void import_follow_end(struct import_follow *w, bool ok)
{
	struct err err;
	const char *app = w->parts->app.name;
	twin_start_end(&w->start);
	pg_conn_close(w->source);
	w->source = NULL;
	bool is_left = w->state != NULL && following_is(w->state, "leaving");
	bool is_new = w->state != NULL && following_is(w->state, "preparing");
	bool is_fine = true;
	if (is_new && ok && w->is_made) {
		json_object_set_new(w->state, "state", json_string("following"));
		is_fine = following_write(w->f, app, w->state, &err);
		warn_of_slot(w);
	} else if (is_new || is_left) {
		is_fine = following_leave(w->f, app, w->state,
					  ok ? "the move is done" : "the copy did not come to its end", &err);
	}
	if (!is_fine) {
		log_warn("%s: %s", app, err.msg);
		events_note(w->events, err.msg);
	}
	json_decref(w->state);
	w->state = NULL;
	if (w->turn >= 0) (void)close(w->turn);
	w->turn = -1;
}
