/* SPDX-License-Identifier: Apache-2.0 */
#include "os/user.h"

#include <dirent.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/proc.h"

#define END_DEADLINE_MS 10000
#define END_TICK_MS 20

#define TOOL_DEADLINE_MS 30000
#define USERDEL_NO_SUCH_USER 6 /* exit status of userdel(8) */

static bool look_up(const char *name, struct user *ret_user)
{
	const struct passwd *pw = getpwnam(name);
	if (pw == NULL) return false;
	struct user u = {.uid = pw->pw_uid, .gid = pw->pw_gid};
	(void)snprintf(u.name, sizeof u.name, "%s", name);
	*ret_user = u;
	return true;
}

bool user_self(struct user *ret_user, struct err *err)
{
	const struct passwd *pw = getpwuid(geteuid());
	if (pw == NULL)
		return err_set(err, ERR_NOT_FOUND,
			       "user %u has no entry in /etc/passwd; PostgreSQL does not run for such a user",
			       (unsigned)geteuid());
	struct user u = {.uid = geteuid(), .gid = getegid()};
	(void)snprintf(u.name, sizeof u.name, "%s", pw->pw_name);
	*ret_user = u;
	return true;
}

bool user_ensure(const char *name, struct user *ret_user, struct err *err)
{
	if (look_up(name, ret_user)) return true;
	const char *const argv[] = {"/usr/sbin/useradd", "--system",     "--user-group", "--no-create-home",
				    "--home-dir",        "/nonexistent", "--shell",      "/usr/sbin/nologin",
				    "--comment",         "Freehold",     name,           NULL};
	struct proc_spec spec = {.argv = argv, .deadline_ms = TOOL_DEADLINE_MS};
	/* Refused where another Freehold of this machine has just made it. */
	if (!proc_run_ok(&spec, NULL, err))
		return look_up(name, ret_user) || err_wrap(err, "make system user %s", name);
	return look_up(name, ret_user) || err_set(err, ERR_IO, "system user %s was made and is not found", name);
}

/* By the real user, as /proc/PID/status has it; the owner of /proc/PID is root for a process that may not be dumped. */
static bool runs_as(pid_t pid, uid_t uid)
{
	char path[64], line[256];
	unsigned real = 0;
	bool is_found = false;
	(void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL) return false;
	while (!is_found && fgets(line, sizeof line, file) != NULL) is_found = sscanf(line, "Uid: %u", &real) == 1;
	(void)fclose(file);
	return is_found && real == uid;
}

/* The number of one that was there, 0 for none. */
static pid_t kill_all(uid_t uid)
{
	pid_t seen = 0;
	DIR *dir = opendir("/proc");
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid <= 1 || !runs_as(pid, uid)) continue;
		seen = pid;
		(void)kill(pid, SIGKILL);
	}
	if (dir != NULL) (void)closedir(dir);
	return seen;
}

bool user_end_processes(const char *name, struct err *err)
{
	struct user user;
	pid_t left = 0;
	if (!look_up(name, &user)) return true;
	for (int64_t began_ms = clock_now_ms(); (left = kill_all(user.uid)) != 0; (void)poll(NULL, 0, END_TICK_MS))
		if (clock_now_ms() - began_ms > END_DEADLINE_MS)
			return err_set(err, ERR_FAILED, "process %d of user %s was killed and does not go", (int)left,
				       name);
	return true;
}

bool user_remove(const char *name, struct err *err)
{
	const char *const argv[] = {"/usr/sbin/userdel", name, NULL};
	struct proc_spec spec = {.argv = argv, .deadline_ms = TOOL_DEADLINE_MS};
	struct proc_result result;
	if (!proc_run(&spec, NULL, &result, err)) return err_wrap(err, "remove system user %s", name);
	if (result.exit_status == 0 || result.exit_status == USERDEL_NO_SUCH_USER) return true;
	return err_set(err, ERR_FAILED, "remove system user %s: userdel ended with status %d", name,
		       result.exit_status);
}
