/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/url.h"
#include "http/client.h"
#include "os/file.h"

#define INSTALLED_SOCKET "/run/freehold/control.sock"
#define HINT_SIZE 800
#define ASK_DEADLINE_MS (10 * 60 * 1000) /* a dump before the end of an app, a restart: long, and not for ever */

static bool set_socket(struct daemon *d, struct err *err, const char *folder, const char *name)
{
	struct daemon found;
	int len = snprintf(found.socket_path, sizeof found.socket_path, "%s%s", folder, name);
	if (len < 0 || (size_t)len >= sizeof found.socket_path)
		return err_set(err, ERR_LIMIT, "%s%s: the path of a socket has at most %zu bytes", folder, name,
			       sizeof found.socket_path - 1);
	*d = found;
	return true;
}

bool daemon_find(const char *option, struct daemon *ret_daemon, struct err *err)
{
	const char *home = getenv("FREEHOLD_HOME"), *user_home = getenv("HOME");
	if (option != NULL) return set_socket(ret_daemon, err, option, "");
	if (home != NULL && home[0] != '\0') return set_socket(ret_daemon, err, home, "/run/control.sock");
	if (file_exists(INSTALLED_SOCKET)) return set_socket(ret_daemon, err, INSTALLED_SOCKET, "");
	if (user_home == NULL || user_home[0] == '\0')
		return err_set(err, ERR_INVALID,
			       "neither FREEHOLD_HOME nor HOME is set, so there is no place to look for Freehold; say "
			       "where it is with --socket PATH");
	if (!set_socket(ret_daemon, err, user_home, "/.freehold/run/control.sock")) return false;
	/* Where root would start it, so that a message names the right place. */
	if (geteuid() == 0 && !file_exists(ret_daemon->socket_path))
		return set_socket(ret_daemon, err, INSTALLED_SOCKET, "");
	return true;
}

/* ", or by hand: ..." with the program beside this one and the home whose socket was asked; nothing where one of them
 * is not known, or Freehold never ran there. */
static void put_start_by_hand(const struct daemon *d, char ret_text[HINT_SIZE])
{
	char self[FILE_PATH_SIZE] = "", home[FILE_PATH_SIZE] = "/var/lib/freehold", variable[FILE_PATH_SIZE + 16] = "",
	     logs[FILE_PATH_SIZE];
	static const char below_home[] = "/run/control.sock";
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	size_t path_len = strlen(d->socket_path), end_len = strlen(below_home);
	char *slash = len > 0 ? strrchr(self, '/') : NULL;
	if (slash == NULL || (size_t)(slash - self) + sizeof "/freeholdd" > sizeof self) return;
	(void)strcpy(slash, "/freeholdd");
	bool is_usual = strcmp(d->socket_path, INSTALLED_SOCKET) == 0;
	if (!file_exists(self) || path_len <= end_len) return;
	if (!is_usual && strcmp(d->socket_path + path_len - end_len, below_home) != 0) return;
	if (!is_usual) (void)snprintf(home, sizeof home, "%.*s", (int)(path_len - end_len), d->socket_path);
	if (!is_usual && getenv("FREEHOLD_HOME") != NULL)
		(void)snprintf(variable, sizeof variable, "FREEHOLD_HOME=%s ", home);
	(void)snprintf(logs, sizeof logs, "%.*s/logs", (int)sizeof logs - 8, home);
	if (!file_is_dir(logs)) return;
	(void)snprintf(ret_text, HINT_SIZE,
		       ", or by hand: %.200ssetsid %.200s </dev/null >>%.200s/freeholdd.log 2>&1 &", variable, self,
		       logs);
}

/* Nobody answers: who is not allowed to ask should not be told to start what runs. */
static bool not_running(const struct daemon *d, struct err *err)
{
	if (access(d->socket_path, W_OK) != 0 && errno == EACCES)
		return err_set(err, ERR_DENIED,
			       "%s belongs to another user: only root and the user who started Freehold may use it; "
			       "try again with sudo",
			       d->socket_path);
	char by_hand[HINT_SIZE] = "";
	put_start_by_hand(d, by_hand);
	return err_set(err, ERR_UNAVAILABLE,
		       "Freehold is not running (nobody answers at %s). Start it with ./up in the folder that it was "
		       "built in%s",
		       d->socket_path, by_hand);
}

