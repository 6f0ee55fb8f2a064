/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/retention.h"

#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

#define HOUR_MS ((int64_t)3600 * 1000)

struct retention retention_default(void)
{
	return (struct retention){
	    .days = 14, .count = 2, .full_days = 7, .hour = 3, .ceiling_bytes = (int64_t)1 << 30, .drill_days = 1};
}

int64_t retention_slot_ms(int64_t now_ms, int64_t hour)
{
	int64_t midnight = now_ms - now_ms % RETENTION_DAY_MS, slot = midnight + hour * HOUR_MS;
	return slot <= now_ms ? slot : slot - RETENTION_DAY_MS;
}

static bool is_full(const json_t *backup)
{
	return strcmp(json_str(backup, "type", ""), "full") == 0;
}

enum due retention_due(const struct retention *r, const json_t *backups, int64_t now_ms)
{
	int64_t newest = 0, newest_full = 0, slot = retention_slot_ms(now_ms, r->hour);
	for (size_t i = 0; i < json_array_size(backups); i++) {
		const json_t *b = json_array_get(backups, i);
		int64_t taken = json_int(b, "taken_at_ms", 0);
		if (taken > newest) newest = taken;
		if (is_full(b) && taken > newest_full) newest_full = taken;
	}
	/* By slots, so that the day of the full one does not drift with how long the last one took. */
	if (newest_full == 0 || newest_full < slot - (r->full_days - 1) * RETENTION_DAY_MS) return DUE_FULL;
	return newest < slot ? DUE_INCREMENTAL : DUE_NOTHING;
}

int retention_keep_full(const struct retention *r, const json_t *backups, int64_t now_ms)
{
	int keep = 0;
	int64_t edge = now_ms - r->days * RETENTION_DAY_MS;
	for (size_t i = json_array_size(backups); i-- > 0;) {
		const json_t *b = json_array_get(backups, i);
		if (!is_full(b)) continue;
		keep++;
		if (json_int(b, "taken_at_ms", 0) <= edge && keep >= r->count) break;
	}
	return keep > 0 ? keep : 1;
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x < y) - (x > y);
}

json_t *retention_forget(const struct retention *r, const json_t *snapshots, int64_t now_ms)
{
	json_t *ids = json_array();
	size_t count = json_array_size(snapshots), kept = 0;
	int64_t *times = calloc(count + 1, sizeof *times), edge = now_ms - r->days * RETENTION_DAY_MS;
	if (times == NULL) abort();
	for (size_t i = 0; i < count; i++) times[i] = json_int(json_array_get(snapshots, i), "at_ms", 0);
	qsort(times, count, sizeof *times, newest_first);
	while (kept < count && (times[kept] > edge || (int64_t)kept + 1 < r->count)) kept++;
	for (size_t i = 0; kept < count && i < count; i++) {
		const json_t *one = json_array_get(snapshots, i);
		if (json_int(one, "at_ms", 0) < times[kept]) json_array_append(ids, json_object_get(one, "id"));
	}
	free(times);
	return ids;
}
