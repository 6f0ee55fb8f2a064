/* SPDX-License-Identifier: Apache-2.0 */
#include "os/user.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "os/proc.h"

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
	if (!proc_run_ok(&spec, NULL, err)) return err_wrap(err, "make system user %s", name);
	return look_up(name, ret_user) || err_set(err, ERR_IO, "system user %s was made and is not found", name);
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
