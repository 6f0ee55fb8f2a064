/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a Supabase project's storage, many at a time, by its storage API with the project's secret key. This
 * process waits for them: libcurl's multi interface without a loop. HTTPS, or this machine; no redirects.
 *
 * What the other side refuses for the moment (429, 5xx, a broken connection) is asked for again with growing pauses,
 * five times; then all of it ends, with an error, and what came stays. */
#ifndef FREEHOLD_MOVE_IMPORT_FETCH_H
#define FREEHOLD_MOVE_IMPORT_FETCH_H

#include "move/import_want.h"

struct fetch;

/* Without asking anybody. ERR_DENIED: a public key. */
bool fetch_check_key(const char *key, struct err *err);

/* base: "https://abcdefghijklmnopqrst.supabase.co". The key is tried: ERR_DENIED where the project refuses it, or where
 * it is a public one, which sees only what policies show. */
bool fetch_open(const char *base, const char *key, struct fetch **ret_fetch, struct err *err);
void fetch_close(struct fetch *fetch); /* NULL is allowed */

/* next gives what is to be had (false: no more, or an error in *err), done is told of each. Files go into folder_fd
 * under their versions. False: what came stays, the rest was not asked for. */
bool fetch_all(struct fetch *fetch, int folder_fd, bool (*next)(void *arg, struct want *ret_want, struct err *err),
	       void (*done)(void *arg, const struct want *want, enum want_end end), void *arg, struct err *err);

#endif
