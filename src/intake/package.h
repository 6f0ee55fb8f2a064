/* SPDX-License-Identifier: Apache-2.0
 *
 * package.json and what lies beside it: dependencies, scripts, lockfiles, the Node version, the output folder. */
#ifndef FREEHOLD_INTAKE_PACKAGE_H
#define FREEHOLD_INTAKE_PACKAGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "intake/source.h"

/* Parses a package.json: an object, the caller's. Unlike elsewhere a key may stand twice, as npm allows. */
bool package_parse(struct str text, json_t **ret_package, struct err *err);
bool package_read(const struct source *source, const struct source_file *file, json_t **ret_package, struct err *err);

/* The wished version of a dependency of any kind, or NULL; borrowed. */
const char *package_dependency(const json_t *package, const char *name);
const char *package_script(const json_t *package, const char *name);

/* package_manager, lockfiles and node of the inspection. */
void package_put_tools(const struct source *source, const char *root, const json_t *package, json_t *inspection);

/* output_dir of the inspection: the literal outDir of vite_config (a name in root, or NULL), or --outDir. */
void package_put_output(const struct source *source, const char *root, const json_t *package, const char *vite_config,
			const char *shape, json_t *inspection);

/* The literal behind outDir in a Vite configuration. False: it is not set. *ret_dir.ptr is NULL when it is computed.
 * Borrowed from text, of which comments were blanked. */
bool package_vite_out_dir(struct str text, struct str *ret_dir);

#endif
