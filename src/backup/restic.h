/* SPDX-License-Identifier: Apache-2.0
 *
 * Files at a place, by restic 0.14: one repository a home and place, encrypted with a passphrase derived from the
 * home's key. Run as who we are, who can read all apps' files. Everything blocks. */
#ifndef FREEHOLD_BACKUP_RESTIC_H
#define FREEHOLD_BACKUP_RESTIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/backup.h"

struct restic {
	const struct backup_place *place;
	const char *key; /* of the home */
	const char *home; /* of a place that is the home itself: <home>/backups/files */
	const char *cache_dir; /* made when it is missing */
};

/* Opens the repository, and makes it where there is none. */
bool restic_open(const struct restic *r, struct err *err);

/* A snapshot of these paths (relative, NULL-terminated) of the folder. at_ms is the home's clock. *ret_is_partial: some
 * file went away or could not be read while it was copied. */
bool restic_backup(const struct restic *r, const char *folder, const char *const *paths, int64_t at_ms,
		   bool *ret_is_partial, struct err *err);

/* Keeps all snapshots of the last `days` before the newest, and at least `count`. */
bool restic_forget(const struct restic *r, int64_t days, int64_t count, struct err *err);

/* The newest snapshot into a folder. */
bool restic_restore(const struct restic *r, const char *to, struct err *err);

#endif
