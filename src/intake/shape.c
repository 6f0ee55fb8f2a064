/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/shape.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"
#include "codec/toml.h"
#include "intake/package.h"
#include "intake/scan.h"

#define ROOTS_MAX 60
#define BINDINGS_SAID 5 /* of a kind */

/* A folder that may hold the app. */
struct candidate {
	const char *root;
	int depth;
	json_t *package; /* or NULL; owned */
	const char *shape;
	int score;
	json_t *evidence; /* owned */
};

struct look {
	const struct source *source;
	struct candidate *c;
	struct err *err;
};

static void say(struct look *l, const char *name, const char *what)
{
	char path[1200];
	(void)snprintf(path, sizeof path, "%s%s%s", l->c->root, l->c->root[0] != '\0' ? "/" : "", name);
	json_t *evidence = json_pack("{s:s,s:s}", "file", path, "what", what);
	size_t i;
	json_t *known;
	bool is_known = false;
	json_array_foreach(l->c->evidence, i, known) is_known = is_known || json_equal(known, evidence);
	if (!is_known) json_array_append(l->c->evidence, evidence);
	json_decref(evidence);
}

static bool has_file(struct look *l, const char *name)
{
	return source_find_in(l->source, l->c->root, name) != NULL;
}

/* The version wish of the first of these packages that is a dependency, said as evidence. */
static bool uses(struct look *l, const char *const *names)
{
	for (; *names != NULL; names++) {
		const char *range = package_dependency(l->c->package, *names);
		if (range == NULL) continue;
		char what[300];
		(void)snprintf(what, sizeof what, "depends on %.100s %.60s", *names, range);
		json_t *clean = scan_json(str_from(what));
		say(l, "package.json", json_string_value(clean));
		json_decref(clean);
		return true;
	}
	return false;
}

static const char *first_file(struct look *l, const char *const *names)
{
	for (; *names != NULL; names++)
		if (has_file(l, *names)) return *names;
	return NULL;
}

static const char *const vite_configs[] = {"vite.config.ts",
					   "vite.config.js",
					   "vite.config.mts",
					   "vite.config.mjs",
					   "vite.config.cjs",
					   "vite.config.cts",
					   NULL};

/* Cloudflare. */

static json_t *read_wrangler(struct look *l, const char **ret_name)
{
	static const char *const names[] = {"wrangler.jsonc", "wrangler.json", "wrangler.toml", NULL};
	const char *name = first_file(l, names);
	if (name == NULL) return NULL;
	struct buf text BUF_CLEANUP;
	buf_init(&text, SHAPE_MAX_PACKAGE_BYTES + 1);
	struct err ignored;
	json_t *value = NULL;
	*ret_name = name;
	const struct source_file *file = source_find_in(l->source, l->c->root, name);
	source_mark(file);
	if (!source_read(l->source, file, SHAPE_MAX_PACKAGE_BYTES, &text, &ignored) || text.len == 0) return NULL;
	if (str_has_suffix(str_from(name), STR(".toml"))) {
		(void)toml_parse(buf_view(&text), &value, &ignored);
		return value;
	}
	scan_blank_comments(text.ptr, text.len);
	scan_blank_trailing_commas(text.ptr, text.len);
	(void)json_parse(buf_view(&text), &value, &ignored);
	return value;
}

static void say_binding(struct look *l, const char *file, const char *kind, const json_t *binding)
{
	const char *name = json_str(binding, "binding", NULL);
	char what[300];
	(void)snprintf(what, sizeof what, "binds %s of Cloudflare (%.100s)", kind,
		       name != NULL ? name : json_str(binding, "name", ""));
	json_t *clean = scan_json(str_from(what));
	say(l, file, json_string_value(clean));
	json_decref(clean);
}

