/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/table.h"
#include "cli/text.h"

static void heading(struct buf *out, const struct look *look, const char *text)
{
	buf_putc(out, '\n');
	look_put(out, look, TONE_STRONG, text);
	buf_putc(out, '\n');
}

static void option_rows(struct table *t, const struct option_spec *specs)
{
	for (; specs != NULL && specs->name != NULL; specs++) {
		char text[80], letter[8] = "    ";
		if (specs->letter != 0) (void)snprintf(letter, sizeof letter, "-%c, ", specs->letter);
		(void)snprintf(text, sizeof text, "%s--%s%s%s", letter, specs->name, specs->value != NULL ? " " : "",
			       specs->value != NULL ? specs->value : "");
		table_cell(t, TONE_PLAIN, text);
		table_cell(t, TONE_PLAIN, specs->help);
	}
}

/* "with import, branch: ..." names the verb, or "with --files: ..." an option that it has. */
static bool is_of_verb(const struct option_spec *all, const struct option_spec *o, const char *verb, bool is_deep)
{
	char words[120], *rest = NULL;
	for (const char *at = strstr(o->help, "with "); at != NULL; at = strstr(at + 1, "with ")) {
		bool begins = at == o->help || strncmp(at - 2, "; ", 2) == 0;
		size_t len = strcspn(at, ":");
		if (!begins || at[len] == '\0' || len >= sizeof words) continue;
		(void)snprintf(words, sizeof words, "%.*s", (int)len, at);
		for (char *word = strtok_r(words, " ,", &rest); word != NULL; word = strtok_r(NULL, " ,", &rest)) {
			if (strcmp(word, verb) == 0) return true;
			for (const struct option_spec *p = all; is_deep && p->name != NULL; p++)
				if (strncmp(word, "--", 2) == 0 && strcmp(word + 2, p->name) == 0 &&
				    is_of_verb(all, p, verb, false))
					return true;
		}
	}
	return false;
}

/* Those lines of the examples that have the word. */
static void examples_of_verb(const char *examples, const char *verb, struct buf *out)
{
	char word[64];
	(void)snprintf(word, sizeof word, " %.60s", verb);
	for (const char *line = examples; *line != '\0';) {
		size_t len = strcspn(line, "\n");
		struct str whole = {line, len};
		ptrdiff_t at = str_find(whole, str_from(word));
		size_t end = at >= 0 ? (size_t)at + strlen(word) : 0;
		if (at >= 0 && (end == len || line[end] == ' ')) text_wrap(out, whole, 2, 0);
		line += len + (line[len] == '\n');
	}
}

void help_of_verb(const struct command *command, const char *verb, const char *words, const char *summary,
		  const struct look *look, struct buf *out)
{
	struct table t TABLE_CLEANUP;
	struct look wide = *look;
	wide.columns = 0;
	buf_printf(out, "freehold %s APP %s%s%s [options]\n\n", command->name, verb, words[0] != '\0' ? " " : "",
		   words);
	text_wrap(out, str_from(summary), 0, look->columns > 100 || look->columns == 0 ? 100 : look->columns);
	heading(out, look, "Options");
	table_init(&t, (const char *const[]){"", "", NULL});
	for (const struct option_spec *o = command->options; o->name != NULL; o++)
		if (is_of_verb(command->options, o, verb, true)) option_rows(&t, (struct option_spec[]){*o, {0}});
	option_rows(&t, common_options);
	table_render(&t, &wide, 2, out);
	heading(out, look, "Examples");
	examples_of_verb(command->examples, verb, out);
	buf_printf(out, "\nAll verbs, and more about each: freehold %s --help\n", command->name);
}

void help_of_command(const struct command *command, const struct look *look, struct buf *out)
{
	struct table t TABLE_CLEANUP;
	struct look wide = *look;
	wide.columns = 0; /* nothing of a help text is cut */
	buf_printf(out, "freehold %s%s%s%s\n\n", command->name, command->words[0] != '\0' ? " " : "", command->words,
		   command->options != NULL ? " [options]" : "");
	text_wrap(out, str_from(command->about), 0, look->columns > 100 || look->columns == 0 ? 100 : look->columns);
	heading(out, look, "Options");
	table_init(&t, (const char *const[]){"", "", NULL});
	option_rows(&t, command->options);
	option_rows(&t, common_options);
	table_render(&t, &wide, 2, out);
	heading(out, look, "Examples");
	text_wrap(out, str_from(command->examples), 2, 0);
}

void help_of_all(const struct look *look, struct buf *out)
{
	const char *group = "";
	buf_puts(out, "Freehold runs an app from an AI builder on a server of your own.\n\n"
		      "  freehold deploy my-export.zip    puts it live and prints its address\n");
	for (const struct command *c = commands; c->name != NULL; c++) {
		char text[80];
		if (c->group == NULL) continue;
		if (strcmp(group, c->group) != 0) heading(out, look, group = c->group);
		(void)snprintf(text, sizeof text, "%s %s", c->name, c->words);
		buf_puts(out, "  ");
		text_pad(out, str_from(text), 32);
		buf_puts(out, "  ");
		look_put(out, look, TONE_DIM, c->summary);
		buf_putc(out, '\n');
	}
	buf_puts(out, "\nfreehold COMMAND --help says more and shows examples.\n");
}
