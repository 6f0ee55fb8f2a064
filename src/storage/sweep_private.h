/* SPDX-License-Identifier: Apache-2.0
 *
 * One sweep, for its two halves: sweep.c takes one step after the other and asks PostgreSQL; sweep_jobs.c does what is
 * done to files, each a job on libuv's pool, during which the loop does not touch the sweep. */
#ifndef FREEHOLD_STORAGE_SWEEP_PRIVATE_H
#define FREEHOLD_STORAGE_SWEEP_PRIVATE_H

#include <jansson.h>
#include <uv.h>

#include "base/buf.h"
#include "pg/batch.h"
#include "storage/files_private.h"
#include "storage/sweep.h"

#define SWEEP_ROWS_AT_ONCE 500

struct sweep_row {
	char id[STORAGE_VERSION_SIZE], version[STORAGE_VERSION_SIZE], name[200];
};

struct sweep {
	uv_loop_t *loop;
	struct pg_pool *pool;
	struct files *files;
	uv_timer_t timer;
	uv_work_t work;
	struct pg_batch batch;
	struct pg_call pg;
	bool is_busy, is_stopped;
	bool is_elsewhere; /* files may lie in another place: what is not here is not missing */
	bool was_told; /* the first is repeated soon: what a crash left was too young for it */

	int folder; /* 0 to 255; 256: the rows */
	struct buf versions; /* as PostgreSQL writes an array */
	char after[STORAGE_VERSION_SIZE]; /* the last row that was looked at */
	struct sweep_row rows[SWEEP_ROWS_AT_ONCE];
	int row_count;
	uint64_t dead, lost, found, missing, over;

	int64_t asked, fix_s; /* what was asked last; 0: nothing */
	int64_t serving; /* what this one answers; 0: none */
	bool is_fixing;
	int64_t older_than_s;
	json_t *missing_names; /* of this one */
};

void sweep_dead_job(uv_work_t *work); /* what dead processes left, and what is old among the lost, goes */
void sweep_list_job(uv_work_t *work); /* the versions in folder, into versions */
void sweep_aside_job(uv_work_t *work); /* those of versions that no row names */
void sweep_look_job(uv_work_t *work); /* whether the files of rows are there */
void sweep_report_job(uv_work_t *work);

#endif
