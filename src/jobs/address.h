/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and keys of the Supabase project that an app came from, as they stand in its jobs and functions: the
 * project's address means the app's own now, and its public key the app's own. Secret keys are left: whether one was
 * good nobody here can tell. Pure. */
#ifndef FREEHOLD_JOBS_ADDRESS_H
#define FREEHOLD_JOBS_ADDRESS_H

#include "base/arena.h"
#include "base/str.h"

#define NET_PROJECTS_MAX 8

struct address_map {
	const char *projects[NET_PROJECTS_MAX]; /* their refs: "abcdefghijklmnopqrst" */
	int project_count;
	const char *site_url; /* without a path */
	const char *anon_key, *publishable_key;
};

/* "https://REF.supabase.co/functions/v1/x" becomes site_url "/functions/v1/x", and so does
 * "https://REF.functions.supabase.co/x". Another address comes back as it is, ret_is_own false. NULL: the arena is
 * full.
 */
const char *address_map_url(const struct address_map *map, struct arena *a, const char *url, bool *ret_is_own);

/* A header's line of a request to such an address: the old public key in it becomes the app's. */
const char *address_map_header(const struct address_map *map, struct arena *a, const char *line);

#endif
