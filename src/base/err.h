/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error type. A function that can fail returns bool and takes a struct err as its last parameter; on failure it
 * leaves its outputs untouched and returns what err_set or err_wrap return: false.
 *
 *     return err_set(err, ERR_CONFLICT, "release %d is live", n);
 *     if (!unpack(app, dir, err)) return err_wrap(err, "deploy %s", app->name);
 *
 * Messages are for people: they name the thing, say what is wrong and what to do next. Library code does not log; the
 * top of a flow or of a request logs each failure once. */
#ifndef FREEHOLD_BASE_ERR_H
#define FREEHOLD_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define ERR_MSG_SIZE 1024

enum err_code {
	ERR_NONE = 0,
	ERR_INVALID, /* what the caller gave is malformed */
	ERR_NOT_FOUND, /* no such app, release, file, row */
	ERR_CONFLICT, /* exists already, is busy, is live */
	ERR_REFUSED, /* understood, and will not be done: a dangerous or unsupported export */
	ERR_DENIED, /* the caller may not */
	ERR_LIMIT, /* a declared limit was reached */
	ERR_UNAVAILABLE, /* something needed is not running, full or out of reach; try again later */
	ERR_TIMEOUT, /* a deadline passed */
	ERR_FAILED, /* a program of the app failed: its install, its build, its migration, its health */
	ERR_IO, /* the operating system refused: disk, permission, network */
	ERR_INTERNAL, /* our own mistake */
};

struct err {
	enum err_code code;
	char msg[ERR_MSG_SIZE];
};

/* Both return false. A message that does not fit is cut at a character boundary. */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Sets code and message from errno: "<formatted>: <strerror>". ENOENT becomes ERR_NOT_FOUND, EACCES and EPERM
 * ERR_DENIED, EEXIST ERR_CONFLICT, ENOSPC, EDQUOT and EMFILE ERR_UNAVAILABLE, everything else ERR_IO. */
bool err_set_errno(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts context before the message that is there: "<formatted>: <message>". The code stays. */
bool err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "not-found", "conflict" …: the word the JSON API shows. err_code_from_word returns ERR_INTERNAL for an unknown one.
 */
const char *err_code_word(enum err_code code);
enum err_code err_code_from_word(const char *word);

/* The one place where codes become HTTP statuses and exit statuses (1 is kept for failures without a class of their
 * own). */
int err_code_http_status(enum err_code code);
int err_code_exit_status(enum err_code code);

#endif
