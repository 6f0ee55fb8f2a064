/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db APP backup | backups */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/db.h"
#include "cli/job.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static void put_taken(const json_t *job)
{
	const json_t *places = json_object_get(json_object_get(job, "result"), "places");
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *p = json_array_get(places, i);
		char size[TEXT_SHORT_SIZE], kept[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE];
		text_size(size, (uint64_t)json_int(p, "bytes", 0));
		text_size(kept, (uint64_t)json_int(p, "repository_bytes", 0));
		text_duration(took, json_int(p, "ms", 0));
		text_clean(&out, str_from(json_str(p, "name", "")), TEXT_LINE);
		buf_printf(&out, ": %s (%s), %s of database in %s, in %s\n", json_str(p, "label", ""),
			   strcmp(json_str(p, "type", ""), "full") == 0 ? "everything" : "what changed", size, kept,
			   took);
	}
	screen_write(buf_view(&out));
}

bool db_backup(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *body JSON_CLEANUP = json_pack("{s:b}", "full", cli_has(w->cli, "full"));
	json_t *begun JSON_CLEANUP = NULL, *job JSON_CLEANUP = NULL;
	*ret_status = 0;
	if (!db_ask(w, "POST", "/backups", body, &begun, err) || !job_follow(w->cli, begun, &job, err)) return false;
	if (!w->cli->is_json) put_taken(job);
	return true;
}

static void when(const json_t *object, const char *key, int64_t now_ms, char ret_text[64])
{
	char ago[TEXT_SHORT_SIZE] = "";
	const char *iso = json_str(object, key, "");
	int64_t at_ms = 0;
	if (clock_from_iso8601(iso, &at_ms)) text_ago(ago, at_ms, now_ms);
	(void)snprintf(ret_text, 64, "%.10s %.8s%s%s%s", iso, iso[0] != '\0' ? iso + 11 : "",
		       ago[0] != '\0' ? " (" : "", ago, ago[0] != '\0' ? ")" : "");
}

static void put_windows(struct view *v, const json_t *place)
{
	const json_t *windows = json_object_get(place, "windows");
	char from[64], to[64];
	for (size_t i = 0; i < json_array_size(windows); i++) {
		const json_t *w = json_array_get(windows, i);
		bool is_newest =
		    i + 1 == json_array_size(windows) && json_is_null(json_object_get(place, "broken_since"));
		when(w, "from", v->now_ms, from);
		when(w, "to", v->now_ms, to);
		buf_printf(v->out, "  any second from %s to %s\n", from, is_newest ? "now" : to);
	}
	if (json_array_size(windows) == 0) buf_puts(v->out, "  nothing can be restored from here yet\n");
}

static void put_place(struct view *v, const json_t *place)
{
	static const char *const columns[] = {"BACKUP", "WHAT", "TAKEN", "DATABASE", "KEPT AS", NULL};
	const json_t *backups = json_object_get(place, "backups");
	char at[64], size[TEXT_SHORT_SIZE], kept[TEXT_SHORT_SIZE];
	struct buf name BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	buf_init(&name, 4096);
	text_clean(&name, str_from(json_str(place, "name", "")), TEXT_LINE);
	look_put(v->out, &v->look, TONE_STRONG, buf_cstr(&name));
	buf_puts(v->out, json_bool(place, "is_elsewhere", false) ? "\n" : " (lost with this server)\n");
	put_windows(v, place);
	if (json_str(place, "failing", "")[0] != '\0') {
		buf_puts(v->out, "  ");
		look_put(v->out, &v->look, TONE_WARN, "cannot be reached: ");
		text_clean(v->out, str_from(json_str(place, "failing", "")), TEXT_LINE);
		text_size(size, (uint64_t)json_int(place, "waiting_bytes", 0));
		buf_printf(v->out, "; %s of changes wait here\n", size);
	}
	if (json_str(place, "broken", "")[0] != '\0') {
		buf_puts(v->out, "  ");
		look_put(v->out, &v->look, TONE_BAD, "the window is broken: ");
		text_clean(v->out, str_from(json_str(place, "broken", "")), TEXT_LINE);
		buf_puts(v->out, "; a full backup is taken as soon as that can be\n");
	}
	table_init(&t, columns);
	t.right_aligned = 1 << 3 | 1 << 4;
	for (size_t i = json_array_size(backups); i-- > 0;) {
		const json_t *b = json_array_get(backups, i);
		when(b, "ended_at", v->now_ms, at);
		text_size(size, (uint64_t)json_int(b, "bytes", 0));
		text_size(kept, (uint64_t)json_int(b, "repository_bytes", 0));
		table_cell(&t, TONE_STRONG, json_str(b, "id", ""));
		table_cell(&t, TONE_PLAIN,
			   strcmp(json_str(b, "type", ""), "full") == 0 ? "everything" : "what changed");
		table_cell(&t, TONE_DIM, at);
		table_cell(&t, TONE_PLAIN, size);
		table_cell(&t, TONE_PLAIN, kept);
	}
	if (json_array_size(backups) > 0) table_render(&t, &v->look, 2, v->out);
}

bool db_backups(const struct db_words *w, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(w->cli, &out);
	*ret_status = 0;
	if (!db_ask(w, NULL, "/backups", NULL, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	const json_t *places = json_object_get(answer, "places");
	for (size_t i = 0; i < json_array_size(places); i++) {
		if (i > 0) buf_putc(&out, '\n');
		put_place(&v, json_array_get(places, i));
	}
	screen_write(buf_view(&out));
	return true;
}
