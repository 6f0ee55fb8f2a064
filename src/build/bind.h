/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes an environment's address and keys into a packaged build. The files that hold placeholders are kept as built in
 * release_dir/unbound (build_package puts them there); release_dir/public gets them with the values. So the same build
 * can be bound again, for a new domain or as the production release of a preview, from what lies in the release itself.
 *
 * A file keeps its fingerprinted name when it is bound. Under one address a browser may therefore hold on to the keys
 * of the first release that had that name, which is why former keys are accepted until the owner says otherwise
 * (app/keys.h). */
#ifndef FREEHOLD_BUILD_BIND_H
#define FREEHOLD_BUILD_BIND_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct build_values {
	const char *origin; /* "https://shop.example.com", "http://shop.localhost:8080"; no path */
	const char *anon_key;
	const char *publishable_key;
	const char *project; /* the app's name, where code asks for a project id */
};

/* ret_outcome (the caller's): {"files": [path below public], "hash_bound", "duration_ms"}. Each file is replaced whole
 * (rename); run again after a crash it does the same. ERR_INVALID for values that could end a string in code. */
bool build_bind(const char *release_dir, const struct build_values *values, json_t **ret_outcome, struct err *err);

/* The pure part: appends the text with the values written; returns how many. */
int bind_text(struct str text, const struct build_values *values, struct buf *ret_text);

/* Does a text hold a placeholder? */
bool bind_is_needed(struct str text);

#endif
