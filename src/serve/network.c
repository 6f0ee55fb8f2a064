/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/network.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"

#define TUN "/dev/net/tun"
#define PROGRAM "slirp4netns"
#define ARG_SIZE 64

static bool find_program(char ret_path[FILE_PATH_SIZE])
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path != NULL && *path != '\0' ? path : SANDBOX_PATH), part;
	struct err ignored;
	while (str_next(&rest, ':', &part))
		if (file_path(ret_path, &ignored, "%.*s/" PROGRAM, STR_FMT(part)) && access(ret_path, X_OK) == 0)
			return true;
	return false;
}

bool network_probe(struct err *err)
{
	char path[FILE_PATH_SIZE];
	int fd = open(TUN, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		(void)err_set_errno(err, "the server's user cannot open " TUN);
		return err_wrap(err, "no way out to the internet (allow it with: chmod 0666 " TUN ")");
	}
	(void)close(fd);
	return find_program(path) || err_set(err, ERR_UNAVAILABLE,
					     "no way out to the internet: " PROGRAM
					     " is not installed; install it with apt-get install " PROGRAM);
}

/* The namespace belongs to the user namespace that bwrap made first, which is not the one its program is in. */
static bool open_namespaces(pid_t pid, int *ret_net, int *ret_user, struct err *err)
{
	char path[ARG_SIZE];
	(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	int net = open(path, O_RDONLY | O_CLOEXEC);
	if (net < 0) return err_set_errno(err, "%s", path);
	int user = ioctl(net, NS_GET_USERNS);
	if (user < 0) {
		(void)err_set_errno(err, "the owner of %s", path);
		(void)close(net);
		return false;
	}
	*ret_net = net, *ret_user = user;
	return true;
}

static bool start(struct network *n, int net, int user, int ready, int leave, struct err *err)
{
	char program[FILE_PATH_SIZE], net_arg[ARG_SIZE], user_arg[ARG_SIZE], ready_arg[ARG_SIZE], exit_arg[ARG_SIZE];
	if (!find_program(program)) return err_set(err, ERR_UNAVAILABLE, PROGRAM " is not installed");
	(void)snprintf(net_arg, sizeof net_arg, "/proc/self/fd/%d", net);
	(void)snprintf(user_arg, sizeof user_arg, "--userns-path=/proc/self/fd/%d", user);
	(void)snprintf(ready_arg, sizeof ready_arg, "--ready-fd=%d", ready);
	(void)snprintf(exit_arg, sizeof exit_arg, "--exit-fd=%d", leave);
	const char *argv[] = {program,
			      "--configure",
			      "--mtu=65520",
			      "--disable-host-loopback",
			      ready_arg,
			      exit_arg,
			      "--netns-type=path",
			      user_arg,
			      net_arg,
			      "tap0",
			      NULL};
	static const char *const env[] = {"PATH=" SANDBOX_PATH, NULL};
	struct proc_spec spec = {
	    .argv = argv, .env = env, .cwd = "/", .keep_fds = {net, user, ready, leave}, .keep_fd_count = 4};
	return proc_start_worker(&spec, &n->pid, &n->pidfd, NULL, err);
}

bool network_open(struct network *ret_network, pid_t pid, struct err *err)
{
	struct network n = {.pidfd = -1, .ready_fd = -1, .exit_fd = -1};
	int net = -1, user = -1, ready[2] = {-1, -1}, leave[2] = {-1, -1};
	bool ok = open_namespaces(pid, &net, &user, err);
	if (ok)
		ok = (pipe2(ready, O_CLOEXEC) == 0 && pipe2(leave, O_CLOEXEC) == 0) ||
		     err_set_errno(err, "attach a network");
	if (ok) ok = start(&n, net, user, ready[1], leave[0], err);
	const int done[] = {net, user, ready[1], leave[0], ok ? -1 : ready[0], ok ? -1 : leave[1]};
	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		if (done[i] >= 0) (void)close(done[i]);
	if (!ok) return false;
	n.ready_fd = ready[0], n.exit_fd = leave[1];
	*ret_network = n;
	return true;
}

bool network_is_ready(const struct network *n)
{
	char said;
	return read(n->ready_fd, &said, 1) == 1 && said == '1';
}

void network_close(struct network *n)
{
	if (n->pid <= 0) return;
	(void)kill(n->pid, SIGKILL);
	(void)waitpid(n->pid, NULL, 0);
	(void)close(n->pidfd);
	(void)close(n->ready_fd);
	(void)close(n->exit_fd);
	n->pid = 0;
}
