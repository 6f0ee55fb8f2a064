/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/code.h"

#include <stdio.h>
#include <string.h>

#include "codec/given.h"
#include "codec/json.h"
#include "intake/inspect.h"
#include "intake/scan.h"

#define COMPUTED STR("(computed)")
#define IMPORT_BEFORE 400 /* bytes of an import in which the names are looked for */
#define REF_LEN 20

/* Looking a constant up reads the whole file: not for each of thousands of calls. */
#define LOOKUPS_MAX 200

struct view {
	struct code_facts *facts;
	const char *path;
	enum code_where where;
	struct str text;
	int *lookups;
};

void code_facts_init(struct code_facts *f)
{
	*f = (struct code_facts){.env = json_array(),
				 .hard_coded = json_array(),
				 .storage = json_array(),
				 .functions = json_array(),
				 .auth = json_array(),
				 .tables = json_array(),
				 .sign_in = json_array(),
				 .services = json_array(),
				 .fonts = json_array()};
}

void code_facts_done(struct code_facts *f)
{
	json_decref(f->env), json_decref(f->hard_coded), json_decref(f->storage);
	json_decref(f->functions), json_decref(f->auth), json_decref(f->sign_in);
	json_decref(f->tables), json_decref(f->services), json_decref(f->fonts), json_decref(f->replit_login);
}

static const char *below(const char *path, const char *root)
{
	size_t len = strlen(root);
	bool is_below = len > 0 && strncmp(path, root, len) == 0 && path[len] == '/';
	return is_below ? path + len + 1 : path;
}

enum code_where code_where(const char *path, const char *root)
{
	static const char *const servers[] = {"server/",  "api/",       "scripts/",  "script/", "backend/",
					      "netlify/", "functions/", "supabase/", "db/",     "drizzle/"};
	const char *p = below(path, root);
	if (strstr(path, "supabase/functions/") != NULL) return CODE_FUNCTION;
	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
		if (strncmp(p, servers[i], strlen(servers[i])) == 0) return CODE_SERVER;
	const char *slash = strrchr(p, '/'), *name = slash != NULL ? slash + 1 : p;
	if (strstr(name, ".server.") != NULL || strstr(name, ".config.") != NULL) return CODE_SERVER;
	return CODE_BROWSER;
}

enum code_where code_where_read(const char *path, const char *root, struct str text)
{
	bool is_in_root = strchr(below(path, root), '/') == NULL;
	return is_in_root && str_find(text, STR("process.env")) >= 0 ? CODE_SERVER : code_where(path, root);
}

bool code_is_source(const char *path)
{
	static const char *const endings[] = {".ts",  ".tsx", ".js",  ".jsx",    ".mjs",   ".cjs",
					      ".mts", ".cts", ".vue", ".svelte", ".astro", ".html"};
	static const char *const outputs[] = {"dist/", "build/", ".output/", ".next/", "coverage/", ".vercel/", "e2e/"};
	static const char *const tests[] = {".test.", ".spec.", "__tests__/", ".d.ts", ".min.js", "__mocks__/"};
	struct str p = str_from(path);
	bool has_ending = false;
	/* Of tools: .bun-cache, .yarn, .storybook */
	if (path[0] == '.' || strstr(path, "/.") != NULL) return false;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		has_ending = has_ending || str_has_suffix(p, str_from(endings[i]));
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
		if (str_has_prefix(p, str_from(outputs[i]))) return false;
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		if (str_find(p, str_from(tests[i])) >= 0) return false;
	return has_ending;
}

static json_t *find(json_t *list, const char *key, const char *value)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o) if (strcmp(json_str(o, key, ""), value) == 0) return o;
	return NULL;
}

/* Each name once, where it was seen first. */
static void add_call(const struct view *v, json_t *list, struct str name, size_t offset)
{
	json_t *clean = scan_json(name);
	if (json_array_size(list) < INSPECT_MAX_LIST && find(list, "name", json_string_value(clean)) == NULL)
		json_array_append_new(list, json_pack("{s:O,s:s,s:i}", "name", clean, "file", v->path, "line",
						      (int)scan_line(v->text, offset)));
	json_decref(clean);
}

/* The environment. */

static bool is_builtin(struct str name)
{
	static const char *const names[] = {"MODE", "DEV", "PROD", "SSR", "BASE_URL", "NODE_ENV"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(name, str_from(names[i]))) return true;
	return name.len == 0;
}

