/* SPDX-License-Identifier: Apache-2.0
 *
 * One file on its way to the disk. While one half of what is held is written, the other fills:
 *
 *     filling ⇄ writing (a job on the pool) ─▶ finishing (the last job: write, sync, rename) ─▶ gone
 *        └──────────────── abandoned: the running job ends, then the file goes ────────────────┘ */
#include <assert.h>
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

struct incoming {
	struct files *files;
	uv_work_t work;
	struct stored stored;
	char path[FILES_PATH_SIZE], beside[STORAGE_VERSION_SIZE];
	int fd;
	EVP_MD_CTX *md5;
	char *filling, *writing;
	size_t filling_max, filling_len, writing_max, writing_len;
	uint64_t taken;
	bool is_busy, is_finishing, is_abandoned, is_room_wanted;
	bool is_last, is_dropping; /* the job; it reads no others of these */
	struct err err;
	void (*on_room)(void *arg);
	void *room_arg;
	void (*done)(void *arg, const struct stored *stored, const struct err *err);
	void *done_arg;
};

struct incoming *incoming_new(struct files *files, void (*on_room)(void *arg), void *arg)
{
	struct incoming *in = calloc(1, sizeof *in);
	if (in == NULL) abort();
	in->files = files;
	files_hold(files);
	in->fd = -1;
	in->on_room = on_room;
	in->room_arg = arg;
	in->work.data = in;
	in->md5 = EVP_MD_CTX_new();
	if (in->md5 == NULL || EVP_DigestInit_ex(in->md5, EVP_md5(), NULL) != 1) abort();
	storage_version(in->stored.version);
	storage_version(in->beside);
	return in;
}

static void incoming_free(struct incoming *in)
{
	if (in->fd >= 0) (void)close(in->fd);
	EVP_MD_CTX_free(in->md5);
	free(in->filling);
	free(in->writing);
	files_free(in->files);
	free(in);
}

/* On the pool. */

static bool open_file(struct incoming *in)
{
	if (in->fd >= 0) return true;
	if (!file_path(in->path, &in->err, "%s/%s", in->files->incoming, in->beside)) return false;
	in->fd = open(in->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	return in->fd >= 0 || err_set_errno(&in->err, "store a file");
}

static bool write_all(struct incoming *in)
{
	for (size_t at = 0; at < in->writing_len;) {
		ssize_t n = write(in->fd, in->writing + at, in->writing_len - at);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return err_set_errno(&in->err, "store a file");
		at += (size_t)n;
	}
	if (in->writing_len > 0) (void)EVP_DigestUpdate(in->md5, in->writing, in->writing_len);
	return true;
}

static void put_etag(struct incoming *in)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char *at = in->stored.etag;
	(void)EVP_DigestFinal_ex(in->md5, sum, NULL);
	*at++ = '"';
	for (int i = 0; i < 16; i++, at += 2) (void)snprintf(at, 3, "%02x", sum[i]);
	memcpy(at, "\"", 2);
}

/* From here on it survives a power cut, and nobody names it. */
static bool put_in_place(struct incoming *in)
{
	char folder[FILES_PATH_SIZE], place[FILES_PATH_SIZE];
	if (fsync(in->fd) != 0) return err_set_errno(&in->err, "store a file");
	if (!files_make_place(in->files, in->stored.version, folder, place, &in->err)) return false;
	if (rename(in->path, place) != 0) return err_set_errno(&in->err, "store a file");
	in->path[0] = '\0';
	put_etag(in);
	in->stored.size = in->taken;
	in->stored.modified_ms = clock_wall_ms();
	return file_sync_dir(folder, &in->err);
}

static void job(uv_work_t *work)
{
	struct incoming *in = work->data;
	if (in->is_dropping) {
		if (in->path[0] != '\0') (void)unlink(in->path);
		return;
	}
	if (in->err.code != ERR_NONE || !open_file(in) || !write_all(in)) return;
	if (in->is_last) (void)put_in_place(in);
}

/* On the loop. */

static void end(struct incoming *in)
{
	void (*done)(void *arg, const struct stored *, const struct err *) = in->done;
	struct stored stored = in->stored;
	struct err err = in->err;
	void *arg = in->done_arg;
	if (err.code != ERR_NONE && in->path[0] != '\0') (void)unlink(in->path);
	incoming_free(in);
	done(arg, &stored, err.code != ERR_NONE ? &err : NULL);
}

static void tell_room(struct incoming *in)
{
	if (!in->is_room_wanted) return;
	in->is_room_wanted = false;
	if (in->on_room != NULL) in->on_room(in->room_arg);
}

static void work_next(struct incoming *in);

static void after_job(uv_work_t *work, int status)
{
	struct incoming *in = work->data;
	(void)status;
	in->is_busy = false;
	if (in->is_abandoned) {
		if (in->path[0] != '\0' && !in->is_dropping) {
			work_next(in); /* once more, to take the file away */
			return;
		}
		incoming_free(in);
		return;
	}
	if (in->is_last) {
		end(in);
		return;
	}
	if (in->is_finishing || in->filling_len >= FILES_WRITE_BYTES / 2) work_next(in);
	tell_room(in);
}

static void work_next(struct incoming *in)
{
	char *swap = in->writing;
	in->writing = in->filling, in->filling = swap;
	size_t max = in->writing_max;
	in->writing_max = in->filling_max, in->filling_max = max;
	in->writing_len = in->filling_len;
	in->filling_len = 0;
	in->is_last = in->is_finishing;
	in->is_dropping = in->is_abandoned;
	in->is_busy = true;
	(void)uv_queue_work(in->files->loop, &in->work, job, after_job);
}

bool incoming_write(struct incoming *in, struct str bytes)
{
	assert(!in->is_finishing && !in->is_abandoned);
	in->taken += bytes.len;
	if (in->err.code == ERR_NONE && bytes.len > 0) {
		if (in->filling_len + bytes.len > in->filling_max) {
			size_t want = in->filling_len + bytes.len;
			if (want < in->filling_max * 2) want = in->filling_max * 2;
			in->filling = realloc(in->filling, want);
			if (in->filling == NULL) abort();
			in->filling_max = want;
		}
		memcpy(in->filling + in->filling_len, bytes.ptr, bytes.len);
		in->filling_len += bytes.len;
	}
	if (!in->is_busy && in->filling_len >= FILES_WRITE_BYTES / 2) work_next(in);
	in->is_room_wanted = in->filling_len >= FILES_WRITE_BYTES;
	return !in->is_room_wanted;
}

void incoming_name(struct incoming *in, const char *version)
{
	(void)snprintf(in->stored.version, sizeof in->stored.version, "%s", version);
}

uint64_t incoming_size(const struct incoming *in)
{
	return in->taken;
}

void incoming_finish(struct incoming *in, void (*done)(void *arg, const struct stored *stored, const struct err *err),
		     void *arg)
{
	in->is_finishing = true;
	in->done = done;
	in->done_arg = arg;
	if (!in->is_busy) work_next(in);
}

void incoming_abandon(struct incoming *in)
{
	if (in == NULL) return;
	in->is_abandoned = true;
	if (in->is_busy) return;
	if (in->path[0] == '\0')
		incoming_free(in);
	else
		work_next(in);
}