static bool is_cloudflare(struct look *l)
{
	static const char *const kinds[][2] = {{"kv_namespaces", "a KV namespace"},
					       {"d1_databases", "a D1 database"},
					       {"r2_buckets", "an R2 bucket"},
					       {"durable_objects", "Durable Objects"},
					       {"queues", "queues"},
					       {"vectorize", "a Vectorize index"},
					       {"hyperdrive", "Hyperdrive"},
					       {"services", "a service binding"},
					       {"ai", "Workers AI"},
					       {"browser", "browser rendering"}};
	const char *name = NULL;
	json_t *wrangler JSON_CLEANUP = read_wrangler(l, &name);
	bool found = false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const json_t *value = json_object_get(wrangler, kinds[i][0]);
		const json_t *inner = json_object_get(value, "bindings");
		if (inner != NULL) value = inner;
		if (json_array_size(value) == 0 && json_object_size(value) == 0) continue;
		size_t n;
		json_t *one;
		if (!json_is_array(value)) say_binding(l, name, kinds[i][1], value);
		json_array_foreach(value, n, one) if (n < BINDINGS_SAID) say_binding(l, name, kinds[i][1], one);
		found = true;
	}
	return found;
}

/* The shapes. */

static bool has_server_folder(struct look *l)
{
	static const char *const entries[] = {"server/index.ts",  "server/index.js",   "server/index.mjs",
					      "server.ts",        "server.js",         "src/server.ts",
					      "src/server.js",    "server/main.ts",    "server/app.ts",
					      "backend/index.js", "backend/server.js", NULL};
	const char *entry = first_file(l, entries);
	if (entry != NULL) say(l, entry, "is a server of its own");
	return entry != NULL;
}

static bool starts_node(struct look *l)
{
	const char *start = package_script(l->c->package, "start");
	static const char *const runners[] = {"node ", "tsx ", "ts-node ", "nodemon ", "bun ", "pm2"};
	for (size_t i = 0; start != NULL && i < sizeof runners / sizeof *runners; i++)
		if (strstr(start, runners[i]) != NULL) return true;
	return false;
}

static const char *framework(struct look *l)
{
	static const struct {
		const char *shape;
		const char *const names[6];
	} frameworks[] = {
	    {"expo", {"expo", NULL}},
	    {"nextjs", {"next", NULL}},
	    {"tanstack-start",
	     {"@lovable.dev/vite-tanstack-config", "@tanstack/react-start", "@tanstack/start", "@tanstack/solid-start",
	      NULL}},
	    {"remix", {"@remix-run/dev", "@remix-run/react", "@remix-run/node", NULL}},
	    {"react-router", {"@react-router/dev", "@react-router/serve", "@react-router/node", NULL}},
	    {"astro", {"astro", NULL}},
	    {"sveltekit", {"@sveltejs/kit", NULL}},
	    {"nuxt", {"nuxt", "nuxt3", NULL}},
	};
	for (size_t i = 0; i < sizeof frameworks / sizeof *frameworks; i++)
		if (uses(l, frameworks[i].names)) return frameworks[i].shape;
	return NULL;
}

static bool is_vite(struct look *l)
{
	static const char *const vite[] = {"vite", "rolldown-vite", NULL};
	const char *config = first_file(l, vite_configs);
	if (config != NULL) say(l, config, "is Vite's configuration");
	return uses(l, vite) || config != NULL;
}

static const char *judge_package(struct look *l, int *ret_score)
{
	static const char *const servers[] = {"express", "fastify", "hono", "koa", "@nestjs/core", NULL};
	*ret_score = 100;
	if (is_cloudflare(l)) return "cloudflare";
	const char *shape = framework(l);
	if (shape != NULL) return shape;
	bool vite = is_vite(l);
	bool serves = uses(l, servers) && (has_server_folder(l) || starts_node(l));
	if (vite && serves) return "express-vite";
	if (vite && has_file(l, "index.html")) {
		say(l, "index.html", "is the page Vite builds from");
		return "vite-spa";
	}
	*ret_score = 60;
	if (serves || starts_node(l)) {
		say(l, "package.json", "has a start script that runs a server");
		return "node-server";
	}
	*ret_score = 50;
	if (package_script(l->c->package, "build") == NULL && has_file(l, "index.html")) {
		say(l, "index.html", "is a page that needs no build");
		return "static";
	}
	*ret_score = 10;
	return "unknown";
}

