/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/render_cache.h"

#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "storage/render.h"

#define BLOCK 4096 /* the least a file takes */
#define PART_OLD_S 60 /* longer than any is written */
#define LOOK_MAX (2 * RENDER_CACHE_FILES)

struct entry {
	char path[160]; /* below the folder */
	time_t used;
	uint64_t bytes;
};

static uint64_t space(uint64_t bytes)
{
	return (bytes + BLOCK - 1) / BLOCK * BLOCK;
}

bool render_cache_add(struct render_cache *c, uint64_t bytes)
{
	c->bytes += space(bytes);
	c->files++;
	return c->bytes > RENDER_CACHE_BYTES || c->files > RENDER_CACHE_FILES;
}

static int by_use(const void *a, const void *b)
{
	time_t x = ((const struct entry *)a)->used, y = ((const struct entry *)b)->used;
	return x < y ? -1 : x > y;
}

static size_t look(char *folder, struct entry *list)
{
	char *roots[] = {folder, NULL};
	size_t count = 0, skip = strlen(folder) + 1;
	time_t now = time(NULL);
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	for (FTSENT *e; walk != NULL && (e = fts_read(walk)) != NULL;) {
		if (e->fts_info == FTS_DP && e->fts_level > 0) (void)rmdir(e->fts_path); /* where it is empty */
		if (e->fts_info != FTS_F || e->fts_pathlen < skip) continue;
		bool is_part = e->fts_namelen > 5 && strcmp(e->fts_name + e->fts_namelen - 5, ".part") == 0;
		if (is_part && e->fts_statp->st_mtime + PART_OLD_S < now) (void)unlink(e->fts_path);
		if (is_part || count == LOOK_MAX || strlen(e->fts_path + skip) >= sizeof list->path) continue;
		struct entry *one = &list[count++];
		(void)snprintf(one->path, sizeof one->path, "%s", e->fts_path + skip);
		one->used = e->fts_statp->st_mtime;
		one->bytes = space((uint64_t)e->fts_statp->st_size);
	}
	if (walk != NULL) (void)fts_close(walk);
	return count;
}

void render_cache_trim(struct render_cache *c)
{
	struct entry *list = calloc(LOOK_MAX, sizeof *list);
	uint64_t bytes = 0;
	if (list == NULL) abort();
	size_t count = look(c->folder, list), at = 0;
	for (size_t i = 0; i < count; i++) bytes += list[i].bytes;
	bool is_over = bytes > RENDER_CACHE_BYTES || count > RENDER_CACHE_FILES;
	qsort(list, count, sizeof *list, by_use);
	int dir = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (is_over && at < count &&
	       (bytes > RENDER_CACHE_BYTES / 4 * 3 || count - at > RENDER_CACHE_FILES / 4 * 3)) {
		if (dir >= 0) (void)unlinkat(dir, list[at].path, 0);
		bytes -= list[at++].bytes;
	}
	if (dir >= 0) (void)close(dir);
	free(list);
	c->bytes = bytes;
	c->files = count - at;
}
