/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 4096

static enum log_level least_level = LOG_INFO; /* the one setting that is the process's own */

void log_set_level(enum log_level least)
{
	least_level = least;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = {"debug", "info", "warn", "error"};
	if (level < least_level) return;
	char line[LINE_MAX_BYTES];
	char when[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), when);
	int head = snprintf(line, sizeof line, "%s %s ", when, words[level]);
	va_list args;
	va_start(args, fmt);
	int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, args);
	va_end(args);
	size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
	if (len > sizeof line - 2) len = sizeof line - 2;
	for (size_t i = 0; i < len; i++)
		if (line[i] == '\n' || line[i] == '\r') line[i] = ' ';
	line[len++] = '\n';
	/* One write, so that lines of several processes do not mix. Nobody can be told if it fails. */
	if (write(STDERR_FILENO, line, len) < 0) return;
}
