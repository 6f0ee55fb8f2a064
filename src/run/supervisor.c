/* SPDX-License-Identifier: Apache-2.0 */
#include "run/supervisor.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "os/proc.h"
#include "run/private.h"
#include "run/record.h"
#include "run/told.h"
#include "run/unit.h"

#define LOG_MAX_BYTES (20u << 20)

struct unit *supervisor_find(struct supervisor *s, const char *name)
{
	for (struct unit *u = s->units; u != NULL; u = u->next)
		if (strcmp(u->spec.name, name) == 0) return u;
	return NULL;
}

static struct unit *unit_new(struct supervisor *s, const struct unit_spec *spec)
{
	struct unit *u = calloc(1, sizeof *u);
	if (u == NULL) abort();
	u->s = s;
	u->pidfd = -1;
	u->is_wanted = true;
	unit_spec_copy(&u->spec, spec);
	record_hash(spec, u->spec_hash);
	(void)uv_timer_init(s->loop, &u->timer);
	u->timer.data = u;
	u->next = s->units;
	s->units = u;
	return u;
}

void supervisor_start(struct supervisor *s, const struct unit_spec *spec, supervisor_done done, void *arg)
{
	struct unit *u = supervisor_find(s, spec->name);
	bool is_new = u == NULL;
	if (is_new) u = unit_new(s, spec);
	u->is_wanted = true;
	u->spec.gives_up = spec->gives_up;
	/* Whoever asked before is answered by the same readiness; two at once do not happen: deployments of an app are
	 * serial. */
	unit_complete(&u->started, NULL);
	u->started = (struct waiter){done, arg};
	char hash[RECORD_HASH_SIZE];
	record_hash(spec, hash);
	bool is_same = strcmp(hash, u->spec_hash) == 0;
	if (!is_same) {
		unit_spec_done(&u->spec);
		unit_spec_copy(&u->spec, spec);
		memcpy(u->spec_hash, hash, sizeof hash);
	}
	if (is_new) {
		struct record record;
		struct err ignored;
		if (!unit_adopt(u))
			unit_start(u);
		else if (record_get(s->db, spec->name, &record, &ignored) && strcmp(record.spec_hash, hash) != 0)
			unit_stop(u);
	} else if (!is_same) {
		unit_stop(u);
	} else if (u->state == UNIT_RUNNING) {
		unit_complete(&u->started, NULL);
	} else if (u->state == UNIT_WAITING || u->state == UNIT_GAVE_UP) {
		unit_start(u);
	}
}

bool supervisor_adopt(struct supervisor *s, const struct unit_spec *spec)
{
	struct unit *u = supervisor_find(s, spec->name);
	if (u != NULL) return true;
	u = unit_new(s, spec);
	if (unit_adopt(u)) return true;
	unit_forget(u);
	return false;
}

void supervisor_stop(struct supervisor *s, const char *name, supervisor_done done, void *arg)
{
	struct unit *u = supervisor_find(s, name);
	if (u == NULL) {
		if (done != NULL) done(arg, NULL);
		return;
	}
	u->is_wanted = false;
	u->stopped = (struct waiter){done, arg};
	struct err err;
	(void)err_set(&err, ERR_CONFLICT, "%s was stopped", name);
	unit_complete(&u->started, &err);
	unit_stop(u);
}

struct stop_all {
	int left;
	supervisor_done done;
	void *arg;
};

static void on_one_stopped(void *arg, const struct err *err)
{
	(void)err;
	struct stop_all *all = arg;
	if (--all->left > 0) return;
	all->done(all->arg, NULL);
	free(all);
}

void supervisor_stop_all(struct supervisor *s, supervisor_done done, void *arg)
{
	struct stop_all *all = calloc(1, sizeof *all);
	if (all == NULL) abort();
	*all = (struct stop_all){.left = 1, .done = done, .arg = arg};
	for (struct unit *u = s->units, *next; u != NULL; u = next) {
		next = u->next; /* one that does not run is forgotten at once */
		all->left++;
		supervisor_stop(s, u->spec.name, on_one_stopped, all);
	}
	on_one_stopped(all, NULL);
}

