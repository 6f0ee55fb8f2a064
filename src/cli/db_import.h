/* SPDX-License-Identifier: Apache-2.0
 *
 * What freehold db import is made of: db_import.c a whole database, db_import_files.c the files of its storage,
 * db_csv.c rows of one table. */
#ifndef FREEHOLD_CLI_DB_IMPORT_H
#define FREEHOLD_CLI_DB_IMPORT_H

#include "cli/db.h"

/* db_move.c asks for the copy and for the last one (without words), and shows what is next after each. */
bool db_import_move(const struct db_words *w, int *ret_status, struct err *err);
void db_move_put_next(const struct db_words *w, const json_t *journal, struct buf *out);

/* Tells the daemon what --files and the key say; nothing without --files. */
bool db_import_tell_files(const struct db_words *w, struct err *err);

/* The report's "files", for people; NULL is allowed. */
void db_import_put_files(const json_t *files, struct buf *out);

/* A CSV file into --table. */
bool db_csv_is(const char *file);
bool db_csv(const struct db_words *w, int *ret_status, struct err *err);

#endif
