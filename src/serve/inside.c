/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/session.h"
#include "serve/config.h"
#include "serve/instance.h"
#include "serve/lead.h"
#include "serve/look.h"
#include "serve/loop.h"
#include "serve/message.h"
#include "serve/pump.h"
#include "serve/room.h"
#include "serve/usage.h"
#include "serve/workers.h"

#define USAGE_MS 1000
#define USAGE_RLIMITS_MS 250
#define PUMPS_MAX 4096 /* fewer where fewer descriptors are allowed */
#define OTHER_FILES 128
#define CONFIG_ARENA_BYTES (4u << 20)
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 30000
#define LASTED_MS 10000
#define LAST_WORDS_MS 1000

static void begin_end(struct inside *in);

static void on_usage(void *arg)
{
	struct inside *in = arg;
	struct usage u;
	usage_read(&u);
	room_tell(in, &(struct message){.kind = MESSAGE_USAGE,
					.connections = (uint32_t)in->visitor_count,
					.processes = u.processes,
					.memory_bytes = u.memory_bytes,
					.written_bytes = u.written_bytes});
	if (in->phase != PHASE_FROZEN)
		loop_timer_set(&in->loop, &in->usage, in->holds_rlimits ? USAGE_RLIMITS_MS : USAGE_MS);
}

/* Processes. */

static int running(const struct inside *in)
{
	int count = in->workers != NULL ? workers_running(in->workers) : 0;
	for (int n = 0; n < in->config.instances; n++) count += in->instances[n].pid > 0;
	return count;
}

static void start_instance(struct inside *in, struct instance *i)
{
	struct err err;
	if (!instance_start(i, &in->config, in->holds_rlimits, &err)) {
		log_error("%s", err.msg);
		i->again_ms = clock_now_ms() + LONGEST_PAUSE_MS;
	}
	in->other_since_ms = 0;
	loop_timer_set(&in->loop, &in->look, LOOK_BOOT_MS);
}

static void on_again(void *arg)
{
	struct inside *in = arg;
	int64_t now = clock_now_ms(), next = 0;
	for (int n = 0; n < in->config.instances; n++) {
		struct instance *i = &in->instances[n];
		if (i->again_ms > 0 && i->again_ms <= now) start_instance(in, i);
		if (i->again_ms > 0 && (next == 0 || i->again_ms < next)) next = i->again_ms;
	}
	if (next > 0) loop_timer_set(&in->loop, &in->again, next - now);
}

static void plan_again(struct inside *in, struct instance *i)
{
	int64_t pause = FIRST_PAUSE_MS;
	if (clock_now_ms() - i->started_ms >= LASTED_MS) i->failures = 0;
	for (int n = 0; n < i->failures && pause < LONGEST_PAUSE_MS; n++) pause *= 2;
	i->failures++;
	i->again_ms = clock_now_ms() + (pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
	on_again(in);
}

/* What a server said before it ended may still be on its way through us. */
static void finish_last_words(struct inside *in)
{
	in->phase = PHASE_LAST_WORDS;
	lead_stop_accepting(in);
	loop_timer_clear(&in->again);
	loop_timer_set(&in->loop, &in->drain, in->visitor_count > 0 ? LAST_WORDS_MS : 0);
}

/* A single one that ends for the first time in a long while is worth that visitors wait for another. */
static bool may_come_back(struct inside *in, struct instance *i)
{
	if (clock_now_ms() - i->started_ms >= LASTED_MS) i->failures = 0;
	return in->phase == PHASE_SERVING && in->config.instances == 1 && in->has_listened && i->failures++ == 0;
}

static void come_back(struct inside *in)
{
	if (in->phase != PHASE_SERVING || running(in) > 0) return;
	(void)kill(-1, SIGKILL); /* what it had started, and its port with it */
	start_instance(in, &in->instances[0]);
}

/* It did not listen again in its time. */
static void on_back_over(void *arg)
{
	struct inside *in = arg;
	if (in->phase != PHASE_SERVING || in->instances[0].is_listening) return;
	log_error("serve: the server was started again and did not listen within %lld s",
		  (long long)in->config.boot_ms / 1000);
	finish_last_words(in);
}

/* While others serve, one that ended is started again; the last takes everything with it, unless it may come back. */
static void on_instance_ended(struct inside *in, struct instance *i, int status)
{
	i->pid = 0;
	i->is_listening = false;
	bool is_asking = may_come_back(in, i);
	bool is_last = running(in) == 0;
	if (is_asking) loop_timer_set(&in->loop, &in->back, in->config.boot_ms);
	room_tell(in, &(struct message){.kind = MESSAGE_ENDED,
					.index = i->index,
					.is_last = is_last,
					.is_asking = is_asking,
					.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
					.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0});
	if (is_asking) return;
	if (is_last)
		finish_last_words(in);
	else if (in->phase != PHASE_ENDING)
		plan_again(in, i);
}

static void reap(struct inside *in)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (in->workers != NULL && workers_reaped(in->workers, pid, status)) continue;
		for (int n = 0; n < in->config.instances; n++)
			if (in->instances[n].pid == pid) on_instance_ended(in, &in->instances[n], status);
	}
}

