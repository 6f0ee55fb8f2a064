/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/look.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_UNKNOWN 80

static const char *set_env(const char *name)
{
	const char *value = getenv(name);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_utf8_locale(void)
{
	const char *locale = set_env("LC_ALL");
	if (locale == NULL) locale = set_env("LC_CTYPE");
	if (locale == NULL) locale = set_env("LANG");
	return locale != NULL && (strcasestr(locale, "utf-8") != NULL || strcasestr(locale, "utf8") != NULL);
}

struct look look_of(int fd)
{
	struct look look = {.has_utf8 = is_utf8_locale()};
	const char *term = set_env("TERM");
	if (!isatty(fd) || (term != NULL && strcmp(term, "dumb") == 0)) return look;
	struct winsize size;
	look.is_terminal = true;
	look.has_colour = set_env("NO_COLOR") == NULL;
	look.columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_UNKNOWN;
	return look;
}

void look_put_str(struct buf *out, const struct look *look, enum tone tone, struct str text)
{
	static const char *const codes[] = {
	    [TONE_PLAIN] = NULL,      [TONE_STRONG] = "\033[1m", [TONE_DIM] = "\033[2m",
	    [TONE_GOOD] = "\033[32m", [TONE_WARN] = "\033[33m",  [TONE_BAD] = "\033[31m",
	};
	const char *code = look->has_colour ? codes[tone] : NULL;
	if (code != NULL) buf_puts(out, code);
	buf_str(out, text);
	if (code != NULL) buf_puts(out, "\033[0m");
}

void look_put(struct buf *out, const struct look *look, enum tone tone, const char *text)
{
	look_put_str(out, look, tone, str_from(text));
}

const char *look_mark(const struct look *look, enum mark mark)
{
	static const char *const marks[][2] = {
	    [MARK_DONE] = {"+", "✓"},   [MARK_FAILED] = {"x", "✗"}, [MARK_SKIPPED] = {"-", "–"},
	    [MARK_UNDONE] = {"<", "↩"}, [MARK_NOTE] = {"!", "!"},   [MARK_ITEM] = {"-", "•"},
	};
	return marks[mark][look->has_utf8];
}

const char *look_spinner(const struct look *look, unsigned frame)
{
	static const char *const ascii[] = {"|", "/", "-", "\\"};
	static const char *const utf8[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
	return look->has_utf8 ? utf8[frame % 10] : ascii[frame % 4];
}
