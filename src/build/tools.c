/* SPDX-License-Identifier: Apache-2.0 */
#include "build/tools.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/json.h"

#define CPUINFO_MAX_BYTES (1u << 20)
#define PACKAGE_JSON_MAX_BYTES (1u << 20)
#define FONT_NAME_MAX 40

/* npm's word for this processor. */
static const char *machine(void)
{
	struct utsname u;
	if (uname(&u) == 0 && strcmp(u.machine, "aarch64") == 0) return "arm64";
	return "x64";
}

static bool has_avx2(void)
{
	struct buf b BUF_CLEANUP;
	struct err ignored;
	buf_init(&b, CPUINFO_MAX_BYTES);
	(void)file_read("/proc/cpuinfo", &b, &ignored);
	return strstr(buf_cstr(&b), " avx2") != NULL;
}

/* npm runs in a folder of nobody's beside the final one; nothing but npm and the packages it unpacks touches it. */
static bool fetch(const struct build_job *job, const struct build_host *host, const char *package, const char *staged,
		  struct err *err)
{
	const char *argv[] = {
	    "npm", "install", "--ignore-scripts", "--no-save", "--no-package-lock", "--prefix", "/app", package, NULL};
	const char *env[] = {"npm_config_cache=/tmp/npm", NULL};
	struct box_call call = {.job = job,
				.host = host,
				.argv = argv,
				.app_dir = staged,
				.cwd = "/app",
				.env = env,
				.has_network = true,
				.is_ours = true};
	struct buf tail BUF_CLEANUP;
	struct sandbox_result result;
	struct limits limits = build_limits(job);
	buf_init(&tail, (size_t)2 * BOX_TAIL_BYTES);
	if (!box_run(&call, &tail, &result, err)) return false;
	if (sandbox_judge(&result, &limits, "npm", err)) return true;
	struct str why = box_reason(buf_view(&tail), 500);
	bool is_unknown = str_find(buf_view(&tail), STR("code E404")) >= 0;
	return err_set(err, is_unknown ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
		       "%s could not be fetched from the npm registry: %.*s", package, STR_FMT(why));
}

static bool settle(const char *staged, const char *final, struct err *err)
{
	if (!file_chown_tree(staged, 0, 0, err)) return false;
	if (chmod(staged, 0755) != 0) return err_set_errno(err, "%s", staged);
	if (rename(staged, final) == 0) return true;
	bool is_there = errno == EEXIST || errno == ENOTEMPTY; /* somebody else was faster */
	return is_there ? file_remove_tree(staged, err) : err_set_errno(err, "keep %s", final);
}

