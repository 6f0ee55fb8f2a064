/* SPDX-License-Identifier: Apache-2.0 */
#include "build/adapt.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "build/child.h"
#include "build/literal.h"
#include "build/placeholder.h"
#include "build/preset.h"
#include "codec/json.h"

#define DEPTH_MAX 64
#define LISTED_MAX 2000
#define REFS_MAX 64
#define EXPRESSION_MAX_BYTES 1000 /* of a ${…} in an address */
#define DOMAIN STR(".supabase.co")

const char *const *build_env(void)
{
	static const char *const env[] = {
	    "VITE_SUPABASE_URL=" PLACEHOLDER_ORIGIN,
	    "VITE_SUPABASE_ANON_KEY=" PLACEHOLDER_ANON_KEY,
	    "VITE_SUPABASE_KEY=" PLACEHOLDER_ANON_KEY,
	    "VITE_SUPABASE_PUBLISHABLE_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "VITE_SUPABASE_PUBLISHABLE_DEFAULT_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "VITE_SUPABASE_PROJECT_ID=" PLACEHOLDER_PROJECT,
	    "REACT_APP_SUPABASE_URL=" PLACEHOLDER_ORIGIN,
	    "REACT_APP_SUPABASE_ANON_KEY=" PLACEHOLDER_ANON_KEY,
	    "REACT_APP_SUPABASE_PUBLISHABLE_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "REACT_APP_SUPABASE_PROJECT_ID=" PLACEHOLDER_PROJECT,
	    "NEXT_PUBLIC_SUPABASE_URL=" PLACEHOLDER_ORIGIN,
	    "NEXT_PUBLIC_SUPABASE_ANON_KEY=" PLACEHOLDER_ANON_KEY,
	    "NEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "NEXT_PUBLIC_SUPABASE_PUBLISHABLE_DEFAULT_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "NEXT_PUBLIC_SUPABASE_PROJECT_ID=" PLACEHOLDER_PROJECT,
	    "EXPO_PUBLIC_SUPABASE_URL=" PLACEHOLDER_ORIGIN,
	    "EXPO_PUBLIC_SUPABASE_ANON_KEY=" PLACEHOLDER_ANON_KEY,
	    "EXPO_PUBLIC_SUPABASE_KEY=" PLACEHOLDER_ANON_KEY,
	    "EXPO_PUBLIC_SUPABASE_PUBLISHABLE_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    "PUBLIC_SUPABASE_URL=" PLACEHOLDER_ORIGIN,
	    "PUBLIC_SUPABASE_ANON_KEY=" PLACEHOLDER_ANON_KEY,
	    "PUBLIC_SUPABASE_PUBLISHABLE_KEY=" PLACEHOLDER_PUBLISHABLE_KEY,
	    NULL,
	};
	return env;
}

static bool is_public_name(const char *name)
{
	static const char *const prefixes[] = {"VITE_", "REACT_APP_", "NEXT_PUBLIC_", "PUBLIC_", "EXPO_PUBLIC_", NULL};
	for (const char *const *p = prefixes; *p != NULL; p++)
		if (strncmp(name, *p, strlen(*p)) == 0) return true;
	return false;
}

bool build_env_check(const char *pair, struct err *err)
{
	const char *equals = strchr(pair, '=');
	size_t len = equals != NULL ? (size_t)(equals - pair) : 0;
	char name[128];
	if (len == 0 || len >= sizeof name || isdigit((unsigned char)pair[0]))
		return err_set(err, ERR_INVALID, "%.60s is no variable of the form NAME=value", pair);
	(void)snprintf(name, sizeof name, "%.*s", (int)len, pair);
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return err_set(err, ERR_INVALID, "%s is no name for a variable: letters, digits and _ only",
				       name);
	enum literal_kind kind;
	int line;
	bool is_service = strcasestr(name, "SERVICE_ROLE") != NULL || strcasestr(name, "SECRET_KEY") != NULL ||
			  literal_find_secret(str_from(equals + 1), &kind, &line);
	if (!is_public_name(name) || !is_service) return true;
	return err_set(
	    err, ERR_REFUSED,
	    "%s would put a key that passes by all row security into the page, for everybody to read; remove "
	    "it, and do what needs it in a function on the server",
	    name);
}

