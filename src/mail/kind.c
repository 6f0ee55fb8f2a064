/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/kind.h"

#include <string.h>

static const char *const words[MAIL_KINDS] = {
    [MAIL_CONFIRMATION] = "confirmation",
    [MAIL_INVITE] = "invite",
    [MAIL_RECOVERY] = "recovery",
    [MAIL_MAGIC_LINK] = "magic_link",
    [MAIL_EMAIL_CHANGE] = "email_change",
    [MAIL_REAUTHENTICATION] = "reauthentication",
    [MAIL_PASSWORD_CHANGED] = "password_changed",
    [MAIL_EMAIL_CHANGED] = "email_changed",
    [MAIL_PHONE_CHANGED] = "phone_changed",
    [MAIL_IDENTITY_LINKED] = "identity_linked",
    [MAIL_IDENTITY_UNLINKED] = "identity_unlinked",
    [MAIL_MFA_ENROLLED] = "mfa_factor_enrolled",
    [MAIL_MFA_UNENROLLED] = "mfa_factor_unenrolled",
};

static const char *const names[MAIL_KINDS] = {
    "confirmation",
    "invite",
    "recovery",
    "magic_link",
    "email_change",
    "reauthentication",
    "password_changed_notification",
    "email_changed_notification",
    "phone_changed_notification",
    "identity_linked_notification",
    "identity_unlinked_notification",
    "mfa_factor_enrolled_notification",
    "mfa_factor_unenrolled_notification",
};

const char *mail_kind_name(enum mail_kind kind)
{
	return names[kind];
}

const char *mail_kind_word(enum mail_kind kind)
{
	return words[kind];
}

bool mail_kind_find_word(struct str word, enum mail_kind *ret_kind)
{
	for (int i = 0; i < MAIL_KINDS; i++) {
		if (!str_eq(word, str_from(words[i]))) continue;
		*ret_kind = (enum mail_kind)i;
		return true;
	}
	return false;
}