static void judge(struct look *l)
{
	static const char *const outputs[] = {"dist", "build", "out", "public", "docs", "coverage", "static", "www"};
	struct candidate *c = l->c;
	if (c->package != NULL) {
		c->shape = judge_package(l, &c->score);
	} else {
		say(l, "index.html", "is a page that needs no build");
		c->shape = "static";
		c->score = 50;
		const char *slash = strrchr(c->root, '/'), *folder = slash != NULL ? slash + 1 : c->root;
		for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
			if (strcmp(folder, outputs[i]) == 0) c->score = 20;
	}
	c->score -= c->depth;
}

/* The folder of a path that ends in /name, or is name, and how deep it lies; NULL when it is another file. */
static const char *folder_of(struct arena *arena, const char *path, const char *name, int *ret_depth)
{
	size_t len = strlen(path), name_len = strlen(name);
	if (len < name_len || strcmp(path + len - name_len, name) != 0) return NULL;
	if (len > name_len && path[len - name_len - 1] != '/') return NULL;
	*ret_depth = 0;
	for (const char *c = path; *c != '\0'; c++) *ret_depth += *c == '/';
	return len == name_len ? "" : arena_strndup(arena, path, len - name_len - 1);
}

static bool is_known(const struct candidate *list, size_t count, const char *root)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].root, root) == 0) return true;
	return false;
}

static bool collect(const struct source *s, const char *name, bool is_package, struct candidate *list, size_t *count,
		    struct err *err)
{
	for (size_t i = 0; i < s->count && *count < ROOTS_MAX; i++) {
		int depth;
		const char *root = folder_of(s->arena, s->files[i].path, name, &depth);
		if (root == NULL || depth > SHAPE_MAX_ROOT_DEPTH || is_known(list, *count, root)) continue;
		struct candidate *c = &list[*count];
		*c = (struct candidate){.root = root, .depth = depth, .evidence = json_array()};
		++*count;
		if (is_package && !package_read(s, &s->files[i], &c->package, err)) return false;
		struct look l = {s, c, err};
		judge(&l);
	}
	return true;
}

/* Who made it. */

static bool readme_names(const struct source *s, const char *what)
{
	const struct source_file *readme = source_find(s, "README.md");
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, SOURCE_MAX_TEXT_BYTES + 1);
	return readme != NULL && source_read(s, readme, SOURCE_MAX_TEXT_BYTES, &text, &ignored) &&
	       str_find(buf_view(&text), str_from(what)) >= 0;
}

static const char *builder(struct look *l)
{
	static const char *const lovable[] = {"lovable-tagger", "@lovable.dev/vite-tanstack-config",
					      "@lovable.dev/cloud-auth-js", NULL};
	static const char *const replit[] = {"@replit/vite-plugin-cartographer",
					     "@replit/vite-plugin-runtime-error-modal", NULL};
	const struct source *s = l->source;
	if (uses(l, lovable)) return "lovable";
	if (uses(l, replit)) return "replit";
	struct candidate top = {.root = "", .evidence = l->c->evidence};
	struct look at_top = {s, &top, l->err};
	static const struct {
		const char *folder, *builder;
	} folders[] = {{".bolt", "bolt"}, {".lovable", "lovable"}};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (!source_has_dir(s, "", folders[i].folder)) continue;
		say(&at_top, folders[i].folder, "is a folder this builder leaves");
		return folders[i].builder;
	}
	if (has_file(&at_top, ".replit") || has_file(&at_top, "replit.md")) {
		say(&at_top, has_file(&at_top, ".replit") ? ".replit" : "replit.md", "is a file this builder leaves");
		return "replit";
	}
	if (readme_names(s, "lovable.dev")) return say(&at_top, "README.md", "names lovable.dev"), "lovable";
	if (readme_names(s, "v0.dev") || readme_names(s, "v0.app")) return say(&at_top, "README.md", "names v0"), "v0";
	const char *name = json_str(l->c->package, "name", "");
	if (strcmp(name, "my-v0-project") == 0) return say(l, "package.json", "is named my-v0-project"), "v0";
	return "unknown";
}

/* "wrangler.toml binds a KV namespace of Cloudflare (SESSIONS)" … */
static json_t *refuse_cloudflare(const struct candidate *c)
{
	struct buf text BUF_CLEANUP;
	size_t i;
	json_t *e;
	buf_init(&text, 4096);
	json_array_foreach(c->evidence, i, e)
	{
		if (strstr(json_str(e, "what", ""), "of Cloudflare") == NULL) continue;
		buf_printf(&text, "%s%s %s", text.len > 0 ? ", " : "", json_str(e, "file", ""),
			   json_str(e, "what", ""));
	}
	return json_sprintf("This app is written for Cloudflare's platform and uses parts of it that exist only there: "
			    "%s. It cannot run here without being rewritten.",
			    buf_cstr(&text));
}