/* The pure part. */

static bool is_host_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_';
}

static bool starts(struct str text, size_t at, struct str what)
{
	return str_has_prefix(str_sub(text, at, text.len), what);
}

/* An address: where its host begins and ends, what it is of. */
struct address {
	size_t scheme_len; /* 0: a bare host */
	bool is_socket;
	size_t end;
	struct str ref; /* "" for a template or a star */
	struct str expression; /* ${…} of a template */
	bool is_functions; /* REF.functions.supabase.co */
};

/* "${…}", braces balanced, strings not looked into. 0 when it does not end on this line. */
static size_t template_len(struct str text, size_t at)
{
	int depth = 0;
	for (size_t i = at + 1; i < text.len && i - at < EXPRESSION_MAX_BYTES && text.ptr[i] != '\n'; i++) {
		if (text.ptr[i] == '{') depth++;
		if (text.ptr[i] == '}' && --depth == 0) return i + 1 - at;
	}
	return 0;
}

static bool ends_host(struct str text, size_t at)
{
	if (at >= text.len || !is_host_char(text.ptr[at])) return true;
	/* A full stop that ends a sentence. */
	return text.ptr[at] == '.' && (at + 1 >= text.len || !is_host_char(text.ptr[at + 1]));
}

/* Behind the scheme: REF, REF.functions, REF.storage, * or ${…}, then .supabase.co. */
static bool read_host(struct str text, size_t at, struct address *a)
{
	size_t end = at;
	if (starts(text, at, STR("${"))) {
		size_t len = template_len(text, at);
		a->expression = str_sub(text, at + 2, at + (len > 0 ? len - 1 : 0));
		if (len < 4) return false;
		end += len;
	} else if (starts(text, at, STR("*"))) {
		end++;
	} else {
		while (end < text.len &&
		       (islower((unsigned char)text.ptr[end]) || isdigit((unsigned char)text.ptr[end])))
			end++;
		if (end - at < 16 || end - at >= ADAPT_REF_SIZE) return false;
		a->ref = str_sub(text, at, end);
	}
	if (starts(text, end, STR(".functions"))) {
		a->is_functions = true;
		end += strlen(".functions");
	} else if (starts(text, end, STR(".storage"))) {
		end += strlen(".storage");
	}
	if (!starts(text, end, DOMAIN) || !ends_host(text, end + DOMAIN.len)) return false;
	a->end = end + DOMAIN.len;
	return true;
}

static bool read_address(struct str text, size_t at, struct address *ret_address)
{
	struct address a = {0};
	if (at > 0 && is_host_char(text.ptr[at - 1])) return false;
	if (starts(text, at, STR("https://")))
		a.scheme_len = strlen("https://");
	else if (starts(text, at, STR("wss://")))
		a.scheme_len = strlen("wss://"), a.is_socket = true;
	if (!read_host(text, at + a.scheme_len, &a)) return false;
	/* A bare ${…}.supabase.co or *.supabase.co may be anything. */
	if (a.scheme_len == 0 && a.ref.len == 0) return false;
	*ret_address = a;
	return true;
}

bool adapt_ref_at(struct str text, size_t at, char ret_ref[ADAPT_REF_SIZE])
{
	struct address a;
	if (!read_address(text, at, &a) || a.ref.len == 0) return false;
	(void)snprintf(ret_ref, ADAPT_REF_SIZE, "%.*s", STR_FMT(a.ref));
	return true;
}

