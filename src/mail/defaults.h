/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own texts, where an app brings none: templates like any other, so that an owner can begin from them. */
#ifndef FREEHOLD_MAIL_DEFAULTS_H
#define FREEHOLD_MAIL_DEFAULTS_H

#include "base/buf.h"
#include "mail/kind.h"

#define MAIL_DEFAULT_MAX_BYTES 8192

const char *mail_default_subject(enum mail_kind kind);
void mail_default_html(enum mail_kind kind, struct buf *ret_html);

#endif
