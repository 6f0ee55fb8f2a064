/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>

const struct verb db_words[] = {
    {"psql", "[-- PSQL-OPTION...]", "PostgreSQL's own shell, as the owner of the app's tables",
     "PostgreSQL's own shell, as the owner of the app's tables. No password is needed here; what stands behind -- goes "
     "to it."},
    {"dump", "[FILE]", "the database as one file (pg_dump)",
     "The whole database as one file that plain pg_restore reads (--plain: SQL). The app goes on meanwhile."},
    {"import", "FILE|FOLDER|URL|-",
     "another database in the place of this one: a dump, SQL, a running Supabase project",
     "A dump (pg_dump custom or plain, also compressed), a folder of SQL files, or the address of a running project; - "
     "lets the address be typed unseen. It is tried in a database beside, compared row by row, and only then takes the "
     "place of the app's own, which is kept: --undo. --files brings the files of its storage too, with the old "
     "project's service_role key (asked for, or in FREEHOLD_FILES_KEY). A CSV file goes into the table that --table "
     "names."},
    {"move", "[URL|-]", "the day it moves in: a copy to try, then --finish; or --back",
     "The day an app moves in from a running project: a copy to try, then --finish; or --back. The same as freehold "
     "move, whose help tells more."},
    {"external", "[URL|-]", "a database that is kept elsewhere, for an app that has none yet; or where it is",
     "A database that you keep elsewhere (RDS, Neon, a server of yours), by its address, before the app's first "
     "deployment; later, another address or password of the same one, or with --database-ca alone another authority of "
     "its certificate. Without any of these it says where it is, and what is not promised of it."},
    {"size", "", "what takes the space: tables, indexes, rows that are dead", NULL},
    {"backup", "", "take a backup now (--full: everything, not only what changed)",
     "Takes a backup now. Backups are taken by themselves, a full one each week and what changed each day; the log of "
     "changes is kept as it comes, so that any second can be restored."},
    {"backups", "", "which backups there are, and which moments can be restored", NULL},
    {"drill", "", "prove the newest backup by restoring it beside the app", NULL},
    {"restore", "", "go back: --to TIME, --point before-N or --backup ID; --inspect to look first",
     "First into a copy beside the app, with its rows counted beside the live ones; then the app is switched over "
     "(--inspect stops before that). What was live is kept until --forget, so that --undo can bring it back. --table "
     "brings back rows of one table from a copy and leaves the rest."},
    {"branch", "[create|list|psql|url|reset|delete] [NAME]",
     "copies of the database to try things in: whole, without rows, or a sample",
     "Copies of the live database, each one of its own, to try things in: create NAME makes one while the app runs, "
     "with all rows, with none (--schema-only) or with a sample whose references lead somewhere (--sample); list, psql "
     "NAME, url NAME, reset NAME (as the live one is now), delete NAME. A branch is in no backup, has no network and "
     "runs no jobs."},
    {"pool", "[mode=MODE] [size=N]", "the connections of the app's server: who waits, how many there are, and why",
     "The connections of a server that connects by itself (DATABASE_URL): clients that are at work, idle and waiting, "
     "and how large the pool is and why. mode=transaction, session, auto or off; size=N or auto."},
    {"settings", "", "what PostgreSQL is set to, and why: sized to this machine, or set by you",
     "What PostgreSQL is set to. It is sized to the machine's memory and cores, the number of apps and the size of the "
     "database at each start; freehold set shop postgres.work_mem=16MB sets one yourself."},
    {"renew", "", "restart PostgreSQL on the newest edition that was fetched (freehold postgres)", NULL},
    {"slow", "", "which queries cost most, and what would help",
     "The queries that cost most, foreign keys without an index, indexes that nobody uses, sequences near their end, "
     "and indexes that would help. It changes nothing."},
    {0},
};

const struct verb auth_words[] = {
    {"list", "", "every setting that is not the default (--all: all), with what holds", NULL},
    {"set", "NAME=VALUE...", "any setting, by its name in supabase/config.toml; NAME=- types it unseen", NULL},
    {"unset", "NAME...", "back to the default", NULL},
    {"smtp", "[HOST:PORT|test ADDRESS|off]", "the server that mails leave through; test tries it", NULL},
    {"provider", "[NAME [off]]", "sign-in with Google and others; it prints the address to enter there", NULL},
    {"template", "[MAIL]", "what mails say", NULL},
    {"keys", "[list|standby|rotate|revoke KEY|import FILE|renew service|renew public]",
     "what signs tokens; renew: others in place of the app's own",
     "What signs tokens. standby announces another key, rotate signs with it from then on (ten minutes later, so that "
     "whoever checks tokens has seen it), revoke refuses what a key signed, import takes the keys or the JWT secret of "
     "another project, renew makes others in place of the app's own public or service keys."},
    {"users", "", "who is there", NULL},
    {0},
};

