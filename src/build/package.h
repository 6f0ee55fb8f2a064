/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a release's public/ of what a build left, after its last process has died. Only regular files below the output
 * folder go in, opened beneath it without following a link (openat2): a link, device, socket or pipe in the output
 * stops the deployment with its name, because a build that put one there wants a file of this machine served. Names
 * that begin with a dot are left out (.env, .git, .DS_Store), but .well-known. Files become 0644, folders 0755, owned
 * by us.
 *
 * The output is the folder the inspection names, else the first of dist, build, out, public with an index.html. A
 * static site is its own output; there node_modules, supabase, *.sql, package.json and lockfiles are left out too.
 *
 * What would be served is then read in a child: a service key in it stops the deployment; files with placeholders are
 * linked into release_dir/unbound for build/bind.h.
 *
 * A build that left a server (build/server.h) gets release_dir/server beside it; public/ then has its fingerprinted
 * files only, since about every other path its server decides. Files of the server with placeholders are kept in
 * release_dir/unbound-server. */
#ifndef FREEHOLD_BUILD_PACKAGE_H
#define FREEHOLD_BUILD_PACKAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

#define PACKAGE_MAX_FILES 50000
#define PACKAGE_MAX_BYTES (4ull << 30)
#define PACKAGE_MAX_DEPTH 64

/* release_dir is an existing folder without any of them; on failure they are gone again. modules_dir is where the app's
 * releases share node_modules. ret_outcome (the
 * caller's): {"output", "files", "bytes", "hash_unbound", "assets": [path below public, fingerprinted (build/asset.h)],
 * "unbound": [path], "left_out": [path], "duration_ms", of a server "server": what release.json says of it}. */
bool build_package(const struct build_job *job, const char *release_dir, const char *modules_dir, json_t **ret_outcome,
		   struct err *err);

/* Links the files of release_dir/folder that hold placeholders into release_dir/unbound_folder, for build/bind.h. */
bool package_bind_later(const struct build_job *job, const char *release_dir, const char *folder,
			const char *unbound_folder, struct err *err);

#endif
