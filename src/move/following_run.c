/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that looks after a copy that follows. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/git_key.h"
#include "app/pause.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "move/following.h"

#define TICK_MS 2000
#define LEAVE_AGAIN_MS 10000
#define SCHEMA_EVERY_MS 30000
#define STUCK_MS 60000
#define STUCK_FAILURES 3
#define URL_MAX_BYTES 4096

struct run {
	const struct flow *f;
	const char *app;
	struct parts parts;
	json_t *state;
	struct buf url;
	struct clone clone;
	char bin_dir[FILE_PATH_SIZE];
	struct pg_conn *source;
	bool is_subscribed;
	char mark[32]; /* a position of the source's, and when it was there */
	int64_t marked_ms, schema_ms;
	char applied[32]; /* the last one that was seen, since when, and the failures then */
	int64_t applied_ms, applied_failures;
};

/* SIGTERM is blocked and comes here alone: what runs is always ended as PostgreSQL wants to be ended. */
static bool is_told_to_end(int64_t wait_ms)
{
	struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return sigtimedwait(&set, NULL, &wait) == SIGTERM;
}

static void block_end(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool leave_until_done(struct run *r, const char *why)
{
	struct err err;
	clone_stop(&r->clone);
	while (!following_leave(r->f, r->app, r->state, why, &err)) {
		log_warn("%s: %s", r->app, err.msg);
		if (is_told_to_end(LEAVE_AGAIN_MS)) return true;
	}
	log_info("%s: its move follows the source no more: %s", r->app, json_str(r->state, "why", ""));
	return true;
}

static bool start_cluster(struct run *r, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	if (!parts_open(r->f, r->app, &r->parts, err) || !following_dir(r->f, r->app, "db", dir, err) ||
	    !twin_clone(&r->clone, &r->parts.owndb, r->parts.majors_dir, dir, r->bin_dir, err))
		return false;
	(void)unlink(r->clone.log_path);
	return clone_start(&r->clone, err);
}

static void note_trouble(struct run *r, const char *text)
{
	struct err ignored;
	const char *known = json_str(r->state, "trouble", "");
	if (strcmp(known, text) == 0) return;
	if (text[0] != '\0')
		json_object_set_new(r->state, "trouble", json_string(text));
	else
		json_object_del(r->state, "trouble");
	(void)following_write(r->f, r->app, r->state, &ignored);
	if (text[0] != '\0') log_warn("%s: following its source: %s", r->app, text);
}

/* How long ago the source was where the copy is now: from one position to the next. */
static int64_t lag_ms(struct run *r, const struct twin_status *s)
{
	bool is_at = false;
	struct err ignored;
	int64_t now_ms = clock_now_ms();
	if (r->mark[0] != '\0' &&
	    twin_source_is_at(r->source, json_str(r->state, "name", ""), r->mark, &is_at, &ignored) && !is_at)
		return now_ms - r->marked_ms;
	int64_t lag = r->mark[0] != '\0' && s->lag_bytes > 0 ? now_ms - r->marked_ms : 0;
	(void)snprintf(r->mark, sizeof r->mark, "%s", s->now);
	r->marked_ms = now_ms;
	return lag < TICK_MS ? lag : 0;
}

static bool put_status(struct run *r, const struct twin_status *s, struct err *err)
{
	char now[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), now);
	json_object_set_new(r->state, "lag_bytes", json_integer(s->lag_bytes));
	json_object_set_new(r->state, "lag_ms", json_integer(lag_ms(r, s)));
	json_object_set_new(r->state, "held_bytes", json_integer(s->held_bytes));
	json_object_set_new(r->state, "active", json_boolean(s->is_active));
	json_object_set_new(r->state, "asked_at", json_string(now));
	return following_write(r->f, r->app, r->state, err);
}

