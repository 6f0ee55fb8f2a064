/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/outer_private.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "os/bwrap.h"
#include "os/file.h"
#include "os/proc.h"

#define DYING_MS 20000

void outer_note(struct outer *o)
{
	struct err err;
	if (!state_write(&o->state, o->config.state, &err)) log_error("serve: %s", err.msg);
}

void outer_enter(struct outer *o, enum state_word word)
{
	o->state.word = word;
	outer_note(o);
}

void outer_tell(struct outer *o, enum message_kind kind, int fd)
{
	struct err err;
	if (!message_send(o->control.fd, &(struct message){.kind = kind}, fd, &err)) log_warn("serve: %s", err.msg);
}

/* Everything dies with pid 1 of the inside. */
void outer_kill(struct outer *o)
{
	bwrap_read_status(&o->box.bwrap);
	if (o->box.bwrap.child_pid > 1) (void)kill((pid_t)o->box.bwrap.child_pid, SIGKILL);
	(void)kill(o->box.pid, SIGKILL);
}

void outer_stop_for(struct outer *o, enum end_why why)
{
	if (o->stopped_for != END_NONE) return;
	o->stopped_for = why;
	outer_kill(o);
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
	outer_hear(o);
	outer_close(o);
	network_end(&o->network);
	await_last(o);
	outer_judge(o);
	o->state.connections = o->state.processes = 0;
	outer_enter(o, STATE_ENDED);
	log_line(was_asked ? LOG_INFO : LOG_WARN, "serve: %s", o->state.text);
	o->loop.is_over = true;
}

static void on_boot_over(void *arg)
{
	outer_stop_for(arg, END_NEVER_LISTENED);
}

static void set_timers(struct outer *o)
{
	o->boot = (struct loop_timer){.on_timer = on_boot_over, .arg = o};
	o->look = (struct loop_timer){.on_timer = outer_on_look, .arg = o};
	outer_set_phase_timers(o);
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
	o->control = (struct loop_watch){o->box.control, outer_on_control, o};
	o->ended = (struct loop_watch){o->box.pidfd, on_sandbox_ended, o};
	loop_timer_set(&o->loop, &o->look, 0);
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
	outer_measure_begin(o);
	set_state(o);
	outer_note(o);
	if (loop_open(&o->loop, err) && outer_watch_signals(o, err) && start(o, buf_view(&text), err))
		return loop_run(&o->loop, err);
	o->state.why = END_NO_SANDBOX;
	(void)snprintf(o->state.text, sizeof o->state.text, "%s", err->msg);
	outer_enter(o, STATE_ENDED);
	return false;
}

int outer_main(const char *config_path)
{
	struct err err;
	struct outer *o = calloc(1, sizeof *o);
	if (o == NULL) abort();
	o->first_pidfd = -1;
	o->arena = arena_new(OUTER_ARENA_BYTES);
	bool ok = run(o, config_path, &err);
	if (!ok) log_error("serve: %s", err.msg);
	if (o->box.bwrap.arena != NULL) bwrap_close(&o->box.bwrap);
	ok = ok && o->state.why == END_ASKED;
	arena_free(o->arena);
	free(o);
	return ok ? 0 : 1;
}
