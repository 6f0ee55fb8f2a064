/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/step.h"
#include "cli/text.h"
#include "codec/json.h"

#define CLEAN_MAX (64 * 1024)
#define DURATION_WIDTH 11 /* "12 min 04 s" */

void progress_init(struct progress *p, struct look look)
{
	*p = (struct progress){.look = look};
}

void progress_done(struct progress *p)
{
	json_decref(p->end);
	p->end = NULL;
}

static void copy(char *to, size_t size, struct str from)
{
	if (from.len >= size) {
		from.len = size - 1;
		while (from.len > 0 && ((unsigned char)from.ptr[from.len] & 0xC0) == 0x80) from.len--;
	}
	if (from.len > 0) memcpy(to, from.ptr, from.len);
	to[from.len] = '\0';
}

static enum mark mark_of(const char *state, enum tone *ret_tone)
{
	*ret_tone = TONE_DIM;
	if (strcmp(state, "skipped") == 0) return MARK_SKIPPED;
	*ret_tone = TONE_WARN;
	if (strcmp(state, "undone") == 0) return MARK_UNDONE;
	*ret_tone = TONE_BAD;
	if (strcmp(state, "failed") == 0) return MARK_FAILED;
	*ret_tone = TONE_GOOD;
	return MARK_DONE;
}

/* The columns that lines of steps and of the upload share: mark, label, time. */
static void put_columns(struct buf *out, const char *label, int64_t duration_ms)
{
	char duration[TEXT_SHORT_SIZE] = "";
	if (duration_ms >= 0) text_duration(duration, duration_ms);
	text_pad(out, str_from(label), STEP_LABEL_WIDTH);
	for (size_t width = text_width(str_from(duration)); width < DURATION_WIDTH; width++) buf_putc(out, ' ');
	buf_puts(out, duration);
}

#define COLUMNS_WIDTH (4 + STEP_LABEL_WIDTH + DURATION_WIDTH + 2)

static void put_rest(struct buf *out, const struct look *look, enum tone tone, struct str rest)
{
	if (rest.len == 0) return;
	struct buf clipped BUF_CLEANUP;
	buf_init(&clipped, CLEAN_MAX);
	size_t room = look->columns > COLUMNS_WIDTH + 1 ? look->columns - COLUMNS_WIDTH - 1 : 0;
	text_clip(&clipped, rest, room);
	if (clipped.len == 0) return;
	buf_puts(out, "  ");
	look_put_str(out, look, tone, buf_view(&clipped));
}

static void put_step_on_terminal(struct buf *out, const struct look *look, const char *name, const char *state,
				 int64_t duration_ms, struct str detail)
{
	enum tone tone;
	enum mark mark = mark_of(state, &tone);
	bool is_skipped = mark == MARK_SKIPPED;
	buf_puts(out, "  ");
	look_put(out, look, tone, look_mark(look, mark));
	buf_putc(out, ' ');
	put_columns(out, step_label(name), is_skipped ? -1 : duration_ms);
	put_rest(out, look, TONE_DIM, detail.len > 0 || !is_skipped ? detail : STR("nothing to do"));
	buf_putc(out, '\n');
}

/* "build: done in 3.2 s (…)", for logs of other programs. */
static void put_step_plain(struct buf *out, const char *name, const char *state, int64_t duration_ms, struct str detail)
{
	buf_printf(out, "%s: %s", name, state);
	if (strcmp(state, "running") != 0 && strcmp(state, "skipped") != 0 && duration_ms >= 0) {
		char duration[TEXT_SHORT_SIZE];
		text_duration(duration, duration_ms);
		buf_printf(out, " %s %s", strcmp(state, "failed") == 0 ? "after" : "in", duration);
	}
	if (detail.len > 0) buf_printf(out, " (%.*s)", STR_FMT(detail));
	buf_putc(out, '\n');
}

static void step_began(struct progress *p, const char *name, const char *time)
{
	copy(p->step, sizeof p->step, str_from(name));
	copy(p->tail_step, sizeof p->tail_step, str_from(name));
	p->tail_count = 0;
	if (!clock_from_iso8601(time, &p->began_ms)) p->began_ms = clock_wall_ms();
}

static void clean_member(const json_t *object, const char *key, enum text_shape shape, struct buf *ret_text)
{
	buf_init(ret_text, CLEAN_MAX);
	text_clean(ret_text, str_from(json_str(object, key, "")), shape);
}

static void on_step(struct progress *p, const json_t *event, struct buf *out)
{
	struct buf name BUF_CLEANUP, state BUF_CLEANUP, detail BUF_CLEANUP;
	clean_member(event, "step", TEXT_LINE, &name);
	clean_member(event, "state", TEXT_LINE, &state);
	clean_member(event, "detail", TEXT_LINE, &detail);
	bool is_running = strcmp(buf_cstr(&state), "running") == 0;
	if (strcmp(buf_cstr(&state), "waiting") == 0) return;
	if (is_running && strcmp(p->step, buf_cstr(&name)) != 0)
		step_began(p, buf_cstr(&name), json_str(event, "time", ""));
	if (!is_running && strcmp(p->step, buf_cstr(&name)) == 0) p->step[0] = '\0';
	int64_t duration_ms = json_int(event, "duration_ms", -1);
	if (!p->look.is_terminal)
		put_step_plain(out, buf_cstr(&name), buf_cstr(&state), duration_ms, buf_view(&detail));
	else if (!is_running)
		put_step_on_terminal(out, &p->look, buf_cstr(&name), buf_cstr(&state), duration_ms, buf_view(&detail));
}

