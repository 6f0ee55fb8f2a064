/* SPDX-License-Identifier: Apache-2.0
 *
 * What an unpacked source is, what it needs and what is dangerous in it: read by the helper in its sandbox, handed over
 * as one JSON document, the inspection. It holds no values of .env files, and of secrets only what is said below.
 *
 *     schema           1
 *     shape            "vite-spa" "static" (these run) "tanstack-start" "nextjs" "express-vite" "react-router" "remix"
 *                      "astro" "sveltekit" "nuxt" "expo" "cloudflare" "node-server" "unknown"
 *     builder          "lovable" "bolt" "v0" "replit" "unknown"
 *     evidence         [{file, what}]: what decided; the shape's first
 *     root             the app's folder within the source, "" or "apps/web"; other_roots: more that look like apps
 *     runs             true, or refusal says in a sentence why not (else null)
 *     name             of package.json, or null
 *     package_manager  "npm" "bun" "pnpm" "yarn" or null; lockfiles [name]
 *     node             {wish, from} or null
 *     build_script     text or null; start_script the same
 *     versions         {package: range} of the frameworks found
 *     output_dir       where the build leaves the site, relative to root; null where the configuration computes it
 *     supabase         {uses, project_ref|null, hard_coded [{file, line, url}], keys [{file, line, role, ref}],
 *                      env [name]}; keys are literals by the role they carry; the anon key is public by design
 *     env              [{name, file, line, where: "browser"|"server"|"function", set_in: file|null, supplied,
 *                      has_default}]; supplied: Freehold sets it
 *     needs            [name]: read by the browser's code, or by the server's where there is one, set nowhere, without
 *                      a default: values to ask the owner for
 *     fonts            [{name, file, line}]: fetched from Google while it is built (next/font/google)
 *     calls            {storage, functions, auth, cron: [{name, file, line}]}: what the backend does not
 * serve yet; such a path answers 501. A name the code computes is "(computed)" functions        [{name, verify_jwt,
 * entrypoint, import_map}] below supabase/functions, the last two where supabase/config.toml says them buckets [{name,
 * public, file, line}] that the migrations create tables [name] of the generated types; migration_tables [name] that
 * exist after the migrations extensions       [{name, file, line}] that the migrations create migrations       the plan
 * of codec/migration.h; `dir` is relative to the source, not to root findings         [{name, severity:
 * "stop"|"warn"|"note", can_accept, title, detail, file|null, line, paste|null}]; name is stable
 * ("no-row-security:public.votes"); a "stop" that can_accept stops a first deployment until it is accepted by name, one
 * that cannot stops every deployment; paste is a message for the builder's chat schema_push      {tool, config} or
 * null: the database's schema is in the code (intake/schema_tool.h) keeps            [{path, kind, file, line}]: what
 * the server writes, relative to root (intake/keeps.h) sign_in          [{name, file, line}]: what of sign-in the app
 * uses and its owner sets up: "provider google", "mail", "anonymous", "linking" auth_config      the section [auth] of
 * supabase/config.toml (intake/auth_config.h) or null. It may hold a secret that somebody committed: it is not shown,
 * and kept sealed only counts           {files, bytes}
 *
 * Paths are relative to the source. Lists are bounded (INSPECT_MAX_LIST). */
#ifndef FREEHOLD_INTAKE_INSPECT_H
#define FREEHOLD_INTAKE_INSPECT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "intake/child.h"

#define INSPECT_SCHEMA 1
#define INSPECT_MAX_LIST 1000

/* dir: an absolute path the child's user can read. ret_inspection is the caller's. */
bool intake_inspect(const struct intake_child *child, const char *dir, json_t **ret_inspection, struct err *err);

/* Names of the findings that stop a first deployment and are not in `accepted` (an array of names, or NULL), and of
 * those that cannot be accepted at all. A new array; empty: nothing stops it. */
json_t *inspect_stops(const json_t *inspection, const json_t *accepted);

#endif
