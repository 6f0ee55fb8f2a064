/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/snapshots.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"

static int64_t number_of(const json_t *snapshot)
{
	const json_t *tags = json_object_get(snapshot, "tags"), *tag;
	int64_t made = 0;
	size_t i;
	json_array_foreach(tags, i, tag)
	{
		int64_t number = 0;
		struct str text = str_from(json_string_value(tag) != NULL ? json_string_value(tag) : "");
		if (str_has_prefix(text, STR(SNAPSHOTS_TAG)) &&
		    str_to_int(str_sub(text, strlen(SNAPSHOTS_TAG), text.len), &number) && number > made)
			made = number;
	}
	return made;
}

static int by_order(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	int64_t made = json_int(x, "made", 0) - json_int(y, "made", 0);
	int64_t at_ms = json_int(x, "at_ms", 0) - json_int(y, "at_ms", 0);
	return made != 0 ? (made > 0) - (made < 0) : (at_ms > 0) - (at_ms < 0);
}

json_t *snapshots_read(const json_t *answer)
{
	size_t count = json_array_size(answer), n = 0;
	json_t **sorted = calloc(count + 1, sizeof(json_t *)), *list = json_array();
	if (sorted == NULL) abort();
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(answer, i);
		int64_t at_ms = 0;
		if (clock_from_iso8601(json_str(one, "time", ""), &at_ms))
			sorted[n++] = json_pack("{s:s, s:I, s:I}", "id", json_str(one, "id", ""), "made",
						(json_int_t)number_of(one), "at_ms", (json_int_t)at_ms);
	}
	qsort(sorted, n, sizeof(json_t *), by_order);
	for (size_t i = 0; i < n; i++) json_array_append_new(list, sorted[i]);
	free(sorted);
	return list;
}

int64_t snapshots_next(const json_t *list)
{
	return json_int(json_array_get(list, json_array_size(list) - 1), "made", 0) + 1;
}
