/* SPDX-License-Identifier: Apache-2.0
 *
 * From an unpacked export to a release folder, phase by phase; each is a call that returns when it is done:
 *
 *   build_prepare   our own copy of the export, in work_dir                              build/job.h
 *   build_install   its dependencies, from the cache or by the ladder of lockfiles      build/install.h
 *   build_adapt     hard-coded addresses and keys become placeholders, in our copy      build/adapt.h
 *   build_run       its build script                                                    build/run.h
 *   build_package   what it left becomes release_dir/public, files only                 build/package.h
 *   build_bind      placeholders become an environment's address and keys               build/bind.h
 *
 * Static sites skip install, adapt and run. Each phase gives an outcome, a JSON object for release.json; all have
 * "duration_ms". Foreign code runs in a sandbox (os/sandbox.h) as the app's code user, what we read of the export is
 * read as that user too (build/child.h). All state between the phases lies in work_dir, so that a phase can be run
 * again; work_dir is the caller's to remove.
 *
 * Folders and who owns them (started as root; without root all is the caller's):
 *   work_dir              root; the code user may search it
 *     app/src             code user: our copy of the export
 *     install.json        root: what build_install found, for the phases behind it
 *   cache_dir             root, searchable; shared by all apps
 *     tools/NAME          root: bun, pnpm, other Nodes
 *     apps/APP/download   code user: what package managers downloaded
 *     apps/APP/deps/KEY   an installed node_modules, read by builds of this app only; KEY.json beside it is root's
 *
 * Installed dependencies and downloads belong to one app each: an install of app A runs scripts of A, so what it leaves
 * could be made to order for app B if both had the same lockfile. Tools are shared, because nothing of any app runs
 * while they are installed. */
#ifndef FREEHOLD_BUILD_JOB_H
#define FREEHOLD_BUILD_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "os/file.h"
#include "os/limits.h"

#define BUILD_MEMORY_BYTES (2000ull << 20)
#define BUILD_PROCESSES 512
#define BUILD_DEADLINE_MS (15 * 60 * 1000)
#define BUILD_FILE_BYTES (1ull << 30)
#define BUILD_DISK_RESERVE_BYTES (1ull << 30)
#define BUILD_CACHE_MAX_BYTES (10ull << 30) /* of installed dependencies of all apps; the longest unused go first */

/* Borrowed from the caller for all phases. */
struct build_job {
	const char *app; /* its name: [a-z0-9-] */
	const char *source_dir; /* the unpacked export, absolute; stays as it is; readable for the code user */
	const char *root; /* the app's folder inside it, relative; "" or NULL: itself */
	const char *work_dir; /* absolute, an existing folder, empty at build_prepare */
	const char *cache_dir; /* absolute; made when missing */
	const json_t *inspection; /* of intake; see build/wish.h for what is read of it */
	bool has_user; /* the app's code user; needed when we are root */
	uid_t uid;
	gid_t gid;
	struct limits limits; /* 0 anywhere: the default above */
	bool has_network; /* during the build script; installing always has it */
	const char *const *env; /* the owner's variables for the build, "NAME=value", NULL-terminated; or NULL */
	uint64_t cache_max_bytes; /* 0: BUILD_CACHE_MAX_BYTES */
	void (*on_line)(void *arg, int stream, struct str line); /* live output, without the line break; or NULL */
	void *arg;
};

/* Copies the export to work_dir/app/src. */
bool build_prepare(const struct build_job *job, struct err *err);

/* Our copy of the app's own folder (work_dir/app/src[/root]). */
bool build_app_path(const struct build_job *job, char ret_path[FILE_PATH_SIZE], struct err *err);

/* The job's limits with the defaults filled in. */
struct limits build_limits(const struct build_job *job);

/* Says a line of our own on the job's live output: what is being done, in words. */
void build_say(const struct build_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
