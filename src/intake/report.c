/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/report.h"

#include <string.h>

#include "codec/given.h"
#include "codec/json.h"
#include "codec/migration.h"

#define NAMES_SHOWN 8
#define EVIDENCE_SHOWN 3
#define WIDTH 96

struct page {
	struct buf *out;
	const json_t *i; /* the inspection */
	bool colour;
};

enum ink { PLAIN, BOLD, RED, YELLOW, GREEN, FAINT };

static void ink(const struct page *p, enum ink colour, const char *text)
{
	static const char *const codes[] = {"", "\033[1m", "\033[31m", "\033[33m", "\033[32m", "\033[2m"};
	bool is_coloured = p->colour && colour != PLAIN;
	if (is_coloured) buf_puts(p->out, codes[colour]);
	buf_puts(p->out, text);
	if (is_coloured) buf_puts(p->out, "\033[0m");
}

/* Words broken over lines that begin with so many blanks; `at` columns are taken already. */
static void wrap(const struct page *p, const char *text, int indent, int at)
{
	struct str rest = str_from(text), word;
	while (str_next(&rest, ' ', &word)) {
		if (word.len == 0) continue;
		if (at + (int)word.len + 1 > WIDTH && at > indent) {
			buf_printf(p->out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			buf_putc(p->out, ' ');
			at++;
		}
		buf_str(p->out, word);
		at += (int)word.len;
	}
	buf_putc(p->out, '\n');
}

static void paragraph(const struct page *p, int indent, const char *text)
{
	buf_printf(p->out, "%*s", indent, "");
	wrap(p, text, indent, indent);
}

static const char *shape_words(const char *shape)
{
	static const char *const words[][2] = {
	    {"vite-spa", "a Vite single-page app"},
	    {"static", "a plain static site"},
	    {"tanstack-start", "a TanStack Start app"},
	    {"nextjs", "a Next.js app"},
	    {"express-vite", "a Vite app with a server of its own"},
	    {"react-router", "a React Router app"},
	    {"remix", "a Remix app"},
	    {"astro", "an Astro app"},
	    {"sveltekit", "a SvelteKit app"},
	    {"nuxt", "a Nuxt app"},
	    {"expo", "an Expo app"},
	    {"cloudflare", "an app for Cloudflare's platform"},
	    {"node-server", "a Node server"},
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(shape, words[i][0]) == 0) return words[i][1];
	return "nothing Freehold recognises";
}

static const char *builder_words(const char *builder)
{
	static const char *const words[][2] = {{"lovable", ", made with Lovable"},
					       {"bolt", ", made with Bolt"},
					       {"v0", ", made with v0"},
					       {"replit", ", made with Replit"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(builder, words[i][0]) == 0) return words[i][1];
	return "";
}

static void put_head(const struct page *p)
{
	const char *root = json_str(p->i, "root", "");
	struct buf line BUF_CLEANUP;
	buf_init(&line, 4096);
	buf_printf(&line, "This is %s%s", shape_words(json_str(p->i, "shape", "")),
		   builder_words(json_str(p->i, "builder", "")));
	if (root[0] != '\0') buf_printf(&line, ", in the folder %s", root);
	buf_puts(&line, ".");
	ink(p, BOLD, buf_cstr(&line));
	buf_puts(p->out, "\n");
	size_t i;
	json_t *e;
	json_array_foreach(json_object_get(p->i, "evidence"), i, e)
	{
		if (i >= EVIDENCE_SHOWN) break;
		buf_printf(p->out, "  %s %s\n", json_str(e, "file", ""), json_str(e, "what", ""));
	}
	json_array_foreach(json_object_get(p->i, "other_roots"), i, e)
	    buf_printf(p->out, "  %s looks like an app too; it is left alone\n",
		       json_string_value(e)[0] != '\0' ? json_string_value(e) : "the top folder");
}

static size_t count_stops(const json_t *inspection, bool can_accept)
{
	size_t i, count = 0;
	json_t *f;
	json_array_foreach(json_object_get(inspection, "findings"), i, f)
	{
		bool is_stop = strcmp(json_str(f, "severity", ""), "stop") == 0;
		count += is_stop && json_bool(f, "can_accept", false) == can_accept;
	}
	return count;
}

static void put_verdict(const struct page *p)
{
	size_t never = count_stops(p->i, false), stops = count_stops(p->i, true);
	size_t needs = json_array_size(json_object_get(p->i, "needs"));
	buf_puts(p->out, "\n");
	if (!json_bool(p->i, "runs", false)) {
		ink(p, RED, "It cannot run here yet.\n");
		paragraph(p, 2, json_str(p->i, "refusal", ""));
	} else if (never > 0) {
		ink(p, RED, "It cannot go live like this: the code has to be changed first (see below).\n");
	} else if (stops > 0) {
		ink(p, YELLOW,
		    stops == 1 ? "It can go live once one thing is mended or accepted (see below).\n"
			       : "It can go live once the things below are mended or accepted.\n");
	} else if (needs > 0) {
		ink(p, YELLOW, "It can go live; give it these values first, or parts of it will not work.\n");
	} else {
		ink(p, GREEN, "It goes live as it is.\n");
	}
}

static void put_needs(const struct page *p)
{
	const json_t *needs = json_object_get(p->i, "needs");
	if (json_array_size(needs) == 0) return;
	const char *place = given_builders_place(json_str(p->i, "builder", ""));
	buf_puts(p->out, "\nValues the app reads that nobody has set (freehold env APP set NAME=VALUE):\n");
	size_t i, j;
	json_t *name, *e;
	json_array_foreach(needs, i, name)
	{
		bool is_told = false;
		json_array_foreach(json_object_get(p->i, "env"), j, e)
		{
			if (is_told || strcmp(json_str(e, "name", ""), json_string_value(name)) != 0) continue;
			bool is_server = strcmp(json_str(e, "where", ""), "server") == 0;
			buf_printf(p->out, "  %s  (%s:%lld%s)\n", json_string_value(name), json_str(e, "file", ""),
				   (long long)json_int(e, "line", 0), is_server ? ", on the server" : "");
			is_told = true;
		}
	}
	if (place != NULL) buf_printf(p->out, "  Their values are in %s.\n", place);
}

static void put_place(const struct page *p, const json_t *f, int indent)
{
	const char *file = json_str(f, "file", NULL);
	int64_t line = json_int(f, "line", 0);
	if (file == NULL) return;
	buf_printf(p->out, "%*s%s", indent, "", file);
	if (line > 0) buf_printf(p->out, ":%lld", (long long)line);
	buf_puts(p->out, "\n");
}

static void put_stop(const struct page *p, const json_t *f)
{
	const char *paste = json_str(f, "paste", NULL);
	bool can_accept = json_bool(f, "can_accept", false);
	buf_puts(p->out, "\n");
	ink(p, can_accept ? YELLOW : RED, can_accept ? "  stop  " : "  never ");
	ink(p, BOLD, json_str(f, "title", ""));
	buf_puts(p->out, "\n");
	put_place(p, f, 8);
	paragraph(p, 8, json_str(f, "detail", ""));
	if (paste != NULL) {
		buf_puts(p->out, "        Paste into the builder's chat:");
		wrap(p, paste, 10, 38);
	}
	if (can_accept) buf_printf(p->out, "        Or take it as it is: --accept %s\n", json_str(f, "name", ""));
}

static void put_stops(const struct page *p)
{
	if (count_stops(p->i, true) + count_stops(p->i, false) == 0) return;
	buf_puts(p->out, "\nDangerous; stops a first deployment:\n");
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (strcmp(json_str(f, "severity", ""), "stop") == 0) put_stop(p, f);
	}
}

/* Kinds that come in dozens are one line. */
struct group {
	const char *kind, *one, *many;
};

static const struct group groups[] = {
    {"definer-function",
     "function runs with its owner's rights, no row security holds inside, and anyone can call it: see "
     "that it checks who calls",
     "functions run with their owner's rights, no row security holds inside, and anyone can call them: see that each "
     "checks who calls"},
    {"public-bucket", "storage bucket is public: anyone who has a file's address can read it",
     "storage buckets are public: anyone who has a file's address can read it"},
    {"open-to-signed-in", "policy lets every signed-in user write any row",
     "policies let every signed-in user write any row"},
    {"open-bucket", "storage policy lets visitors who are not signed in write files",
     "storage policies let visitors who are not signed in write files"},
    {"sql-not-understood", "statement is newer SQL than is understood here; PostgreSQL judges it at the rehearsal",
     "statements are newer SQL than is understood here; PostgreSQL judges them at the rehearsal"},
    {"migration-skipped", "file among the migrations is not run, as its name has no version",
     "files among the migrations are not run, as their names have no version"},
};

static const struct group *group_of(struct str kind)
{
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (str_eq(kind, str_from(groups[i].kind))) return &groups[i];
	return NULL;
}

static bool is_kind(const json_t *f, struct str kind)
{
	return str_has_prefix(str_from(json_str(f, "name", "")), kind) && json_str(f, "name", "")[kind.len] == ':' &&
	       strcmp(json_str(f, "severity", ""), "stop") != 0;
}

/* As many as are shown; the rest is counted. */
static void put_name(struct buf *names, size_t *count, const char *name)
{
	if (*count < NAMES_SHOWN) buf_printf(names, "%s%s", *count > 0 ? ", " : "", name);
	(*count)++;
}

static void put_names(const struct page *p, const char *words, const struct buf *names, size_t count)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, 16384);
	if (count == 0) return;
	buf_printf(&line, "%s%s", words, buf_cstr(names));
	if (count > NAMES_SHOWN) buf_printf(&line, " and %zu more", count - NAMES_SHOWN);
	buf_puts(p->out, "  - ");
	wrap(p, buf_cstr(&line), 4, 4);
}