static void keep_line(struct progress *p, const char *step, struct str line)
{
	if (strcmp(p->tail_step, step) != 0) {
		copy(p->tail_step, sizeof p->tail_step, str_from(step));
		p->tail_count = 0;
	}
	copy(p->tail[p->tail_count % PROGRESS_TAIL_LINES], PROGRESS_TAIL_BYTES, line);
	p->tail_count++;
}

static void on_line(struct progress *p, const json_t *event, struct buf *out)
{
	struct buf text BUF_CLEANUP, step BUF_CLEANUP;
	clean_member(event, "text", TEXT_LINE, &text);
	clean_member(event, "step", TEXT_LINE, &step);
	if (str_trim(buf_view(&text)).len == 0) return;
	keep_line(p, buf_cstr(&step), buf_view(&text));
	if (!p->look.is_terminal) buf_printf(out, "%s| %s\n", buf_cstr(&step), buf_cstr(&text));
}

static void on_note(const struct progress *p, const json_t *event, struct buf *out)
{
	struct buf text BUF_CLEANUP, wrapped BUF_CLEANUP;
	clean_member(event, "text", TEXT_BLOCK, &text);
	buf_init(&wrapped, CLEAN_MAX);
	if (text.len == 0) return;
	if (!p->look.is_terminal) {
		buf_printf(out, "note: %s\n", buf_cstr(&text));
		return;
	}
	text_wrap(&wrapped, buf_view(&text), 6, p->look.columns);
	buf_puts(out, "    ");
	look_put(out, &p->look, TONE_WARN, look_mark(&p->look, MARK_NOTE));
	buf_append(out, buf_cstr(&wrapped) + 5, wrapped.len > 5 ? wrapped.len - 5 : 0);
}

void progress_event(struct progress *p, const json_t *event, struct buf *out)
{
	const char *kind = json_str(event, "event", "");
	if (strcmp(kind, "step") == 0)
		on_step(p, event, out);
	else if (strcmp(kind, "line") == 0)
		on_line(p, event, out);
	else if (strcmp(kind, "note") == 0)
		on_note(p, event, out);
	else if (strcmp(kind, "end") == 0 && p->end == NULL) {
		p->step[0] = '\0';
		p->end = json_incref(json_object_get(event, "deployment"));
	}
}

static void put_live(struct buf *out, const struct look *look, const char *label, int64_t elapsed_ms, unsigned frame,
		     struct str rest)
{
	if (look->columns > 0 && look->columns <= COLUMNS_WIDTH) {
		text_clip(out, str_from(label), look->columns - 1);
		return;
	}
	buf_puts(out, "  ");
	look_put(out, look, TONE_STRONG, look_spinner(look, frame));
	buf_putc(out, ' ');
	put_columns(out, label, elapsed_ms < 100 ? 100 : elapsed_ms);
	put_rest(out, look, TONE_DIM, rest);
}

void progress_live(const struct progress *p, int64_t now_wall_ms, unsigned frame, struct buf *out)
{
	if (p->step[0] == '\0') return;
	struct str last = STR("");
	if (p->tail_count > 0 && strcmp(p->tail_step, p->step) == 0)
		last = str_trim(str_from(p->tail[(p->tail_count - 1) % PROGRESS_TAIL_LINES]));
	put_live(out, &p->look, step_label(p->step), now_wall_ms - p->began_ms, frame, last);
}

void progress_tail(const struct progress *p, struct buf *out)
{
	unsigned from = p->tail_count > PROGRESS_TAIL_LINES ? p->tail_count - PROGRESS_TAIL_LINES : 0;
	for (unsigned i = from; i < p->tail_count; i++) buf_printf(out, "    %s\n", p->tail[i % PROGRESS_TAIL_LINES]);
}

void progress_upload(const struct look *look, uint64_t sent_bytes, uint64_t total_bytes, int64_t elapsed_ms,
		     unsigned frame, struct buf *out)
{
	char sent[TEXT_SHORT_SIZE], total[TEXT_SHORT_SIZE], rate[TEXT_SHORT_SIZE], text[4 * TEXT_SHORT_SIZE];
	text_size(sent, sent_bytes);
	text_size(total, total_bytes);
	text_size(rate, elapsed_ms > 0 ? sent_bytes * 1000 / (uint64_t)elapsed_ms : 0);
	if (total_bytes > 0)
		(void)snprintf(text, sizeof text, "%s of %s, %s/s", sent, total, rate);
	else
		(void)snprintf(text, sizeof text, "%s, %s/s", sent, rate);
	put_live(out, look, "send", elapsed_ms, frame, str_from(text));
}

void progress_sent(const struct look *look, uint64_t sent_bytes, uint64_t file_count, int64_t elapsed_ms,
		   const char *left_out, struct buf *out)
{
	char sent[TEXT_SHORT_SIZE], files[64] = "", text[512];
	text_size(sent, sent_bytes);
	if (file_count > 0)
		(void)snprintf(files, sizeof files, ", %llu file%s", (unsigned long long)file_count,
			       file_count == 1 ? "" : "s");
	(void)snprintf(text, sizeof text, "%s%s%s%s", sent, files, left_out[0] != '\0' ? "; left out: " : "", left_out);
	if (look->is_terminal)
		put_step_on_terminal(out, look, "send", "done", elapsed_ms, str_from(text));
	else
		put_step_plain(out, "send", "done", elapsed_ms, str_from(text));
}
