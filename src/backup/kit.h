/* SPDX-License-Identifier: Apache-2.0
 *
 * The recovery kit: the home's key, the places, and a page that says what to do with them. With it and a place, and
 * nothing else, everything can be brought back; whoever has it can read all backups. Pure. */
#ifndef FREEHOLD_BACKUP_KIT_H
#define FREEHOLD_BACKUP_KIT_H

#include "base/buf.h"
#include "base/err.h"
#include "store/backup.h"

#define KIT_MAX_BYTES 65536

void kit_write(struct buf *out, const char *key, const struct backup_places *places, const char *made_at);

/* Reads what kit_write wrote, wherever in the text it stands. ret_places is given back with backup_places_done. */
bool kit_read(struct str text, char ret_key[BACKUP_KEY_SIZE], struct backup_places *ret_places, struct err *err);

#endif
