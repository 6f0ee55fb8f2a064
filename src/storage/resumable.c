/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/resumable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "storage/files_private.h"

enum job { JOB_NONE, JOB_MAKE, JOB_OPEN, JOB_WRITE, JOB_SYNC, JOB_PLACE, JOB_REMOVE, JOB_LEAVE };

struct half {
	char *ptr;
	size_t len, max;
};

struct resumable {
	struct files *files;
	struct resumable *next; /* in files->held */
	struct resumable *waiter; /* opens it next; not in the list */
	uv_work_t work;
	enum job job;
	bool is_open, is_receiving, is_closing, is_room_wanted, is_sync_wanted, is_dirty;
	struct kept kept; /* the job's while one runs */
	uint64_t end;
	struct half filling, writing;
	int64_t moved_ms;
	struct err err; /* of the job; of a write it stays until the sync */
	struct stored stored;
	struct resumable_holder holder;
	resumable_fn done;
	void (*done_stored)(void *arg, const struct stored *stored, const struct err *err);
	char id[STORAGE_VERSION_SIZE];
	char *bucket, *key, *metadata; /* of one that is made */
	uint64_t size;
};

static char *copy(const char *text)
{
	char *copied = strdup(text);
	if (copied == NULL) abort();
	return copied;
}

static struct resumable *new (struct files *files, const struct resumable_holder *holder, resumable_fn done)
{
	struct resumable *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->files = files;
	files_hold(files);
	r->kept.fd = -1;
	r->work.data = r;
	r->holder = *holder;
	r->done = done;
	return r;
}

static void free_resumable(struct resumable *r)
{
	kept_close(&r->kept);
	free(r->filling.ptr);
	free(r->writing.ptr);
	free(r->bucket);
	free(r->key);
	free(r->metadata);
	files_free(r->files);
	free(r);
}

/* On the pool. */
static void job(uv_work_t *work)
{
	struct resumable *r = work->data;
	struct kept *k = &r->kept;
	switch (r->job) {
	case JOB_MAKE: (void)kept_make(r->files, k, r->id, r->bucket, r->key, r->metadata, r->size, &r->err); break;
	case JOB_OPEN: (void)kept_open(r->files, k, r->id, &r->err); break;
	case JOB_WRITE:
	case JOB_SYNC:
	case JOB_LEAVE:
		if (r->err.code == ERR_NONE) (void)kept_write(k, (struct str){r->writing.ptr, r->writing.len}, &r->err);
		if (r->job != JOB_WRITE && r->err.code == ERR_NONE) (void)kept_sync(k, &r->err);
		break;
	case JOB_PLACE: (void)kept_place(r->files, k, &r->stored, &r->err); break;
	case JOB_REMOVE: (void)kept_remove(k, &r->err); break;
	case JOB_NONE: break;
	}
}

/* On the loop. */
static void after_job(uv_work_t *work, int status);

static void begin(struct resumable *r, enum job what)
{
	assert(r->job == JOB_NONE);
	r->job = what;
	if (what == JOB_WRITE || what == JOB_SYNC || what == JOB_LEAVE) {
		struct half swap = r->writing;
		r->writing = r->filling, r->filling = swap;
		r->filling.len = 0;
	}
	(void)uv_queue_work(r->files->loop, &r->work, job, after_job);
}

static void enlist(struct resumable *r)
{
	r->moved_ms = clock_now_ms();
	r->next = r->files->held;
	r->files->held = r;
}

static void leave_list(struct resumable *r)
{
	struct resumable **at = &r->files->held;
	while (*at != NULL && *at != r) at = &(*at)->next;
	if (*at == r) *at = r->next;
}

/* Whoever waited comes next. */
static void end(struct resumable *r)
{
	struct resumable *next = r->waiter;
	leave_list(r);
	free_resumable(r);
	if (next == NULL) return;
	if (next->is_closing) {
		free_resumable(next);
		return;
	}
	enlist(next);
	begin(next, JOB_OPEN);
}

static bool is_stalled(const struct resumable *r)
{
	return r->is_receiving && r->job == JOB_NONE && clock_now_ms() - r->moved_ms >= RESUMABLE_STALLED_MS;
}

static void tell_done(struct resumable *r, bool is_gone)
{
	resumable_fn done = r->done;
	void *arg = r->holder.arg;
	struct err err = r->err;
	if (is_gone) end(r);
	if (done != NULL) done(arg, err.code != ERR_NONE ? &err : NULL);
}

static void after_write(struct resumable *r)
{
	if (r->is_sync_wanted) {
		r->is_sync_wanted = false;
		begin(r, JOB_SYNC);
		return;
	}
	if (r->filling.len >= FILES_WRITE_BYTES / 2) begin(r, JOB_WRITE);
	if (r->is_room_wanted && r->filling.len < FILES_WRITE_BYTES) {
		r->is_room_wanted = false;
		r->holder.on_room(r->holder.arg);
	}
}

