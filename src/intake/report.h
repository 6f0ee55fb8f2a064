/* SPDX-License-Identifier: Apache-2.0
 *
 * The inspection as a founder reads it: one screen, plain words. */
#ifndef FREEHOLD_INTAKE_REPORT_H
#define FREEHOLD_INTAKE_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

#define REPORT_MAX_BYTES (256u << 10)

/* Appends the text to ret_text. It says whether the app goes live as it is, needs values, stops until something is
 * accepted, or cannot; by which evidence; what is dangerous, with the message to paste; what is called that is not
 * served yet. colour: with ANSI colours. Pure. */
void intake_report(const json_t *inspection, struct buf *ret_text, bool colour);

#endif
