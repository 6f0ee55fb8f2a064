/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/absent.h"

#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "intake/code.h"
#include "intake/finding.h"

#define NAMES_SHOWN 6
#define SQL_READ_MAX 200 /* files */
#define ADDRESS_MAX_BYTES 2000
#define STORAGE STR("https://stackblitz.com/storage/blobs/")

/* "api/leads.ts, api/lead/[id].ts and 3 more" */
struct names {
	char text[800];
	size_t len, count;
	const char *first;
};

static void add_name(struct names *n, const char *path)
{
	if (n->count == 0) n->first = path;
	if (n->count++ >= NAMES_SHOWN || n->len + strlen(path) + 32 > sizeof n->text) return;
	n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%s", n->count > 1 ? ", " : "", path);
}

static void end_names(struct names *n)
{
	if (n->count > NAMES_SHOWN)
		(void)snprintf(n->text + n->len, sizeof n->text - n->len, " and %zu more", n->count - NAMES_SHOWN);
}

/* Below these platforms' folders a name that begins so is a part of others and no function. */
static bool is_part(const char *path)
{
	for (const char *name = path; name != NULL; name = strchr(name, '/'), name = name != NULL ? name + 1 : NULL)
		if (name[0] == '_' || name[0] == '.') return true;
	return false;
}

/* A function takes a request; what else lies there is data and the like. */
static bool takes_request(const struct source *source, const struct source_file *file)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, SOURCE_MAX_TEXT_BYTES + 1);
	source_mark(file);
	return source_read(source, file, SOURCE_MAX_TEXT_BYTES, &text, &ignored) &&
	       (str_find(buf_view(&text), STR("req")) >= 0 || str_find(buf_view(&text), STR("Request")) >= 0);
}

static void find_below(const struct source *source, const char *root, const char *folder, struct names *ret_names)
{
	char prefix[1200];
	(void)snprintf(prefix, sizeof prefix, "%s%s%s/", root, root[0] != '\0' ? "/" : "", folder);
	size_t len = strlen(prefix), i = source_lower_bound(source, prefix);
	for (; i < source->count && strncmp(source->files[i].path, prefix, len) == 0; i++)
		if (code_is_source(source->files[i].path) && !is_part(source->files[i].path + len) &&
		    takes_request(source, &source->files[i]))
			add_name(ret_names, source->files[i].path);
	end_names(ret_names);
}

static bool has_own_server(const char *shape)
{
	static const char *const files[] = {"vite-spa", "static"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(shape, files[i]) == 0) return false;
	return true;
}

static void say_functions(const char *platform, const char *label, const char *address, const struct names *n,
			  json_t *findings)
{
	char title[160], detail[1600], paste[1200];
	if (n->count == 0) return;
	(void)snprintf(title, sizeof title, "%zu function%s that only %s runs", n->count, n->count == 1 ? "" : "s",
		       label);
	(void)snprintf(detail, sizeof detail,
		       "Here nothing answers at %s, so what needs them does not work: %s. Let the builder write them "
		       "as edge functions "
		       "(supabase/functions), which run here.",
		       address, n->text);
	(void)snprintf(
	    paste, sizeof paste,
	    "Write the functions of %s in this app as Supabase edge functions in supabase/functions, with the "
	    "same behaviour, and let the pages call those: %s",
	    label, n->text);
	finding_add(findings, &(struct finding){.kind = "platform-functions",
						.subject = platform,
						.severity = FINDING_WARN,
						.title = title,
						.detail = detail,
						.file = n->first,
						.paste = paste});
}

void absent_functions(const struct source *source, const char *root, const char *shape, json_t *findings)
{
	struct names vercel = {.len = 0}, netlify = {.len = 0};
	bool is_app = source_find_in(source, root, "api/package.json") != NULL;
	if (!has_own_server(shape) && !is_app) find_below(source, root, "api", &vercel);
	find_below(source, root, "netlify/functions", &netlify);
	say_functions("vercel", "Vercel", "/api/…", &vercel, findings);
	say_functions("netlify", "Netlify", "/.netlify/functions/…", &netlify, findings);
}

static bool makes_tables(const struct source *source, const struct source_file *file)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, SOURCE_MAX_TEXT_BYTES + 1);
	source_mark(file);
	if (!source_read(source, file, SOURCE_MAX_TEXT_BYTES, &text, &ignored)) return false;
	struct str t = buf_view(&text);
	for (size_t i = 0; i + 12 <= t.len; i++)
		if (str_eq_nocase(str_sub(t, i, i + 12), STR("CREATE TABLE"))) return true;
	return false;
}

static void find_sql(const struct source *source, struct names *ret_names)
{
	size_t read = 0;
	for (size_t i = 0; i < source->count && read < SQL_READ_MAX; i++) {
		const struct source_file *file = &source->files[i];
		if (!str_has_suffix(str_from(file->path), STR(".sql")) || file->size > SOURCE_MAX_TEXT_BYTES) continue;
		read++;
		if (makes_tables(source, file)) add_name(ret_names, file->path);
	}
	end_names(ret_names);
}

