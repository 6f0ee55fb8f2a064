/* SPDX-License-Identifier: Apache-2.0 */
#include "os/limits.h"

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

#include "base/buf.h"
#include "base/str.h"

#define GROUP_PREFIX "freehold-"
#define NAMED_PREFIX "freehold-unit-"
#define CPU_PERIOD_US 100000u
#define SMALL_FILE_MAX_BYTES 65536
#define YIELD_NICE 10
#define OOM_FIRST "800"

const char *limits_way_word(enum limits_way way)
{
	switch (way) {
	case LIMITS_CGROUP2: return "cgroup v2";
	case LIMITS_CGROUP1: return "cgroup v1";
	case LIMITS_RLIMITS: break;
	}
	return "rlimits";
}

/* The small files of cgroupfs and proc. */

static bool read_small(const char *folder, const char *name, struct buf *b)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	buf_clear(b);
	return file_path(path, &ignored, "%s/%s", folder, name) && file_read(path, b, &ignored);
}

/* cgroupfs wants one write(2) into the file that is there, so file_write is of no use. */
static bool write_small(const char *folder, const char *name, const char *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/%s", folder, name)) return false;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	size_t len = strlen(text);
	bool ok = write(fd, text, len) == (ssize_t)len || err_set_errno(err, "write %s to %s", text, path);
	(void)close(fd);
	return ok;
}

static bool write_number(const char *folder, const char *name, uint64_t value, struct err *err)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return write_small(folder, name, text, err);
}

static uint64_t read_number(const char *folder, const char *name, uint64_t otherwise)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SMALL_FILE_MAX_BYTES);
	int64_t value;
	if (!read_small(folder, name, &b) || !str_to_int(str_trim(buf_view(&b)), &value) || value < 0) return otherwise;
	return (uint64_t)value;
}

/* The number behind a key in a file of "key number" lines. */
static uint64_t read_keyed(const char *folder, const char *name, const char *key, uint64_t otherwise)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SMALL_FILE_MAX_BYTES);
	if (!read_small(folder, name, &b)) return otherwise;
	struct str rest = buf_view(&b), line, head, tail;
	int64_t value;
	while (str_next(&rest, '\n', &line))
		if (str_cut(line, ' ', &head, &tail) && str_eq(head, str_from(key)) &&
		    str_to_int(str_trim(tail), &value))
			return (uint64_t)value;
	return otherwise;
}

static bool has_word(struct str text, const char *word)
{
	struct str part;
	text = str_trim(text);
	while (str_next(&text, ' ', &part))
		if (str_eq(str_trim(part), str_from(word))) return true;
	return false;
}

/* Finding the means. */

/* Where a cgroup file system is mounted: v2, or the v1 hierarchy of one controller. */
static bool find_mount(const char *type, const char *controller, char ret_path[FILE_PATH_SIZE])
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 16 * SMALL_FILE_MAX_BYTES);
	if (!read_small("/proc/self", "mounts", &b)) return false;
	struct str rest = buf_view(&b), line;
	while (str_next(&rest, '\n', &line)) {
		struct str part[4] = {{0}};
		for (int i = 0; i < 4; i++) (void)str_next(&line, ' ', &part[i]);
		if (part[2].ptr == NULL || !str_eq(part[2], str_from(type))) continue;
		bool is_it = controller == NULL;
		for (struct str option, options = part[3]; !is_it && str_next(&options, ',', &option);)
			is_it = str_eq(option, str_from(controller));
		if (!is_it || part[1].len >= FILE_PATH_SIZE) continue;
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%.*s", STR_FMT(part[1]));
		return true;
	}
	return false;
}

/* Our own group in a hierarchy, from /proc/self/cgroup: "4:memory:/a/b", for v2 "0::/a". */
static bool find_own(const char *controller, char ret_path[FILE_PATH_SIZE])
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SMALL_FILE_MAX_BYTES);
	if (!read_small("/proc/self", "cgroup", &b)) return false;
	struct str rest = buf_view(&b), line, number, names, path;
	while (str_next(&rest, '\n', &line)) {
		if (!str_cut(line, ':', &number, &line) || !str_cut(line, ':', &names, &path)) continue;
		bool is_it = controller == NULL && names.len == 0;
		for (struct str name; controller != NULL && !is_it && str_next(&names, ',', &name);)
			is_it = str_eq(name, str_from(controller));
		if (!is_it || path.len >= FILE_PATH_SIZE) continue;
		(void)snprintf(ret_path, FILE_PATH_SIZE, "%.*s", STR_FMT(path));
		return true;
	}
	return false;
}