static void tell(const struct adapt_text *a, int line, const char *what, struct str which, bool is_left)
{
	char text[256];
	(void)snprintf(text, sizeof text, "%s%s%.*s", what, which.len > 0 ? " " : "",
		       (int)(which.len < 120 ? which.len : 120), which.ptr);
	a->on_change(a->arg, line, text, is_left);
}

/* Returns how much of the text it replaced, 0 for nothing. */
static size_t replace_address(const struct adapt_text *a, size_t at, int line, struct buf *out)
{
	struct address found;
	if (!read_address(a->text, at, &found)) return 0;
	struct str whole = str_sub(a->text, at, found.end);
	if (a->ref.len == 0 || (found.ref.len > 0 && !str_eq(found.ref, a->ref))) {
		tell(a, line, "the address of another Supabase project stays:", whole, true);
		buf_str(out, whole);
		return whole.len;
	}
	buf_puts(out, found.scheme_len == 0 ? PLACEHOLDER_HOST
		      : found.is_socket     ? PLACEHOLDER_SOCKET
					    : PLACEHOLDER_ORIGIN);
	/* The expression is kept, without its text, so that nothing becomes unused: some builds refuse that. */
	if (found.expression.len > 0) buf_printf(out, "${String(%.*s).slice(0, 0)}", STR_FMT(found.expression));
	if (found.is_functions) buf_puts(out, "/functions/v1");
	tell(a, line, "the address of the Supabase project became this app's own:", whole, false);
	return whole.len;
}

static size_t replace_key(const struct adapt_text *a, size_t at, int line, struct buf *out)
{
	size_t len = 0;
	char ref[LITERAL_REF_SIZE];
	enum literal_kind kind = literal_at(a->text, at, &len, ref);
	bool is_anon = kind == LITERAL_ANON_JWT && str_eq(str_from(ref), a->ref);
	if (a->ref.len == 0 || (!is_anon && kind != LITERAL_PUBLISHABLE)) return 0;
	buf_puts(out, is_anon ? PLACEHOLDER_ANON_KEY : PLACEHOLDER_PUBLISHABLE_KEY);
	tell(a, line, is_anon ? "its anon key became this app's own" : "its publishable key became this app's own",
	     STR(""), false);
	return len;
}

void adapt_text(const struct adapt_text *a, struct buf *ret_text)
{
	int line = 1;
	size_t kept = 0;
	for (size_t i = 0; i < a->text.len;) {
		char c = a->text.ptr[i];
		struct buf out BUF_CLEANUP;
		size_t len = 0;
		if (c == '\n') line++;
		buf_init(&out, 65536);
		if (c == 'e' || c == 's') len = replace_key(a, i, line, &out);
		if (len == 0 && (islower((unsigned char)c) || isdigit((unsigned char)c)))
			len = replace_address(a, i, line, &out);
		if (len == 0 || !buf_is_ok(&out)) {
			i++;
			continue;
		}
		buf_str(ret_text, str_sub(a->text, kept, i));
		buf_str(ret_text, buf_view(&out));
		i += len, kept = i;
	}
	buf_str(ret_text, str_sub(a->text, kept, a->text.len));
}

/* The child's side: all text files of our copy. */

struct walk {
	const char *top;
	bool (*on_file)(struct walk *w, const char *path, const char *name, struct buf *text, struct err *err);
	struct {
		char ref[ADAPT_REF_SIZE];
		int weight;
	} refs[REFS_MAX];
	int ref_count;
	const char *ref; /* chosen */
	const char *file; /* the one being adapted, relative */
	int changed; /* in this file */
	json_t *adaptations;
	json_t *left;
};

static bool is_env_file(const char *name)
{
	return strncmp(name, ".env", 4) == 0;
}

