/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/pause.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "upkeep/backup.h"
#include "upkeep/branch.h"
#include "upkeep/drill.h"
#include "upkeep/fetched.h"
#include "upkeep/files.h"
#include "upkeep/pack.h"
#include "upkeep/restore.h"

#define LOGS_KEPT 500

static const struct job_kind kinds[] = {
    {"backup", true, false, backup_run, NULL},
    {"files", false, false, files_run, NULL},
    {"drill", true, false, drill_run, drill_recover},
    {"inspect", true, false, restore_inspect_run, restore_inspect_recover},
    {"restore", true, true, restore_run, restore_recover},
    {"undo", true, true, restore_undo_run, restore_recover},
    {"forget", true, false, restore_forget_run, NULL},
    {"bring", true, false, restore_bring_run, NULL},
    {"branch", true, false, branch_run, branch_recover},
    {FETCHED_LOOK_JOB, false, false, fetched_look_run, NULL},
    {FETCHED_CHANGE_JOB, false, false, fetched_change_run, NULL},
    {FETCHED_RENEW_JOB, true, true, fetched_renew_run, fetched_renew_recover},
    {"pack", true, false, pack_run, NULL},
    {"pgbouncer", true, false, fetched_pgbouncer_run, NULL},
};

const struct job_kind *job_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
	return NULL;
}

bool job_events_path(const struct flow *f, int64_t id, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char rest[64];
	(void)snprintf(rest, sizeof rest, "logs/job-%lld.ndjson", (long long)id);
	return layout_home(&f->layout, rest, ret_path, err);
}

static void end_step(struct job_run *r, const char *state)
{
	if (r->job.step[0] != '\0')
		events_step(&r->events, r->job.step, state, clock_now_ms() - r->step_began_ms, NULL);
	r->job.step[0] = '\0';
}

bool job_begin_step(struct job_run *r, const char *step, struct err *err)
{
	end_step(r, "done");
	if (!job_step(r->f->db, r->job.id, step, err)) return false;
	(void)snprintf(r->job.step, sizeof r->job.step, "%s", step);
	r->step_began_ms = clock_now_ms();
	events_step(&r->events, r->job.step, "running", -1, NULL);
	pause_here(r->job.step, r->job.kind);
	return true;
}

void job_note(struct job_run *r, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	events_note(&r->events, text);
	json_t *notes = json_object_get(r->result, "notes");
	if (notes == NULL) {
		notes = json_array();
		json_object_set_new(r->result, "notes", notes);
	}
	json_array_append_new(notes, json_string(text));
}

static void drop_old_log(const struct flow *f, int64_t id)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	if (id > LOGS_KEPT && job_events_path(f, id - LOGS_KEPT, path, &ignored)) (void)unlink(path);
}

/* A killed process may take a moment to be gone with its children: whoever recovers waits for the last of them. */
static bool open_run(struct job_run *r, struct flow *f, int64_t id, const struct job_kind **ret_kind, struct err *err)
{
	char path[FILE_PATH_SIZE];
	*r = (struct job_run){.f = f, .events = {.fd = -1}, .result = json_object()};
	if (!job_get(f->db, id, &r->job, err) || !job_events_path(f, id, path, err) ||
	    !events_open(&r->events, path, err) || !json_parse(str_from(r->job.options), &r->options, err))
		return false;
	if (flock(r->events.fd, LOCK_EX) != 0) return err_set_errno(err, "%s", path);
	r->job.step[0] = '\0';
	drop_old_log(f, id);
	*ret_kind = job_kind_find(r->job.kind);
	if (*ret_kind == NULL) return err_set(err, ERR_INTERNAL, "no job is called %s", r->job.kind);
	return !(*ret_kind)->has_app || parts_open(f, r->job.app, &r->parts, err);
}

static void close_run(struct job_run *r)
{
	events_close(&r->events);
	json_decref(r->options);
	json_decref(r->result);
}

static bool end(struct job_run *r, const char *state, const struct err *error, struct err *err)
{
	json_t *whole = NULL;
	end_step(r, error == NULL ? "done" : "failed");
	if (!job_end(r->f->db, r->job.id, state, error, r->result, err) || !job_json(r->f->db, r->job.id, &whole, err))
		return false;
	events_job_end(&r->events, whole);
	json_decref(whole);
	return true;
}

bool job_run(struct flow *f, int64_t id)
{
	struct job_run r;
	struct err err = {0}, ending;
	const struct job_kind *kind = NULL;
	bool ok = open_run(&r, f, id, &kind, &err) && kind->run(&r, &err);
	if (!ok) log_error("%s%s%s: %s", r.job.app, r.job.app[0] != '\0' ? ": " : "", r.job.kind, err.msg);
	const char *state = !ok ? "failed" : r.waits ? "waiting" : "done";
	if (!end(&r, state, ok ? NULL : &err, &ending)) log_error("job %lld: %s", (long long)id, ending.msg);
	close_run(&r);
	return ok;
}

bool job_recover(struct flow *f, int64_t id, struct err *err)
{
	struct job_run r;
	struct err why;
	const struct job_kind *kind = NULL;
	bool is_done = false;
	bool ok = open_run(&r, f, id, &kind, err) && (kind->recover == NULL || kind->recover(&r, &is_done, err));
	(void)err_set(&why, ERR_FAILED, "its process ended before it was done (killed, or Freehold was ended)");
	ok = ok && end(&r, is_done ? "done" : "interrupted", is_done ? NULL : &why, err);
	close_run(&r);
	return ok;
}
