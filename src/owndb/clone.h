/* SPDX-License-Identifier: Apache-2.0
 *
 * A throw-away PostgreSQL beside the live one, in a folder of its own below clones_dir (clone-XXXXXX: data/, run/,
 * log; where the live one lets the app's own server in, app/ with the same socket for it). It has no network (not even
 * loopback), archives nothing, runs no jobs, does not care for its own safety (fsync off), and dies with this process.
 * The folder is locked as long as its maker lives; a folder that is not is left from a crash and owndb_sweep_clones
 * removes it, whatever still runs in it. */
#ifndef FREEHOLD_OWNDB_CLONE_H
#define FREEHOLD_OWNDB_CLONE_H

#include "os/file.h"
#include "owndb/owndb.h"

/* What keeps a PostgreSQL beside the live one to itself. On its command line, which wins over every file: a base backup
 * brings the live cluster's. */
#define CLONE_ALONE "-c", "listen_addresses=", "-c", "archive_mode=off", "-c", "max_logical_replication_workers=0"

struct clone {
	char dir[FILE_PATH_SIZE], data_dir[FILE_PATH_SIZE], socket_dir[FILE_PATH_SIZE], app_socket_dir[FILE_PATH_SIZE],
	    log_path[FILE_PATH_SIZE];
	struct owndb db; /* of the clone; borrows the paths above, so do not move the struct */
	pid_t keeper; /* 0: does not run */
	int lock; /* -1: of clone_open_at */
	/* Of the next start: more settings for PostgreSQL ("name=value", NULL-terminated, may be NULL), and whether it
	 * has the machine's network, which what fetches its log of changes needs. */
	const char *const *settings;
	bool has_network;
	bool is_lasting; /* runs until it is stopped, not for hours at most */
	int64_t ready_deadline_ms; /* 0: two minutes */
};

/* Makes the folder. clones_dir must exist and be reachable for the cluster's user. */
bool clone_open(struct clone *c, const struct owndb *live, const char *clones_dir, struct err *err);

/* The same in a folder of the caller's, which is there and the cluster user's, and stays whatever happens: a copy that
 * somebody wants to look at, or that is to become the live one. */
bool clone_open_at(struct clone *c, const struct owndb *live, const char *dir, struct err *err);

/* Runs what is in data_dir, and waits until it answers. What a kill left there is cleared away before. */
bool clone_start(struct clone *c, struct err *err);

/* Ends what runs; its log is whole then. The folder stays until clone_close. */
void clone_stop(struct clone *c);

/* Ends it as a cluster that is to be kept: everything is written down, and on the disk when this returns. */
bool clone_stop_clean(struct clone *c, struct err *err);

/* Ends it if it runs and removes the folder. */
void clone_close(struct clone *c);

/* Removes what crashes left. ret_removed may be NULL. */
bool owndb_sweep_clones(const char *clones_dir, int *ret_removed, struct err *err);

#endif