static bool ensure(const struct build_job *job, const struct build_host *host, const char *package,
		   const struct box_tool *tool, struct box_tool *ret_tool, struct err *err)
{
	char final[FILE_PATH_SIZE], staged[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	if (!file_path(folder, err, "%s/tools", job->cache_dir) ||
	    !file_path(final, err, "%s/%s", folder, tool->name) ||
	    !file_path(staged, err, "%s/new-%s-%d", folder, tool->name, (int)getpid()))
		return false;
	if (!file_is_dir(final)) {
		build_say(job, "fetching %s from the npm registry (once, for all apps)", package);
		if (!file_mkdirs(folder, 0755, err) || !file_remove_tree(staged, err)) return false;
		if (mkdir(staged, 0700) != 0) return err_set_errno(err, "make folder %s", staged);
		if (geteuid() == 0 && lchown(staged, BOX_TOOLS_UID, BOX_TOOLS_UID) != 0)
			return err_set_errno(err, "prepare %s", staged);
		struct err ignored;
		if (!fetch(job, host, package, staged, err) || !settle(staged, final, err)) {
			(void)file_remove_tree(staged, &ignored);
			return false;
		}
	}
	(void)utimensat(AT_FDCWD, final, NULL, 0); /* used now: app/sweep.h removes what nobody uses */
	*ret_tool = *tool;
	return true;
}

bool tool_bun(const struct build_job *job, const struct build_host *host, struct box_tool *ret_tool, struct err *err)
{
	struct box_tool tool;
	char package[128];
	bool is_arm = strcmp(machine(), "arm64") == 0;
	const char *kind = is_arm ? "aarch64" : has_avx2() ? "x64" : "x64-baseline";
	(void)snprintf(package, sizeof package, "@oven/bun-linux-%s@1", kind);
	(void)snprintf(tool.name, sizeof tool.name, "bun-1");
	(void)snprintf(tool.bin, sizeof tool.bin, "node_modules/@oven/bun-linux-%s/bin", kind);
	return ensure(job, host, package, &tool, ret_tool, err);
}

bool tool_pnpm(const struct build_job *job, const struct build_host *host, int major, struct box_tool *ret_tool,
	       struct err *err)
{
	struct box_tool tool;
	char package[64];
	(void)snprintf(package, sizeof package, "pnpm@%d", major);
	(void)snprintf(tool.name, sizeof tool.name, "pnpm-%d", major);
	(void)snprintf(tool.bin, sizeof tool.bin, "node_modules/.bin");
	return ensure(job, host, package, &tool, ret_tool, err);
}

bool tool_node(const struct build_job *job, const struct build_host *host, int major, struct box_tool *ret_tool,
	       struct err *err)
{
	struct box_tool tool;
	char package[64];
	(void)snprintf(package, sizeof package, "node-linux-%s@%d", machine(), major);
	(void)snprintf(tool.name, sizeof tool.name, "node-%d", major);
	(void)snprintf(tool.bin, sizeof tool.bin, "node_modules/node-linux-%s/bin", machine());
	return ensure(job, host, package, &tool, ret_tool, err);
}

bool tool_deno(const struct build_job *job, const struct build_host *host, struct box_tool *ret_tool, struct err *err)
{
	struct box_tool tool;
	char package[64];
	/* The package with the program itself; "deno" only chooses among these, by a script that would have to run. */
	(void)snprintf(package, sizeof package, "@deno/linux-%s-glibc@2", machine());
	(void)snprintf(tool.name, sizeof tool.name, "deno-2");
	(void)snprintf(tool.bin, sizeof tool.bin, "node_modules/@deno/linux-%s-glibc", machine());
	return ensure(job, host, package, &tool, ret_tool, err);
}

/* Of the app's own words, so that only what can be such a package's name goes on. */
static bool is_font_name(const char *name)
{
	struct str text = str_from(name), word;
	if (str_has_prefix(text, STR("@fontsource-variable/")))
		word = str_sub(text, sizeof "@fontsource-variable/" - 1, text.len);
	else if (str_has_prefix(text, STR("@fontsource/")))
		word = str_sub(text, sizeof "@fontsource/" - 1, text.len);
	else
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (!(word.ptr[i] >= 'a' && word.ptr[i] <= 'z') && !isdigit((unsigned char)word.ptr[i]) &&
		    (word.ptr[i] != '-' || i == 0))
			return false;
	return word.len > 0 && word.len <= FONT_NAME_MAX;
}

bool tool_font(const struct build_job *job, const struct build_host *host, const char *name, struct box_tool *ret_tool,
	       struct err *err)
{
	struct box_tool tool;
	char package[128];
	if (!is_font_name(name)) return err_set(err, ERR_NOT_FOUND, "%.100s is no package of a font", name);
	(void)snprintf(package, sizeof package, "%s@5", name);
	(void)snprintf(tool.name, sizeof tool.name, "%.61s-5", name + 1);
	*strchr(tool.name, '/') = '-';
	(void)snprintf(tool.bin, sizeof tool.bin, "node_modules/%s", name);
	return ensure(job, host, package, &tool, ret_tool, err);
}

void tool_version(const struct build_job *job, const struct box_tool *tool, char ret_version[32])
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	json_t *package JSON_CLEANUP = NULL;
	size_t len = strlen(tool->bin), end = str_has_suffix(str_from(tool->bin), STR("/bin")) ? strlen("/bin") : 0;
	ret_version[0] = '\0';
	/* node_modules/PACKAGE or node_modules/PACKAGE/bin, but pnpm's is node_modules/.bin */
	bool is_linked = str_has_suffix(str_from(tool->bin), STR("/.bin"));
	const char *name = is_linked ? "node_modules/pnpm" : tool->bin;
	int keep = is_linked ? (int)strlen(name) : (int)(len - end);
	if (!file_path(path, &ignored, "%s/tools/%s/%.*s/package.json", job->cache_dir, tool->name, keep, name)) return;
	if (json_parse_file(path, PACKAGE_JSON_MAX_BYTES, &package, &ignored))
		(void)snprintf(ret_version, 32, "%s", json_str(package, "version", ""));
}