/* Documentation and SQL are not built; migrations are the database's business. */
static bool is_source(const char *name)
{
	static const char *const endings[] = {".ts",   ".tsx",         ".js",     ".jsx",     ".mjs",       ".cjs",
					      ".mts",  ".cts",         ".html",   ".htm",     ".css",       ".scss",
					      ".json", ".vue",         ".svelte", ".astro",   ".toml",      ".yaml",
					      ".yml",  ".webmanifest", ".xml",    "_headers", "_redirects", NULL};
	static const char *const not [] = {"package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml",
					   NULL};
	for (const char *const *p = not ; *p != NULL; p++)
		if (strcmp(name, *p) == 0) return false;
	for (const char *const *p = endings; *p != NULL; p++)
		if (str_has_suffix(str_from(name), str_from(*p))) return true;
	return is_env_file(name);
}

static bool is_left_out(const char *name)
{
	return strcmp(name, "node_modules") == 0 || strcmp(name, ".git") == 0;
}

static bool walk_file(struct walk *w, const char *path, const char *name, struct err *err)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, ADAPT_FILE_MAX_BYTES);
	bool is_config = str_has_suffix(str_from(path), STR("/supabase/config.toml"));
	if (!is_config && !is_source(name)) return true;
	if (!file_read(path, &text, &ignored)) return true;
	return w->on_file(w, path, name, &text, err);
}

static bool walk_folder(struct walk *w, const char *folder, int depth, struct err *err)
{
	DIR *d = depth <= DEPTH_MAX ? opendir(folder) : NULL;
	if (d == NULL) return true;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		char path[FILE_PATH_SIZE];
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || is_left_out(e->d_name)) continue;
		if (!file_path(path, err, "%s/%s", folder, e->d_name) || lstat(path, &st) != 0) continue;
		if (S_ISDIR(st.st_mode)) ok = walk_folder(w, path, depth + 1, err);
		if (S_ISREG(st.st_mode)) ok = walk_file(w, path, e->d_name, err);
	}
	(void)closedir(d);
	return ok;
}

static void weigh(struct walk *w, const char *ref, int weight)
{
	for (int i = 0; i < w->ref_count; i++)
		if (strcmp(w->refs[i].ref, ref) == 0) {
			w->refs[i].weight += weight;
			return;
		}
	if (w->ref_count == REFS_MAX) return;
	(void)snprintf(w->refs[w->ref_count].ref, ADAPT_REF_SIZE, "%s", ref);
	w->refs[w->ref_count++].weight = weight;
}

/* `supabase init` writes the folder's name there; an address in the code is worth more. */
static void weigh_config(struct walk *w, struct str text)
{
	struct str line, head, tail;
	char ref[ADAPT_REF_SIZE];
	while (str_next(&text, '\n', &line)) {
		if (!str_cut(line, '=', &head, &tail) || !str_eq(str_trim(head), STR("project_id"))) continue;
		tail = str_trim(tail);
		if (tail.len < 3 || tail.len - 2 >= sizeof ref) continue;
		(void)snprintf(ref, sizeof ref, "%.*s", (int)tail.len - 2, tail.ptr + 1);
		if (strspn(ref, "abcdefghijklmnopqrstuvwxyz0123456789") == 20) weigh(w, ref, 5);
	}
}

static bool refuse_env(const char *path, const char *top, struct str text, struct err *err)
{
	int number = 0;
	struct str line;
	while (str_next(&text, '\n', &line)) {
		char pair[512];
		struct err why;
		number++;
		(void)snprintf(pair, sizeof pair, "%.*s", STR_FMT(str_trim(line)));
		if (build_env_check(pair, &why) || why.code != ERR_REFUSED) continue;
		return err_set(err, ERR_REFUSED, "%s, line %d: %s", path + strlen(top) + 1, number, why.msg);
	}
	return true;
}