const struct verb storage_words[] = {
    {"usage", "", "files and bytes of each bucket (also without a word)", NULL},
    {"buckets", "", "who reads them and what they take", NULL},
    {"sweep", "", "compare files and objects; with --fix delete files that no object names",
     "Compares files and objects, and says which file no object names and which object has no file; with --fix it "
     "deletes the former that were written long enough ago."},
    {"key", "[add|list|remove ID]", "keys with which S3's tools (aws, rclone, any SDK) reach the app's files",
     "Keys with which S3's tools (aws, rclone, any SDK) reach the app's files. A key may do all, whatever the policies "
     "say; its secret is shown once."},
    {"place", "[s3|local|forget]", "where files lie: here, or in a bucket of any S3",
     "Where files lie. s3 takes them to a bucket of any S3, whose secret is asked for; local brings them back; forget "
     "forgets a bucket that is not needed any more. Files are served meanwhile."},
    {0},
};

const struct verb backup_words[] = {
    {"list", "", "the places, and for how long (also without a word)", NULL},
    {"set", "NAME=NUMBER...", "days, count, full_days, hour, ceiling, drill_days",
     "What can be restored: days and count. full_days: how often everything is copied. hour: when, UTC. ceiling: "
     "changes that wait for a place that cannot be reached. drill_days: how often the newest backup is proved."},
    {"add", "FOLDER|s3://BUCKET", "another place, which holds the same",
     "A place is a folder (a second disk) or a bucket of any S3. Backups on this disk only are lost with it."},
    {"remove", "N", "write nothing more to that place; what is there stays", NULL},
    {"files", "", "copy what is no database now", NULL},
    {"kit", "[FILE]", "the key of the backups, and what to do on the day the server is lost",
     "The key of the backups and a page that says what to do on the day the server is lost; keep it away from here."},
    {0},
};

const struct verb cron_words[] = {
    {"runs", "[JOB]", "how they ended", NULL},
    {"run", "JOB", "run it now", NULL},
    {"pause", "[JOB]", "run it no more; without a name: none of them", NULL},
    {"resume", "[JOB]", "run it again when it is due", NULL},
    {"allow", "NETWORK", "an address or a network that the database may call although it is not public", NULL},
    {"deny", "NETWORK", "no more", NULL},
    {0},
};

const struct verb mail_words[] = {
    {"list", "", "the newest (also without a word)", NULL},
    {"show", "N", "what it says, with its link and code where it did not leave", NULL},
    {"retry", "[N]", "send what waits or was given up now", NULL},
    {"purge", "sent|dead|waiting|all", "remove those", NULL},
    {0},
};

const struct verb *verb_find(const struct command *command, const char *name)
{
	for (const struct verb *v = command->verbs; v != NULL && v->name != NULL; v++)
		if (strcmp(v->name, name) == 0) return v;
	return NULL;
}

bool verb_is_behind_app(const struct command *command)
{
	return strncmp(command->words, "APP", 3) == 0;
}

static const struct option_spec *option_named(const struct command *command, struct str name)
{
	for (const struct option_spec *o = command->options; o != NULL && o->name != NULL; o++)
		if (str_eq(name, str_from(o->name))) return o;
	return NULL;
}

/* Whether "place s3, --files" has the word, or an option that is for it. */
static bool names_verb(const struct command *command, struct str head, const char *verb)
{
	struct str word, comma;
	while (str_next(&head, ' ', &word)) {
		if (str_cut(word, ',', &word, &comma)) (void)comma;
		if (str_eq(word, str_from(verb))) return true;
		const struct option_spec *other =
		    str_has_prefix(word, STR("--")) ? option_named(command, str_sub(word, 2, word.len)) : NULL;
		if (other != NULL && verb_option_help(command, other, verb).ptr != NULL) return true;
	}
	return false;
}

#define WITH "with "

struct str verb_option_help(const struct command *command, const struct option_spec *option, const char *verb)
{
	struct str rest = str_from(option->help);
	if (!str_has_prefix(rest, STR(WITH))) return rest;
	while (verb != NULL && str_has_prefix(rest, STR(WITH))) {
		ptrdiff_t next = str_find(rest, STR("; " WITH)), colon = str_find(rest, STR(": "));
		struct str clause = str_sub(rest, 0, next >= 0 ? (size_t)next : rest.len);
		struct str head = str_sub(clause, sizeof WITH - 1, colon >= 0 ? (size_t)colon : clause.len);
		bool is_deep = str_has_prefix(head, STR("--")); /* then which option is worth saying */
		if (names_verb(command, head, verb))
			return is_deep || colon < 0 ? clause : str_sub(clause, (size_t)colon + 2, clause.len);
		rest = next >= 0 ? str_sub(rest, (size_t)next + 2, rest.len) : STR("");
	}
	return (struct str){NULL, 0};
}

bool verb_check_options(const struct cli *cli, struct err *err)
{
	size_t place = verb_is_behind_app(cli->command) ? 1 : 0;
	const struct verb *v = cli->word_count > place ? verb_find(cli->command, cli->words[place]) : NULL;
	for (size_t i = 0; v != NULL && i < cli->given_count; i++) {
		const struct option_spec *given = cli->given[i].spec;
		if (option_named(cli->command, str_from(given->name)) == given &&
		    verb_option_help(cli->command, given, v->name).ptr == NULL)
			return err_set(err, ERR_INVALID,
				       "%s %s has no option --%s; freehold %s %s --help lists those it has",
				       cli->command->name, v->name, given->name, cli->command->name, v->name);
	}
	return true;
}
