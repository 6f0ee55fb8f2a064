/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "os/file.h"
#include "storage/kept.h"
#include "storage/sweep_private.h"

#define REPORTED_MAX 20 /* of each kind in the report */
#define NAMED_MAX 10 /* missing files that are told by name */

/* What dead processes left: their folders' locks are free. */
void sweep_dead_job(uv_work_t *work)
{
	struct sweep *s = work->data;
	char path[FILES_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, "%s/incoming", s->files->folder)) return;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		char one[FILES_PATH_SIZE];
		if (e->d_name[0] == '.' || !file_path(one, &ignored, "%s/%s", path, e->d_name)) continue;
		if (strcmp(one, s->files->incoming) == 0) continue;
		int fd = open(one, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool is_dead = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (is_dead && file_remove_tree(one, &ignored)) s->dead++;
		if (fd >= 0) (void)close(fd);
	}
	if (dir != NULL) (void)closedir(dir);
	time_t oldest = time(NULL) - (time_t)SWEEP_LOST_DAYS * 24 * 3600;
	if (!file_path(path, &ignored, "%s/lost", s->files->folder)) return;
	dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		struct stat st;
		bool is_old = e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			      st.st_ctime < oldest;
		if (is_old) (void)unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir != NULL) (void)closedir(dir);
	s->over = kept_sweep(s->files);
}

void sweep_list_job(uv_work_t *work)
{
	struct sweep *s = work->data;
	char path[FILES_PATH_SIZE];
	struct err ignored;
	time_t youngest = time(NULL) - SWEEP_AGE_S;
	buf_clear(&s->versions);
	if (!file_path(path, &ignored, "%s/objects/%02x", s->files->folder, s->folder)) return;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		struct stat st;
		if (!storage_is_uuid(str_from(e->d_name)) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_ctime > youngest)
			continue;
		buf_putc(&s->versions, s->versions.len == 0 ? '{' : ',');
		buf_puts(&s->versions, e->d_name);
	}
	if (dir != NULL) (void)closedir(dir);
	if (s->versions.len > 0) buf_putc(&s->versions, '}');
}

void sweep_aside_job(uv_work_t *work)
{
	struct sweep *s = work->data;
	struct str rest = buf_view(&s->versions), version;
	while (str_next(&rest, ',', &version)) {
		char from[FILES_PATH_SIZE], to[FILES_PATH_SIZE];
		struct err ignored;
		if (files_path(s->files, version, from, &ignored) &&
		    file_path(to, &ignored, "%s/lost/%.*s", s->files->folder, STR_FMT(version)) &&
		    rename(from, to) == 0)
			s->lost++;
	}
}

/* The other way round: rows whose file is missing, or lies among the lost. */
void sweep_look_job(uv_work_t *work)
{
	struct sweep *s = work->data;
	for (int i = 0; i < s->row_count; i++) {
		char path[FILES_PATH_SIZE], lost[FILES_PATH_SIZE], folder[FILES_PATH_SIZE];
		struct err err;
		const struct sweep_row *r = &s->rows[i];
		bool is_version = files_path(s->files, str_from(r->version), path, &err);
		if (is_version && access(path, F_OK) == 0) continue;
		if (is_version && file_path(lost, &err, "%s/lost/%s", s->files->folder, r->version) &&
		    access(lost, F_OK) == 0 && files_make_place(s->files, r->version, folder, path, &err) &&
		    rename(lost, path) == 0) {
			s->found++;
			continue;
		}
		if (s->is_elsewhere) continue;
		if (s->missing < REPORTED_MAX && str_is_utf8(str_from(r->name)))
			(void)json_array_append_new(s->missing_names, json_string(r->name));
		if (s->missing++ < NAMED_MAX)
			log_warn("storage: the file of %s is missing (version %s)", r->name, r->version);
	}
}

/* What lies in lost/: deleted where that was asked for and it is old enough, else counted. */
struct lost {
	uint64_t count, bytes, removed, removed_bytes;
	json_t *names;
};

static void look_at_lost(struct sweep *s, struct lost *l)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	time_t oldest = time(NULL) - (time_t)s->older_than_s;
	if (!file_path(path, &ignored, "%s/lost", s->files->folder)) return;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		struct stat st;
		if (!storage_is_uuid(str_from(e->d_name)) ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (s->is_fixing && st.st_mtime <= oldest && unlinkat(dirfd(dir), e->d_name, 0) == 0) {
			l->removed++;
			l->removed_bytes += (uint64_t)st.st_size;
			continue;
		}
		if (l->count++ < REPORTED_MAX) {
			char at[CLOCK_ISO8601_SIZE];
			clock_iso8601((int64_t)st.st_mtime * 1000, at);
			(void)json_array_append_new(l->names,
						    json_pack("{s:s, s:I, s:s}", "version", e->d_name, "bytes",
							      (json_int_t)st.st_size, "written_at", at));
		}
		l->bytes += (uint64_t)st.st_size;
	}
	if (dir != NULL) (void)closedir(dir);
}

void sweep_report_job(uv_work_t *work)
{
	struct sweep *s = work->data;
	struct lost l = {.names = json_array()};
	char path[FILES_PATH_SIZE], at[CLOCK_ISO8601_SIZE];
	struct err ignored;
	look_at_lost(s, &l);
	clock_iso8601(clock_wall_ms(), at);
	json_t *o JSON_CLEANUP =
	    json_pack("{s:I, s:s, s:b, s:{s:I, s:I, s:o}, s:{s:I, s:O}, s:I, s:I, s:I}", "asked",
		      (json_int_t)s->serving, "at", at, "elsewhere", (int)s->is_elsewhere, "without_row", "count",
		      (json_int_t)l.count, "bytes", (json_int_t)l.bytes, "first", l.names, "without_file", "count",
		      (json_int_t)s->missing, "first", s->missing_names, "put_back", (json_int_t)s->found, "removed",
		      (json_int_t)l.removed, "removed_bytes", (json_int_t)l.removed_bytes);
	char *text = json_text(o);
	if (file_path(path, &ignored, "%s/sweep.json", s->files->folder))
		(void)file_write(path, str_from(text), 0640, &ignored);
	free(text);
}