static void put_group(const struct page *p, const struct group *group)
{
	struct buf names BUF_CLEANUP, words BUF_CLEANUP;
	struct str kind = str_from(group->kind);
	size_t i, count = 0;
	json_t *f;
	buf_init(&names, 8192);
	buf_init(&words, 8192);
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (is_kind(f, kind)) put_name(&names, &count, json_str(f, "name", "") + kind.len + 1);
	}
	buf_printf(&words, "%zu %s: ", count, count == 1 ? group->one : group->many);
	put_names(p, buf_cstr(&words), &names, count);
}

/* Whether a finding of the same kind stands before this one. */
static bool is_later(const struct page *p, size_t index, struct str kind)
{
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		if (i >= index) return false;
		if (is_kind(f, kind)) return true;
	}
	return false;
}

static void put_warning(const struct page *p, const json_t *f)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, 8192);
	buf_printf(&line, "%s (%s). %s", json_str(f, "title", ""), json_str(f, "file", "-"), json_str(f, "detail", ""));
	buf_puts(p->out, "  - ");
	wrap(p, buf_cstr(&line), 4, 4);
}

static void put_warnings(const struct page *p)
{
	bool has_head = false;
	size_t i;
	json_t *f;
	json_array_foreach(json_object_get(p->i, "findings"), i, f)
	{
		struct str kind, subject;
		bool is_stop = strcmp(json_str(f, "severity", ""), "stop") == 0;
		if (is_stop || !str_cut(str_from(json_str(f, "name", "")), ':', &kind, &subject)) continue;
		const struct group *group = group_of(kind);
		if (group != NULL && is_later(p, i, kind)) continue;
		if (!has_head) buf_puts(p->out, "\nWorth knowing:\n");
		has_head = true;
		if (group != NULL)
			put_group(p, group);
		else
			put_warning(p, f);
	}
}

