/* SPDX-License-Identifier: Apache-2.0
 *
 * The server that a build left, if it left one: what of it runs, how it is started, and which of its files the edge may
 * serve by itself. Decided by what lies there after the build, not by the framework's name:
 *
 *   .output/server/index.mjs      Nitro (TanStack Start, Nuxt): runs by itself, assets in .output/public
 *   .next/standalone/server.js    Next.js built with NEXT_PRIVATE_STANDALONE: runs by itself, assets in .next/static
 *   dist/server/server.js         TanStack Start without Nitro: a fetch handler, started by build/fetch_server.mjs
 *   dist/server/entry.mjs         Astro's Node adapter; assets in dist/client
 *   build/handler.js              SvelteKit's Node adapter; assets in build/client
 *   a start script                whatever it starts (Express, React Router, Remix, next start …), from the app's
 * folder
 *
 * A start script that only shows files (vite preview, serve) is none, and neither is one beside an output of pages.
 * What runs by itself has what it needs of node_modules; the others get those of the install, kept once for all
 * releases that want the same. */
#ifndef FREEHOLD_BUILD_SERVER_H
#define FREEHOLD_BUILD_SERVER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

#define SERVER_MAX_FILES 200000
#define SERVER_MAX_BYTES (2ull << 30)

struct server_plan {
	const char *tree; /* the folder that becomes server/, below the app's; "." */
	const char
	    *assets[3]; /* folders with files that may be fingerprinted, below the app's; the first that is there */
	const char *assets_below; /* where those lie in URLs, "" or "_next/static" */
	bool needs_modules;
	json_t *server; /* grows into "server" of release.json: kind, argv, cwd, env, health */
};

/* False with ERR_NOT_FOUND: no server, the build is a site of files. plan->server is the caller's. */
bool server_find(const struct build_job *job, struct server_plan *ret_plan, struct err *err);

/* Makes release_dir/server, and modules_dir/KEY/node_modules where it is needed and not there; completes plan->server
 * ("modules", "tools", "node_bin", "node_prefix", "keeps", "files", "bytes"). Paths of "keeps" become links to /data.
 * server/ is ours, readable for the code user. */
bool server_package(const struct build_job *job, struct server_plan *plan, const char *release_dir,
		    const char *modules_dir, struct err *err);

/* "NAME=value" that a build of this shape needs so that it leaves a server for this machine, NULL-terminated. */
const char *const *server_build_env(const char *shape);

/* Pure: a start script as words, {"argv", "env"}. One that needs a shell gets sh -c. NULL: it shows files only. */
json_t *server_read_script(const char *script);

#endif
