/* SPDX-License-Identifier: Apache-2.0 */
#include "build/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define LINE_MAX_BYTES 4096
#define ENV_MAX 320
#define ARENA_MAX_BYTES (2u << 20)

/* Variables of ours that a program which fetches may need; they can hold a password, so a build never sees them. */
static const char *const fetch_env[] = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
					"https_proxy", "http_proxy", "no_proxy"};

struct lines {
	const struct box_call *call;
	struct buf pending[2]; /* an unfinished line of each stream */
	struct buf *tail;
};

/* Colours and cursor movements (ECMA-48: ESC [ … letter) and other control bytes have no place in a log. */
static size_t clean(const char *from, size_t len, char *to)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)from[i];
		if (c == 0x1b && i + 1 < len && from[i + 1] == '[') {
			for (i += 2; i < len && ((unsigned char)from[i] < 0x40 || (unsigned char)from[i] > 0x7e);) i++;
			continue;
		}
		if (c >= 0x20 || c == '\t') to[n++] = (char)c;
	}
	return n;
}

static void emit(struct lines *l, int stream, struct str raw)
{
	char line[LINE_MAX_BYTES + 1];
	size_t len = clean(raw.ptr, raw.len < LINE_MAX_BYTES ? raw.len : LINE_MAX_BYTES, line);
	const struct build_job *job = l->call->job;
	if (job->on_line != NULL && !l->call->is_ours && !l->call->is_quiet)
		job->on_line(job->arg, stream, (struct str){line, len});
	line[len++] = '\n';
	if (l->tail == NULL) return;
	if (l->tail->len + len > BOX_TAIL_BYTES) buf_consume(l->tail, l->tail->len + len - BOX_TAIL_BYTES);
	buf_append(l->tail, line, len);
}

static void on_output(void *arg, int stream, struct str bytes)
{
	struct lines *l = arg;
	struct buf *pending = &l->pending[stream == 2];
	while (bytes.len > 0) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		size_t take = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
		if (pending->len + take > LINE_MAX_BYTES) take = LINE_MAX_BYTES - pending->len, end = NULL;
		buf_append(pending, bytes.ptr, take);
		bytes = str_sub(bytes, take + (end != NULL), bytes.len);
		if (end == NULL && pending->len < LINE_MAX_BYTES) return;
		emit(l, stream, buf_view(pending));
		buf_clear(pending);
	}
}

struct env {
	struct arena *arena;
	const char *list[ENV_MAX];
	int count;
};

static size_t name_len(const char *pair)
{
	const char *equals = strchr(pair, '=');
	return equals != NULL ? (size_t)(equals - pair) + 1 : strlen(pair);
}

static void put_env(struct env *e, const char *pair)
{
	if (pair == NULL) return;
	size_t len = name_len(pair);
	for (int i = 0; i < e->count; i++)
		if (strncmp(e->list[i], pair, len) == 0) {
			e->list[i] = pair;
			return;
		}
	if (e->count < ENV_MAX - 1) e->list[e->count++] = pair;
}

static void put_fetch_env(struct env *e)
{
	for (size_t i = 0; i < sizeof fetch_env / sizeof *fetch_env; i++) {
		const char *value = getenv(fetch_env[i]);
		if (value != NULL) put_env(e, arena_printf(e->arena, "%s=%s", fetch_env[i], value));
	}
	put_env(e, "npm_config_cache=/cache/npm");
	put_env(e, "BUN_INSTALL_CACHE_DIR=/cache/bun");
}

/* No CI=true: some bundlers then take every warning for an error. */
static void fill_env(struct env *e, const struct box_call *call)
{
	static const char *const always[] = {
	    ("HOME=" SANDBOX_HOME),
	    "USER=app",
	    "LANG=C.UTF-8",
	    "NO_COLOR=1",
	    "TERM=dumb",
	    "DO_NOT_TRACK=1",
	    "NEXT_TELEMETRY_DISABLED=1",
	    "ASTRO_TELEMETRY_DISABLED=1",
	    "BROWSERSLIST_IGNORE_OLD_DATA=1",
	    "npm_config_update_notifier=false",
	    "npm_config_audit=false",
	    "npm_config_fund=false",
	    "npm_config_progress=false",
	    "npm_config_ignore_scripts=false",
	};
	struct limits limits = build_limits(call->job);
	struct buf path BUF_CLEANUP;
	buf_init(&path, FILE_PATH_SIZE);
	for (int i = 0; i < call->tool_count; i++)
		buf_printf(&path, "/tools/%s/%s:", call->tools[i].name, call->tools[i].bin);
	if (call->host->node_prefix[0] != '\0') buf_printf(&path, "%s:", call->host->node_bin);
	buf_puts(&path, SANDBOX_PATH);
	put_env(e, arena_printf(e->arena, "PATH=%s", buf_cstr(&path)));
	for (size_t i = 0; i < sizeof always / sizeof *always; i++) put_env(e, always[i]);
	put_env(e, arena_printf(e->arena, "npm_config_registry=%s", call->host->registry));
	/* Node sizes its heap by the machine, not by our limit: told, it collects instead of being killed. */
	put_env(e, arena_printf(e->arena, "NODE_OPTIONS=--max-old-space-size=%llu",
				(unsigned long long)(limits.memory_bytes / 4 * 3 >> 20)));
	if (call->host->ca_file[0] != '\0')
		put_env(e, arena_printf(e->arena, "NODE_EXTRA_CA_CERTS=%s", call->host->ca_file));
	if (call->has_network) put_fetch_env(e);
	for (const char *const *p = call->env; p != NULL && *p != NULL; p++) put_env(e, *p);
	e->list[e->count] = NULL;
}