static void put_call_list(const struct page *p, const char *words, const json_t *list)
{
	struct buf line BUF_CLEANUP;
	size_t i, shown = 0;
	json_t *call;
	buf_init(&line, 8192);
	buf_printf(&line, "%s: ", words);
	json_array_foreach(list, i, call)
	{
		const char *name = json_str(call, "name", "");
		bool is_computed = strcmp(name, "(computed)") == 0;
		if (shown >= NAMES_SHOWN || (is_computed && json_array_size(list) > 1)) continue;
		buf_printf(&line, "%s%s", shown > 0 ? ", " : "", is_computed ? "a name the code computes" : name);
		shown++;
	}
	if (json_array_size(list) > NAMES_SHOWN) buf_printf(&line, " and more");
	buf_puts(p->out, "  - ");
	wrap(p, buf_cstr(&line), 4, 4);
}

/* Calls of a kind, without functions that the export brings itself. */
static json_t *not_own(const struct page *p, const char *kind)
{
	json_t *list = json_array(), *call, *one;
	size_t i, n;
	bool is_function = strcmp(kind, "functions") == 0;
	const json_t *own = json_object_get(p->i, "functions");
	json_array_foreach(json_object_get(json_object_get(p->i, "calls"), kind), i, call)
	{
		const char *name = json_str(call, "name", "");
		bool is_own = is_function && strcmp(name, "(computed)") == 0 && json_array_size(own) > 0;
		json_array_foreach(own, n, one) is_own =
		    is_own || (is_function && strcmp(json_str(one, "name", ""), name) == 0);
		if (!is_own) json_array_append(list, call);
	}
	return list;
}

