/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/outer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "os/bwrap.h"
#include "os/file.h"
#include "os/limits.h"
#include "os/proc.h"
#include "serve/config.h"
#include "serve/launch.h"
#include "serve/loop.h"
#include "serve/message.h"
#include "serve/network.h"
#include "serve/state.h"
#include "serve/unix_socket.h"

#define LOOK_MS 500
#define DYING_MS 20000
#define GRACE_MS 5000 /* beyond all other deadlines */
#define ARENA_BYTES (4u << 20)
#define LAST_BYTES 4096
#define LOG_MAX_BYTES ((off_t)32 << 20) /* the supervisor trims it to less now and then; this holds until then */
#define FILLING_BYTES (16ull << 20) /* who wrote less between two looks at a full disk is not the one that fills it */

struct outer {
	struct loop loop;
	const char *config_path;
	struct config config;
	struct arena *arena;
	struct launched box;
	struct limits_group group; /* of the supervisor; nothing in it: rlimits */
	struct limits_seen before, seen;
	struct state state;
	int first_pidfd; /* of pid 1 of the inside; -1: not known yet */
	struct network network;
	char network_why[ERR_MSG_SIZE]; /* there cannot be one, or "" */
	struct loop_watch control, signals, ended;
	bool has_hello, is_started, has_status, is_asked, is_retiring, is_open, is_told;
	enum end_why stopped_for;
	uint64_t written_bytes, written_then_bytes, disk_free_bytes;
	off_t log_began;
	struct loop_timer boot, look, linger, late;
};

static void note(struct outer *o)
{
	struct err err;
	if (!state_write(&o->state, o->config.state, &err)) log_error("serve: %s", err.msg);
}

static void enter(struct outer *o, enum state_word word)
{
	o->state.word = word;
	note(o);
}

static void tell(struct outer *o, enum message_kind kind, int fd)
{
	struct err err;
	if (!message_send(o->control.fd, &(struct message){.kind = kind}, fd, &err)) log_warn("serve: %s", err.msg);
}

/* Everything dies with pid 1 of the inside. */
static void kill_all(struct outer *o)
{
	bwrap_read_status(&o->box.bwrap);
	if (o->box.bwrap.child_pid > 1) (void)kill((pid_t)o->box.bwrap.child_pid, SIGKILL);
	(void)kill(o->box.pid, SIGKILL);
}

static void stop_for(struct outer *o, enum end_why why)
{
	if (o->stopped_for != END_NONE) return;
	o->stopped_for = why;
	kill_all(o);
}

/* web.sock. */

static void open_to_visitors(struct outer *o)
{
	struct err err;
	if (o->is_open) return;
	int fd = unix_socket_listen(o->config.socket, &err);
	if (fd < 0) {
		log_error("serve: %s", err.msg);
		stop_for(o, END_NO_SANDBOX);
		return;
	}
	o->is_open = true;
	tell(o, MESSAGE_LISTEN, fd);
	(void)close(fd);
}

static void close_to_visitors(struct outer *o)
{
	if (o->is_open) (void)unlink(o->config.socket);
	o->is_open = false;
}

/* What the app connects to outside. */

static void link_outside(struct outer *o, int index)
{
	bool is_known = index >= 0 && index < o->config.forward_count;
	int fd = is_known ? unix_socket_connect(o->config.forwards[index].socket) : -1;
	tell(o, MESSAGE_LINKED, fd);
	if (fd >= 0) (void)close(fd);
}

/* Signals: drain, retire, thaw, end. */

static void on_lingered(void *arg)
{
	struct outer *o = arg;
	close_to_visitors(o);
	tell(o, o->is_asked ? MESSAGE_END : MESSAGE_RETIRE, -1);
	o->is_told = true;
}

static void begin_drain(struct outer *o)
{
	int64_t linger_ms = o->is_open ? o->config.linger_ms : 0;
	enter(o, STATE_DRAINING);
	loop_timer_set(&o->loop, &o->linger, linger_ms);
}

