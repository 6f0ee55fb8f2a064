/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/archive.h"
#include "app/asked.h"
#include "app/elsewhere_authority.h"
#include "app/keys.h"
#include "app/lovable.h"
#include "app/place.h"
#include "app/s3_keys.h"
#include "app/signin.h"
#include "app/signing.h"
#include "app/tuning.h"
#include "base/log.h"
#include "build/cache.h"
#include "codec/json.h"
#include "owndb/major.h"
#include "store/setting.h"

#define POSTGRES_STOP_MS 30000
#define BACKEND_STOP_MS 15000
#define EDGE_STOP_MS 10000

/* "fh3-db"; with a home of its own elsewhere "fh5d0c81-3-db", so that two Freeholds on one machine share no user. */
static void user_name(const struct flow *f, const struct app *app, const char *suffix, char ret_name[USER_NAME_SIZE])
{
	unsigned hash = 2166136261u; /* FNV-1a */
	for (const char *p = f->layout.home; *p != '\0'; p++) hash = (hash ^ (unsigned char)*p) * 16777619u;
	if (strcmp(f->layout.home, LAYOUT_ROOT_HOME) == 0)
		(void)snprintf(ret_name, USER_NAME_SIZE, "fh%lld-%s", (long long)app->id, suffix);
	else
		(void)snprintf(ret_name, USER_NAME_SIZE, "fh%06x-%lld-%s", hash & 0xffffffu, (long long)app->id,
			       suffix);
}

static bool ensure_users(const struct flow *f, struct parts *p, struct err *err)
{
	struct user *const users[] = {&p->users.code, &p->users.api, &p->users.db};
	static const char *const suffixes[] = {"code", "api", "db"};
	for (int i = 0; i < 3; i++) {
		char name[USER_NAME_SIZE];
		user_name(f, &p->app, suffixes[i], name);
		if (!(f->is_root ? user_ensure(name, users[i], err) : user_self(users[i], err))) return false;
	}
	return true;
}

bool parts_pool_user(const struct flow *f, const struct parts *p, struct user *ret_user, struct err *err)
{
	char name[USER_NAME_SIZE];
	user_name(f, &p->app, "pool", name);
	return f->is_root ? user_ensure(name, ret_user, err) : user_self(ret_user, err);
}

static bool spell_paths(const struct flow *f, struct parts *p, struct err *err)
{
	const struct layout *l = &f->layout;
	const char *app = p->app.name;
	return layout_app(l, app, "", p->dir, err) && layout_app_run(l, app, "", p->run_dir, err) &&
	       layout_app(l, app, "postgres/data", p->data_dir, err) &&
	       layout_app(l, app, "postgres/archive", p->archive_dir, err) &&
	       layout_app_run(l, app, "postgres", p->pg_socket_dir, err) &&
	       layout_app_run(l, app, "database", p->pg_app_socket_dir, err) &&
	       layout_app_run(l, app, "database/.s.PGSQL.5432", p->pg_app_socket, err) &&
	       layout_app(l, app, "data", p->files_dir, err) && layout_app(l, app, "storage", p->storage_dir, err) &&
	       layout_app(l, app, "logs/postgres.log", p->pg_log, err) &&
	       layout_app_run(l, app, "backend/backend.sock", p->backend_socket, err) &&
	       layout_app(l, app, "logs/backend.log", p->backend_log, err) &&
	       layout_app(l, app, "backend.json", p->backend_config, err);
}

/* What the owner asked for before there was a cluster; 0: nothing. */
static bool wanted_major(const struct flow *f, const char *app, int *ret_major, struct err *err)
{
	int64_t major = 0;
	if (!setting_get(f->db, app, PARTS_MAJOR_SETTING, &major, err)) return false;
	*ret_major = (int)major;
	return true;
}

/* Programs that can speak to a server elsewhere are those of its version or a newer one; without them it is only
 * spoken to by the backend. */
static bool find_tools(const struct flow *f, struct parts *p, struct err *err)
{
	struct err ignored;
	int tools = 0;
	if (!layout_home(&f->layout, "postgres", p->majors_dir, err)) return false;
	for (int major = OWNDB_MAJOR_MAX; tools == 0 && major >= OWNDB_MAJOR_MIN; major--)
		if (owndb_find_postgres_major(p->majors_dir, major, p->pg_bin_dir, sizeof p->pg_bin_dir, &ignored))
			tools = major;
	p->address = elsewhere_address(&p->elsewhere);
	p->address.tools_major = tools >= p->elsewhere.major ? tools : 0;
	p->owndb = (struct owndb){.elsewhere = &p->address,
				  .data_dir = p->data_dir,
				  .socket_dir = p->pg_socket_dir,
				  .log_path = p->pg_log,
				  .bin_dir = p->pg_bin_dir,
				  .app_socket_dir = p->pg_app_socket_dir, /* of what stands for it */
				  .major = p->elsewhere.major};
	return true;
}

