/* SPDX-License-Identifier: Apache-2.0
 *
 * Files at a place, by restic 0.14: one repository a home and place, encrypted with a passphrase derived from the
 * home's key. Run as who we are, who can read all apps' files. Everything blocks. */
#ifndef FREEHOLD_BACKUP_RESTIC_H
#define FREEHOLD_BACKUP_RESTIC_H

#include <jansson.h>
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

/* A snapshot of these paths (relative, NULL-terminated) of the folder. at_ms is the home's clock; made its number
 * (backup/snapshots.h). *ret_is_partial: some file went away or could not be read while it was copied. */
bool restic_backup(const struct restic *r, const char *folder, const char *const *paths, int64_t at_ms, int64_t made,
		   bool *ret_is_partial, struct err *err);

/* The snapshots there are, as backup/snapshots.h has them. Also beside a lock that a lost server left. */
bool restic_snapshots(const struct restic *r, json_t **ret_list, struct err *err);

/* Forgets these, and gives back what they alone held, but for a twentieth of the whole: what is spread over files that
 * hold other things too is written anew only then. Which, retention_forget says, and not restic: its own rules go by
 * the machine's clock, and nothing ever goes once a snapshot was taken while that was ahead. */
bool restic_forget(const struct restic *r, const json_t *ids, struct err *err);

/* What all snapshots together hold, as it is kept: what they have in common once, compressed. */
bool restic_size(const struct restic *r, int64_t *ret_bytes, struct err *err);

/* A snapshot into a folder; beside such a lock, too. */
bool restic_restore(const struct restic *r, const char *id, const char *to, struct err *err);

#endif
