/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/database.h"

#include "flow/serve_env.h"
#include "owndb/prelude.h"
#include "owndb/server_role.h"

bool database_settle(const struct flow *f, const char *app, const struct owndb *db, struct err *err)
{
	char secret[PARTS_KEY_SIZE], password[SERVE_ENV_PASSWORD_SIZE];
	return owndb_prelude(db, NULL, err) && parts_key(f, app, "jwt_secret", secret, err) &&
	       owndb_setting_set(db, "app.settings.jwt_secret", secret, err) &&
	       serve_env_database_password(f, app, password, err) && owndb_server_role(db, password, err);
}

bool database_cache(const struct flow *f, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_home(&f->layout, "cache/postgres", ret_path, err) && file_mkdirs(ret_path, 0755, err);
}
