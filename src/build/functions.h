/* SPDX-License-Identifier: Apache-2.0
 *
 * Edge functions of an export (supabase/functions) made ready to run without a network: every import led to where it
 * really comes from (functions/resolve.mjs), fetched, locked and kept in the release. Deno does it, in the sandbox, by
 * functions/vendor.mjs, which says what lies where; nothing of the app runs meanwhile. */
#ifndef FREEHOLD_BUILD_FUNCTIONS_H
#define FREEHOLD_BUILD_FUNCTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "build/job.h"

#define FUNCTIONS_MAX 200 /* of one app */
#define FUNCTIONS_NAME_MAX 64

struct functions_text {
	const char *name, *text;
};
extern const struct functions_text functions_texts[];

/* Does the inspection list any? */
bool functions_are_there(const struct build_job *job);

/* Leaves work_dir/functions. ret_outcome (the caller's): {"list": [{"name", "entry", "verify_jwt", "refusal"}],
 * "problems": [{"function", "file", "line", "url", "why"}], "adaptations": [{"file", "line", "what"}], "packages":
 * [TEXT], "deno": VERSION, "registry": URL (its packages lie below
 * its name), "tools": [{"name", "bin"}], "duration_ms"}. A function with a refusal cannot run: an import of it
 * cannot be had; that is no error here. */
bool functions_build(const struct build_job *job, json_t **ret_outcome, struct err *err);

/* Makes release_dir/functions of it (what build/bind.h writes to is kept in release_dir/unbound-functions), readable
 * for the code user only, and for the edge release_dir/functions-known/NAME and, for those that anybody may call
 * without a token, release_dir/functions-open/NAME. list is the outcome's. former_dir is a release of the app that has
 * functions, or NULL: packages that are the same there become hard links to its files. */
bool functions_package(const struct build_job *job, const json_t *list, const char *former_dir, const char *release_dir,
		       struct err *err);

/* ^[A-Za-z0-9][A-Za-z0-9_-]*$, at most FUNCTIONS_NAME_MAX */
bool functions_is_name(const char *name);

#endif
