/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pool_use.h"

#include "base/clock.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

bool pool_use_add(struct db *db, const char *app, int64_t at_ms, const struct pool_use *use, struct err *err)
{
	return db_run(
		   db, NULL, err,
		   "insert into pool_use (app, hour, clients, active, waiting, demand, wait_ms)"
		   " values (?, ?, ?, ?, ?, ?, ?) on conflict do update set clients = max(clients, "
		   "excluded.clients), active = max(active, excluded.active), waiting = max(waiting, "
		   "excluded.waiting), demand = max(demand, excluded.demand), wait_ms = max(wait_ms, excluded.wait_ms)",
		   "siiiiii", app, at_ms / HOUR_MS, use->clients, use->active, use->waiting, use->demand,
		   use->wait_ms) &&
	       db_run(db, NULL, err, "delete from pool_use where hour < ?", "i",
		      (at_ms - POOL_USE_DAYS * DAY_MS) / HOUR_MS);
}

bool pool_use_peak(struct db *db, const char *app, int64_t since_ms, struct pool_use *ret_use, struct err *err)
{
	struct db_query q;
	struct pool_use use = {0};
	db_query(db, &q,
		 "select coalesce(max(clients), 0), coalesce(max(active), 0), coalesce(max(waiting), 0), "
		 "coalesce(max(demand), 0), coalesce(max(wait_ms), 0) from pool_use where app = ? and hour >= ?",
		 "si", app, since_ms / HOUR_MS);
	if (db_row(&q))
		use = (struct pool_use){sqlite3_column_int64(q.stmt, 0), sqlite3_column_int64(q.stmt, 1),
					sqlite3_column_int64(q.stmt, 2), sqlite3_column_int64(q.stmt, 3),
					sqlite3_column_int64(q.stmt, 4)};
	if (!db_end(&q, err)) return false;
	*ret_use = use;
	return true;
}

bool pool_use_list(struct db *db, const char *app, int64_t since_ms, json_t *ret_list, struct err *err)
{
	struct db_query q;
	db_query(
	    db, &q,
	    "select hour, clients, active, waiting, wait_ms from pool_use where app = ? and hour >= ? order by hour",
	    "si", app, since_ms / HOUR_MS);
	while (db_row(&q)) {
		char at[CLOCK_ISO8601_SIZE];
		clock_iso8601(sqlite3_column_int64(q.stmt, 0) * HOUR_MS, at);
		json_array_append_new(ret_list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "at", at, "clients",
							  (json_int_t)sqlite3_column_int64(q.stmt, 1), "active",
							  (json_int_t)sqlite3_column_int64(q.stmt, 2), "waiting",
							  (json_int_t)sqlite3_column_int64(q.stmt, 3), "wait_ms",
							  (json_int_t)sqlite3_column_int64(q.stmt, 4)));
	}
	return db_end(&q, err);
}