/* The cluster's own major once it exists; before, what was asked for, or the newest installed. */
static bool find_postgres(const struct flow *f, struct parts *p, struct err *err)
{
	int major = 0;
	char version[FILE_PATH_SIZE];
	if (!file_path(version, err, "%s/PG_VERSION", p->data_dir)) return false;
	bool ok = layout_home(&f->layout, "postgres", p->majors_dir, err);
	if (ok && file_exists(version))
		ok = owndb_read_major(p->data_dir, &major, err);
	else if (ok)
		ok = wanted_major(f, p->app.name, &major, err);
	ok = ok &&
	     (major != 0 ? owndb_find_postgres_major(p->majors_dir, major, p->pg_bin_dir, sizeof p->pg_bin_dir, err)
			 : owndb_find_postgres(p->pg_bin_dir, sizeof p->pg_bin_dir, &major, err));
	if (!ok) return false;
	p->owndb = (struct owndb){.data_dir = p->data_dir,
				  .archives = true,
				  .socket_dir = p->pg_socket_dir,
				  .log_path = p->pg_log,
				  .bin_dir = p->pg_bin_dir,
				  .app_socket_dir = p->pg_app_socket_dir,
				  .major = major};
	return true;
}

static void set_owner(const struct flow *f, struct parts *p)
{
	if (!f->is_root) return;
	p->owndb.has_user = true;
	p->owndb.uid = p->users.db.uid;
	p->owndb.gid = p->users.db.gid;
	p->owndb.api_gid = p->users.api.gid;
	p->owndb.app_gid = p->users.code.gid;
	p->owndb.os_user = p->users.db.name;
	p->owndb.api_os_user = p->users.api.name;
}

static bool own(const struct flow *f, const char *path, uid_t uid, gid_t gid, mode_t mode, struct err *err)
{
	if (f->is_root && lchown(path, uid, gid) != 0) return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

/* Below <run>, which is empty after a reboot. The backend's folder is what keeps other apps off its socket: the edge's
 * workers may pass it, nobody else. */
static bool ensure_run_folders(const struct flow *f, struct parts *p, struct err *err)
{
	char backend[FILE_PATH_SIZE];
	struct user edge = {0};
	if (f->is_root && !user_ensure(FLOW_EDGE_USER, &edge, err)) return false;
	return file_mkdirs(p->run_dir, 0755, err) && file_path(backend, err, "%s/backend", p->run_dir) &&
	       file_mkdirs(backend, 0750, err) &&
	       own(f, backend, p->users.api.uid, edge.gid, f->is_root ? 0750 : 0700, err);
}

/* The backend makes what lies in it; by the group that it hands down the edge's workers can read that. */
static bool ensure_storage(const struct flow *f, struct parts *p, struct err *err)
{
	struct user edge = {0};
	if (f->is_root && !user_ensure(FLOW_EDGE_USER, &edge, err)) return false;
	return file_mkdirs(p->storage_dir, 0750, err) &&
	       own(f, p->storage_dir, p->users.api.uid, edge.gid, f->is_root ? 02750 : 0750, err);
}

/* The edge's workers read what is served; the builds and the backend pass through the others to what is theirs. No user
 * of another app is to see what lies there. */
static bool ensure_folders(const struct flow *f, struct parts *p, struct err *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} open[] = {{"releases", 0755}, {"assets", 0755}, {"work", 0711}, {"logs", 0711}, {"", 0711}};
	char path[FILE_PATH_SIZE];
	for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
		if (!file_path(path, err, "%s/%s", p->dir, open[i].name) || !file_mkdirs(path, 0755, err)) return false;
		if (chmod(path, open[i].mode) != 0) return err_set_errno(err, "%s", path);
	}
	if (!file_path(path, err, "%s/postgres", p->dir) || !file_mkdirs(path, 0700, err) ||
	    !own(f, path, p->users.db.uid, p->users.db.gid, 0700, err))
		return false;
	if (!file_mkdirs(p->files_dir, 0700, err) ||
	    !own(f, p->files_dir, p->users.code.uid, p->users.code.gid, 0700, err))
		return false;
	if (!file_path(path, err, "%s/repo.git", p->dir) || !file_mkdirs(path, 0700, err) ||
	    !own(f, path, p->users.code.uid, p->users.code.gid, 0700, err))
		return false;
	return file_path(path, err, "%s/backend.sock", p->dir) && file_link_swap(p->backend_socket, path, err);
}

