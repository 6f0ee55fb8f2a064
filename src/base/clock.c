/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

void clock_iso8601(int64_t wall_ms, char ret_text[CLOCK_ISO8601_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm t;
	gmtime_r(&seconds, &t);
	char text[64]; /* wide enough for any int the compiler can imagine */
	(void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1,
		       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(wall_ms % 1000));
	(void)snprintf(ret_text, CLOCK_ISO8601_SIZE, "%.24s", text);
}

bool clock_from_iso8601(const char *text, int64_t *ret_wall_ms)
{
	struct tm utc = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (rest == NULL) return false;
	int64_t ms = 0;
	if (*rest == '.') {
		int64_t unit = 100;
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10) ms += (*rest - '0') * unit;
	}
	if (strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0) return false;
	*ret_wall_ms = (int64_t)timegm(&utc) * 1000 + ms;
	return true;
}
