/* SPDX-License-Identifier: Apache-2.0 */
#include "store/setting.h"

#include <sqlite3.h>

bool setting_get(struct db *db, const char *app, const char *name, int64_t *inout_value, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select value from setting where app = ? and name = ?", "ss", app, name);
	if (db_row(&q)) *inout_value = sqlite3_column_int64(q.stmt, 0);
	return db_end(&q, err);
}

bool setting_set(struct db *db, const char *app, const char *name, int64_t value, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into setting (app, name, value) values (?, ?, ?) "
		      "on conflict (app, name) do update set value = excluded.value",
		      "ssi", app, name, value);
}
