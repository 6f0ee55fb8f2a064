/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"

static const char *const words[] = {"booting", "serving", "draining", "frozen", "ended"};

static json_t *text_or_null(const char *text)
{
	return text != NULL && *text != '\0' && str_is_utf8(str_from(text)) ? json_string(text) : json_null();
}

static void add_end(json_t *o, const struct state *s)
{
	json_object_set_new(o, "why", text_or_null(end_why_word(s->why)));
	json_object_set_new(o, "exit_status", s->exit_status >= 0 ? json_integer(s->exit_status) : json_null());
	json_object_set_new(o, "signal", s->signal > 0 ? json_integer(s->signal) : json_null());
}

static json_t *to_json(const struct state *s)
{
	char at[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), at);
	json_t *ports = json_array();
	for (int i = 0; i < MESSAGE_PORTS_MAX && s->ports[i] != 0; i++)
		json_array_append_new(ports, json_integer(s->ports[i]));
	json_t *o = json_pack("{s:s, s:i, s:s, s:i, s:o, s:I, s:I, s:I, s:s, s:s, s:b}", "state", words[s->word], "pid",
			      (int)getpid(), "at", at, "told_port", s->told_port, "listens", ports, "connections",
			      (json_int_t)s->connections, "processes", (json_int_t)s->processes, "memory_bytes",
			      (json_int_t)s->memory_bytes, "limits_by", s->limits_by, "network",
			      s->has_network ? "slirp" : "none", "has_listened", s->has_listened);
	if (o == NULL) abort();
	json_object_set_new(o, "port", s->port > 0 ? json_integer(s->port) : json_null());
	json_object_set_new(o, "memory_limit_bytes",
			    s->memory_limit_bytes > 0 ? json_integer((json_int_t)s->memory_limit_bytes) : json_null());
	json_object_set_new(o, "network_why", text_or_null(s->network_why));
	json_object_set_new(o, "text", text_or_null(s->text));
	if (s->word == STATE_ENDED) add_end(o, s);
	return o;
}

bool state_write(const struct state *s, const char *path, struct err *err)
{
	char beside[FILE_PATH_SIZE];
	json_t *o JSON_CLEANUP = to_json(s);
	if (!file_path(beside, err, "%s.new", path)) return false;
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) return err_set_errno(err, "write %s", beside);
	char *text = json_text(o);
	size_t len = strlen(text);
	bool ok = write(fd, text, len) == (ssize_t)len;
	if (!ok) (void)err_set_errno(err, "write %s", beside);
	free(text);
	(void)close(fd);
	return ok && (rename(beside, path) == 0 || err_set_errno(err, "write %s", path));
}
