/* SPDX-License-Identifier: Apache-2.0
 *
 * One command of an install or a build, in the sandbox: what all of them see, where they find things, how their output
 * becomes lines. Inside:
 *
 *   /app        our copy of the export, or a folder for an install; writable
 *   /cache      the app's download cache; only with the network
 *   /tools/N    a tool that we installed, read-only
 *   PATH        the tools, the machine's Node, then the system */
#ifndef FREEHOLD_BUILD_BOX_H
#define FREEHOLD_BUILD_BOX_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "build/host.h"
#include "build/job.h"
#include "os/sandbox.h"

#define BOX_TOOLS_MAX 3

struct box_tool {
	char name[64]; /* folder below cache_dir/tools */
	char bin[128]; /* its programs, below that */
};

struct box_call {
	const struct build_job *job;
	const struct build_host *host;
	const char *const *argv;
	const char *app_dir; /* becomes /app; NULL: none */
	const char *cwd; /* inside */
	const char *cache_dir; /* becomes /cache; NULL: none */
	const struct box_tool *tools;
	int tool_count;
	const struct sandbox_mount *mounts; /* further ones, after /app */
	int mount_count;
	const char *const *env; /* further variables, NULL-terminated, or NULL; a later one wins */
	bool has_network;
	bool is_ours; /* runs nothing of the app: as the user of tools, and without being shown */
	bool is_quiet; /* an answer for us: without being shown */
};

/* The last lines it printed, for messages; cut at its maximum. */
#define BOX_TAIL_BYTES 16384

/* Runs it. ret_tail, initialised by the caller, gets the last BOX_TAIL_BYTES of its output without terminal colours. */
bool box_run(const struct box_call *call, struct buf *ret_tail, struct sandbox_result *ret_result, struct err *err);

/* Whom tools are installed as when we are root: nobody. */
#define BOX_TOOLS_UID 65534

/* The lines of a tail that say why something failed: those around the first that names an error, else the last ones,
 * up to a stack of JavaScript, whole ones as far as they fit, at most max_bytes. Borrowed from the tail. */
struct str box_reason(struct str tail, size_t max_bytes);

#endif
