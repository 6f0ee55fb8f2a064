/* SPDX-License-Identifier: Apache-2.0
 *
 * A second copy of a database that is moving in, which follows its source: PostgreSQL's own subscription, in a cluster
 * of its own that nobody else uses. The first copy is the app's, to be tried and written to; this one is as the source
 * is.
 *
 *     twin_make         files of the copy that was just filled, with an identity of their own
 *     twin_clone        how it is run: with the machine's network, and careful (a clone is not)
 *     twin_subscribe    from where the copy ends (owndb/twin_source.h)
 *     twin_take_whole   what is not in the log of changes: tables without a key, sequences, materialized views
 *     twin_compare      rows and sums of every table, there and here
 *     twin_unsubscribe  now it is a cluster like any other
 *
 * What the source sends is applied as the owner of the app's tables, who is no superuser: a trigger or an expression in
 * it can do what it could in the app and no more. */
#ifndef FREEHOLD_OWNDB_TWIN_H
#define FREEHOLD_OWNDB_TWIN_H

#include "owndb/import.h"

/* dir/data, from the running cluster of im, which is stopped meanwhile and runs again afterwards. ERR_UNAVAILABLE where
 * there is no room. */
bool twin_make(struct import *im, const char *dir, struct err *err);

/* Not yet started. live: whose users it has; bin_dir is filled, and borrowed as long as the clone lives. */
bool twin_clone(struct clone *c, const struct owndb *live, const char *majors_dir, const char *dir,
		char bin_dir[FILE_PATH_SIZE], struct err *err);

/* Also of one that has subscribed already. The password goes into a file in dir that the cluster's user alone may read,
 * and into no table. */
bool twin_subscribe(const struct clone *c, const char *url, const char *name, const json_t *plan, struct err *err);
bool twin_unsubscribe(const struct clone *c, const char *name, struct err *err);

/* How often applying has failed, and how that ended the last time ("": never). */
bool twin_trouble(const struct clone *c, int64_t *ret_failures, char ret_last[400], struct err *err);

/* What has to be asked of both before writing stands still, so that it costs no time then. */
struct twin_tables {
	struct arena *arena;
	struct twin_table {
		const char *name, *columns;
		bool is_whole, is_compared, is_host;
	} * list;
	size_t count;
};
bool twin_tables_find(struct import *im, struct pg_conn *source, const json_t *plan, struct twin_tables *ret_tables,
		      struct err *err);

bool twin_take_whole(struct import *im, struct pg_conn *source, const struct twin_tables *tables, struct err *err);

/* Into the report's "tables". ERR_FAILED names the first that differs. */
bool twin_compare(struct import *im, struct pg_conn *source, const struct twin_tables *tables, struct err *err);

#endif
