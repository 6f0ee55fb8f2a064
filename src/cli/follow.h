/* SPDX-License-Identifier: Apache-2.0
 *
 * Following work that the daemon does in steps, other than a deployment: events as a deployment has them, shown the
 * same way, up to the one that says how it ended. */
#ifndef FREEHOLD_CLI_FOLLOW_H
#define FREEHOLD_CLI_FOLLOW_H

#include "cli/run.h"

struct follow {
	const char *events; /* path with query */
	const char *state; /* path that tells how it stands, {"state": "running" …}, asked when events are silent or
			      break off */
	const char *what; /* "the import of shop" */
};

/* ret_end: what the last event says, the caller's; NULL after Ctrl-C. With --json each event is printed. */
bool follow_events(struct cli *cli, const struct follow *follow, json_t **ret_end, struct err *err);

/* Sends a file, or what is read from a folder's SQL files in the order of their names, with the line of an upload.
 * *ret_answer NULL: stopped by Ctrl-C. */
bool follow_send(struct cli *cli, const char *path, const char *file, json_t **ret_answer, struct err *err);

#endif
