/* SPDX-License-Identifier: Apache-2.0
 *
 * A database that comes from elsewhere, made into a new cluster beside the live one. Nothing here touches the live
 * one: at the end there is a whole cluster, compared table by table with what came, or an error and nothing.
 *
 *     import_begin       a cluster without network, of the wanted major, with the prelude
 *     import_fill        what came goes in (below)
 *     import_compare     rows and their sums, of every table, against the dump
 *     import_urls        old project addresses in rows, jobs and functions: found, and replaced where asked
 *     import_settle      statistics, what a fresh cluster knows of the app
 *
 * A dump of a whole project is parted (owndb/toc.h): the app's schemas are restored as they are, by the app's owner
 * (postgres, who is no superuser, so that nothing in a dump can become one); what the host's schemas hold goes into a
 * database of its own beside, and known tables are filled from there, column by column, so that other versions of auth
 * and storage fit. The order is: tables and rows, the host's rows, then keys, triggers and policies; no trigger runs.
 *
 * A file of SQL runs as it is, in a sandbox without network, since psql's own commands could do anything. One that
 * holds a whole project goes into a database beside first and is then taken as a dump; one that holds only rows goes
 * into a copy of the live schema. */
#ifndef FREEHOLD_OWNDB_IMPORT_H
#define FREEHOLD_OWNDB_IMPORT_H

#include <jansson.h>

#include "base/arena.h"
#include "owndb/clone.h"
#include "owndb/copy_text.h"
#include "owndb/toc.h"

#define IMPORT_ASIDE_DATABASE "incoming"
#define IMPORT_ERRORS_SHOWN 20

struct import {
	/* Set by the caller. */
	const struct owndb *live; /* its users; its cluster need not be there, where nothing below needs it */
	bool has_live; /* it is there and answers */
	const char *clones_dir, *cache_dir, *majors_dir;
	const char *work_dir; /* the cluster user's; lists and dumps on the way lie there */
	const char *file; /* a custom dump, or SQL: readable for the cluster's user */
	enum dump_kind kind;
	int major; /* of the new cluster */
	const char *bin_dir; /* of that major */
	bool makes_roles; /* roles that are not here are made, without login */
	bool accepts_errors; /* what cannot be restored is left out and listed */
	struct arena *arena;
	json_t *report; /* grows; docs/api.md IMPORT */
	void (*on_line)(void *arg, const char *text); /* what is being done; may be NULL */
	void *arg;
	/* Set by import_begin. */
	struct clone clone;
	bool is_open;
	/* Between the parts. */
	const char *compare_list; /* which entries of which archive are to be compared; NULL: none */
	const char *archive;
	struct copy_scan *scan; /* of a file of SQL */
	bool is_aside; /* what is judged happened in the database beside: what is the host's may fail there */
};

bool import_begin(struct import *im, struct err *err);
bool import_fill(struct import *im, struct err *err);
bool import_compare(struct import *im, struct err *err);

/* Tables of the app's own that the live cluster has and what came has not, by name, up to IMPORT_GONE_MAX. */
#define IMPORT_GONE_MAX 500
bool import_gone(const struct import *im, json_t **ret_names, struct err *err);

/* to NULL: only found. Rows are written past triggers. */
bool import_urls(struct import *im, const char *to, struct err *err);
bool import_analyze(struct import *im, struct err *err); /* the long part of import_settle: statistics, a checkpoint */
bool import_settle(struct import *im, bool is_analyzed, struct err *err);

/* Ends the cluster; its folder goes too unless it was taken. */
void import_end(struct import *im);

/* For the files beside. */
void import_say(const struct import *im, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool import_connect(const struct import *im, const char *role, const char *database, struct pg_conn **ret_conn,
		    struct err *err);

/* Fills known tables of auth, storage, cron and migrations from the database beside (import_managed.c). */
bool import_managed(struct import *im, struct err *err);
bool import_managed_has(const char *table); /* "auth.users" */

/* Extensions by name and schema, as CREATE EXTENSION names them; mapped to what exists here (import_extension.c). */
bool import_extension(struct import *im, struct str statement, struct err *err);

/* What a restore printed, put into the report. False when a real error is in it and it does not accept them. */
bool import_judge(struct import *im, struct str said, struct err *err);

#endif
