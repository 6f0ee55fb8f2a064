/* SPDX-License-Identifier: Apache-2.0
 *
 * What visitors get: the address of an app, the switch by hand, and which release answers. */
#ifndef FREEHOLD_APP_LIVE_H
#define FREEHOLD_APP_LIVE_H

#include <jansson.h>

#include "app/flow.h"

/* Gives the app its address, http://<app>.localhost:<port>; takes it away; answers 503 there while it is stopped. */
bool live_publish(const struct flow *f, const char *app, struct err *err);
bool live_withdraw(const struct flow *f, const char *app, struct err *err);
bool live_set_stopped(const struct flow *f, const char *app, bool is_stopped, struct err *err);

/* "one drops the table votes, one …": sentences of what migrations took away, the first few of them. */
void live_put_losses(struct buf *out, const json_t *sentences);

/* Asks the edge, as a visitor, which release answers. */
bool live_served_release(const struct flow *f, const char *app, int64_t *ret_release, struct err *err);

/* The release's fingerprinted files under their names again, where another release's took them. */
bool live_restore_assets(const char *app_dir, int64_t number, struct err *err);

/* After a crash: what `live` points at is the truth, and the journal is made to say so. The history of switches alone,
 * or also which deployment is live: not while one runs, it would be taken for ended. */
bool live_note_switch(const struct flow *f, const char *app, int64_t *ret_live, struct err *err);
bool live_reconcile(const struct flow *f, const char *app, struct err *err);

/* Puts release `to` live (0: the one that was before the live one) and waits until the edge serves it. ret_outcome is
 * {"from", "to", "ready_ms", "switch_ms", "first_served_ms", "notes"}: its server answers, the link is swapped, a
 * visitor gets it. Of a stopped app "first_served_ms" is null, since no visitor gets anything. The database stays as it
 * is. */
bool live_rollback(const struct flow *f, const char *app, int64_t to, json_t **ret_outcome, struct err *err);

/* Does this rollback start or stop a server? Then it waits, and is not for the daemon's loop: `freeholdd --rollback`.
 */
bool live_rollback_has_server(const struct flow *f, const char *app, int64_t to);

/* Releases for docs/api.md, newest first; the caller owns the list. */
bool live_releases_json(const struct flow *f, const char *app, json_t **ret_list, struct err *err);

#endif
