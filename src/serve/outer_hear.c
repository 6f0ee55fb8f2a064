/* SPDX-License-Identifier: Apache-2.0
 *
 * What pid 1 of the inside says, and what it is answered. */
#include "serve/outer_private.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "os/bwrap.h"
#include "serve/unix_socket.h"

/* What the app connects to outside. */

static void link_outside(struct outer *o, int index)
{
	bool is_known = index >= 0 && index < o->config.forward_count;
	int fd = is_known ? unix_socket_connect(o->config.forwards[index].socket) : -1;
	outer_tell(o, MESSAGE_LINKED, fd);
	if (fd >= 0) (void)close(fd);
}

static void go(struct outer *o)
{
	o->is_started = true;
	if (!o->is_asked) loop_timer_set(&o->loop, &o->boot, o->config.boot_ms);
	outer_tell(o, MESSAGE_GO, -1);
	outer_note(o);
}

static void on_network(void *arg)
{
	struct outer *o = arg;
	o->state.has_network = o->network.has_way;
	o->state.network_why = o->network.why;
	if (o->is_started)
		outer_note(o);
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
		outer_open(o);
		outer_enter(o, STATE_SERVING);
	} else
		outer_note(o);
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
	if (is_news) outer_note(o);
	/* Pid 1 ends the one that takes too much. */
	if (o->config.function_count > 0) return;
	if (holds_rlimits && o->config.memory_bytes > 0 && m->memory_bytes > o->config.memory_bytes)
		outer_stop_for(o, END_OUT_OF_MEMORY);
	/* A bomb at its limit loses as many as it starts: a sample that comes close is one that was there. */
	if (o->group.means.processes == LIMITS_RLIMITS && o->config.processes > 0 &&
	    m->processes >= o->config.processes - o->config.processes / 16)
		outer_stop_for(o, END_OUT_OF_PROCESSES);
}

/* What it ran into a limit for it would run into again; and the owner is to know of it. */
static void answer_ended(struct outer *o)
{
	outer_judge(o);
	bool is_again = (o->state.why == END_EXITED || o->state.why == END_SIGNAL) && !o->is_asked && !o->is_retiring;
	outer_tell(o, is_again ? MESSAGE_AGAIN : MESSAGE_OVER, -1);
	if (!is_again) return;
	log_warn("serve: %s; it is started again, and who comes meanwhile waits", o->state.text);
	o->has_status = false;
	o->state.why = END_NONE;
	o->state.text[0] = '\0';
	o->state.exit_status = -1, o->state.signal = 0;
	o->log_began = outer_log_bytes();
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
	if (o->is_retiring && !o->is_asked) outer_enter(o, STATE_FROZEN);
}

void outer_hear(struct outer *o)
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

void outer_on_control(void *arg, uint32_t events)
{
	(void)events;
	outer_hear(arg);
}
