/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a person may be sent: the app's own address and the owner's list (settings: site_url, redirect_urls), by
 * upstream's rules. Pure. An address that is not allowed is never an error; it becomes site_url.
 *
 * Patterns of the list: `*` any run without . and /, `**` any run, `?` one character but . and /, [abc] [a-z] [!a],
 * {one,two}, `\` takes the next as it is. The fragment does not count. */
#ifndef FREEHOLD_AUTH_REDIRECT_H
#define FREEHOLD_AUTH_REDIRECT_H

#include <stdbool.h>

#include "auth/settings.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define REDIRECT_MAX_BYTES 4096

bool redirect_is_allowed(const struct auth_settings *settings, struct str url);

/* The first that is allowed, of what the request names, what it came from, and site_url. NULL at the arena's limit. */
const char *redirect_choose(const struct auth_settings *settings, struct arena *a, struct str wish, struct str referer);

bool redirect_glob_match(const char *pattern, struct str text);

/* url with a parameter more, in its query or in its fragment, before what is there of either. Values are encoded here.
 * Begin with {.url = …}; redirect_text gives the whole, NULL at the arena's limit. */
struct redirect {
	struct str url;
	struct buf query, fragment; /* made by redirect_init, let go by redirect_done */
};
void redirect_init(struct redirect *r, struct str url);
void redirect_done(struct redirect *r);
void redirect_query(struct redirect *r, const char *name, const char *value); /* replaces one of that name */
void redirect_fragment(struct redirect *r, const char *name, const char *value);
char *redirect_text(const struct redirect *r, struct arena *a);

#define REDIRECT_CLEANUP __attribute__((cleanup(redirect_done)))

#endif
