/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/package.h"

#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "intake/scan.h"
#include "intake/shape.h"

bool package_parse(struct str text, json_t **ret_package, struct err *err)
{
	if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) text = str_sub(text, 3, text.len);
	json_error_t problem;
	json_t *package = json_loadb(text.ptr, text.len, 0, &problem);
	if (package == NULL) {
		bool is_text = str_is_utf8(str_from(problem.text));
		return err_set(err, ERR_INVALID, "is not valid JSON (line %d: %.120s); export the app again",
			       problem.line, is_text ? problem.text : "no text");
	}
	if (!json_is_object(package)) {
		json_decref(package);
		return err_set(err, ERR_INVALID, "is not a JSON object; export the app again");
	}
	*ret_package = package;
	return true;
}

bool package_read(const struct source *source, const struct source_file *file, json_t **ret_package, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, SHAPE_MAX_PACKAGE_BYTES + 1);
	source_mark(file);
	if (!source_read(source, file, SHAPE_MAX_PACKAGE_BYTES, &text, err)) return false;
	return package_parse((struct str){buf_cstr(&text), text.len}, ret_package, err) ||
	       err_wrap(err, "%s", file->path);
}

const char *package_dependency(const json_t *package, const char *name)
{
	static const char *const kinds[] = {"dependencies", "devDependencies", "peerDependencies",
					    "optionalDependencies"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *range = json_str(json_object_get(package, kinds[i]), name, NULL);
		if (range != NULL) return range;
	}
	return NULL;
}

const char *package_script(const json_t *package, const char *name)
{
	return json_str(json_object_get(package, "scripts"), name, NULL);
}

static json_t *first_line_of(const struct source *source, const struct source_file *file)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	struct str head, tail, all;
	buf_init(&text, 4097);
	if (file == NULL || !source_read(source, file, 4096, &text, &ignored)) return NULL;
	all = str_trim(buf_view(&text));
	return scan_json(str_cut(all, '\n', &head, &tail) ? str_trim(head) : all);
}

static json_t *node_wish(const struct source *source, const char *root, const json_t *package)
{
	const char *engines = json_str(json_object_get(package, "engines"), "node", NULL);
	const char *volta = json_str(json_object_get(package, "volta"), "node", NULL);
	static const char *const files[] = {".nvmrc", ".node-version"};
	for (size_t i = 0; i < 2; i++) {
		json_t *wish = first_line_of(source, source_find_in(source, root, files[i]));
		if (wish != NULL) return json_pack("{s:o,s:s}", "wish", wish, "from", files[i]);
	}
	if (volta != NULL)
		return json_pack("{s:o,s:s}", "wish", scan_json(str_from(volta)), "from", "package.json (volta)");
	/* What Lovable's builder itself runs; its libraries leave Node 20 behind. */
	if (engines == NULL && package_dependency(package, "@tanstack/react-start") != NULL)
		return json_pack("{s:s,s:s}", "wish", ">=22", "from", "package.json (@tanstack/react-start)");
	if (engines == NULL) return json_null();
	return json_pack("{s:o,s:s}", "wish", scan_json(str_from(engines)), "from", "package.json (engines)");
}

void package_put_tools(const struct source *source, const char *root, const json_t *package, json_t *inspection)
{
	static const char *const locks[][2] = {
	    {"bun.lock", "bun"},  {"package-lock.json", "npm"}, {"npm-shrinkwrap.json", "npm"},
	    {"bun.lockb", "bun"}, {"pnpm-lock.yaml", "pnpm"},   {"yarn.lock", "yarn"}};
	json_t *found = json_array();
	const char *manager = NULL, *wished = json_str(package, "packageManager", "");
	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++) {
		if (strncmp(wished, locks[i][1], strlen(locks[i][1])) == 0) manager = locks[i][1];
		if (source_find_in(source, root, locks[i][0]) != NULL)
			json_array_append_new(found, json_string(locks[i][0]));
	}
	for (size_t i = 0; manager == NULL && i < sizeof locks / sizeof *locks; i++)
		if (source_find_in(source, root, locks[i][0]) != NULL) manager = locks[i][1];
	if (manager == NULL && package != NULL) manager = "npm";
	json_object_set_new(inspection, "lockfiles", found);
	json_object_set_new(inspection, "package_manager", manager != NULL ? json_string(manager) : json_null());
	json_object_set_new(inspection, "node", node_wish(source, root, package));
}

bool package_vite_out_dir(struct str text, struct str *ret_dir)
{
	ptrdiff_t found = scan_word(text, 0, STR("outDir"));
	if (found < 0) return false;
	size_t at = (size_t)found + 6;
	*ret_dir = (struct str){0};
	struct str dir;
	if (!scan_take(text, &at, STR(":"))) return true;
	if (scan_take_quoted(text, &at, &dir)) {
		*ret_dir = dir;
		return true;
	}
	/* path.resolve(__dirname, "dist/public") and the like: the one literal in it */
	size_t end = at;
	while (end < text.len && text.ptr[end] != '\n') end++;
	struct str line = str_sub(text, 0, end);
	bool is_resolve = scan_word(line, at, STR("resolve")) >= 0 || scan_word(line, at, STR("join")) >= 0;
	for (int literals = 0; is_resolve && at < line.len; at++) {
		if (line.ptr[at] != '"' && line.ptr[at] != '\'') continue;
		if (!scan_take_quoted(line, &at, &dir)) break;
		*ret_dir = ++literals == 1 ? dir : (struct str){0};
		at--;
	}
	return true;
}

static json_t *vite_output(const struct source *source, const char *root, const char *vite_config)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, SOURCE_MAX_TEXT_BYTES + 1);
	const struct source_file *file = vite_config != NULL ? source_find_in(source, root, vite_config) : NULL;
	struct str dir;
	if (file == NULL || !source_read(source, file, SOURCE_MAX_TEXT_BYTES, &text, &ignored) || text.len == 0)
		return json_string("dist");
	scan_blank_comments(text.ptr, text.len);
	if (!package_vite_out_dir(buf_view(&text), &dir)) return json_string("dist");
	if (str_has_prefix(dir, STR("./"))) dir = str_sub(dir, 2, dir.len);
	bool is_inside = dir.ptr != NULL && dir.len > 0 && dir.ptr[0] != '/' && str_find(dir, STR("..")) < 0;
	return is_inside ? scan_json(dir) : json_null();
}

void package_put_output(const struct source *source, const char *root, const json_t *package, const char *vite_config,
			const char *shape, json_t *inspection)
{
	json_t *output = json_null();
	if (strcmp(shape, "static") == 0) output = json_string("");
	if (strcmp(shape, "vite-spa") == 0) {
		const char *script = package_script(package, "build");
		const char *flag = script != NULL ? strstr(script, "--outDir") : NULL;
		struct str value = flag != NULL ? str_from(flag + 8) : (struct str){0};
		if (value.len > 1) value = str_sub(value, 1, value.len); /* a blank or "=" */
		value = str_sub(value, 0, value.ptr != NULL ? strcspn(value.ptr, " &|;\"'") : 0);
		bool is_plain = value.len > 0 && value.ptr[0] != '/' && str_find(value, STR("..")) < 0;
		output = is_plain ? scan_json(value) : vite_output(source, root, vite_config);
	}
	json_object_set_new(inspection, "output_dir", output);
}
