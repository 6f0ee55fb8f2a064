/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/report.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/verbs.h"

static int show_error(const struct err *err)
{
	struct buf out BUF_CLEANUP;
	struct look look = look_of(STDERR_FILENO);
	buf_init(&out, VIEW_BYTES_MAX);
	report_error(&look, err->msg, &out);
	(void)fputs(buf_cstr(&out), stderr);
	return err_code_exit_status(err->code);
}

static int show_help(const struct command *command, const struct look *look)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	if (command != NULL)
		help_of_command(command, look, &out);
	else
		help_of_all(look, &out);
	screen_write(buf_view(&out));
	return 0;
}

/* "db restore --help" and "db shop restore --help": of that verb alone. */
static bool show_help_of_verb(const struct cli *cli)
{
	const struct verb *v = NULL;
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	for (size_t i = 0; i < cli->word_count && i < 2 && v == NULL; i++) v = verb_find(cli->command, cli->words[i]);
	if (v == NULL) return false;
	help_of_verb(cli->command, v, &cli->look, &out);
	screen_write(buf_view(&out));
	return true;
}

static int unknown_command(const char *typed)
{
	struct err err;
	const char *near = command_nearest(typed);
	if (typed[0] == '-')
		(void)err_set(&err, ERR_INVALID, "a command comes first, then %.40s: freehold COMMAND %.40s", typed,
			      typed);
	else if (near != NULL)
		(void)err_set(&err, ERR_INVALID, "there is no command \"%.40s\"; did you mean freehold %s?", typed,
			      near);
	else
		(void)err_set(&err, ERR_INVALID, "there is no command \"%.40s\"; freehold help lists them", typed);
	return show_error(&err);
}

/* What is completed are words, not options of ours. */
static bool take_as_words(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc && cli->word_count < CLI_WORDS_MAX; i++) cli->words[cli->word_count++] = argv[i];
	return true;
}

/* An address that was typed here has a password in it, and every user of this machine reads command lines for as long
 * as a program runs. */
static void hide_addresses(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *at = strstr(argv[i], "postgres");
		char *secret = at != NULL ? strstr(at, "://") : NULL;
		if (secret == NULL) continue;
		char *copy = strdup(argv[i]);
		if (copy == NULL) abort();
		for (char *c = secret + 3; *c != '\0'; c++) *c = '.';
		argv[i] = copy;
	}
}

int cli_main(int argc, char **argv)
{
	struct err err = {0};
	int status = 0;
	struct cli *cli = calloc(1, sizeof *cli);
	if (cli == NULL) abort();
	cli->look = look_of(STDOUT_FILENO);
	hide_addresses(argc, argv);
	bool wants_help = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
	bool wants_version = argc > 1 && strcmp(argv[1], "--version") == 0;
	if (!wants_help) cli->command = command_find(wants_version ? "version" : argv[1]);
	if (wants_help)
		status = show_help(NULL, &cli->look);
	else if (cli->command == NULL)
		status = unknown_command(argv[1]);
	else {
		bool is_completion = cli->command->run == run_complete;
		bool ok =
		    is_completion ? take_as_words(cli, argc - 1, argv + 1) : cli_parse(cli, argc - 1, argv + 1, &err);
		if (ok && cli_has(cli, "help"))
			status = show_help_of_verb(cli) ? 0 : show_help(cli->command, &cli->look);
		else if (!ok || !verb_check_options(cli, &err) || !cli->command->run(cli, &status, &err))
			status = show_error(&err);
	}
	free(cli);
	return status;
}
