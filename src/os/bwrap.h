/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of bubblewrap (bwrap(1)) for a sandbox_spec, with the descriptors it reads. Whoever starts it waits
 * for it: os/sandbox.h to its end, serve/outer.h as long as an app serves. What is in a sandbox is said in
 * os/sandbox.h.
 *
 * open ──▶ start argv with all of fds inherited (proc_spec.keep_fds) ──▶ read_status as it runs ──▶ close */
#ifndef FREEHOLD_OS_BWRAP_H
#define FREEHOLD_OS_BWRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "os/sandbox.h"

#define BWRAP_ARGS_MAX 384
#define BWRAP_FDS_MAX 5

struct bwrap {
	struct arena *arena;
	const char *argv[BWRAP_ARGS_MAX]; /* NULL-terminated */
	int argc;
	bool is_full;
	int fds[BWRAP_FDS_MAX]; /* what bwrap must inherit under the same numbers */
	int fd_count;
	int status_fd; /* readable when bwrap says something about itself; non-blocking */
	struct buf said;
	long long child_pid; /* pid 1 of the inside, as we see it; 0: not known yet */
	long long pid_namespace; /* inode, 0: not known yet */
	bool has_ended; /* the program ran, and bwrap said how it ended */
};

/* processes_inside: RLIMIT_NPROC set inside, where it counts the inside's user namespace and not all that this user
 * runs; 0: not set. uid and gid are the ones bwrap will run as. ret_bwrap is the caller's to close when this returned
 * true. ERR_UNAVAILABLE when bubblewrap is not installed. */
bool bwrap_open(const struct sandbox_spec *spec, uid_t uid, gid_t gid, uint32_t processes_inside,
		struct bwrap *ret_bwrap, struct err *err);
void bwrap_close(struct bwrap *b);

/* Takes what bwrap said so far; never waits. */
void bwrap_read_status(struct bwrap *b);

/* Our side's copies of what bwrap inherited; call it once bwrap runs, so that they do not pile up in what serves. */
void bwrap_close_inherited(struct bwrap *b);

#endif