static const char *where_word(enum code_where where)
{
	static const char *const words[] = {"browser", "server", "function"};
	return words[where];
}

static void add_env(const struct view *v, struct str name, enum code_where where, size_t offset, size_t end)
{
	if (is_builtin(name) || json_array_size(v->facts->env) >= INSPECT_MAX_LIST) return;
	json_t *clean = scan_json(name);
	size_t i;
	json_t *o;
	bool is_known = false;
	json_array_foreach(v->facts->env, i, o) is_known =
	    is_known || (strcmp(json_str(o, "name", ""), json_string_value(clean)) == 0 &&
			 strcmp(json_str(o, "where", ""), where_word(where)) == 0);
	/* `|| ""` says that there is none. */
	struct str otherwise = {0};
	bool has_default = scan_take(v->text, &end, STR("||")) || scan_take(v->text, &end, STR("??"));
	if (has_default && scan_take_quoted(v->text, &end, &otherwise)) has_default = otherwise.len > 0;
	if (!is_known)
		json_array_append_new(v->facts->env,
				      json_pack("{s:O,s:s,s:i,s:s,s:n,s:b,s:b}", "name", clean, "file", v->path, "line",
						(int)scan_line(v->text, offset), "where", where_word(where), "set_in",
						"supplied", given_is(name), "has_default", has_default));
	json_decref(clean);
}

/* prefix.NAME and prefix["NAME"] */
static void scan_env(const struct view *v, struct str prefix, enum code_where where)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, prefix)) >= 0;) {
		size_t at = (size_t)found + prefix.len;
		from = at;
		struct str name;
		bool is_member = found > 0 && v->text.ptr[found - 1] == '.';
		if (is_member && str_find_char(prefix, '.') < 0) continue;
		bool ok = scan_take(v->text, &at, STR("?.")) || scan_take(v->text, &at, STR("."));
		if (ok)
			ok = scan_take_name(v->text, &at, &name);
		else
			ok = scan_take(v->text, &at, STR("[")) && scan_take_quoted(v->text, &at, &name) &&
			     scan_take(v->text, &at, STR("]"));
		if (ok) add_env(v, name, where, (size_t)found, at);
	}
}

/* "A, B as C" of `import { A, B as C } from "module"`, found where the module's name stands; "" of another import. */
static struct str imported(const struct view *v, size_t module)
{
	size_t close = module, open;
	while (close > 0 && v->text.ptr[close] != '}' && module - close < IMPORT_BEFORE) close--;
	for (open = close; open > 0 && v->text.ptr[open] != '{' && close - open < IMPORT_BEFORE;) open--;
	return v->text.ptr[open] == '{' ? str_sub(v->text, open + 1, close) : STR("");
}

/* The next name of such a list, as the module has it. */
static bool next_imported(struct str *names, struct str *ret_name)
{
	struct str item;
	for (ret_name->len = 0; ret_name->len == 0;) {
		size_t at = 0;
		if (!str_next(names, ',', &item)) return false;
		item = str_trim(item);
		while (at < item.len && scan_is_name_char(item.ptr[at])) at++;
		*ret_name = str_sub(item, 0, at);
	}
	return true;
}

/* SvelteKit's and Astro's modules of variables. A build fails without those that are imported by name. */
static void scan_env_modules(const struct view *v)
{
	static const struct {
		const char *module;
		enum code_where where;
		bool is_object; /* it exports `env` */
	} modules[] = {{"$env/static/public", CODE_BROWSER, false}, {"$env/static/private", CODE_SERVER, false},
		       {"$env/dynamic/public", CODE_BROWSER, true}, {"$env/dynamic/private", CODE_SERVER, true},
		       {"astro:env/client", CODE_BROWSER, false},   {"astro:env/server", CODE_SERVER, false}};
	for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
		ptrdiff_t found = str_find(v->text, str_from(modules[i].module));
		if (found < 0) continue;
		size_t end = (size_t)found + strlen(modules[i].module) + 1;
		struct str names = modules[i].is_object ? STR("") : imported(v, (size_t)found), name;
		if (modules[i].is_object) scan_env(v, STR("env"), modules[i].where);
		while (next_imported(&names, &name)) add_env(v, name, modules[i].where, (size_t)found, end);
	}
}

