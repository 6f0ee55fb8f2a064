/* SPDX-License-Identifier: Apache-2.0
 *
 * The mail sender that Lovable gives its apps (npm's @lovable.dev/email-js), answered here: a mail goes into the queue
 * of the app's own mails (mail/queue.h) and leaves through the owner's mail server, from the address that is set there.
 */
#ifndef FREEHOLD_BIN_BACKEND_LETTER_H
#define FREEHOLD_BIN_BACKEND_LETTER_H

#include "bin/backend/exchange.h"

#define LETTER_BODY_MAX_BYTES (2u << 20)
#define LETTER_RECIPIENTS_MAX 14 /* of one call */

/* path: "/v1/messaging/email/send". Owes the exchange's end. The same Idempotency-Key queues nothing twice. Without a
 * mail server it is 503, which email-js tries again. */
void letter_answer(struct exchange *x, struct str path);

#endif
