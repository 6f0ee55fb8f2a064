/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/inspection.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/given.h"
#include "codec/json.h"
#include "codec/toml.h"
#include "intake/absent.h"
#include "intake/auth_config.h"
#include "intake/code.h"
#include "intake/finding.h"
#include "intake/inspect.h"
#include "intake/keeps.h"
#include "intake/migrations.h"
#include "intake/scan.h"
#include "intake/schema_tool.h"
#include "intake/secret.h"
#include "intake/shape.h"
#include "intake/source.h"
#include "intake/types.h"

struct making {
	struct source source;
	const char *root;
	bool is_static;
	json_t *out; /* the inspection */
	json_t *findings;
	json_t *tables; /* of types.ts */
	json_t *keeps;
	json_t *config; /* supabase/config.toml, or NULL */
	struct code_facts code;
	struct secret_facts secrets;
	struct sql_state sql;
	struct migration_plan plan;
	struct err *err;
};

static bool is_in(const char *path, const char *folder)
{
	return strncmp(path, folder, strlen(folder)) == 0;
}

static const char *below_root(const struct making *m, const char *path)
{
	size_t len = strlen(m->root);
	bool is_below = len > 0 && strncmp(path, m->root, len) == 0 && path[len] == '/';
	return is_below ? path + len + 1 : path;
}

/* What stands in this file is sent to visitors: it is built into the page, or copied beside it. */
static bool reaches_browser(const struct making *m, const char *path)
{
	const char *p = below_root(m, path);
	if (m->root[0] != '\0' && p == path) return false;
	if (code_where(path, m->root) != CODE_BROWSER || p[0] == '.') return false;
	return m->is_static || is_in(p, "public/") || is_in(p, "src/") || code_is_source(p);
}

/* Not a function, nor what only a build or a person starts. */
static bool runs_in_server(const struct making *m, const char *path)
{
	const char *p = below_root(m, path);
	bool is_ours = m->root[0] == '\0' || p != path;
	return is_ours && code_where(path, m->root) != CODE_FUNCTION && !is_in(p, "script/") && !is_in(p, "scripts/") &&
	       strstr(p, ".config.") == NULL;
}

static bool is_lockfile(const char *path)
{
	static const char *const names[] = {"package-lock.json", "npm-shrinkwrap.json", "bun.lock",
					    "yarn.lock",         "pnpm-lock.yaml",      "deno.lock"};
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0) return true;
	return false;
}

static bool is_binary(struct str text)
{
	struct str head = str_sub(text, 0, 8192);
	return memchr(head.ptr, '\0', head.len) != NULL;
}

/* Below another folder that looks like an app and is left alone. */
static bool is_of_another(const struct making *m, const char *path)
{
	size_t i;
	json_t *other;
	json_array_foreach(json_object_get(m->out, "other_roots"), i, other)
	{
		const char *root = json_string_value(other);
		size_t len = strlen(root);
		bool holds_ours = strncmp(m->root, root, len) == 0 && (m->root[len] == '/' || m->root[len] == '\0');
		if (len > 0 && !holds_ours && strncmp(path, root, len) == 0 && path[len] == '/') return true;
	}
	return false;
}

static void read_text(struct making *m, const struct source_file *file, struct buf *bytes)
{
	const char *path = file->path, *p = below_root(m, path);
	struct str text = buf_view(bytes);
	if (secret_is_env_file(path)) {
		secret_scan_env(&m->secrets, path, text);
		return;
	}
	secret_scan(&m->secrets, path, text, reaches_browser(m, path));
	bool is_code = code_is_source(p);
	if (is_code || str_has_suffix(str_from(path), STR(".sql"))) code_scan_addresses(&m->code, path, text);
	if (str_has_suffix(str_from(path), STR("types.ts")) && json_array_size(m->tables) == 0)
		types_tables(text, m->tables);
	/* In code, in styles, in the files that stand for them. */
	if (is_code || str_has_suffix(str_from(p), STR(".css")) || str_has_suffix(str_from(p), STR(".asset.json")))
		code_scan_pictures(&m->code, path, text);
	if (!is_code || is_of_another(m, path)) return;
	code_scan(&m->code, path, code_where_read(path, m->root, text), bytes->ptr, bytes->len);
	if (runs_in_server(m, path)) keeps_scan(m->keeps, path, buf_view(bytes));
}

