/* SPDX-License-Identifier: Apache-2.0 */
#include "build/manifest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "build/child.h"
#include "build/digest.h"
#include "codec/json.h"

#define PACKAGE_JSON_MAX_BYTES (8u << 20)
#define HOST_MAX_BYTES 253

/* Everything at the app's top that a package manager reads. */
static const char *const files[] = {
    "package.json", "bun.lock", "package-lock.json", "npm-shrinkwrap.json", "bun.lockb",     "pnpm-lock.yaml",
    "yarn.lock",    ".npmrc",   "bunfig.toml",       "pnpm-workspace.yaml", ".node-version", ".nvmrc",
};

static const char *const text_locks[] = {"bun.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml"};

static const char *const not_source[] = {"node_modules", ".git", "dist", NULL};

/* The private cache by its path, which is the same in every region: "https://europe-west4-npm…" + this. */
#define PRIVATE_CACHE STR("/lovable-core-prod/sandbox-npm-cache/")

int manifest_rewrite(struct str text, struct str registry, struct buf *ret_text)
{
	int count = 0;
	ptrdiff_t at;
	while ((at = str_find(text, PRIVATE_CACHE)) >= 0) {
		size_t host = (size_t)at, end = (size_t)at + PRIVATE_CACHE.len;
		while (host > 0 && (size_t)at - host < HOST_MAX_BYTES &&
		       (isalnum((unsigned char)text.ptr[host - 1]) || strchr(".-", text.ptr[host - 1]) != NULL))
			host--;
		bool is_url = host < (size_t)at && str_has_suffix(str_sub(text, 0, host), STR("https://"));
		buf_str(ret_text, str_sub(text, 0, is_url ? host - strlen("https://") : end));
		if (is_url) buf_str(ret_text, registry), count++;
		text = str_sub(text, end, text.len);
	}
	buf_str(ret_text, text);
	return count;
}

/* The child's side. */

struct read_arg {
	const char *dir;
	const char *registry;
	const char *salt;
};

static bool read_file(const char *dir, const char *name, struct buf *b, struct err *err)
{
	char path[FILE_PATH_SIZE];
	buf_clear(b);
	return file_path(path, err, "%s/%s", dir, name) && file_read(path, b, err);
}

static bool has_file(const char *dir, const char *name)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st;
	return file_path(path, &ignored, "%s/%s", dir, name) && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool rewrite_locks(const struct read_arg *a, int *ret_count, struct err *err)
{
	struct buf text BUF_CLEANUP;
	struct buf changed BUF_CLEANUP;
	buf_init(&text, MANIFEST_FILE_MAX_BYTES), buf_init(&changed, (size_t)2 * MANIFEST_FILE_MAX_BYTES);
	for (size_t i = 0; i < sizeof text_locks / sizeof *text_locks; i++) {
		char path[FILE_PATH_SIZE];
		if (!has_file(a->dir, text_locks[i])) continue;
		if (!read_file(a->dir, text_locks[i], &text, err)) return false;
		buf_clear(&changed);
		int count = manifest_rewrite(buf_view(&text), str_from(a->registry), &changed);
		*ret_count += count;
		if (count > 0 && (!file_path(path, err, "%s/%s", a->dir, text_locks[i]) ||
				  !file_write(path, buf_view(&changed), 0644, err)))
			return false;
	}
	return true;
}

/* Dependencies that are not packages of the registry but files of the export. */
static bool has_local_dependency(const json_t *package)
{
	static const char *const groups[] = {"dependencies", "devDependencies", "optionalDependencies"};
	static const char *const schemes[] = {"file:", "link:", "portal:", "workspace:", "./", "../", NULL};
	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
		const char *name;
		json_t *value;
		json_t *group = json_object_get(package, groups[g]);
		json_object_foreach(group, name, value)
		{
			const char *wanted = json_is_string(value) ? json_string_value(value) : "";
			for (const char *const *s = schemes; *s != NULL; s++)
				if (strncmp(wanted, *s, strlen(*s)) == 0) return true;
		}
	}
	return false;
}

