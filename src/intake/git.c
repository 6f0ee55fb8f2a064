/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/git.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/json.h"
#include "intake/unpack.h"
#include "os/file.h"

static bool take_id(const json_t *answer, char ret_id[GIT_ID_SIZE], struct err *err)
{
	const char *id = json_str(answer, "commit", "");
	size_t len = strlen(id);
	if ((len != 40 && len != 64) || strspn(id, "0123456789abcdef") != len)
		return err_set(err, ERR_INTERNAL, "git named no commit");
	(void)snprintf(ret_id, GIT_ID_SIZE, "%s", id);
	return true;
}

/* A branch or tag as git names them, and no option. */
static bool is_ref(const char *ref)
{
	if (ref == NULL) return true;
	if (ref[0] == '-' || ref[0] == '\0' || strstr(ref, "..") != NULL || strlen(ref) > 200) return false;
	for (const char *c = ref; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7F || strchr("~^:?*[\\@{", *c) != NULL) return false;
	return str_is_utf8(str_from(ref));
}

/* Address and key in an anonymous file: an argument list is for everybody to read. */
static int put_aside(const struct intake_git_source *from, struct err *err)
{
	json_t *source JSON_CLEANUP =
	    json_pack("{s:s,s:s,s:s}", "url", from->url, "key", from->ssh_key != NULL ? from->ssh_key : "",
		      "known_hosts", from->known_hosts != NULL ? from->known_hosts : "");
	char *text = json_dumps(source, JSON_COMPACT);
	int fd = text != NULL ? memfd_create("source", MFD_CLOEXEC) : -1;
	size_t len = text != NULL ? strlen(text) : 0;
	bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0;
	if (text != NULL) explicit_bzero(text, len);
	free(text);
	if (ok) return fd;
	(void)err_set_errno(err, "hand the address over");
	if (fd >= 0) (void)close(fd);
	return -1;
}

static bool fetch(const struct intake_child *child, const struct intake_git_source *from, int fd, const char *target,
		  const struct intake_limits *limits, json_t **ret_answer, struct err *err)
{
	const uint64_t numbers[] = {(uint64_t)fd,           limits->max_entries,    limits->max_total_bytes,
				    limits->max_file_bytes, limits->max_path_bytes, limits->max_depth,
				    limits->max_ratio};
	char texts[7][24];
	const char *args[12] = {"git-fetch", target};
	for (size_t i = 0; i < 7; i++) {
		(void)snprintf(texts[i], sizeof texts[i], "%" PRIu64, numbers[i]);
		args[i + 2] = texts[i];
	}
	args[9] = from->allow_file ? "file" : "remote";
	args[10] = from->ref != NULL ? from->ref : "";
	struct child_call call = {.args = args,
				  .what = "git",
				  .dirs_rw = {target},
				  .fd = fd,
				  .has_network = !from->allow_file,
				  .deadline_ms = GIT_FETCH_DEADLINE_MS};
	if (from->allow_file) call.dirs_ro[0] = from->url + strlen("file://");
	return child_run(child, &call, ret_answer, err);
}

bool intake_git_fetch(const struct intake_child *child, const struct intake_git_source *from, const char *target,
		      const struct intake_limits *limits, struct intake_unpacked *ret_unpacked,
		      char ret_commit[GIT_ID_SIZE], struct buf *ret_known_hosts, struct err *err)
{
	char shown[GIT_URL_SIZE];
	if (!git_url_check(from->url, from->allow_file, shown, err)) return false;
	if (!is_ref(from->ref)) return err_set(err, ERR_INVALID, "this is no name of a branch or tag");
	if (!unpack_prepare(child, target, err)) return false;
	int fd = put_aside(from, err);
	if (fd < 0) return false;
	json_t *answer JSON_CLEANUP = NULL;
	bool ok = fetch(child, from, fd, target, limits, &answer, err) && take_id(answer, ret_commit, err);
	(void)close(fd);
	if (!ok) unpack_empty(target);
	if (!ok) return err_wrap(err, "%s", shown);
	const char *hosts = json_str(answer, "known_hosts", "");
	if (ret_known_hosts != NULL && strlen(hosts) <= GIT_HOSTS_MAX_BYTES) buf_puts(ret_known_hosts, hosts);
	unpack_read_summary(answer, ret_unpacked);
	return true;
}

/* The repository's folder must be there to be bound into the sandbox; git fills it. */
static bool prepare_repo(const struct intake_child *child, const char *repo, struct err *err)
{
	if (file_is_dir(repo)) return true;
	if (!file_mkdirs(repo, 0755, err)) return false;
	if (geteuid() == 0 && child->has_user && chown(repo, child->uid, child->gid) != 0)
		return err_set_errno(err, "give %s to the app's user", repo);
	return true;
}

bool intake_commit(const struct intake_child *child, const char *repo, const char *source,
		   const struct intake_commit *what, char ret_id[GIT_ID_SIZE], struct err *err)
{
	char time[32];
	(void)snprintf(time, sizeof time, "%" PRId64 " +0000", what->time_s);
	const char *const args[] = {"commit",           repo, source,        what->author_name,
				    what->author_email, time, what->message, NULL};
	struct child_call call = {.args = args, .what = "git", .dirs_ro = {source}, .dirs_rw = {repo}};
	json_t *answer JSON_CLEANUP = NULL;
	return prepare_repo(child, repo, err) &&
	       (child_run(child, &call, &answer, err) || err_wrap(err, "keep the source in git")) &&
	       take_id(answer, ret_id, err);
}

bool intake_pack(const struct intake_child *child, const char *repo, unsigned packs_max,
		 struct intake_packed *ret_packed, struct err *err)
{
	char most[16];
	(void)snprintf(most, sizeof most, "%u", packs_max);
	const char *const args[] = {"pack", repo, most, NULL};
	struct child_call call = {.args = args, .what = "git", .dirs_rw = {repo}, .deadline_ms = GIT_PACK_DEADLINE_MS};
	json_t *answer JSON_CLEANUP = NULL;
	if (!child_run(child, &call, &answer, err)) return err_wrap(err, "pack the sources in git");
	*ret_packed = (struct intake_packed){.loose_before = (uint64_t)json_int(answer, "loose_before", 0),
					     .loose = (uint64_t)json_int(answer, "loose", 0),
					     .packs = (uint64_t)json_int(answer, "packs", 0)};
	return true;
}