static bool find_refs(struct walk *w, const char *path, const char *name, struct buf *text, struct err *err)
{
	struct str t = buf_view(text);
	if (is_env_file(name) && !refuse_env(path, w->top, t, err)) return false;
	if (strcmp(name, "config.toml") == 0) weigh_config(w, t);
	ptrdiff_t next;
	for (size_t at = 0; (next = str_find(str_sub(t, at, t.len), DOMAIN)) >= 0; at += (size_t)next + DOMAIN.len) {
		/* Back to where an address of this domain would begin. */
		size_t from = at + (size_t)next;
		char ref[ADAPT_REF_SIZE];
		for (int i = 0; i < 100 && from > 0 && is_host_char(t.ptr[from - 1]); i++) from--;
		if (adapt_ref_at(t, from, ref)) weigh(w, ref, is_env_file(name) ? 100 : 1);
	}
	return true;
}

static void on_change(void *arg, int line, const char *what, bool is_left)
{
	struct walk *w = arg;
	json_t *list = is_left ? w->left : w->adaptations;
	if (!is_left) w->changed++;
	if (json_array_size(list) >= LISTED_MAX) return;
	json_t *entry = json_pack("{s:s, s:i, s:s}", "file", w->file, "line", line, "what", what);
	if (entry != NULL) (void)json_array_append_new(list, entry);
}

static bool adapt_file(struct walk *w, const char *path, const char *name, struct buf *text, struct err *err)
{
	struct buf changed BUF_CLEANUP;
	struct stat st;
	buf_init(&changed, (size_t)2 * ADAPT_FILE_MAX_BYTES);
	if (strcmp(name, "config.toml") == 0) return true;
	w->file = path + strlen(w->top) + 1, w->changed = 0;
	if (preset_is_config(name)) {
		struct buf preset BUF_CLEANUP;
		buf_init(&preset, (size_t)2 * ADAPT_FILE_MAX_BYTES);
		preset_adapt(&(struct adapt_text){buf_view(text), STR(""), on_change, w}, &preset);
		adapt_text(&(struct adapt_text){buf_view(&preset), str_from(w->ref), on_change, w}, &changed);
	} else {
		adapt_text(&(struct adapt_text){buf_view(text), str_from(w->ref), on_change, w}, &changed);
	}
	if (w->changed == 0) return true;
	if (!buf_is_ok(&changed)) return err_set(err, ERR_LIMIT, "%s grows too large when it is adapted", w->file);
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0644;
	return file_write(path, buf_view(&changed), mode, err);
}

static bool adapt_reader(const void *arg, json_t **ret_answer, struct err *err)
{
	struct walk *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	w->top = arg, w->adaptations = json_array(), w->left = json_array(), w->ref = "";
	w->on_file = find_refs;
	if (!walk_folder(w, w->top, 0, err)) return false;
	int best = 0;
	for (int i = 0; i < w->ref_count; i++)
		if (w->refs[i].weight > best) best = w->refs[i].weight, w->ref = w->refs[i].ref;
	w->on_file = adapt_file;
	if (!walk_folder(w, w->top, 0, err)) return false;
	*ret_answer = json_pack("{s:s, s:o, s:o}", "project", w->ref, "adaptations", w->adaptations, "left", w->left);
	return *ret_answer != NULL || err_set(err, ERR_INTERNAL, "list the adaptations");
}

bool build_adapt(const struct build_job *job, json_t **ret_outcome, struct err *err)
{
	char top[FILE_PATH_SIZE];
	int64_t began_ms = clock_now_ms();
	json_t *outcome = NULL;
	if (!file_path(top, err, "%s/app/src", job->work_dir) ||
	    !build_child_run(job, "adapt the app", adapt_reader, top, -1, &outcome, err))
		return false;
	size_t count = json_array_size(json_object_get(outcome, "adaptations"));
	if (count > 0) build_say(job, "adapted %zu place%s in our copy of the code", count, count == 1 ? "" : "s");
	(void)json_object_set_new(outcome, "duration_ms", json_integer(clock_now_ms() - began_ms));
	*ret_outcome = outcome;
	return true;
}
