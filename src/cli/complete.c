/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/db.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/verbs.h"
#include "codec/json.h"

#define NAMES_MAX (256 * 1024)

static void offer(struct buf *out, const char *word, const char *typed)
{
	if (strncmp(word, typed, strlen(typed)) != 0) return;
	buf_puts(out, word);
	buf_putc(out, '\n');
}

static void offer_all(struct buf *out, const char *const *words, const char *typed)
{
	for (; *words != NULL; words++) offer(out, *words, typed);
}

static void offer_commands(struct buf *out, const char *typed)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (c->group != NULL) offer(out, c->name, typed);
}

/* verb: the options that are for it; NULL: all. */
static void offer_options(struct buf *out, const struct command *command, const char *verb,
			  const struct option_spec *specs, const char *typed)
{
	char text[64];
	for (; specs != NULL && specs->name != NULL; specs++) {
		if (verb != NULL && verb_option_help(command, specs, verb).ptr == NULL) continue;
		(void)snprintf(text, sizeof text, "--%s", specs->name);
		offer(out, text, typed);
	}
}

static void offer_names(struct buf *out, const struct complete_names *names, char kind, const char *app,
			const char *typed)
{
	struct buf lines BUF_CLEANUP;
	struct str rest, line;
	buf_init(&lines, NAMES_MAX);
	names->list(names->arg, kind, app, &lines);
	rest = buf_view(&lines);
	while (str_next(&rest, '\n', &line)) {
		if (line.len == 0 || !str_has_prefix(line, str_from(typed))) continue;
		buf_str(out, line);
		buf_putc(out, '\n');
	}
}

static void offer_kind(struct buf *out, const struct complete_names *names, char kind, const char *app,
		       const char *typed)
{
	static const char *const shells[] = {"bash", "zsh", NULL}, *const verbs[] = {"set", "unset", "list", NULL};
	static const char *const pool[] = {
	    "mode=auto", "mode=transaction", "mode=session", "mode=off", "size=auto", "size=", NULL};
	static const char *const tls[] = {"set", "reset", "redirect", NULL};
	static const char *const settings[] = {
	    "memory=", "instances=", "warm=", "drain=", "boot=", "pin=", "postgres.", NULL};
	static const char *const ai[] = {"set", "unset", NULL};
	static const char *const postgres[] = {"list", "look", "update", "back", NULL};
	static const char *const sources[] = {"edge", "backend", "postgres", "server", "pool", NULL};
	switch (kind) {
	case 'c': offer_commands(out, typed); break;
	case 's': offer_all(out, shells, typed); break;
	case 'e': offer_all(out, verbs, typed); break;
	case 'p': offer_all(out, pool, typed); break;
	case 't': offer_all(out, tls, typed); break;
	case 'g': offer_all(out, postgres, typed); break;
	case 'i': offer_all(out, ai, typed); break;
	case 'v': offer_all(out, settings, typed); break;
	case 'l': offer_all(out, sources, typed); break;
	case 'f': buf_puts(out, ":files\n"); break;
	case 'n': offer_all(out, db_branch_verbs, typed); break;
	case 'a':
	case 'h':
	case 'r':
	case 'd': offer_names(out, names, kind, app, typed); break;
	default: break;
	}
}

/* What may stand behind a word of a command, by that word. */
static const struct {
	const char *command, *before;
	const char *words[14];
} followers[] = {
    {"auth", "keys", {"list", "standby", "rotate", "revoke", "import", "renew"}},
    {"auth", "renew", {"service", "public"}},
    {"auth", "revoke", {"public"}},
    {"auth", "smtp", {"test", "off"}},
    {"auth",
     "provider",
     {"google", "github", "apple", "azure", "discord", "facebook", "gitlab", "linkedin_oidc", "slack_oidc",
      "keycloak"}},
    {"auth",
     "template",
     {"confirmation", "recovery", "magic_link", "invite", "email_change", "reauthentication", "password_changed",
      "email_changed", "phone_changed", "identity_linked", "identity_unlinked", "mfa_factor_enrolled",
      "mfa_factor_unenrolled"}},
    {"auth", "import", {":files"}},
    {"backup", "set", {"days=", "count=", "full_days=", "hour=", "ceiling=", "drill_days="}},
    {"backup", "add", {":files"}},
    {"backup", "kit", {":files"}},
    {"db", "import", {":files"}},
    {"db", "dump", {":files"}},
    {"mail", "purge", {"sent", "dead", "waiting", "all"}},
    {"storage", "key", {"add", "list", "remove"}},
    {"storage", "place", {"s3", "local", "forget"}},
    {"tls", "redirect", {"on", "off"}},
};

static void offer_followers(struct buf *out, const char *command, const char *before, const char *typed)
{
	for (size_t i = 0; i < sizeof followers / sizeof *followers; i++) {
		if (strcmp(followers[i].command, command) != 0 || strcmp(followers[i].before, before) != 0) continue;
		if (strcmp(followers[i].words[0], ":files") == 0)
			offer_kind(out, NULL, 'f', NULL, typed);
		else
			offer_all(out, followers[i].words, typed);
	}
}

