/* SPDX-License-Identifier: Apache-2.0
 *
 * Its phases: open to visitors, draining, retired, asked to end. */
#include "serve/outer_private.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "serve/unix_socket.h"

#define GRACE_MS 5000 /* beyond all other deadlines */

void outer_open(struct outer *o)
{
	struct err err;
	if (o->is_open) return;
	int fd = unix_socket_listen(o->config.socket, &err);
	if (fd < 0) {
		log_error("serve: %s", err.msg);
		outer_stop_for(o, END_NO_SANDBOX);
		return;
	}
	o->is_open = true;
	outer_tell(o, MESSAGE_LISTEN, fd);
	(void)close(fd);
}

void outer_close(struct outer *o)
{
	if (o->is_open) (void)unlink(o->config.socket);
	o->is_open = false;
}

/* Signals: drain, retire, thaw, end. */

static void on_lingered(void *arg)
{
	struct outer *o = arg;
	outer_close(o);
	outer_tell(o, o->is_asked ? MESSAGE_END : MESSAGE_RETIRE, -1);
	o->is_told = true;
}

static void begin_drain(struct outer *o)
{
	int64_t linger_ms = o->is_open ? o->config.linger_ms : 0;
	outer_enter(o, STATE_DRAINING);
	loop_timer_set(&o->loop, &o->linger, linger_ms);
}

static void ask_end(struct outer *o)
{
	if (o->is_asked) return;
	o->is_asked = true;
	loop_timer_clear(&o->boot);
	loop_timer_set(&o->loop, &o->late, o->config.linger_ms + o->config.drain_ms + o->config.kill_ms + GRACE_MS);
	if (!o->has_hello)
		outer_kill(o);
	else if (o->is_retiring && o->is_told)
		outer_tell(o, MESSAGE_END, -1); /* drains already, or is frozen */
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
	if (o->is_told) outer_tell(o, MESSAGE_THAW, -1);
	outer_open(o);
	outer_enter(o, STATE_SERVING);
}

/* What it was started with stays: limits, mounts, names. */
static void reload(struct outer *o)
{
	struct err err;
	struct config config;
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	struct arena *arena = arena_new(OUTER_ARENA_BYTES);
	bool is_ok = file_read(o->config_path, &text, &err) && config_parse(buf_view(&text), arena, &config, &err);
	int fd = is_ok && o->config.function_count > 0 ? launch_text_fd(buf_view(&text)) : -1;
	if (!is_ok) log_error("serve: %s is not taken: %s", o->config_path, err.msg);
	if (fd >= 0) outer_tell(o, MESSAGE_RELOAD, fd), (void)close(fd);
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

static void on_late(void *arg)
{
	outer_kill(arg);
}

void outer_set_phase_timers(struct outer *o)
{
	o->linger = (struct loop_timer){.on_timer = on_lingered, .arg = o};
	o->late = (struct loop_timer){.on_timer = on_late, .arg = o};
}

bool outer_watch_signals(struct outer *o, struct err *err)
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
