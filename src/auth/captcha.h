/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the owner wants it, a sign-up, a sign-in with a password and whatever sends a mail or message comes with the
 * answer to a CAPTCHA (gotrue_meta_security.captcha_token), which hCaptcha or Turnstile is asked about. Administrators
 * need none. */
#ifndef FREEHOLD_AUTH_CAPTCHA_H
#define FREEHOLD_AUTH_CAPTCHA_H

#include "auth/call.h"

/* next is called when the call may go on, else it is answered. */
void captcha_run(struct auth_call *call, void (*next)(struct auth_call *call));

#endif
