/* SPDX-License-Identifier: Apache-2.0
 *
 * Mails that wait, in the app's database (table freehold_auth.mails, owned by supabase_auth_admin):
 *
 *     waiting ─▶ sending ─▶ sent
 *        ▲          ├─▶ dead      the address was refused for good, or it is older than MAIL_AGE_MAX_S
 *        └──────────┘             anything else: again, after a growing pause
 *
 * A row is written in the transaction that makes what the mail is about: what rolls back sends nothing, what commits is
 * sent. A sender claims a row for MAIL_CLAIM_S; when it dies meanwhile the next one sends it, so that a mail may come
 * twice (with the same Message-ID) and never not at all.
 *
 * For whoever looks: freehold_auth.mails (id, queued_at, kind, recipient, subject, state, attempts, answer, link,
 * token, html, plain, next_attempt_at, ended_at) and freehold_auth.mail_attempts (mail_id, at, outcome, answer). What a
 * mail said, its link and its token are emptied once it was sent. Without a mail server rows stay `waiting`.
 *
 * Bounded: ten thousand wait at most (SQLSTATE 53400 beyond that); sent ones are kept for MAIL_KEEP_SENT_DAYS, dead and
 * waiting ones for MAIL_KEEP_DAYS. */
#ifndef FREEHOLD_MAIL_QUEUE_H
#define FREEHOLD_MAIL_QUEUE_H

#include "mail/compose.h"
#include "pg/pool.h"

#define MAIL_AGE_MAX_S 86400 /* as long as links are good by default */
#define MAIL_CLAIM_S 120
#define MAIL_KEEP_SENT_DAYS 7
#define MAIL_KEEP_DAYS 30

#define MAIL_QUEUE_PARAMS 8

/* The statement that queues one mail; its row is the mail's number. */
extern const char mail_queue_sql[];

/* Its parameters, borrowed from the message; user_id may be NULL. */
void mail_queue_params(const struct mail_message *message, const char *user_id,
		       const char *ret_params[MAIL_QUEUE_PARAMS]);

/* The sender's. $1: how many at most, $2: how many seconds a claim lasts. Rows in the columns below. */
extern const char mail_claim_sql[];
enum {
	MAIL_COL_ID,
	MAIL_COL_MESSAGE_ID,
	MAIL_COL_TO,
	MAIL_COL_SUBJECT,
	MAIL_COL_HTML,
	MAIL_COL_PLAIN,
	MAIL_COL_ATTEMPTS, /* this one counted */
	MAIL_COL_AGE_S,
	MAIL_COL_QUEUED_AT_S, /* since 1970 */
};

/* How an attempt ended. $1 id, $2 outcome ("sent", "again", "dead"), $3 answer, $4 seconds until the next. */
extern const char mail_settle_sql[];

/* What waits is due now. */
extern const char mail_hurry_sql[];

/* Milliseconds until the next mail is due (none: null), as one row. */
extern const char mail_next_sql[];

/* Drops what is old. */
extern const char mail_sweep_sql[];

#endif