static bool make_key(const struct read_arg *a, bool needs_all, char ret_key[DIGEST_SIZE], struct err *err)
{
	struct digest *d = digest_new();
	struct buf text BUF_CLEANUP;
	char tree[DIGEST_SIZE];
	bool ok = true;
	buf_init(&text, MANIFEST_FILE_MAX_BYTES);
	digest_add_field(d, STR("freehold dependencies 1"));
	digest_add_field(d, str_from(a->salt));
	for (size_t i = 0; ok && i < sizeof files / sizeof *files; i++) {
		if (!has_file(a->dir, files[i])) continue;
		ok = read_file(a->dir, files[i], &text, err);
		digest_add_field(d, str_from(files[i]));
		digest_add_field(d, buf_view(&text));
	}
	if (ok && needs_all) {
		ok = digest_tree(a->dir, not_source, tree, err);
		if (ok) digest_add_field(d, str_from(tree));
	}
	digest_end(d, ret_key);
	return ok;
}

/* A setting of pnpm-workspace.yaml: a line that begins with its name. */
static bool has_setting(struct str yaml, struct str name)
{
	struct str line;
	while (str_next(&yaml, '\n', &line))
		if (str_has_prefix(line, name)) return true;
	return false;
}

bool manifest_is_pnpm_workspace(struct str yaml)
{
	return has_setting(yaml, STR("packages:"));
}

int manifest_pnpm_major(struct str lock, struct str yaml)
{
	struct str head = str_sub(lock, 0, 200);
	ptrdiff_t at = str_find(head, STR("lockfileVersion:"));
	struct str rest = at >= 0 ? str_sub(head, (size_t)at, head.len) : head;
	if (str_find(str_sub(rest, 0, 24), STR("6.")) >= 0) return 8;
	/* pnpm 9 refuses a file of settings alone. */
	return yaml.len > 0 && !manifest_is_pnpm_workspace(yaml) ? 10 : 9;
}

struct pnpm {
	int major; /* 0: it has no lockfile */
	bool is_workspace, has_patches;
};

static struct pnpm read_pnpm(const char *dir)
{
	struct buf lock BUF_CLEANUP, yaml BUF_CLEANUP;
	struct err ignored;
	buf_init(&lock, MANIFEST_FILE_MAX_BYTES), buf_init(&yaml, MANIFEST_FILE_MAX_BYTES);
	bool has_lock = has_file(dir, "pnpm-lock.yaml") && read_file(dir, "pnpm-lock.yaml", &lock, &ignored);
	if (has_file(dir, "pnpm-workspace.yaml")) (void)read_file(dir, "pnpm-workspace.yaml", &yaml, &ignored);
	struct str settings = buf_view(&yaml);
	return (struct pnpm){has_lock ? manifest_pnpm_major(buf_view(&lock), settings) : 0,
			     manifest_is_pnpm_workspace(settings), has_setting(settings, STR("patchedDependencies:"))};
}

static const char *dependency(const json_t *package, const char *name)
{
	static const char *const groups[] = {"dependencies", "devDependencies"};
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		const char *range = json_str(json_object_get(package, groups[i]), name, NULL);
		if (range != NULL) return range;
	}
	return NULL;
}

const char *manifest_addition(const json_t *package)
{
	static const char *const adapters[] = {"", "@sveltejs/adapter-node@1", "@sveltejs/adapter-node@5",
					       "@sveltejs/adapter-node@6"};
	static const char *const others[] = {"@sveltejs/adapter-auto", "@sveltejs/adapter-vercel",
					     "@sveltejs/adapter-netlify", "@sveltejs/adapter-cloudflare",
					     "@sveltejs/adapter-cloudflare-workers"};
	const char *kit = dependency(package, "@sveltejs/kit");
	bool has_other = false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		has_other = has_other || dependency(package, others[i]) != NULL;
	if (kit == NULL || !has_other || dependency(package, "@sveltejs/adapter-node") != NULL) return "";
	kit += strcspn(kit, "0123456789");
	return *kit >= '1' && *kit <= '3' ? adapters[*kit - '0'] : adapters[3];
}

