/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of a backend in PostgREST's place: [OPTION] [FILE], with PostgREST's options. What they print goes
 * to standard output, what is wrong to standard error. */
#ifndef FREEHOLD_BIN_BACKEND_OPTIONS_H
#define FREEHOLD_BIN_BACKEND_OPTIONS_H

#include "bin/backend/standalone.h"

enum option { OPTION_SERVE, OPTION_DUMP_CONFIG, OPTION_DUMP_SCHEMA, OPTION_READY, OPTION_DONE, OPTION_WRONG };

/* Help, version and the example are answered at once: OPTION_DONE. */
enum option options_read(int argc, char *const *argv, const char **ret_path);

/* The exit status of one of the middle three. */
int options_run(enum option option, const struct standalone_source *source, const struct pgrst *settings);

#endif
