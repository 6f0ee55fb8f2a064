/* SPDX-License-Identifier: Apache-2.0 */
#include "app/pool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/database.h"
#include "app/serve_env.h"
#include "app/tuning.h"
#include "base/clock.h"
#include "codec/json.h"
#include "os/machine.h"
#include "owndb/major.h"
#include "owndb/pool_size.h"
#include "owndb/pooler.h"
#include "release/release.h"
#include "store/pool_use.h"
#include "store/setting.h"

#define MODE_SETTING "pool_mode"
#define SIZE_SETTING "pool_size"
#define STOP_MS 5000
#define LOOK_BACK_MS ((int64_t)7 * 24 * 3600 * 1000)
#define SIGQUIT_VERSION 12300 /* from here on SIGTERM waits for clients to go */

const char *pool_mode_word(enum pool_mode mode)
{
	static const char *const words[] = {"auto", "transaction", "session", "off"};
	return words[mode];
}

static bool read_wish(const struct flow *f, const char *app, enum pool_mode *ret_mode, int64_t *ret_size,
		      struct err *err)
{
	int64_t mode = POOL_AUTO, size = 0;
	if (!setting_get(f->db, app, MODE_SETTING, &mode, err) || !setting_get(f->db, app, SIZE_SETTING, &size, err))
		return false;
	*ret_mode = mode >= POOL_AUTO && mode <= POOL_OFF ? (enum pool_mode)mode : POOL_AUTO;
	*ret_size = size;
	return true;
}

/* Without asking any for its version. */
static bool is_installed(const struct flow *f)
{
	char majors[FILE_PATH_SIZE], alone[FILE_PATH_SIZE], beside[FILE_PATH_SIZE];
	struct err ignored;
	return file_exists(POOLER_PROGRAM) ||
	       (layout_home(&f->layout, "postgres", majors, &ignored) &&
		file_path(alone, &ignored, "%s/" MAJOR_PGBOUNCER POOLER_PROGRAM, majors) &&
		file_path(beside, &ignored, "%s/%d" POOLER_PROGRAM, majors, MAJOR_FETCHED) &&
		(file_exists(alone) || file_exists(beside)));
}

/* One that no deployment of this edition has settled yet knows no verifier that both sides have. */
static bool is_settled(const struct flow *f, const char *app)
{
	char verifier[OWNDB_VERIFIER_SIZE];
	struct err ignored;
	return database_verifier(f, app, verifier, &ignored);
}

bool pool_is_wanted(const struct flow *f, const char *app, int64_t release)
{
	char dir[FILE_PATH_SIZE], server_dir[FILE_PATH_SIZE];
	struct err ignored;
	json_t *facts JSON_CLEANUP = NULL;
	enum pool_mode mode = POOL_AUTO;
	int64_t size = 0;
	bool is_elsewhere = false;
	if (release <= 0 || !layout_app(&f->layout, app, "", dir, &ignored) ||
	    !release_path(dir, release, "server", server_dir, &ignored) || !file_is_dir(server_dir) ||
	    !release_facts(dir, release, &facts, &ignored))
		return false;
	const json_t *server = json_object_get(facts, "server");
	return json_bool(server, "wants_database", true) && json_bool(server, "uses_database", true) &&
	       is_installed(f) && is_settled(f, app) && read_wish(f, app, &mode, &size, &ignored) && mode != POOL_OFF &&
	       serve_env_has_own_database(f, app, &is_elsewhere, &ignored) && !is_elsewhere;
}

static bool spell(const struct parts *p, struct pool *pool, struct err *err)
{
	return file_path(pool->dir, err, "%s/pool", p->run_dir) &&
	       file_path(pool->socket, err, "%s/.s.PGSQL.5432", pool->dir) &&
	       file_path(pool->door, err, "%s/database.sock", p->run_dir);
}

static bool find_size(const struct flow *f, const struct parts *p, int64_t now_ms, struct pool *pool, struct err *err)
{
	struct tuning tuning;
	struct pool_use use;
	int given = 0;
	if (!tuning_find(f, p, &tuning, err) || !database_server_connections(f, p->app.name, &given, err) ||
	    !pool_use_peak(f->db, p->app.name, now_ms - LOOK_BACK_MS, &use, err))
		return false;
	if (tuning.tune.server_connections < given) given = tuning.tune.server_connections;
	pool->limit = given - TUNE_DIRECT_CONNECTIONS > 0 ? given - TUNE_DIRECT_CONNECTIONS : 1;
	pool->demand = use.demand;
	pool->size = pool_size_choose(pool->mode == POOL_TRANSACTION, tuning.facts.cores, use.demand, pool->limit);
	if (pool->wished_size > 0) pool->size = pool->wished_size < pool->limit ? (int)pool->wished_size : pool->limit;
	return true;
}

