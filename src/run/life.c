/* SPDX-License-Identifier: Apache-2.0
 *
 * One unit's process: started, ready, ended, tried again, found again, stopped. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
#define LEFT_DEADLINE_MS 1000

void unit_complete(struct waiter *w, const struct err *err)
{
	struct waiter was = *w;
	*w = (struct waiter){0};
	if (was.done != NULL) was.done(was.arg, err);
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

void unit_forget(struct unit *u)
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
		unit_complete(&u->started, NULL);
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
	unit_complete(&u->started, &err);
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
	unit_complete(&u->started, &err);
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
		unit_complete(&u->started, &err);
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

void unit_unwatch(struct unit *u)
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
	unit_complete(&stopped, NULL);
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

static void unit_watch_start(struct unit *u)
{
	enter(u, UNIT_STARTING);
	(void)uv_timer_start(&u->timer, on_ready_timer, 0, 0);
}

void unit_start(struct unit *u)
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

bool unit_adopt(struct unit *u)
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

void unit_stop(struct unit *u)
{
	if (u->poll == NULL) { /* stopped or between two tries: nothing to wait for */
		enter(u, UNIT_STOPPED);
		struct waiter stopped = u->stopped;
		u->stopped = (struct waiter){0};
		if (u->is_wanted)
			unit_start(u);
		else
			unit_forget(u);
		unit_complete(&stopped, NULL);
		return;
	}
	if (u->state == UNIT_STOPPING) return;
	enter(u, UNIT_STOPPING);
	(void)kill(u->id.pid, u->spec.stop_signal);
	(void)uv_timer_start(&u->timer, on_stop_deadline, (uint64_t)u->spec.stop_deadline_ms, 0);
}
