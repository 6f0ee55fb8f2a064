/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that was lost, brought back into an empty home from a place and the recovery kit. In order, so that it can
 * be run again after a kill until it is done: files into <home>/recovering, the store and the key to their places, each
 * app's folders to its users, each app's database fetched and recovered, its address. No daemon may run. */
#ifndef FREEHOLD_UPKEEP_RECOVER_SERVER_H
#define FREEHOLD_UPKEEP_RECOVER_SERVER_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

/* place 0: the one of the kit that outlives a server, else the last. at (may be NULL): where that place's folder is
 * now. Tells how far it is on standard error. ret_answer: {"apps": [{"app", "backup", "rows", "tables"} or {"app",
 * "error"}]}. An app that fails does not keep the others from coming back; ERR_FAILED then, with ret_answer set. */
bool recover_server(const char *bin_dir, const char *kit_path, int64_t place, const char *at, json_t **ret_answer,
		    struct err *err);

#endif