static void on_signals(void *arg, uint32_t events)
{
	(void)events;
	struct inside *in = arg;
	struct signalfd_siginfo ignored;
	while (read(in->signals.fd, &ignored, sizeof ignored) == (ssize_t)sizeof ignored) continue;
	reap(in);
}

/* Draining, freezing, ending. */

static void freeze(struct inside *in)
{
	in->phase = PHASE_FROZEN;
	(void)kill(-1, SIGSTOP); /* all but us */
	room_tell(in, &(struct message){.kind = MESSAGE_FROZEN});
}

static void cut_visitors(struct inside *in)
{
	if (in->workers != NULL) workers_cut(in->workers);
	for (struct pump *p = in->pumps, *next; p != NULL; p = next) {
		next = p->next;
		if (p->tag >= 0) pump_cut(p);
	}
}

/* Nothing is open any more, or the time is over. */
static void on_drained(void *arg)
{
	struct inside *in = arg;
	if (in->phase == PHASE_LAST_WORDS) in->loop.is_over = true;
	if (in->phase != PHASE_DRAINING) return;
	in->phase = PHASE_ENDING; /* so that cutting does not lead here again */
	cut_visitors(in);
	if (in->is_end)
		begin_end(in);
	else
		freeze(in);
}

static void drain(struct inside *in, bool is_end)
{
	in->is_end = in->is_end || is_end;
	if (in->phase == PHASE_FROZEN && is_end) {
		begin_end(in);
		return;
	}
	if (in->phase != PHASE_SERVING && in->phase != PHASE_BOOTING && in->phase != PHASE_WAITING) return;
	in->phase = PHASE_DRAINING;
	lead_stop_accepting(in);
	loop_timer_set(&in->loop, &in->drain, in->visitor_count > 0 ? in->config.drain_ms : 0);
}

static void on_kill(void *arg)
{
	(void)arg;
	(void)kill(-1, SIGKILL);
}

static void begin_end(struct inside *in)
{
	in->phase = PHASE_ENDING;
	if (in->workers != NULL) workers_end(in->workers);
	for (int n = 0; n < in->config.instances; n++) {
		in->instances[n].again_ms = 0;
		session_signal(in->instances[n].pid, SIGTERM);
	}
	(void)kill(-1, SIGCONT);
	if (running(in) == 0) in->loop.is_over = true;
	loop_timer_set(&in->loop, &in->kill, in->config.kill_ms);
}

static void thaw(struct inside *in)
{
	bool was_frozen = in->phase == PHASE_FROZEN;
	if (was_frozen) (void)kill(-1, SIGCONT);
	if (!was_frozen && (in->phase != PHASE_DRAINING || in->is_end)) return;
	in->phase = PHASE_SERVING;
	loop_timer_clear(&in->drain);
	loop_timer_set(&in->loop, &in->look, LOOK_MS);
	if (was_frozen) on_usage(in);
}

/* Messages. */

static void begin(struct inside *in)
{
	if (in->phase != PHASE_WAITING) return;
	in->phase = PHASE_BOOTING;
	if (in->workers != NULL) {
		/* Each process comes with its first visitor. */
		room_tell(in, &(struct message){.kind = MESSAGE_READY, .port = in->config.port});
		on_usage(in);
		return;
	}
	for (int n = 0; n < in->config.instances; n++) {
		in->instances[n] = (struct instance){.index = n, .port = (uint16_t)(in->config.port + n)};
		start_instance(in, &in->instances[n]);
	}
	on_usage(in);
}

static void take_listener(struct inside *in, int fd)
{
	struct err err;
	if (fd < 0 || (in->phase != PHASE_BOOTING && in->phase != PHASE_SERVING)) {
		if (fd >= 0) (void)close(fd);
		return;
	}
	loop_unwatch(&in->loop, &in->visitors);
	in->visitors = (struct loop_watch){fd, lead_on_visitors, in};
	in->phase = PHASE_SERVING;
	if (!loop_watch(&in->loop, &in->visitors, &err)) log_error("%s", err.msg);
	lead_accept_visitors(in);
}

static bool read_config(int fd, struct arena *arena, struct config *ret_config, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	char chunk[4096];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) buf_append(&text, chunk, (size_t)got);
	return config_parse(buf_view(&text), arena, ret_config, err);
}

