/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of variables as builders' tools write them (.env): NAME=value a line, "export " before it or not, comments from
 * # on, a value in single quotes as it stands, in double quotes with \n \r \t \" \\ and over several lines. ${OTHER}
 * is not replaced: a file that wants it is read by a shell. */
#ifndef FREEHOLD_CODEC_DOTENV_H
#define FREEHOLD_CODEC_DOTENV_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define DOTENV_MAX_BYTES (1u << 20)

/* Calls each for every variable in order; the value is borrowed for the call. ERR_INVALID names the line that is none.
 */
bool dotenv_parse(struct str text, bool (*each)(void *arg, struct str name, struct str value, struct err *err),
		  void *arg, struct err *err);

#endif
