/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/config.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"

#define PORT_DEFAULT 3000
#define BOOT_MS 30000
#define LINGER_MS 500
#define DRAIN_MS 30000
#define KILL_MS 5000
#define DEADLINE_MAX_MS 86400000
#define HOSTS_MAX_BYTES 4096
#define NUMBER_MAX ((int64_t)1 << 53)

static bool wrong(struct err *err, const char *member, const char *what)
{
	return err_set(err, ERR_INVALID, "\"%s\" %s", member, what);
}

/* A NUL inside would cut what C sees. */
static const char *text_of(struct arena *arena, const json_t *value)
{
	const char *text = json_string_value(value);
	if (text == NULL || strlen(text) != json_string_length(value)) return NULL;
	return arena_strdup(arena, text);
}

static bool read_number(const json_t *o, const char *name, int64_t otherwise, int64_t least, int64_t most,
			int64_t *ret_number, struct err *err)
{
	const json_t *value = json_object_get(o, name);
	int64_t number = value == NULL ? otherwise : json_integer_value(value);
	if ((value != NULL && !json_is_integer(value)) || number < least || number > most)
		return err_set(err, ERR_INVALID, "\"%s\" must be a whole number from %lld to %lld", name,
			       (long long)least, (long long)most);
	*ret_number = number;
	return true;
}

static bool read_argv(const json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	const json_t *list = json_object_get(o, "argv");
	size_t count = json_array_size(list);
	if (count == 0 || count > CONFIG_ARGV_MAX) return wrong(err, "argv", "must be a list of 1 to 64 texts");
	for (size_t i = 0; i < count; i++)
		if ((c->argv[i] = text_of(arena, json_array_get(list, i))) == NULL)
			return wrong(err, "argv", "must be a list of texts");
	return true;
}

/* What nobody set and a server wants to have. */
static bool add_missing_env(const json_t *env, struct config *c, int *count, struct err *err)
{
	static const char *const wanted[][2] = {
	    {"PATH", "PATH=" SANDBOX_PATH}, {"HOME", "HOME=" SANDBOX_HOME}, {"HOST", "HOST=127.0.0.1"}};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		if (json_object_get(env, wanted[i][0]) != NULL) continue;
		if (*count >= CONFIG_ENV_MAX) return wrong(err, "env", "has too many names");
		c->env[(*count)++] = wanted[i][1];
	}
	return true;
}

static bool read_env(json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	json_t *env = json_object_get(o, "env"), *value;
	const char *name;
	int count = 0;
	if (env != NULL && !json_is_object(env)) return wrong(err, "env", "must be an object");
	json_object_foreach(env, name, value)
	{
		const char *text = text_of(arena, value);
		if (text == NULL || *name == '\0' || strchr(name, '=') != NULL)
			return wrong(err, "env", "must hold names and texts");
		if (strcmp(name, "PORT") == 0) continue;
		if (count >= CONFIG_ENV_MAX) return wrong(err, "env", "has too many names");
		c->env[count] = arena_printf(arena, "%s=%s", name, text);
		if (c->env[count++] == NULL) return wrong(err, "env", "is too long");
	}
	return add_missing_env(env, c, &count, err);
}

static bool read_mounts(const json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	const json_t *list = json_object_get(o, "mounts");
	/* The last place is ours: the program that is pid 1. */
	if (json_array_size(list) >= SANDBOX_MOUNTS_MAX) return wrong(err, "mounts", "are too many");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		const char *from = text_of(arena, json_object_get(m, "from"));
		const char *to = text_of(arena, json_object_get(m, "to"));
		const char *mode = json_str(m, "mode", "read");
		bool is_write = strcmp(mode, "write") == 0;
		if (from == NULL || to == NULL || *from != '/' || *to != '/' ||
		    (!is_write && strcmp(mode, "read") != 0))
			return wrong(err, "mounts", "need \"from\", \"to\" (absolute) and \"mode\" (read or write)");
		c->mounts[c->mount_count++] = (struct sandbox_mount){is_write ? SANDBOX_WRITE : SANDBOX_READ, from, to};
	}
	return true;
}

static bool is_host_text(const char *text)
{
	return text != NULL && *text != '\0' &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_")] == '\0';
}

static bool read_hosts(json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, HOSTS_MAX_BYTES);
	/* The doors are on 127.0.0.1, and Node before 20 tries only the first address of a name. */
	buf_puts(&text, "127.0.0.1 localhost app\n::1 ip6-localhost\n");
	const char *address;
	json_t *names;
	json_object_foreach(json_object_get(o, "hosts"), address, names)
	{
		if (!is_host_text(address)) return wrong(err, "hosts", "has an address that is none");
		buf_puts(&text, address);
		for (size_t i = 0; i < json_array_size(names); i++) {
			const char *name = text_of(arena, json_array_get(names, i));
			if (!is_host_text(name)) return wrong(err, "hosts", "has a name that is none");
			buf_printf(&text, " %s", name);
		}
		buf_putc(&text, '\n');
	}
	c->hosts = arena_strdup(arena, buf_cstr(&text));
	return (buf_is_ok(&text) && c->hosts != NULL) || wrong(err, "hosts", "are too many");
}

static bool read_forwards(const json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	const json_t *list = json_object_get(o, "forwards");
	if (json_array_size(list) > CONFIG_FORWARDS_MAX) return wrong(err, "forwards", "are too many (at most 8)");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);
		const char *path = text_of(arena, json_object_get(f, "socket"));
		int64_t port;
		if (!read_number(f, "port", 0, 1, UINT16_MAX, &port, err)) return err_wrap(err, "forwards");
		if (path == NULL || strlen(path) > CONFIG_SOCKET_PATH_MAX)
			return wrong(err, "forwards", "need a \"socket\" of at most 107 bytes");
		c->forwards[c->forward_count++] = (struct config_forward){(uint16_t)port, path};
	}
	return true;
}