static void put_calls(const struct page *p)
{
	static const char *const kinds[][2] = {{"functions", "edge functions that it does not bring (404)"},
					       {"auth", "other ways to sign in"}};
	bool has_head = false;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		json_t *list JSON_CLEANUP = not_own(p, kinds[k][0]);
		if (json_array_size(list) == 0) continue;
		if (!has_head)
			buf_puts(p->out,
				 "\nUsed by the app and not served yet (such a request is answered with 501 and a "
				 "sentence):\n");
		has_head = true;
		put_call_list(p, kinds[k][1], list);
	}
}

/* What Lovable gives its apps beside Supabase, and what stands in for it here. */
static void put_services(const struct page *p)
{
	static const char *const words[][2] = {
	    {"ai", "Lovable's AI gateway: the provider that you set answers, any with OpenAI's API: freehold ai APP "
		   "set --url "
		   "https://api.openai.com/v1 --key -"},
	    {"mail", "Lovable's mail sender: mails leave through the mail server that you set: freehold auth APP smtp"},
	    {"connectors",
	     "Lovable's connectors (connector-gateway.lovable.dev): nothing stands in for them, such calls fail"},
	    {"pictures", "pictures that only Lovable's servers have (/__l5e/): they are fetched before the build from "
			 "where the app is "
			 "published: freehold env APP set FREEHOLD_PICTURES_FROM=https://NAME.lovable.app"}};
	const json_t *list = json_object_get(p->i, "services");
	if (json_array_size(list) == 0) return;
	buf_puts(p->out, "\nOf Lovable's own services the app uses:\n");
	for (size_t k = 0; k < sizeof words / sizeof *words; k++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			if (strcmp(json_str(json_array_get(list, i), "name", ""), words[k][0]) != 0) continue;
			buf_puts(p->out, "  - ");
			wrap(p, words[k][1], 4, 4);
		}
}

