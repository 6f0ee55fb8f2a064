/* SPDX-License-Identifier: Apache-2.0
 *
 * What PostgreSQL's archive_command does. Its folder, apps/<app>/postgres/archive, belongs to the cluster's user:
 *
 *     pgbackrest        a link to the one that goes with the cluster's PostgreSQL
 *     <place>.conf      pgBackRest's configuration of the app at that place (conf.h)
 *     <place>.queue/    segments that did not reach the place yet
 *     <place>.failing   since when, and why; as long as it is fresh the place is not even asked
 *     <place>.broken    the queue had reached its ceiling and was dropped: since when, which segment, why
 *     <place>.last      its time is when something last reached the place
 *     ceiling           bytes a queue may hold
 *
 * A segment goes to each place directly; where that does not succeed within seconds it is copied into the queue, and
 * PostgreSQL is told that all is well. So neither a place that is full or out of reach nor one that hangs ever holds
 * up PostgreSQL, its stop, or the other places. The copy is no less safe than the segment was: it lies on the same
 * disk. A queue at its ceiling, or on a disk that is nearly full, is dropped, for the app matters more than its
 * history; from then on the window of restore is broken until the next full backup, which is owed at once. */
#ifndef FREEHOLD_BACKUP_QUEUE_H
#define FREEHOLD_BACKUP_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "os/file.h"

#define QUEUE_PUSH_DEADLINE_MS 10000 /* then it is queued: a fast stop of PostgreSQL waits no longer */
#define QUEUE_DRAIN_DEADLINE_MS 120000 /* for one segment, where nobody waits */
#define QUEUE_AGAIN_MS 30000
#define QUEUE_CEILING_BYTES ((uint64_t)1 << 30)
#define QUEUE_DISK_KEPT_BYTES ((uint64_t)256 << 20) /* so much disk is left to PostgreSQL */
#define QUEUE_PLACES_MAX 8

/* What archive_command calls, as the cluster's user, with the data folder as its own: path is PostgreSQL's %p. False
 * only where the segment could not even be queued; PostgreSQL then keeps it and asks again. */
bool queue_push(const char *archive_dir, const char *data_dir, const char *path, struct err *err);

/* What restore_command calls: *ret_found is false where no place has it. An error is a place that could not be asked:
 * then recovery must not end as if that had been all. */
bool queue_get(const char *archive_dir, const char *data_dir, const char *name, const char *to, bool *ret_found,
	       struct err *err);

/* Sends what waits for a place, oldest first, until nothing is left or one fails. is_patient: also where the place
 * failed a moment ago, and from then on what comes is sent again. */
bool queue_drain(const char *archive_dir, const char *data_dir, int64_t place, bool is_patient, struct err *err);

struct queue_state {
	int64_t waiting; /* segments */
	uint64_t waiting_bytes;
	int64_t oldest_ms; /* 0: none waits */
	int64_t failing_since_ms; /* 0: the place takes what it gets */
	char failing[256];
	int64_t tried_ms; /* when it was last tried and failed; 0: it does not fail */
	int64_t broken_since_ms; /* 0: nothing was dropped */
	char broken[256];
	int64_t last_ms; /* when something last arrived; 0: never */
};
/* Cheap; for the daemon's loop too. A folder that is not there is an empty state. */
void queue_state(const char *archive_dir, int64_t place, struct queue_state *ret_state);

/* A full backup that began after `began_ms` stands: what was dropped before does not matter any more. */
void queue_mend(const char *archive_dir, int64_t place, int64_t began_ms);

#endif
