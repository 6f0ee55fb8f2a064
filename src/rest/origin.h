/* SPDX-License-Identifier: Apache-2.0
 *
 * Which request a statement was made for, read back from its text as PostgreSQL keeps it (pg_stat_statements, constants
 * taken out). So a request need not say it in its statement, where it would cost. The other half of sql_*.c: what is
 * written there is recognised here. Pure; any bytes are allowed. */
#ifndef FREEHOLD_REST_ORIGIN_H
#define FREEHOLD_REST_ORIGIN_H

#include "base/buf.h"

/* "GET /rest/v1/notes", "POST /rest/v1/rpc/hello", with " (schema reports)" where it is not public. False: the
 * statement is none of these. */
bool rest_origin(struct str sql, struct buf *ret_text);

#endif
