/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/adapt.h"
#include "build/install.h"
#include "build/package.h"
#include "build/run.h"
#include "codec/json.h"

static void need(bool ok, const struct err *err)
{
	if (ok) return;
	fprintf(stderr, "harness: %s\n", err->msg);
	abort();
}

static void folder(const char *top, const char *name, char ret_path[FILE_PATH_SIZE])
{
	struct err err;
	need(file_path(ret_path, &err, "%s/%s", top, name) && file_mkdirs(ret_path, 0755, &err), &err);
	if (chmod(ret_path, 0755) != 0) abort();
}

static void on_line(void *arg, int stream, struct str line)
{
	struct harness *h = arg;
	(void)stream;
	if (getenv("SHOW_BUILD") != NULL) fprintf(stderr, "  | %.*s\n", STR_FMT(line));
	buf_str(&h->output, line);
	buf_putc(&h->output, '\n');
}

void harness_init(struct harness *h, const char *app, const char *cache_dir)
{
	*h = (struct harness){0};
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(h->top, sizeof h->top, "%s/freehold-build-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(h->top) == NULL || chmod(h->top, 0755) != 0) abort();
	folder(h->top, "source", h->source), folder(h->top, "work", h->work), folder(h->top, "release", h->release);
	folder(h->top, "cache", h->cache);
	if (cache_dir != NULL) (void)snprintf(h->cache, sizeof h->cache, "%s", cache_dir);
	buf_init(&h->output, 8 << 20);
	h->inspection = json_pack("{s:s}", "build_script", "build");
	h->job = (struct build_job){
	    .app = app,
	    .inspection = h->inspection,
	    .source_dir = h->source,
	    .work_dir = h->work,
	    .cache_dir = h->cache,
	    .has_user = geteuid() == 0,
	    .uid = HARNESS_UID,
	    .gid = HARNESS_UID,
	    .on_line = on_line,
	    .arg = h,
	};
}

static void forget(struct harness *h)
{
	json_cleanup(&h->install), json_cleanup(&h->adapt), json_cleanup(&h->run), json_cleanup(&h->package);
	h->install = h->adapt = h->run = h->package = NULL;
}

void harness_done(struct harness *h)
{
	struct err err;
	forget(h);
	json_decref(h->inspection);
	buf_done(&h->output);
	need(file_remove_tree(h->top, &err), &err);
}

void harness_again(struct harness *h)
{
	struct err err;
	forget(h);
	buf_clear(&h->output);
	need(file_remove_tree(h->work, &err) && file_remove_tree(h->release, &err), &err);
	folder(h->top, "work", h->work), folder(h->top, "release", h->release);
}

void harness_write(struct harness *h, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	need(file_path(path, &err, "%s/%s", h->source, name), &err);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	need(file_mkdirs(path, 0755, &err), &err);
	*slash = '/';
	need(file_write(path, str_from(text), 0644, &err), &err);
}

bool harness_build(struct harness *h)
{
	return build_prepare(&h->job, &h->err) && build_install(&h->job, &h->install, &h->err) &&
	       build_adapt(&h->job, &h->adapt, &h->err) && build_run(&h->job, &h->run, &h->err) &&
	       build_package(&h->job, h->release, "/nonexistent", &h->package, &h->err);
}
