/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "codec/json.h"
#include "intake/git.h"
#include "store/deployment.h"

#define LOCK "backups/packing.lock"

static bool lock(const struct flow *f, int how, int *ret_fd, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	if (!layout_home(&f->layout, "backups", folder, err) || !file_mkdirs(folder, 0700, err) ||
	    !layout_home(&f->layout, LOCK, path, err))
		return false;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return err_set_errno(err, "%s", path);
	if (flock(fd, how) != 0) {
		(void)err_set_errno(err, "lock %s", path);
		(void)close(fd);
		return false;
	}
	*ret_fd = fd;
	return true;
}

bool pack_keep_off(const struct flow *f, int *ret_fd, struct err *err)
{
	return lock(f, LOCK_SH, ret_fd, err);
}

/* An object's name is a hash, so one folder of the 256 tells of all. */
static bool has_many_loose(const struct flow *f, const char *app)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	int count = 0;
	if (!layout_app(&f->layout, app, "repo.git/objects/17", path, &ignored)) return false;
	DIR *d = opendir(path);
	if (d == NULL) return false;
	for (struct dirent *e; (e = readdir(d)) != NULL;) count += e->d_name[0] != '.';
	(void)closedir(d);
	return count * 256 >= PACK_LOOSE_MAX;
}

bool pack_is_due(const struct flow *f, const char *app, int64_t packed, int64_t *ret_newest)
{
	struct err ignored;
	int64_t newest = 0;
	if (!deployment_newest(f->db, app, &newest, &ignored) || newest <= packed) return false;
	*ret_newest = newest;
	return newest - packed >= PACK_EVERY || has_many_loose(f, app);
}

static bool pack(struct job_run *r, struct err *err)
{
	char repo[FILE_PATH_SIZE], helper[FILE_PATH_SIZE];
	struct intake_packed packed = {0};
	const struct parts *p = &r->parts;
	if (!file_path(repo, err, "%s/repo.git", p->dir) ||
	    !file_path(helper, err, "%s/freehold-intake", r->f->helpers))
		return false;
	struct intake_child child = {
	    .helper = helper, .has_user = r->f->is_root, .uid = p->users.code.uid, .gid = p->users.code.gid};
	if (!intake_pack(&child, repo, PACK_PACKS_MAX, &packed, err)) return false;
	json_object_set_new(r->result, "loose_before", json_integer((json_int_t)packed.loose_before));
	json_object_set_new(r->result, "loose", json_integer((json_int_t)packed.loose));
	json_object_set_new(r->result, "packs", json_integer((json_int_t)packed.packs));
	return true;
}

bool pack_run(struct job_run *r, struct err *err)
{
	int fd = -1;
	if (!job_begin_step(r, "pack", err)) return false;
	if (!lock(r->f, LOCK_EX | LOCK_NB, &fd, err))
		return errno != EWOULDBLOCK ? false
					    : err_set(err, ERR_CONFLICT,
						      "the sources of %s are being copied just now; they are packed "
						      "afterwards",
						      r->job.app);
	bool ok = pack(r, err);
	(void)close(fd);
	return ok;
}
