/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limits_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define OOM_FIRST "800"

/* Groups are named after the process that made them, so that those of a dead one can be told and removed. */
static void sweep(const char *folder)
{
	unsigned long own = limits_pid_space();
	DIR *d = opendir(folder);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		unsigned long space;
		int pid;
		if (sscanf(e->d_name, LIMITS_PREFIX "%lu-%d-", &space, &pid) != 2 || space != own) continue;
		if (kill(pid, 0) == 0 || errno != ESRCH) continue;
		(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	(void)closedir(d);
}

static bool make_group(char dir[FILE_PATH_SIZE], struct err *err)
{
	char path[FILE_PATH_SIZE];
	sweep(dir);
	for (int n = 0; n < 1000; n++) {
		if (!file_path(path, err, "%s/" LIMITS_PREFIX "%lu-%d-%d", dir, limits_pid_space(), (int)getpid(), n))
			return false;
		if (mkdir(path, 0755) == 0) {
			(void)memcpy(dir, path, sizeof path);
			return true;
		}
		if (errno != EEXIST) return err_set_errno(err, "make a group for limits: %s", path);
	}
	return err_set(err, ERR_LIMIT, "%s has too many groups of ours", dir);
}

bool limits_memory(const struct limits_group *g, struct err *err)
{
	const char *dir = g->means.memory_dir;
	uint64_t bytes = g->limits.memory_bytes;
	struct err ignored;
	if (bytes == 0) return true;
	if (g->means.memory == LIMITS_CGROUP2) {
		/* Swap would only make it slow before it dies; not every kernel has the file. */
		(void)limits_write_small(dir, "memory.swap.max", "0", &ignored);
		(void)limits_write_small(dir, "memory.oom.group", "1", &ignored);
		return limits_write_number(dir, "memory.max", bytes, err);
	}
	if (!limits_write_number(dir, "memory.limit_in_bytes", bytes, err)) return false;
	(void)limits_write_number(dir, "memory.memsw.limit_in_bytes", bytes, &ignored);
	return true;
}

bool limits_group_open(struct limits_group *ret_group, const struct limits *limits, struct err *err)
{
	struct limits_group g = {.limits = *limits};
	struct err ignored;
	limits_find(&g.means);
	bool one_dir = g.means.memory == LIMITS_CGROUP2;
	if (g.means.memory != LIMITS_RLIMITS && !make_group(g.means.memory_dir, err)) return false;
	if (one_dir) (void)memcpy(g.means.processes_dir, g.means.memory_dir, FILE_PATH_SIZE);
	bool ok = one_dir || g.means.processes == LIMITS_RLIMITS || make_group(g.means.processes_dir, err);
	if (!ok) g.means.processes = LIMITS_RLIMITS;
	if (ok && g.means.memory != LIMITS_RLIMITS) ok = limits_memory(&g, err);
	if (one_dir) (void)limits_write_number(g.means.memory_dir, "cpu.weight.nice", LIMITS_YIELD_NICE, &ignored);
	if (ok && g.means.processes != LIMITS_RLIMITS && limits->processes > 0)
		ok = limits_write_number(g.means.processes_dir, "pids.max", limits->processes, err);
	if (!ok) {
		limits_group_close(&g);
		return err_wrap(err, "set limits");
	}
	*ret_group = g;
	return true;
}

static bool set_rlimit(pid_t pid, int what, uint64_t value, struct err *err)
{
	struct rlimit limit = {value, value}, old;
	/* Never above what we have ourselves: without root that is refused. */
	if (prlimit(pid, (__rlimit_resource_t)what, NULL, &old) == 0 && old.rlim_max < value)
		limit.rlim_cur = limit.rlim_max = old.rlim_max;
	return prlimit(pid, (__rlimit_resource_t)what, &limit, NULL) == 0 || err_set_errno(err, "set a resource limit");
}

bool limits_group_add(const struct limits_group *group, pid_t pid, struct err *err)
{
	const struct limits *l = &group->limits;
	struct err ignored;
	char proc[64];
	(void)snprintf(proc, sizeof proc, "/proc/%d", (int)pid);
	(void)setpriority(PRIO_PROCESS, (id_t)pid, LIMITS_YIELD_NICE);
	(void)limits_write_small(proc, "oom_score_adj", OOM_FIRST, &ignored);
	if (group->means.memory != LIMITS_RLIMITS &&
	    !limits_write_number(group->means.memory_dir, "cgroup.procs", (uint64_t)pid, err))
		return false;
	if (group->means.processes == LIMITS_CGROUP1 &&
	    !limits_write_number(group->means.processes_dir, "cgroup.procs", (uint64_t)pid, err))
		return false;
	if (group->means.memory == LIMITS_RLIMITS && l->memory_bytes > 0 &&
	    !set_rlimit(pid, RLIMIT_DATA, l->memory_bytes, err))
		return false;
	if (l->file_bytes > 0 && !set_rlimit(pid, RLIMIT_FSIZE, l->file_bytes, err)) return false;
	return set_rlimit(pid, RLIMIT_CORE, 0, err);
}

void limits_group_read(const struct limits_group *group, struct limits_seen *inout_seen)
{
	const char *memory = group->means.memory_dir, *processes = group->means.processes_dir;
	struct limits_seen s = *inout_seen;
	if (group->means.memory == LIMITS_CGROUP2) {
		s.memory_peak_bytes = limits_read_number(memory, "memory.peak", s.memory_peak_bytes);
		s.memory_kills = limits_read_keyed(memory, "memory.events", "oom_kill", s.memory_kills);
	} else if (group->means.memory == LIMITS_CGROUP1) {
		s.memory_peak_bytes = limits_read_number(memory, "memory.max_usage_in_bytes", s.memory_peak_bytes);
		s.memory_kills = limits_read_keyed(memory, "memory.oom_control", "oom_kill", s.memory_kills);
	}
	if (group->means.processes != LIMITS_RLIMITS) {
		s.processes_peak = (uint32_t)limits_read_number(processes, "pids.peak", s.processes_peak);
		s.processes_refused = limits_read_keyed(processes, "pids.events", "max", s.processes_refused);
	}
	*inout_seen = s;
}

static void kill_listed(const char *dir)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 16 * LIMITS_SMALL_FILE_MAX_BYTES);
	if (!limits_read_small(dir, "cgroup.procs", &b)) return;
	struct str rest = buf_view(&b), line;
	int64_t pid;
	while (str_next(&rest, '\n', &line))
		if (str_to_int(line, &pid) && pid > 1) (void)kill((pid_t)pid, SIGKILL);
}