bool pool_find(const struct flow *f, const struct parts *p, int64_t now_ms, struct pool *ret_pool, struct err *err)
{
	struct pool pool = {.is_on = true};
	struct err why;
	if (!read_wish(f, p->app.name, &pool.wish, &pool.wished_size, err) || !spell(p, &pool, err)) return false;
	if (!pooler_find(p->majors_dir, pool.program, &pool.version, &why)) {
		pool.is_on = false;
		(void)snprintf(pool.why_off, sizeof pool.why_off, "%.250s", why.msg);
	} else if (!is_settled(f, p->app.name)) {
		pool.is_on = false;
		(void)snprintf(pool.why_off, sizeof pool.why_off, "the next deployment of %s makes one", p->app.name);
	} else if (pool.wish == POOL_OFF) {
		pool.is_on = false;
		(void)snprintf(pool.why_off, sizeof pool.why_off, "it was switched off (mode=off)");
	}
	pool.mode =
	    pool.wish == POOL_AUTO ? pool.version >= POOLER_PREPARES ? POOL_TRANSACTION : POOL_SESSION : pool.wish;
	if (!find_size(f, p, now_ms, &pool, err)) return false;
	*ret_pool = pool;
	return true;
}

/* Its files. */

static bool put_file(const struct flow *f, const struct user *user, const char *base, const char *ending,
		     const struct buf *text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!buf_is_ok(text)) return err_set(err, ERR_LIMIT, "the pool's settings have become too large");
	if (!file_path(path, err, "%s%s", base, ending) || !file_write(path, buf_view(text), 0600, err)) return false;
	return !f->is_root || lchown(path, user->uid, user->gid) == 0 ||
	       err_set_errno(err, "change the owner of %s", path);
}

static bool write_files(const struct flow *f, const struct parts *p, const struct pool *pool, const struct user *user,
			struct err *err)
{
	char verifier[OWNDB_VERIFIER_SIZE];
	struct user self;
	struct buf settings BUF_CLEANUP, access BUF_CLEANUP, users BUF_CLEANUP;
	buf_init(&settings, POOLER_FILE_MAX), buf_init(&access, POOLER_FILE_MAX), buf_init(&users, POOLER_FILE_MAX);
	if (!database_verifier(f, p->app.name, verifier, err) || !user_self(&self, err)) return false;
	struct pooler pooler = {.dir = pool->dir,
				.files = pool->dir,
				.server_socket_dir = p->pg_app_socket_dir,
				.owner = self.name,
				.verifier = verifier,
				.is_transaction = pool->mode == POOL_TRANSACTION,
				.version = pool->version,
				.size = pool->size};
	pooler_settings(&settings, &pooler);
	pooler_users(&users, &pooler);
	return pooler_access(&access, &pooler, err) && put_file(f, user, pool->dir, ".users", &users, err) &&
	       put_file(f, user, pool->dir, ".hba", &access, err) &&
	       put_file(f, user, pool->dir, ".ini", &settings, err);
}

/* The folder is what keeps others off the socket: the app's code user may pass it, nobody else. */
static bool ensure_dir(const struct flow *f, const struct parts *p, const struct pool *pool, const struct user *user,
		       struct err *err)
{
	if (!file_mkdirs(pool->dir, 0700, err)) return false;
	if (f->is_root && lchown(pool->dir, user->uid, p->users.code.gid) != 0)
		return err_set_errno(err, "change the owner of %s", pool->dir);
	return chmod(pool->dir, f->is_root ? 0710 : 0700) == 0 || err_set_errno(err, "%s", pool->dir);
}

bool pool_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
	       struct err *err)
{
	struct pool pool;
	struct user user;
	char log[FILE_PATH_SIZE];
	if (!pool_find(f, p, clock_wall_ms(), &pool, err)) return false;
	if (!pool.is_on) return err_set(err, ERR_UNAVAILABLE, "there is no pool for %s: %s", p->app.name, pool.why_off);
	if (!parts_pool_user(f, p, &user, err) || !ensure_dir(f, p, &pool, &user, err) ||
	    !write_files(f, p, &pool, &user, err) || !layout_app(&f->layout, p->app.name, "logs/pool.log", log, err))
		return false;
	struct unit_spec spec = {
	    .argv = {arena_strdup(arena, pool.program), arena_printf(arena, "%s.ini", pool.dir)},
	    .env = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
	    .has_user = f->is_root,
	    .uid = user.uid,
	    .gid = p->users.code.gid, /* whose group may pass PostgreSQL's folder */
	    .cwd = "/",
	    .log_path = arena_strdup(arena, log),
	    .ready_socket = arena_strdup(arena, pool.socket),
	    .socket_files = {arena_strdup(arena, pool.socket)},
	    .stop_signal = pool.version >= SIGQUIT_VERSION ? SIGQUIT : SIGTERM, /* at once: whoever used it is gone */
	    .stop_deadline_ms = STOP_MS};
	parts_unit_name(p->app.name, POOL_PART, spec.name);
	*ret_spec = spec;
	return true;
}