/* On a server that took the place of a lost one it is in the store only. */
static bool ensure_authority(const struct flow *f, const struct parts *p, struct err *err)
{
	const char *path = p->elsewhere.authority;
	return path[0] == '\0' || file_exists(path) || elsewhere_authority_write(f, p->app.name, err);
}

static bool open_parts(const struct flow *f, const char *app, struct parts *p, struct err *err)
{
	*p = (struct parts){0};
	if (!app_get(f->db, app, &p->app, err) || !spell_paths(f, p, err) || !ensure_users(f, p, err) ||
	    !elsewhere_get(f, app, &p->elsewhere, err) ||
	    !(p->elsewhere.is ? find_tools(f, p, err) : find_postgres(f, p, err)))
		return false;
	set_owner(f, p);
	return ensure_run_folders(f, p, err) && ensure_storage(f, p, err) && ensure_authority(f, p, err);
}

/* Copies, dumps and psql want programs that are not older than the server. */
static bool needs_tools(const struct flow *f, const char *app, const char *majors, bool *ret_needs, struct err *err)
{
	struct elsewhere there;
	char bin_dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!elsewhere_get(f, app, &there, err)) return false;
	bool needs = there.is && there.major <= MAJOR_FETCHED;
	for (int major = there.major; needs && major <= OWNDB_MAJOR_MAX; major++)
		needs = !owndb_find_postgres_major(majors, major, bin_dir, sizeof bin_dir, &ignored);
	*ret_needs = needs;
	return true;
}

bool parts_ensure_major(const struct flow *f, const char *app, void (*on_step)(void *arg, const char *text), void *arg,
			struct err *err)
{
	char majors[FILE_PATH_SIZE], version[FILE_PATH_SIZE], bin_dir[FILE_PATH_SIZE];
	struct err ignored;
	int major = 0;
	if (!layout_home(&f->layout, "postgres", majors, err) ||
	    !layout_app(&f->layout, app, "postgres/data/PG_VERSION", version, err) ||
	    !wanted_major(f, app, &major, err))
		return false;
	bool needs = false;
	if (!needs_tools(f, app, majors, &needs, err)) return false;
	/* Without them an app elsewhere lives all the same. */
	if (needs && !major_install(majors, MAJOR_FETCHED, on_step, arg, &ignored))
		log_warn("%s: the programs of PostgreSQL %d: %s", app, MAJOR_FETCHED, ignored.msg);
	if (needs || major == 0 || file_exists(version) ||
	    owndb_find_postgres_major(majors, major, bin_dir, sizeof bin_dir, &ignored))
		return true;
	return major_install(majors, major, on_step, arg, err);
}

bool parts_want_major(const struct flow *f, const char *app, int64_t major, struct err *err)
{
	char data[FILE_PATH_SIZE], version[FILE_PATH_SIZE];
	int has = 0;
	if (major < OWNDB_MAJOR_MIN || major > OWNDB_MAJOR_MAX)
		return err_set(err, ERR_INVALID, "PostgreSQL %d to %d can be had here, not %lld", OWNDB_MAJOR_MIN,
			       OWNDB_MAJOR_MAX, (long long)major);
	if (!layout_app(&f->layout, app, "postgres/data", data, err) || !file_path(version, err, "%s/PG_VERSION", data))
		return false;
	if (!file_exists(version)) return setting_set(f->db, app, PARTS_MAJOR_SETTING, major, err);
	if (!owndb_read_major(data, &has, err)) return false;
	return has == major ||
	       err_set(
		   err, ERR_CONFLICT,
		   "the database of %s is PostgreSQL %d and keeps it; to change it, take the data out and in again: "
		   "freehold db %s dump, then freehold db %s import FILE --postgres %lld",
		   app, has, app, app, (long long)major);
}

bool parts_take_own(const struct flow *f, struct parts *p, struct err *err)
{
	p->elsewhere.is = false;
	if (!find_postgres(f, p, err)) return false;
	set_owner(f, p);
	return true;
}

bool parts_open(const struct flow *f, const char *app, struct parts *p, struct err *err)
{
	return open_parts(f, app, p, err) || err_wrap(err, "app %s", app);
}

bool parts_ensure(const struct flow *f, const char *app, struct parts *p, struct err *err)
{
	bool ok = layout_app_sockets_check(&f->layout, app, err) && open_parts(f, app, p, err) &&
		  ensure_folders(f, p, err) && keys_ensure(f, app, err);
	return ok || err_wrap(err, "app %s", app);
}

