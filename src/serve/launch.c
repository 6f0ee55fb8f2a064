/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/launch.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/file.h"
#include "os/proc.h"

#define NUMBER_SIZE 16

int launch_text_fd(struct str text)
{
	int fd = memfd_create("serve.json", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len && lseek(fd, 0, SEEK_SET) == 0) return fd;
	if (fd >= 0) (void)close(fd);
	return -1;
}

static void fill_spec(struct sandbox_spec *spec, const struct config *c, const char *program, const char *resolv_conf,
		      struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX])
{
	int count = c->mount_count;
	memcpy(mounts, c->mounts, sizeof c->mounts);
	mounts[count++] = (struct sandbox_mount){SANDBOX_READ, program, LAUNCH_INSIDE};
	*spec = (struct sandbox_spec){.cwd = "/",
				      .mounts = mounts,
				      .mount_count = count,
				      .hosts = c->hosts,
				      .resolv_conf = resolv_conf,
				      .is_pid_1 = true};
}

static bool start(struct launched *l, int control, int config_fd, struct err *err)
{
	static const char *const env[] = {"PATH=" SANDBOX_PATH, NULL};
	struct proc_spec spec = {.argv = l->bwrap.argv, .env = env, .cwd = "/"};
	for (int i = 0; i < l->bwrap.fd_count; i++) spec.keep_fds[spec.keep_fd_count++] = l->bwrap.fds[i];
	spec.keep_fds[spec.keep_fd_count++] = control;
	spec.keep_fds[spec.keep_fd_count++] = config_fd;
	return proc_start_worker(&spec, &l->pid, &l->pidfd, NULL, err);
}

static bool build_and_start(struct launched *l, const struct config *c, const char *resolv_conf, int control,
			    int config_fd, bool holds_rlimits, struct err *err)
{
	char program[FILE_PATH_SIZE], control_arg[NUMBER_SIZE], config_arg[NUMBER_SIZE];
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
	struct sandbox_spec spec;
	(void)snprintf(control_arg, sizeof control_arg, "%d", control);
	(void)snprintf(config_arg, sizeof config_arg, "%d", config_fd);
	const char *argv[] = {LAUNCH_INSIDE, "--inside", control_arg, config_arg, holds_rlimits ? "1" : "0", NULL};
	if (!file_link_read("/proc/self/exe", program, err)) return false;
	fill_spec(&spec, c, program, resolv_conf, mounts);
	spec.argv = argv;
	if (!bwrap_open(&spec, geteuid(), getegid(), 0, &l->bwrap, err)) return false;
	bool ok = start(l, control, config_fd, err);
	if (ok)
		bwrap_close_inherited(&l->bwrap);
	else
		bwrap_close(&l->bwrap);
	return ok;
}

bool launch(const struct config *config, struct str config_text, const char *resolv_conf, bool holds_rlimits,
	    struct launched *ret_launched, struct err *err)
{
	int pair[2], config_fd = launch_text_fd(config_text);
	if (geteuid() == 0)
		return err_set(err, ERR_REFUSED, "an app's server never runs as root; start this as the app's user");
	if (config_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set_errno(err, "prepare a sandbox");
	struct launched l = {.control = pair[0]};
	bool ok = build_and_start(&l, config, resolv_conf, pair[1], config_fd, holds_rlimits, err);
	(void)close(pair[1]);
	(void)close(config_fd);
	if (!ok) {
		(void)close(pair[0]);
		return false;
	}
	*ret_launched = l;
	return true;
}
