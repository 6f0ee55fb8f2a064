/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/render.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "os/sandbox.h"
#include "storage/files_private.h"
#include "storage/render_cache.h"

#define INSIDE "/freehold-image"
#define PLACE_SIZE 160
#define SAID_MAX_BYTES 2048
#define TOUCH_S 3600
#define NOBODY 65534

struct waiter {
	struct waiter *next;
	render_fn done;
	void *arg;
};

struct rendering {
	struct renderer *renderer;
	struct rendering *next;
	struct waiter *waiters;
	uv_work_t work;
	char place[PLACE_SIZE], version[STORAGE_VERSION_SIZE];
	struct picture picture;
	const char *suffix;
	int source_fd;
	bool is_running;

	/* the job's */
	int out_fd;
	uint64_t written;
	bool is_too_large;
	struct buf said;
	struct err err;
};

struct renderer {
	struct files *files;
	char helper[FILES_PATH_SIZE];
	struct rendering *first; /* under way and waiting, oldest first */
	int count, running;
	struct render_cache cache, looked; /* looked: the job's */
	uv_work_t trim;
	bool is_trimming, is_closing;
};

/* On the pool. */
static void on_output(void *arg, int stream, struct str bytes)
{
	struct rendering *g = arg;
	if (stream == 2) {
		buf_str(&g->said, bytes);
		return;
	}
	g->written += bytes.len;
	g->is_too_large = g->is_too_large || g->written > RENDER_RESULT_MAX_BYTES;
	while (bytes.len > 0 && !g->is_too_large && g->err.code == ERR_NONE) {
		ssize_t n = write(g->out_fd, bytes.ptr, bytes.len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) (void)err_set_errno(&g->err, "keep a picture");
		if (n > 0) bytes = str_sub(bytes, (size_t)n, bytes.len);
	}
}

static bool judge(struct rendering *g, const struct sandbox_result *r, struct err *err)
{
	struct str said = str_trim(str_sub(buf_view(&g->said), 0, 300));
	if (g->err.code != ERR_NONE) return false;
	if (r->end == SANDBOX_OUT_OF_TIME) return err_set(err, ERR_TIMEOUT, "the picture took too long");
	if (r->end == SANDBOX_OUT_OF_MEMORY || g->is_too_large || r->exit_status == RENDER_TOO_LARGE)
		return err_set(err, ERR_LIMIT, "the picture is too large: %.*s", STR_FMT(said));
	if (r->end != SANDBOX_EXITED || r->exit_status == RENDER_BAD_IMAGE)
		return err_set(err, ERR_INVALID, "the picture cannot be read: %.*s", STR_FMT(said));
	if (r->exit_status != RENDER_DONE || g->written == 0)
		return err_set(err, ERR_UNAVAILABLE, "freehold-image: %.*s", STR_FMT(said));
	return true;
}

static bool run(struct rendering *g, struct err *err)
{
	static const char *const environment[] = {"PATH=" SANDBOX_PATH, "HOME=" SANDBOX_HOME, "LC_ALL=C.UTF-8", NULL};
	static const char *const resizes[] = {
	    [RESIZE_COVER] = "cover", [RESIZE_CONTAIN] = "contain", [RESIZE_FILL] = "fill"};
	char fd[12], width[12], height[12], quality[12];
	const struct picture *p = &g->picture;
	(void)snprintf(fd, sizeof fd, "%d", g->source_fd);
	(void)snprintf(width, sizeof width, "%d", p->width);
	(void)snprintf(height, sizeof height, "%d", p->height);
	(void)snprintf(quality, sizeof quality, "%d", p->quality > 0 ? p->quality : PICTURE_QUALITY);
	const char *argv[] = {INSIDE, fd, width, height, resizes[p->resize], g->suffix, quality, "0.5", "0.5", NULL};
	struct sandbox_mount mount = {SANDBOX_READ, g->renderer->helper, INSIDE};
	struct sandbox_spec spec = {.argv = argv,
				    .env = environment,
				    .cwd = "/",
				    .mounts = &mount,
				    .mount_count = 1,
				    .has_user = geteuid() == 0, /* an app's backend never is */
				    .uid = NOBODY,
				    .gid = NOBODY,
				    .limits = {.memory_bytes = RENDER_MEMORY_BYTES,
					       .processes = RENDER_PROCESSES,
					       .deadline_ms = RENDER_DEADLINE_MS},
				    .keep_fd = g->source_fd,
				    .on_output = on_output,
				    .arg = g};
	struct sandbox_result result;
	return sandbox_run(&spec, NULL, &result, err) && judge(g, &result, err);
}

static bool open_out(struct rendering *g, char path[FILES_PATH_SIZE], char part[FILES_PATH_SIZE], struct err *err)
{
	char folder[FILES_PATH_SIZE];
	const struct files *f = g->renderer->files;
	if (!file_path(folder, err, "%s/rendered/%.2s/%s", f->folder, g->version, g->version) ||
	    !file_path(path, err, "%s/%s", f->folder, g->place) || !file_path(part, err, "%s.part", path))
		return false;
	/* An empty folder may be removed at any time. */
	for (int tries = 0; tries < 3 && g->out_fd < 0; tries++)
		if (file_mkdirs(folder, 0750, err))
			g->out_fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	return g->out_fd >= 0 || err_set_errno(err, "keep a picture");
}

/* Synced before it has its name: what is there is whole. */
static void render_job(uv_work_t *work)
{
	struct rendering *g = work->data;
	char path[FILES_PATH_SIZE], part[FILES_PATH_SIZE];
	if (!open_out(g, path, part, &g->err)) return;
	bool ok = run(g, &g->err);
	if (ok && (fdatasync(g->out_fd) != 0 || rename(part, path) != 0)) ok = err_set_errno(&g->err, "keep a picture");
	if (!ok) (void)unlink(part);
	(void)close(g->out_fd);
}

