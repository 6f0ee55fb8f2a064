/* SPDX-License-Identifier: Apache-2.0 */
#include "base/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool session_nice(pid_t leader, int nice)
{
	char path[64], text[16];
	pid_t session = getsid(leader);
	if (session != leader) return session < 0;
	(void)snprintf(path, sizeof path, "/proc/%d/autogroup", (int)leader);
	(void)snprintf(text, sizeof text, "%d", nice);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return true;
	ssize_t put = write(fd, text, strlen(text));
	int code = errno;
	(void)close(fd);
	return put >= 0 || code != EAGAIN;
}

void session_signal(pid_t leader, int signal)
{
	if (leader > 0 && kill(-leader, signal) != 0) (void)kill(leader, signal);
}
