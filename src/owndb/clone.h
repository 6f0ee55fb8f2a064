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

struct clone {
	char dir[FILE_PATH_SIZE], data_dir[FILE_PATH_SIZE], socket_dir[FILE_PATH_SIZE], app_socket_dir[FILE_PATH_SIZE],
	    log_path[FILE_PATH_SIZE];
	struct owndb db; /* of the clone; borrows the paths above, so do not move the struct */
	pid_t keeper; /* 0: does not run */
	int lock;
};

/* Makes the folder. clones_dir must exist and be reachable for the cluster's user. */
bool clone_open(struct clone *c, const struct owndb *live, const char *clones_dir, struct err *err);

/* Runs what is in data_dir, and waits until it answers. */
bool clone_start(struct clone *c, struct err *err);

/* Ends what runs; its log is whole then. The folder stays until clone_close. */
void clone_stop(struct clone *c);

/* Ends it if it runs and removes the folder. */
void clone_close(struct clone *c);

/* Removes what crashes left. ret_removed may be NULL. */
bool owndb_sweep_clones(const char *clones_dir, int *ret_removed, struct err *err);

#endif