bool pool_door(const struct flow *f, const struct parts *p, char ret_door[FILE_PATH_SIZE], struct err *err)
{
	struct pool pool = {0};
	enum pool_mode mode;
	int64_t size;
	if (!spell(p, &pool, err) || !read_wish(f, p->app.name, &mode, &size, err)) return false;
	bool is_pooled = mode != POOL_OFF && is_installed(f) && is_settled(f, p->app.name);
	if (!file_link_swap(is_pooled ? pool.socket : p->pg_app_socket, pool.door, err)) return false;
	(void)snprintf(ret_door, FILE_PATH_SIZE, "%s", pool.door);
	return true;
}

bool pool_start_for(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	return !pool_is_wanted(f, app, release) || daemon_start_part(f, app, POOL_PART, err) ||
	       err_wrap(err, "start the pool of connections");
}

bool pool_conninfo(const struct flow *f, const char *app, char ret_conninfo[POOL_CONNINFO_SIZE], struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct user self;
	if (!layout_app_run(&f->layout, app, "pool", dir, err) || !user_self(&self, err)) return false;
	(void)snprintf(ret_conninfo, POOL_CONNINFO_SIZE, "host='%s' port=5432 dbname=pgbouncer user=%s", dir,
		       self.name);
	return true;
}

/* The owner's wishes. */

static bool set_mode(const struct flow *f, const struct parts *p, const char *word, struct err *err)
{
	char program[FILE_PATH_SIZE];
	int version = 0;
	enum pool_mode mode = POOL_AUTO;
	while (mode <= POOL_OFF && strcmp(pool_mode_word(mode), word) != 0) mode++;
	if (mode > POOL_OFF)
		return err_set(err, ERR_INVALID, "mode must be auto, transaction, session or off, not \"%.40s\"", word);
	if (mode != POOL_OFF && !pooler_find(p->majors_dir, program, &version, err)) return false;
	if (mode == POOL_TRANSACTION && version < POOLER_PREPARES)
		return err_set(
		    err, ERR_REFUSED,
		    "PgBouncer %d.%d, which is installed here, breaks named prepared statements in transaction "
		    "pooling, and most drivers use them; 1.21 and later do not: freehold db %s pool --fetch "
		    "fetches one beside it",
		    version / 10000, version / 100 % 100, p->app.name);
	return setting_set(f->db, p->app.name, MODE_SETTING, mode, err);
}

static bool set_size(const struct flow *f, const struct parts *p, const char *word, struct err *err)
{
	struct pool pool;
	int64_t size = 0;
	if (strcmp(word, "auto") == 0) return setting_set(f->db, p->app.name, SIZE_SETTING, 0, err);
	if (!pool_find(f, p, clock_wall_ms(), &pool, err)) return false;
	if (!str_to_int(str_from(word), &size) || size < 1 || size > pool.limit)
		return err_set(err, ERR_INVALID,
			       "size must be auto or from 1 to %d, not \"%.40s\"; for more, PostgreSQL must take more: "
			       "freehold set %s postgres.max_connections=%d",
			       pool.limit, word, p->app.name,
			       (size > pool.limit && size <= POOL_SIZE_MAX - TUNE_DIRECT_CONNECTIONS ? (int)size
												     : pool.limit * 2) +
				   TUNE_OTHER_CONNECTIONS + TUNE_DIRECT_CONNECTIONS);
	return setting_set(f->db, p->app.name, SIZE_SETTING, size, err);
}

bool pool_set(const struct flow *f, const struct parts *p, const json_t *wish, struct err *err)
{
	const char *name;
	json_t *value;
	if (!db_begin(f->db, err)) return false;
	bool ok = true;
	json_object_foreach((json_t *)(uintptr_t)wish, name, value)
	{
		const char *word = json_is_string(value) ? json_string_value(value) : "";
		if (!ok) break;
		if (strcmp(name, "mode") == 0)
			ok = set_mode(f, p, word, err);
		else if (strcmp(name, "size") == 0)
			ok = set_size(f, p, word, err);
		else
			ok = err_set(err, ERR_INVALID, "a pool has mode and size, no \"%.40s\"", name);
	}
	if (ok && db_commit(f->db, err)) return true;
	db_rollback(f->db);
	return false;
}
