/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/deploy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/functions.h"
#include "app/live.h"
#include "app/pause.h"
#include "app/signin.h"
#include "app/sweep.h"
#include "app/web.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "deploy/step.h"
#include "release/release.h"

#define ARENA_MAX_BYTES (64u << 20)

static const struct step steps[] = {
    {"receive", step_receive, step_receive_undo}, /* the work folder, which all others use */
    {"unpack", step_unpack, NULL},
    {"inspect", step_inspect, NULL},
    {"install", step_install, NULL},
    {"check", step_check, NULL},
    {"build", step_build, NULL},
    {"package", step_package, step_package_undo},
    {"rehearse", step_rehearse, step_rehearse_undo},
    {"restore-point", step_restore_point, NULL},
    {"migrate", step_migrate, NULL}, /* what has committed stays: there is no undo but a restore */
    {"start", step_start, step_start_undo},
    {"verify", step_verify, NULL},
    {"promote", step_promote, step_promote_undo},
    {"watch", step_watch, NULL},
};
#define STEP_COUNT ((int)(sizeof steps / sizeof *steps))

const char *const deploy_step_names[] = {"receive", "unpack",  "inspect",  "install",       "check",
					 "build",   "package", "rehearse", "restore-point", "migrate",
					 "start",   "verify",  "promote",  "watch",         NULL};

int deploy_step_count(void)
{
	return STEP_COUNT;
}

bool deploy_events_path(const struct flow *f, const char *app, int64_t number, char ret_path[FILE_PATH_SIZE],
			struct err *err)
{
	char rest[64];
	(void)snprintf(rest, sizeof rest, "logs/deployment-%lld.ndjson", (long long)number);
	return layout_app(&f->layout, app, rest, ret_path, err);
}

bool deploy_upload_path(const struct flow *f, const char *app, int64_t number, char ret_path[FILE_PATH_SIZE],
			struct err *err)
{
	char rest[64];
	(void)snprintf(rest, sizeof rest, "work/%lld/upload", (long long)number);
	return layout_app(&f->layout, app, rest, ret_path, err);
}

bool deploy_prepare(const struct flow *f, const char *app, int64_t number, struct err *err)
{
	char path[FILE_PATH_SIZE], logs[FILE_PATH_SIZE];
	struct events events;
	if (!deploy_upload_path(f, app, number, path, err)) return false;
	*strrchr(path, '/') = '\0';
	if (!file_mkdirs(path, 0755, err) || !layout_app(&f->layout, app, "logs", logs, err) ||
	    !file_mkdirs(logs, 0755, err) || !deploy_events_path(f, app, number, path, err) ||
	    !events_open(&events, path, err))
		return false;
	events_close(&events);
	return true;
}

bool deploy_discard(const struct flow *f, const char *app, int64_t number, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!deploy_upload_path(f, app, number, path, err)) return false;
	*strrchr(path, '/') = '\0';
	return file_remove_tree(path, err);
}

/* The shared part: opened from what is on disk and in the journal, so that recovery sees what the deployment saw. */

/* What was live when it began. Once it has switched, only the history of switches knows. */
static bool find_before(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	int64_t noted_ms = 0;
	const char *state = json_str(d->options, "state_before", d->parts.app.state);
	(void)snprintf(d->state_before, sizeof d->state_before, "%s", state);
	if (!release_live(d->parts.dir, &d->live_before, err)) return false;
	if (d->live_before != d->number) return true;
	return promotion_time(d->f->db, app, d->number, &noted_ms, err) &&
	       (noted_ms != 0 ? promotion_before(d->f->db, app, d->number, &d->live_before, err)
			      : promotion_newest(d->f->db, app, &d->live_before, err));
}

/* A killed process may take a moment to be gone, and its children too: whoever recovers waits for the last of them. */
static bool take_turn(struct deploy *d, struct err *err)
{
	return flock(d->events.fd, LOCK_EX) == 0 ||
	       err_set_errno(err, "lock the events of deployment %lld", (long long)d->number);
}

static bool open_deploy(struct deploy *d, struct flow *f, const char *app, int64_t number, struct err *err)
{
	char events[FILE_PATH_SIZE];
	*d = (struct deploy){
	    .f = f, .number = number, .events = {.fd = -1}, .report = json_object(), .release = json_object()};
	d->arena = arena_new(ARENA_MAX_BYTES);
	return parts_ensure_major(f, app, NULL, NULL, err) && parts_ensure(f, app, &d->parts, err) &&
	       deploy_events_path(f, app, number, events, err) && events_open(&d->events, events, err) &&
	       take_turn(d, err) && deployment_info(f->db, app, number, &d->info, err) &&
	       json_parse(str_from(d->info.options), &d->options, err) &&
	       deploy_upload_path(f, app, number, d->upload, err) &&
	       file_path(d->work_dir, err, "%s/work/%lld", d->parts.dir, (long long)number) &&
	       file_path(d->source_dir, err, "%s/source", d->work_dir) &&
	       file_path(d->build_dir, err, "%s/build", d->work_dir) && find_before(d, err);
}