bool parts_remove(const struct flow *f, const struct app *app, struct err *err)
{
	static const char *const suffixes[] = {"code", "api", "db", "pool"};
	char dir[FILE_PATH_SIZE], run_dir[FILE_PATH_SIZE], apps[FILE_PATH_SIZE], cache[FILE_PATH_SIZE];
	if (!layout_app(&f->layout, app->name, "", dir, err) || !layout_home(&f->layout, "apps", apps, err) ||
	    !layout_home(&f->layout, "cache", cache, err) || !layout_app_run(&f->layout, app->name, "", run_dir, err))
		return false;
	char users[4][USER_NAME_SIZE];
	for (int i = 0; i < 4; i++) user_name(f, app, suffixes[i], users[i]);
	for (int i = 0; f->is_root && i < 4; i++)
		if (!user_end_processes(users[i], err)) return false;
	/* In one rename, so that half a database is never taken for one; a destruction that was cut off goes on here.
	 */
	char gone[FILE_PATH_SIZE];
	if (!file_path(gone, err, "%s/.gone-%s", apps, app->name) || !file_remove_tree(gone, err)) return false;
	if (rename(dir, gone) != 0 && errno != ENOENT) return err_set_errno(err, "remove %s", dir);
	/* Nothing of its users may be left when they go: the system gives their numbers to the next. */
	if (!file_remove_tree(gone, err) || !file_remove_tree(run_dir, err) || !cache_forget(cache, app->name, err))
		return false;
	for (int i = 0; f->is_root && i < 4; i++)
		if (!user_remove(users[i], err)) return false;
	return true;
}

bool parts_key(const struct flow *f, const char *app, const char *name, char ret_key[PARTS_KEY_SIZE], struct err *err)
{
	struct buf value BUF_CLEANUP;
	buf_init(&value, PARTS_KEY_SIZE - 1);
	if (!app_secret_get(f->db, f->seal, app, "key", name, &value, err)) return false;
	(void)snprintf(ret_key, PARTS_KEY_SIZE, "%s", buf_cstr(&value));
	return true;
}

/* Where the backend finds each of its roles. */
static bool put_databases(const struct parts *p, json_t *config, struct err *err)
{
	static const struct {
		const char *member, *role;
	} doors[] = {{"rest_database", "authenticator"},
		     {"auth_database", "supabase_auth_admin"},
		     {"realtime_database", "freehold_realtime"},
		     {"jobs_database", "freehold_jobs"}};
	/* What the owner sets for his own sessions must not end these. */
	static const char stays[] = "-c idle_session_timeout=0";
	if (p->elsewhere.is) return elsewhere_put_backend(&p->elsewhere, config, err);
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		json_object_set_new(config, doors[i].member,
				    json_sprintf("host='%s' port=5432 dbname=%s user=%s options='%s'", p->pg_socket_dir,
						 OWNDB_DATABASE, doors[i].role, stays));
	return true;
}

bool parts_write_backend_config(const struct flow *f, const struct parts *p, struct err *err)
{
	static const char *const keys[] = {"jwt_secret", "anon_key", "service_role_key", "publishable_key",
					   "secret_key"};
	char url[EDGE_HOST_SIZE], key[PARTS_KEY_SIZE];
	edge_app_url(&f->edge, p->app.name, url);
	json_t *config JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:[s, s], s:i, s:s, s:{s:s}}", "listen", p->backend_socket, "listen_mode",
		      "0666", "site_url", url, "schemas", "public", "pgmq_public", "pool_size", 8, "log_level", "info",
		      "storage", "folder", p->storage_dir);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (!parts_key(f, p->app.name, keys[i], key, err)) return false;
		json_object_set_new(config, keys[i], json_string(key));
	}
	if (!put_databases(p, config, err)) return false;
	json_t *auth = NULL, *signing = NULL, *asked = NULL, *lovable = NULL, *former = NULL;
	json_t *refused JSON_CLEANUP = NULL;
	if (!asked_document(f, p->app.name, &asked, err)) return false;
	json_object_set_new(config, "jobs", asked);
	if (!lovable_document(f, p->app.name, &lovable, err)) return false;
	json_object_set_new(config, "lovable", lovable);
	if (!signin_document(f, p->app.name, &auth, NULL, err)) return false;
	json_object_set_new(config, "auth", auth);
	json_t *s3_keys = NULL;
	if (!s3_keys_for_backend(f, p->app.name, &s3_keys, err)) return false;
	json_object_set_new(json_object_get(config, "storage"), "s3_keys", s3_keys);
	json_t *place = NULL;
	if (!place_for_backend(f, p->app.name, &place, err)) return false;
	if (place != NULL) json_object_set_new(json_object_get(config, "storage"), "place", place);
	json_t *sweep = NULL;
	if (!place_sweep_for_backend(f, p->app.name, &sweep, err)) return false;
	if (sweep != NULL) json_object_set_new(json_object_get(config, "storage"), "sweep", sweep);
	if (!signing_for_backend(f, p->app.name, &signing, err)) return false;
	json_object_set_new(config, "signing_keys", signing);
	if (!keys_refused(f, p->app.name, &refused, err) || !keys_former(f, p->app.name, &former, err)) return false;
	(void)json_array_extend(signing, refused);
	json_object_set_new(config, "former_public_keys", former);
	char *text = json_text(config);
	bool ok = file_write(p->backend_config, str_from(text), 0600, err) &&
		  own(f, p->backend_config, p->users.api.uid, p->users.api.gid, 0600, err);
	free(text);
	return ok;
}