static void ask_end(struct outer *o)
{
	if (o->is_asked) return;
	o->is_asked = true;
	loop_timer_clear(&o->boot);
	loop_timer_set(&o->loop, &o->late, o->config.linger_ms + o->config.drain_ms + o->config.kill_ms + GRACE_MS);
	if (!o->has_hello)
		kill_all(o);
	else if (o->is_retiring && o->is_told)
		tell(o, MESSAGE_END, -1); /* drains already, or is frozen */
	else if (!o->is_retiring)
		begin_drain(o);
}

static void retire(struct outer *o)
{
	if (o->is_asked || o->is_retiring || o->state.word != STATE_SERVING) return;
	o->is_retiring = true;
	o->is_told = false;
	begin_drain(o);
}

static void thaw(struct outer *o)
{
	if (o->is_asked || !o->is_retiring) return;
	o->is_retiring = false;
	loop_timer_clear(&o->linger);
	if (o->is_told) tell(o, MESSAGE_THAW, -1);
	open_to_visitors(o);
	enter(o, STATE_SERVING);
}

/* What it was started with stays: limits, mounts, names. */
static void reload(struct outer *o)
{
	struct err err;
	struct config config;
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	struct arena *arena = arena_new(ARENA_BYTES);
	bool is_ok = file_read(o->config_path, &text, &err) && config_parse(buf_view(&text), arena, &config, &err);
	int fd = is_ok && o->config.function_count > 0 ? launch_text_fd(buf_view(&text)) : -1;
	if (!is_ok) log_error("serve: %s is not taken: %s", o->config_path, err.msg);
	if (fd >= 0) tell(o, MESSAGE_RELOAD, fd), (void)close(fd);
	arena_free(arena);
}

static void on_signals(void *arg, uint32_t events)
{
	(void)events;
	struct outer *o = arg;
	struct signalfd_siginfo info;
	while (read(o->signals.fd, &info, sizeof info) == (ssize_t)sizeof info) switch (info.ssi_signo) {
		case SIGUSR1: retire(o); break;
		case SIGUSR2: thaw(o); break;
		case SIGHUP: reload(o); break;
		default: ask_end(o); break;
		}
}

/* What pid 1 says. */

static void go(struct outer *o)
{
	o->is_started = true;
	if (!o->is_asked) loop_timer_set(&o->loop, &o->boot, o->config.boot_ms);
	tell(o, MESSAGE_GO, -1);
	note(o);
}

static void on_network(void *arg)
{
	struct outer *o = arg;
	o->state.has_network = o->network.has_way;
	o->state.network_why = o->network.why;
	if (o->is_started)
		note(o);
	else
		go(o);
}

static void open_doors(struct outer *o)
{
	struct err err;
	for (int i = 0; i < o->config.forward_count; i++) {
		int fd;
		if (o->config.forwards[i].port >= CONFIG_OPEN_PORTS) continue;
		if (!network_listen((pid_t)o->box.bwrap.child_pid, o->config.forwards[i].port, &fd, &err)) {
			log_error("serve: %s", err.msg);
			continue;
		}
		if (!message_send(o->control.fd, &(struct message){.kind = MESSAGE_DOOR, .index = i}, fd, &err))
			log_error("serve: %s", err.msg);
		(void)close(fd);
	}
}

static void on_hello(struct outer *o)
{
	if (o->has_hello) return;
	o->has_hello = true;
	bwrap_read_status(&o->box.bwrap);
	if (o->box.bwrap.child_pid > 1) o->first_pidfd = (int)syscall(SYS_pidfd_open, (pid_t)o->box.bwrap.child_pid, 0);
	open_doors(o);
	if (o->network_why[0] != '\0')
		go(o);
	else
		network_begin(&o->network, &o->loop, (pid_t)o->box.bwrap.child_pid, o->config.is_outward, on_network,
			      o);
}