/* {"error": {"code", "message"}} as the daemon says it. */
static bool daemon_says(long status, const struct buf *body, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct err ignored;
	const json_t *error = NULL;
	if (json_parse(buf_view(body), &answer, &ignored)) error = json_object_get(answer, "error");
	if (!json_is_object(error)) error = answer;
	const char *message = json_is_object(error) ? json_str(error, "message", NULL) : NULL;
	if (message == NULL)
		return err_set(err, ERR_FAILED, "the daemon refused (status %ld) and did not say why", status);
	return err_set(err, err_code_from_word(json_str(error, "code", "")), "%s", message);
}

/* Fills in what all calls share, makes the call, turns refusals into errors. */
static bool call(const struct daemon *d, struct http_call *c, const char *path, struct buf *body,
		 struct http_answer *ret_answer, struct err *err)
{
	char url[DAEMON_PATH_SIZE + 32];
	(void)snprintf(url, sizeof url, "http://freehold%s", path);
	c->socket_path = d->socket_path;
	c->url = url;
	if (access(d->socket_path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) return not_running(d, err);
	if (!http_call(c, body, ret_answer, err)) {
		if (err->code != ERR_UNAVAILABLE) return false;
		return strstr(err->msg, "nobody answers") != NULL ? not_running(d, err)
								  : err_wrap(err, "the connection to Freehold broke");
	}
	return ret_answer->status < 400 ? true : daemon_says(ret_answer->status, body, err);
}

bool daemon_ask(const struct daemon *d, const char *method, const char *path, const json_t *body, json_t **ret_answer,
		struct err *err)
{
	struct buf bytes BUF_CLEANUP;
	struct http_answer answer;
	buf_init(&bytes, DAEMON_ANSWER_MAX);
	char *text = body != NULL ? json_text(body) : NULL;
	struct http_call c = {.method = method, .body = str_from(text), .deadline_ms = ASK_DEADLINE_MS};
	bool ok = call(d, &c, path, &bytes, &answer, err);
	free(text);
	if (!ok) return false;
	return json_parse(buf_view(&bytes), ret_answer, err) || err_wrap(err, "what the daemon answered is not JSON");
}

bool daemon_follow(const struct daemon *d, const char *path, const struct daemon_watcher *watcher, struct err *err)
{
	struct buf bytes BUF_CLEANUP;
	struct http_answer answer;
	buf_init(&bytes, DAEMON_ANSWER_MAX);
	struct http_call c = {.on_line = watcher->on_line, .on_tick = watcher->on_tick, .arg = watcher->arg};
	return call(d, &c, path, &bytes, &answer, err);
}

struct sending {
	struct source *source;
	const struct daemon_sender *sender;
	uint64_t sent_bytes;
	bool is_stopped;
	bool is_broken;
	struct err why;
};

static ptrdiff_t on_read(void *arg, char *to, size_t size)
{
	struct sending *s = arg;
	ssize_t len = source_read(s->source, to, size, &s->why);
	if (len < 0)
		s->is_broken = true;
	else
		s->sent_bytes += (uint64_t)len;
	return len;
}

static bool on_send_tick(void *arg)
{
	struct sending *s = arg;
	s->is_stopped = !s->sender->on_tick(s->sender->arg, s->sent_bytes);
	return !s->is_stopped;
}

bool daemon_send(const struct daemon *d, const char *path, struct source *source, const struct daemon_sender *sender,
		 json_t **ret_answer, struct err *err)
{
	struct buf bytes BUF_CLEANUP;
	struct http_answer answer;
	struct sending s = {.source = source, .sender = sender};
	buf_init(&bytes, DAEMON_ANSWER_MAX);
	struct http_call c = {.method = "POST",
			      .content_type = "application/octet-stream",
			      .on_read = on_read,
			      .upload_bytes = (int64_t)source_total_bytes(source),
			      .on_tick = on_send_tick,
			      .arg = &s};
	bool ok = call(d, &c, path, &bytes, &answer, err);
	if (s.is_broken) *err = s.why;
	if (!ok || s.is_broken) return false;
	*ret_answer = NULL;
	if (s.is_stopped) return true;
	return json_parse(buf_view(&bytes), ret_answer, err) || err_wrap(err, "what the daemon answered is not JSON");
}

void daemon_escape(struct buf *path, const char *value)
{
	url_encode(str_from(value), path);
}
