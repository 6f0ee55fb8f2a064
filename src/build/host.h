/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine gives a build: its Node, where packages come from, which certificates to trust. Asked of node and
 * npm themselves; of npm's settings only the registry's address is taken, never a token. */
#ifndef FREEHOLD_BUILD_HOST_H
#define FREEHOLD_BUILD_HOST_H

#include <stdbool.h>

#include "base/err.h"
#include "os/file.h"

struct build_host {
	char registry[1024]; /* "https://…/" */
	char node_version[32]; /* "20.20.2" */
	int node_major;
	int node_minor;
	char node_bin[FILE_PATH_SIZE]; /* the folder that holds node and npm */
	char node_prefix[FILE_PATH_SIZE]; /* to be bound when Node lives outside /usr, or "" */
	char ca_file[FILE_PATH_SIZE]; /* NODE_EXTRA_CA_CERTS, else what this machine trusts where its owner added to
					 that, else "" */
};

/* ERR_UNAVAILABLE says what is not installed. */
bool build_host_ask(struct build_host *ret_host, struct err *err);

#endif
