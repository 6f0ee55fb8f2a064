/* SPDX-License-Identifier: Apache-2.0
 *
 * One mail to the owner's mail server, by libcurl.
 *
 * libcurl's SMTP waits for the answer to a mail's text, and to QUIT, without going back to the event loop, in its multi
 * interface too. A mail server takes its time there. So each delivery has a thread of its own, which shares nothing
 * with the loop but the wish to stop; the sender has four at most. libuv's pool is left to the hashing of passwords.
 *
 * What an answer means (RFC 5321, 4.2.1): 2xx sent. 5xx to RCPT or after the mail was sent: this mail will never go.
 * All else (4xx, no connection, no TLS, a refused password or sender) may be better later, or once the owner has mended
 * the settings: again. */
#ifndef FREEHOLD_MAIL_SMTP_H
#define FREEHOLD_MAIL_SMTP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

#define MAIL_ANSWER_SIZE 400
#define MAIL_CONNECT_MS 15000
#define MAIL_ANSWER_MS 30000 /* of the server, to one command */
#define MAIL_DELIVER_MS 60000 /* for all of it but QUIT; with that below MAIL_CLAIM_S */

enum mail_security {
	MAIL_TLS_AUTO, /* port 465: TLS. Else STARTTLS: demanded where a password is sent or the server is another
			* machine, used where offered otherwise */
	MAIL_TLS_START, /* STARTTLS or nothing */
	MAIL_TLS_FULL, /* TLS from the first byte */
	MAIL_TLS_NONE,
};

struct mail_smtp {
	const char *host;
	uint16_t port; /* 0: 587 */
	enum mail_security security;
	const char *user, *password; /* NULL: without */
	const char *from_address; /* sound */
	const char *from_name; /* may be NULL */
	const char *ca_file; /* certificates to trust, PEM; NULL: the system's */
	double retry_s; /* pause after the first failure; 0: 10. It doubles up to 15 minutes */
};

/* Borrowed until mail_deliver returns, but for html and plain: until done. */
struct mail_letter {
	const char *message_id; /* without <> and domain */
	const char *to, *subject, *html, *plain;
	int64_t date_s;
};

enum mail_outcome { MAIL_SENT, MAIL_AGAIN, MAIL_DEAD };

struct mail_delivery;

/* done is called once, from the loop, never from inside; answer is the server's last line, or why there is none. The
 * delivery is gone then, and its handle soon after. ERR_INVALID when the settings or the address cannot stand in a
 * mail; done is then not called. */
bool mail_deliver(uv_loop_t *loop, const struct mail_smtp *smtp, const struct mail_letter *letter,
		  void (*done)(void *arg, enum mail_outcome outcome, const char *answer), void *arg,
		  struct mail_delivery **ret_delivery, struct err *err);

/* Ends it within about a second; done is called. */
void mail_delivery_cancel(struct mail_delivery *delivery);

/* Sound settings? ERR_INVALID names the one that is not. */
bool mail_smtp_check(const struct mail_smtp *smtp, struct err *err);

#endif