/* What says in its own package.json that it wants Node 22, from that version on. */
static const struct {
	const char *package;
	int major, minor;
} modern[] = {
    {"@tanstack/react-start", 0, 0},
    {"@lovable.dev/vite-tanstack-config", 0, 0},
    {"@supabase/supabase-js", 2, 110},
    {"nuxt", 4, 0},
    {"astro", 6, 0},
    {"@sveltejs/kit", 3, 0},
    {"@react-router/dev", 8, 0},
    {"expo", 56, 0},
};

static bool is_from(const char *range, int from_major, int from_minor)
{
	int major = 0, minor = 0;
	if (strcmp(range, "latest") == 0 || from_major == 0) return true;
	range += strcspn(range, "0123456789");
	int read = sscanf(range, "%4d.%4d", &major, &minor);
	return read >= 1 && (major > from_major || (major == from_major && minor >= from_minor));
}

int manifest_node_floor(const json_t *package)
{
	for (size_t i = 0; i < sizeof modern / sizeof *modern; i++) {
		const char *range = dependency(package, modern[i].package);
		if (range != NULL && is_from(range, modern[i].major, modern[i].minor)) return 22;
	}
	return 0;
}

static void read_wish(const char *dir, const json_t *package, char ret_wish[64])
{
	static const char *const named[] = {".nvmrc", ".node-version"};
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, 4096);
	ret_wish[0] = '\0';
	for (size_t i = 0; i < sizeof named / sizeof *named && ret_wish[0] == '\0'; i++)
		if (has_file(dir, named[i]) && read_file(dir, named[i], &text, &ignored))
			(void)snprintf(ret_wish, 64, "%.*s", STR_FMT(str_trim(buf_view(&text))));
	if (ret_wish[0] == '\0')
		(void)snprintf(ret_wish, 64, "%s", json_str(json_object_get(package, "engines"), "node", ""));
	if (ret_wish[0] == '\0')
		(void)snprintf(ret_wish, 64, "%s", json_str(json_object_get(package, "volta"), "node", ""));
	if (!str_is_utf8(str_from(ret_wish))) ret_wish[0] = '\0';
}

static bool read_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	const struct read_arg *a = arg;
	char path[FILE_PATH_SIZE], key[DIGEST_SIZE], wish[64];
	int rewritten = 0;
	json_t *package JSON_CLEANUP = NULL;
	bool has_package = has_file(a->dir, "package.json");
	if (has_package && (!file_path(path, err, "%s/package.json", a->dir) ||
			    !json_parse_file(path, PACKAGE_JSON_MAX_BYTES, &package, err)))
		return err_wrap(err, "package.json");
	const json_t *scripts = json_object_get(package, "scripts");
	bool has_postinstall = json_object_get(scripts, "postinstall") != NULL;
	bool has_prepare = json_object_get(scripts, "prepare") != NULL;
	const struct pnpm pnpm = read_pnpm(a->dir);
	bool needs_all = pnpm.has_patches || has_postinstall || has_prepare || has_local_dependency(package) ||
			 json_object_get(package, "patchedDependencies") != NULL ||
			 json_object_get(json_object_get(package, "pnpm"), "patchedDependencies") != NULL;
	if (!rewrite_locks(a, &rewritten, err) || !make_key(a, needs_all, key, err)) return false;
	read_wish(a->dir, package, wish);
	json_t *locks = json_array();
	for (size_t i = 1; i < sizeof files / sizeof *files; i++)
		if (has_file(a->dir, files[i])) (void)json_array_append_new(locks, json_string(files[i]));
	*ret_answer =
	    json_pack("{s:b, s:o, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:i, s:s, s:s}", "package", has_package, "files",
		      locks, "workspaces", json_object_get(package, "workspaces") != NULL || pnpm.is_workspace,
		      "needs_all", needs_all, "postinstall", has_postinstall, "prepare", has_prepare, "pnpm_major",
		      pnpm.major, "rewritten", rewritten, "node_wish", wish, "node_floor", manifest_node_floor(package),
		      "addition", manifest_addition(package), "key", key);
	return *ret_answer != NULL || err_set(err, ERR_INTERNAL, "package.json");
}

