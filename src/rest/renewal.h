/* SPDX-License-Identifier: Apache-2.0
 *
 * What requests go by: the catalogue, and the settings that it was read for; the two change together. They are read at
 * the start, on NOTIFY, and when asked; meanwhile requests go on with the former ones.
 *
 *     waiting to listen ─▶ reading ─▶ read ⇄ reading again
 *
 * The first reading waits until NOTIFY is heard, one second at most: what changed before that would be missed, and read
 * a second time to be sure. */
#ifndef FREEHOLD_REST_RENEWAL_H
#define FREEHOLD_REST_RENEWAL_H

#include "pg/catalogue.h"
#include "rest/rest.h"

struct renewal;

/* on_read: after each reading, whether there is a catalogue now or not. listen_conninfo NULL: nothing is heard. */
struct renewal *renewal_new(uv_loop_t *loop, struct pg_pool *pool, const struct rest_settings *settings,
			    const char *listen_conninfo, void (*on_read)(void *arg), void *arg);
void renewal_free(struct renewal *r); /* gone when the loop has closed its handle */

void renewal_begin(struct renewal *r); /* while it is read already: once more behind that */
bool renewal_is_under_way(const struct renewal *r);

struct catalogue *renewal_catalogue(const struct renewal *r); /* NULL before the first */
const struct rest_settings *renewal_settings(struct renewal *r, struct arena *a); /* held until the arena goes */

/* As rest_configure and rest_on_notify. */
void renewal_configure(struct renewal *r, const struct rest_settings *settings, void (*release)(void *arg), void *arg);
void renewal_on_notify(struct renewal *r, void (*on_notify)(void *arg), void *arg);

void renewal_stats(const struct renewal *r, struct rest_stats *ret_stats); /* the catalogue's part of it */

#endif
