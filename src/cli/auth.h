/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of freehold auth, each a word behind the app's name: run_auth.c has the settings themselves, the others
 * have a file each. Words are those behind "freehold auth APP WORD". */
#ifndef FREEHOLD_CLI_AUTH_H
#define FREEHOLD_CLI_AUTH_H

#include "cli/run.h"

struct auth_words {
	struct cli *cli;
	const char *app;
	const char *const *words;
	size_t count;
};

bool auth_smtp(const struct auth_words *w, struct err *err);
bool auth_provider(const struct auth_words *w, struct err *err);
bool auth_template(const struct auth_words *w, struct err *err);
bool auth_keys(const struct auth_words *w, struct err *err);
bool auth_users(const struct auth_words *w, struct err *err);

/* Asks below the app's /auth. */
bool auth_ask(const struct auth_words *w, const char *method, const char *rest, const json_t *body, json_t **ret_answer,
	      struct err *err);

/* PUT of changes; body is {"set": …, "unset": …}. With --json the answer is printed and ret_answer stays NULL. */
bool auth_change(const struct auth_words *w, const json_t *body, json_t **ret_answer, struct err *err);

/* A setting of the answer, as text, borrowed until the next call; "" when it is not set. */
const char *auth_value(const json_t *answer, const char *name, char ret_text[512]);

/* Nothing may stand behind the words. */
bool auth_no_more(const struct auth_words *w, size_t most, const char *usage, struct err *err);

#endif
