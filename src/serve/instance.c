/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define OOM_FIRST "800"

/* The child's side: only what is safe after fork. */

static void set_rlimit(int what, uint64_t value)
{
	struct rlimit limit = {value, value}, old;
	if (value == 0 || getrlimit((__rlimit_resource_t)what, &old) != 0) return;
	if (limit.rlim_max > old.rlim_max) limit.rlim_cur = limit.rlim_max = old.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &limit);
}

static void limit_myself(const struct config *c, bool holds_rlimits)
{
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	set_rlimit(RLIMIT_NOFILE, c->files);
	set_rlimit(RLIMIT_FSIZE, c->file_bytes);
	if (holds_rlimits) {
		set_rlimit(RLIMIT_DATA, c->memory_bytes);
		set_rlimit(RLIMIT_NPROC, c->processes);
	}
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) (void)!write(fd, OOM_FIRST, strlen(OOM_FIRST)), (void)close(fd);
}

__attribute__((noreturn)) static void child(const struct config *c, const char *const *env, bool holds_rlimits)
{
	sigset_t none;
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0) _exit(126);
	(void)syscall(SYS_close_range, 3u, ~0u, 0);
	limit_myself(c, holds_rlimits);
	/* The search for the program goes by the PATH of whoever searches: the app's, which has its own Node first. */
	environ = (char **)(uintptr_t)env;
	if (chdir(c->cwd) == 0) (void)execvp(c->argv[0], (char *const *)(uintptr_t)c->argv);
	dprintf(2, "%s in %s: %s\n", c->argv[0], c->cwd, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

bool instance_start(struct instance *i, const struct config *c, bool holds_rlimits, struct err *err)
{
	char port[16];
	const char *env[CONFIG_ENV_MAX + 2];
	size_t count = 0;
	(void)snprintf(port, sizeof port, "PORT=%u", i->port);
	env[count++] = port;
	for (size_t n = 0; c->env[n] != NULL; n++) env[count++] = c->env[n];
	env[count] = NULL;
	i->started_ms = clock_now_ms();
	i->again_ms = 0;
	i->is_listening = false;
	pid_t pid = fork();
	if (pid < 0) return err_set_errno(err, "start %s", c->argv[0]);
	if (pid == 0) child(c, env, holds_rlimits);
	i->pid = pid;
	return true;
}