void absent_schema(const struct source *source, const json_t *tables, json_t *findings)
{
	struct names wanted = {.len = 0}, sql = {.len = 0};
	char detail[2600];
	size_t i;
	json_t *table;
	json_array_foreach(tables, i, table) add_name(&wanted, json_str(table, "name", ""));
	end_names(&wanted);
	if (wanted.count == 0) return;
	find_sql(source, &sql);
	(void)snprintf(
	    detail, sizeof detail,
	    "It reads %s, and the export has no supabase/migrations that make them. %s%s%sBring the old "
	    "project's database over: freehold db APP import - (its address is typed unseen), or with a file of "
	    "pg_dump.",
	    wanted.text, sql.count > 0 ? "There is SQL that makes tables in " : "", sql.text,
	    sql.count > 0 ? ", which nobody runs here: if that is all of it, let the builder write it as "
			    "migrations, or feed it to freehold db APP psql after the deployment. Otherwise: "
			  : "");
	finding_add(findings,
		    &(struct finding){
			.kind = "no-schema",
			.subject = "supabase",
			.severity = FINDING_WARN,
			.title = "The app asks for tables that nothing makes",
			.detail = detail,
			.file = json_str(json_array_get(tables, 0), "file", ""),
			.line = (uint32_t)json_int(json_array_get(tables, 0), "line", 0),
			.paste = "The export of this app has no migrations. Write the whole database schema as it "
				 "is now (tables, policies, functions, triggers, storage buckets) as migrations in "
				 "supabase/migrations."});
}

static bool is_binary_by_name(const char *path)
{
	static const char *const endings[] = {".png", ".jpg",  ".jpeg",  ".gif", ".webp", ".avif", ".ico", ".ttf",
					      ".otf", ".woff", ".woff2", ".mp3", ".wav",  ".mp4",  ".pdf", ".webm"};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (str_has_suffix(str_from(path), str_from(endings[i]))) return true;
	return false;
}

void absent_files(const struct source *source, json_t *findings)
{
	struct names left = {.len = 0};
	struct buf text BUF_CLEANUP;
	struct err ignored;
	char title[160], detail[1600];
	buf_init(&text, ADDRESS_MAX_BYTES + 1);
	for (size_t i = 0; i < source->count; i++) {
		const struct source_file *file = &source->files[i];
		if (file->size < STORAGE.len || file->size > ADDRESS_MAX_BYTES || !is_binary_by_name(file->path))
			continue;
		buf_clear(&text);
		source_mark(file);
		if (source_read(source, file, ADDRESS_MAX_BYTES, &text, &ignored) &&
		    str_has_prefix(buf_view(&text), STORAGE))
			add_name(&left, file->path);
	}
	end_names(&left);
	if (left.count == 0) return;
	(void)snprintf(title, sizeof title, "%zu file%s that Bolt's export left out", left.count,
		       left.count == 1 ? "" : "s");
	(void)snprintf(
	    detail, sizeof detail,
	    "Each holds an address of Bolt's storage instead of a picture or the like, so it cannot be shown, and a "
	    "build that reads it fails: %s. Open that address in a browser and save what it shows under the "
	    "file's name.",
	    left.text);
	finding_add(findings, &(struct finding){.kind = "left-out-files",
						.subject = "bolt",
						.severity = FINDING_WARN,
						.title = title,
						.detail = detail,
						.file = left.first});
}

void absent_php(const struct source *source, const char *root, const char *shape, json_t *findings)
{
	struct names php = {.len = 0};
	char prefix[1200], title[160], detail[1600];
	const char *folder = strcmp(shape, "static") == 0 ? "" : "public/";
	(void)snprintf(prefix, sizeof prefix, "%s%s%s", root, root[0] != '\0' ? "/" : "", folder);
	size_t len = strlen(prefix), i = source_lower_bound(source, prefix);
	for (; i < source->count && strncmp(source->files[i].path, prefix, len) == 0; i++)
		if (str_has_suffix(str_from(source->files[i].path), STR(".php"))) add_name(&php, source->files[i].path);
	end_names(&php);
	if (php.count == 0) return;
	(void)snprintf(title, sizeof title, "%zu PHP file%s among the pages", php.count, php.count == 1 ? "" : "s");
	(void)snprintf(
	    detail, sizeof detail,
	    "Nothing here runs PHP: visitors who ask for one get its text, passwords in it included, and what "
	    "it does does not happen: %s.",
	    php.text);
	finding_add(
	    findings,
	    &(struct finding){.kind = "php-not-run",
			      .subject = php.first,
			      .severity = FINDING_STOP,
			      .title = title,
			      .detail = detail,
			      .file = php.first,
			      .paste = "This app runs where there is no PHP. Do what its PHP files do in Supabase edge "
				       "functions (supabase/functions), and take the PHP files out."});
}
