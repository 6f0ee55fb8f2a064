/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes our copy of the export independent of the Supabase project it was written against: its hard-coded address and
 * public key become the placeholders of build/placeholder.h. The project is the one that supabase/config.toml, .env or
 * most of the code name; addresses of other projects are left and reported. Every change is listed.
 *
 * Variables for the build are the other half: build_env gives the placeholders under the names that builders use; a
 * process variable overrides the committed .env. */
#ifndef FREEHOLD_BUILD_ADAPT_H
#define FREEHOLD_BUILD_ADAPT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "build/job.h"

#define ADAPT_REF_SIZE 64
#define ADAPT_FILE_MAX_BYTES (8u << 20) /* larger ones are data, and stay */

/* ret_outcome (the caller's): {"project": REF or "", "adaptations": [{"file", "line", "what"}], "left": the same for
 * addresses that stay, "duration_ms"}. Refuses (ERR_REFUSED) a .env with a VITE_…SERVICE_ROLE… variable: a build would
 * write it into the page. */
bool build_adapt(const struct build_job *job, json_t **ret_outcome, struct err *err);

/* The pure part: one text. `on_change` is told each change, with `is_left` for an address that stays. */
struct adapt_text {
	struct str text;
	struct str ref; /* the project's; empty: nothing is replaced, everything is reported as left */
	void (*on_change)(void *arg, int line, const char *what, bool is_left);
	void *arg;
};
void adapt_text(const struct adapt_text *a, struct buf *ret_text); /* the whole text, changed or not */

/* The project whose address stands at text[at], if any: "https://REF.supabase.co" and kin. */
bool adapt_ref_at(struct str text, size_t at, char ret_ref[ADAPT_REF_SIZE]);

/* "NAME=placeholder" for all names under which a build may ask, NULL-terminated. */
const char *const *build_env(void);

/* May the owner's variable go into a build? ERR_REFUSED names one that would carry a service key to browsers;
 * ERR_INVALID one whose name is no name. */
bool build_env_check(const char *pair, struct err *err);

#endif
