/* SPDX-License-Identifier: Apache-2.0
 *
 * What several statements of sign-in have in common; how they are put together is pg/batch.h. */
#ifndef FREEHOLD_AUTH_SQL_H
#define FREEHOLD_AUTH_SQL_H

#include "pg/batch.h"

/* The instance_id of every row. */
#define SQL_NOBODY "'00000000-0000-0000-0000-000000000000'::uuid"

/* A time as upstream writes it; null stays null. */
#define SQL_TIME(column) "to_char(" column " at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

#endif
