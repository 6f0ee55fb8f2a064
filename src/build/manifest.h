/* SPDX-License-Identifier: Apache-2.0
 *
 * What an install is made from: package.json, lockfiles, package managers' settings. Read in a child. */
#ifndef FREEHOLD_BUILD_MANIFEST_H
#define FREEHOLD_BUILD_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

#define MANIFEST_FILE_MAX_BYTES (32u << 20) /* a lockfile */
#define MANIFEST_KEY_SIZE 41 /* hex, and NUL */

struct manifest {
	bool has_bun_lock, has_npm_lock, has_bun_lockb, has_pnpm_lock, has_yarn_lock;
	bool has_package; /* a package.json at all */
	bool has_workspaces; /* several packages in one repository: installed in place, not cached */
	/* An install may look at any file (scripts of its own, file: packages, patches): all is copied and hashed. */
	bool needs_all;
	bool has_postinstall, has_prepare; /* scripts of the app itself */
	int pnpm_major; /* that wrote pnpm-lock.yaml */
	int rewritten; /* addresses of a private package cache that now point at the registry */
	char node_wish[64]; /* .nvmrc, engines.node, volta.node, or "" */
	int node_floor; /* the major that its packages need, 0: any */
	char addition[64]; /* a package that must be there besides, "@sveltejs/adapter-node@5", or "" */
	char key[MANIFEST_KEY_SIZE];
};

/* Points the lockfiles of app_dir (our copy) at the registry where they name a builder's private package cache, reads
 * them, and makes the key: a hash of package.json, of all lockfiles and settings, of `salt` (Node's version), and of
 * every file when needs_all. */
bool manifest_read(const struct build_job *job, const char *app_dir, const char *registry, const char *salt,
		   struct manifest *ret_manifest, struct err *err);

/* Copies what an install needs of app_dir to `to`/app; `to` is an empty folder of the code user. */
bool manifest_copy(const struct build_job *job, const struct manifest *manifest, const char *app_dir, const char *to,
		   struct err *err);

/* Replaces https://HOST/lovable-core-prod/sandbox-npm-cache/ by the registry. Appends to ret_text; returns how many. */
int manifest_rewrite(struct str text, struct str registry, struct buf *ret_text);

/* SvelteKit's adapter for Node, of the major that fits the kit, where the app has one for elsewhere (build/preset.h) or
 * adapter-auto, which would fetch it during the build. "" where none is wanted. */
const char *manifest_addition(const json_t *package);

/* pnpm-workspace.yaml names packages; without, it holds settings alone. */
bool manifest_is_pnpm_workspace(struct str yaml);

/* The pnpm that reads this pnpm-lock.yaml beside this pnpm-workspace.yaml ("" where there is none). */
int manifest_pnpm_major(struct str lock, struct str yaml);

/* 22 where a package wants it: TanStack Start, supabase-js from 2.110 on, Nuxt 4 …; else 0. */
int manifest_node_floor(const json_t *package);

#endif