static void scan_deno_env(const struct view *v)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, STR("Deno.env.get"))) >= 0;) {
		size_t at = (size_t)found + 12;
		from = at;
		struct str name;
		if (scan_take(v->text, &at, STR("(")) && scan_take_quoted(v->text, &at, &name)) {
			(void)scan_take(v->text, &at, STR(")"));
			(void)scan_take(v->text, &at, STR("!"));
			add_env(v, name, CODE_FUNCTION, (size_t)found, at);
		}
	}
}

/* Calls. */

/* The name before the dot that stands before offset: "auth" in `supabase.auth\n.signOut`. */
static struct str owner_of(struct str text, size_t offset)
{
	size_t at = offset;
	while (at > 0 && strchr(" \t\r\n", text.ptr[at - 1]) != NULL) at--;
	if (at == 0 || text.ptr[at - 1] != '.') return (struct str){"", 0};
	at--;
	if (at > 0 && (text.ptr[at - 1] == '?' || text.ptr[at - 1] == '!')) at--;
	while (at > 0 && strchr(" \t\r\n", text.ptr[at - 1]) != NULL) at--;
	size_t end = at;
	while (at > 0 && scan_is_name_char(text.ptr[at - 1])) at--;
	return str_sub(text, at, end);
}

/* The text a constant of this file holds. */
static bool constant_text(struct str text, struct str name, struct str *ret_text)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(text, from, name)) >= 0;) {
		size_t at = (size_t)found + name.len;
		from = at;
		struct str type;
		if (scan_take(text, &at, STR(":"))) (void)scan_take_name(text, &at, &type);
		if (scan_take(text, &at, STR("=")) && scan_take_quoted(text, &at, ret_text)) return true;
	}
	return false;
}

/* The first argument as a name: a literal, a constant of this file, the start of a template. */
static struct str first_argument(const struct view *v, size_t at)
{
	struct str text = v->text, name, value;
	size_t from = at;
	if (scan_take_quoted(text, &at, &value)) return value;
	at = scan_skip_space(text, from);
	if (at < text.len && text.ptr[at] == '`') {
		size_t end = at + 1;
		while (end < text.len && text.ptr[end] != '$' && text.ptr[end] != '`' && text.ptr[end] != '\n') end++;
		return end > at + 1 ? str_sub(text, at + 1, end) : COMPUTED;
	}
	bool is_name = scan_take_name(text, &at, &name);
	if (is_name && ++*v->lookups <= LOOKUPS_MAX && constant_text(text, name, &value)) return value;
	return COMPUTED;
}

static void scan_owned_calls(const struct view *v, struct str owner, struct str method, json_t *list)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, method)) >= 0;) {
		size_t at = (size_t)found + method.len;
		from = at;
		if (!str_eq(owner_of(v->text, (size_t)found), owner)) continue;
		if (scan_take(v->text, &at, STR("<"))) /* invoke<Answer>( */
			while (at < v->text.len && v->text.ptr[at] != '(' && v->text.ptr[at] != '\n') at++;
		if (scan_take(v->text, &at, STR("("))) add_call(v, list, first_argument(v, at), (size_t)found);
	}
}

/* Past the parenthesis that closes the one before `at`, on a few lines at most. */
static size_t behind_arguments(struct str text, size_t at)
{
	int depth = 1;
	for (size_t end = at + 300 < text.len ? at + 300 : text.len; at < end; at++) {
		if (text.ptr[at] == '(') depth++;
		if (text.ptr[at] == ')' && --depth == 0) return at + 1;
	}
	return at;
}

/* storage.from('x'), and whether public addresses are asked of it. The start of a computed name is none. */
static void scan_buckets(const struct view *v)
{
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, STR("from"))) >= 0;) {
		size_t at = (size_t)found + 4;
		from = at;
		if (!str_eq(owner_of(v->text, (size_t)found), STR("storage")) || !scan_take(v->text, &at, STR("(")))
			continue;
		struct str name = first_argument(v, at), method;
		size_t end = (size_t)(name.ptr - v->text.ptr) + name.len; /* of a literal; elsewhere it says nothing */
		bool is_here = name.ptr > v->text.ptr + at - 1 && name.ptr < v->text.ptr + v->text.len;
		if (is_here && end < v->text.len && v->text.ptr[end] == '$') name = COMPUTED;
		add_call(v, v->facts->storage, name, (size_t)found);
		at = behind_arguments(v->text, at);
		if (!scan_take(v->text, &at, STR(".")) || !scan_take_name(v->text, &at, &method) ||
		    !str_eq(method, STR("getPublicUrl")))
			continue;
		json_t *clean = scan_json(name), *call = find(v->facts->storage, "name", json_string_value(clean));
		if (call != NULL) (void)json_object_set_new(call, "public", json_true());
		json_decref(clean);
	}
}

