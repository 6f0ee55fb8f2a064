/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs freehold-intake, the program that touches what came from outside, and takes its answer: one JSON object on
 * standard output, {"ok":true,…} or {"ok":false,"code":WORD,"message":TEXT}. Lines "reading FILE" on its standard error
 * say where it is, so that a child that crashed or hung is reported with the file that did it. */
#ifndef FREEHOLD_INTAKE_CHILD_H
#define FREEHOLD_INTAKE_CHILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* How to start it; the same for every call of intake/. Borrowed for the time of the call. */
struct intake_child {
	const char *helper; /* path of the program freehold-intake */
	bool has_user; /* run it as this user (the app's code user), needed when we are root; false: as the caller */
	uid_t uid;
	gid_t gid;
	bool no_sandbox; /* for a machine where bubblewrap cannot run; `doctor` says what is weaker then */
	int64_t deadline_ms; /* 0: CHILD_DEADLINE_MS */
};

#define CHILD_DEADLINE_MS 120000
#define CHILD_MAX_ANSWER_BYTES (32u << 20)
#define CHILD_ARGS_MAX 30
#define CHILD_DIRS_MAX 4

/* One call. Paths are absolute and appear in the sandbox under their own names. */
struct child_call {
	const char *const *args; /* NULL-terminated, after the program's name */
	const char *what; /* for messages: "unpack shop.zip" */
	const char *dirs_ro[CHILD_DIRS_MAX]; /* bound read-only; NULL ends them */
	const char *dirs_rw[CHILD_DIRS_MAX]; /* bound read-write; NULL ends them */
	int fd; /* above 2: inherited under this number; 0: none */
	bool has_network;
	int64_t deadline_ms; /* 0: that of the child */
};

/* ret_answer is the caller's. An answer with ok:false becomes its error. */
bool child_run(const struct intake_child *child, const struct child_call *call, json_t **ret_answer, struct err *err);

#endif
