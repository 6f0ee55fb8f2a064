/* SPDX-License-Identifier: Apache-2.0
 *
 * What a long-running process says: one line an event on standard error, "2026-11-22T21:03:20.123Z info edge: started".
 * Line breaks inside a message become spaces, so that one event stays one line. Only tops of flows and requests log. */
#ifndef FREEHOLD_BASE_LOG_H
#define FREEHOLD_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NOTHING /* for log_set_level only */ };

void log_set_level(enum log_level least); /* LOG_INFO unless told otherwise */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
