/* SPDX-License-Identifier: Apache-2.0
 *
 * How PostgreSQL's programs get into an app's database: its own by a socket, where the kernel says who comes; one
 * elsewhere by the address, in the environment, where no other user of this machine reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/db.h"
#include "codec/json.h"

/* What the caller's environment says of some other database does not count. */
static void forget_environment(void)
{
	extern char **environ;
	for (char **e = environ; *e != NULL;) {
		char name[64];
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
		if (strncmp(name, "PG", 2) == 0 && unsetenv(name) == 0)
			e = environ;
		else
			e++;
	}
}

static void set_environment(const json_t *list)
{
	const json_t *one;
	char name[64];
	size_t i;
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one), *value = text != NULL ? strchr(text, '=') : NULL;
		if (value == NULL) continue;
		(void)snprintf(name, sizeof name, "%.*s", (int)(value - text), text);
		(void)setenv(name, value + 1, 1);
	}
}

void db_where_option(const char *option)
{
	char options[2048];
	const char *had = getenv("PGOPTIONS");
	(void)snprintf(options, sizeof options, "%s%s%s", had != NULL ? had : "", had != NULL ? " " : "", option);
	(void)setenv("PGOPTIONS", options, 1);
}

size_t db_where_words(const json_t *where, bool is_owner, const char **ret_words)
{
	const json_t *there = json_object_get(where, "environment");
	char role[160];
	size_t n = 0;
	forget_environment();
	if (!json_is_array(there)) {
		ret_words[n++] = "-h", ret_words[n++] = json_str(where, "socket_dir", "");
		ret_words[n++] = "-p", ret_words[n++] = "5432";
		/* A dump holds the parts of the database that the owner may not read, too. */
		ret_words[n++] = "-U", ret_words[n++] = is_owner ? "postgres" : "supabase_admin";
		ret_words[n++] = "-d", ret_words[n++] = json_str(where, "database", "postgres");
		return n;
	}
	set_environment(there);
	(void)snprintf(role, sizeof role, "-c role=%.100s -c search_path=public,extensions",
		       json_str(where, "role", ""));
	if (is_owner) db_where_option(role);
	return 0;
}
