/* SPDX-License-Identifier: Apache-2.0
 *
 * A few commands on a connection of their own, from the event loop, in the simple protocol: what PgBouncer's console
 * understands, where pg/pool.h speaks the extended one. */
#ifndef FREEHOLD_PG_CONSOLE_H
#define FREEHOLD_PG_CONSOLE_H

#include <libpq-fe.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

#define CONSOLE_COMMANDS_MAX 4

/* results[i] is what command i answered, NULL where it was not reached; the console's to clear. err NULL: all were
 * answered. An answer that is an error ends it: err has its words. */
typedef void (*console_done)(void *arg, PGresult *const *results, int count, const struct err *err);

/* commands: NULL-terminated, must outlive the call (constants). done comes exactly once, never from within this call.
 * deadline_ms is for all of it. */
void pg_console_run(uv_loop_t *loop, const char *conninfo, const char *const *commands, int64_t deadline_ms,
		    console_done done, void *arg);

#endif
