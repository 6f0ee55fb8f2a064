/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/json.h"
#include "os/file.h"

#define CHUNK_BYTES 16384u
#define BACKWARDS_MAX_BYTES (4u << 20) /* how far back the last lines are looked for */

struct tail;

struct source {
	struct tail *tail;
	int fd;
	char *name, *needle;
	struct buf line; /* what was read and is no whole line yet */
	struct buf ready; /* whole lines, as they go out, that the stream had no room for */
	uv_fs_event_t watch;
	bool is_watching;
};

struct tail {
	struct http_request *req;
	struct source sources[TAIL_SOURCES_MAX];
	int count;
	int open_handles;
	char *end_mark;
	bool is_following;
	bool is_over;
};

static char *copy(const char *text)
{
	char *c = text != NULL ? strdup(text) : NULL;
	if (text != NULL && c == NULL) abort();
	return c;
}

static void tail_free(struct tail *t)
{
	for (int i = 0; i < t->count; i++) {
		struct source *s = &t->sources[i];
		if (s->fd >= 0) (void)close(s->fd);
		free(s->name);
		free(s->needle);
		buf_done(&s->line);
		buf_done(&s->ready);
	}
	free(t->end_mark);
	free(t);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct source *s = handle->data;
	if (--s->tail->open_handles == 0) tail_free(s->tail);
}

/* The one completion. */
static void tail_end(struct tail *t)
{
	if (t->is_over) return;
	t->is_over = true;
	http_stream_end(t->req, true);
	if (t->open_handles == 0) {
		tail_free(t);
		return;
	}
	for (int i = 0; i < t->count; i++)
		if (t->sources[i].is_watching) uv_close((uv_handle_t *)&t->sources[i].watch, on_watch_closed);
}

/* One line as it goes out. What is no UTF-8 is shown with question marks. */
static void put_line(struct source *s, struct str line)
{
	if (s->needle != NULL && str_find(line, str_from(s->needle)) < 0) return;
	if (s->name == NULL) {
		buf_str(&s->ready, line);
	} else {
		char *clean = strndup(line.ptr, line.len);
		if (clean == NULL) abort();
		if (!str_is_utf8(line))
			for (size_t i = 0; i < line.len; i++)
				if ((unsigned char)clean[i] >= 0x80) clean[i] = '?';
		json_t *o JSON_CLEANUP = json_pack("{s:s, s:s}", "source", s->name, "text", clean);
		char *text = json_text(o);
		buf_puts(&s->ready, text);
		free(text);
		free(clean);
	}
	buf_putc(&s->ready, '\n');
}

static bool has_ended(const struct tail *t, struct str line)
{
	return t->end_mark != NULL && str_find(line, str_from(t->end_mark)) >= 0;
}

/* Sends what is ready; false: no room now, on_room comes. */
static bool flush(struct source *s)
{
	if (s->ready.len == 0) return true;
	if (!http_stream_write(s->tail->req, buf_view(&s->ready))) return false;
	buf_clear(&s->ready);
	return true;
}

/* Reads on from where it is. False: no room now. */
static bool pump_source(struct source *s, bool *ret_ended)
{
	char chunk[CHUNK_BYTES];
	struct stat st;
	if (s->fd < 0 || !flush(s)) return s->fd < 0;
	/* A log that was cut to its newer half is read from its new beginning. */
	if (fstat(s->fd, &st) == 0 && lseek(s->fd, 0, SEEK_CUR) > st.st_size) (void)lseek(s->fd, 0, SEEK_SET);
	for (ssize_t got; (got = read(s->fd, chunk, sizeof chunk)) > 0;) {
		if (s->line.len + (size_t)got > s->line.max) buf_clear(&s->line);
		buf_append(&s->line, chunk, (size_t)got);
		for (ptrdiff_t end; (end = str_find_char(buf_view(&s->line), '\n')) >= 0;
		     buf_consume(&s->line, (size_t)end + 1)) {
			struct str line = str_sub(buf_view(&s->line), 0, (size_t)end);
			put_line(s, line);
			if (has_ended(s->tail, line)) *ret_ended = true;
		}
		if (!flush(s)) return false;
	}
	return true;
}

