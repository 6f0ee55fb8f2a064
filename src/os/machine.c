/* SPDX-License-Identifier: Apache-2.0 */
#include "os/machine.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "os/file.h"

#define SMALL_BYTES 65536
#define MEMORY_UNKNOWN_BYTES (1ull << 30)

static bool read_small(struct buf *ret_text, const char *root, const char *path)
{
	char whole[FILE_PATH_SIZE];
	struct err ignored;
	buf_clear(ret_text);
	return file_path(whole, &ignored, "%s%s", root, path) && file_read(whole, ret_text, &ignored);
}

/* "MemTotal:       24683476 kB" */
static uint64_t total_memory(const char *root)
{
	struct buf text BUF_CLEANUP;
	struct str rest, line;
	int64_t kb = 0;
	buf_init(&text, SMALL_BYTES);
	if (!read_small(&text, root, "/proc/meminfo")) return 0;
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) {
		struct str name, value, number, unit;
		if (!str_cut(line, ':', &name, &value) || !str_eq(name, STR("MemTotal"))) continue;
		if (str_cut(str_trim(value), ' ', &number, &unit) && str_to_int(number, &kb) && kb > 0)
			return (uint64_t)kb << 10;
	}
	return 0;
}

/* Our group in a hierarchy, from /proc/self/cgroup: "4:memory:/a/b", for v2 "0::/a". */
static bool own_group(const char *root, const char *controller, char ret_group[FILE_PATH_SIZE])
{
	struct buf text BUF_CLEANUP;
	struct str rest, line;
	buf_init(&text, SMALL_BYTES);
	if (!read_small(&text, root, "/proc/self/cgroup")) return false;
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) {
		struct str number, names, name, group;
		bool is_it = false;
		if (!str_cut(line, ':', &number, &names) || !str_cut(names, ':', &names, &group)) continue;
		if (names.len == 0) is_it = controller[0] == '\0';
		while (names.len > 0 && !is_it && str_next(&names, ',', &name))
			is_it = controller[0] != '\0' && str_eq(name, str_from(controller));
		if (!is_it || group.len >= FILE_PATH_SIZE) continue;
		(void)snprintf(ret_group, FILE_PATH_SIZE, "%.*s", STR_FMT(group));
		return true;
	}
	return false;
}

/* Calls `look` for our group and each above it, the folder of the hierarchy itself included. */
static void walk_up(const char *root, const char *mount, const char *controller,
		    void (*look)(const char *root, const char *folder, struct machine *inout), struct machine *inout)
{
	char group[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	struct err ignored;
	if (!own_group(root, controller, group)) return;
	for (;;) {
		if (file_path(folder, &ignored, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group))
			look(root, folder, inout);
		char *slash = strrchr(group, '/');
		if (slash == NULL || group[1] == '\0') return;
		slash[slash == group ? 1 : 0] = '\0';
	}
}

static bool read_number(const char *root, const char *folder, const char *name, int64_t *ret_number)
{
	char path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, 256);
	return file_path(path, &ignored, "%s/%s", folder, name) && read_small(&text, root, path) &&
	       str_to_int(str_trim(buf_view(&text)), ret_number);
}

static void limit_memory(struct machine *inout, int64_t bytes)
{
	if (bytes <= 0 || (uint64_t)bytes >= inout->memory_bytes) return;
	inout->memory_bytes = (uint64_t)bytes;
	inout->is_memory_limited = true;
}

static void limit_cores(struct machine *inout, int64_t quota, int64_t period)
{
	if (quota <= 0 || period <= 0) return;
	int64_t cores = (quota + period - 1) / period;
	if (cores >= inout->cores) return;
	inout->cores = (int)cores;
	inout->is_cpu_limited = true;
}

static void look_v2(const char *root, const char *folder, struct machine *inout)
{
	char path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	struct err ignored;
	struct str quota, period;
	int64_t bytes = 0, q = 0, p = 0;
	buf_init(&text, 256);
	if (read_number(root, folder, "memory.max", &bytes)) limit_memory(inout, bytes);
	if (file_path(path, &ignored, "%s/cpu.max", folder) && read_small(&text, root, path) &&
	    str_cut(str_trim(buf_view(&text)), ' ', &quota, &period) && str_to_int(quota, &q) && str_to_int(period, &p))
		limit_cores(inout, q, p);
}

static void look_memory_v1(const char *root, const char *folder, struct machine *inout)
{
	int64_t bytes = 0;
	if (read_number(root, folder, "memory.limit_in_bytes", &bytes)) limit_memory(inout, bytes);
}

static void look_cpu_v1(const char *root, const char *folder, struct machine *inout)
{
	int64_t quota = 0, period = 0;
	if (read_number(root, folder, "cpu.cfs_quota_us", &quota) &&
	    read_number(root, folder, "cpu.cfs_period_us", &period))
		limit_cores(inout, quota, period);
}

static int count_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? count : 1;
}

void machine_find(const char *root, struct machine *ret_machine)
{
	struct machine m = {.memory_bytes = total_memory(root), .cores = count_cores()};
	if (m.memory_bytes == 0) m.memory_bytes = MEMORY_UNKNOWN_BYTES;
	walk_up(root, "/sys/fs/cgroup", "", look_v2, &m);
	walk_up(root, "/sys/fs/cgroup/memory", "memory", look_memory_v1, &m);
	walk_up(root, "/sys/fs/cgroup/cpu", "cpu", look_cpu_v1, &m);
	*ret_machine = m;
}
