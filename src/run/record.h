/* SPDX-License-Identifier: Apache-2.0
 *
 * What a restarted daemon must find again: which process serves as which unit, and of what spec. */
#ifndef FREEHOLD_RUN_RECORD_H
#define FREEHOLD_RUN_RECORD_H

#include <stdbool.h>

#include "base/err.h"
#include "os/proc.h"
#include "run/supervisor.h"
#include "store/db.h"

#define RECORD_HASH_SIZE 17

struct record {
	char unit[UNIT_NAME_SIZE];
	struct proc_id id;
	char spec_hash[RECORD_HASH_SIZE];
};

/* A short hash of everything that makes the process what it is. */
void record_hash(const struct unit_spec *spec, char ret_hash[RECORD_HASH_SIZE]);

bool record_put(struct db *db, const char *unit, const struct proc_id *id, const char *spec_hash, struct err *err);
bool record_get(struct db *db, const char *unit, struct record *ret_record, struct err *err); /* ERR_NOT_FOUND */
void record_forget(struct db *db, const char *unit); /* a failure is logged: the next start finds the process dead */
void record_each(struct db *db, void (*each)(void *arg, const struct record *record), void *arg);

/* Cuts a log file that has grown past max_bytes to its newer half, at a line. */
void record_trim_log(const char *path, size_t max_bytes);

#endif
