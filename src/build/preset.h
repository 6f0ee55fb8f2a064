/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration that names another platform to build for: in our copy it becomes Node. Nitro's preset is taken from
 * NITRO_PRESET only where the configuration leaves it open, and SvelteKit's adapter stands in its import. Pure. */
#ifndef FREEHOLD_BUILD_PRESET_H
#define FREEHOLD_BUILD_PRESET_H

#include <stdbool.h>

#include "base/buf.h"
#include "build/adapt.h"

/* Is this a file whose platforms are looked for? By its name. */
bool preset_is_config(const char *name);

/* `preset: "cloudflare-module"`, also in the branches of a condition on that line, and "@sveltejs/adapter-vercel".
 * Tells each change; appends the whole text, changed or not. a->ref is not used. */
void preset_adapt(const struct adapt_text *a, struct buf *ret_text);

#endif
