/* SPDX-License-Identifier: Apache-2.0
 *
 * The text that stands beside an HTML mail: made from it, with its links written out. */
#ifndef FREEHOLD_MAIL_PLAIN_H
#define FREEHOLD_MAIL_PLAIN_H

#include "base/buf.h"
#include "base/str.h"

/* Appends; never more than the HTML is long, some line breaks aside. Any bytes are taken. */
void mail_plain_from_html(struct str html, struct buf *ret_text);

#endif