static void close_deploy(struct deploy *d)
{
	events_close(&d->events);
	json_decref(d->options);
	json_decref(d->inspection);
	json_decref(d->signin);
	json_decref(d->tables);
	json_decref(d->taken);
	json_decref(d->report);
	json_decref(d->release);
	arena_free(d->arena);
}

void step_detail(struct deploy *d, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(d->detail, sizeof d->detail, fmt, args);
	va_end(args);
}

bool step_skip(struct deploy *d, const char *why)
{
	d->is_skipped = true;
	step_detail(d, "%s", why);
	return true;
}

void step_note(struct deploy *d, const char *fmt, ...)
{
	char text[2048];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	events_note(&d->events, text);
	json_t *notes = json_object_get(d->report, "notes");
	if (notes == NULL) {
		notes = json_array();
		json_object_set_new(d->report, "notes", notes);
	}
	json_array_append_new(notes, json_string(text));
}

static bool journal(struct deploy *d, int position, const char *state, int64_t duration_ms, struct err *err)
{
	const char *detail = d->detail[0] != '\0' ? d->detail : NULL;
	if (!deployment_step(d->f->db, d->parts.app.name, d->number, position, state, duration_ms, detail, err))
		return false;
	events_step(&d->events, steps[position].name, state, duration_ms, detail);
	return true;
}

static bool run_step(struct deploy *d, int position, struct err *err)
{
	const struct step *step = &steps[position];
	int64_t began_ms = clock_now_ms();
	d->detail[0] = '\0';
	d->is_skipped = false;
	if (!journal(d, position, "running", -1, err)) return false;
	pause_here(step->name, "began");
	bool ok = step->run(d, err);
	pause_here(step->name, "ran");
	struct err journal_err;
	if (ok && !step_save_report(d, err)) return false;
	const char *state = !ok ? "failed" : d->is_skipped ? "skipped" : "done";
	if (!journal(d, position, state, clock_now_ms() - began_ms, ok ? err : &journal_err)) return false;
	pause_here(step->name, "done");
	return ok;
}

/* Takes back what the steps up to `last` did, in reverse. A failure to undo is noted and does not stop the others. */
static bool undo_steps(struct deploy *d, int last)
{
	struct err err;
	bool is_whole = true;
	for (int i = last; i >= 0; i--) {
		char state[16] = "";
		if (!deployment_step_state(d->f->db, d->parts.app.name, d->number, i, state, &err) ||
		    strcmp(state, "waiting") == 0)
			continue;
		d->detail[0] = '\0';
		d->events.step = steps[i].name;
		bool was_cut_off = strcmp(state, "running") == 0;
		if (was_cut_off) step_detail(d, "cut off");
		if (steps[i].undo != NULL) pause_here(steps[i].name, "undo");
		if (steps[i].undo != NULL && !steps[i].undo(d, &err)) {
			log_error("%s %lld: undo %s: %s", d->parts.app.name, (long long)d->number, steps[i].name,
				  err.msg);
			step_note(d, "could not be taken back: %s", err.msg);
			is_whole = false;
		} else if (was_cut_off || (steps[i].undo != NULL && strcmp(state, "failed") != 0)) {
			(void)journal(d, i, was_cut_off ? "failed" : "undone", -1, &err);
		}
		if (steps[i].undo != NULL) pause_here(steps[i].name, "undone");
	}
	return is_whole;
}

bool step_save_report(struct deploy *d, struct err *err)
{
	char *text = json_text(d->report);
	bool ok = deployment_set_report(d->f->db, d->parts.app.name, d->number, text, err);
	free(text);
	return ok;
}

/* The last event repeats the whole journal, for those who only read the end. */
static void say_end(struct deploy *d)
{
	struct err err;
	json_t *deployment = NULL;
	if (!deployment_json(d->f->db, d->parts.app.name, d->number, true, &deployment, &err)) {
		log_error("%s %lld: %s", d->parts.app.name, (long long)d->number, err.msg);
		return;
	}
	events_end(&d->events, deployment);
	json_decref(deployment);
}

static void finish(struct deploy *d, const char *state, const struct err *why)
{
	struct err err;
	if (!step_save_report(d, &err) || !deployment_end(d->f->db, d->parts.app.name, d->number, state, why, &err))
		log_error("%s %lld: %s", d->parts.app.name, (long long)d->number, err.msg);
	say_end(d);
}

static void note_committed(struct deploy *d)
{
	if (!d->has_committed) return;
	step_note(d, d->live_before != 0 ? "Migrations of this deployment have committed and stay; the release that is "
					   "live goes on with the newer database."
					 : "Migrations of this deployment have committed and stay.");
}

static void fail(struct deploy *d, int position, struct err *why)
{
	note_committed(d);
	(void)undo_steps(d, position);
	pause_here("finish", "undone");
	log_warn("%s %lld: %s failed: %s", d->parts.app.name, (long long)d->number, steps[position].name, why->msg);
	finish(d, "failed", why);
}

