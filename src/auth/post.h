/* SPDX-License-Identifier: Apache-2.0
 *
 * Mails of sign-in: queued in the transaction that writes what they are about, or handed to the owner's hook
 * (send_email) before it.
 *
 *     once_sql(call_sql(call), …);                                       the token's row
 *     post_run(call, &user, posts, 1, "Error sending …", on_posted);     and the mail; both or neither
 *
 * The owner's limit of mails an hour (rate_limit.email_sent) is looked at first where addresses are confirmed by mail:
 * 429 over_email_send_rate_limit. */
#ifndef FREEHOLD_AUTH_POST_H
#define FREEHOLD_AUTH_POST_H

#include "auth/call.h"
#include "auth/once.h"
#include "mail/kind.h"

#define POSTS_MAX 2

struct post {
	enum mail_kind kind;
	const char *to;
	const struct once *once; /* NULL: a mail without code and link */
	const char *type; /* of the link: "signup", "recovery" … ; NULL: no link, a code only */
	const char *new_email, *old_email, *old_phone, *provider, *factor_type; /* NULL where they do not matter */
};

/* The user's row need hold id, email, phone and user_metadata only. Copies the posts. */
void post_run(struct auth_call *call, const struct auth_user *user, const struct post *posts, int count,
	      const char *failure, void (*on_rows)(struct auth_call *call, const PGresult *rows));

/* A notification where the owner wants those: adds its row to call->sql, or has the owner's send_email hook asked
 * before the call is answered, unless with a failure. What cannot be sent is left out and said to nobody, as upstream
 * does. */
void post_notify(struct auth_call *call, const struct auth_user *user, const struct post *post);

/* Where a user, old as they were, gets that number: that it was another one, or that the account has one more way in.
 */
void post_notify_phone(struct auth_call *call, const struct auth_user *old, const char *phone);

/* The link of a mail: EXTERNAL_URL/verify?token=…&type=…&redirect_to=…; NULL at the arena's limit. */
const char *post_link(struct auth_call *call, const struct once *once, const char *type, const char *redirect_to);

/* Answers with upstream's words when it was sent too recently; see once_sql for two at once. */
bool post_is_due(struct auth_call *call, int64_t age_ms, int64_t frequency_ms);

/* Of the mails that anybody can have sent to an address one of each kind in max_frequency, whether anybody has that
 * address or not: who asks twice is told the same. Answers 429 otherwise. Behind post_is_due, which knows of mails that
 * this process did not send. */
enum { POST_CONFIRMATION = 1, POST_RECOVERY = 2 };
bool post_turn(struct auth_call *call, const char *email, unsigned turns);

/* The same for an address that gets no mail: answers 429 also when no more mails leave in this hour. */
bool post_turn_of_nobody(struct auth_call *call, const char *email, unsigned turns);

/* For call->on_refused behind once_sql: what ONCE_TOO_SOON is to the client. */
bool post_on_refused(struct auth_call *call, const struct pg_error *why);

#endif
