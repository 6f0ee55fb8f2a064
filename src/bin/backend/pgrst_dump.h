/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings as a configuration file: as they count now (--dump-config), and as an example (--example). */
#ifndef FREEHOLD_BIN_BACKEND_PGRST_DUMP_H
#define FREEHOLD_BIN_BACKEND_PGRST_DUMP_H

#include "bin/backend/pgrst.h"

/* Each in one line, as PostgREST writes them; secrets included. */
void pgrst_dump(const struct pgrst *p, struct buf *ret_text);
void pgrst_example(struct buf *ret_text);

#endif
