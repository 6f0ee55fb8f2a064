/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	int http_status;
	int exit_status;
} codes[] = {
    [ERR_NONE] = {"none", 200, 0},
    [ERR_INVALID] = {"invalid", 400, 2},
    [ERR_NOT_FOUND] = {"not-found", 404, 3},
    [ERR_CONFLICT] = {"conflict", 409, 4},
    [ERR_REFUSED] = {"refused", 422, 5},
    [ERR_DENIED] = {"denied", 403, 6},
    [ERR_LIMIT] = {"limit", 413, 7},
    [ERR_UNAVAILABLE] = {"unavailable", 503, 8},
    [ERR_TIMEOUT] = {"timeout", 504, 9},
    [ERR_FAILED] = {"failed", 500, 10},
    [ERR_IO] = {"io", 500, 11},
    [ERR_INTERNAL] = {"internal", 500, 12},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

/* A cut in the middle of a UTF-8 sequence would make the whole message unprintable as JSON. */
static void cut_at_character(char *text, size_t size)
{
	size_t len = strlen(text);
	if (len + 1 < size) return;
	while (len > 0 && ((unsigned char)text[len - 1] & 0xC0) == 0x80) len--;
	if (len > 0 && (unsigned char)text[len - 1] >= 0xC0) len--;
	text[len] = '\0';
}

__attribute__((format(printf, 3, 0))) static void set_v(struct err *err, enum err_code code, const char *fmt,
							va_list args)
{
	char text[ERR_MSG_SIZE];
	(void)vsnprintf(text, sizeof text, fmt, args);
	cut_at_character(text, sizeof text);
	err->code = code;
	memcpy(err->msg, text, strlen(text) + 1);
}

/* A context is ours and short; what it is put before may be long, and its end is what gets cut. */
static void append(struct err *err, const char *after)
{
	size_t len = strlen(err->msg);
	(void)snprintf(err->msg + len, sizeof err->msg - len, ": %s", after);
	cut_at_character(err->msg, sizeof err->msg);
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	set_v(err, code, fmt, args);
	va_end(args);
	return false;
}

static enum err_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT: return ERR_NOT_FOUND;
	case EACCES:
	case EPERM: return ERR_DENIED;
	case EEXIST: return ERR_CONFLICT;
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE: return ERR_UNAVAILABLE;
	default: return ERR_IO;
	}
}

bool err_set_errno(struct err *err, const char *fmt, ...)
{
	int errnum = errno;
	char cause[128];
	va_list args;
	va_start(args, fmt);
	set_v(err, code_of_errno(errnum), fmt, args);
	va_end(args);
	bool is_full = errnum == ENOSPC || errnum == EDQUOT;
	append(err, is_full ? "the disk is full; make room and try again" : strerror_r(errnum, cause, sizeof cause));
	return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
	struct err context;
	va_list args;
	va_start(args, fmt);
	set_v(&context, err->code, fmt, args);
	va_end(args);
	append(&context, err->msg);
	*err = context;
	return false;
}

const char *err_code_word(enum err_code code)
{
	return (size_t)code < CODE_COUNT ? codes[code].word : codes[ERR_INTERNAL].word;
}

enum err_code err_code_from_word(const char *word)
{
	for (size_t i = 0; i < CODE_COUNT; i++)
		if (strcmp(codes[i].word, word) == 0) return (enum err_code)i;
	return ERR_INTERNAL;
}

int err_code_http_status(enum err_code code)
{
	return (size_t)code < CODE_COUNT ? codes[code].http_status : 500;
}

int err_code_exit_status(enum err_code code)
{
	return (size_t)code < CODE_COUNT ? codes[code].exit_status : 1;
}