/* The former environment's arena goes only when the one that replaces it has been read. */
static void reload(struct inside *in, int fd)
{
	struct err err;
	struct config config;
	if (fd < 0 || in->workers == NULL) return;
	struct arena *arena = arena_new(CONFIG_ARENA_BYTES);
	if (!read_config(fd, arena, &config, &err)) {
		log_error("serve: %s", err.msg);
		arena_free(arena);
		return;
	}
	memcpy(in->config.env, config.env, sizeof config.env);
	if (in->env_arena != NULL) arena_free(in->env_arena);
	in->env_arena = arena;
	workers_renew(in->workers);
}

static void take(struct inside *in, const struct message *m, int fd)
{
	switch (m->kind) {
	case MESSAGE_GO: begin(in); break;
	case MESSAGE_LISTEN: take_listener(in, fd); return;
	case MESSAGE_RETIRE: drain(in, false); break;
	case MESSAGE_END: drain(in, true); break;
	case MESSAGE_THAW: thaw(in); break;
	case MESSAGE_AGAIN: come_back(in); break;
	case MESSAGE_OVER: finish_last_words(in); break;
	case MESSAGE_RELOAD: reload(in, fd); break;
	case MESSAGE_LINKED: lead_on_linked(in, fd); return;
	case MESSAGE_DOOR: lead_take_door(in, m->index, fd); return;
	default: break;
	}
	if (fd >= 0) (void)close(fd);
}

/* When the outer half is gone, so is everything: that is what kill -9 of it must do. */
static void on_control(void *arg, uint32_t events)
{
	(void)events;
	struct inside *in = arg;
	struct message m;
	int fd, got;
	while ((got = message_receive(in->control.fd, &m, &fd)) > 0) take(in, &m, fd);
	if (got < 0) in->loop.is_over = true;
}

static bool watch_signals(struct inside *in, struct err *err)
{
	sigset_t wanted;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &wanted, NULL);
	in->signals = (struct loop_watch){signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), on_signals, in};
	if (in->signals.fd < 0) return err_set_errno(err, "watch signals");
	return loop_watch(&in->loop, &in->signals, err);
}

/* Each pump has two. The app gets back what it would have had. */
static void raise_files(struct inside *in)
{
	struct rlimit files = {1024, 1024};
	(void)getrlimit(RLIMIT_NOFILE, &files);
	if (in->config.files == 0) in->config.files = (uint32_t)(files.rlim_cur < UINT32_MAX ? files.rlim_cur : 0);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	in->pumps_max =
	    files.rlim_cur >= 2 * PUMPS_MAX + OTHER_FILES ? PUMPS_MAX : ((int)files.rlim_cur - OTHER_FILES) / 2;
	if (in->pumps_max < OTHER_FILES) in->pumps_max = OTHER_FILES;
}

static void set_timers(struct inside *in)
{
	in->look = (struct loop_timer){.on_timer = look_on_timer, .arg = in};
	in->usage = (struct loop_timer){.on_timer = on_usage, .arg = in};
	in->drain = (struct loop_timer){.on_timer = on_drained, .arg = in};
	in->kill = (struct loop_timer){.on_timer = on_kill, .arg = in};
	in->again = (struct loop_timer){.on_timer = on_again, .arg = in};
	in->back = (struct loop_timer){.on_timer = on_back_over, .arg = in};
}

static bool open_inside(struct inside *in, int control, int config_fd, struct arena *arena, struct err *err)
{
	in->visitors.fd = in->loop.epoll_fd = -1;
	in->control = (struct loop_watch){control, on_control, in};
	if (!read_config(config_fd, arena, &in->config, err) || !loop_open(&in->loop, err)) return false;
	(void)close(config_fd);
	raise_files(in);
	(void)fcntl(control, F_SETFD, FD_CLOEXEC);
	set_timers(in);
	for (int i = 0; i < in->config.forward_count; i++)
		if (!lead_open_door(in, i, err)) return false;
	if (!watch_signals(in, err) || !loop_watch(&in->loop, &in->control, err)) return false;
	if (in->config.function_count > 0 && (in->workers = workers_new(in, err)) == NULL) return false;
	return message_send(control, &(struct message){.kind = MESSAGE_HELLO}, -1, err);
}

int inside_main(int control, int config_fd, int holds_rlimits)
{
	struct err err;
	struct arena *arena = arena_new(CONFIG_ARENA_BYTES);
	struct inside *in = calloc(1, sizeof *in);
	if (in == NULL) abort();
#if !HAS_ASAN
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	in->holds_rlimits = holds_rlimits != 0;
	bool ok = open_inside(in, control, config_fd, arena, &err) && loop_run(&in->loop, &err);
	if (!ok) log_error("serve: %s", err.msg);
	if (in->workers != NULL) workers_cut(in->workers);
	lead_cut_all(in);
	loop_close(&in->loop);
	workers_free(in->workers);
	if (in->env_arena != NULL) arena_free(in->env_arena);
	free(in);
	arena_free(arena);
	return ok ? 0 : 1;
}
