/* SPDX-License-Identifier: Apache-2.0
 *
 * Of storage/place.h: a round (place.c) and the files that it carries, each in a slot (carry.c). */
#ifndef FREEHOLD_STORAGE_PLACE_PRIVATE_H
#define FREEHOLD_STORAGE_PLACE_PRIVATE_H

#include "base/buf.h"
#include "pg/batch.h"
#include "storage/files_private.h"
#include "storage/place.h"

struct slot {
	struct place *place;
	uv_work_t work;
	bool is_busy;
	bool is_removed; /* the object went meanwhile */
	int fd;
	uint64_t size;
	char version[STORAGE_VERSION_SIZE], md5[32], etag[FILES_ETAG_SIZE];
	struct err err;
};

struct place {
	uv_loop_t *loop;
	struct pg_pool *pool;
	struct files *files;
	struct http_multi *multi;
	struct remote *remote;
	bool is_away; /* files belong there */
	bool is_tried; /* it has taken something from us */
	uv_timer_t timer;
	uv_work_t work;
	struct pg_batch batch;
	struct pg_call pg;
	int lock_fd; /* held during a round: of two processes one takes files about */
	bool is_round, is_again, is_stopped, is_waiting_sql, is_waiting_job, is_trying;
	uint64_t retry_ms;
	struct slot slots[PLACE_AT_ONCE];

	int folder; /* away: 0 to 255 */
	char after[STORAGE_VERSION_SIZE]; /* back: the last row's id */
	struct buf versions; /* as PostgreSQL writes an array, then as rows gave them */
	struct str rest; /* of versions: what no slot has taken */
	bool is_last; /* back: there are no more rows */
	uint64_t moved, failed;
	char error[ERR_MSG_SIZE];
};

/* carry.c: takes the file of this version to where it belongs, then calls place_ended. */
void carry_begin(struct slot *s, struct str version);

/* carry.c: removes it in the other place, in the background. */
void carry_remove(struct place *p, const char *version);

/* place.c: the slot is free. err NULL: the file lies where it belongs. */
void place_ended(struct slot *s, const struct err *err);

#endif
