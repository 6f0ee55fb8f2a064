/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/restore_error.h"

#define STATEMENT_MAX_BYTES 300

/* Both texts must be in it: one of the message, one of the entry or statement; "" is in everything. */
static const struct {
	const char *message, *about, *why;
} harmless[] = {
    {"schema \"public\" already exists", "", "the schema is here already"},
    {"must be owner of extension", "COMMENT", "a comment on an extension"},
    {"must be owner of database", "", "the database itself is Freehold's"},
    {"must be owner of language", "", "a comment on a language"},
    {"must be owner of schema public", "", "the schema public is as it is in every project"},
    {"relation \"supabase_realtime\"", "", "the publication is here already"},
    {"publication \"supabase_realtime\" already exists", "", "the publication is here already"},
    {"is already member of publication", "", "the table is in the publication already"},
    {"no privileges were granted", "", "the right is there already"},
    {"unrecognized configuration parameter \"transaction_timeout\"", "",
     "a setting of newer versions that a dump turns off"},
    {"unrecognized configuration parameter \"idle_session_timeout\"", "",
     "a setting of newer versions that a dump turns off"},
    {"role \"supabase_admin\" already exists", "", "the role is here already"},
    {"permission denied to change default privileges", "", "about what another role makes"},
    {"permission denied to set parameter", "session_replication_role", "rows go in before triggers are made"},
};

/* A role of the host's that owns or may something, and that no client ever is. */
static const char *const host_roles[] = {
    "supabase_etl_admin",       "supabase_replication_admin",
    "supabase_read_only_user",  "pgbouncer",
    "pgsodium_keyholder",       "pgsodium_keyiduser",
    "pgsodium_keymaker",        "cli_login_postgres",
    "supabase_privileged_role", "pgtle_admin",
    "pg_database_owner",        "cloud_admin",
    "neon_superuser",           "rds_superuser",
    "supabase_superuser",
};

static const struct {
	const char *message, *advice;
} advices[] = {
    {"role \"", "--make-roles makes roles that are not here, without a right to log in, so that what is granted to "
		"them stays as it was"},
    {"extension \"",
     "an extension that is not here cannot be imported; take it out of the source, or ask whether the app needs it"},
    {"could not read from input file", "the dump is cut off: make it or fetch it again"},
    {"found unexpected block", "the dump is damaged: make it or fetch it again"},
    {"could not find block ID", "the dump is cut off: make it or fetch it again"},
    {"unexpected end of file", "the dump is cut off: make it or fetch it again"},
    {"No space left", "the disk is full: make room and begin again"},
    {"language \"", "functions in that language cannot run here"},
};

static bool has(struct str s, const char *needle)
{
	return needle[0] == '\0' || str_find(s, str_from(needle)) >= 0;
}

bool restore_error_role(struct str message, struct str *ret_role)
{
	struct str rest;
	ptrdiff_t at = str_find(message, STR("role \""));
	if (at < 0 || str_find(message, STR("does not exist")) < 0) return false;
	rest = str_sub(message, (size_t)at + 6, message.len);
	ptrdiff_t end = str_find_char(rest, '"');
	if (end <= 0) return false;
	*ret_role = str_sub(rest, 0, (size_t)end);
	return true;
}

static void judge(struct restore_error *e)
{
	struct str role;
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless && e->harmless == NULL; i++)
		if (has(e->message, harmless[i].message) &&
		    (has(e->about, harmless[i].about) || has(e->statement, harmless[i].about)))
			e->harmless = harmless[i].why;
	if (restore_error_role(e->message, &role))
		for (size_t i = 0; i < sizeof host_roles / sizeof *host_roles; i++)
			if (str_eq(role, str_from(host_roles[i])))
				e->harmless = "a role of the host's that no client ever is";
	for (size_t i = 0; i < sizeof advices / sizeof *advices && e->harmless == NULL && e->advice == NULL; i++)
		if (has(e->message, advices[i].message)) e->advice = advices[i].advice;
}

/* "pg_restore: from TOC entry 3421; 2620 16406 TRIGGER users on_auth_user_created supabase_auth_admin" */
static struct str entry_of(struct str line)
{
	struct str before, rest;
	if (!str_cut(line, ';', &before, &rest)) return STR("");
	rest = str_trim(rest);
	for (int i = 0; i < 2; i++)
		if (!str_cut(rest, ' ', &before, &rest)) return STR("");
	return rest;
}

/* The word that pg_restore and psql put before their errors; at which byte the message begins, 0: it is none. */
static size_t message_at(struct str line)
{
	static const char *const fronts[] = {"pg_restore: error: ", "pg_dump: error: ", "psql: error: "};
	ptrdiff_t at;
	for (size_t i = 0; i < 3; i++)
		if (str_has_prefix(line, str_from(fronts[i]))) return str_from(fronts[i]).len;
	at = str_find(line, STR("ERROR:  "));
	if (at >= 0 && (at == 0 || str_has_prefix(line, STR("psql:")))) return (size_t)at;
	return 0;
}

/* PostgreSQL's own words, behind whatever a program said first. */
static struct str strip(struct str message)
{
	static const char *const marks[] = {"ERROR:  ", "FATAL:  "};
	for (size_t i = 0; i < 2; i++) {
		ptrdiff_t at = str_find(message, str_from(marks[i]));
		if (at >= 0) return str_trim(str_sub(message, (size_t)at + 8, message.len));
	}
	return str_trim(message);
}

/* "psql:/mnt/import.sql:12: ERROR:  …": 12 */
static struct str line_of(struct str line)
{
	struct str part, number = STR("");
	ptrdiff_t at = str_find(line, STR(": ERROR:  "));
	int64_t ignored;
	if (at <= 0 || !str_has_prefix(line, STR("psql:"))) return STR("");
	struct str rest = str_sub(line, 0, (size_t)at);
	while (str_next(&rest, ':', &part)) number = part;
	return str_to_int(number, &ignored) ? number : STR("");
}

bool restore_error_next(struct str *rest, struct restore_error *ret_error)
{
	struct str line, about = STR("");
	while (rest->ptr != NULL && str_next(rest, '\n', &line)) {
		if (str_find(line, STR("from TOC entry ")) >= 0) about = entry_of(line);
		size_t at = message_at(line);
		if (at == 0 && !str_has_prefix(line, STR("ERROR:  "))) continue;
		struct restore_error e = {
		    .message = strip(str_sub(line, at, line.len)), .about = about, .statement = STR("")};
		struct str look = *rest, next;
		while (look.ptr != NULL && str_next(&look, '\n', &next) &&
		       (str_has_prefix(next, STR("DETAIL:")) || str_has_prefix(next, STR("HINT:")) ||
			str_has_prefix(next, STR("CONTEXT:")) || str_has_prefix(next, STR("LINE ")) ||
			str_has_prefix(next, STR("  ")) || str_has_prefix(next, STR("Command was: ")))) {
			if (!str_has_prefix(next, STR("Command was: "))) continue;
			e.statement = str_trim(str_sub(next, 13, 13 + STATEMENT_MAX_BYTES));
			break;
		}
		/* The summary at the end is no error of its own. */
		if (has(e.message, "errors ignored on restore")) continue;
		e.line = line_of(line);
		judge(&e);
		if (e.line.len > 0 && e.advice == NULL && has(e.message, "syntax error at "))
			e.advice = "this is not SQL as PostgreSQL reads it; is it the right file?";
		*ret_error = e;
		return true;
	}
	return false;
}
