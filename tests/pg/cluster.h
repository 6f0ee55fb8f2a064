/* SPDX-License-Identifier: Apache-2.0
 *
 * A throw-away PostgreSQL for tests: made under mktemp -d, on a unix socket only, as an unprivileged user (root becomes
 * `nobody` for it), without fsync, gone when stopped. The newest installed version of 15 to 18 is used. Failures abort
 * the test with PostgreSQL's own words. */
#ifndef FREEHOLD_TESTS_PG_CLUSTER_H
#define FREEHOLD_TESTS_PG_CLUSTER_H

#include <stdbool.h>
#include <sys/types.h>

struct cluster {
	char dir[64]; /* has data/ and log; the socket lies here too */
	char conninfo[256]; /* superuser "postgres" on database "postgres" */
	pid_t postmaster;
};

/* Makes and starts it; returns when it answers. */
void cluster_start(struct cluster *c);

/* Kills the postmaster as a power cut would (SIGKILL to its group) and starts it again on the same data. */
void cluster_kill(struct cluster *c);
void cluster_restart(struct cluster *c);

/* Stops it and removes its folder. */
void cluster_stop(struct cluster *c);

/* Runs a script as superuser; aborts the test when it fails. */
void cluster_script(const struct cluster *c, const char *sql);

#endif