static const struct option_spec *option_of(const struct command *command, const char *word)
{
	const struct option_spec *tables[] = {command->options, common_options};
	for (size_t t = 0; t < 2; t++)
		for (const struct option_spec *o = tables[t]; o != NULL && o->name != NULL; o++) {
			bool is_long = strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0;
			bool is_short = o->letter != 0 && word[0] == '-' && word[1] == o->letter && word[2] == '\0';
			if (is_long || is_short) return o;
		}
	return NULL;
}

/* What the value of an option is, in the letters of struct command's completes. */
static char kind_of_value(const struct option_spec *option)
{
	if (strcmp(option->name, "app") == 0 || strcmp(option->name, "confirm") == 0) return 'a';
	if (strcmp(option->name, "source") == 0) return 'l';
	if (strcmp(option->name, "file") == 0 || strcmp(option->value, "FILE") == 0) return 'f';
	if (strcmp(option->name, "build") == 0) return 'd';
	return strcmp(option->name, "socket") == 0 ? 'f' : '\0';
}

/* What stands behind "db APP branch" and "db APP pool" is another table. place counts words; verbs are those from the
 * second on. */
static char kind_of_word(const struct command *command, size_t place, const char *const verbs[2])
{
	size_t places = strlen(command->completes);
	bool is_branch = command->run == run_db && place >= 2 && verbs[0] != NULL && strcmp(verbs[0], "branch") == 0;
	bool is_pool = command->run == run_db && place >= 2 && verbs[0] != NULL && strcmp(verbs[0], "pool") == 0;
	if (places == 0 || place >= command->most_words) return '\0';
	if (is_pool) return 'p';
	if (!is_branch && place < places) return command->completes[place];
	if (!is_branch)
		return strchr("fv", command->completes[places - 1]) != NULL ? command->completes[places - 1] : '\0';
	if (place == 2) return 'n';
	return place == 3 && strcmp(verbs[1], "create") != 0 && strcmp(verbs[1], "list") != 0 ? 'h' : '\0';
}

void complete_words(const char *const *words, size_t count, const struct complete_names *names, struct buf *out)
{
	if (count == 0) return;
	const char *typed = words[count - 1], *app = NULL, *before = NULL, *verbs[2] = {NULL, NULL};
	if (count == 1) {
		offer_commands(out, typed);
		return;
	}
	const struct command *command = command_find(words[0]);
	const struct option_spec *waiting = NULL; /* an option whose value comes next */
	size_t place = 0;
	if (command == NULL) return;
	for (size_t i = 1; i + 1 < count; i++) {
		const struct option_spec *option = waiting == NULL ? option_of(command, words[i]) : NULL;
		bool is_word = waiting == NULL && option == NULL && words[i][0] != '-';
		waiting = option != NULL && option->value != NULL ? option : NULL;
		if (is_word) before = words[i];
		if (is_word && (place == 1 || place == 2)) verbs[place - 1] = words[i];
		if (is_word && place++ == 0) app = words[i];
	}
	if (waiting != NULL)
		offer_kind(out, names, kind_of_value(waiting), app, typed);
	else if (typed[0] == '-') {
		const char *word = verb_is_behind_app(command) ? verbs[0] : app;
		const struct verb *verb = word != NULL ? verb_find(command, word) : NULL;
		offer_options(out, command, verb != NULL ? verb->name : NULL, command->options, typed);
		offer_options(out, command, NULL, common_options, typed);
	} else {
		char kind = kind_of_word(command, place, verbs);
		for (const struct verb *v = command->verbs; kind == 'w' && v->name != NULL; v++)
			offer(out, v->name, typed);
		offer_kind(out, names, kind, app, typed);
		if (before != NULL && place < command->most_words) offer_followers(out, command->name, before, typed);
	}
}

/* {"apps": [{"name"}]} or {"releases": [{"number"}]} as lines. */
static void list_of(const json_t *answer, const char *key, const char *member, struct buf *out)
{
	const json_t *list = json_object_get(answer, key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *value = json_object_get(json_array_get(list, i), member);
		if (json_is_integer(value)) buf_printf(out, "%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
		if (json_is_string(value)) buf_printf(out, "%s\n", json_string_value(value));
	}
}

static void ask_daemon(void *arg, char kind, const char *app, struct buf *ret_lines)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP;
	struct err ignored;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (kind == 'a')
		buf_puts(&path, "/v1/apps");
	else if (app == NULL || !cli_app_path(&path, app,
					      kind == 'r'   ? "/releases"
					      : kind == 'h' ? "/db/branches"
							    : "/deployments",
					      &ignored))
		return;
	if (!cli_ask(arg, NULL, buf_cstr(&path), NULL, &answer, &ignored)) return;
	list_of(answer,
		kind == 'a'   ? "apps"
		: kind == 'h' ? "branches"
		: kind == 'r' ? "releases"
			      : "deployments",
		kind == 'a' || kind == 'h' ? "name" : "number", ret_lines);
}

bool run_complete(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf out BUF_CLEANUP;
	struct complete_names names = {ask_daemon, cli};
	(void)err;
	buf_init(&out, NAMES_MAX);
	*ret_status = 0;
	complete_words(cli->words, cli->word_count, &names, &out);
	screen_write(buf_view(&out));
	return true;
}
