/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/keeps.h"

#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "intake/scan.h"

#define PATH_MAX_BYTES 200

/* Looking a constant up reads the whole file. */
#define LOOKUPS_MAX 50

struct view {
	json_t *keeps;
	const char *file;
	struct str text;
	int lookups;
};

static bool is_one_of(struct str word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (str_eq(word, str_from(*words))) return true;
	return false;
}

static bool has_clean_parts(struct str path)
{
	struct str part;
	for (size_t i = 0; i < path.len; i++)
		if (!scan_is_name_char(path.ptr[i]) && strchr("/.- ", path.ptr[i]) == NULL) return false;
	while (str_next(&path, '/', &part))
		if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR(".."))) return false;
	return true;
}

/* A link in place of what the app is made of would hide it. */
static bool can_keep(struct str path)
{
	static const char *const never[] = {"node_modules", "dist",  "build", "out",      ".next",   ".output",
					    ".svelte-kit",  ".nuxt", ".git",  "supabase", "drizzle", "migrations",
					    "package.json", ".env",  "app",   "client",   "pages",   NULL};
	static const char *const shared[] = {"public", "static", "assets", "server", "src", NULL};
	struct str first, rest;
	bool is_deep = str_cut(path, '/', &first, &rest);
	if (!is_deep) first = path;
	return path.len > 0 && path.len <= PATH_MAX_BYTES && has_clean_parts(path) && !is_one_of(first, never) &&
	       (is_deep || !is_one_of(first, shared));
}

static bool is_below(struct str path, struct str folder)
{
	return path.len > folder.len && path.ptr[folder.len] == '/' && str_has_prefix(path, folder);
}

static void add(struct view *v, struct str path, bool is_folder, size_t offset)
{
	while (str_has_prefix(path, STR("./"))) path = str_sub(path, 2, path.len);
	while (path.len > 0 && path.ptr[path.len - 1] == '/') path.len--;
	if (!can_keep(path)) return;
	size_t i = 0;
	while (i < json_array_size(v->keeps)) {
		struct str known = str_from(json_str(json_array_get(v->keeps, i), "path", ""));
		if (str_eq(path, known) || is_below(path, known)) return;
		if (is_below(known, path)) {
			json_array_remove(v->keeps, i);
			is_folder = true;
		} else {
			i++;
		}
	}
	if (i < KEEPS_MAX)
		json_array_append_new(v->keeps, json_pack("{s:s%,s:s,s:s,s:i}", "path", path.ptr, path.len, "kind",
							  is_folder ? "folder" : "file", "file", v->file, "line",
							  (int)scan_line(v->text, offset)));
}

/* path.join(process.cwd(), "a", "b") and path.resolve("a"); from the folder of the code only with "..", which leads to
 * the app's folder from server/ and from dist/ alike. */
static bool take_joined(struct str text, size_t at, struct buf *ret_path)
{
	struct str part;
	int up = 0;
	bool is_of_code = false;
	if (scan_take(text, &at, STR("path"))) (void)scan_take(text, &at, STR("."));
	if (!scan_take(text, &at, STR("join")) && !scan_take(text, &at, STR("resolve"))) return false;
	if (!scan_take(text, &at, STR("("))) return false;
	bool has_base = scan_take(text, &at, STR("process.cwd()"));
	if (!has_base)
		has_base = is_of_code =
		    scan_take(text, &at, STR("__dirname")) || scan_take(text, &at, STR("import.meta.dirname"));
	if (has_base && !scan_take(text, &at, STR(","))) return false;
	do {
		if (!scan_take_quoted(text, &at, &part)) return false;
		while (str_has_prefix(part, STR("../"))) up++, part = str_sub(part, 3, part.len);
		if (str_eq(part, STR(".."))) up++, part.len = 0;
		if (part.len > PATH_MAX_BYTES || ret_path->len > PATH_MAX_BYTES) return false;
		if (part.len > 0) buf_printf(ret_path, "%s%.*s", ret_path->len > 0 ? "/" : "", STR_FMT(part));
	} while (scan_take(text, &at, STR(",")));
	return scan_take(text, &at, STR(")")) && up == (is_of_code ? 1 : 0);
}

static bool take_path(struct view *v, size_t at, struct buf *ret_path)
{
	struct str text = v->text, name, literal;
	size_t quoted = at;
	if (scan_take_quoted(text, &quoted, &literal)) {
		if (literal.len <= PATH_MAX_BYTES) buf_printf(ret_path, "%.*s", STR_FMT(literal));
		return literal.len <= PATH_MAX_BYTES;
	}
	if (take_joined(text, at, ret_path)) return true;
	buf_clear(ret_path);
	if (!scan_take_name(text, &at, &name)) return false;
	ptrdiff_t found;
	for (size_t from = 0; ++v->lookups <= LOOKUPS_MAX && (found = scan_word(text, from, name)) >= 0;) {
		from = at = (size_t)found + name.len;
		if (!scan_take(text, &at, STR("="))) continue;
		quoted = at;
		if (scan_take_quoted(text, &quoted, &literal) && literal.len <= PATH_MAX_BYTES) {
			buf_printf(ret_path, "%.*s", STR_FMT(literal));
			return true;
		}
		return take_joined(text, at, ret_path);
	}
	return false;
}

static void scan_calls(struct view *v, const char *function, bool is_folder, const char *before)
{
	struct str word = str_from(function);
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, word)) >= 0;) {
		struct buf path BUF_CLEANUP;
		size_t at = (size_t)found + word.len;
		from = at;
		buf_init(&path, (size_t)4 * PATH_MAX_BYTES);
		if (scan_take(v->text, &at, STR("(")) && scan_take(v->text, &at, str_from(before)) &&
		    take_path(v, at, &path))
			add(v, buf_view(&path), is_folder, (size_t)found);
	}
}

/* dest: "uploads/" among the options of multer. */
static void scan_multer(struct view *v)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, STR("dest"))) >= 0;) {
		struct buf path BUF_CLEANUP;
		size_t at = (size_t)found + 4;
		from = at;
		buf_init(&path, (size_t)4 * PATH_MAX_BYTES);
		if (scan_take(v->text, &at, STR(":")) && take_path(v, at, &path))
			add(v, buf_view(&path), true, (size_t)found);
	}
	scan_calls(v, "cb", true, "null,");
}

void keeps_scan(json_t *keeps, const char *path, struct str text)
{
	static const char *const writes[] = {"writeFile",      "writeFileSync",     "appendFile",
					     "appendFileSync", "createWriteStream", NULL};
	struct view v = {keeps, path, text, 0};
	if (str_find(text, STR("mkdir")) >= 0) scan_calls(&v, "mkdir", true, ""), scan_calls(&v, "mkdirSync", true, "");
	for (const char *const *w = writes; *w != NULL; w++) scan_calls(&v, *w, false, "");
	if (str_find(text, STR("multer")) >= 0) scan_multer(&v);
	if (str_find(text, STR("sqlite")) >= 0) scan_calls(&v, "Database", false, "");
}
