/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/git_ssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake/git.h"
#include "os/file.h"

static bool write_in(const struct git_ssh *s, const char *name, const char *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/%s", s->dir, name) && file_write(path, str_from(text), 0600, err);
}

bool git_ssh_begin(struct git_ssh *s, const char *key, const char *known_hosts, struct err *err)
{
	*s = (struct git_ssh){.dir = "/tmp/git-ssh-XXXXXX", .has_key = key[0] != '\0'};
	if (mkdtemp(s->dir) == NULL) return err_set_errno(err, "a folder for ssh");
	int len = snprintf(
	    s->command, sizeof s->command,
	    "GIT_SSH_COMMAND=ssh -F none -oBatchMode=yes -oConnectTimeout=20 -oStrictHostKeyChecking=accept-new "
	    "-oUserKnownHostsFile=%s/known_hosts -oGlobalKnownHostsFile=/dev/null -oHashKnownHosts=no%s%s%s",
	    s->dir, s->has_key ? " -oIdentitiesOnly=yes -oIdentityFile=" : "", s->has_key ? s->dir : "",
	    s->has_key ? "/key" : "");
	if (len < 0 || (size_t)len >= sizeof s->command)
		return err_set(err, ERR_LIMIT, "the command for ssh is too long");
	return (!s->has_key || write_in(s, "key", key, err)) && write_in(s, "known_hosts", known_hosts, err);
}

void git_ssh_end(struct git_ssh *s)
{
	struct err ignored;
	(void)file_remove_tree(s->dir, &ignored);
}

bool git_ssh_known_hosts(const struct git_ssh *s, struct buf *ret_text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/known_hosts", s->dir) && file_read(path, ret_text, err);
}

bool git_ssh_explain(const struct git_ssh *s, struct err *inout_err)
{
	bool is_refused = strstr(inout_err->msg, "Permission denied") != NULL;
	bool is_other = strstr(inout_err->msg, "HOST IDENTIFICATION HAS CHANGED") != NULL ||
			strstr(inout_err->msg, "Host key verification failed") != NULL;
	if (is_other)
		(void)err_set(
		    inout_err, ERR_REFUSED,
		    "the server shows another key than it did before: either it was set up anew, or somebody stands "
		    "between; if its owner says that the key is new: freehold key APP --forget-servers");
	else if (is_refused)
		(void)err_set(
		    inout_err, ERR_DENIED,
		    "%s; add it to the repository as a deploy key (on GitHub: Settings, Deploy keys; reading is "
		    "enough) and deploy again",
		    s->has_key ? "the server does not know this app's key: show it with freehold key APP"
			       : "the server wants a key and this app has none yet: make one with freehold key APP");
	return is_other || is_refused;
}