/* Where our process numbers count: containers may share one tree of groups and none of its numbers. 0: not known. */
static unsigned long pid_space(void)
{
	struct stat st;
	return stat("/proc/self/ns/pid", &st) == 0 ? (unsigned long)st.st_ino : 0;
}

/* Making a group is the only honest test of whether one may; access(2) knows nothing of read-only mounts in between. */
static bool can_make_group(const char *folder, const char *needed_file)
{
	char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(path, &ignored, "%s/" GROUP_PREFIX "%lu-%d-try", folder, pid_space(), (int)getpid()))
		return false;
	if (mkdir(path, 0755) != 0 && errno != EEXIST) return false;
	bool ok = file_path(file, &ignored, "%s/%s", path, needed_file) && access(file, W_OK) == 0;
	(void)rmdir(path);
	return ok;
}

static bool hands_out(const char *folder)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, SMALL_FILE_MAX_BYTES);
	return read_small(folder, "cgroup.subtree_control", &b) && has_word(buf_view(&b), "memory") &&
	       has_word(buf_view(&b), "pids");
}

static bool find_v2(char ret_dir[FILE_PATH_SIZE])
{
	char mount[FILE_PATH_SIZE], own[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!find_mount("cgroup2", NULL, mount) || !find_own(NULL, own)) return false;
	for (;;) {
		if (!file_path(dir, &ignored, "%s%s", mount, own)) return false;
		if (hands_out(dir) && can_make_group(dir, "memory.max")) {
			(void)memcpy(ret_dir, dir, sizeof dir);
			return true;
		}
		char *slash = strrchr(own, '/');
		if (slash == NULL) return false;
		*slash = '\0';
	}
}

/* In a container our own path may not be visible below the mount: then its top is ours. */
static bool find_v1(const char *controller, const char *needed_file, char ret_dir[FILE_PATH_SIZE])
{
	char mount[FILE_PATH_SIZE], own[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!find_mount("cgroup", controller, mount) || !find_own(controller, own)) return false;
	if (!file_path(dir, &ignored, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own)) return false;
	if (!file_is_dir(dir)) (void)memcpy(dir, mount, sizeof dir);
	if (!can_make_group(dir, needed_file)) return false;
	(void)memcpy(ret_dir, dir, sizeof dir);
	return true;
}

void limits_find(struct limits_means *ret_means)
{
	*ret_means = (struct limits_means){.memory = LIMITS_RLIMITS, .processes = LIMITS_RLIMITS};
	if (find_v2(ret_means->memory_dir)) {
		(void)memcpy(ret_means->processes_dir, ret_means->memory_dir, FILE_PATH_SIZE);
		(void)memcpy(ret_means->cpu_dir, ret_means->memory_dir, FILE_PATH_SIZE);
		ret_means->memory = ret_means->processes = LIMITS_CGROUP2;
		return;
	}
	if (find_v1("memory", "memory.limit_in_bytes", ret_means->memory_dir)) ret_means->memory = LIMITS_CGROUP1;
	if (find_v1("pids", "cgroup.procs", ret_means->processes_dir)) ret_means->processes = LIMITS_CGROUP1;
	if (!find_v1("cpu", "cpu.cfs_quota_us", ret_means->cpu_dir)) ret_means->cpu_dir[0] = '\0';
}

/* A group. */

/* Groups are named after the process that made them, so that those of a dead one can be told and removed. */
static void sweep(const char *folder)
{
	unsigned long own = pid_space();
	DIR *d = opendir(folder);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		unsigned long space;
		int pid;
		if (sscanf(e->d_name, GROUP_PREFIX "%lu-%d-", &space, &pid) != 2 || space != own) continue;
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
		if (!file_path(path, err, "%s/" GROUP_PREFIX "%lu-%d-%d", dir, pid_space(), (int)getpid(), n))
			return false;
		if (mkdir(path, 0755) == 0) {
			(void)memcpy(dir, path, sizeof path);
			return true;
		}
		if (errno != EEXIST) return err_set_errno(err, "make a group for limits: %s", path);
	}
	return err_set(err, ERR_LIMIT, "%s has too many groups of ours", dir);
}

static bool limit_memory(const struct limits_group *g, struct err *err)
{
	const char *dir = g->means.memory_dir;
	uint64_t bytes = g->limits.memory_bytes;
	struct err ignored;
	if (bytes == 0) return true;
	if (g->means.memory == LIMITS_CGROUP2) {
		/* Swap would only make it slow before it dies; not every kernel has the file. */
		(void)write_small(dir, "memory.swap.max", "0", &ignored);
		(void)write_small(dir, "memory.oom.group", "1", &ignored);
		return write_number(dir, "memory.max", bytes, err);
	}
	if (!write_number(dir, "memory.limit_in_bytes", bytes, err)) return false;
	(void)write_number(dir, "memory.memsw.limit_in_bytes", bytes, &ignored);
	return true;
}