static void pump(struct tail *t)
{
	bool has_room = true, is_ended = false;
	if (t->is_over) return;
	for (int i = 0; i < t->count && has_room; i++) has_room = pump_source(&t->sources[i], &is_ended);
	/* Nothing is watched: nothing will come. */
	if (t->open_handles == 0) is_ended = true;
	if (http_is_gone(t->req) || (has_room && (is_ended || !t->is_following))) tail_end(t);
}

static void on_room(void *arg)
{
	pump(arg);
}

static void on_gone(void *arg)
{
	tail_end(arg);
}

static void on_changed(uv_fs_event_t *watch, const char *filename, int events, int status)
{
	(void)filename, (void)events, (void)status;
	pump(((struct source *)watch->data)->tail);
}

/* Puts the file's position where its last `lines` lines begin. */
static void seek_to_last(int fd, int64_t lines)
{
	char chunk[CHUNK_BYTES];
	off_t end = lseek(fd, 0, SEEK_END), at = end;
	int64_t seen = -1; /* the line break that ends the file begins no line */
	while (at > 0 && end - at < (off_t)BACKWARDS_MAX_BYTES && seen < lines) {
		off_t from = at > (off_t)CHUNK_BYTES ? at - (off_t)CHUNK_BYTES : 0;
		ssize_t got = pread(fd, chunk, (size_t)(at - from), from);
		if (got <= 0) break;
		for (ssize_t i = got - 1; i >= 0 && seen < lines; i--)
			if (chunk[i] == '\n' && ++seen == lines) {
				(void)lseek(fd, from + i + 1, SEEK_SET);
				return;
			}
		at = from;
	}
	(void)lseek(fd, at > 0 ? at : 0, SEEK_SET);
}

static void source_open(struct tail *t, struct source *s, uv_loop_t *loop, const struct tail_source *what,
			int64_t lines)
{
	*s = (struct source){.tail = t, .name = copy(what->name), .needle = copy(what->needle)};
	buf_init(&s->line, TAIL_LINE_MAX_BYTES);
	buf_init(&s->ready, (size_t)8 * TAIL_LINE_MAX_BYTES);
	s->fd = open(what->path, O_RDONLY | O_CLOEXEC);
	if (s->fd >= 0 && lines >= 0) seek_to_last(s->fd, lines);
	if (s->fd < 0 || !t->is_following) return;
	s->watch.data = s;
	if (uv_fs_event_init(loop, &s->watch) != 0) return;
	s->is_watching = true;
	t->open_handles++;
	(void)uv_fs_event_start(&s->watch, on_changed, what->path, 0);
}

void tail_reply(uv_loop_t *loop, struct http_request *req, const struct tail_source *sources, int count, int64_t lines,
		bool is_following, const char *end_mark)
{
	static const struct http_reply_field fields[] = {{"Content-Type", "application/x-ndjson"},
							 {"Cache-Control", "no-store"}};
	struct tail *t = calloc(1, sizeof *t);
	if (t == NULL) abort();
	t->req = req;
	t->is_following = is_following;
	t->end_mark = copy(end_mark);
	t->count = count < TAIL_SOURCES_MAX ? count : TAIL_SOURCES_MAX;
	for (int i = 0; i < t->count; i++) source_open(t, &t->sources[i], loop, &sources[i], lines);
	http_on_gone(req, on_gone, t);
	http_reply_begin(req, 200, fields, 2,
			 &(struct http_stream_spec){
			     .queue_max_bytes = (size_t)16 * TAIL_LINE_MAX_BYTES, .on_room = on_room, .arg = t});
	pump(t);
}
