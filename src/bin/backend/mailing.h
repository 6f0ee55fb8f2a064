/* SPDX-License-Identifier: Apache-2.0
 *
 * The app's settings of sign-in become the mail server of its sender. */
#ifndef FREEHOLD_BIN_BACKEND_MAILING_H
#define FREEHOLD_BIN_BACKEND_MAILING_H

#include "auth/settings.h"
#include "mail/sender.h"

/* What cannot be taken is logged, and leaves the one before. Is a mail server set? */
bool mailing_set(struct mail_sender *sender, const struct auth_settings *settings);

#endif
