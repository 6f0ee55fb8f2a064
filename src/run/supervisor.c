/* SPDX-License-Identifier: Apache-2.0 */
#include "run/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "os/proc.h"
#include "run/private.h"
#include "run/record.h"
#include "run/told.h"
#include "run/unit.h"

#define READY_TRY_MS 20
#define READY_DEADLINE_MS 30000
#define LASTED_MS 10000 /* a process that ran this long starts the count of its failures anew */
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 30000
#define FAILING_AFTER 5
#define LOG_MAX_BYTES (20u << 20)
#define LEFT_DEADLINE_MS 1000

static void unit_start(struct unit *u);
static void unit_watch_start(struct unit *u);

static void complete(struct waiter *w, const struct err *err)
{
	struct waiter was = *w;
	*w = (struct waiter){0};
	if (was.done != NULL) was.done(was.arg, err);
}

struct unit *supervisor_find(struct supervisor *s, const char *name)
{
	for (struct unit *u = s->units; u != NULL; u = u->next)
		if (strcmp(u->spec.name, name) == 0) return u;
	return NULL;
}

static void enter(struct unit *u, enum unit_state state)
{
	u->state = state;
	u->since_wall_ms = clock_wall_ms();
	(void)uv_timer_stop(&u->timer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct unit *u = handle->data;
	unit_spec_done(&u->spec);
	free(u);
}

static void unit_forget(struct unit *u)
{
	for (struct unit **at = &u->s->units; *at != NULL; at = &(*at)->next)
		if (*at == u) {
			*at = u->next;
			break;
		}
	uv_close((uv_handle_t *)&u->timer, on_timer_closed);
}

/* Readiness. */

static void on_ready_timer(uv_timer_t *timer)
{
	struct unit *u = timer->data;
	int64_t deadline_ms = u->spec.ready_deadline_ms > 0 ? u->spec.ready_deadline_ms : READY_DEADLINE_MS;
	if (supervisor_is_ready(u)) {
		u->was_ready = true;
		enter(u, UNIT_RUNNING);
		/* An adopted one runs since it began, not since this daemon found it. */
		int64_t began_ms = u->is_child ? 0 : proc_began_wall_ms(&u->id);
		if (began_ms > 0) u->since_wall_ms = began_ms;
		log_info("%s: running (pid %d)", u->spec.name, (int)u->id.pid);
		complete(&u->started, NULL);
		return;
	}
	if (clock_now_ms() - u->started_ms < deadline_ms) {
		(void)uv_timer_start(timer, on_ready_timer, READY_TRY_MS, 0);
		return;
	}
	struct err err;
	(void)err_set(&err, ERR_TIMEOUT, "%s runs and does not answer after %lld s; its log is %s", u->spec.name,
		      (long long)deadline_ms / 1000, u->spec.log_path);
	(void)snprintf(u->reason, sizeof u->reason, "does not answer");
	complete(&u->started, &err);
	(void)uv_timer_start(timer, on_ready_timer, 1000, 0);
}

/* The end of a process, and what follows. */

static void on_pause_over(uv_timer_t *timer)
{
	struct unit *u = timer->data;
	u->restarts++;
	unit_start(u);
}

static int64_t pause_ms(int failures)
{
	if (failures <= 1) return 0;
	int64_t pause = FIRST_PAUSE_MS;
	for (int i = 2; i < failures && pause < LONGEST_PAUSE_MS; i++) pause *= 2;
	return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

static void unit_give_up(struct unit *u)
{
	struct err err;
	log_warn("%s: %s", u->spec.name, u->reason);
	(void)err_set(&err, ERR_FAILED, "%s", u->reason);
	enter(u, UNIT_GAVE_UP);
	complete(&u->started, &err);
}

static void unit_wait(struct unit *u)
{
	if (u->spec.gives_up && !u->was_ready) {
		unit_give_up(u);
		return;
	}
	bool had_lasted = u->state == UNIT_RUNNING && clock_now_ms() - u->started_ms >= LASTED_MS;
	u->failures = had_lasted ? 1 : u->failures + 1;
	int64_t pause = pause_ms(u->failures);
	log_warn("%s: %s; trying again in %lld ms", u->spec.name, u->reason, (long long)pause);
	if (u->failures >= FAILING_AFTER) {
		struct err err;
		(void)err_set(&err, ERR_FAILED, "%s keeps ending: %s; its log is %s", u->spec.name, u->reason,
			      u->spec.log_path);
		complete(&u->started, &err);
	}
	enter(u, UNIT_WAITING);
	(void)uv_timer_start(&u->timer, on_pause_over, (uint64_t)pause, 0);
}

/* Its own words, where it left some. */
static bool note_told(struct unit *u)
{
	if (u->spec.state_path == NULL) return false;
	json_t *told JSON_CLEANUP = told_read(u->spec.state_path, u->id.pid);
	if (!told_is(told, "ended")) return false;
	(void)snprintf(u->reason, sizeof u->reason, "%s", json_str(told, "text", "ended"));
	(void)snprintf(u->why, sizeof u->why, "%s", json_str(told, "why", ""));
	return true;
}

/* What a child's end says; of an adopted process nobody can know more than that it ended. */
static void note_reason(struct unit *u)
{
	siginfo_t info = {0};
	u->why[0] = '\0';
	if (!u->is_child || waitid(P_PID, (id_t)u->id.pid, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
		(void)snprintf(u->reason, sizeof u->reason, "ended");
	else if (info.si_code == CLD_EXITED)
		(void)snprintf(u->reason, sizeof u->reason, "ended with status %d", info.si_status);
	else
		(void)snprintf(u->reason, sizeof u->reason, "was ended by signal %d (%s)", info.si_status,
			       strsignal(info.si_status));
	(void)note_told(u);
}

static void on_handle_closed(uv_handle_t *handle)
{
	free(handle);
}

static void unit_unwatch(struct unit *u)
{
	if (u->poll != NULL) uv_close((uv_handle_t *)u->poll, on_handle_closed);
	u->poll = NULL;
	if (u->pidfd >= 0) (void)close(u->pidfd);
	u->pidfd = -1;
}

static void remove_notes(const struct unit_spec *spec)
{
	for (int i = 0; i < UNIT_NOTES_MAX; i++)
		if (spec->notes[i] != NULL) (void)unlink(spec->notes[i]);
}

static void on_ended(uv_poll_t *poll, int status, int events)
{
	(void)status, (void)events;
	struct unit *u = poll->data;
	(void)uv_poll_stop(poll);
	unit_unwatch(u);
	/* Killed from outside, nginx's master leaves workers that hold the port and would keep the next one off it. */
	(void)kill(-u->id.pid, SIGKILL);
	/* PostgreSQL's children have sessions of their own, and its next start waits for the last of them. */
	if (u->spec.work_dir != NULL) proc_kill_left(u->spec.argv[0], u->spec.work_dir, LEFT_DEADLINE_MS);
	if (!u->is_child) remove_notes(&u->spec);
	note_reason(u);
	unit_group_forget(u->s->home_mark, &u->spec);
	record_forget(u->s->db, u->spec.name);
	if (u->state != UNIT_STOPPING) {
		unit_wait(u);
		return;
	}
	bool is_wanted = u->is_wanted;
	enter(u, UNIT_STOPPED);
	struct waiter stopped = u->stopped;
	u->stopped = (struct waiter){0};
	if (is_wanted)
		unit_start(u);
	else
		unit_forget(u);
	complete(&stopped, NULL);
}

/* Starting. */

static bool unit_watch(struct unit *u, struct err *err)
{
	u->poll = calloc(1, sizeof *u->poll);
	if (u->poll == NULL) abort();
	u->poll->data = u;
	int code = uv_poll_init(u->s->loop, u->poll, u->pidfd);
	if (code == 0) code = uv_poll_start(u->poll, UV_READABLE, on_ended);
	return code == 0 || err_set(err, ERR_INTERNAL, "watch %s: %s", u->spec.name, uv_strerror(code));
}

static bool on_process_started(void *arg, const struct proc_id *id, struct err *err)
{
	struct unit *u = arg;
	return record_put(u->s->db, u->spec.name, id, u->spec_hash, err) &&
	       (!u->spec.has_limits || limits_group_join(&u->group, id->pid, err));
}

static void unit_start(struct unit *u)
{
	struct err err;
	const char *env[UNIT_ENV_MAX + 2];
	char group_env[UNIT_GROUP_TEXT_SIZE];
	struct proc_spec spec = {.argv = u->spec.argv,
				 .env = env,
				 .cwd = u->spec.cwd,
				 .has_user = u->spec.has_user,
				 .uid = u->spec.uid,
				 .gid = u->spec.gid};
	for (int i = 0; i < UNIT_SOCKET_FILES; i++)
		if (u->spec.socket_files[i] != NULL) (void)unlink(u->spec.socket_files[i]);
	u->started_ms = clock_now_ms();
	u->is_child = true;
	if (!unit_group_open(u->s->home_mark, &u->spec, &u->group, env, group_env, &err) ||
	    !proc_start_serving(&spec, u->spec.log_path, on_process_started, u, &u->id, &u->pidfd, &err) ||
	    !unit_watch(u, &err)) {
		(void)snprintf(u->reason, sizeof u->reason, "%s", err.msg);
		unit_unwatch(u);
		unit_wait(u);
		return;
	}
	unit_watch_start(u);
}

static void unit_watch_start(struct unit *u)
{
	enter(u, UNIT_STARTING);
	(void)uv_timer_start(&u->timer, on_ready_timer, 0, 0);
}

/* A process of an earlier daemon goes on under this one if it is the one we would start. */
static bool unit_adopt(struct unit *u)
{
	struct err err;
	struct record record;
	if (!record_get(u->s->db, u->spec.name, &record, &err)) return false;
	if (!proc_is_alive(&record.id)) {
		if (u->spec.work_dir != NULL) proc_kill_left(u->spec.argv[0], u->spec.work_dir, LEFT_DEADLINE_MS);
		record_forget(u->s->db, u->spec.name);
		return false;
	}
	u->id = record.id;
	u->is_child = false;
	u->was_ready = true;
	u->started_ms = clock_now_ms();
	u->pidfd = (int)syscall(SYS_pidfd_open, u->id.pid, 0);
	/* Again, now that the number cannot be given to another. */
	if (u->pidfd < 0 || !proc_is_alive(&record.id) || !unit_watch(u, &err)) {
		unit_unwatch(u);
		return false;
	}
	log_info("%s: found running (pid %d)", u->spec.name, (int)u->id.pid);
	unit_watch_start(u);
	return true;
}

/* Stopping. */

static void on_stop_deadline(uv_timer_t *timer)
{
	struct unit *u = timer->data;
	log_warn("%s: did not end when asked; killed", u->spec.name);
	(void)kill(-u->id.pid, SIGKILL);
	(void)kill(u->id.pid, SIGKILL);
}

static void unit_stop(struct unit *u)
{
	if (u->poll == NULL) { /* stopped or between two tries: nothing to wait for */
		enter(u, UNIT_STOPPED);
		struct waiter stopped = u->stopped;
		u->stopped = (struct waiter){0};
		if (u->is_wanted)
			unit_start(u);
		else
			unit_forget(u);
		complete(&stopped, NULL);
		return;
	}
	if (u->state == UNIT_STOPPING) return;
	enter(u, UNIT_STOPPING);
	(void)kill(u->id.pid, u->spec.stop_signal);
	(void)uv_timer_start(&u->timer, on_stop_deadline, (uint64_t)u->spec.stop_deadline_ms, 0);
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
	complete(&u->started, NULL);
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
		complete(&u->started, NULL);
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
	complete(&u->started, &err);
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
