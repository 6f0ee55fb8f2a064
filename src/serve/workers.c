/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/workers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/session.h"
#include "os/file.h"
#include "serve/workers_private.h"

#define PORT_FIRST 20000
#define TICK_MS 500
#define TASKS_MS 400000 /* a task of waitUntil keeps its process for as long as Supabase lets it run */
#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 10000
#define LASTED_MS 1000
#define STUCK_MAX 2 /* starts that hung before the function's code, in a row, that nobody hears of */
#define LOG_MAX_BYTES ((off_t)8 << 20)
#define LOG_KEPT_BYTES ((size_t)4 << 20)
#define LAST_BYTES 4096

static const char *name_of(const struct workers *ws, const struct worker *w)
{
	return ws->in->config.functions[w->index].name;
}

/* Into the function's own log, so that whoever looks there sees what became of it. */
void workers_note(struct workers *ws, const struct worker *w, const char *fmt, ...)
{
	char text[512], at[CLOCK_ISO8601_SIZE];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	clock_iso8601(clock_wall_ms(), at);
	if (ws->logs[w->index] >= 0) dprintf(ws->logs[w->index], "%s freehold: %s\n", at, text);
}

/* Processes. */

int workers_running(const struct workers *ws)
{
	int count = 0;
	for (int i = 0; i < ws->count; i++) count += ws->list[i].pid > 0;
	return count;
}

static void leave(struct worker *w)
{
	if (w->pid <= 0 || w->phase == WORKER_LEAVING) return;
	w->phase = WORKER_LEAVING;
	w->leave_ms = clock_now_ms();
	session_signal(w->pid, SIGTERM);
}

static bool is_idle(const struct worker *w, int64_t now_ms)
{
	bool has_tasks = w->tasks > 0 && now_ms - w->used_ms < TASKS_MS;
	return w->phase == WORKER_SERVING && w->connections == 0 && w->waiting == 0 && !has_tasks;
}

/* Of those that nobody asks for, the one that was longest not asked for makes room. */
static void make_room(struct workers *ws)
{
	struct worker *oldest = NULL;
	int64_t now_ms = clock_now_ms();
	for (int i = 0; i < ws->count; i++) {
		struct worker *w = &ws->list[i];
		if (w->phase == WORKER_LEAVING) return; /* one is on its way already */
		if (is_idle(w, now_ms) && (oldest == NULL || w->used_ms < oldest->used_ms)) oldest = w;
	}
	if (oldest != NULL) leave(oldest);
}

void workers_want(struct workers *ws, struct worker *w)
{
	struct err err;
	if (w->phase != WORKER_IDLE || ws->is_ending) return;
	if (clock_now_ms() < w->again_ms) {
		visit_answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, w->why);
		return;
	}
	if (workers_running(ws) >= ws->in->config.workers_max) {
		make_room(ws);
		return;
	}
	if (worker_start(w, &ws->in->config, ws->control_port, ws->logs[w->index], ws->in->holds_rlimits, &err)) return;
	log_error("%s", err.msg);
	visit_answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, err.msg);
}

/* Those for whom there was no room. */
static void want_all(struct workers *ws)
{
	for (int i = 0; i < ws->count; i++)
		if (ws->list[i].waiting > 0) workers_want(ws, &ws->list[i]);
}

