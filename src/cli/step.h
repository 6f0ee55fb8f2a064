/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a deployment in words that need no explanation, the field's own word behind them in brackets. */
#ifndef FREEHOLD_CLI_STEP_H
#define FREEHOLD_CLI_STEP_H

/* "put live (promote)"; a step that is not known here is its own name. */
const char *step_label(const char *name);

#define STEP_LABEL_WIDTH 31 /* cells of the longest */

#endif
