/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said in a function's place when it cannot say it, in the words of Supabase's edge runtime and with the header
 * by which functions-js knows them (x-relay-error); and which function a request is for. Pure. */
#ifndef FREEHOLD_SERVE_ANSWER_H
#define FREEHOLD_SERVE_ANSWER_H

#include <stddef.h>

#include "base/str.h"

enum answer {
	ANSWER_UNKNOWN, /* 404 NOT_FOUND */
	ANSWER_BOOT, /* 503 BOOT_ERROR: it could not be loaded */
	ANSWER_BUSY, /* 503 WORKER_BUSY: as many run as may, and none is idle */
	ANSWER_ERROR, /* 500 WORKER_ERROR: it ended, or closed the connection, without an answer */
	ANSWER_LIMIT, /* 546 WORKER_LIMIT: it was ended for what it used */
};

#define ANSWER_SIZE 2048

/* A whole HTTP/1.1 response, ended by closing. why: added to the message, for the owner, or "". Returns its length. */
size_t answer_text(enum answer answer, const char *why, char ret_text[ANSWER_SIZE]);

enum answer_line { LINE_WHOLE, LINE_SHORT, LINE_WRONG };

/* NAME of "METHOD /NAME/rest?query HTTP/1.1" at the beginning of a request. LINE_SHORT: more is needed. */
enum answer_line answer_name(struct str head, struct str *ret_name);

#endif