/* What the process was started for. */
bool deploy_run(struct flow *f, const char *app, int64_t number)
{
	struct deploy d;
	struct err err;
	bool ok = open_deploy(&d, f, app, number, &err);
	d.is_first = strcmp(d.parts.app.state, "new") == 0;
	int position = 0;
	while (ok && position < STEP_COUNT) {
		ok = run_step(&d, position, &err);
		if (ok) position++;
	}
	if (ok)
		finish(&d, "live", NULL);
	else if (d.events.fd >= 0)
		fail(&d, position < STEP_COUNT ? position : STEP_COUNT - 1, &err);
	else if (!deploy_discard(f, app, number, &(struct err){0}) ||
		 !deployment_end(f->db, app, number, "failed", &err, &(struct err){0}))
		log_error("%s %lld: %s", app, (long long)number, err.msg);
	close_deploy(&d);
	return ok;
}

/* Every step behind the switch is a look at it; the switch itself decided. */
static bool close_steps(struct deploy *d, struct err *err)
{
	for (int i = 0; i < STEP_COUNT; i++) {
		char state[16];
		d->detail[0] = '\0';
		if (!deployment_step_state(d->f->db, d->parts.app.name, d->number, i, state, err)) return false;
		if (strcmp(state, "running") == 0 && !journal(d, i, "done", -1, err)) return false;
		if (strcmp(state, "waiting") != 0) continue;
		step_detail(d, "Freehold was ended before it");
		if (!journal(d, i, "skipped", -1, err)) return false;
	}
	return true;
}

/* Before it is ended in the journal: from then on another deployment may begin. */
static bool sweep(struct deploy *d, struct err *err)
{
	return sweep_app(d->f, d->parts.app.name, err) && release_sweep(d->parts.dir, err);
}

/* The release that was live before may still run; the daemon ends at its start what is neither live nor claimed. */
static bool start_server(struct deploy *d, int64_t live, struct err *err)
{
	return (!web_is_there(d->parts.dir, live) || web_start(d->f, d->parts.app.name, live, err)) &&
	       functions_start(d->f, d->parts.app.name, live, err);
}

static bool recover_promoted(struct deploy *d, struct err *err)
{
	const char *app = d->parts.app.name;
	int64_t live = 0;
	bool ok = live_note_switch(d->f, app, &live, err) && live_publish(d->f, app, err) &&
		  app_set_state(d->f->db, app, "running", err) && daemon_start_part(d->f, app, "postgres", err) &&
		  daemon_start_part(d->f, app, "backend", err) && start_server(d, live, err) &&
		  signin_settle_export(d->f, app, err) && close_steps(d, err) && sweep(d, err);
	if (ok) finish(d, "live", NULL);
	return ok;
}

/* One that had failed and was on its way back goes on with that. */
static bool has_failed(struct deploy *d, bool *ret_yes, struct err *err)
{
	for (int i = 0; i < STEP_COUNT; i++) {
		char state[16];
		if (!deployment_step_state(d->f->db, d->parts.app.name, d->number, i, state, err)) return false;
		if (strcmp(state, "failed") == 0) *ret_yes = true;
	}
	return true;
}

/* What it had told of itself. */
static bool reopen_report(struct deploy *d, struct err *err)
{
	json_t *journaled = NULL;
	if (!deployment_json(d->f->db, d->parts.app.name, d->number, true, &journaled, err)) return false;
	const json_t *report = json_object_get(journaled, "report");
	if (json_is_object(report)) json_object_update(d->report, (json_t *)(uintptr_t)report);
	json_decref(journaled);
	return true;
}

static bool recover_undone(struct deploy *d, const char *why, struct err *err)
{
	struct err reason;
	if (!step_settle_migrations(d, &reason)) step_note(d, "%s", reason.msg);
	note_committed(d);
	if (!undo_steps(d, STEP_COUNT - 1))
		return err_set(err, ERR_FAILED, "something could not be taken back; the log says what");
	if (!sweep(d, err)) return false;
	(void)err_set(&reason, ERR_UNAVAILABLE,
		      "%s; what was live before is live, and nothing half made is left. Deploy again.", why);
	finish(d, "interrupted", &reason);
	return true;
}

static bool is_ended(const struct deploy *d)
{
	int64_t running = 0;
	struct err ignored;
	return deployment_running(d->f->db, d->parts.app.name, &running, &ignored) && running != d->number;
}

bool deploy_recover(struct flow *f, const char *app, int64_t number, const char *why, struct err *err)
{
	struct deploy d;
	int64_t live = 0;
	bool failed = false;
	bool ok = open_deploy(&d, f, app, number, err) && release_live(d.parts.dir, &live, err) &&
		  has_failed(&d, &failed, err) && reopen_report(&d, err) && deploy_discard(f, app, number, err);
	if (ok) ok = live == number && !failed ? recover_promoted(&d, err) : recover_undone(&d, why, err);
	if (ok && !is_ended(&d)) ok = err_set(err, ERR_UNAVAILABLE, "the journal could not be written");
	close_deploy(&d);
	return ok || err_wrap(err, "recover deployment %lld of %s", (long long)number, app);
}
