/* SPDX-License-Identifier: Apache-2.0
 *
 * What it uses, by the kernel's groups and the disk, and what that says of its end. */
#include "serve/outer_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "os/file.h"

#define LOOK_MS 500
#define LAST_BYTES 4096
#define LOG_MAX_BYTES ((off_t)32 << 20) /* the supervisor trims it to less now and then; this holds until then */
#define FILLING_BYTES (16ull << 20) /* who wrote less between two looks at a full disk is not the one that fills it */

static bool is_filling_disk(struct outer *o)
{
	struct statvfs st;
	uint64_t wrote = o->written_bytes - o->written_then_bytes;
	o->written_then_bytes = o->written_bytes;
	for (int i = 0; i < o->config.mount_count && o->config.disk_reserve_bytes > 0; i++) {
		const struct sandbox_mount *m = &o->config.mounts[i];
		if (m->kind != SANDBOX_WRITE || statvfs(m->from, &st) != 0) continue;
		o->disk_free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
		if (o->disk_free_bytes < o->config.disk_reserve_bytes && wrote >= FILLING_BYTES) return true;
	}
	return false;
}

off_t outer_log_bytes(void)
{
	struct stat st;
	return fstat(2, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

static void trim_log(void)
{
	if (outer_log_bytes() <= LOG_MAX_BYTES) return;
	int fd = open("/proc/self/fd/2", O_RDWR | O_CLOEXEC);
	if (fd >= 0) file_keep_end(fd, (size_t)LOG_MAX_BYTES), (void)close(fd);
}

void outer_on_look(void *arg)
{
	struct outer *o = arg;
	limits_group_read(&o->group, &o->seen);
	bool is_server = o->config.function_count == 0;
	if (is_server && o->seen.processes_refused > o->before.processes_refused)
		outer_stop_for(o, END_OUT_OF_PROCESSES);
	if (is_filling_disk(o)) outer_stop_for(o, END_OUT_OF_DISK);
	trim_log();
	loop_timer_set(&o->loop, &o->look, LOOK_MS);
}

static void read_group(struct outer *o)
{
	if (!limits_group_recall(getenv(LIMITS_GROUP_ENV), &o->group)) o->group = (struct limits_group){0};
	limits_group_read(&o->group, &o->before);
	o->seen = o->before;
	o->seen.memory_peak_bytes = 0;
}

void outer_measure_begin(struct outer *o)
{
	read_group(o);
	o->log_began = outer_log_bytes();
}

static struct str read_last(const struct outer *o, char space[LAST_BYTES])
{
	off_t size = outer_log_bytes(), from = size > LAST_BYTES ? size - LAST_BYTES : 0;
	if (from < o->log_began && o->log_began <= size) from = o->log_began;
	int fd = open("/proc/self/fd/2", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd >= 0 && size > 0 ? pread(fd, space, LAST_BYTES, from) : 0;
	if (fd >= 0) (void)close(fd);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

void outer_judge(struct outer *o)
{
	char space[LAST_BYTES];
	bool is_group = o->group.means.memory != LIMITS_RLIMITS;
	limits_group_read(&o->group, &o->seen);
	struct end_facts f = {.stopped_for = o->stopped_for != END_NONE ? o->stopped_for
					     : o->is_asked              ? END_ASKED
									: END_NONE,
			      .has_run = o->has_hello,
			      .has_listened = o->state.has_listened,
			      .has_status = o->has_status,
			      .exit_status = o->state.exit_status,
			      .signal = o->state.signal,
			      .is_group = is_group,
			      .memory_kills = o->seen.memory_kills - o->before.memory_kills,
			      .memory_seen_bytes = o->seen.memory_peak_bytes,
			      .memory_bytes = o->config.memory_bytes,
			      .file_bytes = o->config.file_bytes,
			      .disk_reserve_bytes = o->config.disk_reserve_bytes,
			      .disk_free_bytes = o->disk_free_bytes,
			      .processes = o->config.processes,
			      .boot_ms = o->config.boot_ms,
			      .command = o->config.argv[0],
			      .last = read_last(o, space)};
	o->state.why = end_judge(&f, o->state.text);
}
