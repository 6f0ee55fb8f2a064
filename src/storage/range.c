/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/range.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum range_kind storage_range(struct str header, uint64_t size, uint64_t *ret_from, uint64_t *ret_length)
{
	struct str unit, range, first, last;
	int64_t from, to;
	if (header.ptr == NULL || !str_cut(header, '=', &unit, &range) ||
	    !str_eq_nocase(str_trim(unit), STR("bytes")) || !str_cut(str_trim(range), '-', &first, &last))
		return RANGE_ALL;
	first = str_trim(first), last = str_trim(last);
	if (first.len == 0) {
		if (!str_to_int(last, &to) || to < 0) return RANGE_ALL;
		if (to == 0 || size == 0) return RANGE_NONE;
		*ret_length = (uint64_t)to < size ? (uint64_t)to : size;
		*ret_from = size - *ret_length;
		return RANGE_PART;
	}
	if (!str_to_int(first, &from) || from < 0) return RANGE_ALL;
	if (last.len > 0 && (!str_to_int(last, &to) || to < from)) return RANGE_ALL;
	if ((uint64_t)from >= size) return RANGE_NONE;
	uint64_t end = last.len > 0 && (uint64_t)to < size ? (uint64_t)to + 1 : size;
	*ret_from = (uint64_t)from;
	*ret_length = end - (uint64_t)from;
	return RANGE_PART;
}

bool storage_etag_listed(struct str list, struct str etag)
{
	struct str part;
	if (str_eq(str_trim(list), STR("*"))) return true;
	while (str_next(&list, ',', &part)) {
		part = str_trim(part);
		if (str_has_prefix(part, STR("W/"))) part = str_sub(part, 2, part.len);
		if (part.len > 0 && str_eq(part, etag)) return true;
	}
	return false;
}

static bool read_time(struct str text, const char *format, int64_t *ret_s)
{
	char copy[64];
	struct tm tm = {0};
	if (text.len >= sizeof copy) return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	if (strptime(copy, format, &tm) == NULL) return false;
	*ret_s = (int64_t)timegm(&tm);
	return true;
}

bool storage_date_read(struct str text, int64_t *ret_s)
{
	return text.len > 0 && read_time(str_trim(text), "%a, %d %b %Y %H:%M:%S GMT", ret_s);
}

void storage_date_write(int64_t s, char ret_text[STORAGE_DATE_SIZE])
{
	time_t t = (time_t)s;
	struct tm tm;
	ret_text[0] = '\0';
	if (gmtime_r(&t, &tm) != NULL) (void)strftime(ret_text, STORAGE_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

bool storage_time_read(struct str text, int64_t *ret_s)
{
	return text.len > 0 && read_time(text, "%Y-%m-%dT%H:%M:%S", ret_s);
}