static bool read_limits(const json_t *o, struct config *c, struct err *err)
{
	const json_t *l = json_object_get(o, "limits");
	int64_t memory, processes, files, file, reserve;
	if (!read_number(l, "memory_bytes", 0, 0, NUMBER_MAX, &memory, err) ||
	    !read_number(l, "processes", 0, 0, UINT16_MAX, &processes, err) ||
	    !read_number(l, "files", 0, 0, INT32_MAX, &files, err) ||
	    !read_number(l, "file_bytes", 0, 0, NUMBER_MAX, &file, err) ||
	    !read_number(l, "disk_reserve_bytes", 0, 0, NUMBER_MAX, &reserve, err))
		return err_wrap(err, "limits");
	c->memory_bytes = (uint64_t)memory, c->processes = (uint32_t)processes, c->files = (uint32_t)files;
	c->file_bytes = (uint64_t)file, c->disk_reserve_bytes = (uint64_t)reserve;
	return true;
}

static bool read_times(const json_t *o, struct config *c, struct err *err)
{
	return read_number(o, "boot_ms", BOOT_MS, 1, DEADLINE_MAX_MS, &c->boot_ms, err) &&
	       read_number(o, "linger_ms", LINGER_MS, 0, DEADLINE_MAX_MS, &c->linger_ms, err) &&
	       read_number(o, "drain_ms", DRAIN_MS, 0, DEADLINE_MAX_MS, &c->drain_ms, err) &&
	       read_number(o, "kill_ms", KILL_MS, 1, DEADLINE_MAX_MS, &c->kill_ms, err);
}

static bool read_places(const json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	int64_t port, instances;
	const json_t *cwd = json_object_get(o, "cwd");
	c->socket = text_of(arena, json_object_get(o, "socket"));
	c->state = text_of(arena, json_object_get(o, "state"));
	c->cwd = cwd != NULL ? text_of(arena, cwd) : "/app";
	if (c->socket == NULL || *c->socket != '/' || strlen(c->socket) > CONFIG_SOCKET_PATH_MAX)
		return wrong(err, "socket", "must be an absolute path of at most 107 bytes");
	if (c->state == NULL || *c->state != '/') return wrong(err, "state", "must be an absolute path");
	if (c->cwd == NULL || *c->cwd != '/') return wrong(err, "cwd", "must be an absolute path inside");
	if (!read_number(o, "instances", 1, 1, CONFIG_INSTANCES_MAX, &instances, err) ||
	    !read_number(o, "port", PORT_DEFAULT, 1024, UINT16_MAX - CONFIG_INSTANCES_MAX, &port, err))
		return false;
	c->port = (uint16_t)port, c->instances = (int)instances;
	return true;
}

#define WORKER_MEMORY_BYTES (256ll << 20)
#define WORKERS_MAX 16
#define BUSY_MS 5000
#define IDLE_MS 300000
#define WORKER_BOOT_MS 15000

static bool is_function_name(const char *name)
{
	return name != NULL && *name != '\0' && *name != '.' && strlen(name) <= 64 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static bool read_functions(const json_t *o, struct arena *arena, struct config *c, struct err *err)
{
	const json_t *list = json_object_get(o, "functions"), *w = json_object_get(o, "worker");
	int64_t memory, most;
	if (json_array_size(list) > CONFIG_FUNCTIONS_MAX) return wrong(err, "functions", "are too many (at most 200)");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);
		struct config_function *to = &c->functions[c->function_count++];
		to->name = text_of(arena, json_object_get(f, "name"));
		to->entry = text_of(arena, json_object_get(f, "entry"));
		to->refusal = text_of(arena, json_object_get(f, "refusal"));
		if (!is_function_name(to->name) || (to->entry == NULL && to->refusal == NULL))
			return wrong(err, "functions", "need a \"name\", and an \"entry\" or a \"refusal\"");
	}
	c->is_outward = json_bool(o, "is_outward", false);
	if (!read_number(w, "memory_bytes", WORKER_MEMORY_BYTES, 1 << 20, NUMBER_MAX, &memory, err) ||
	    !read_number(w, "most", WORKERS_MAX, 1, CONFIG_FUNCTIONS_MAX, &most, err) ||
	    !read_number(w, "busy_ms", BUSY_MS, 1, DEADLINE_MAX_MS, &c->busy_ms, err) ||
	    !read_number(w, "idle_ms", IDLE_MS, 1, DEADLINE_MAX_MS, &c->idle_ms, err) ||
	    !read_number(w, "boot_ms", WORKER_BOOT_MS, 1, DEADLINE_MAX_MS, &c->worker_boot_ms, err))
		return err_wrap(err, "worker");
	c->worker_memory_bytes = (uint64_t)memory, c->workers_max = (int)most;
	return true;
}

bool config_parse(struct str text, struct arena *arena, struct config *ret_config, struct err *err)
{
	json_t *o JSON_CLEANUP = NULL;
	struct config c = {0};
	if (!json_parse(text, &o, err)) return false;
	if (!json_is_object(o)) return err_set(err, ERR_INVALID, "must be an object");
	if (!read_argv(o, arena, &c, err) || !read_env(o, arena, &c, err) || !read_mounts(o, arena, &c, err) ||
	    !read_hosts(o, arena, &c, err) || !read_places(o, arena, &c, err) || !read_forwards(o, arena, &c, err) ||
	    !read_limits(o, &c, err) || !read_times(o, &c, err) || !read_functions(o, arena, &c, err))
		return false;
	*ret_config = c;
	return true;
}
