/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db: an app's database. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "cli/table.h"

#define VERBS_MAX 40

const struct db_verb db_verbs[] = {
    {"psql", "[-- PSQL-OPTION...]", "PostgreSQL's own shell, as the owner of the app's tables", 0, CLI_WORDS_MAX,
     db_psql},
    {"dump", "[FILE]", "the database as one file (pg_dump)", 0, 1, db_dump},
    {"import", "FILE|FOLDER|URL|-",
     "another database in the place of this one: a dump, SQL, a running Supabase project", 0, 1, db_import},
    {"move", "[URL|-]", "the day it moves in: a copy to try, then --finish; or --back", 0, 1, db_move},
    {"external", "[URL|-]", "a database that is kept elsewhere, for an app that has none yet; or where it is", 0, 1,
     db_external},
    {"size", "", "what takes the space: tables, indexes, rows that are dead", 0, 0, db_size},
    {"backup", "", "take a backup now (--full: everything, not only what changed)", 0, 0, db_backup},
    {"backups", "", "which backups there are, and which moments can be restored", 0, 0, db_backups},
    {"drill", "", "prove the newest backup by restoring it beside the app", 0, 0, db_drill},
    {"restore", "", "go back: --to TIME, --point before-N or --backup ID; --inspect to look first", 0, 0, db_restore},
    {"branch", "[create|list|psql|url|reset|delete] [NAME]",
     "copies of the database to try things in: whole, without rows, or a sample", 0, CLI_WORDS_MAX, db_branch},
    {"pool", "[mode=MODE] [size=N]", "the connections of the app's server: who waits, how many there are, and why", 0,
     2, db_pool},
    {"settings", "", "what PostgreSQL is set to, and why: sized to this machine, or set by you", 0, 0, db_settings},
    {"renew", "", "restart PostgreSQL on the newest edition that was fetched (freehold postgres)", 0, 0, db_renew},
    {"slow", "", "which queries cost most, and what would help", 0, 0, db_slow},
    {0},
};

const struct db_verb *db_verb_find(const char *name)
{
	for (const struct db_verb *v = db_verbs; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0) return v;
	return NULL;
}

bool db_ask(const struct db_words *w, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
	    struct err *err)
{
	struct buf path BUF_CLEANUP;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, w->app, "/db", err)) return false;
	buf_puts(&path, rest);
	return cli_ask(w->cli, method, buf_cstr(&path), body, ret_answer, err);
}

bool db_where(const struct db_words *w, json_t **ret_where, struct err *err)
{
	return db_ask(w, NULL, "", NULL, ret_where, err);
}

/* Where nobody can be asked, what there is can be read all the same. */
static bool is_there(const struct cli *cli, struct err *err)
{
	const struct db_verb *typed = db_verb_find(cli->words[0]);
	if (cli_check_app(cli, cli->words[0], err) || err->code == ERR_UNAVAILABLE) return true;
	if (err->code != ERR_NOT_FOUND || typed == NULL) return false;
	return err_set(err, ERR_NOT_FOUND, "there is no app named %.40s; the app comes first: freehold db APP %s %s",
		       typed->name, typed->name, typed->words);
}

static bool list_verbs(const struct cli *cli)
{
	static const char *const columns[] = {"", "", NULL};
	struct buf out BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	char name[160];
	buf_init(&out, 64 * 1024);
	table_init(&t, columns);
	for (const struct db_verb *v = db_verbs; v->name != NULL; v++) {
		(void)snprintf(name, sizeof name, "freehold db %.60s %s %s", cli->words[0], v->name, v->words);
		table_cell(&t, TONE_STRONG, name);
		table_cell(&t, TONE_PLAIN, v->summary);
	}
	table_render(&t, &cli->look, 0, &out);
	screen_write(buf_view(&out));
	return true;
}

static bool unknown(const char *verb, struct err *err)
{
	const char *names[VERBS_MAX + 1] = {0};
	for (size_t i = 0; db_verbs[i].name != NULL && i < VERBS_MAX; i++) names[i] = db_verbs[i].name;
	const char *near = name_nearest(verb, names);
	return err_set(err, ERR_INVALID, "db does not know \"%.40s\"%s%s%s: freehold db APP lists what there is", verb,
		       near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}

bool run_db(struct cli *cli, int *ret_status, struct err *err)
{
	*ret_status = 0;
	if (cli->word_count < 2) return is_there(cli, err) && list_verbs(cli);
	const struct db_verb *v = db_verb_find(cli->words[1]);
	if (v == NULL) return unknown(cli->words[1], err);
	struct db_words w = {cli, cli->words[0], cli->words + 2, cli->word_count - 2};
	if (w.count < v->least_words || w.count > v->most_words)
		return err_set(err, ERR_INVALID, "it is: freehold db %.60s %s %s", w.app, v->name, v->words);
	return v->run(&w, ret_status, err);
}
