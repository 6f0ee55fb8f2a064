/* SPDX-License-Identifier: Apache-2.0
 *
 * A line on standard output for each request, in the form of Apache's "combined" log, as PostgREST writes it:
 *
 *     127.0.0.1 - web_anon [30/Nov/2026:09:12:01 +0000] "GET /book?id=eq.7 HTTP/1.1" 200 56 "" "curl/7.88.1" */
#ifndef FREEHOLD_BIN_BACKEND_ACCESS_H
#define FREEHOLD_BIN_BACKEND_ACCESS_H

#include "base/log.h"
#include "http/server.h"

/* Whether an answer of that status is logged: failures of ours from LOG_ERROR on, the client's from LOG_WARN on. */
bool access_is_logged(enum log_level least, unsigned status);

/* role .ptr NULL: nobody. bytes of the body, negative: not known. */
void access_log(const struct http_request *http, struct str role, unsigned status, int64_t bytes);

#endif
