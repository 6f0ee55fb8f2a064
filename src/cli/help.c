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
