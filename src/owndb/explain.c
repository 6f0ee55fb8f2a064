/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/explain.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 200

/* The n-th text in double quotes of a message. Not the schema and table fields: PostgreSQL leaves them empty for
 * what does not exist. */
static bool quoted_name(const char *message, int n, char ret_name[NAME_SIZE])
{
	const char *open = message, *close;
	for (;; n--) {
		open = strchr(open, '"');
		close = open != NULL ? strchr(open + 1, '"') : NULL;
		if (close == NULL) return false;
		if (n == 0) break;
		open = close + 1;
	}
	(void)snprintf(ret_name, NAME_SIZE, "%.*s", (int)(close - open - 1), open + 1);
	return true;
}

static const char *bare(const char *name)
{
	const char *dot = strchr(name, '.');
	return strncmp(name, "public.", 7) == 0 && dot != NULL ? dot + 1 : name;
}

static bool is_known(const char *name, const char *const *known_tables)
{
	if (known_tables == NULL) return false;
	for (; *known_tables != NULL; known_tables++)
		if (strcmp(bare(*known_tables), bare(name)) == 0) return true;
	return false;
}

static void missing_table(const char *name, const char *const *known_tables, char ret_text[EXPLAIN_SIZE])
{
	const char *schema = strchr(name, '.') == NULL ? "public." : "";
	if (is_known(name, known_tables))
		(void)snprintf(
		    ret_text, EXPLAIN_SIZE,
		    "%s%s is in types.ts, but no migration before this one creates it: it was made in a "
		    "dashboard. Ask the builder's chat to \"write a migration that creates the table %s as it is "
		    "now, dated before this one\".",
		    schema, name, name);
	else
		(void)snprintf(ret_text, EXPLAIN_SIZE,
			       "No migration before this one creates %s%s. Either it was made in a dashboard and its "
			       "migration is missing from the export, or the files are in another order than they were "
			       "written in.",
			       schema, name);
}

/* public.touch() of `function public.touch() does not exist`: this message has no quotes. */
static bool missing_function(const char *message, char ret_text[EXPLAIN_SIZE])
{
	static const char before[] = "function ", behind[] = " does not exist";
	const char *end = strstr(message, behind), *name = message + strlen(before);
	if (strncmp(message, before, strlen(before)) != 0 || end == NULL || end <= name) return false;
	(void)snprintf(ret_text, EXPLAIN_SIZE,
		       "No migration before this one creates the function %.*s. Either it was made in a dashboard and "
		       "its migration is missing from the export, or it comes with an extension that no migration asks "
		       "for.",
		       (int)(end - name), name);
	return true;
}

static void missing_object(const char *name, int major, char ret_text[EXPLAIN_SIZE])
{
	if (strcmp(bare(name), "vector") == 0 || strcmp(name, "extensions.vector") == 0 || strcmp(name, "halfvec") == 0)
		(void)snprintf(
		    ret_text, EXPLAIN_SIZE,
		    "The type vector comes with pgvector, which is not installed for PostgreSQL %d on this "
		    "server. Install the package postgresql-%d-pgvector, where your system has it, and deploy "
		    "again.",
		    major, major);
	else
		(void)snprintf(ret_text, EXPLAIN_SIZE,
			       "No migration before this one creates it: it may have been made in a dashboard.");
}

static void missing_extension(const char *name, int major, char ret_text[EXPLAIN_SIZE])
{
	if (strcmp(name, "vector") == 0)
		missing_object(name, major, ret_text);
	else
		(void)snprintf(
		    ret_text, EXPLAIN_SIZE,
		    "The extension %s is not installed for PostgreSQL %d on this server. If your system has a "
		    "package for it (postgresql-%d-…), install that and deploy again; if the app does not use "
		    "it, remove the line.",
		    name, major, major);
}

static bool is_one_of(const char *state, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(state, *list) == 0) return true;
	return false;
}

/* duplicate table, function, object, column, schema, database */
static const char *const exists[] = {"42P07", "42723", "42710", "42701", "42P06", "42P04", NULL};

static const char *general(const char *state, const char *detail)
{
	if (is_one_of(state, exists))
		return "An earlier migration made it already. Builders sometimes write one change twice: remove the "
		       "second, "
		       "or write it with IF NOT EXISTS (or DROP … IF EXISTS before it).";
	if (strcmp(state, "42601") == 0) return "The file has a mistake in its SQL here; it cannot have run anywhere.";
	if (strcmp(state, "23503") == 0 && strstr(detail, "\"users\"") != NULL)
		return "The row belongs to a user who does not exist in this database. Seed rows of a person's account "
		       "cannot be brought along by a migration: remove them, or move the users in first.";
	if (strcmp(state, "42703") == 0)
		return "No migration before this one adds the column: it may have been made in a dashboard.";
	if (strcmp(state, "42501") == 0)
		return "Migrations run as the role postgres, who owns the app's tables and is no superuser, as in a "
		       "Supabase "
		       "project.";
	if (strcmp(state, "55P03") == 0)
		return "Another connection holds the table. Deploy again in a moment; if it repeats, a long "
		       "transaction of "
		       "the app is open.";
	if (strcmp(state, "57014") == 0) return "The statement took longer than a migration may.";
	return "";
}

void explain_error(const struct pg_error *error, const char *const *known_tables, int major,
		   char ret_text[EXPLAIN_SIZE])
{
	char name[NAME_SIZE];
	ret_text[0] = '\0';
	bool has_name = quoted_name(error->message, 0, name);
	if (strcmp(error->sqlstate, "42P01") == 0 && has_name)
		missing_table(name, known_tables, ret_text);
	else if (strcmp(error->sqlstate, "42883") == 0 && missing_function(error->message, ret_text))
		return;
	else if (strcmp(error->sqlstate, "42704") == 0 && has_name)
		missing_object(name, major, ret_text);
	else if ((strcmp(error->sqlstate, "0A000") == 0 || strcmp(error->sqlstate, "58P01") == 0) && has_name &&
		 strncmp(error->message, "extension", 9) == 0)
		missing_extension(name, major, ret_text);
	else
		(void)snprintf(ret_text, EXPLAIN_SIZE, "%s", general(error->sqlstate, error->detail));
}

bool explain_is_there(const char *sqlstate)
{
	return is_one_of(sqlstate, exists);
}

bool explain_is_missing(const char *sqlstate)
{
	/* a table, a function, a type, a column, a schema that no migration creates */
	static const char *const missing[] = {"42P01", "42883", "42704", "42703", "3F000", NULL};
	return is_one_of(sqlstate, missing);
}

void explain_position(struct str statement, unsigned line, int position, unsigned *ret_line, unsigned *ret_column)
{
	unsigned column = 1;
	int seen = 1;
	for (size_t i = 0; i < statement.len && seen < position; i++) {
		unsigned char c = (unsigned char)statement.ptr[i];
		/* Before the next character begins: past a byte that does not start one nothing is counted. */
		bool is_last_byte = i + 1 >= statement.len || ((unsigned char)statement.ptr[i + 1] & 0xc0) != 0x80;
		if (!is_last_byte) continue;
		seen++;
		column++;
		if (c == '\n') line++, column = 1;
	}
	*ret_line = line;
	*ret_column = position > 0 ? column : 0;
}