/* One comparison of a range: ">=20.19.0", "22.x", "v22". True when it holds a number. */
static bool read_version(const char *text, const char **ret_rest, char *ret_operator, int *ret_major, int *ret_minor)
{
	while (*text == ' ' || *text == '\t') text++;
	char sign = *text == '>' || *text == '<' || *text == '^' || *text == '~' ? *text : '=';
	while (*text != '\0' && strchr("<>=^~ v", *text) != NULL) text++;
	if (!isdigit((unsigned char)*text)) return false;
	char *end;
	long major = strtol(text, &end, 10), minor = 0;
	if (end[0] == '.' && isdigit((unsigned char)end[1])) minor = strtol(end + 1, &end, 10);
	while (*end != '\0' && *end != ' ' && *end != '|' && *end != ',') end++;
	*ret_rest = end, *ret_operator = sign, *ret_major = (int)(major < 1000 ? major : 0);
	*ret_minor = (int)(minor < 1000 ? minor : 0);
	return true;
}

static bool holds(char sign, int major, int minor, int host_major, int host_minor)
{
	bool is_less = host_major < major || (host_major == major && host_minor < minor);
	if (sign == '>') return !is_less;
	if (sign == '<') return is_less;
	return host_major == major && host_minor >= minor;
}

/* Does the range hold for this version? ret_newest: the newest major that it names as wanted, 0: none. */
static bool range_holds(const char *range, int host_major, int host_minor, int *ret_newest)
{
	*ret_newest = 0;
	while (range != NULL && *range != '\0') {
		/* One alternative: all its comparisons must hold. */
		bool is_held = true, has_any = false;
		while (*range != '\0' && *range != '|') {
			char sign;
			int major, minor;
			if (!read_version(range, &range, &sign, &major, &minor)) break;
			has_any = true;
			if (!holds(sign, major, minor, host_major, host_minor)) is_held = false;
			if (sign != '<' && major > *ret_newest) *ret_newest = major;
			while (*range == ' ' || *range == ',') range++;
		}
		if (has_any && is_held) return true;
		while (*range != '\0' && *range != '|') range++;
		while (*range == '|') range++;
	}
	return false;
}

#define NODE_OLDEST 20 /* an older one of the machine serves only those that ask for it */
#define NODE_USUAL 22

int tool_wanted_node(const char *range, int floor, int host_major, int host_minor)
{
	int newest = 0, ignored;
	/* Today's frameworks (Next 16, Vite 7) refuse what Debian 12 brings, and say so in packages that are not the
	 * app's. */
	if (host_major < NODE_OLDEST && floor < NODE_USUAL) floor = NODE_USUAL;
	bool has_host = range_holds(range, host_major, host_minor, &newest);
	bool is_open = newest == 0 || range_holds(range, floor, 0, &ignored) || range_holds(range, floor, 99, &ignored);
	if (!has_host && newest >= host_major && newest < 100 && newest > 0) return newest;
	return floor > host_major && is_open ? floor : 0;
}
