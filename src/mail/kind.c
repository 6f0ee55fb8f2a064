/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/kind.h"

#include <string.h>

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

bool mail_kind_find(const char *name, enum mail_kind *ret_kind)
{
	for (int i = 0; i < MAIL_KINDS; i++) {
		if (strcmp(names[i], name) != 0) continue;
		*ret_kind = (enum mail_kind)i;
		return true;
	}
	return false;
}
