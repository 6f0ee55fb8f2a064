/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a mail's head. Pure; whatever comes in, one line comes out. */
#ifndef FREEHOLD_MAIL_HEADER_H
#define FREEHOLD_MAIL_HEADER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* "Name: text", with encoded words (RFC 2047) where the text is not plain ASCII, folded. Control characters become
 * spaces. */
void mail_header_text(const char *name, struct str text, struct buf *ret_line);

/* "Name: Display <address>"; display may be empty. The address must be sound (mail_address_is_sound). */
void mail_header_address(const char *name, struct str display, const char *address, struct buf *ret_line);

/* "Date: Mon, 30 Nov 2026 08:07:34 +0000" */
void mail_header_date(int64_t since_1970_s, struct buf *ret_line);

#endif
