/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db: an app's database. */
#include <stdio.h>
#include <string.h>

#include "cli/db.h"
#include "cli/name.h"
#include "cli/screen.h"
#include "cli/verbs.h"
#include "codec/json.h"

#define VERBS_MAX 40

struct db_verb {
	const char *name;
	unsigned most_words;
	/* As struct command's run. */
	bool (*run)(const struct db_words *w, int *ret_status, struct err *err);
};

static const struct db_verb db_verbs[] = {
    {"psql", CLI_WORDS_MAX, db_psql},
    {"dump", 1, db_dump},
    {"import", 1, db_import},
    {"move", 1, db_move},
    {"external", 1, db_external},
    {"size", 0, db_size},
    {"backup", 0, db_backup},
    {"backups", 0, db_backups},
    {"drill", 0, db_drill},
    {"restore", 0, db_restore},
    {"branch", CLI_WORDS_MAX, db_branch},
    {"pool", 2, db_pool},
    {"settings", 0, db_settings},
    {"renew", 0, db_renew},
    {"slow", 0, db_slow},
    {0},
};

static const struct db_verb *find(const char *name)
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
	const struct verb *typed = verb_find(cli->command, cli->words[0]);
	if (cli_check_app(cli, cli->words[0], err) || err->code == ERR_UNAVAILABLE) return true;
	if (err->code != ERR_NOT_FOUND || typed == NULL) return false;
	return err_set(err, ERR_NOT_FOUND, "there is no app named %.40s; the app comes first: freehold db APP %s %s",
		       typed->name, typed->name, typed->words);
}

static bool list_verbs(struct cli *cli)
{
	struct buf out BUF_CLEANUP;
	json_t *list JSON_CLEANUP = json_array();
	buf_init(&out, 64 * 1024);
	for (const struct verb *v = db_words; v->name != NULL && cli->is_json; v++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:s}", "name", v->name, "words", v->words, "what", v->summary));
	if (cli->is_json)
		cli_put_json(cli, list);
	else
		help_put_verbs(cli->command, cli->words[0], &cli->look, &out);
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
	const struct db_verb *v = find(cli->words[1]);
	if (v == NULL) return unknown(cli->words[1], err);
	struct db_words w = {cli, cli->words[0], cli->words + 2, cli->word_count - 2};
	if (w.count > v->most_words)
		return err_set(err, ERR_INVALID, "it is: freehold db %.60s %s %s", w.app, v->name,
			       verb_find(cli->command, v->name)->words);
	return v->run(&w, ret_status, err);
}
