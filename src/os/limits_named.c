/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limits_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

static bool is_same_dir(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool name_dirs(struct limits_means *m, const char *name, struct err *err)
{
	char *const dirs[] = {m->memory_dir, m->processes_dir, m->cpu_dir};
	char path[FILE_PATH_SIZE];
	for (int i = 0; i < 3; i++) {
		if (dirs[i][0] == '\0') continue;
		if (!file_path(path, err, "%s/" LIMITS_NAMED_PREFIX "%s", dirs[i], name)) return false;
		(void)memcpy(dirs[i], path, sizeof path);
	}
	return true;
}

static void remove_dirs(const struct limits_means *m)
{
	const char *const dirs[] = {m->memory_dir, m->processes_dir, m->cpu_dir};
	for (int i = 0; i < 3; i++)
		if (dirs[i][0] != '\0') (void)rmdir(dirs[i]);
}

static bool make_dirs(const struct limits_means *m, struct err *err)
{
	const char *const dirs[] = {m->memory_dir, m->processes_dir, m->cpu_dir};
	for (int i = 0; i < 3; i++)
		if (dirs[i][0] != '\0' && mkdir(dirs[i], 0755) != 0 && errno != EEXIST)
			return err_set_errno(err, "make a group for limits: %s", dirs[i]);
	return true;
}

/* Where one process of many is to die, not all: the app's, and not what watches it. */
static bool limit_named(const struct limits_group *g, struct err *err)
{
	const char *cpu = g->means.cpu_dir;
	uint64_t quota = (uint64_t)g->limits.cpu_percent * LIMITS_CPU_PERIOD_US / 100;
	struct err ignored;
	char text[64];
	if (g->means.memory != LIMITS_RLIMITS && !limits_memory(g, err)) return false;
	if (g->means.memory == LIMITS_CGROUP2)
		(void)limits_write_small(g->means.memory_dir, "memory.oom.group", "0", &ignored);
	if (g->means.processes != LIMITS_RLIMITS && g->limits.processes > 0 &&
	    !limits_write_number(g->means.processes_dir, "pids.max", g->limits.processes, err))
		return false;
	if (quota == 0 || cpu[0] == '\0') return true;
	(void)snprintf(text, sizeof text, "%llu %u", (unsigned long long)quota, LIMITS_CPU_PERIOD_US);
	if (g->means.memory == LIMITS_CGROUP2) (void)limits_write_small(cpu, "cpu.max", text, &ignored);
	if (g->means.memory != LIMITS_CGROUP2) (void)limits_write_number(cpu, "cpu.cfs_quota_us", quota, &ignored);
	return true;
}

bool limits_group_open_named(struct limits_group *ret_group, const char *name, const struct limits *limits,
			     struct err *err)
{
	struct limits_group g = {.limits = *limits};
	limits_find(&g.means);
	if (!name_dirs(&g.means, name, err)) return false;
	limits_group_kill(&g);
	remove_dirs(&g.means); /* what it counted counts for the one before */
	if (!make_dirs(&g.means, err) || !limit_named(&g, err)) {
		remove_dirs(&g.means);
		return err_wrap(err, "set limits");
	}
	*ret_group = g;
	return true;
}

bool limits_group_join(const struct limits_group *group, pid_t pid, struct err *err)
{
	const struct limits_means *m = &group->means;
	const char *const dirs[] = {m->memory_dir, m->processes_dir, m->cpu_dir};
	for (int i = 0; i < 3; i++) {
		bool is_known = dirs[i][0] == '\0';
		for (int n = 0; n < i && !is_known; n++) is_known = is_same_dir(dirs[n], dirs[i]);
		if (!is_known && !limits_write_number(dirs[i], "cgroup.procs", (uint64_t)pid, err)) return false;
	}
	return true;
}

void limits_group_forget(const char *name)
{
	struct limits_group g = {0};
	struct err ignored;
	limits_find(&g.means);
	if (!name_dirs(&g.means, name, &ignored)) return;
	limits_group_kill(&g);
	remove_dirs(&g.means);
}

static void sweep_named(const char *folder, const char *prefix)
{
	DIR *d = folder[0] != '\0' ? opendir(folder) : NULL;
	size_t fixed = strlen(LIMITS_NAMED_PREFIX);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, LIMITS_NAMED_PREFIX, fixed) == 0 &&
		    strncmp(e->d_name + fixed, prefix, strlen(prefix)) == 0)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	(void)closedir(d);
}

void limits_group_sweep_named(const char *prefix)
{
	struct limits_means m;
	limits_find(&m);
	sweep_named(m.memory_dir, prefix);
	sweep_named(m.processes_dir, prefix);
	sweep_named(m.cpu_dir, prefix);
}

void limits_group_spell(const struct limits_group *group, char ret_text[LIMITS_GROUP_TEXT_SIZE])
{
	const struct limits_means *m = &group->means;
	(void)snprintf(ret_text, LIMITS_GROUP_TEXT_SIZE, "%d:%s:%d:%s", (int)m->memory, m->memory_dir,
		       (int)m->processes, m->processes_dir);
}

static bool recall_one(struct str *rest, enum limits_way *ret_way, char ret_dir[FILE_PATH_SIZE])
{
	struct str way, dir;
	int64_t number;
	if (!str_next(rest, ':', &way) || !str_next(rest, ':', &dir) || !str_to_int(way, &number)) return false;
	if (number < LIMITS_RLIMITS || number > LIMITS_CGROUP2 || dir.len >= FILE_PATH_SIZE) return false;
	*ret_way = (enum limits_way)number;
	(void)snprintf(ret_dir, FILE_PATH_SIZE, "%.*s", STR_FMT(dir));
	return true;
}

bool limits_group_recall(const char *text, struct limits_group *ret_group)
{
	struct limits_group g = {0};
	struct str rest = str_from(text);
	if (text == NULL || !recall_one(&rest, &g.means.memory, g.means.memory_dir) ||
	    !recall_one(&rest, &g.means.processes, g.means.processes_dir))
		return false;
	*ret_group = g;
	return true;
}
