/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/check.h"

#include "owndb/tool.h"

#define CHECK_DEADLINE_MS ((int64_t)12 * 3600 * 1000)

bool owndb_check_pages(const struct owndb *db, struct err *err)
{
	const char *const argv[] = {"pg_checksums", "--check", "-D", db->data_dir, NULL};
	return tool_run(db, argv, CHECK_DEADLINE_MS, err) || err_wrap(err, "the pages of the restored copy");
}

bool owndb_check_structure(const struct owndb *db, struct err *err)
{
	const char *const argv[] = {"pg_amcheck", "-h",           db->socket_dir,      "-p",
				    "5432",       "-U",           OWNDB_SUPERUSER,     "--no-password",
				    "-d",         OWNDB_DATABASE, "--install-missing", "--heapallindexed",
				    NULL};
	return tool_run(db, argv, CHECK_DEADLINE_MS, err) ||
	       err_wrap(err, "the tables and indexes of the restored copy");
}
