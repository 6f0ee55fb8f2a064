/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/port.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "os/port.h"

#define LEFT_TRIES 100
#define LEFT_TRY_US 20000
#define OTHER_PORT_STEP 10

/* It writes this edge's access log, master and workers both. */
static bool is_ours(const struct edge *e, pid_t pid)
{
	return pid > 0 && port_process_has_file_below(pid, e->home);
}

/* A free one near the port that is wanted, whose neighbour for https is free too; 0: none was found. */
static unsigned other_port(const struct edge *e)
{
	unsigned distance = e->tls_port > e->port ? (unsigned)(e->tls_port - e->port) : 0;
	for (unsigned port = e->port + OTHER_PORT_STEP; port + distance < 65536 && port < e->port + 500u;
	     port += OTHER_PORT_STEP)
		if (port_is_free((uint16_t)port) && port_is_free((uint16_t)(port + distance))) return port;
	return 0;
}

static bool taken(const struct edge *e, uint16_t port, pid_t pid, struct err *err)
{
	char program[PORT_PROGRAM_SIZE], by[PORT_PROGRAM_SIZE + 32], next[120] = "";
	unsigned other = other_port(e);
	port_program(pid, program);
	if (pid > 0)
		(void)snprintf(by, sizeof by, "process %d (%s)", (int)pid, program);
	else
		(void)snprintf(by, sizeof by, "%s", program);
	if (other != 0)
		(void)snprintf(next, sizeof next,
			       ", or start Freehold on other ports: FREEHOLD_PORT=%u before the command that starts it",
			       other);
	return err_set(err, ERR_CONFLICT,
		       "port %u of %s is taken by %s, so nobody would reach an app there; end that%s", port, e->address,
		       by, next);
}

bool edge_check_ports(const struct edge *e, struct err *err)
{
	const uint16_t ports[] = {e->port, e->tls_port};
	for (int i = 0; i < 2; i++) {
		if (port_is_free(ports[i])) continue;
		pid_t pid = port_listener(ports[i]);
		/* It may have let go of it meanwhile. */
		if (!is_ours(e, pid) && !port_is_free(ports[i])) return taken(e, ports[i], pid, err);
	}
	return true;
}

void edge_end_left(const struct edge *e)
{
	for (int i = 0; i < LEFT_TRIES && !(port_is_free(e->port) && port_is_free(e->tls_port)); i++) {
		pid_t pid = port_listener(port_is_free(e->port) ? e->tls_port : e->port);
		if (!is_ours(e, pid)) return;
		(void)kill(pid, SIGKILL);
		(void)usleep(LEFT_TRY_US);
	}
}