static void trim_job(uv_work_t *work)
{
	struct renderer *r = work->data;
	render_cache_trim(&r->looked);
}

/* On the loop. */
static void start_next(struct renderer *r);

static void after_trim(uv_work_t *work, int status)
{
	struct renderer *r = work->data;
	struct files *files = r->files;
	(void)status;
	r->is_trimming = false;
	r->cache = r->looked;
	if (r->is_closing) free(r);
	files_free(files); /* of the job */
}

static void trim(struct renderer *r)
{
	if (r->is_trimming) return;
	r->is_trimming = true;
	files_hold(r->files);
	r->looked = r->cache;
	r->trim.data = r;
	(void)uv_queue_work(r->files->loop, &r->trim, trim_job, after_trim);
}

static void take_out(struct rendering *g)
{
	struct rendering **at = &g->renderer->first;
	while (*at != g) at = &(*at)->next;
	*at = g->next;
	g->renderer->count--;
}

static void after_render(uv_work_t *work, int status)
{
	struct rendering *g = work->data;
	struct renderer *r = g->renderer;
	(void)status;
	take_out(g);
	r->running--;
	start_next(r);
	if (g->err.code == ERR_NONE && render_cache_add(&r->cache, g->written)) trim(r);
	for (struct waiter *w = g->waiters, *next; w != NULL; w = next) {
		next = w->next;
		w->done(w->arg, g->place, g->err.code != ERR_NONE ? &g->err : NULL);
		free(w);
	}
	(void)close(g->source_fd);
	buf_done(&g->said);
	files_free(r->files);
	free(g);
}

static void start_next(struct renderer *r)
{
	for (struct rendering *g = r->first; g != NULL && r->running < RENDER_AT_ONCE; g = g->next) {
		if (g->is_running) continue;
		g->is_running = true;
		r->running++;
		files_hold(r->files);
		(void)uv_queue_work(r->files->loop, &g->work, render_job, after_render);
	}
}

struct renderer *renderer_new(struct files *files, const char *helper)
{
	struct renderer *r = calloc(1, sizeof *r);
	if (r == NULL) abort();
	r->files = files;
	(void)snprintf(r->helper, sizeof r->helper, "%s", helper);
	(void)snprintf(r->cache.folder, sizeof r->cache.folder, "%s/rendered", files_folder(files));
	trim(r);
	return r;
}

/* A look at what is kept may still run. */
void renderer_free(struct renderer *r)
{
	if (r == NULL) return;
	assert(r->first == NULL);
	r->is_closing = true;
	if (!r->is_trimming) free(r);
}

static void await(struct rendering *g, render_fn done, void *arg)
{
	struct waiter *w = calloc(1, sizeof *w), **at = &g->waiters;
	if (w == NULL) abort();
	*w = (struct waiter){.done = done, .arg = arg};
	while (*at != NULL) at = &(*at)->next;
	*at = w;
}

static struct rendering *find(struct renderer *r, const char *place)
{
	for (struct rendering *g = r->first; g != NULL; g = g->next)
		if (strcmp(g->place, place) == 0) return g;
	return NULL;
}

static void enqueue(struct rendering *g)
{
	struct rendering **at = &g->renderer->first;
	while (*at != NULL) at = &(*at)->next;
	*at = g;
	g->renderer->count++;
}

static struct rendering *rendering_new(struct renderer *r, const char *place, const char *version, int source_fd,
				       const struct picture *picture, const char *suffix)
{
	struct rendering *g = calloc(1, sizeof *g);
	if (g == NULL) abort();
	g->renderer = r;
	g->work.data = g;
	g->picture = *picture;
	g->suffix = suffix;
	g->source_fd = source_fd;
	g->out_fd = -1;
	(void)snprintf(g->place, sizeof g->place, "%s", place);
	(void)snprintf(g->version, sizeof g->version, "%s", version);
	buf_init(&g->said, SAID_MAX_BYTES);
	return g;
}

/* Used again within the hour it need not be told. */
static bool is_kept(const struct renderer *r, const char *place)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	struct stat st;
	if (!file_path(path, &ignored, "%s/%s", files_folder(r->files), place) || stat(path, &st) != 0) return false;
	if (st.st_mtime + TOUCH_S < time(NULL)) (void)utimensat(AT_FDCWD, path, NULL, 0);
	return true;
}

void renderer_get(struct renderer *r, const char *version, int source_fd, const struct picture *p, const char *suffix,
		  render_fn done, void *arg)
{
	char place[PLACE_SIZE];
	struct err err;
	(void)snprintf(place, sizeof place, "rendered/%.2s/%s/%dx%d-%d-%d%s", version, version, p->width, p->height,
		       (int)p->resize, p->quality, suffix);
	struct rendering *g = find(r, place);
	if (g != NULL) {
		(void)close(source_fd);
		await(g, done, arg);
	} else if (is_kept(r, place)) {
		(void)close(source_fd);
		done(arg, place, NULL);
	} else if (r->count >= RENDER_WAITING_MAX) {
		(void)close(source_fd);
		(void)err_set(&err, ERR_REFUSED, "too many pictures wait");
		done(arg, place, &err);
	} else {
		g = rendering_new(r, place, version, source_fd, p, suffix);
		await(g, done, arg);
		enqueue(g);
		start_next(r);
	}
}

void render_forget(const char *folder, const char *version)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	if (file_path(path, &ignored, "%s/rendered/%.2s/%s", folder, version, version))
		(void)file_remove_tree(path, &ignored);
}
