/* SPDX-License-Identifier: Apache-2.0
 *
 * What the app's code reads and calls, found in its text: names of the environment, addresses of Supabase projects,
 * calls of supabase-js. In the sandbox. */
#ifndef FREEHOLD_INTAKE_CODE_H
#define FREEHOLD_INTAKE_CODE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "intake/source.h"

enum code_where { CODE_BROWSER, CODE_SERVER, CODE_FUNCTION };

/* Collected over all files; lists as the inspection has them. */
struct code_facts {
	json_t *env, *hard_coded, *storage, *functions, *auth; /* arrays */
	json_t *tables; /* that supabase-js asks for: [{"name", "file", "line"}] */
	json_t *sign_in; /* what its owner must set up: "provider google", "anonymous", "linking", "mail" */
	json_t *services; /* of Lovable's that it asks: "ai", "mail", "connectors", "pictures" */
	json_t *fonts; /* of next/font/google: [{"name", "file", "line"}] */
	json_t *replit_login; /* {"file", "line"} of the first that signs people in by Replit, or NULL */
	bool uses_supabase, is_in_browser; /* supabase-js; in code that reaches the browser */
};

void code_facts_init(struct code_facts *f);
void code_facts_done(struct code_facts *f);

/* Where a file's code runs, by its path below root. */
enum code_where code_where(const char *path, const char *root);

/* The same of one that was read: in the root itself, what reads process.env is a script that somebody starts by hand.
 */
enum code_where code_where_read(const char *path, const char *root, struct str text);

/* It is code that people (or builders) wrote: by its ending, not in an output folder, no test. */
bool code_is_source(const char *path);

/* Reads one file; text is changed (its comments are blanked). */
void code_scan(struct code_facts *f, const char *path, enum code_where where, char *text, size_t len);

/* Pictures that Lovable's servers keep (build/pictures.h), in any text. */
void code_scan_pictures(struct code_facts *f, const char *path, struct str text);

/* https://<ref>.supabase.co in any text. */
void code_scan_addresses(struct code_facts *f, const char *path, struct str text);

#endif