/* Served, once it is set. */
static void put_sign_in(const struct page *p)
{
	static const struct {
		const char *name, *what;
	} wishes[] = {
	    {"mail",
	     "mails (codes, new passwords, invitations): they are kept until a mail server is set, freehold auth "
	     "APP smtp"},
	    {"anonymous", "sign-in without an account: freehold auth APP set enable_anonymous_sign_ins=true"},
	    {"linking", "adding a provider to an account: freehold auth APP set enable_manual_linking=true"}};
	const json_t *list = json_object_get(p->i, "sign_in");
	if (json_array_size(list) == 0) return;
	buf_puts(p->out, "\nUsed by the app for sign-in, and to be set up once it is here:\n");
	for (size_t k = 0; k < sizeof wishes / sizeof *wishes; k++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			if (strcmp(json_str(json_array_get(list, i), "name", ""), wishes[k].name) != 0) continue;
			buf_puts(p->out, "  - ");
			wrap(p, wishes[k].what, 4, 4);
			break;
		}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str(json_array_get(list, i), "name", "");
		struct buf line BUF_CLEANUP;
		buf_init(&line, 512);
		if (strncmp(name, "provider ", 9) != 0) continue;
		buf_printf(&line, "sign-in with %.60s: freehold auth APP provider %.60s", name + 9, name + 9);
		buf_puts(p->out, "  - ");
		wrap(p, buf_cstr(&line), 4, 4);
	}
}

static void put_functions(const struct page *p)
{
	const json_t *list = json_object_get(p->i, "functions");
	struct buf all BUF_CLEANUP, open BUF_CLEANUP, unset BUF_CLEANUP;
	size_t i, count = 0, open_count = 0, unset_count = 0;
	json_t *one;
	buf_init(&all, 8192), buf_init(&open, 8192), buf_init(&unset, 8192);
	json_array_foreach(list, i, one)
	{
		put_name(&all, &count, json_str(one, "name", ""));
		if (!json_bool(one, "verify_jwt", true)) put_name(&open, &open_count, json_str(one, "name", ""));
	}
	json_array_foreach(json_object_get(p->i, "env"), i, one)
	{
		const char *name = json_str(one, "name", "");
		bool is_theirs = strcmp(json_str(one, "where", ""), "function") == 0;
		if (is_theirs && !json_bool(one, "supplied", false) && !json_bool(one, "has_default", false) &&
		    !given_is_ambient(str_from(name)))
			put_name(&unset, &unset_count, name);
	}
	if (count == 0) return;
	buf_printf(p->out, "\nEdge functions: %zu.\n", count);
	put_names(p, "", &all, count);
	put_names(p, "called by anybody, without a token (verify_jwt = false): ", &open, open_count);
	put_names(p,
		  "read by them and to be set once the app is here, freehold env APP --functions set NAME=-: ", &unset,
		  unset_count);
}

static void put_database(const struct page *p)
{
	const json_t *list = json_object_get(json_object_get(p->i, "migrations"), "migrations");
	size_t count = json_array_size(list), tables = json_array_size(json_object_get(p->i, "migration_tables")), i;
	if (count == 0) return;
	buf_printf(p->out, "\nDatabase: %zu migration%s, %zu table%s.\n", count, count == 1 ? "" : "s", tables,
		   tables == 1 ? "" : "s");
	json_t *m;
	json_array_foreach(list, i, m)
	{
		const char *reason = json_str(m, "boundary_reason", NULL);
		if (reason == NULL) continue;
		struct buf line BUF_CLEANUP;
		buf_init(&line, 8192);
		bool is_after = strcmp(json_str(m, "boundary", ""), "commit-after") == 0;
		buf_printf(&line, "%s %s: %s.", json_str(m, "file", ""),
			   is_after ? "is committed before what follows" : "cannot be undone as a whole if it fails",
			   reason);
		buf_puts(p->out, "  - ");
		wrap(p, buf_cstr(&line), 4, 4);
	}
}

void intake_report(const json_t *inspection, struct buf *ret_text, bool colour)
{
	struct page p = {ret_text, inspection, colour};
	put_head(&p);
	put_verdict(&p);
	put_needs(&p);
	put_stops(&p);
	put_warnings(&p);
	put_calls(&p);
	put_sign_in(&p);
	put_services(&p);
	put_database(&p);
	put_functions(&p);
}
