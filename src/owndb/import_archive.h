/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways in, for import.c. */
#ifndef FREEHOLD_OWNDB_IMPORT_ARCHIVE_H
#define FREEHOLD_OWNDB_IMPORT_ARCHIVE_H

#include "owndb/import.h"

bool import_archive(struct import *im, const char *archive, struct err *err);
bool import_script(struct import *im, struct err *err);

/* Makes the roles, a list of names, in the new cluster. */
bool import_roles(struct import *im, const json_t *missing, struct err *err);

/* A database of its own for what is the host's, with the extensions that its tables need. */
bool import_make_aside(struct import *im, struct err *err);

#endif
