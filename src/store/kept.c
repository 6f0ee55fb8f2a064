/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kept.h"

#include "base/clock.h"

static bool count(struct db *db, const char *app, int64_t *ret_count, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select count(*) from kept where app = ?", "s", app);
	if (db_row(&q)) *ret_count = sqlite3_column_int64(q.stmt, 0);
	return db_end(&q, err);
}

bool kept_add(struct db *db, const char *app, const char *path, const char *kind, bool *ret_is_new, struct err *err)
{
	int changes = 0;
	int64_t there = 0;
	if (!count(db, app, &there, err)) return false;
	if (there >= KEPT_MAX) return err_set(err, ERR_LIMIT, "%s keeps %d paths, and no more are kept", app, KEPT_MAX);
	if (!db_run(db, &changes, err,
		    "insert into kept (app, path, kind, found_at) values (?, ?, ?, ?) on conflict do nothing", "sssi",
		    app, path, kind, clock_wall_ms()))
		return false;
	if (ret_is_new != NULL) *ret_is_new = changes > 0;
	return true;
}

bool kept_list(struct db *db, const char *app, json_t *ret_list, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select path, kind from kept where app = ? order by path", "s", app);
	while (db_row(&q))
		json_array_append_new(ret_list,
				      json_pack("{s:s, s:s}", "path", db_text(&q, 0), "kind", db_text(&q, 1)));
	return db_end(&q, err);
}
