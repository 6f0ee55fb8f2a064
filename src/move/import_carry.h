/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes into an imported database beside what its source's tables hold. */
#ifndef FREEHOLD_MOVE_IMPORT_CARRY_H
#define FREEHOLD_MOVE_IMPORT_CARRY_H

#include "move/import_source.h"

/* The record of applied migrations of the live database, where what came has none. */
bool import_carry_migrations(const struct owndb *live, const struct owndb *came, struct events *events,
			     struct err *err);

/* The secrets of a running source's vault as they are now, in the place of those that came before. */
bool import_vault_again(struct import_source *source, const struct owndb *came, struct err *err);

#endif
