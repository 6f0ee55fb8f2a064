/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an app's log of changes and its backups go: the folder that PostgreSQL's archive_command reads
 * (backup/queue.h), and the repositories at each place. */
#ifndef FREEHOLD_APP_ARCHIVE_H
#define FREEHOLD_APP_ARCHIVE_H

#include "app/parts.h"
#include "backup/repo.h"
#include "backup/retention.h"
#include "store/backup.h"

/* The folder as it must be now, with one configuration a place. Touches nothing but this disk, and does not wait: for
 * the daemon too, before each start of PostgreSQL. */
bool archive_prepare(const struct flow *f, const struct parts *p, struct err *err);

/* For workers: the app's repository at a place can be written to, or why not. The folder of a place that is a folder is
 * made, unless the place itself is not there (a disk that is not mounted); the repository is created. */
bool archive_open(const struct flow *f, const struct parts *p, const struct backup_place *place, struct repo *ret_repo,
		  struct err *err);

/* At every place, whatever the others say; the error is the first one's. One whose lock is held (ERR_CONFLICT) is being
 * written to, so it is there. */
bool archive_open_all(const struct flow *f, const struct parts *p, struct err *err);

/* The repository without a look at it. */
struct repo archive_repo(const struct parts *p, int64_t place);

/* Where the repository lies in its place, as pgBackRest calls it. */
bool archive_repo_path(const struct parts *p, const struct backup_place *place, char ret_path[FILE_PATH_SIZE],
		       struct err *err);

/* In a folder that is a place lies a file of this name: so a disk that is not mounted is not taken for an empty one. */
#define ARCHIVE_PLACE_MARK ".freehold-backups"
bool archive_place_check(const struct backup_place *place, struct err *err);

/* "this disk", "/mnt/disk", "s3://bucket/shop" */
void archive_place_name(const struct backup_place *place, char ret_name[BACKUP_LOCATION_SIZE + 8]);

bool archive_retention(const struct flow *f, struct retention *ret_retention, struct err *err);

/* The cluster's histories as files, to every place or its queue: a cluster that began one while it archived nothing (a
 * copy) owes it before it writes anything there, since the next restore looks for the first number that is not taken.
 */
bool archive_push_histories(const struct flow *f, const struct parts *p, struct err *err);

/* Sends what waits for a place, as the cluster's user. */
bool archive_drain(const struct flow *f, const struct parts *p, int64_t place, struct err *err);
/* To every place, whatever the others say. */
bool archive_drain_all(const struct flow *f, const struct parts *p, struct err *err);

#endif
