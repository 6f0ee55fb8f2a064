/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/report.h"

#include <string.h>

#include "codec/given.h"
#include "codec/json.h"
#include "intake/report_findings.h"

#define EVIDENCE_SHOWN 3

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
	page_ink(p, INK_BOLD, buf_cstr(&line));
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

static void put_verdict(const struct page *p)
{
	size_t never = report_count_stops(p->i, false), stops = report_count_stops(p->i, true);
	size_t needs = json_array_size(json_object_get(p->i, "needs"));
	buf_puts(p->out, "\n");
	if (!json_bool(p->i, "runs", false)) {
		page_ink(p, INK_RED, "It cannot run here yet.\n");
		page_paragraph(p, 2, json_str(p->i, "refusal", ""));
	} else if (never > 0) {
		page_ink(p, INK_RED, "It cannot go live like this: the code has to be changed first (see below).\n");
	} else if (stops > 0) {
		page_ink(p, INK_YELLOW,
			 stops == 1 ? "It can go live once one thing is mended or accepted (see below).\n"
				    : "It can go live once the things below are mended or accepted.\n");
	} else if (needs > 0) {
		page_ink(p, INK_YELLOW, "It can go live; give it these values first, or parts of it will not work.\n");
	} else {
		page_ink(p, INK_GREEN, "It goes live as it is.\n");
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
		if (shown >= PAGE_NAMES_SHOWN || (is_computed && json_array_size(list) > 1)) continue;
		buf_printf(&line, "%s%s", shown > 0 ? ", " : "", is_computed ? "a name the code computes" : name);
		shown++;
	}
	if (json_array_size(list) > PAGE_NAMES_SHOWN) buf_printf(&line, " and more");
	page_item(p, buf_cstr(&line));
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
			page_item(p, words[k][1]);
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
			page_item(p, wishes[k].what);
			break;
		}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str(json_array_get(list, i), "name", "");
		struct buf line BUF_CLEANUP;
		buf_init(&line, 512);
		if (strncmp(name, "provider ", 9) != 0) continue;
		buf_printf(&line, "sign-in with %.60s: freehold auth APP provider %.60s", name + 9, name + 9);
		page_item(p, buf_cstr(&line));
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
		page_name(&all, &count, json_str(one, "name", ""));
		if (!json_bool(one, "verify_jwt", true)) page_name(&open, &open_count, json_str(one, "name", ""));
	}
	json_array_foreach(json_object_get(p->i, "env"), i, one)
	{
		const char *name = json_str(one, "name", "");
		bool is_theirs = strcmp(json_str(one, "where", ""), "function") == 0;
		if (is_theirs && !json_bool(one, "supplied", false) && !json_bool(one, "has_default", false) &&
		    !given_is_ambient(str_from(name)))
			page_name(&unset, &unset_count, name);
	}
	if (count == 0) return;
	buf_printf(p->out, "\nEdge functions: %zu.\n", count);
	page_names(p, "", &all, count);
	page_names(p, "called by anybody, without a token (verify_jwt = false): ", &open, open_count);
	page_names(p,
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
		page_item(p, buf_cstr(&line));
	}
}

void intake_report(const json_t *inspection, struct buf *ret_text, bool colour)
{
	struct page p = {ret_text, inspection, colour};
	put_head(&p);
	put_verdict(&p);
	put_needs(&p);
	report_stops(&p);
	report_warnings(&p);
	put_calls(&p);
	put_sign_in(&p);
	put_services(&p);
	put_database(&p);
	put_functions(&p);
}
