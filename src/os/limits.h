/* SPDX-License-Identifier: Apache-2.0
 *
 * What a group of foreign processes may use, by the best means this machine offers:
 *
 *   cgroup v2   the nearest group at or above ours that hands out `memory` and `pids` and in which we may make a group
 *   cgroup v1   the memory and pids hierarchies, where we may make a group in them
 *   rlimits     memory: RLIMIT_DATA for each process, and a sample of the sum of all (limits_sample) now and then;
 *               processes: RLIMIT_NPROC, which since Linux 5.14 counts inside the sandbox's own user namespace
 *
 * Memory and processes are found separately. Groups that a killed daemon left behind are removed when the next one
 * opens. RLIMIT_AS is not used: Node reserves far more address space than it will ever touch. */
#ifndef FREEHOLD_OS_LIMITS_H
#define FREEHOLD_OS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "os/file.h"

/* 0 anywhere: no limit. */
struct limits {
	uint64_t memory_bytes; /* of all processes together, files in /tmp included where a cgroup counts */
	uint32_t processes; /* and threads, at one time */
	int64_t deadline_ms; /* wall clock from start to end */
	uint64_t file_bytes; /* the largest single file it may write */
	uint64_t disk_reserve_bytes; /* stopped when the disk it writes to has less than this left for everybody else */
	uint32_t cpu_percent; /* of one core; only groups that serve, and only where cgroups can */
};

/* What builds, unpacks and draws lets what serves go first. */
#define LIMITS_YIELD_NICE 10

enum limits_way { LIMITS_RLIMITS, LIMITS_CGROUP1, LIMITS_CGROUP2 };

/* "cgroup v2", "cgroup v1", "rlimits" */
const char *limits_way_word(enum limits_way way);

/* What this machine offers this process, for `doctor` too. The folders are where groups would be made. */
struct limits_means {
	enum limits_way memory;
	enum limits_way processes;
	char memory_dir[FILE_PATH_SIZE];
	char processes_dir[FILE_PATH_SIZE];
	char cpu_dir[FILE_PATH_SIZE]; /* "": the processor cannot be shared out */
};
void limits_find(struct limits_means *ret_means);

struct limits_group {
	struct limits limits;
	struct limits_means means; /* as found; the folders are the group's own once it is open */
};

/* What the group has used so far. */
struct limits_seen {
	uint64_t memory_peak_bytes;
	uint64_t memory_kills; /* processes ended because memory ran out */
	uint32_t processes_peak; /* 0 where it is not known */
	uint64_t processes_refused; /* forks refused at the limit */
};

/* Makes an empty group. */
bool limits_group_open(struct limits_group *ret_group, const struct limits *limits, struct err *err);

/* Puts a process in, with what it will start: call it before the process runs anything foreign. Sets the rlimits too,
 * makes it yield the processor to what serves, and makes it the first to go when the whole machine is out of memory. */
bool limits_group_add(const struct limits_group *group, pid_t pid, struct err *err);

/* Fields that cannot be known stay as they are. */
void limits_group_read(const struct limits_group *group, struct limits_seen *inout_seen);

/* Ends everything in the group. Without cgroups it does nothing: the pid namespace does it. */
void limits_group_kill(const struct limits_group *group);

/* Kills what is left and removes the group. */
void limits_group_close(struct limits_group *group);

/* A group for what serves and outlives us: it has a name, so that the next daemon finds it again, and nothing removes
 * it but limits_group_forget. Opening it ends whatever an earlier run left in it. name: letters, digits, dots and
 * dashes; give all of one home the same prefix. Without cgroups it is made all the same and holds nothing. */
bool limits_group_open_named(struct limits_group *ret_group, const char *name, const struct limits *limits,
			     struct err *err);

/* Puts a process in without rlimits and without making it yield. */
bool limits_group_join(const struct limits_group *group, pid_t pid, struct err *err);

/* Ends what is in the named group, and removes it; a missing one is no error. */
void limits_group_forget(const char *name);

/* Removes the groups whose names begin with this and that hold nobody. */
void limits_group_sweep_named(const char *prefix);

/* A text from which a program in the group knows it again, to read what it has used: what the environment variable
 * LIMITS_GROUP_ENV holds. False: no group of ours. */
#define LIMITS_GROUP_ENV "FREEHOLD_GROUP"
#define LIMITS_GROUP_TEXT_SIZE (2 * FILE_PATH_SIZE + 16)
void limits_group_spell(const struct limits_group *group, char ret_text[LIMITS_GROUP_TEXT_SIZE]);
bool limits_group_recall(const char *text, struct limits_group *ret_group);

/* Sums up the processes of a pid namespace (the inode of /proc/PID/ns/pid): resident private memory, and the number
 * of their threads. */
void limits_sample(uint64_t pid_namespace, uint64_t *ret_memory_bytes, uint32_t *ret_processes);

#endif
