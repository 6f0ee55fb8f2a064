/* SPDX-License-Identifier: Apache-2.0
 *
 * A new file from the bytes of others, on the pool: whole ones one behind the other, or a part of one. The kernel
 * copies (copy_file_range(2): where the file system can, nothing is copied at all). */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/file.h"
#include "storage/files_private.h"
#include "storage/place.h"

#define COPY_BYTES (256u << 10)

struct join {
	uv_work_t work;
	struct files *files;
	char (*versions)[STORAGE_VERSION_SIZE];
	size_t count;
	bool is_cut;
	uint64_t offset, length; /* of a cut */
	struct stored stored;
	struct err err;
	void (*done)(void *arg, const struct stored *stored, const struct err *err);
	void *arg;
};

/* By hand where the kernel does not do it across these file systems, and for the sum. */
static bool copy_by_hand(int from, int to, uint64_t offset, uint64_t length, EVP_MD_CTX *md5, struct err *err)
{
	char *bytes = malloc(COPY_BYTES);
	if (bytes == NULL) abort();
	bool ok = true;
	while (ok && length > 0) {
		size_t want = length < COPY_BYTES ? (size_t)length : COPY_BYTES;
		ssize_t n = pread(from, bytes, want, (off_t)offset);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) {
			ok = n < 0 ? err_set_errno(err, "read a file") : err_set(err, ERR_IO, "a file is too short");
			break;
		}
		for (ssize_t at = 0; ok && at < n;) {
			ssize_t put = write(to, bytes + at, (size_t)(n - at));
			if (put < 0 && errno == EINTR) continue;
			ok = put > 0 || err_set_errno(err, "store a file");
			at += put > 0 ? put : 0;
		}
		if (md5 != NULL) (void)EVP_DigestUpdate(md5, bytes, (size_t)n);
		offset += (uint64_t)n;
		length -= (uint64_t)n;
	}
	free(bytes);
	return ok;
}

static bool copy_bytes(int from, int to, uint64_t length, struct err *err)
{
	off_t offset = 0;
	while (length > 0) {
		ssize_t n =
		    copy_file_range(from, &offset, to, NULL, length < (1u << 30) ? (size_t)length : 1u << 30, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
			return copy_by_hand(from, to, (uint64_t)offset, length, NULL, err);
		if (n < 0) return err_set_errno(err, "store a file");
		if (n == 0) return err_set(err, ERR_IO, "a file is too short");
		length -= (uint64_t)n;
	}
	return true;
}

static bool open_one(const struct join *j, size_t i, int *ret_fd, uint64_t *ret_size, struct err *err)
{
	char path[FILES_PATH_SIZE];
	struct stat st;
	if (!files_path(j->files, str_from(j->versions[i]), path, err)) return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "a part's file");
	if (fstat(fd, &st) != 0) {
		(void)close(fd);
		return err_set_errno(err, "a part's file");
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

static void put_etag(EVP_MD_CTX *md5, struct stored *stored)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char *at = stored->etag;
	(void)EVP_DigestFinal_ex(md5, sum, NULL);
	*at++ = '"';
	for (int i = 0; i < 16; i++, at += 2) (void)snprintf(at, 3, "%02x", sum[i]);
	memcpy(at, "\"", 2);
}

static bool write_cut(struct join *j, int to)
{
	int from;
	uint64_t size;
	if (!open_one(j, 0, &from, &size, &j->err)) return false;
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	if (md5 == NULL || EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1) abort();
	bool ok = copy_by_hand(from, to, j->offset, j->length, md5, &j->err);
	put_etag(md5, &j->stored);
	EVP_MD_CTX_free(md5);
	(void)close(from);
	j->stored.size = j->length;
	return ok;
}

static bool write_all(struct join *j, int to)
{
	for (size_t i = 0; i < j->count; i++) {
		int from;
		uint64_t size;
		if (!open_one(j, i, &from, &size, &j->err)) return false;
		bool ok = copy_bytes(from, to, size, &j->err);
		(void)close(from);
		if (!ok) return false;
		j->stored.size += size;
	}
	return true;
}

/* As an upload: written beside, synced, renamed, its folder synced. */
static void join_work(uv_work_t *work)
{
	struct join *j = work->data;
	char beside[FILES_PATH_SIZE], folder[FILES_PATH_SIZE], place[FILES_PATH_SIZE];
	if (!file_path(beside, &j->err, "%s/%s", j->files->incoming, j->stored.version)) return;
	int to = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (to < 0) {
		(void)err_set_errno(&j->err, "store a file");
		return;
	}
	bool ok = (j->is_cut ? write_cut(j, to) : write_all(j, to)) &&
		  (fsync(to) == 0 || err_set_errno(&j->err, "store a file")) &&
		  files_make_place(j->files, j->stored.version, folder, place, &j->err) &&
		  (rename(beside, place) == 0 || err_set_errno(&j->err, "store a file")) &&
		  file_sync_dir(folder, &j->err);
	(void)close(to);
	if (!ok) (void)unlink(beside);
	j->stored.modified_ms = clock_wall_ms();
}

static void join_done(uv_work_t *work, int status)
{
	struct join *j = work->data;
	(void)status;
	j->done(j->arg, &j->stored, j->err.code != ERR_NONE ? &j->err : NULL);
	files_free(j->files);
	free(j->versions);
	free(j);
}

static struct join *join_new(struct files *files, const char *const *versions, size_t count,
			     void (*done)(void *arg, const struct stored *, const struct err *), void *arg)
{
	struct join *j = calloc(1, sizeof *j);
	if (j == NULL || (j->versions = calloc(count, sizeof *j->versions)) == NULL) abort();
	for (size_t i = 0; i < count; i++) (void)snprintf(j->versions[i], STORAGE_VERSION_SIZE, "%s", versions[i]);
	j->work.data = j;
	j->files = files;
	j->count = count;
	j->done = done;
	j->arg = arg;
	storage_version(j->stored.version);
	files_hold(files);
	return j;
}

void files_join(struct files *files, const char *const *versions, size_t count,
		void (*done)(void *arg, const struct stored *stored, const struct err *err), void *arg)
{
	struct join *j = join_new(files, versions, count, done, arg);
	(void)uv_queue_work(files->loop, &j->work, join_work, join_done);
}

/* The bytes may lie elsewhere; those of parts never do. */
static void on_here(void *arg, const struct err *err)
{
	struct join *j = arg;
	if (err == NULL) {
		(void)uv_queue_work(j->files->loop, &j->work, join_work, join_done);
		return;
	}
	j->err = *err;
	join_done(&j->work, 0);
}

void files_cut(struct files *files, const char *version, uint64_t offset, uint64_t length,
	       void (*done)(void *arg, const struct stored *stored, const struct err *err), void *arg)
{
	struct join *j = join_new(files, &version, 1, done, arg);
	j->is_cut = true;
	j->offset = offset;
	j->length = length;
	place_bring(files->place, version, on_here, j);
}
