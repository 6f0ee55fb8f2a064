/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/database.h"

#include "flow/serve_env.h"
#include "flow/tuning.h"
#include "owndb/prelude.h"
#include "owndb/server_role.h"
#include "store/setting.h"

#define CONNECTIONS_SETTING "server_connections"

bool database_settle(const struct flow *f, const struct parts *p, const struct owndb *db, struct err *err)
{
	char secret[PARTS_KEY_SIZE], password[SERVE_ENV_PASSWORD_SIZE];
	const char *app = p->app.name;
	struct tuning tuning;
	if (!tuning_find(f, p, &tuning, err)) return false;
	struct owndb sized = *db;
	sized.tune = &tuning.tune;
	return owndb_prelude(db, NULL, err) && parts_key(f, app, "jwt_secret", secret, err) &&
	       owndb_setting_set(db, "app.settings.jwt_secret", secret, err) &&
	       serve_env_database_password(f, app, password, err) && owndb_server_role(&sized, password, err) &&
	       setting_set(f->db, app, CONNECTIONS_SETTING, tuning.tune.server_connections, err);
}

bool database_server_connections(const struct flow *f, const char *app, int *ret_connections, struct err *err)
{
	int64_t number = OWNDB_SERVER_CONNECTIONS;
	if (!setting_get(f->db, app, CONNECTIONS_SETTING, &number, err)) return false;
	*ret_connections = (int)number;
	return true;
}

bool database_cache(const struct flow *f, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_home(&f->layout, "cache/postgres", ret_path, err) && file_mkdirs(ret_path, 0755, err);
}
