/* SPDX-License-Identifier: Apache-2.0 */
#include "bin/backend/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SHORT_LIFE_MS 1000
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 5000

struct worker {
	pid_t pid; /* 0: not running */
	int64_t started_ms, start_at_ms, pause_ms;
};

struct workers {
	const struct workers_spec *spec;
	struct worker *list;
	sigset_t signals, before;
	bool is_stopping;
	int status;
};

static void start(struct workers *w, int index)
{
	struct worker *one = &w->list[index];
	pid_t above = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* so that it drains when the one above is killed */
		if (getppid() != above) _exit(1);
		(void)sigprocmask(SIG_SETMASK, &w->before, NULL);
		free(w->list);
		exit(w->spec->work(w->spec->arg, index));
	}
	if (pid < 0) {
		log_error("freehold-backend: cannot start worker %d: %s", index + 1, strerror(errno));
		one->start_at_ms = clock_now_ms() + PAUSE_MAX_MS;
		return;
	}
	one->pid = pid;
	one->started_ms = clock_now_ms();
}

static void note_end(struct workers *w, int index, int status)
{
	struct worker *one = &w->list[index];
	int64_t now_ms = clock_now_ms();
	one->pid = 0;
	if (w->is_stopping) {
		if (status != 0) w->status = 1;
		return;
	}
	bool was_short = now_ms - one->started_ms < SHORT_LIFE_MS;
	one->pause_ms = !was_short ? 0 : one->pause_ms == 0 ? PAUSE_FIRST_MS : one->pause_ms * 2;
	if (one->pause_ms > PAUSE_MAX_MS) one->pause_ms = PAUSE_MAX_MS;
	one->start_at_ms = now_ms + one->pause_ms;
	if (WIFSIGNALED(status))
		log_error("freehold-backend: worker %d was ended by %s; starting another", index + 1,
			  strsignal(WTERMSIG(status)));
	else
		log_error("freehold-backend: worker %d ended with status %d; starting another", index + 1,
			  WEXITSTATUS(status));
}

static void reap(struct workers *w)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < w->spec->count; i++)
			if (w->list[i].pid == pid) note_end(w, i, status);
}

static void hand_on(const struct workers *w, int number)
{
	for (int i = 0; i < w->spec->count; i++)
		if (w->list[i].pid > 0) (void)kill(w->list[i].pid, number);
}

static bool is_anyone_left(const struct workers *w)
{
	for (int i = 0; i < w->spec->count; i++)
		if (w->list[i].pid > 0) return true;
	return false;
}

/* Starts those that are due; how long until the next is. */
static int64_t start_due(struct workers *w)
{
	int64_t now_ms = clock_now_ms(), wait_ms = 60000;
	if (w->is_stopping) return wait_ms;
	for (int i = 0; i < w->spec->count; i++) {
		struct worker *one = &w->list[i];
		if (one->pid == 0 && one->start_at_ms <= now_ms) start(w, i);
		if (one->pid == 0 && one->start_at_ms - now_ms < wait_ms) wait_ms = one->start_at_ms - now_ms;
	}
	return wait_ms > 0 ? wait_ms : 1;
}

static void heed(struct workers *w, int number)
{
	bool is_stop = number == SIGTERM || number == SIGINT;
	if (number == SIGCHLD) {
		reap(w);
	} else if (!is_stop) {
		hand_on(w, number);
	} else if (!w->is_stopping) {
		w->is_stopping = true;
		w->spec->on_stop(w->spec->arg);
		hand_on(w, SIGTERM);
	}
}

int workers_run(const struct workers_spec *spec)
{
	static const int heeded[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
	struct workers w = {.spec = spec, .list = calloc((size_t)spec->count, sizeof *w.list)};
	if (w.list == NULL) abort();
	(void)sigemptyset(&w.signals);
	for (size_t i = 0; i < sizeof heeded / sizeof *heeded; i++) (void)sigaddset(&w.signals, heeded[i]);
	(void)sigprocmask(SIG_BLOCK, &w.signals, &w.before);
	while (!w.is_stopping || is_anyone_left(&w)) {
		int64_t wait_ms = start_due(&w);
		struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
		int number = sigtimedwait(&w.signals, NULL, &wait);
		if (number > 0) heed(&w, number);
	}
	free(w.list);
	return w.status;
}
