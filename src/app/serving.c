/* SPDX-License-Identifier: Apache-2.0 */
#include "app/serving.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/json.h"

#define LINGER_MS 500 /* a drain accepts for so long: requests that were on their way */

void serving_part_name(const char *kind, int64_t release, char ret_part[PART_NAME_SIZE])
{
	(void)snprintf(ret_part, PART_NAME_SIZE, "%s.%lld", kind, (long long)release);
}

int64_t serving_part_release(const char *kind, const char *part)
{
	int64_t release = 0;
	size_t len = strlen(kind);
	bool is_ours = strncmp(part, kind, len) == 0 && part[len] == '.' &&
		       str_to_int(str_from(part + len + 1), &release) && release > 0;
	return is_ours ? release : 0;
}

bool serving_give(const struct serving *s, const char *path, gid_t gid, mode_t mode, struct err *err)
{
	if (s->f->is_root && lchown(path, s->p->users.code.uid, gid) != 0)
		return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

/* The folder is what keeps others off the socket: the edge's workers may pass it, nobody else. */
static bool ensure_dir(struct serving *s, struct err *err)
{
	struct user edge = {0};
	if (s->f->is_root && !user_ensure(FLOW_EDGE_USER, &edge, err)) return false;
	return file_path(s->dir, err, "%s/%s/%lld", s->p->run_dir, s->kind, (long long)s->release) &&
	       file_mkdirs(s->dir, 0755, err) && serving_give(s, s->dir, edge.gid, s->f->is_root ? 0750 : 0700, err);
}

static void put_limits(struct serving *s)
{
	const struct serving_limits *l = &s->limits;
	json_object_set_new(s->config, "limits",
			    json_pack("{s:I, s:I, s:I, s:I}", "memory_bytes", (json_int_t)l->memory_bytes, "processes",
				      (json_int_t)l->processes, "files", (json_int_t)l->files, "file_bytes",
				      (json_int_t)l->file_bytes));
	json_object_set_new(s->config, "boot_ms", json_integer(l->boot_ms));
	json_object_set_new(s->config, "linger_ms", json_integer(LINGER_MS));
	json_object_set_new(s->config, "drain_ms", json_integer(l->drain_ms));
	json_object_set_new(s->config, "kill_ms", json_integer(l->kill_ms));
}

bool serving_begin(struct serving *s, struct err *err)
{
	char host[EDGE_HOST_SIZE], socket[FILE_PATH_SIZE], state[FILE_PATH_SIZE];
	if (!ensure_dir(s, err) || !file_path(socket, err, "%s/web.sock", s->dir) ||
	    !file_path(state, err, "%s/state.json", s->dir))
		return false;
	edge_app_host(s->p->app.name, host);
	s->config = json_pack("{s:s, s:s, s:{s:[s]}, s:[], s:[]}", "socket", socket, "state", state, "hosts",
			      "127.0.0.1", host, "mounts", "forwards");
	put_limits(s);
	return true;
}

void serving_mount(struct serving *s, const char *from, const char *to, const char *mode)
{
	json_array_append_new(json_object_get(s->config, "mounts"),
			      json_pack("{s:s, s:s, s:s}", "from", from, "to", to, "mode", mode));
}

void serving_forward(struct serving *s, int port, const char *socket)
{
	json_array_append_new(json_object_get(s->config, "forwards"),
			      json_pack("{s:i, s:s}", "port", port, "socket", socket));
}

static bool write_config(struct serving *s, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char *text = json_text(s->config);
	bool ok = text != NULL && file_path(ret_path, err, "%s/serve.json", s->dir) &&
		  file_write(ret_path, str_from(text), 0600, err) &&
		  serving_give(s, ret_path, s->p->users.code.gid, 0600, err);
	free(text);
	return ok;
}

bool serving_unit(struct serving *s, const char *log, struct arena *arena, struct unit_spec *ret_spec, struct err *err)
{
	char part[PART_NAME_SIZE], config[FILE_PATH_SIZE];
	const struct serving_limits *l = &s->limits;
	if (!write_config(s, config, err)) return false;
	struct unit_spec spec = {
	    .argv = {arena_printf(arena, "%s/freehold-serve", s->f->helpers), "--config", arena_strdup(arena, config)},
	    .env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
	    .has_user = s->f->is_root,
	    .uid = s->p->users.code.uid,
	    .gid = s->p->users.code.gid,
	    .cwd = "/",
	    .log_path = arena_strdup(arena, log),
	    .state_path = arena_printf(arena, "%s/state.json", s->dir),
	    .stop_signal = SIGTERM,
	    .stop_deadline_ms = LINGER_MS + l->drain_ms + l->kill_ms + l->stop_slack_ms,
	    .ready_deadline_ms = l->boot_ms + l->stop_slack_ms,
	    .has_limits = true,
	    .limits = {.memory_bytes = (uint64_t)l->memory_bytes, .processes = (uint32_t)l->processes}};
	serving_part_name(s->kind, s->release, part);
	parts_unit_name(s->p->app.name, part, spec.name);
	*ret_spec = spec;
	return true;
}
