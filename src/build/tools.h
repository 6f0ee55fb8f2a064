/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app wants and the machine lacks, from the npm registry: bun, pnpm, another Node, Deno, fonts. Installed
 * once for all apps into cache_dir/tools, without running a script of theirs, as the user nobody; root's and read-only
 * from then on. */
#ifndef FREEHOLD_BUILD_TOOLS_H
#define FREEHOLD_BUILD_TOOLS_H

#include <stdbool.h>

#include "base/err.h"
#include "build/box.h"
#include "build/host.h"
#include "build/job.h"

bool tool_bun(const struct build_job *job, const struct build_host *host, struct box_tool *ret_tool, struct err *err);

/* major: 8 for lockfileVersion 6, 9 and 10 for 9. */
bool tool_pnpm(const struct build_job *job, const struct build_host *host, int major, struct box_tool *ret_tool,
	       struct err *err);

bool tool_node(const struct build_job *job, const struct build_host *host, int major, struct box_tool *ret_tool,
	       struct err *err);

/* Runs edge functions; major 2, whatever the newest of it is when it is first needed. */
bool tool_deno(const struct build_job *job, const struct build_host *host, struct box_tool *ret_tool, struct err *err);

/* A font: name is the package's, "@fontsource/inter"; ERR_NOT_FOUND when the registry has none of that name. bin is the
 * package's folder. */
bool tool_font(const struct build_job *job, const struct build_host *host, const char *name, struct box_tool *ret_tool,
	       struct err *err);

/* The exact version that is installed, "1.3.2", or "". */
void tool_version(const struct build_job *job, const struct box_tool *tool, char ret_version[32]);

/* The Node an app wants, from a range as package.json's engines or .nvmrc hold it (">=18", "22.x", "^20.19.0 ||
 * >=22.12.0", "v22"). floor: the major that its packages need, where the range leaves it open. 0: the machine's own
 * will do; that is also the answer to a wish for an older one and to one that is not understood. A machine's own before
 * 20 is for apps that ask for it; the others get 22. */
int tool_wanted_node(const char *range, int floor, int host_major, int host_minor);

#endif
