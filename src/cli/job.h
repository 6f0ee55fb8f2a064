/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching a job (docs/api.md). */
#ifndef FREEHOLD_CLI_JOB_H
#define FREEHOLD_CLI_JOB_H

#include "cli/run.h"

/* Follows a job that was begun (an answer of the API), showing its steps and how far they are; ret_job is the whole of
 * it at its end. With --json its events are printed, one a line. ERR_FAILED with the job's own words where it failed.
 * Ctrl-C leaves it running. */
bool job_follow(struct cli *cli, const json_t *job, json_t **ret_job, struct err *err);

#endif
