/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of install.h share: install_ladder.c finds the way that holds, install_after.c does what follows in
 * the folder it made, install.c is the phase, with what it keeps for the next deployment. */
#ifndef FREEHOLD_BUILD_INSTALL_PRIVATE_H
#define FREEHOLD_BUILD_INSTALL_PRIVATE_H

#include "base/buf.h"
#include "build/install.h"
#include "build/manifest.h"

#define INSTALL_WHY_MAX_BYTES 400

enum install_tool { INSTALL_BY_NPM, INSTALL_BY_BUN, INSTALL_BY_PNPM };

struct install {
	const struct build_job *job;
	struct manifest manifest;
	struct installed found;
	char app_dir[FILE_PATH_SIZE]; /* our copy */
	char into[FILE_PATH_SIZE]; /* where the install runs: a staged folder's app, or our copy */
	char download[FILE_PATH_SIZE];
	json_t *outcome;
};

/* Which package manager goes with a rung, by its name; npm for one that is not known. */
enum install_tool install_tool_of(const char *rung);
/* Bun or pnpm among the tools of the install; nothing to do for npm. */
bool install_add_tool(struct install *in, enum install_tool tool, struct err *err);

/* Climbs until a rung holds; ret_rung is its name. */
bool install_climb(struct install *in, const char **ret_rung, struct err *err);

void install_note(struct install *in, const char *text);

/* Runs a command of the install. ret_why, on false, has the reason in the program's words. */
bool install_command(struct install *in, const char *const *argv, bool has_network, struct buf *ret_why,
		     struct sandbox_result *ret_result, struct err *err);
bool install_is_over_a_limit(const struct sandbox_result *result);

/* Behind the ladder, in this order: the package that the app's own would fetch during the build, the app's own scripts,
 * what was installed (its size, and the packages whose scripts did not run), the parts in C++. */
bool install_add_package(struct install *in, const char *rung, struct err *err);
bool install_own_scripts(struct install *in, struct err *err);
bool install_finish(struct install *in, uint64_t *ret_bytes, struct err *err);
bool install_make_native(struct install *in, const char *rung, struct err *err);

#endif
