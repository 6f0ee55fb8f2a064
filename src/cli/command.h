/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands as one table: what they are called, which words and options they take, their help, and who runs them.
 * Help texts, option parsing and completion are read from it. */
#ifndef FREEHOLD_CLI_COMMAND_H
#define FREEHOLD_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/look.h"

struct cli;
struct verb; /* cli/verbs.h */

struct option_spec {
	char letter; /* or 0 */
	const char *name;
	const char *value; /* what help calls its value; NULL: it takes none */
	const char *help;
};

struct command {
	const char *name;
	const char *group; /* heading of the short help; NULL: hidden */
	const char *words; /* "APP [RELEASE]" */
	const char *summary; /* one line */
	const char *about; /* a few lines */
	const char *examples; /* one a line */
	const struct option_spec *options; /* its own, ends with a name of NULL; the common ones come on top */
	unsigned least_words;
	unsigned most_words;
	/* What completion offers for each word, f and v as the last one for all that follow: a app, r release, d
	 * deployment, f file, c command, s shell, w its verbs, e what env does, t what tls does, i what ai does, v what
	 * set sets, g what postgres does. */
	const char *completes;
	/* True: *ret_status is the exit status. False: err is shown and gives it. */
	bool (*run)(struct cli *cli, int *ret_status, struct err *err);
	const struct verb *verbs; /* ends with a name of NULL; or NULL */
};

extern const struct command commands[]; /* ends with a name of NULL */
extern const struct option_spec common_options[];

const struct command *command_find(const char *name); /* or NULL */
const char *command_nearest(const char *typed); /* or NULL */

/* The command line of one call. Borrows argv. */
#define CLI_WORDS_MAX 256
struct cli {
	const struct command *command;
	struct look look; /* of standard output */
	bool is_json;
	struct {
		const struct option_spec *spec;
		const char *value;
	} given[CLI_WORDS_MAX];
	size_t given_count;
	const char *words[CLI_WORDS_MAX]; /* what is neither the command nor an option */
	size_t word_count;
};

/* Reads options and words behind argv[0], which is the command's name. ERR_INVALID names what is not known, with the
 * nearest that is. With --help nothing else is checked. */
bool cli_parse(struct cli *cli, int argc, char **argv, struct err *err);

bool cli_has(const struct cli *cli, const char *option);
const char *cli_value(const struct cli *cli, const char *option); /* the last one given, or NULL */

void help_of_command(const struct command *command, const struct look *look, struct buf *out);
void help_of_verb(const struct command *command, const struct verb *verb, const struct look *look, struct buf *out);
/* A line for each of its verbs; app NULL: without what stands before them. */
void help_put_verbs(const struct command *command, const char *app, const struct look *look, struct buf *out);
void help_of_all(const struct look *look, struct buf *out);

/* Runs a whole command line, prints its error, returns the exit status. */
int cli_main(int argc, char **argv);

#endif
