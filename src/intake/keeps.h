/* SPDX-License-Identifier: Apache-2.0
 *
 * What an app's server writes beside its database, as its code says it: uploads/ given to multer, folders made and
 * files written by fs with a path that stands in the code, SQLite files. A release cannot be written to, so these are
 * linked to the app's data. What the code computes is not seen here; it is learned from the running server's log
 * (app/kept.h). Pure; in the sandbox. */
#ifndef FREEHOLD_INTAKE_KEEPS_H
#define FREEHOLD_INTAKE_KEEPS_H

#include <jansson.h>

#include "base/str.h"

#define KEEPS_MAX 50

/* Adds {path, kind: "folder"|"file", file, line} to keeps, each path once, none below another; path is relative to the
 * app's folder. text without comments (scan_blank_comments). Code and output folders are never kept. */
void keeps_scan(json_t *keeps, const char *path, struct str text);

#endif
