/* SPDX-License-Identifier: Apache-2.0
 *
 * One app's repository at one place, by pgBackRest, run as the cluster's user. Everything blocks: for workers. */
#ifndef FREEHOLD_BACKUP_REPO_H
#define FREEHOLD_BACKUP_REPO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "os/file.h"

/* Borrowed text. */
struct repo {
	int64_t place;
	const char *archive_dir; /* of queue.h */
	const char *data_dir;
	bool has_user;
	uid_t uid;
	gid_t gid;
};

/* Called as it comes; done is 0 to 1. */
typedef void (*repo_progress)(void *arg, double done);

/* Below: where another pgBackRest of the app holds its lock, it is waited for up to REPO_LOCK_WAIT_MS, then
 * ERR_CONFLICT. */
#define REPO_LOCK_WAIT_MS 30000

/* Makes the repository, or finds that it is there. PostgreSQL need not run. */
bool repo_create(const struct repo *r, struct err *err);

/* Takes a backup of the running cluster. An interrupted one is taken up again where that can be. */
bool repo_backup(const struct repo *r, bool is_full, repo_progress progress, void *arg, struct err *err);

/* Lets go of all but the newest keep_full full backups, with what builds on those that go and their log. */
bool repo_expire(const struct repo *r, int keep_full, struct err *err);

/* What is there, as store/backup.h wants it. */
bool repo_info(const struct repo *r, const json_t *known, int64_t now_ms, json_t **ret_list, struct err *err);

/* Lays a backup's files into to_dir, which is there, empty and the cluster user's, checking each file's checksum; then
 * PostgreSQL has to recover it. */
bool repo_fetch(const struct repo *r, const char *label, const char *to_dir, repo_progress progress, void *arg,
		struct err *err);

#endif
