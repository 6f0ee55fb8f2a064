/* SPDX-License-Identifier: Apache-2.0
 *
 * What was fetched (owndb/major.h), one beside the other, and which of it counts:
 *
 *     <majors>/17 -> 17.2             what clusters are started from
 *              17.before -> 17.1      the way back
 *              17.1/ 17.2/            whole, each with a file `packages`: a line "NAME VERSION" for each
 *              17.newest              the same of what Debian had when it was looked at last; its time is when
 *
 * A program that runs keeps the one it was started from, whatever the link says. NAME is "17" or "pgbouncer". */
#ifndef FREEHOLD_OWNDB_MAJOR_KEPT_H
#define FREEHOLD_OWNDB_MAJOR_KEPT_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define MAJOR_PACKAGES "packages"

/* 0: none. ret_before may be NULL. ret_newest: the highest number that is there. */
bool major_numbers(const char *majors, const char *name, int *ret_now, int *ret_before, int *ret_newest,
		   struct err *err);

/* What is started from now on; what it was is the way back. */
bool major_switch(const char *majors, const char *name, int number, struct err *err);

bool major_note_newest(const char *majors, const char *name, struct str lines, struct err *err);

/* {"name", "number", "before" (or null), "packages": {NAME: VERSION}, "newer": [{"package", "from", "to"}],
 * "looked_at_ms", "is_known": bool}. is_known false: an earlier Freehold did not note what it fetched, so any that is
 * looked at is newer. NULL when none was fetched. Reads small files. */
json_t *major_json(const char *majors, const char *name);

/* The number of the one that this process was started from; 0: of none. */
int major_of_process(const char *majors, const char *name, pid_t pid);

/* Removes those that are not current, not the way back, and that no process runs from. */
bool major_prune(const char *majors, const char *name, struct err *err);

/* Pure, for major_json: appends {"package", "from", "to"} for each package of newest that now does not have so. */
void major_compare(struct str now, struct str newest, json_t *ret_newer);

#endif
