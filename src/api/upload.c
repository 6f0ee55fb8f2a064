/* SPDX-License-Identifier: Apache-2.0 */
#include "api/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define DISK_RESERVE_BYTES ((uint64_t)256 << 20)
#define LOOK_BYTES ((uint64_t)64 << 20) /* between two looks at how much room there is */

struct upload {
	int fd;
	uint64_t since_look;
	char path[FILE_PATH_SIZE];
};

bool upload_is_file(struct http_request *req)
{
	return str_eq(http_header(req, STR("Content-Type")), STR("application/octet-stream"));
}

static void upload_done(void *arg)
{
	struct upload *u = arg;
	if (u->fd >= 0) (void)close(u->fd);
	if (u->path[0] != '\0') (void)unlink(u->path);
	free(u);
}

static bool has_room(const char *folder, struct err *err)
{
	uint64_t room = 0;
	if (!file_disk_free(folder, &room, err)) return false;
	return room >= DISK_RESERVE_BYTES ||
	       err_set(err, ERR_UNAVAILABLE, "the disk is full (%llu MB left at %s); make room and try again",
		       (unsigned long long)(room >> 20), folder);
}

static bool on_chunk(void *arg, struct http_request *req, struct str bytes, struct err *err)
{
	(void)req;
	struct upload *u = arg;
	u->since_look += bytes.len;
	if (u->since_look > LOOK_BYTES) {
		u->since_look = 0;
		if (!has_room(u->path, err)) return false;
	}
	while (bytes.len > 0) {
		ssize_t put = write(u->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno == EINTR) continue;
		if (put < 0) return err_set_errno(err, "keep the file on disk");
		bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
	return true;
}

static bool upload_open(struct daemon *d, struct upload *u, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	if (!layout_home(&d->flow.layout, "uploads", folder, err) || !file_mkdirs(folder, 0700, err) ||
	    !has_room(folder, err) || !file_path(u->path, err, "%s/XXXXXX", folder))
		return false;
	u->fd = mkostemp(u->path, O_CLOEXEC);
	if (u->fd >= 0) return true;
	u->path[0] = '\0';
	return err_set_errno(err, "keep the file in %s", folder);
}

void upload_begin(struct route_call *c, uint64_t max_bytes)
{
	struct err err;
	struct upload *u = calloc(1, sizeof *u);
	if (u == NULL) abort();
	u->fd = -1;
	arena_defer(http_arena(c->req), upload_done, u);
	if (!upload_open(c->d, u, &err))
		reply_error(c->req, &err);
	else
		http_body_stream(c->req, max_bytes, on_chunk, u);
}

bool upload_keep(struct upload *u, const char *path, struct err *err)
{
	if (fsync(u->fd) != 0 || rename(u->path, path) != 0) return err_set_errno(err, "keep the file at %s", path);
	u->path[0] = '\0';
	return true;
}