void limits_group_kill(const struct limits_group *group)
{
	struct err ignored;
	if (group->means.memory == LIMITS_CGROUP2) {
		if (!limits_write_small(group->means.memory_dir, "cgroup.kill", "1", &ignored))
			kill_listed(group->means.memory_dir);
	} else if (group->means.processes == LIMITS_CGROUP1)
		kill_listed(group->means.processes_dir);
	else if (group->means.memory == LIMITS_CGROUP1)
		kill_listed(group->means.memory_dir);
}

void limits_group_close(struct limits_group *group)
{
	limits_group_kill(group);
	/* One that is still busy dying is removed by the next sweep. */
	if (group->means.memory != LIMITS_RLIMITS) (void)rmdir(group->means.memory_dir);
	if (group->means.processes == LIMITS_CGROUP1) (void)rmdir(group->means.processes_dir);
	*group = (struct limits_group){0};
}

static unsigned long long read_status_number(const char *status, const char *key)
{
	unsigned long long value = 0;
	const char *at = strstr(status, key);
	if (at == NULL || sscanf(at + strlen(key), " %llu", &value) != 1) return 0;
	return value;
}

static void add_usage(const char *proc, uint64_t *memory, uint32_t *processes)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, LIMITS_SMALL_FILE_MAX_BYTES);
	if (!limits_read_small(proc, "status", &b)) return;
	*memory += read_status_number(buf_cstr(&b), "\nRssAnon:") * 1024;
	*processes += (uint32_t)read_status_number(buf_cstr(&b), "\nThreads:");
}

void limits_sample(uint64_t pid_namespace, uint64_t *ret_memory_bytes, uint32_t *ret_processes)
{
	uint64_t memory = 0;
	uint32_t processes = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		char path[300];
		struct stat st;
		if (e->d_name[0] < '1' || e->d_name[0] > '9') continue;
		(void)snprintf(path, sizeof path, "/proc/%s/ns/pid", e->d_name);
		if (stat(path, &st) != 0 || st.st_ino != pid_namespace) continue;
		(void)snprintf(path, sizeof path, "/proc/%s", e->d_name);
		add_usage(path, &memory, &processes);
	}
	if (d != NULL) (void)closedir(d);
	*ret_memory_bytes = memory;
	*ret_processes = processes;
}
