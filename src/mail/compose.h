/* SPDX-License-Identifier: Apache-2.0
 *
 * A mail from its kind and values: the owner's template or ours, HTML and the text beside it. Pure. */
#ifndef FREEHOLD_MAIL_COMPOSE_H
#define FREEHOLD_MAIL_COMPOSE_H

#include "base/arena.h"
#include "base/err.h"
#include "mail/kind.h"

#define MAIL_SUBJECT_MAX_BYTES 400
#define MAIL_HTML_MAX_BYTES (512u << 10)
#define MAIL_ADDRESS_MAX_BYTES 254 /* RFC 5321 */

/* The owner's own; NULL where there is none. Borrowed. */
struct mail_text {
	const char *subject, *html;
};
struct mail_texts {
	struct mail_text of[MAIL_KINDS];
};

struct mail_message {
	enum mail_kind kind;
	const char *to; /* one address, checked */
	const char *subject; /* one line */
	const char *html, *text;
	const char *link; /* NULL: none */
	const char *token; /* the code; NULL: none */
};

/* texts may be NULL. Everything of the message lives in the arena. An owner's template that fails is replaced by ours,
 * so that nobody stays outside for it, and *ret_fault then says why (NULL otherwise). ERR_INVALID: no address. */
bool mail_compose(const struct mail_texts *texts, enum mail_kind kind, const char *to, const struct mail_values *values,
		  struct arena *a, struct mail_message *ret_message, const char **ret_fault, struct err *err);

/* Tries the owner's templates of a kind on made-up values; either may be NULL. ERR_INVALID says what is wrong, and
 * where. */
bool mail_text_check(enum mail_kind kind, const struct mail_text *text, struct err *err);

/* One address as it may stand in a header and in RCPT TO: something@something.something, without spaces, control
 * characters, or what separates and quotes addresses. */
bool mail_address_is_sound(const char *address);

#endif
