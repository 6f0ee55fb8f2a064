/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend in PostgREST's place: it serves at / with PostgREST's settings, and on the admin port what admin.h says;
 * as one process, or as several with one above them (workers.h).
 *
 *     settings of file and environment ─▶ listening ─▶ settings of the database ─▶ schema ─▶ ready
 *                                                         ▲
 *                  SIGUSR1, SIGUSR2, NOTIFY ──────────────┘
 *
 * Until the database's settings have been read requests get 503, and the database is waited for. Settings that are
 * needed to listen and to connect stay as they were at the start. SIGTERM and SIGINT stop once what runs is answered.
 */
#ifndef FREEHOLD_BIN_BACKEND_STANDALONE_H
#define FREEHOLD_BIN_BACKEND_STANDALONE_H

#include "bin/backend/pgrst.h"

/* Where settings are read from, again and again. */
struct standalone_source {
	const char *path; /* NULL: no file */
	const char *const *environment;
};

/* Until it is told to stop; the exit status. settings: of the source, without the database's. */
int standalone_serve(const struct standalone_source *source, struct pgrst *settings);

#endif
