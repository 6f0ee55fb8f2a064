/* SPDX-License-Identifier: Apache-2.0
 *
 * The database as one file that plain pg_restore reads. */
#ifndef FREEHOLD_OWNDB_DUMP_H
#define FREEHOLD_OWNDB_DUMP_H

#include "owndb/owndb.h"

/* pg_dump's custom format of the running cluster's database, on the disk when this returns; the file has its name only
 * when it is whole, belongs to this process's user and has mode 0600. An existing file is replaced. Secrets of the
 * vault are in it encrypted; where there are any, the key goes beside it as PATH.vault-key, and ret_has_vault_key (may
 * be NULL) says so. */
bool owndb_dump(const struct owndb *db, const char *path, bool *ret_has_vault_key, struct err *err);

#endif