static bool read_texts(struct making *m)
{
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, SOURCE_MAX_TEXT_BYTES + 1);
	for (size_t i = 0; i < m->source.count; i++) {
		const struct source_file *file = &m->source.files[i];
		struct err ignored;
		if (file->size == 0 || file->size > SOURCE_MAX_TEXT_BYTES || is_lockfile(file->path)) continue;
		buf_clear(&bytes);
		source_mark(file);
		if (!source_read(&m->source, file, SOURCE_MAX_TEXT_BYTES, &bytes, &ignored)) continue;
		if (bytes.len > 0 && !is_binary(buf_view(&bytes))) read_text(m, file, &bytes);
	}
	return true;
}

/* Of the app's folder, or else of the source. */
static const struct source_file *supabase_file(const struct making *m, const char *name)
{
	const struct source_file *file = source_find_in(&m->source, m->root, name);
	return file != NULL ? file : source_find(&m->source, name);
}

static void read_config(struct making *m)
{
	const struct source_file *file = supabase_file(m, "supabase/config.toml");
	struct buf text BUF_CLEANUP;
	struct err problem;
	buf_init(&text, TOML_MAX_BYTES + 1);
	if (file == NULL) return;
	source_mark(file);
	if (source_read(&m->source, file, TOML_MAX_BYTES, &text, &problem) &&
	    toml_parse((struct str){buf_cstr(&text), text.len}, &m->config, &problem))
		return;
	finding_add(m->findings, &(struct finding){.kind = "config-not-read",
						   .subject = file->path,
						   .severity = FINDING_NOTE,
						   .title = "supabase/config.toml could not be read",
						   .detail = problem.msg,
						   .file = file->path});
}

/* The environment, once all .env files are known. */

static bool has_name(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one) if (strcmp(json_string_value(one), name) == 0) return true;
	return false;
}

/* What a server reads counts where there is one, outside of its tools' own files. */
static bool is_needed(const struct making *m, const json_t *e)
{
	static const char *const pages[] = {"vite-spa", "static", "expo", "cloudflare", "unknown"};
	const char *name = json_str(e, "name", ""), *file = json_str(e, "file", ""), *where = json_str(e, "where", "");
	if (json_bool(e, "supplied", false) || json_bool(e, "has_default", false) ||
	    json_object_get(m->secrets.env_set, name) != NULL)
		return false;
	if (strcmp(where, "server") != 0) return strcmp(where, "browser") == 0;
	if (given_is_ambient(str_from(name))) return false;
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (strcmp(json_str(m->out, "shape", ""), pages[i]) == 0) return false;
	return strstr(file, "scripts/") == NULL && strstr(file, ".config.") == NULL &&
	       strstr(file, "script/") == NULL && !is_in(below_root(m, file), "evals/") &&
	       !is_in(below_root(m, file), "tests/");
}

static void finish_env(struct making *m)
{
	json_t *needs = json_array(), *names = json_array();
	size_t i;
	json_t *e;
	json_array_foreach(m->code.env, i, e)
	{
		const char *name = json_str(e, "name", ""), *file = json_str(e, "file", "");
		const char *set_in = json_string_value(json_object_get(m->secrets.env_set, name));
		bool is_browser = strcmp(json_str(e, "where", ""), "browser") == 0;
		if (set_in != NULL) json_object_set_new(e, "set_in", json_string(set_in));
		if (is_browser && secret_name_is_exposed(str_from(name)))
			secret_add_exposed_name(&m->secrets, str_from(name), file, (uint32_t)json_int(e, "line", 0));
		if (is_browser && secret_name_is_service(str_from(name)))
			secret_add_service_name(&m->secrets, str_from(name), file, (uint32_t)json_int(e, "line", 0));
		else if (is_needed(m, e) && !has_name(needs, name))
			json_array_append_new(needs, json_string(name));
		if (strstr(name, "SUPABASE") != NULL) json_array_append_new(names, json_string(name));
	}
	json_object_set(m->out, "env", m->code.env);
	json_object_set_new(m->out, "needs", needs);
	json_object_set(m->out, "fonts", m->code.fonts);
	json_object_set_new(json_object_get(m->out, "supabase"), "env", names);
}