bool limits_group_open(struct limits_group *ret_group, const struct limits *limits, struct err *err)
{
	struct limits_group g = {.limits = *limits};
	limits_find(&g.means);
	bool one_dir = g.means.memory == LIMITS_CGROUP2;
	if (g.means.memory != LIMITS_RLIMITS && !make_group(g.means.memory_dir, err)) return false;
	if (one_dir) (void)memcpy(g.means.processes_dir, g.means.memory_dir, FILE_PATH_SIZE);
	bool ok = one_dir || g.means.processes == LIMITS_RLIMITS || make_group(g.means.processes_dir, err);
	if (!ok) g.means.processes = LIMITS_RLIMITS;
	if (ok && g.means.memory != LIMITS_RLIMITS) ok = limit_memory(&g, err);
	if (ok && g.means.processes != LIMITS_RLIMITS && limits->processes > 0)
		ok = write_number(g.means.processes_dir, "pids.max", limits->processes, err);
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
	(void)setpriority(PRIO_PROCESS, (id_t)pid, YIELD_NICE);
	(void)write_small(proc, "oom_score_adj", OOM_FIRST, &ignored);
	if (group->means.memory != LIMITS_RLIMITS &&
	    !write_number(group->means.memory_dir, "cgroup.procs", (uint64_t)pid, err))
		return false;
	if (group->means.processes == LIMITS_CGROUP1 &&
	    !write_number(group->means.processes_dir, "cgroup.procs", (uint64_t)pid, err))
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
		s.memory_peak_bytes = read_number(memory, "memory.peak", s.memory_peak_bytes);
		s.memory_kills = read_keyed(memory, "memory.events", "oom_kill", s.memory_kills);
	} else if (group->means.memory == LIMITS_CGROUP1) {
		s.memory_peak_bytes = read_number(memory, "memory.max_usage_in_bytes", s.memory_peak_bytes);
		s.memory_kills = read_keyed(memory, "memory.oom_control", "oom_kill", s.memory_kills);
	}
	if (group->means.processes != LIMITS_RLIMITS) {
		s.processes_peak = (uint32_t)read_number(processes, "pids.peak", s.processes_peak);
		s.processes_refused = read_keyed(processes, "pids.events", "max", s.processes_refused);
	}
	*inout_seen = s;
}

static void kill_listed(const char *dir)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 16 * SMALL_FILE_MAX_BYTES);
	if (!read_small(dir, "cgroup.procs", &b)) return;
	struct str rest = buf_view(&b), line;
	int64_t pid;
	while (str_next(&rest, '\n', &line))
		if (str_to_int(line, &pid) && pid > 1) (void)kill((pid_t)pid, SIGKILL);
}

void limits_group_kill(const struct limits_group *group)
{
	struct err ignored;
	if (group->means.memory == LIMITS_CGROUP2) {
		if (!write_small(group->means.memory_dir, "cgroup.kill", "1", &ignored))
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

/* Groups that have a name. */

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
		if (!file_path(path, err, "%s/" NAMED_PREFIX "%s", dirs[i], name)) return false;
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
	uint64_t quota = (uint64_t)g->limits.cpu_percent * CPU_PERIOD_US / 100;
	struct err ignored;
	char text[64];
	if (g->means.memory != LIMITS_RLIMITS && !limit_memory(g, err)) return false;
	if (g->means.memory == LIMITS_CGROUP2)
		(void)write_small(g->means.memory_dir, "memory.oom.group", "0", &ignored);
	if (g->means.processes != LIMITS_RLIMITS && g->limits.processes > 0 &&
	    !write_number(g->means.processes_dir, "pids.max", g->limits.processes, err))
		return false;
	if (quota == 0 || cpu[0] == '\0') return true;
	(void)snprintf(text, sizeof text, "%llu %u", (unsigned long long)quota, CPU_PERIOD_US);
	if (g->means.memory == LIMITS_CGROUP2) (void)write_small(cpu, "cpu.max", text, &ignored);
	if (g->means.memory != LIMITS_CGROUP2) (void)write_number(cpu, "cpu.cfs_quota_us", quota, &ignored);
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
		if (!is_known && !write_number(dirs[i], "cgroup.procs", (uint64_t)pid, err)) return false;
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
	size_t fixed = strlen(NAMED_PREFIX);
	if (d == NULL) return;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, NAMED_PREFIX, fixed) == 0 &&
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
	buf_init(&b, SMALL_FILE_MAX_BYTES);
	if (!read_small(proc, "status", &b)) return;
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
