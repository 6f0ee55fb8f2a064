/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a received archive apart: in a sandboxed child, as the app's user, within declared limits. */
#ifndef FREEHOLD_INTAKE_UNPACK_H
#define FREEHOLD_INTAKE_UNPACK_H

#include <stdbool.h>

#include "base/err.h"
#include "intake/child.h"
#include "intake/limits.h"

/* Unpacks archive_path (zip, tar, tar.gz, tar.zst; recognised by content) into target, an empty folder that exists and
 * that child->uid may search the way to. It is given to that user. Regular files and folders only: links, devices,
 * absolute and ".." paths, names that are not UTF-8 or hold control characters, names twice, and more than the limits
 * are refused with the entry's name, and target is empty again. node_modules/ and .git/ are left out and counted. One
 * folder that holds everything is taken off. */
bool intake_unpack(const struct intake_child *child, const char *archive_path, const char *target,
		   const struct intake_limits *limits, struct intake_unpacked *ret_unpacked, struct err *err);

/* For the modules beside this one: reads the child's summary; empties a folder (without following links). */
void unpack_read_summary(const json_t *answer, struct intake_unpacked *ret_unpacked);
void unpack_empty(const char *target);
bool unpack_prepare(const struct intake_child *child, const char *target, struct err *err);

#endif