static void on_ready(struct outer *o, const struct message *m)
{
	bool is_first = !o->state.has_listened;
	o->state.has_listened = true;
	o->state.port = (uint16_t)m->port;
	for (int i = 0; i < MESSAGE_PORTS_MAX; i++) o->state.ports[i] = m->ports[i] & 0xffff;
	o->state.text[0] = '\0';
	if (m->port < o->config.port || m->port >= (uint32_t)(o->config.port + o->config.instances))
		(void)snprintf(o->state.text, sizeof o->state.text,
			       "the server listens on port %u instead of %u, which PORT names; it is reached there all "
			       "the same",
			       m->port & 0xffff, o->config.port);
	loop_timer_clear(&o->boot);
	if (is_first && !o->is_asked) {
		open_to_visitors(o);
		enter(o, STATE_SERVING);
	} else
		note(o);
}

static bool differs(uint64_t a, uint64_t b)
{
	return a > b + b / 16 || b > a + a / 16;
}

static void on_usage(struct outer *o, const struct message *m)
{
	bool is_news = m->connections != o->state.connections || differs(m->memory_bytes, o->state.memory_bytes);
	bool holds_rlimits = o->group.means.memory == LIMITS_RLIMITS;
	o->state.connections = m->connections;
	o->state.processes = m->processes;
	o->state.memory_bytes = m->memory_bytes;
	o->written_bytes = m->written_bytes;
	if (m->memory_bytes > o->seen.memory_peak_bytes) o->seen.memory_peak_bytes = m->memory_bytes;
	if (is_news) note(o);
	/* Pid 1 ends the one that takes too much. */
	if (o->config.function_count > 0) return;
	if (holds_rlimits && o->config.memory_bytes > 0 && m->memory_bytes > o->config.memory_bytes)
		stop_for(o, END_OUT_OF_MEMORY);
	/* A bomb at its limit loses as many as it starts: a sample that comes close is one that was there. */
	if (o->group.means.processes == LIMITS_RLIMITS && o->config.processes > 0 &&
	    m->processes >= o->config.processes - o->config.processes / 16)
		stop_for(o, END_OUT_OF_PROCESSES);
}

static void judge(struct outer *o);
static off_t log_size(void);

/* What it ran into a limit for it would run into again; and the owner is to know of it. */
static void answer_ended(struct outer *o)
{
	judge(o);
	bool is_again = (o->state.why == END_EXITED || o->state.why == END_SIGNAL) && !o->is_asked && !o->is_retiring;
	tell(o, is_again ? MESSAGE_AGAIN : MESSAGE_OVER, -1);
	if (!is_again) return;
	log_warn("serve: %s; it is started again, and who comes meanwhile waits", o->state.text);
	o->has_status = false;
	o->state.why = END_NONE;
	o->state.text[0] = '\0';
	o->state.exit_status = -1, o->state.signal = 0;
	o->log_began = log_size();
}

static void on_instance_ended(struct outer *o, const struct message *m)
{
	o->has_status = true;
	o->state.exit_status = m->exit_status;
	o->state.signal = m->signal;
	if (m->is_asking)
		answer_ended(o);
	else if (!m->is_last)
		log_warn("serve: process %d of the server ended (%s %d); it is started again", m->index,
			 m->signal != 0 ? "signal" : "status", m->signal != 0 ? m->signal : m->exit_status);
}

static void on_frozen(struct outer *o)
{
	if (o->is_retiring && !o->is_asked) enter(o, STATE_FROZEN);
}

static void take_messages(struct outer *o)
{
	struct message m;
	int fd;
	while (message_receive(o->control.fd, &m, &fd) > 0) {
		if (fd >= 0) (void)close(fd);
		switch (m.kind) {
		case MESSAGE_HELLO: on_hello(o); break;
		case MESSAGE_READY: on_ready(o, &m); break;
		case MESSAGE_LINK: link_outside(o, m.index); break;
		case MESSAGE_FROZEN: on_frozen(o); break;
		case MESSAGE_USAGE: on_usage(o, &m); break;
		case MESSAGE_ENDED: on_instance_ended(o, &m); break;
		default: break;
		}
	}
}

static void on_control(void *arg, uint32_t events)
{
	(void)events;
	take_messages(arg);
}

/* What it uses, by the kernel's groups and the disk. */