static int fill_mounts(struct arena *a, const struct box_call *call, struct sandbox_mount *m)
{
	int n = 0;
	const struct build_host *h = call->host;
	if (h->node_prefix[0] != '\0') m[n++] = (struct sandbox_mount){SANDBOX_READ, h->node_prefix, h->node_prefix};
	bool is_ca_there = strncmp(h->ca_file, "/usr/", 5) == 0 || strncmp(h->ca_file, "/etc/ssl/certs/", 15) == 0;
	if (h->ca_file[0] != '\0' && !is_ca_there)
		m[n++] = (struct sandbox_mount){SANDBOX_READ, h->ca_file, h->ca_file};
	for (int i = 0; i < call->tool_count; i++) {
		const char *from = arena_printf(a, "%s/tools/%s", call->job->cache_dir, call->tools[i].name);
		m[n++] = (struct sandbox_mount){SANDBOX_READ, from, arena_printf(a, "/tools/%s", call->tools[i].name)};
	}
	if (call->cache_dir != NULL) m[n++] = (struct sandbox_mount){SANDBOX_WRITE, call->cache_dir, "/cache"};
	if (call->app_dir != NULL) m[n++] = (struct sandbox_mount){SANDBOX_WRITE, call->app_dir, "/app"};
	for (int i = 0; i < call->mount_count && n < SANDBOX_MOUNTS_MAX; i++) m[n++] = call->mounts[i];
	return n;
}

bool box_run(const struct box_call *call, struct buf *ret_tail, struct sandbox_result *ret_result, struct err *err)
{
	struct lines l = {.call = call, .tail = ret_tail};
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX + 8];
	struct env env = {.arena = arena_new(ARENA_MAX_BYTES)};
	buf_init(&l.pending[0], LINE_MAX_BYTES), buf_init(&l.pending[1], LINE_MAX_BYTES);
	fill_env(&env, call);
	struct sandbox_spec spec = {
	    .argv = call->argv,
	    .env = env.list,
	    .cwd = call->cwd,
	    .mounts = mounts,
	    .mount_count = fill_mounts(env.arena, call, mounts),
	    .has_network = call->has_network,
	    .has_user = call->job->has_user,
	    .uid = call->is_ours ? BOX_TOOLS_UID : call->job->uid,
	    .gid = call->is_ours ? BOX_TOOLS_UID : call->job->gid,
	    .limits = build_limits(call->job),
	    .on_output = on_output,
	    .arg = &l,
	};
	bool ok = sandbox_run(&spec, NULL, ret_result, err);
	for (int i = 0; i < 2; i++) {
		if (l.pending[i].len > 0) emit(&l, i + 1, buf_view(&l.pending[i]));
		buf_done(&l.pending[i]);
	}
	arena_free(env.arena);
	return ok;
}

static bool names_error(struct str line)
{
	static const char *const words[] = {"rror", "ERR!", "ERR_", "failed", "Failed", "cannot", "Cannot", NULL};
	for (const char *const *w = words; *w != NULL; w++)
		if (str_find(line, str_from(*w)) >= 0) return true;
	return false;
}

struct str box_reason(struct str tail, size_t max_bytes)
{
	struct str rest = tail = str_trim(tail), line;
	const char *from = NULL;
	while (from == NULL && str_next(&rest, '\n', &line))
		if (names_error(line)) from = line.ptr;
	size_t start = from != NULL ? (size_t)(from - tail.ptr) : tail.len > max_bytes ? tail.len - max_bytes : 0;
	/* Where a tool's own stack begins nothing more is said; and no line is cut in the middle. */
	struct str said = str_sub(tail, start, tail.len);
	ptrdiff_t stack = str_find(said, STR("\n    at "));
	if (stack > 0) said = str_sub(said, 0, (size_t)stack);
	if (said.len > max_bytes) {
		said = str_sub(said, 0, max_bytes);
		const char *last = memrchr(said.ptr, '\n', said.len);
		if (last != NULL) said = str_sub(said, 0, (size_t)(last - said.ptr));
	}
	return str_trim(said);
}
