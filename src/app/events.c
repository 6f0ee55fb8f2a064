/* SPDX-License-Identifier: Apache-2.0 */
#include "app/events.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"

#define PROGRESS_EACH_MS 500

bool events_open(struct events *e, const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return err_set_errno(err, "%s", path);
	off_t size = lseek(fd, 0, SEEK_END);
	*e = (struct events){.fd = fd, .bytes = size > 0 ? (uint64_t)size : 0, .step = ""};
	return true;
}

void events_close(struct events *e)
{
	if (e->fd >= 0) (void)close(e->fd);
	e->fd = -1;
}

/* Takes the reference. A full disk costs the event, never the deployment. */
static void put(struct events *e, json_t *event)
{
	char when[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), when);
	json_object_set_new(event, "time", json_string(when));
	char *text = json_text(event);
	size_t len = strlen(text);
	text[len] = '\n'; /* in place of the NUL: one write, one line */
	ssize_t put = write(e->fd, text, len + 1);
	if (put == (ssize_t)len + 1)
		e->bytes += (uint64_t)put;
	else if (put > 0) /* half a line would spoil the next one too */
		(void)!ftruncate(e->fd, lseek(e->fd, 0, SEEK_END) - put);
	free(text);
	json_decref(event);
}

void events_step(struct events *e, const char *step, const char *state, int64_t duration_ms, const char *detail)
{
	if (strcmp(state, "running") == 0) e->step_began_ms = clock_now_ms();
	e->step = step;
	json_t *event = json_pack("{s:s, s:s, s:s}", "event", "step", "step", step, "state", state);
	if (duration_ms >= 0) json_object_set_new(event, "duration_ms", json_integer(duration_ms));
	if (detail != NULL && detail[0] != '\0') json_object_set_new(event, "detail", json_string(detail));
	put(e, event);
}

/* What is no UTF-8 becomes question marks; JSON has no place for it. */
static json_t *readable(struct str text)
{
	text = str_sub(text, 0, EVENTS_LINE_MAX_BYTES);
	json_t *s = json_stringn(text.ptr, text.len);
	if (s != NULL) return s;
	char copy[EVENTS_LINE_MAX_BYTES];
	for (size_t i = 0; i < text.len; i++) copy[i] = (unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?';
	return json_stringn(copy, text.len);
}

void events_line(struct events *e, int stream, struct str text)
{
	if (e->bytes > EVENTS_MAX_BYTES) {
		e->dropped_lines++;
		return;
	}
	put(e, json_pack("{s:s, s:s, s:i, s:o}", "event", "line", "step", e->step, "stream", stream, "text",
			 readable(text)));
}

void events_note(struct events *e, const char *text)
{
	put(e, json_pack("{s:s, s:s, s:o}", "event", "note", "step", e->step, "text", readable(str_from(text))));
}

void events_end(struct events *e, json_t *deployment)
{
	if (e->dropped_lines > 0) {
		char text[128];
		(void)snprintf(text, sizeof text, "%llu more lines of output were not kept",
			       (unsigned long long)e->dropped_lines);
		events_note(e, text);
	}
	put(e, json_pack("{s:s, s:O}", "event", "end", "deployment", deployment));
}

void events_job_end(struct events *e, json_t *job)
{
	put(e, json_pack("{s:s, s:O}", "event", "end", "job", job));
}

void events_progress(struct events *e, double done, uint64_t bytes)
{
	int64_t now_ms = clock_now_ms(), took_ms = now_ms - e->step_began_ms;
	if (now_ms - e->progress_ms < PROGRESS_EACH_MS || done <= 0 || e->bytes > EVENTS_MAX_BYTES) return;
	e->progress_ms = now_ms;
	json_t *event = json_pack("{s:s, s:s, s:f, s:I}", "event", "progress", "step", e->step, "done", done, "left_ms",
				  (json_int_t)((double)took_ms / done * (1 - done)));
	if (bytes > 0 && took_ms > 0)
		json_object_set_new(event, "bytes_per_s",
				    json_integer((json_int_t)((double)bytes * done * 1000 / (double)took_ms)));
	put(e, event);
}