/* Applying fails again and again, and nothing gets on: what the source sends does not fit. */
static bool judge_trouble(struct run *r, const struct twin_status *s, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	int64_t failures = 0, now_ms = clock_now_ms();
	char last[400];
	if (!twin_trouble(&r->clone, &failures, last, err)) return false;
	if (strcmp(r->applied, s->applied) != 0 || s->lag_bytes == 0 || r->applied_ms == 0) {
		(void)snprintf(r->applied, sizeof r->applied, "%s", s->applied);
		r->applied_ms = now_ms;
		r->applied_failures = failures;
	}
	if (now_ms - r->applied_ms > STUCK_MS && failures - r->applied_failures >= STUCK_FAILURES)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "what it sends cannot be put in here: %.300s", last);
	return true;
}

static bool judge_schema(struct run *r, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	char names[TWIN_WHY_SIZE];
	if (clock_now_ms() - r->schema_ms < SCHEMA_EVERY_MS && r->schema_ms != 0) return true;
	if (!following_compare_schema(r->f, r->app, r->source, json_object_get(r->state, "plan"), names, err))
		return false;
	r->schema_ms = clock_now_ms();
	if (names[0] != '\0')
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "it is made otherwise now than when it was copied: %.330s",
			       names);
	return true;
}

/* ret_why: it cannot go on. False: the source, or the copy, cannot be asked just now. */
static bool look(struct run *r, char ret_why[TWIN_WHY_SIZE], struct err *err)
{
	struct twin_status s;
	ret_why[0] = '\0';
	if (r->source == NULL && !twin_source_open(buf_cstr(&r->url), &r->source, err)) return false;
	pg_conn_set_deadline(r->source, 30000);
	if (!r->is_subscribed)
		r->is_subscribed = twin_subscribe(&r->clone, buf_cstr(&r->url), json_str(r->state, "name", ""),
						  json_object_get(r->state, "plan"), err);
	if (!r->is_subscribed || !twin_source_status(r->source, json_str(r->state, "name", ""), &s, err)) return false;
	following_judge(r->state, &s, ret_why);
	if (ret_why[0] != '\0') return true;
	return put_status(r, &s, err) && judge_trouble(r, &s, ret_why, err) &&
	       (ret_why[0] != '\0' || judge_schema(r, ret_why, err));
}

static bool follow(struct run *r, struct err *err)
{
	char why[TWIN_WHY_SIZE] = "";
	struct err err_now;
	if (!git_address_open(r->f->seal, r->app, json_str(r->state, "url", ""), &r->url, err) ||
	    !start_cluster(r, err))
		return false;
	pause_here("follow", "running");
	do {
		bool ok = look(r, why, &err_now);
		note_trouble(r, ok ? "" : err_now.msg);
		if (!ok) {
			pg_conn_close(r->source);
			r->source = NULL;
		}
		if (why[0] != '\0') break;
	} while (!is_told_to_end(TICK_MS));
	pg_conn_close(r->source);
	if (why[0] != '\0') return leave_until_done(r, why);
	return clone_stop_clean(&r->clone, err);
}

bool following_run(const struct flow *f, const char *app, struct err *err)
{
	int turn = -1;
	struct run *r = calloc(1, sizeof *r);
	struct err ignored;
	if (r == NULL) abort();
	block_end();
	r->f = f;
	r->app = app;
	r->clone.lock = -1;
	buf_init(&r->url, URL_MAX_BYTES);
	/* Whoever has the turn starts this again when it is done with it. */
	bool ok = true;
	if (following_turn(f, app, false, &turn, &ignored) && following_read(f, app, &r->state, &ignored)) {
		if (following_is(r->state, "following"))
			ok = follow(r, err);
		else if (!following_is(r->state, "ended"))
			ok = leave_until_done(r, "the copy was cut off");
	}
	clone_stop(&r->clone);
	json_decref(r->state);
	buf_done(&r->url);
	if (turn >= 0) (void)close(turn);
	free(r);
	return ok;
}
