/* SPDX-License-Identifier: Apache-2.0 */
#include "app/web.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/pool.h"
#include "app/serve_env.h"
#include "base/clock.h"
#include "codec/json.h"
#include "os/authority.h"
#include "os/sandbox.h"
#include "release/release.h"

#define KIND "web"
#define PROCESSES 256
#define FILES 8192
#define FILE_BYTES (4ll << 30)
#define DISK_RESERVE_BYTES (512ll << 20)
#define KILL_MS 5000
#define STOP_SLACK_MS 3000
#define SAID_MAX_BYTES 2048

void web_part_name(int64_t release, char ret_part[PART_NAME_SIZE])
{
	serving_part_name(KIND, release, ret_part);
}

int64_t web_part_release(const char *part)
{
	return serving_part_release(KIND, part);
}

bool web_is_there(const char *app_dir, int64_t release)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	return release > 0 && release_path(app_dir, release, "server", path, &ignored) && file_is_dir(path);
}

bool web_log_path(const struct flow *f, const char *app, int64_t release, char ret_path[FILE_PATH_SIZE],
		  struct err *err)
{
	char rest[64];
	(void)snprintf(rest, sizeof rest, "logs/web-%lld.log", (long long)release);
	return layout_app(&f->layout, app, rest, ret_path, err);
}

/* What freehold-serve is told. */

struct telling {
	struct serving s;
	const json_t *server; /* of release.json */
	struct web_settings settings;
};

/* What it trusts beside what Node brings: the edge, whom this machine's owner added, and whoever vouches for a database
 * elsewhere. */
static bool write_trusted(const struct telling *t, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	struct buf pem BUF_CLEANUP;
	buf_init(&pem, 2 * AUTHORITY_MAX_BYTES);
	if (!file_read(t->s.f->edge.authority_path, &pem, err)) return false;
	authority_added(AUTHORITY_FOLDER, &pem);
	const char *of_database = t->s.p->elsewhere.authority;
	if (of_database[0] != '\0' && !file_read(of_database, &pem, err)) return false;
	return file_path(ret_path, err, "%s/trusted.pem", t->s.dir) && file_write(ret_path, buf_view(&pem), 0644, err);
}

