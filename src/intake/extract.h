/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of intake_unpack: takes a hostile archive apart. Runs in the sandbox as the app's user. */
#ifndef FREEHOLD_INTAKE_EXTRACT_H
#define FREEHOLD_INTAKE_EXTRACT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "intake/limits.h"

/* Reads zip, tar, tar.gz or tar.zst (recognised by content) from fd into the folder target, which should be empty.
 * Regular files and folders only; anything else is ERR_REFUSED and names the entry, a limit is ERR_LIMIT. On failure
 * what was written stays: the caller empties the folder. may_strip: a single folder that holds everything is taken off.
 */
bool extract_archive(int fd, const char *target, const struct intake_limits *limits, bool may_strip,
		     struct intake_unpacked *ret_unpacked, struct err *err);

enum extract_verdict { EXTRACT_TAKE, EXTRACT_SKIP, EXTRACT_REFUSE };

/* Judges an entry's name. ret_path gets it without "./" and doubled or trailing slashes ("" for the top itself); on
 * EXTRACT_REFUSE ret_reason says why, in words that follow the name. Pure. */
enum extract_verdict extract_judge_name(struct str name, const struct intake_limits *limits, char *ret_path,
					size_t path_size, const char **ret_reason);

#endif