/* Our side. */

static bool is_listed(const json_t *list, const char *name)
{
	size_t i;
	json_t *value;
	json_array_foreach(list, i,
			   value) if (json_is_string(value) && strcmp(json_string_value(value), name) == 0) return true;
	return false;
}

bool manifest_read(const struct build_job *job, const char *app_dir, const char *registry, const char *salt,
		   struct manifest *ret_manifest, struct err *err)
{
	const struct read_arg arg = {app_dir, registry, salt};
	json_t *a JSON_CLEANUP = NULL;
	if (!build_child_run(job, "read package.json and lockfiles", read_reader, &arg, -1, &a, err)) return false;
	const json_t *list = json_object_get(a, "files");
	struct manifest m = {
	    .has_bun_lock = is_listed(list, "bun.lock"),
	    .has_npm_lock = is_listed(list, "package-lock.json") || is_listed(list, "npm-shrinkwrap.json"),
	    .has_bun_lockb = is_listed(list, "bun.lockb"),
	    .has_pnpm_lock = is_listed(list, "pnpm-lock.yaml"),
	    .has_yarn_lock = is_listed(list, "yarn.lock"),
	    .has_package = json_bool(a, "package", false),
	    .has_workspaces = json_bool(a, "workspaces", false),
	    .needs_all = json_bool(a, "needs_all", true),
	    .has_postinstall = json_bool(a, "postinstall", false),
	    .has_prepare = json_bool(a, "prepare", false),
	    .pnpm_major = (int)json_int(a, "pnpm_major", 0),
	    .rewritten = (int)json_int(a, "rewritten", 0),
	    .node_floor = (int)json_int(a, "node_floor", 0),
	};
	(void)snprintf(m.node_wish, sizeof m.node_wish, "%s", json_str(a, "node_wish", ""));
	(void)snprintf(m.addition, sizeof m.addition, "%s", json_str(a, "addition", ""));
	(void)snprintf(m.key, sizeof m.key, "%s", json_str(a, "key", ""));
	/* The key becomes a folder's name: it comes from the child, so it is checked here. */
	if (strlen(m.key) != MANIFEST_KEY_SIZE - 1 || strspn(m.key, "0123456789abcdef") != MANIFEST_KEY_SIZE - 1)
		return err_set(err, ERR_INTERNAL, "the key of the dependencies is malformed");
	*ret_manifest = m;
	return true;
}

struct copy_arg {
	const char *from;
	const char *to;
	bool needs_all;
};

static bool copy_one(const char *from, const char *to, const char *name, struct err *err)
{
	struct buf text BUF_CLEANUP;
	char path[FILE_PATH_SIZE];
	buf_init(&text, MANIFEST_FILE_MAX_BYTES);
	return read_file(from, name, &text, err) && file_path(path, err, "%s/%s", to, name) &&
	       file_write(path, buf_view(&text), 0644, err);
}

static bool copy_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	(void)ret_answer;
	const struct copy_arg *c = arg;
	char inner[FILE_PATH_SIZE];
	if (c->needs_all) return file_path(inner, err, "%s/app", c->to) && file_copy_tree(c->from, inner, err);
	if (!file_path(inner, err, "%s/app", c->to)) return false;
	if (mkdir(inner, 0755) != 0) return err_set_errno(err, "make folder %s", inner);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (has_file(c->from, files[i]) && !copy_one(c->from, inner, files[i], err)) return false;
	return true;
}

bool manifest_copy(const struct build_job *job, const struct manifest *manifest, const char *app_dir, const char *to,
		   struct err *err)
{
	const struct copy_arg arg = {app_dir, to, manifest->needs_all};
	json_t *answer JSON_CLEANUP = NULL;
	return build_child_run(job, "copy package.json and lockfiles", copy_reader, &arg, -1, &answer, err);
}