static void judge_login(struct making *m)
{
	const json_t *at = m->code.replit_login;
	if (at == NULL) return;
	finding_add(m->findings,
		    &(struct finding){
			.kind = "replit-login",
			.subject = json_str(at, "file", ""),
			.severity = FINDING_WARN,
			.title = "People sign in by Replit's own login, and here by the app's",
			.detail = "Replit's answers only to apps that run on Replit. In its place the server finds a "
				  "sign-in of the app's own (ISSUER_URL, REPL_ID, REPLIT_DOMAINS), and its code stays "
				  "as it is. Whoever had an account signs up once more, with another identifier. It "
				  "works by https only, so send everybody there: freehold tls APP redirect on.",
			.file = json_str(at, "file", ""),
			.line = (uint32_t)json_int(at, "line", 0)});
}

static void put_supabase(struct making *m)
{
	const char *ref = json_str(m->config, "project_id", NULL);
	const json_t *first = json_array_get(m->code.hard_coded, 0);
	const char *url = json_str(first, "url", "");
	json_t *project = json_null();
	if (ref != NULL)
		project = scan_json(str_from(ref));
	else if (strlen(url) > 28)
		project = scan_json(str_sub(str_from(url), 8, 28));
	bool uses = m->code.uses_supabase || m->plan.migration_count > 0 || m->config != NULL;
	json_object_set_new(m->out, "supabase",
			    json_pack("{s:b,s:b,s:o,s:O,s:O}", "uses", uses, "in_browser", m->code.is_in_browser,
				      "project_ref", project, "hard_coded", m->code.hard_coded, "keys",
				      m->secrets.keys));
}