/* supabase.from('x'), by whatever name the client goes that says what it is. */
static void scan_tables(const struct view *v)
{
	static const char *const clients[] = {"upabase", "lient", "dmin"}; /* supabaseAdmin, dbClient … */
	ptrdiff_t found;
	for (size_t from = 0; (found = scan_word(v->text, from, STR("from"))) >= 0;) {
		size_t at = (size_t)found + 4;
		struct str owner = owner_of(v->text, (size_t)found), name;
		bool is_client = false;
		from = at;
		for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
			is_client = is_client || str_find(owner, str_from(clients[i])) >= 0;
		if (is_client && scan_take(v->text, &at, STR("(")) && scan_take_quoted(v->text, &at, &name))
			add_call(v, v->facts->tables, name, (size_t)found);
	}
}

static void scan_function_addresses(const struct view *v)
{
	struct str mark = STR("/functions/v1/");
	ptrdiff_t found;
	for (size_t from = 0; (found = str_find(str_sub(v->text, from, v->text.len), mark)) >= 0;) {
		size_t offset = from + (size_t)found, at = offset + mark.len, end = at;
		while (end < v->text.len && (scan_is_name_char(v->text.ptr[end]) || v->text.ptr[end] == '-') &&
		       v->text.ptr[end] != '$')
			end++;
		from = end;
		add_call(v, v->facts->functions, end > at ? str_sub(v->text, at, end) : COMPUTED, offset);
	}
}

/* What of sign-in must be set up by its owner, and what is not served at all. */
static const struct {
	const char *method, *wish; /* "": the provider it names; NULL: not served */
} sign_ins[] = {
    {"signInWithOAuth", ""},     {"signInWithIdToken", ""},     {"signInAnonymously", "anonymous"},
    {"linkIdentity", "linking"}, {"signInWithOtp", "mail"},     {"resetPasswordForEmail", "mail"},
    {"resend", "mail"},          {"inviteUserByEmail", "mail"}, {"signInWithSSO", NULL},
    {"signInWithWeb3", NULL},    {"signInWithPasskey", NULL},
};

/* google of `signInWithOAuth({ provider: 'google' })` and `signInWithOAuth('google')`. */
static struct str provider_at(const struct view *v, size_t at)
{
	struct str near = str_sub(v->text, 0, at + 200), provider = {0};
	ptrdiff_t key = scan_word(near, at, STR("provider"));
	size_t value = key >= 0 ? (size_t)key + 8 : 0;
	if (key >= 0 && scan_take(near, &value, STR(":")) && scan_take_quoted(near, &value, &provider)) return provider;
	if (!scan_take(near, &at, STR("(")) || !scan_take_quoted(near, &at, &provider)) return STR("");
	return provider;
}

static void add_sign_in(const struct view *v, size_t kind, size_t offset, size_t at)
{
	const char *wish = sign_ins[kind].wish;
	if (wish == NULL)
		add_call(v, v->facts->auth, str_from(sign_ins[kind].method), offset);
	else if (wish[0] != '\0')
		add_call(v, v->facts->sign_in, str_from(wish), offset);
	else {
		char name[80];
		struct str provider = provider_at(v, at);
		if (provider.len == 0 || provider.len > 60) return;
		int len = snprintf(name, sizeof name, "provider %.*s", STR_FMT(provider));
		add_call(v, v->facts->sign_in, (struct str){name, (size_t)len}, offset);
	}
}

static void scan_auth(const struct view *v)
{
	for (size_t i = 0; i < sizeof sign_ins / sizeof *sign_ins; i++) {
		struct str method = str_from(sign_ins[i].method);
		ptrdiff_t found;
		for (size_t from = 0; (found = scan_word(v->text, from, method)) >= 0;
		     from = (size_t)found + method.len) {
			struct str owner = owner_of(v->text, (size_t)found);
			if (str_eq(owner, STR("auth")) || str_eq(owner, STR("admin")))
				add_sign_in(v, i, (size_t)found, (size_t)found + method.len);
		}
	}
}

