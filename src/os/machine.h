/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the machine is there for us: its memory and cores, or less where a control group (a container, a slice of
 * systemd's) gives less. */
#ifndef FREEHOLD_OS_MACHINE_H
#define FREEHOLD_OS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct machine {
	uint64_t memory_bytes;
	int cores; /* at least 1; part of one counts as one */
	bool is_memory_limited, is_cpu_limited; /* by a control group: the machine itself has more */
};

/* root: "" for this machine, or a folder that has proc/ and sys/ as a machine has them. What cannot be read is taken
 * for little: 1 GiB, one core. Follows cgroup v1 and v2 from our own group up to the top, at their usual places. */
void machine_find(const char *root, struct machine *ret_machine);

#endif
