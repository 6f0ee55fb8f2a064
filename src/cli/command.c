/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/name.h"

#define OPTIONS_MAX 48
#define NEAR_MAX 64

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0) return c;
	return NULL;
}

const char *command_nearest(const char *typed)
{
	const char *names[NEAR_MAX];
	size_t count = 0;
	for (const struct command *c = commands; c->name != NULL && count + 1 < NEAR_MAX; c++)
		if (c->group != NULL) names[count++] = c->name;
	names[count] = NULL;
	return name_nearest(typed, names);
}

/* Both tables as getopt_long wants them. */
struct getopt_tables {
	const struct option_spec *specs[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	size_t count;
};

static void add_options(struct getopt_tables *t, const struct option_spec *specs)
{
	size_t len = strlen(t->shorts);
	for (; specs != NULL && specs->name != NULL && t->count < OPTIONS_MAX; specs++) {
		int has_value = specs->value != NULL ? required_argument : no_argument;
		t->specs[t->count] = specs;
		t->longs[t->count] = (struct option){specs->name, has_value, NULL, 1000 + (int)t->count};
		t->count++;
		if (specs->letter == 0) continue;
		t->shorts[len++] = specs->letter;
		if (specs->value != NULL) t->shorts[len++] = ':';
	}
}

static const struct option_spec *spec_of(const struct getopt_tables *t, int got)
{
	if (got >= 1000) return t->specs[got - 1000];
	for (size_t i = 0; i < t->count; i++)
		if (t->specs[i]->letter == got) return t->specs[i];
	return NULL;
}

static bool unknown_option(const struct cli *cli, const struct getopt_tables *t, const char *typed, struct err *err)
{
	const char *names[OPTIONS_MAX + 1] = {0};
	for (size_t i = 0; i < t->count; i++) names[i] = t->specs[i]->name;
	char name[64];
	(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(typed, "="), typed);
	const char *near = strncmp(name, "--", 2) == 0 ? name_nearest(name + 2, names) : NULL;
	if (near != NULL)
		return err_set(err, ERR_INVALID, "%s has no option %s; did you mean --%s?", cli->command->name, name,
			       near);
	return err_set(err, ERR_INVALID, "%s has no option %s; freehold %s --help lists them", cli->command->name, name,
		       cli->command->name);
}

/* What getopt calls '?': an unknown option, or a value where none belongs; ':' is a missing value. */
static bool bad_option(const struct cli *cli, const struct getopt_tables *t, int got, char **argv, struct err *err)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *typed = optopt > 0 && optopt < 256 ? letter : argv[optind - 1];
	if (got == ':')
		return err_set(err, ERR_INVALID, "%s needs a value; see freehold %s --help", typed, cli->command->name);
	if (optopt >= 1000) return err_set(err, ERR_INVALID, "--%s takes no value", spec_of(t, optopt)->name);
	return unknown_option(cli, t, typed, err);
}

static bool check_words(const struct cli *cli, struct err *err)
{
	const struct command *c = cli->command;
	if (cli->word_count < c->least_words)
		return err_set(err, ERR_INVALID, "%s needs more: freehold %s %s (freehold %s --help shows examples)",
			       c->name, c->name, c->words, c->name);
	if (cli->word_count > c->most_words)
		return err_set(err, ERR_INVALID, "%s does not know what to do with \"%.100s\": freehold %s %s", c->name,
			       cli->words[c->most_words], c->name, c->words);
	return true;
}

bool cli_parse(struct cli *cli, int argc, char **argv, struct err *err)
{
	struct getopt_tables t = {.shorts = ":"};
	add_options(&t, cli->command->options);
	add_options(&t, common_options);
	if (argc > CLI_WORDS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d words on the command line", CLI_WORDS_MAX);
	optind = 0;
	opterr = 0;
	for (int got; (got = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1;) {
		if (got == '?' || got == ':') return bad_option(cli, &t, got, argv, err);
		cli->given[cli->given_count].spec = spec_of(&t, got);
		cli->given[cli->given_count++].value = optarg;
	}
	while (optind < argc) cli->words[cli->word_count++] = argv[optind++];
	cli->is_json = cli_has(cli, "json");
	return cli_has(cli, "help") || check_words(cli, err);
}

bool cli_has(const struct cli *cli, const char *option)
{
	for (size_t i = 0; i < cli->given_count; i++)
		if (strcmp(cli->given[i].spec->name, option) == 0) return true;
	return false;
}

const char *cli_value(const struct cli *cli, const char *option)
{
	for (size_t i = cli->given_count; i > 0; i--)
		if (strcmp(cli->given[i - 1].spec->name, option) == 0) return cli->given[i - 1].value;
	return NULL;
}
