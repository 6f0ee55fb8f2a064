/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that have words of their own behind them ("freehold db shop restore"): what each is called, what it does,
 * and which of the command's options are its. An option says so by its help: "with restore, import: ..."; what names no
 * word is for all of them. Help, completion and the check of what was typed are read from it. Pure. */
#ifndef FREEHOLD_CLI_VERBS_H
#define FREEHOLD_CLI_VERBS_H

#include "base/str.h"
#include "cli/command.h"

struct verb {
	const char *name;
	const char *words; /* what may stand behind it */
	const char *summary; /* one line */
	const char *about; /* more than that, or NULL */
};

extern const struct verb db_words[], auth_words[], storage_words[], backup_words[], cron_words[], mail_words[];

const struct verb *verb_find(const struct command *command, const char *name); /* or NULL */

/* Whether the app's name comes first ("freehold db APP restore", but "freehold backup add"). */
bool verb_is_behind_app(const struct command *command);

/* What the option's help says for that verb; ptr NULL: the option is not for it. verb NULL: for none in particular. */
struct str verb_option_help(const struct command *command, const struct option_spec *option, const char *verb);

/* ERR_INVALID when an option was given that is another verb's. */
bool verb_check_options(const struct cli *cli, struct err *err);

#endif
