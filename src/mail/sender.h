/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends what is queued (mail/queue.h), on the event loop, for as long as it lives:
 *
 *     woken ─▶ claim ─▶ deliver (four at a time) ─▶ settle ─▶ claim …      nothing due ─▶ sleep until the next is
 *
 * Woken by NOTIFY when a mail is queued, at the start, after PostgreSQL was away, and when a pause is over. Nothing but
 * the database knows what is to be sent, so that neither a death nor a mail server that is down loses anything. Without
 * a mail server it sleeps. */
#ifndef FREEHOLD_MAIL_SENDER_H
#define FREEHOLD_MAIL_SENDER_H

#include <uv.h>

#include "mail/smtp.h"
#include "pg/pool.h"

#define MAIL_SENDER_CONCURRENT 4

struct mail_sender;

/* The pool is one of supabase_auth_admin, conninfo the same (for LISTEN). The pool must outlive it. */
struct mail_sender *mail_sender_new(uv_loop_t *loop, struct pg_pool *pool, const char *conninfo);

/* The mail server from now on; copied. What failed at the one before is tried again at once. NULL: none; what is under
 * way ends, nothing more is begun. ERR_INVALID leaves
 * what was. */
bool mail_sender_set(struct mail_sender *sender, const struct mail_smtp *smtp, struct err *err);

/* Cuts what is under way; another sender delivers it when the claims have run out. Before pg_pool_stop. The sender is
 * gone when the loop has closed its handles and the pool has answered. */
void mail_sender_stop(struct mail_sender *sender);

#endif