/* An object {name: {file, line, …}} as a list with the name in it. */
static json_t *named_list(const json_t *object)
{
	json_t *list = json_array();
	const char *name;
	json_t *value;
	void *iter = json_object_iter((json_t *)(uintptr_t)object);
	for (; iter != NULL && json_array_size(list) < INSPECT_MAX_LIST;
	     iter = json_object_iter_next((json_t *)(uintptr_t)object, iter)) {
		name = json_object_iter_key(iter);
		value = json_object_iter_value(iter);
		json_t *o = json_pack("{s:o}", "name", scan_json(str_from(name)));
		json_object_update(o, value);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *created_tables(const struct sql_state *sql)
{
	json_t *list = json_array();
	const char *name;
	json_t *table;
	json_object_foreach(sql->tables, name, table)
	{
		if (!json_bool(table, "is_foreign", false) && json_array_size(list) < INSPECT_MAX_LIST)
			json_array_append_new(list, json_string(name));
	}
	return list;
}

/* What supabase/config.toml says of one. */
static void add_function(struct making *m, json_t *list, const char *name)
{
	const json_t *own = json_object_get(json_object_get(m->config, "functions"), name);
	if (json_array_size(list) >= INSPECT_MAX_LIST || !json_bool(own, "enabled", true)) return;
	json_array_append_new(list, json_pack("{s:s, s:b, s:s*, s:s*}", "name", name, "verify_jwt",
					      json_bool(own, "verify_jwt", true), "entrypoint",
					      json_str(own, "entrypoint", NULL), "import_map",
					      json_str(own, "import_map", NULL)));
}

static bool is_listed(const json_t *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		if (strcmp(json_str(one, "name", ""), name) == 0) return true;
	}
	return false;
}

/* Folders below supabase/functions, and what the configuration names an entry point for that lies elsewhere. */
static void put_functions(struct making *m)
{
	json_t *list = json_array(), *own;
	const char *named;
	char prefix[1200], last[300] = "";
	(void)snprintf(prefix, sizeof prefix, "%s%ssupabase/functions/", m->root, m->root[0] != '\0' ? "/" : "");
	if (!source_has_dir(&m->source, m->root, "supabase/functions"))
		(void)snprintf(prefix, sizeof prefix, "supabase/functions/");
	size_t i = source_lower_bound(&m->source, prefix);
	for (; i < m->source.count && is_in(m->source.files[i].path, prefix); i++) {
		struct str rest = str_from(m->source.files[i].path + strlen(prefix)), name, tail;
		if (!str_cut(rest, '/', &name, &tail) || name.ptr[0] == '_' || name.ptr[0] == '.') continue;
		if (name.len >= sizeof last || str_eq(name, str_from(last))) continue;
		(void)snprintf(last, sizeof last, "%.*s", STR_FMT(name));
		add_function(m, list, last);
	}
	json_object_foreach(json_object_get(m->config, "functions"), named, own)
	{
		if (json_str(own, "entrypoint", NULL) != NULL && !is_listed(list, named)) add_function(m, list, named);
	}
	json_object_set_new(m->out, "functions", list);
}

static void judge_absent(struct making *m)
{
	json_t *schema JSON_CLEANUP = schema_tool_find(&m->source, m->root);
	absent_functions(&m->source, m->root, json_str(m->out, "shape", ""), m->findings);
	absent_files(&m->source, m->findings);
	absent_php(&m->source, m->root, json_str(m->out, "shape", ""), m->findings);
	if (m->plan.migration_count == 0 && json_is_null(schema))
		absent_schema(&m->source, m->code.tables, m->findings);
	json_object_set(m->out, "schema_push", schema);
}

static void put_all(struct making *m)
{
	put_supabase(m);
	finish_env(m);
	judge_login(m);
	put_functions(m);
	judge_absent(m);
	json_object_set_new(m->out, "calls",
			    json_pack("{s:O,s:O,s:O,s:o}", "storage", m->code.storage, "functions", m->code.functions,
				      "auth", m->code.auth, "cron", named_list(m->sql.cron)));
	json_object_set(m->out, "sign_in", m->code.sign_in);
	json_object_set(m->out, "services", m->code.services);
	json_object_set_new(m->out, "buckets", named_list(m->sql.buckets));
	json_object_set_new(m->out, "extensions", named_list(m->sql.extensions));
	json_object_set(m->out, "tables", m->tables);
	json_object_set_new(m->out, "migration_tables", created_tables(&m->sql));
	json_object_set_new(m->out, "migrations", migration_plan_to_json(&m->plan));
	json_object_set(m->out, "keeps", m->keeps);
	json_t *auth = auth_config_read(&m->source, m->root, m->config);
	json_object_set_new(m->out, "auth_config", auth != NULL ? auth : json_null());
	json_object_set(m->out, "findings", m->findings);
	json_object_set_new(
	    m->out, "counts",
	    json_pack("{s:I,s:I}", "files", (json_int_t)m->source.count, "bytes", (json_int_t)m->source.bytes));
}

static bool make(struct making *m)
{
	if (!shape_read(&m->source, m->out, &m->root, m->err)) return false;
	m->is_static = strcmp(json_str(m->out, "shape", ""), "static") == 0;
	read_config(m);
	if (!read_texts(m) || !migrations_read(&m->source, m->root, &m->plan, &m->sql, m->findings, m->err))
		return false;
	migrations_judge(&m->sql, m->findings);
	put_all(m);
	return true;
}

bool inspection_make(const char *dir, json_t **ret_inspection, struct err *err)
{
	struct arena *arena = arena_new(INSPECTION_MEMORY_BYTES);
	struct making m = {
	    .out = json_object(), .findings = json_array(), .tables = json_array(), .keeps = json_array(), .err = err};
	m.secrets = (struct secret_facts){arena, m.findings, json_array(), json_object()};
	json_object_set_new(m.out, "schema", json_integer(INSPECT_SCHEMA));
	code_facts_init(&m.code);
	sql_state_init(&m.sql);
	bool ok = source_open(dir, arena, &m.source, err) && make(&m);
	if (ok) *ret_inspection = json_incref(m.out);
	sql_state_done(&m.sql);
	code_facts_done(&m.code);
	json_decref(m.secrets.keys), json_decref(m.secrets.env_set), json_decref(m.config);
	json_decref(m.tables), json_decref(m.keeps), json_decref(m.findings), json_decref(m.out);
	arena_free(arena);
	return ok;
}
