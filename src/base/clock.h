/* SPDX-License-Identifier: Apache-2.0
 *
 * Time. Deadlines and durations use the monotonic clock, what people read the wall clock. */
#ifndef FREEHOLD_BASE_CLOCK_H
#define FREEHOLD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_now_ms(void); /* monotonic */
int64_t clock_now_us(void); /* monotonic */
int64_t clock_wall_ms(void); /* since 1970-01-01 UTC */

#define CLOCK_ISO8601_SIZE 25 /* "2026-11-22T21:03:20.123Z" and NUL */
void clock_iso8601(int64_t wall_ms, char ret_text[CLOCK_ISO8601_SIZE]);
/* The way back, with any number of digits behind the second; UTC only ("Z", "+00:00"). */
bool clock_from_iso8601(const char *text, int64_t *ret_wall_ms);

#endif
