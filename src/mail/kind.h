/* SPDX-License-Identifier: Apache-2.0
 *
 * The mails that sign-in sends, by upstream's names (GoTrue's mailer templates), and what stands in them. */
#ifndef FREEHOLD_MAIL_KIND_H
#define FREEHOLD_MAIL_KIND_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

enum mail_kind {
	MAIL_CONFIRMATION,
	MAIL_INVITE,
	MAIL_RECOVERY,
	MAIL_MAGIC_LINK,
	MAIL_EMAIL_CHANGE,
	MAIL_REAUTHENTICATION,
	/* What happened to an account, told to its owner. */
	MAIL_PASSWORD_CHANGED,
	MAIL_EMAIL_CHANGED,
	MAIL_PHONE_CHANGED,
	MAIL_IDENTITY_LINKED,
	MAIL_IDENTITY_UNLINKED,
	MAIL_MFA_ENROLLED,
	MAIL_MFA_UNENROLLED,
};
#define MAIL_KINDS 13
#define MAIL_FIRST_NOTIFICATION MAIL_PASSWORD_CHANGED

/* "confirmation", "magic_link", "password_changed_notification" … */
const char *mail_kind_name(enum mail_kind kind);

/* As config.toml has it, below email.template or email.notification: "password_changed". */
const char *mail_kind_word(enum mail_kind kind);
bool mail_kind_find_word(struct str word, enum mail_kind *ret_kind);

/* What templates may name. NULL: absent, and empty where a template names it. Borrowed. */
struct mail_values {
	const char *confirmation_url; /* {{ .ConfirmationURL }} */
	const char *token; /* {{ .Token }}: the code of six digits */
	const char *token_hash; /* {{ .TokenHash }} */
	const char *site_url; /* {{ .SiteURL }} */
	const char *email; /* {{ .Email }} */
	const char *new_email; /* {{ .NewEmail }} */
	const char *old_email; /* {{ .OldEmail }} */
	const char *redirect_to; /* {{ .RedirectTo }} */
	const char *phone, *old_phone; /* {{ .Phone }}, {{ .OldPhone }} */
	const char *provider; /* {{ .Provider }} */
	const char *factor_type; /* {{ .FactorType }} */
	const json_t *data; /* {{ .Data.name }}: the user's metadata, an object */
};

#endif