static bool put_mounts(struct telling *t, struct err *err)
{
	char path[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	const char *modules = json_str(t->server, "modules", NULL), *prefix = json_str(t->server, "node_prefix", "");
	if (!release_path(t->s.p->dir, t->s.release, "server", path, err)) return false;
	serving_mount(&t->s, path, "/app", "read");
	if (modules != NULL) {
		if (!file_path(path, err, "%s/modules/%s/node_modules", t->s.p->dir, modules)) return false;
		serving_mount(&t->s, path, "/app/node_modules", "read");
	}
	if (prefix[0] != '\0') serving_mount(&t->s, prefix, prefix, "read");
	size_t i;
	json_t *tool;
	json_array_foreach(json_object_get(t->server, "tools"), i, tool)
	{
		const char *name = json_str(tool, "name", "");
		if (!file_path(path, err, "%s/cache/tools/%s", t->s.f->layout.home, name) ||
		    !file_path(to, err, "/tools/%s", name))
			return false;
		serving_mount(&t->s, path, to, "read");
	}
	serving_mount(&t->s, t->s.p->files_dir, SERVE_ENV_DATA_DIR, "write");
	if (!write_trusted(t, path, err)) return false;
	serving_mount(&t->s, path, SERVE_ENV_AUTHORITY, "read");
	return true;
}

static bool put_env(struct telling *t, struct err *err)
{
	json_t *env = NULL, *tool;
	struct buf path BUF_CLEANUP;
	size_t i;
	buf_init(&path, FILE_PATH_SIZE);
	if (!serve_env(t->s.f, t->s.p->app.name, t->server, &env, err)) return false;
	json_array_foreach(json_object_get(t->server, "tools"), i, tool)
	    buf_printf(&path, "/tools/%s/%s:", json_str(tool, "name", ""), json_str(tool, "bin", "bin"));
	if (json_str(t->server, "node_bin", "")[0] != '\0')
		buf_printf(&path, "%s:", json_str(t->server, "node_bin", ""));
	buf_puts(&path, "/app/node_modules/.bin:" SANDBOX_PATH);
	json_object_set_new(env, "PATH", json_string(buf_cstr(&path)));
	json_object_set_new(t->s.config, "port", json_integer(serve_env_port(env)));
	json_object_set_new(t->s.config, "env", env);
	return true;
}

static bool put_doors(struct telling *t, struct err *err)
{
	char database[FILE_PATH_SIZE];
	const struct flow *f = t->s.f;
	const struct parts *p = t->s.p;
	(void)snprintf(database, sizeof database, "%s", p->pg_app_socket);
	if (pool_is_wanted(f, p->app.name, t->s.release) && !pool_door(f, p, database, err)) return false;
	serving_forward(&t->s, f->edge.port, f->edge.socket);
	serving_forward(&t->s, f->edge.tls_port, f->edge.tls_socket);
	serving_forward(&t->s, SERVE_ENV_DATABASE_PORT, database);
	serving_forward(&t->s, SERVE_ENV_DIRECT_PORT, p->pg_app_socket);
	return true;
}

static void set_limits(struct telling *t)
{
	const struct web_settings *w = &t->settings;
	int64_t wanted = json_int(t->server, "memory_bytes", 0);
	t->s.limits = (struct serving_limits){.memory_bytes = wanted > w->memory_bytes ? wanted : w->memory_bytes,
					      .processes = PROCESSES,
					      .files = FILES,
					      .file_bytes = FILE_BYTES,
					      .boot_ms = w->boot_ms,
					      .drain_ms = w->drain_ms,
					      .kill_ms = KILL_MS,
					      .stop_slack_ms = STOP_SLACK_MS};
}

static bool fill_config(struct telling *t, struct err *err)
{
	const char *cwd = json_str(t->server, "cwd", "");
	char inside[FILE_PATH_SIZE];
	if (!file_path(inside, err, "/app%s%s", cwd[0] != '\0' ? "/" : "", cwd)) return false;
	json_object_set(t->s.config, "argv", json_object_get(t->server, "argv"));
	json_object_set_new(t->s.config, "cwd", json_string(inside));
	json_object_set_new(t->s.config, "instances", json_integer(t->settings.instances));
	json_object_set_new(json_object_get(t->s.config, "limits"), "disk_reserve_bytes",
			    json_integer(DISK_RESERVE_BYTES));
	return put_mounts(t, err) && put_env(t, err) && put_doors(t, err);
}

bool web_unit(const struct flow *f, const struct parts *p, int64_t release, struct arena *arena,
	      struct unit_spec *ret_spec, struct err *err)
{
	struct telling t = {.s = {.f = f, .p = p, .kind = KIND, .release = release}};
	json_t *facts JSON_CLEANUP = NULL;
	char log[FILE_PATH_SIZE];
	if (!release_facts(p->dir, release, &facts, err)) return false;
	t.server = json_object_get(facts, "server");
	if (json_array_size(json_object_get(t.server, "argv")) == 0)
		return err_set(err, ERR_NOT_FOUND, "release %lld of %s has no server", (long long)release, p->app.name);
	if (!web_settings_get(f, p->app.name, &t.settings, err)) return false;
	set_limits(&t);
	bool ok = serving_begin(&t.s, err) && fill_config(&t, err) && web_log_path(f, p->app.name, release, log, err) &&
		  serving_unit(&t.s, log, arena, ret_spec, err);
	json_decref(t.s.config);
	return ok;
}

/* For workers. */

/* The last lines of its log, for an error. */
static void read_said(const struct flow *f, const char *app, int64_t release, struct buf *ret_said)
{
	char path[FILE_PATH_SIZE], bytes[SAID_MAX_BYTES + 1];
	struct err ignored;
	if (!web_log_path(f, app, release, path, &ignored)) return;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	struct stat st;
	off_t from = fstat(fd, &st) == 0 && st.st_size > SAID_MAX_BYTES ? st.st_size - SAID_MAX_BYTES : 0;
	ssize_t got = pread(fd, bytes, SAID_MAX_BYTES, from);
	(void)close(fd);
	if (got > 0) buf_str(ret_said, str_trim((struct str){bytes, (size_t)got}));
}

bool web_start(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	struct err why;
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	web_part_name(release, part);
	if (!pool_start_for(f, app, release, err)) return false;
	if (daemon_start_part(f, app, part, &why)) return true;
	read_said(f, app, release, &said);
	return err_set(err, why.code, "%s%s%s", why.msg, said.len > 0 ? "\nIt said:\n" : "", buf_cstr(&said));
}

bool web_retire(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	web_part_name(release, part);
	return daemon_retire_part(f, app, part, err);
}

bool web_stop(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char part[PART_NAME_SIZE];
	web_part_name(release, part);
	return daemon_stop_part(f, app, part, err);
}

bool web_stop_all(const struct flow *f, const char *app, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	int64_t numbers[RELEASES_MAX];
	int count = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_list(dir, numbers, &count, err)) return false;
	for (int i = 0; i < count; i++)
		if (web_is_there(dir, numbers[i]) && !web_stop(f, app, numbers[i], err)) return false;
	return true;
}

void web_private_host(const char *app, int64_t release, char ret_host[EDGE_HOST_SIZE])
{
	(void)snprintf(ret_host, EDGE_HOST_SIZE, "%s.%lld.release.internal", app, (long long)release);
}

bool web_ask(const struct flow *f, const char *app, int64_t release, const char *host, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	json_t *facts JSON_CLEANUP = NULL;
	struct web_settings settings;
	struct err why;
	long status = 0;
	if (!layout_app(&f->layout, app, "", dir, err) || !release_facts(dir, release, &facts, err) ||
	    !web_settings_get(f, app, &settings, err))
		return false;
	const char *path = json_str(json_object_get(facts, "server"), "health", "/");
	if (!edge_get(&f->edge, host, path, settings.boot_ms / 3, &status, NULL, &why))
		return err_set(err, why.code, "the server of release %lld listens and does not answer %s (%s)",
			       (long long)release, path, why.msg);
	if (status < 500) return true;
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	read_said(f, app, release, &said);
	return err_set(err, ERR_FAILED, "the server of release %lld answered %ld for %s%s%s", (long long)release,
		       status, path, said.len > 0 ? ". It said:\n" : "", buf_cstr(&said));
}

bool web_look(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE], target[FILE_PATH_SIZE];
	web_private_host(app, release, host);
	return file_path(target, err, "../../apps/%s/releases/%lld", app, (long long)release) &&
	       edge_host_set(&f->edge, host, target, err) && web_ask(f, app, release, host, err);
}

bool web_unlook(const struct flow *f, const char *app, int64_t release, struct err *err)
{
	char host[EDGE_HOST_SIZE];
	web_private_host(app, release, host);
	return edge_host_unset(&f->edge, host, err);
}