void code_scan_addresses(struct code_facts *f, const char *path, struct str text)
{
	struct str mark = STR(".supabase.co");
	ptrdiff_t found;
	for (size_t from = 0; (found = str_find(str_sub(text, from, text.len), mark)) >= 0;) {
		size_t end = from + (size_t)found, begin = end;
		from = end + mark.len;
		while (begin > 0 && end - begin < REF_LEN && text.ptr[begin - 1] >= 'a' && text.ptr[begin - 1] <= 'z')
			begin--;
		bool is_ref =
		    end - begin == REF_LEN && begin >= 8 && str_eq(str_sub(text, begin - 8, begin), STR("https://"));
		bool goes_on = from < text.len && (scan_is_name_char(text.ptr[from]) || text.ptr[from] == '-');
		if (!is_ref || goes_on || json_array_size(f->hard_coded) >= INSPECT_MAX_LIST) continue;
		json_array_append_new(f->hard_coded,
				      json_pack("{s:s,s:i,s:o}", "file", path, "line", (int)scan_line(text, begin),
						"url", scan_json(str_sub(text, begin - 8, from))));
	}
}

/* import { Inter, Roboto_Mono as Mono } from "next/font/google": the names between the braces before it. */
static void scan_fonts(const struct view *v)
{
	ptrdiff_t found = str_find(v->text, STR("next/font/google"));
	if (found < 0) return;
	struct str names = imported(v, (size_t)found), name;
	if (names.len == 0) add_call(v, v->facts->fonts, COMPUTED, (size_t)found);
	while (next_imported(&names, &name)) add_call(v, v->facts->fonts, name, (size_t)found);
}

/* The address of its sign-in, which answers only to apps that run there. */
static void scan_replit_login(const struct view *v)
{
	ptrdiff_t found = str_find(v->text, STR("replit.com/oidc"));
	if (found < 0 || v->facts->replit_login != NULL) return;
	v->facts->replit_login =
	    json_pack("{s:s,s:i}", "file", v->path, "line", (int)scan_line(v->text, (size_t)found));
}

/* What Lovable gives its apps beside Supabase. */
static void scan_services(const struct view *v)
{
	static const struct {
		const char *mark, *name;
	} services[] = {{"ai.gateway.lovable.dev", "ai"},
			{"sendLovableEmail", "mail"},
			{"connector-gateway.lovable.dev", "connectors"}};
	for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
		ptrdiff_t found = str_find(v->text, str_from(services[i].mark));
		if (found >= 0) add_call(v, v->facts->services, str_from(services[i].name), (size_t)found);
	}
}

void code_scan_pictures(struct code_facts *f, const char *path, struct str text)
{
	int lookups = 0;
	struct view v = {f, path, CODE_BROWSER, text, &lookups};
	ptrdiff_t found = str_find(text, STR("/__l5e/assets-v1/"));
	if (found >= 0) add_call(&v, f->services, STR("pictures"), (size_t)found);
}

void code_scan(struct code_facts *f, const char *path, enum code_where where, char *text, size_t len)
{
	if (!str_has_suffix(str_from(path), STR(".html"))) scan_blank_comments(text, len);
	int lookups = 0;
	struct view v = {f, path, where, {text, len}, &lookups};
	scan_env(&v, STR("import.meta.env"), where == CODE_SERVER ? CODE_SERVER : CODE_BROWSER);
	scan_env(&v, STR("process.env"), where == CODE_FUNCTION ? CODE_FUNCTION : CODE_SERVER);
	scan_env_modules(&v);
	scan_deno_env(&v);
	scan_fonts(&v);
	scan_replit_login(&v);
	scan_services(&v);
	if (str_find(v.text, STR("@supabase/")) >= 0 || str_find(v.text, STR("supabase-js")) >= 0)
		f->uses_supabase = true, f->is_in_browser = f->is_in_browser || where == CODE_BROWSER;
	bool names_supabase = str_find(v.text, STR("supabase")) >= 0 || str_find(v.text, STR("Supabase")) >= 0;
	if (names_supabase) scan_buckets(&v), scan_tables(&v);
	if (where == CODE_FUNCTION) return;
	scan_function_addresses(&v); /* the client's name may be absent: the address comes from the environment */
	if (!names_supabase) return;
	scan_owned_calls(&v, STR("functions"), STR("invoke"), f->functions);
	scan_auth(&v);
}
