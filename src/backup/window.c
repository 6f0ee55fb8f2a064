/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/window.h"

#include "codec/json.h"

#define HISTORIES_MAX 100

static const json_t *entry_at(const json_t *timelines, int64_t at_ms)
{
	const json_t *found = NULL;
	for (size_t i = 0; i < json_array_size(timelines); i++) {
		const json_t *t = json_array_get(timelines, i);
		if (json_int(t, "began_at_ms", 0) <= at_ms) found = t;
	}
	return found;
}

int64_t window_timeline(const json_t *timelines, int64_t at_ms)
{
	const json_t *entry = entry_at(timelines, at_ms);
	return entry != NULL ? json_int(entry, "number", 1) : 1;
}

/* Where a history came from: the entry that first made it. */
static const json_t *birth_of(const json_t *timelines, int64_t number)
{
	for (size_t i = 0; i < json_array_size(timelines); i++) {
		const json_t *t = json_array_get(timelines, i);
		if (json_int(t, "number", 0) == number && json_int(t, "parent", 0) != 0) return t;
	}
	return NULL;
}

/* Until when a backup of history `on` may have ended to serve a moment of history `wanted`; 0: it cannot. */
static int64_t serves_until(const json_t *timelines, int64_t wanted, int64_t on, int64_t at_ms)
{
	int64_t until = at_ms;
	for (int i = 0; i < HISTORIES_MAX; i++) {
		if (wanted == on) return until;
		const json_t *birth = birth_of(timelines, wanted);
		if (birth == NULL) return 0;
		int64_t forked = json_int(birth, "forked_at_ms", 0);
		if (forked < until) until = forked;
		wanted = json_int(birth, "parent", 0);
	}
	return 0;
}

static bool has_gap_between(const json_t *gaps, int64_t from_ms, int64_t to_ms)
{
	for (size_t i = 0; i < json_array_size(gaps); i++) {
		const json_t *g = json_array_get(gaps, i);
		int64_t since = json_int(g, "since_ms", 0), until = json_int(g, "until_ms", 0);
		if (since < to_ms && (until == 0 || until > from_ms)) return true;
	}
	return false;
}

const json_t *window_choose(const json_t *backups, const json_t *timelines, const json_t *gaps, int64_t at_ms,
			    int64_t now_ms, int64_t *ret_timeline)
{
	int64_t wanted = window_timeline(timelines, at_ms != 0 ? at_ms : now_ms), moment = at_ms != 0 ? at_ms : now_ms;
	*ret_timeline = wanted;
	for (size_t i = json_array_size(backups); i-- > 0;) {
		const json_t *b = json_array_get(backups, i);
		int64_t stop = json_int(b, "stop_ms", 0),
			until = serves_until(timelines, wanted, json_int(b, "timeline", 1), moment);
		if (json_bool(b, "has_error", false)) continue;
		/* pgBackRest counts in seconds: a backup that ended within this one may have ended after it. */
		if (until == 0 || stop > until) continue;
		if (at_ms != 0 && has_gap_between(gaps, stop, at_ms)) continue;
		return b;
	}
	return NULL;
}

/* The first gap that ends after from_ms, or NULL. */
static const json_t *next_gap(const json_t *gaps, int64_t from_ms)
{
	for (size_t i = 0; i < json_array_size(gaps); i++) {
		const json_t *g = json_array_get(gaps, i);
		int64_t until = json_int(g, "until_ms", 0);
		if (until == 0 || until > from_ms) return g;
	}
	return NULL;
}

json_t *window_ranges(const json_t *backups, const json_t *gaps, int64_t until_ms)
{
	json_t *ranges = json_array();
	int64_t covered_to = 0;
	for (size_t i = 0; i < json_array_size(backups); i++) {
		int64_t from = json_int(json_array_get(backups, i), "stop_ms", 0);
		if (from <= covered_to) continue; /* inside of a range */
		const json_t *gap = next_gap(gaps, from);
		int64_t since = gap != NULL ? json_int(gap, "since_ms", 0) : until_ms;
		int64_t to = since < from ? from : since < until_ms ? since : until_ms;
		/* A backup that lies in a gap can be restored as it is, at its end. */
		if (to < from) to = from;
		json_array_append_new(ranges,
				      json_pack("{s:I, s:I}", "from_ms", (json_int_t)from, "to_ms", (json_int_t)to));
		covered_to = to;
	}
	return ranges;
}
