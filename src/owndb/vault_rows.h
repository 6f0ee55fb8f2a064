/* SPDX-License-Identifier: Apache-2.0
 *
 * What a dump says of a vault. The secrets are encrypted with a key that lies outside the database, on the old host, so
 * they cannot come from a dump; their names stand there readable, and are told. Pure; any bytes are allowed. */
#ifndef FREEHOLD_OWNDB_VAULT_ROWS_H
#define FREEHOLD_OWNDB_VAULT_ROWS_H

#include <jansson.h>

#include "base/str.h"

#define VAULT_NAMES_MAX 1000

/* sql: the text of vault.secrets' rows (COPY … FROM stdin). Appends a name for each row. */
void vault_names(struct str sql, json_t *names);

#endif