/* Whatever else it is, it goes live: as files, or as a server (build/server.h finds out which). NULL: it does. */
static json_t *refusal(const struct candidate *c)
{
	if (strcmp(c->shape, "cloudflare") == 0) return refuse_cloudflare(c);
	if (strcmp(c->shape, "unknown") != 0) return NULL;
	return json_string(
	    "Freehold does not recognise what this is: in the first three levels of folders there is no "
	    "framework it knows, no start script, and no index.html that is complete without a build. Export "
	    "the project again as a whole.");
}

static void put_package(const struct candidate *c, json_t *inspection)
{
	static const char *const frameworks[] = {"vite",
						 "react",
						 "vue",
						 "svelte",
						 "next",
						 "express",
						 "astro",
						 "nuxt",
						 "expo",
						 "@tanstack/react-start",
						 "nitro",
						 "hono",
						 "drizzle-orm",
						 "@neondatabase/serverless",
						 "@supabase/supabase-js",
						 "@supabase/ssr",
						 "react-router-dom",
						 NULL};
	json_t *versions = json_object();
	for (const char *const *name = frameworks; *name != NULL; name++) {
		const char *range = package_dependency(c->package, *name);
		if (range != NULL) json_object_set_new(versions, *name, scan_json(str_from(range)));
	}
	json_object_set_new(inspection, "versions", versions);
	static const char *const texts[][2] = {{"build_script", "build"}, {"start_script", "start"}};
	for (size_t i = 0; i < 2; i++) {
		const char *script = package_script(c->package, texts[i][1]);
		json_object_set_new(inspection, texts[i][0],
				    script != NULL ? scan_json(str_from(script)) : json_null());
	}
	const char *name = json_str(c->package, "name", NULL);
	json_object_set_new(inspection, "name", name != NULL ? scan_json(str_from(name)) : json_null());
}

static void put(struct look *l, const struct candidate *list, size_t count, json_t *inspection)
{
	const struct candidate *c = l->c;
	json_t *why_not = refusal(c);
	json_object_set_new(inspection, "shape", json_string(c->shape));
	json_object_set_new(inspection, "builder", json_string(builder(l)));
	json_object_set(inspection, "evidence", c->evidence);
	json_object_set_new(inspection, "root", json_string(c->root));
	json_t *others = json_array();
	for (size_t i = 0; i < count; i++)
		if (&list[i] != c && list[i].score >= 50) json_array_append_new(others, json_string(list[i].root));
	json_object_set_new(inspection, "other_roots", others);
	json_object_set_new(inspection, "runs", json_boolean(why_not == NULL));
	json_object_set_new(inspection, "refusal", why_not == NULL ? json_null() : why_not);
	put_package(c, inspection);
	package_put_tools(l->source, c->root, c->package, inspection);
	package_put_output(l->source, c->root, c->package, first_file(l, vite_configs), c->shape, inspection);
}

bool shape_read(const struct source *source, json_t *inspection, const char **ret_root, struct err *err)
{
	struct candidate *list = arena_array(source->arena, ROOTS_MAX, sizeof *list);
	if (list == NULL) return err_set(err, ERR_LIMIT, "the source is too large");
	size_t count = 0, best = 0;
	bool ok = collect(source, "package.json", true, list, &count, err) &&
		  collect(source, "index.html", false, list, &count, err);
	for (size_t i = 1; ok && i < count; i++)
		if (list[i].score > list[best].score) best = i;
	if (ok && count == 0) {
		list[count++] = (struct candidate){.root = "", .shape = "unknown", .evidence = json_array()};
	}
	if (ok) {
		struct look l = {source, &list[best], err};
		put(&l, list, count, inspection);
		*ret_root = list[best].root;
	}
	for (size_t i = 0; i < count; i++) json_decref(list[i].package), json_decref(list[i].evidence);
	return ok;
}
