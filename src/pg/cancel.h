/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking PostgreSQL to end what a connection runs. PQcancel opens a connection of its own and waits, so it runs beside
 * the loop, on one of libuv's threads; it only reads its own copy of where the server is. */
#ifndef FREEHOLD_PG_CANCEL_H
#define FREEHOLD_PG_CANCEL_H

#include <libpq-fe.h>
#include <uv.h>

/* Whether it comes in time, or at all, shows on the connection itself. */
void pg_cancel(uv_loop_t *loop, PGconn *raw);

#endif
