/* SPDX-License-Identifier: Apache-2.0 */
#include "app/database.h"

#include <stdio.h>

#include "app/serve_env.h"
#include "app/tuning.h"
#include "owndb/prelude.h"
#include "store/setting.h"

#define VERIFIER "DATABASE_VERIFIER" /* the name it is kept under */
#define CONNECTIONS_SETTING "server_connections"

/* Made once, then the same for good, in whichever cluster the app has: the pool knows it, too. */
static bool keep_verifier(const struct flow *f, const char *app, const struct owndb *db,
			  char ret_verifier[OWNDB_VERIFIER_SIZE], struct err *err)
{
	char password[SERVE_ENV_PASSWORD_SIZE], made[OWNDB_VERIFIER_SIZE];
	struct buf kept BUF_CLEANUP;
	buf_init(&kept, OWNDB_VERIFIER_SIZE - 1);
	if (database_verifier(f, app, ret_verifier, err)) return true;
	if (err->code != ERR_NOT_FOUND || !serve_env_database_password(f, app, password, err) ||
	    !owndb_server_verifier(db, password, made, err) ||
	    !app_secret_keep(f->db, f->seal, app, "made", VERIFIER, str_from(made), &kept, err))
		return false;
	(void)snprintf(ret_verifier, OWNDB_VERIFIER_SIZE, "%s", buf_cstr(&kept));
	return true;
}

bool database_verifier(const struct flow *f, const char *app, char ret_verifier[OWNDB_VERIFIER_SIZE], struct err *err)
{
	struct buf kept BUF_CLEANUP;
	buf_init(&kept, OWNDB_VERIFIER_SIZE - 1);
	if (!app_secret_get(f->db, f->seal, app, "made", VERIFIER, &kept, err)) return false;
	(void)snprintf(ret_verifier, OWNDB_VERIFIER_SIZE, "%s", buf_cstr(&kept));
	return true;
}

bool database_let_server_in(const struct flow *f, const struct parts *p, const struct owndb *db, struct err *err)
{
	char verifier[OWNDB_VERIFIER_SIZE];
	struct tuning tuning;
	struct owndb sized = *db;
	if (!tuning_find(f, p, &tuning, err)) return false;
	sized.tune = &tuning.tune;
	return keep_verifier(f, p->app.name, db, verifier, err) && owndb_server_role_set(&sized, verifier, err) &&
	       setting_set(f->db, p->app.name, CONNECTIONS_SETTING, tuning.tune.server_connections, err);
}

/* Who is not its owner may set nothing for all of it: then what reads the secret in SQL finds none. */
static bool settle_elsewhere(const struct flow *f, const struct parts *p, const struct owndb *db, const char *secret,
			     struct err *err)
{
	char why[ELSEWHERE_WHY_SIZE], password[SERVE_ENV_PASSWORD_SIZE];
	struct err ignored;
	int pool = 0;
	struct owndb_elsewhere address = *db->elsewhere;
	struct owndb there = *db;
	there.elsewhere = &address;
	address.server_password = password;
	elsewhere_share(p->elsewhere.connections, &pool, &address.server_connections);
	(void)owndb_setting_set(db, "app.settings.jwt_secret", secret, &ignored);
	return serve_env_database_password(f, p->app.name, password, err) && owndb_elsewhere_settle(&there, why, err) &&
	       elsewhere_note_changes(f, p->app.name, why, err);
}

bool database_settle(const struct flow *f, const struct parts *p, const struct owndb *db, struct err *err)
{
	char secret[PARTS_KEY_SIZE];
	if (!owndb_prelude(db, NULL, err) || !parts_key(f, p->app.name, "jwt_secret", secret, err)) return false;
	if (db->elsewhere != NULL) return settle_elsewhere(f, p, db, secret, err);
	return owndb_setting_set(db, "app.settings.jwt_secret", secret, err) && database_let_server_in(f, p, db, err);
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