void parts_unit_name(const char *app, const char *part, char ret_name[UNIT_NAME_SIZE])
{
	(void)snprintf(ret_name, UNIT_NAME_SIZE, "%s/%s", app, part);
}

bool parts_postgres_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
			 struct err *err)
{
	const char *const *argv, *const *env;
	struct tuning tuning;
	struct owndb db = p->owndb;
	if (!archive_prepare(f, p, err) || !tuning_find(f, p, &tuning, err)) return false;
	db.tune = &tuning.tune;
	db.overrides = tuning.overrides;
	if (!owndb_command(&db, arena, &argv, &env, err)) return false;
	struct unit_spec spec = {.has_user = f->is_root,
				 .uid = p->users.db.uid,
				 .gid = p->users.db.gid,
				 .cwd = "/",
				 .log_path = p->pg_log,
				 .work_dir = p->data_dir,
				 .ready_socket = p->pg_app_socket, /* the last that it makes */
				 .notes = {arena_printf(arena, "%s/postmaster.pid", p->data_dir),
					   arena_printf(arena, "%s/.s.PGSQL.5432.lock", p->pg_socket_dir),
					   arena_printf(arena, "%s.lock", p->pg_app_socket)},
				 .stop_signal = SIGINT,
				 .stop_deadline_ms = POSTGRES_STOP_MS};
	for (int i = 0; i + 1 < UNIT_ARGV_MAX && argv[i] != NULL; i++) spec.argv[i] = argv[i];
	for (int i = 0; i + 1 < UNIT_ENV_MAX && env[i] != NULL; i++) spec.env[i] = env[i];
	parts_unit_name(p->app.name, "postgres", spec.name);
	*ret_spec = spec;
	return true;
}

bool parts_backend_unit(const struct flow *f, const struct parts *p, struct arena *arena, struct unit_spec *ret_spec,
			struct err *err)
{
	const char *program = arena_printf(arena, "%s/freehold-backend", f->helpers);
	if (program == NULL) return err_set(err, ERR_LIMIT, "backend of %s", p->app.name);
	/* Where nobody answers what a name's address is, its thread is free for the next look sooner (resolv.conf(5)).
	 */
	struct unit_spec spec = {.argv = {program, "--config", p->backend_config},
				 .env = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "RES_OPTIONS=timeout:2 attempts:2"},
				 .has_user = f->is_root,
				 .uid = p->users.api.uid,
				 .gid = p->users.api.gid,
				 .cwd = "/",
				 .log_path = p->backend_log,
				 .ready_socket = p->backend_socket,
				 .stop_signal = SIGTERM,
				 .stop_deadline_ms = BACKEND_STOP_MS};
	parts_unit_name(p->app.name, "backend", spec.name);
	*ret_spec = spec;
	return true;
}

void parts_edge_unit(const struct flow *f, struct arena *arena, struct unit_spec *ret_spec)
{
	struct unit_spec spec = {
	    .name = "edge",
	    .argv = {f->edge.nginx_path, "-p", f->edge.home, "-c", f->edge.config_path},
	    .env = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"},
	    .cwd = "/",
	    .log_path = arena_printf(arena, "%s/logs/edge.log", f->layout.home),
	    .access_log_path = arena_printf(arena, "%s/access.log", f->edge.home),
	    .ready_port = f->edge.port,
	    .socket_files = {arena_strdup(arena, f->edge.socket), arena_strdup(arena, f->edge.tls_socket)},
	    .stop_signal = SIGQUIT, /* finishes what it is sending */
	    .stop_deadline_ms = EDGE_STOP_MS};
	*ret_spec = spec;
}
