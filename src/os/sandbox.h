/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a foreign program to its end in bubblewrap (bwrap(1)), on top of os/proc.h. What it gets:
 *
 *   - of the machine: /usr, /bin, /lib … read-only, and of /etc only what names, certificates and the dynamic linker
 *     need; a /etc/passwd that knows one user; no home folder, no /var, no /run, no other app
 *   - its own /tmp (SANDBOX_HOME lies in it) and /dev/shm, each of tmp_bytes; everything else is read-only but the
 *     mounts asked for
 *   - its own processes, IPC, host name and, unless has_network, a network with nothing but loopback. With the network
 *     it shares the machine's: it reaches what listens on loopback and abstract sockets, so run nothing with it that
 *     needs no network
 *   - the environment given and nothing else, no terminal, no capabilities, no further user namespaces
 *
 * It never runs as root: root drops to has_user's uid before bwrap starts, because uid 1000 inside a sandbox that root
 * started is root outside. Without root it runs as the caller, in the caller's unprivileged user namespace.
 *
 * When sandbox_run returns, the last process in it has died, whatever it forked or daemonised; the same when the
 * deadline passes and when this process is killed. */
#ifndef FREEHOLD_OS_SANDBOX_H
#define FREEHOLD_OS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "os/limits.h"

#define SANDBOX_HOME "/tmp/home" /* exists, writable */
#define SANDBOX_PATH "/usr/local/bin:/usr/bin:/bin" /* what is in it of itself */

enum sandbox_mount_kind {
	SANDBOX_READ, /* `from` of the host, read-only */
	SANDBOX_WRITE, /* `from` of the host, writable as far as its modes say */
	SANDBOX_TMPFS, /* an empty folder of at most tmp_bytes, gone afterwards; the mount point must exist */
};

struct sandbox_mount {
	enum sandbox_mount_kind kind;
	const char *from; /* must be reachable for the user it runs as */
	const char *to; /* absolute, inside; later ones may lie in earlier ones */
};

#define SANDBOX_MOUNTS_MAX 48

/* Borrowed from the caller for the time of the call. */
struct sandbox_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is a path inside, or a name looked up in PATH of env */
	const char *const *env; /* NULL-terminated "NAME=value", all it gets; give it PATH and HOME */
	const char *cwd; /* inside; NULL: SANDBOX_HOME */
	const struct sandbox_mount *mounts; /* in this order */
	int mount_count;
	bool has_network;
	bool has_user; /* needed when we are root */
	uid_t uid;
	gid_t gid;
	uint64_t tmp_bytes; /* 0: 256 MiB */
	const char *hosts; /* text of /etc/hosts; NULL: the machine's file */
	const char *resolv_conf; /* text of /etc/resolv.conf; NULL: the machine's file */
	bool is_pid_1; /* the program is pid 1 of its namespace: it reaps, and everything dies with it */
	struct limits limits;
	struct str input; /* as in os/proc.h */
	int keep_fd; /* one descriptor above 2 that the program inherits under the same number; 0: none */
	void (*on_output)(void *arg, int stream, struct str bytes); /* as in os/proc.h */
	void *arg;
};

enum sandbox_end {
	SANDBOX_EXITED, /* with exit_status */
	SANDBOX_SIGNALED, /* ended by `signal` */
	SANDBOX_OUT_OF_MEMORY,
	SANDBOX_OUT_OF_PROCESSES,
	SANDBOX_OUT_OF_TIME,
	SANDBOX_OUT_OF_DISK, /* the machine's, below the reserve */
	SANDBOX_FILE_TOO_LARGE,
};

struct sandbox_result {
	enum sandbox_end end;
	int exit_status; /* SANDBOX_EXITED only, else -1 */
	int signal; /* SANDBOX_SIGNALED only, else 0 */
	int64_t duration_ms;
	uint64_t memory_peak_bytes; /* 0 where it is not known */
	uint32_t processes_peak; /* 0 where it is not known */
	enum limits_way memory_way, processes_way;
};

/* Runs it and waits. False only when the sandbox could not be made (ERR_UNAVAILABLE says what is missing); what the
 * program did is in the result. ret_output may be NULL; it is cut at its maximum. */
bool sandbox_run(const struct sandbox_spec *spec, struct buf *ret_output, struct sandbox_result *ret_result,
		 struct err *err);

/* True when it exited with 0. Otherwise ERR_LIMIT, ERR_TIMEOUT or ERR_FAILED in an owner's words: "the build needed
 * more than 2.0 GB of memory and was stopped; …". `what` begins the sentence. */
bool sandbox_judge(const struct sandbox_result *result, const struct limits *limits, const char *what, struct err *err);

/* Can sandboxes be made here at all? Runs true(1) in one; for `doctor`. */
bool sandbox_probe(bool has_user, uid_t uid, gid_t gid, struct err *err);

#endif