static bool is_filling_disk(struct outer *o)
{
	struct statvfs st;
	uint64_t wrote = o->written_bytes - o->written_then_bytes;
	o->written_then_bytes = o->written_bytes;
	for (int i = 0; i < o->config.mount_count && o->config.disk_reserve_bytes > 0; i++) {
		const struct sandbox_mount *m = &o->config.mounts[i];
		if (m->kind != SANDBOX_WRITE || statvfs(m->from, &st) != 0) continue;
		o->disk_free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
		if (o->disk_free_bytes < o->config.disk_reserve_bytes && wrote >= FILLING_BYTES) return true;
	}
	return false;
}

static off_t log_size(void)
{
	struct stat st;
	return fstat(2, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static void trim_log(void)
{
	if (log_size() <= LOG_MAX_BYTES) return;
	int fd = open("/proc/self/fd/2", O_RDWR | O_CLOEXEC);
	if (fd >= 0) file_keep_end(fd, (size_t)LOG_MAX_BYTES), (void)close(fd);
}

static void on_look(void *arg)
{
	struct outer *o = arg;
	limits_group_read(&o->group, &o->seen);
	bool is_server = o->config.function_count == 0;
	if (is_server && o->seen.processes_refused > o->before.processes_refused) stop_for(o, END_OUT_OF_PROCESSES);
	if (is_filling_disk(o)) stop_for(o, END_OUT_OF_DISK);
	trim_log();
	loop_timer_set(&o->loop, &o->look, LOOK_MS);
}

static void on_boot_over(void *arg)
{
	stop_for(arg, END_NEVER_LISTENED);
}

static void on_late(void *arg)
{
	kill_all(arg);
}

/* The end. */

static struct str read_last(const struct outer *o, char space[LAST_BYTES])
{
	off_t size = log_size(), from = size > LAST_BYTES ? size - LAST_BYTES : 0;
	if (from < o->log_began && o->log_began <= size) from = o->log_began;
	int fd = open("/proc/self/fd/2", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd >= 0 && size > 0 ? pread(fd, space, LAST_BYTES, from) : 0;
	if (fd >= 0) (void)close(fd);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

static void judge(struct outer *o)
{
	char space[LAST_BYTES];
	bool is_group = o->group.means.memory != LIMITS_RLIMITS;
	limits_group_read(&o->group, &o->seen);
	struct end_facts f = {.stopped_for = o->stopped_for != END_NONE ? o->stopped_for
					     : o->is_asked              ? END_ASKED
									: END_NONE,
			      .has_run = o->has_hello,
			      .has_listened = o->state.has_listened,
			      .has_status = o->has_status,
			      .exit_status = o->state.exit_status,
			      .signal = o->state.signal,
			      .is_group = is_group,
			      .memory_kills = o->seen.memory_kills - o->before.memory_kills,
			      .memory_seen_bytes = o->seen.memory_peak_bytes,
			      .memory_bytes = o->config.memory_bytes,
			      .file_bytes = o->config.file_bytes,
			      .disk_reserve_bytes = o->config.disk_reserve_bytes,
			      .disk_free_bytes = o->disk_free_bytes,
			      .processes = o->config.processes,
			      .boot_ms = o->config.boot_ms,
			      .command = o->config.argv[0],
			      .last = read_last(o, space)};
	o->state.why = end_judge(&f, o->state.text);
}

/* Pid 1 of a namespace is gone only after all others are. */
static void await_last(struct outer *o)
{
	struct pollfd p = {o->first_pidfd, POLLIN, 0};
	if (o->first_pidfd < 0) return;
	if (poll(&p, 1, DYING_MS) != 1) log_warn("serve: a process of the server does not die");
	(void)close(o->first_pidfd);
}

static void on_sandbox_ended(void *arg, uint32_t events)
{
	(void)events;
	struct outer *o = arg;
	struct proc_result result;
	struct err ignored;
	if (!proc_reap(o->box.pid, &result, &ignored)) return;
	bool was_asked = o->is_asked;
	take_messages(o);
	close_to_visitors(o);
	network_end(&o->network);
	await_last(o);
	judge(o);
	o->state.connections = o->state.processes = 0;
	enter(o, STATE_ENDED);
	log_line(was_asked ? LOG_INFO : LOG_WARN, "serve: %s", o->state.text);
	o->loop.is_over = true;
}

/* The beginning. */

static void set_timers(struct outer *o)
{
	o->boot = (struct loop_timer){.on_timer = on_boot_over, .arg = o};
	o->look = (struct loop_timer){.on_timer = on_look, .arg = o};
	o->linger = (struct loop_timer){.on_timer = on_lingered, .arg = o};
	o->late = (struct loop_timer){.on_timer = on_late, .arg = o};
}

static void read_group(struct outer *o)
{
	if (!limits_group_recall(getenv(LIMITS_GROUP_ENV), &o->group)) o->group = (struct limits_group){0};
	limits_group_read(&o->group, &o->before);
	o->seen = o->before;
	o->seen.memory_peak_bytes = 0;
}

static void set_state(struct outer *o)
{
	struct err err;
	o->state = (struct state){.told_port = o->config.port,
				  .memory_limit_bytes = o->config.memory_bytes,
				  .limits_by = limits_way_word(o->group.means.memory),
				  .exit_status = -1};
	if (!network_probe(&err)) (void)snprintf(o->network_why, sizeof o->network_why, "%s", err.msg);
	o->state.network_why = o->network_why;
	o->log_began = log_size();
}

static bool watch_signals(struct outer *o, struct err *err)
{
	sigset_t wanted;
	sigemptyset(&wanted);
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&wanted, numbers[i]);
	(void)sigprocmask(SIG_SETMASK, &wanted, NULL);
	o->signals = (struct loop_watch){signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), on_signals, o};
	if (o->signals.fd < 0) return err_set_errno(err, "watch signals");
	return loop_watch(&o->loop, &o->signals, err);
}

static bool read_config(struct outer *o, const char *path, struct buf *text, struct err *err)
{
	return (file_read(path, text, err) && config_parse(buf_view(text), o->arena, &o->config, err)) ||
	       err_wrap(err, "%s", path);
}

static bool start(struct outer *o, struct str config_text, struct err *err)
{
	const char *names = o->network_why[0] == '\0' ? NETWORK_RESOLV_CONF : NETWORK_RESOLV_NONE;
	bool holds_rlimits = o->group.means.memory == LIMITS_RLIMITS || o->group.means.processes == LIMITS_RLIMITS;
	if (!launch(&o->config, config_text, names, holds_rlimits, &o->box, err)) return false;
	o->control = (struct loop_watch){o->box.control, on_control, o};
	o->ended = (struct loop_watch){o->box.pidfd, on_sandbox_ended, o};
	loop_timer_set(&o->loop, &o->look, LOOK_MS);
	loop_timer_set(&o->loop, &o->boot, o->config.boot_ms);
	return loop_watch(&o->loop, &o->control, err) && loop_watch(&o->loop, &o->ended, err);
}

static bool run(struct outer *o, const char *path, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	set_timers(o);
	o->config_path = path;
	if (!read_config(o, path, &text, err)) return false;
	(void)unlink(o->config.socket);
	read_group(o);
	set_state(o);
	note(o);
	if (loop_open(&o->loop, err) && watch_signals(o, err) && start(o, buf_view(&text), err))
		return loop_run(&o->loop, err);
	o->state.why = END_NO_SANDBOX;
	(void)snprintf(o->state.text, sizeof o->state.text, "%s", err->msg);
	enter(o, STATE_ENDED);
	return false;
}

int outer_main(const char *config_path)
{
	struct err err;
	struct outer *o = calloc(1, sizeof *o);
	if (o == NULL) abort();
	o->first_pidfd = -1;
	o->arena = arena_new(ARENA_BYTES);
	bool ok = run(o, config_path, &err);
	if (!ok) log_error("serve: %s", err.msg);
	if (o->box.bwrap.arena != NULL) bwrap_close(&o->box.bwrap);
	ok = ok && o->state.why == END_ASKED;
	arena_free(o->arena);
	free(o);
	return ok ? 0 : 1;
}
