/* SPDX-License-Identifier: Apache-2.0
 *
 * What every flow stands on: where things lie, the store, the edge. Opened once by the daemon and once by each process
 * that runs a deployment; they share the database and the disk, no memory. */
#ifndef FREEHOLD_APP_FLOW_H
#define FREEHOLD_APP_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "edge/edge.h"
#include "os/user.h"
#include "store/app.h"
#include "store/db.h"
#include "store/layout.h"
#include "store/seal.h"

#define FLOW_EDGE_PORT 8080
#define FLOW_EDGE_TLS_PORT 8443
#define FLOW_EDGE_ADDRESS "127.0.0.1"
#define FLOW_EDGE_USER "freehold-edge"

struct flow {
	struct layout layout;
	struct db *db;
	struct seal *seal;
	struct edge edge;
	bool is_root; /* each app has users of its own, and so has the edge */
	char control_socket[FILE_PATH_SIZE];
	char
	    helpers[FILE_PATH_SIZE]; /* folder of freehold-backend and freehold-intake, reachable for the apps' users */
};

/* Opens everything in the home of the environment (layout.h; FREEHOLD_PORT and FREEHOLD_TLS_PORT move the edge). The
 * daemon, which holds the lock of the home, also makes what is missing and puts the helper programs of bin_dir into the
 * home. */
bool flow_open(struct flow *f, const char *bin_dir, bool is_daemon, struct err *err);
void flow_close(struct flow *f);

/* The edge's ports are its own: later starts that say none use them. */
bool flow_keep_ports(const struct flow *f, struct err *err);

/* The lock that makes one daemon the only one of its home: a descriptor to keep open. ERR_CONFLICT when another has it;
 * one that said that it is ending is waited for (30 s). */
bool flow_lock(const struct layout *l, int *ret_fd, struct err *err);
void flow_lock_ending(int fd);

#endif
