/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend in PostgREST's place: it serves at / with PostgREST's settings, and /live, /ready, /config and
 * /schema_cache on the admin port; as one process, or as several with one above them (workers.h). SIGUSR1 loads the
 * schema again; SIGTERM and SIGINT stop once what runs is answered.
 */
#ifndef FREEHOLD_BIN_BACKEND_STANDALONE_H
#define FREEHOLD_BIN_BACKEND_STANDALONE_H

#include "bin/backend/pgrst.h"

/* Until it is told to stop; the exit status. */
int standalone_serve(struct pgrst *settings);

#endif
