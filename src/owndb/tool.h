/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL's own programs, run as the cluster's user, and what the other files of this folder share about that user.
 */
#ifndef FREEHOLD_OWNDB_TOOL_H
#define FREEHOLD_OWNDB_TOOL_H

#include "os/file.h"
#include "os/proc.h"
#include "owndb/owndb.h"

#define TOOL_NAME_SIZE 72 /* of a system user */

/* The name of the user this process runs as. */
bool tool_self(char ret_name[TOOL_NAME_SIZE], struct err *err);

/* Runs BIN/argv[0] (argv[0] a program's name), quoting what it said when it fails. deadline_ms 0: ten minutes. */
bool tool_run(const struct owndb *db, const char *const *argv, int64_t deadline_ms, struct err *err);

/* The same for one that takes long or says much: on_output gets what it prints as it comes; how it ended is the
 * caller's to judge. env NULL: tool_env. */
bool tool_stream(const struct owndb *db, const char *const *argv, const char *const *env,
		 void (*on_output)(void *arg, int stream, struct str bytes), void *arg, struct proc_result *ret_result,
		 struct err *err);

/* The environment they get: a fixed locale and nothing of ours. */
const char *const *tool_env(void);

/* Gives a file or folder with all that is in it to the cluster's user. */
bool tool_give(const struct owndb *db, const char *path, struct err *err);

/* A new, empty folder of mode 0700 that is the cluster user's. */
bool tool_make_dir(const struct owndb *db, const char *path, struct err *err);

/* The settings and access rules, written into the data folder (or the one being made). */
bool tool_write_conf(const struct owndb *db, const char *data_dir, bool is_clone, struct err *err);

/* Everything of the file system that holds path is on the disk. */
bool tool_sync(const char *path, struct err *err);

#endif
