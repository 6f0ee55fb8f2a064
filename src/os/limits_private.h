/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of limits.h share: limits_means.c finds what the machine offers, limits.c makes a group that ends with
 * its maker, limits_named.c one that outlives him. */
#ifndef FREEHOLD_OS_LIMITS_PRIVATE_H
#define FREEHOLD_OS_LIMITS_PRIVATE_H

#include "base/buf.h"
#include "os/limits.h"

#define LIMITS_PREFIX "freehold-"
#define LIMITS_NAMED_PREFIX "freehold-unit-"
#define LIMITS_CPU_PERIOD_US 100000u
#define LIMITS_SMALL_FILE_MAX_BYTES 65536

/* The small files of cgroupfs and proc. cgroupfs wants one write(2) into the file that is there, so file_write is of no
 * use. read_keyed: the number behind a key in a file of "key number" lines. */
bool limits_read_small(const char *folder, const char *name, struct buf *b);
bool limits_write_small(const char *folder, const char *name, const char *text, struct err *err);
bool limits_write_number(const char *folder, const char *name, uint64_t value, struct err *err);
uint64_t limits_read_number(const char *folder, const char *name, uint64_t otherwise);
uint64_t limits_read_keyed(const char *folder, const char *name, const char *key, uint64_t otherwise);

/* Where our process numbers count: containers may share one tree of groups and none of its numbers. 0: not known. */
unsigned long limits_pid_space(void);

bool limits_memory(const struct limits_group *g, struct err *err);

#endif