static struct str read_last(struct workers *ws, const struct worker *w, char space[LAST_BYTES])
{
	struct stat st;
	int fd = ws->logs[w->index];
	if (fd < 0 || fstat(fd, &st) != 0) return STR("");
	off_t from = st.st_size > LAST_BYTES ? st.st_size - LAST_BYTES : 0;
	if (from < w->log_began && w->log_began <= st.st_size) from = w->log_began;
	ssize_t got = pread(fd, space, LAST_BYTES, from);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

static void note_failure(struct worker *w)
{
	int64_t pause_ms = PAUSE_FIRST_MS;
	for (int n = 0; n < w->failures && pause_ms < PAUSE_MAX_MS; n++) pause_ms *= 2;
	w->failures++;
	w->again_ms = clock_now_ms() + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
}

/* The end of one is its own only: whoever it left without an answer hears why, others that wait get another. */
static void on_ended(struct workers *ws, struct worker *w, int status)
{
	char space[LAST_BYTES];
	bool was_asked = w->phase == WORKER_LEAVING && !w->is_killed;
	worker_judge(w, &ws->in->config, status, read_last(ws, w, space));
	bool has_served = w->answer != ANSWER_BOOT;
	bool is_stuck = w->is_killed && !has_served && !w->has_said, is_again = is_stuck && w->stuck++ < STUCK_MAX;
	w->pid = 0;
	w->phase = WORKER_IDLE;
	w->tasks = 0;
	if (!was_asked) {
		workers_note(ws, w, "the function ended: %s", w->why);
		log_warn("function %s: %s", name_of(ws, w), w->why);
	}
	if (!was_asked && !is_again && (!has_served || clock_now_ms() - w->started_ms < LASTED_MS))
		note_failure(w);
	else
		w->failures = 0, w->again_ms = 0;
	visit_answer_all(ws, w, VISIT_JUDGING, was_asked ? ANSWER_ERROR : w->answer, w->why);
	if (!has_served && !was_asked && !is_again) visit_answer_all(ws, w, VISIT_WAITING, ANSWER_BOOT, w->why);
	if (ws->is_ending && workers_running(ws) == 0) ws->in->loop.is_over = true;
	want_all(ws);
}

bool workers_reaped(struct workers *ws, pid_t pid, int status)
{
	for (int i = 0; i < ws->count; i++)
		if (ws->list[i].pid == pid) {
			on_ended(ws, &ws->list[i], status);
			return true;
		}
	return false;
}

void workers_renew(struct workers *ws)
{
	for (int i = 0; i < ws->count; i++) {
		ws->list[i].failures = 0, ws->list[i].again_ms = 0;
		leave(&ws->list[i]);
	}
}

void workers_end(struct workers *ws)
{
	ws->is_ending = true;
	for (int i = 0; i < ws->count; i++) leave(&ws->list[i]);
}

static void look_at_log(int fd)
{
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > LOG_MAX_BYTES) file_keep_end(fd, LOG_KEPT_BYTES);
}

static void on_tick(void *arg)
{
	struct workers *ws = arg;
	const struct config *c = &ws->in->config;
	int64_t now_ms = clock_now_ms(), since_ms = now_ms - ws->ticked_ms;
	ws->ticked_ms = now_ms;
	for (int i = 0; i < ws->count; i++) {
		struct worker *w = &ws->list[i];
		if (w->pid <= 0) continue;
		worker_look(w, c, since_ms < TICK_MS * 2 ? since_ms : TICK_MS * 2);
		look_at_log(ws->logs[i]);
		if (is_idle(w, now_ms) && now_ms - w->used_ms > c->idle_ms) leave(w);
		if (w->phase == WORKER_LEAVING && w->leave_ms > 0 && now_ms - w->leave_ms > c->kill_ms)
			session_signal(w->pid, SIGKILL);
	}
	visit_look(ws, now_ms);
	want_all(ws);
	loop_timer_set(&ws->in->loop, &ws->tick, TICK_MS);
}

static int open_log(const char *name)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, WORKERS_LOGS "/%s.log", name)) return -1;
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd >= 0 ? fd : open("/dev/null", O_RDWR | O_CLOEXEC);
}

struct workers *workers_new(struct inside *in, struct err *err)
{
	struct workers *ws = calloc(1, sizeof *ws);
	if (ws == NULL) abort();
	ws->in = in;
	ws->count = in->config.function_count;
	ws->tick = (struct loop_timer){.on_timer = on_tick, .arg = ws};
	ws->ticked_ms = clock_now_ms();
	for (int i = 0; i < TELLERS_MAX; i++) ws->tellers[i].watch.fd = -1;
	for (int i = 0; i < ws->count; i++) {
		ws->list[i] = (struct worker){.index = i, .port = (uint16_t)(PORT_FIRST + i)};
		ws->logs[i] = open_log(in->config.functions[i].name);
	}
	if (!teller_open(ws, err)) {
		workers_free(ws);
		return NULL;
	}
	loop_timer_set(&in->loop, &ws->tick, TICK_MS);
	return ws;
}

void workers_free(struct workers *ws)
{
	if (ws == NULL) return;
	for (int i = 0; i < ws->count; i++)
		if (ws->logs[i] >= 0) (void)close(ws->logs[i]);
	free(ws);
}
