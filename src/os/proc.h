/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a program to its end, and waiting for it. The child gets no descriptor but 0, 1, 2 and those asked for, its
 * own process group, default signals, and dies with us (PR_SET_PDEATHSIG): a build must not outlive the one that
 * watches it. Programs that serve and outlive us are the business of run/, not of this module. */
#ifndef FREEHOLD_OS_PROC_H
#define FREEHOLD_OS_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Where a process can be told from any other that had its number: pid, start time in clock ticks since boot, boot id.
 */
#define PROC_BOOT_ID_SIZE 37
struct proc_id {
	pid_t pid;
	uint64_t start_ticks;
	char boot_id[PROC_BOOT_ID_SIZE];
};

/* The identity of a process that is alive now. */
bool proc_identify(pid_t pid, struct proc_id *ret_id, struct err *err);

/* When it began, in ms since 1970 UTC as the clock stands now; 0 where that cannot be read. */
int64_t proc_began_wall_ms(const struct proc_id *id);

/* The same process is still there and is not a zombie. */
bool proc_is_alive(const struct proc_id *id);

#define PROC_KEEP_FDS_MAX 8

/* Borrowed from the caller for the time of the call. */
struct proc_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is a path, or a name looked up in PATH of env (or ours) */
	const char *const *env; /* NULL-terminated "NAME=value"; NULL: ours */
	const char *cwd; /* NULL: ours */
	bool has_user; /* drop to uid and gid, no other groups, no new privileges */
	uid_t uid;
	gid_t gid;
	struct str input; /* written to its standard input, which is then closed; empty: /dev/null */
	size_t *input_sent; /* how much of it was written, kept up; NULL: nobody asks */
	int64_t deadline_ms; /* from start; 0: none. Past it the process group gets SIGTERM, 2 s later SIGKILL:
				ERR_TIMEOUT */
	int keep_fds[PROC_KEEP_FDS_MAX]; /* descriptors the child inherits under the same numbers */
	int keep_fd_count;

	/* Called with what it prints, as it comes; stream is 1 or 2. Without it output is collected in ret_output. */
	void (*on_output)(void *arg, int stream, struct str bytes);
	/* Called in this process right after the fork, before the child execs (to place it in a cgroup). False aborts
	 * the child. */
	bool (*on_forked)(void *arg, pid_t pid, struct err *err);
	/* Called every tick_ms while it runs (to look at what it uses). False kills the process group at once. */
	int64_t tick_ms; /* 0: never */
	bool (*on_tick)(void *arg);
	void *arg;
};

struct proc_result {
	int exit_status; /* as exit(2) gave it, or -1 when a signal ended it */
	int signal; /* or 0 */
	int64_t duration_ms;
	long max_rss_kib;
};

/* Runs it and waits. False only when it could not be started, the deadline passed, or output could not be read; a
 * program that ran and failed is a result. ret_output (may be NULL) gets standard output and error as they came, cut at
 * its maximum (the rest is read and dropped). */
bool proc_run(const struct proc_spec *spec, struct buf *ret_output, struct proc_result *ret_result, struct err *err);

/* Runs it and makes anything but exit status 0 an ERR_FAILED that quotes the last lines it printed. */
bool proc_run_ok(const struct proc_spec *spec, struct buf *ret_output, struct err *err);

/* Starts a program that serves: standard output and error go to the file log_path (appended, made 0600 for the user it
 * runs as), it does not die with us. It does not run before on_started returned true: there its identity is written
 * down, so that none is ever running that nobody knows of. ret_pidfd becomes readable when it ends; the caller closes
 * it and, being its parent, reaps it. Of the spec input, deadline_ms, on_output and on_forked are not used. */
bool proc_start_serving(const struct proc_spec *spec, const char *log_path,
			bool (*on_started)(void *arg, const struct proc_id *id, struct err *err), void *arg,
			struct proc_id *ret_id, int *ret_pidfd, struct err *err);

/* Starts a worker of ours and returns at once: it dies with us, its standard error is ours, its standard output can be
 * read from ret_out_fd (non-blocking; NULL: it goes where ours goes). ret_pidfd becomes readable when it ends; then
 * proc_reap gives its result. The caller closes both. Of the spec deadline_ms, input, on_output and on_forked are not
 * used. */
bool proc_start_worker(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pidfd, int *ret_out_fd, struct err *err);
bool proc_reap(pid_t pid, struct proc_result *ret_result, struct err *err);

/* Kills every process of this program (its resolved path) that sits in this folder, and waits up to deadline_ms until
 * they are gone. For what the children of a killed program leave. */
void proc_kill_left(const char *program, const char *cwd, int64_t deadline_ms);

#endif