static void after_job(uv_work_t *work, int status)
{
	struct resumable *r = work->data;
	enum job was = r->job;
	(void)status;
	r->job = JOB_NONE;
	r->moved_ms = clock_now_ms();
	if (was == JOB_MAKE || was == JOB_OPEN) {
		r->is_open = r->err.code == ERR_NONE;
		r->end = r->kept.offset;
	}
	if (was == JOB_SYNC) r->is_dirty = false;
	if (r->is_closing) {
		if (was != JOB_LEAVE && was != JOB_REMOVE && r->is_dirty && r->err.code == ERR_NONE)
			begin(r, JOB_LEAVE);
		else
			end(r);
		return;
	}
	if (was == JOB_WRITE) {
		after_write(r);
	} else if (was == JOB_PLACE) {
		struct err err = r->err;
		r->err.code = ERR_NONE;
		r->done_stored(r->holder.arg, &r->stored, err.code != ERR_NONE ? &err : NULL);
	} else if (was == JOB_REMOVE) {
		tell_done(r, true);
	} else {
		tell_done(r, !r->is_open);
	}
}

struct resumable *resumable_make(struct files *files, const char *bucket, const char *key, const char *metadata,
				 uint64_t size, const struct resumable_holder *holder, resumable_fn done)
{
	struct resumable *r = new (files, holder, done);
	storage_version(r->id);
	r->bucket = copy(bucket);
	r->key = copy(key);
	r->metadata = copy(metadata);
	r->size = size;
	enlist(r);
	begin(r, JOB_MAKE);
	return r;
}

static void fail_held(uv_work_t *work)
{
	struct resumable *r = work->data;
	(void)err_set(&r->err, ERR_CONFLICT, "another request works on the upload");
}

static void after_held(uv_work_t *work, int status)
{
	struct resumable *r = work->data;
	(void)status;
	if (r->is_closing)
		free_resumable(r);
	else
		tell_done(r, true);
}

struct resumable *resumable_open(struct files *files, const char *id, const struct resumable_holder *holder,
				 resumable_fn done)
{
	struct resumable *r = new (files, holder, done), *held = files->held;
	memcpy(r->id, id, sizeof r->id);
	while (held != NULL && strcmp(held->id, id) != 0) held = held->next;
	if (held == NULL) {
		enlist(r);
		begin(r, JOB_OPEN);
	} else if (held->waiter == NULL && (held->is_closing || is_stalled(held))) {
		held->waiter = r;
		if (!held->is_closing) held->holder.on_taken(held->holder.arg);
	} else {
		(void)uv_queue_work(files->loop, &r->work, fail_held, after_held);
	}
	return r;
}

const struct kept *resumable_kept(const struct resumable *r)
{
	return &r->kept;
}

static void put(struct half *h, struct str bytes)
{
	if (h->len + bytes.len > h->max) {
		h->max = h->len + bytes.len > h->max * 2 ? h->len + bytes.len : h->max * 2;
		h->ptr = realloc(h->ptr, h->max);
		if (h->ptr == NULL) abort();
	}
	memcpy(h->ptr + h->len, bytes.ptr, bytes.len);
	h->len += bytes.len;
}

bool resumable_write(struct resumable *r, struct str bytes)
{
	assert(r->is_open && !r->is_closing && !r->is_sync_wanted);
	if (!r->is_receiving || bytes.len > 0) r->moved_ms = clock_now_ms();
	r->is_receiving = true;
	if (bytes.len > 0) {
		put(&r->filling, bytes);
		r->end += bytes.len;
		r->is_dirty = true;
	}
	if (r->job == JOB_NONE && r->filling.len >= FILES_WRITE_BYTES / 2) begin(r, JOB_WRITE);
	r->is_room_wanted = r->filling.len >= FILES_WRITE_BYTES;
	return !r->is_room_wanted;
}

uint64_t resumable_end(const struct resumable *r)
{
	return r->end;
}

void resumable_sync(struct resumable *r, resumable_fn done)
{
	assert(r->is_open && !r->is_closing);
	r->is_receiving = false;
	r->done = done;
	if (r->job == JOB_NONE)
		begin(r, JOB_SYNC);
	else
		r->is_sync_wanted = true;
}

void resumable_place(struct resumable *r, void (*done)(void *arg, const struct stored *stored, const struct err *err))
{
	r->done_stored = done;
	begin(r, JOB_PLACE);
}

void resumable_remove(struct resumable *r, resumable_fn done)
{
	r->done = done;
	begin(r, JOB_REMOVE);
}

/* One that waits for another is let go when its turn comes. */
void resumable_close(struct resumable *r)
{
	if (r == NULL) return;
	assert(!r->is_closing);
	r->is_closing = true;
	if (r->job != JOB_NONE || !r->is_open) return;
	if (r->is_dirty && r->err.code == ERR_NONE)
		begin(r, JOB_LEAVE);
	else
		end(r);
}
