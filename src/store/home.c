/* SPDX-License-Identifier: Apache-2.0 */
#include "store/home.h"

#include "base/clock.h"

bool home_get(struct db *db, const char *name, int64_t *inout_value, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select value from home_setting where name = ?", "s", name);
	if (db_row(&q)) *inout_value = sqlite3_column_int64(q.stmt, 0);
	return db_end(&q, err);
}

bool home_set(struct db *db, const char *name, int64_t value, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into home_setting (name, value) values (?, ?) "
		      "on conflict (name) do update set value = excluded.value",
		      "si", name, value);
}

int64_t home_now_ms(struct db *db)
{
	struct err ignored;
	int64_t offset_ms = 0;
	(void)home_get(db, "clock_offset_ms", &offset_ms, &ignored);
	return clock_wall_ms() + offset_ms;
}