void supervisor_restart(struct supervisor *s, const char *name, supervisor_done done, void *arg)
{
	struct unit *u = supervisor_find(s, name);
	struct err err;
	(void)err_set(&err, ERR_NOT_FOUND, "%s does not run", name);
	if (u == NULL) {
		if (done != NULL) done(arg, &err);
		return;
	}
	u->failures = 0;
	u->started = (struct waiter){done, arg};
	unit_stop(u);
}

void supervisor_signal(struct supervisor *s, const char *name, int signal_number)
{
	struct unit *u = supervisor_find(s, name);
	if (u != NULL && u->poll != NULL) (void)kill(u->id.pid, signal_number);
}

bool supervisor_is_running(struct supervisor *s, const char *name)
{
	const struct unit *u = supervisor_find(s, name);
	return u != NULL && u->state == UNIT_RUNNING;
}

static const char *state_word(const struct unit *u)
{
	switch (u->state) {
	case UNIT_STARTING: return "starting";
	case UNIT_RUNNING: return "running";
	case UNIT_STOPPING: return "stopping";
	case UNIT_GAVE_UP: return "failing";
	case UNIT_WAITING: return u->failures >= FAILING_AFTER ? "failing" : "waiting";
	default: return "stopped";
	}
}

json_t *supervisor_json(struct supervisor *s, const char *unit, const char *name)
{
	const struct unit *u = supervisor_find(s, unit);
	json_t *o = json_object();
	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "state", json_string(u != NULL ? state_word(u) : "stopped"));
	if (u == NULL) return o;
	char since[CLOCK_ISO8601_SIZE];
	clock_iso8601(u->since_wall_ms, since);
	if (u->poll != NULL) json_object_set_new(o, "pid", json_integer(u->id.pid));
	json_object_set_new(o, "since", json_string(since));
	json_object_set_new(o, "restarts", json_integer(u->restarts));
	json_object_set_new(o, "reason", u->reason[0] != '\0' ? json_string(u->reason) : json_null());
	if (u->spec.state_path == NULL) return o;
	json_t *told = told_read(u->spec.state_path, u->id.pid);
	json_object_set_new(o, "why", u->why[0] != '\0' ? json_string(u->why) : json_null());
	json_object_set_new(o, "server", told != NULL ? told : json_null());
	return o;
}

static void sweep_one(void *arg, const struct record *record)
{
	struct supervisor *s = arg;
	if (supervisor_find(s, record->unit) != NULL) return;
	if (proc_is_alive(&record->id)) {
		log_warn("%s: nobody needs it any more; ended (pid %d)", record->unit, (int)record->id.pid);
		(void)kill(record->id.pid, SIGTERM);
	}
	record_forget(s->db, record->unit);
}

void supervisor_sweep(struct supervisor *s)
{
	record_each(s->db, sweep_one, s);
	unit_group_sweep(s->home_mark);
}

/* Logs are bounded: past the limit the newer half is kept. The process appends (O_APPEND), so cutting its file is safe.
 */
static void on_log_timer(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;
	for (struct unit *u = s->units; u != NULL; u = u->next) {
		record_trim_log(u->spec.log_path, LOG_MAX_BYTES);
		if (u->spec.access_log_path != NULL) record_trim_log(u->spec.access_log_path, LOG_MAX_BYTES);
	}
}

struct supervisor *supervisor_new(uv_loop_t *loop, struct db *db)
{
	struct supervisor *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	unit_group_mark(db_path(db), s->home_mark);
	s->loop = loop;
	s->db = db;
	(void)uv_timer_init(loop, &s->log_timer);
	s->log_timer.data = s;
	(void)uv_timer_start(&s->log_timer, on_log_timer, 60000, 60000);
	uv_unref((uv_handle_t *)&s->log_timer);
	return s;
}

static void on_supervisor_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void supervisor_free(struct supervisor *s)
{
	while (s->units != NULL) {
		struct unit *u = s->units;
		unit_unwatch(u);
		unit_forget(u);
	}
	uv_close((uv_handle_t *)&s->log_timer, on_supervisor_closed);
}
