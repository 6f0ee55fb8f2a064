/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define ROW_MAX_BYTES 4096
#define WIDE 100 /* longer lines are hard to read */
#define LEFT_MAX 34 /* a longer word or option does not push the others aside */
#define BESIDE_LEAST 40 /* narrower, what is said stands below and not beside */
#define EXAMPLES_OF_ALL 6

static void heading(struct buf *out, const struct look *look, const char *text)
{
	buf_putc(out, '\n');
	look_put(out, look, TONE_STRONG, text);
	buf_putc(out, '\n');
}

/* "  left    what it is", going on below itself where the screen is narrow; nothing is cut. */
static void put_row(struct buf *out, const struct look *look, const char *left, size_t pad, struct str what)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, ROW_MAX_BYTES);
	size_t indent = pad + 4, width = text_width(str_from(left));
	bool is_beside = look->columns == 0 || look->columns >= indent + BESIDE_LEAST;
	buf_puts(out, "  ");
	if (!is_beside) {
		buf_printf(out, "%s\n", left);
		text_wrap(&text, what, 6, look->columns);
	} else if (width > pad) {
		buf_printf(out, "%s  ", left);
		text_wrap(&text, what, 0, 0);
	} else {
		struct buf wrapped BUF_CLEANUP;
		buf_init(&wrapped, ROW_MAX_BYTES);
		text_pad(out, str_from(left), pad + 2);
		text_wrap(&wrapped, what, indent, look->columns);
		buf_str(&text, str_sub(buf_view(&wrapped), indent, wrapped.len));
	}
	buf_str(out, buf_view(&text));
}

static void option_left(const struct option_spec *o, char *ret_text, size_t size)
{
	char letter[8] = "    ";
	if (o->letter != 0) (void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
	(void)snprintf(ret_text, size, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
		       o->value != NULL ? o->value : "");
}

static size_t wider(size_t pad, const char *left)
{
	size_t width = text_width(str_from(left));
	return width > pad && width <= LEFT_MAX ? width : pad;
}

/* The options of the verb, or those that are for no verb in particular, and what every command has. */
static void put_options(struct buf *out, const struct look *look, const struct command *command, const char *verb)
{
	const struct option_spec *tables[] = {command->options, common_options};
	char left[80];
	size_t pad = 0;
	heading(out, look, "Options");
	for (int pass = 0; pass < 2; pass++)
		for (size_t t = 0; t < 2; t++)
			for (const struct option_spec *o = tables[t]; o != NULL && o->name != NULL; o++) {
				struct str what =
				    command->verbs != NULL ? verb_option_help(command, o, verb) : str_from(o->help);
				if (what.ptr == NULL) continue;
				option_left(o, left, sizeof left);
				if (pass == 0)
					pad = wider(pad, left);
				else
					put_row(out, look, left, pad, what);
			}
}

void help_put_verbs(const struct command *command, const char *app, const struct look *look, struct buf *out)
{
	char left[160];
	for (const struct verb *v = command->verbs; v->name != NULL; v++) {
		(void)snprintf(left, sizeof left, "%s%s%s%s%s%s%s", app != NULL ? "freehold " : "",
			       app != NULL ? command->name : "", app != NULL ? " " : "", app != NULL ? app : "",
			       app != NULL ? " " : "", v->name, app == NULL && v->words[0] != '\0' ? " ..." : "");
		put_row(out, look, left, app != NULL ? LEFT_MAX : 14, str_from(v->summary));
	}
}

/* Those lines of the examples that have the word; NULL: the first few. */
static void put_examples(struct buf *out, const struct look *look, const struct command *command, const char *verb,
			 size_t most)
{
	char word[64];
	(void)snprintf(word, sizeof word, " %.60s", verb != NULL ? verb : "");
	heading(out, look, "Examples");
	struct str rest = str_from(command->examples), line;
	size_t shown = 0;
	while (shown < most && str_next(&rest, '\n', &line)) {
		ptrdiff_t at = verb != NULL ? str_find(line, str_from(word)) : 0;
		size_t end = at >= 0 ? (size_t)at + strlen(word) : 0;
		if (verb != NULL && (at < 0 || (end != line.len && line.ptr[end] != ' '))) continue;
		text_wrap(out, line, 2, 0); /* to be copied, so never broken */
		shown++;
	}
	if (shown == 0)
		buf_printf(out, "  freehold %s %s%s\n", command->name, verb_is_behind_app(command) ? "shop " : "",
			   verb);
}

static void put_about(struct buf *out, const struct look *look, const char *about)
{
	text_wrap(out, str_from(about), 0, look->columns > WIDE || look->columns == 0 ? WIDE : look->columns);
}

void help_of_verb(const struct command *command, const struct verb *v, const struct look *look, struct buf *out)
{
	buf_printf(out, "freehold %s %s%s%s%s [options]\n\n", command->name, verb_is_behind_app(command) ? "APP " : "",
		   v->name, v->words[0] != '\0' ? " " : "", v->words);
	struct buf sentence BUF_CLEANUP;
	buf_init(&sentence, ROW_MAX_BYTES);
	buf_printf(&sentence, "%c%s.", v->summary[0] - (v->summary[0] >= 'a' && v->summary[0] <= 'z' ? 'a' - 'A' : 0),
		   v->summary + 1);
	put_about(out, look, v->about != NULL ? v->about : buf_cstr(&sentence));
	put_options(out, look, command, v->name);
	put_examples(out, look, command, v->name, SIZE_MAX);
	buf_printf(out, "\nAll words: freehold %s --help\n", command->name);
}

void help_of_command(const struct command *command, const struct look *look, struct buf *out)
{
	buf_printf(out, "freehold %s%s%s%s\n\n", command->name, command->words[0] != '\0' ? " " : "", command->words,
		   command->options != NULL ? " [options]" : "");
	put_about(out, look, command->about);
	if (command->verbs != NULL) {
		heading(out, look, verb_is_behind_app(command) ? "Words behind the app" : "Words");
		help_put_verbs(command, NULL, look, out);
	}
	put_options(out, look, command, NULL);
	put_examples(out, look, command, NULL, command->verbs != NULL ? EXAMPLES_OF_ALL : SIZE_MAX);
	if (command->verbs != NULL)
		buf_printf(out, "\nMore about one, its options and examples: freehold %s %s --help\n", command->name,
			   command->verbs[0].name);
}

void help_of_all(const struct look *look, struct buf *out)
{
	const char *group = "";
	text_wrap(out, STR("Freehold runs an app from an AI builder on a server of your own."), 0, look->columns);
	buf_putc(out, '\n');
	put_row(out, look, "freehold deploy my-export.zip", LEFT_MAX - 4, STR("puts it live and prints its address"));
	for (const struct command *c = commands; c->name != NULL; c++) {
		char left[80];
		if (c->group == NULL) continue;
		if (strcmp(group, c->group) != 0) heading(out, look, group = c->group);
		(void)snprintf(left, sizeof left, "%s %s", c->name, c->words);
		put_row(out, look, left, LEFT_MAX - 2, str_from(c->summary));
	}
	buf_puts(out, "\nfreehold COMMAND --help says more and shows examples.\n");
}
