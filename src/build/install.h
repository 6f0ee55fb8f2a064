/* SPDX-License-Identifier: Apache-2.0
 *
 * Installs what the app depends on, the way its lockfile says, so that nobody has to know package managers. The ladder,
 * the first rung that holds wins:
 *
 *   bun.lock         bun install --frozen-lockfile
 *   npm ci           package-lock.json or npm-shrinkwrap.json
 *   bun.lockb        bun install --frozen-lockfile
 *   pnpm             pnpm install --frozen-lockfile
 *   npm install      no lockfile, or none that agrees with package.json
 *   npm install --legacy-peer-deps
 *
 * yarn.lock is no rung: npm installs then, and the notes say so. Installing has the network and therefore runs nothing
 * of the app or of its packages: no install scripts, no hooks. The app's own `postinstall` and `prepare` run behind it
 * without network; when one fails that is a note and the build decides. Packages that wanted a script are named. */
#ifndef FREEHOLD_BUILD_INSTALL_H
#define FREEHOLD_BUILD_INSTALL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/box.h"
#include "build/host.h"
#include "build/job.h"

/* ret_outcome (the caller's): {"rung", "cached", "node", "attempts": [{"rung", "why"}], "rewritten" (addresses of a
 * private package cache that were pointed at the registry), "scripts_not_run": [package], "notes": [text], "bytes",
 * "duration_ms"}. Without a package.json: {"rung": "none", …}. */
bool build_install(const struct build_job *job, json_t **ret_outcome, struct err *err);

/* What build_install left for the phases behind it, in work_dir/install.json. */
struct installed {
	struct build_host host;
	struct box_tool tools[BOX_TOOLS_MAX];
	int tool_count;
	char key[64]; /* of the cache entry; "": installed in our copy itself */
};
bool install_recall(const struct build_job *job, struct installed *ret_installed, struct err *err);

#endif
