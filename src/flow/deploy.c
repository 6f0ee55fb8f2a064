/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/deploy.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "flow/pause.h"
#include "flow/step.h"
#include "release/release.h"

#define ARENA_MAX_BYTES (64u << 20)

static const struct step steps[] = {
    {"receive", step_receive, NULL},
    {"unpack", step_unpack, step_unpack_undo},
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

/* The shared part: opened from what is on disk and in the journal, so that recovery sees what the deployment saw. */

static bool open_deploy(struct deploy *d, struct flow *f, const char *app, int64_t number, struct err *err)
{
	char events[FILE_PATH_SIZE];
	*d = (struct deploy){
	    .f = f, .number = number, .events = {.fd = -1}, .report = json_object(), .release = json_object()};
	d->arena = arena_new(ARENA_MAX_BYTES);
	return parts_ensure(f, app, &d->parts, err) && deploy_events_path(f, app, number, events, err) &&
	       events_open(&d->events, events, err) && deployment_info(f->db, app, number, &d->info, err) &&
	       json_parse(str_from(d->info.options), &d->options, err) &&
	       deploy_upload_path(f, app, number, d->upload, err) &&
	       file_path(d->work_dir, err, "%s/work/%lld", d->parts.dir, (long long)number) &&
	       file_path(d->source_dir, err, "%s/source", d->work_dir) &&
	       file_path(d->build_dir, err, "%s/build", d->work_dir) &&
	       release_live(d->parts.dir, &d->live_before, err);
}

static void close_deploy(struct deploy *d)
{
	events_close(&d->events);
	json_decref(d->options);
	json_decref(d->inspection);
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
	const char *state = !ok ? "failed" : d->is_skipped ? "skipped" : "done";
	if (!journal(d, position, state, clock_now_ms() - began_ms, ok ? err : &journal_err)) return false;
	pause_here(step->name, "done");
	return ok;
}

/* Takes back what the steps up to `last` did, in reverse. A failure to undo is noted and does not stop the others. */
static void undo_steps(struct deploy *d, int last)
{
	struct err err;
	for (int i = last; i >= 0; i--) {
		char state[16] = "";
		if (!deployment_step_state(d->f->db, d->parts.app.name, d->number, i, state, &err) ||
		    strcmp(state, "waiting") == 0)
			continue;
		if (steps[i].undo == NULL) continue;
		d->detail[0] = '\0';
		d->events.step = steps[i].name;
		pause_here(steps[i].name, "undo");
		if (!steps[i].undo(d, &err)) {
			log_error("%s %lld: undo %s: %s", d->parts.app.name, (long long)d->number, steps[i].name,
				  err.msg);
			step_note(d, "could not be taken back: %s", err.msg);
		} else if (strcmp(state, "failed") != 0) {
			(void)journal(d, i, "undone", -1, &err);
		}
	}
}

static bool save_report(struct deploy *d, struct err *err)
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
	if (!save_report(d, &err) || !deployment_end(d->f->db, d->parts.app.name, d->number, state, why, &err))
		log_error("%s %lld: %s", d->parts.app.name, (long long)d->number, err.msg);
	say_end(d);
}

static void fail(struct deploy *d, int position, struct err *why)
{
	if (d->has_committed)
		step_note(d, "Migrations of this deployment have committed and stay; the release that is live goes on "
			     "with the newer database.");
	undo_steps(d, position);
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
	else if (!deployment_end(f->db, app, number, "failed", &err, &(struct err){0}))
		log_error("%s %lld: %s", app, (long long)number, err.msg);
	close_deploy(&d);
	return ok;
}

/* Every step behind the switch is a look at it; the switch itself decided. */
static bool recover_promoted(struct deploy *d, struct err *err)
{
	int64_t at_ms = 0;
	if (!promotion_time(d->f->db, d->parts.app.name, d->number, &at_ms, err)) return false;
	if (at_ms == 0 && !promotion_add(d->f->db, d->parts.app.name, 0, d->number, "found", err)) return false;
	for (int i = 0; i < STEP_COUNT; i++) {
		char state[16];
		if (!deployment_step_state(d->f->db, d->parts.app.name, d->number, i, state, err)) return false;
		if (strcmp(state, "running") == 0 && !journal(d, i, "done", -1, err)) return false;
	}
	if (!app_set_state(d->f->db, d->parts.app.name, "running", err) || !step_unpack_undo(d, err)) return false;
	finish(d, "live", NULL);
	return true;
}

bool deploy_recover(struct flow *f, const char *app, int64_t number, const char *why, struct err *err)
{
	struct deploy d;
	bool ok = open_deploy(&d, f, app, number, err);
	if (ok && d.live_before == number) {
		ok = recover_promoted(&d, err);
	} else if (ok) {
		struct err reason;
		(void)err_set(&reason, ERR_UNAVAILABLE,
			      "%s; what was live before is live, and nothing half made is left. Deploy again.", why);
		undo_steps(&d, STEP_COUNT - 1);
		finish(&d, "interrupted", &reason);
	}
	close_deploy(&d);
	return ok || err_wrap(err, "recover deployment %lld of %s", (long long)number, app);
}
