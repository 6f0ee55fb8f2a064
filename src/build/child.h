/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading foreign text in a process of its own: forked from this one, without privileges (the job's code user),
 * bounded in memory and time, its answer one JSON value of at most BUILD_ANSWER_MAX_BYTES. Whatever a hostile file does
 * to the reader, it does there. What it writes is the code user's and lies only where that user may write. */
#ifndef FREEHOLD_BUILD_CHILD_H
#define FREEHOLD_BUILD_CHILD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

#define BUILD_ANSWER_MAX_BYTES (16u << 20)

/* Runs in the child; ret_answer is a new reference. */
typedef bool (*build_reader)(const void *arg, json_t **ret_answer, struct err *err);

/* Runs reader(arg) in a child and takes its answer or its error. `what` begins the message when it dies. ret_answer is
 * the caller's. keep_fd (or -1) is a descriptor that the child finds as BUILD_CHILD_FD: a folder that root opened and
 * that the user could not reach by its path. */
#define BUILD_CHILD_FD 4
bool build_child_run(const struct build_job *job, const char *what, build_reader reader, const void *arg, int keep_fd,
		     json_t **ret_answer, struct err *err);

#endif
