/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/flow_render.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/picture.h"
#include "storage/place.h"
#include "storage/render.h"

struct picture_call {
	struct object object;
	struct picture picture;
	int64_t expires_s;
	const char *suffix;
};

static void fail(struct storage_call *call, enum storage_fault fault, const char *words, const char *cause)
{
	struct storage_problem problem;
	(void)storage_problem_set(&problem, fault, "%s", words);
	storage_end(call, &problem, cause);
}

static void on_rendered(void *arg, const char *place, const struct err *err)
{
	struct storage_call *call = arg;
	struct picture_call *p = call->flow;
	const char *cause = err != NULL ? arena_strdup(call->arena, err->msg) : NULL;
	if (err == NULL) {
		p->object.place = arena_strdup(call->arena, place);
		p->object.type = picture_type(p->suffix);
		p->object.transformations = picture_shown(call->arena, &p->picture);
		p->object.is_negotiated = p->picture.format == FORMAT_NEGOTIATED;
		object_reply_file(call, &p->object, p->expires_s);
	} else if (err->code == ERR_INVALID) {
		fail(call, FAULT_IMAGE, "", cause);
	} else if (err->code == ERR_LIMIT) {
		fail(call, FAULT_IMAGE, "The source image resolution is too large to process", cause);
	} else if (err->code == ERR_TIMEOUT) {
		fail(call, FAULT_IMAGE_LATE, "", cause);
	} else if (err->code == ERR_REFUSED) {
		fail(call, FAULT_IMAGES_BUSY, "", cause);
	} else {
		fail(call, FAULT_INTERNAL, "", cause);
	}
}

static int open_source(struct storage_call *call, const struct object *o, struct stat *ret_st)
{
	char path[FILES_PATH_SIZE];
	struct err err;
	if (!files_path(call->storage->files, str_from(o->version), path, &err)) return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, ret_st) == 0) return fd;
	if (fd >= 0) (void)close(fd);
	return -1;
}

static void step_render(struct storage_call *call, struct picture_call *p, int fd)
{
	char head[PICTURE_HEAD_BYTES];
	ssize_t n = pread(fd, head, sizeof head, 0);
	enum picture_kind kind = picture_kind((struct str){head, n > 0 ? (size_t)n : 0});
	bool is_as_is = kind == PICTURE_SVG && p->picture.format <= FORMAT_ORIGIN;
	p->suffix = picture_suffix(&p->picture, kind, storage_header_of(call, STR("Accept")));
	if (p->suffix != NULL) {
		renderer_get(call->storage->renderer, p->object.version, fd, &p->picture, p->suffix, on_rendered, call);
		return;
	}
	(void)close(fd);
	if (is_as_is)
		object_reply_file(call, &p->object, p->expires_s);
	else
		storage_fail(call, FAULT_IMAGE);
}

/* Where its file lies elsewhere it is brought here, and stays until files are next taken there. */
static void on_here(void *arg, const struct err *err)
{
	struct storage_call *call = arg;
	struct picture_call *p = call->flow;
	struct stat st;
	if (err != NULL && err->code != ERR_NOT_FOUND) {
		fail(call, FAULT_PLACE, "", arena_strdup(call->arena, err->msg));
		return;
	}
	int fd = open_source(call, &p->object, &st);
	if (call->storage->renderer == NULL || fd < 0) {
		if (fd >= 0) (void)close(fd);
		storage_fail(call, fd >= 0 ? FAULT_NOT_SERVED : FAULT_NO_KEY);
	} else if (st.st_size > RENDER_SOURCE_MAX_BYTES) {
		(void)close(fd);
		fail(call, FAULT_IMAGE, "The source image file is too large to process", NULL);
	} else {
		step_render(call, p, fd);
	}
}

void render_reply(struct storage_call *call, const struct object *o, const char *words, int64_t expires_s)
{
	struct storage_problem problem;
	struct picture_call *p = arena_alloc(call->arena, sizeof *p);
	if (p == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	*p = (struct picture_call){.object = *o, .expires_s = expires_s};
	call->flow = p;
	if (words != NULL) {
		picture_read_words(str_from(words), &p->picture);
	} else if (!picture_read_query(call->arena, call->request.query, &p->picture, &problem)) {
		storage_end(call, &problem, NULL);
		return;
	}
	place_bring(call->storage->place, p->object.version, on_here, call);
}
