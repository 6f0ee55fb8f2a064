/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a unit ready, and what does it say of itself? */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/port.h"
#include "run/private.h"
#include "run/told.h"

#define AWAIT_TRY_MS 5

static bool accepts(const struct unit_spec *spec)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in net = {
	    .sin_family = AF_INET, .sin_port = htons(spec->ready_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool is_local = spec->ready_socket != NULL;
	if (is_local) (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", spec->ready_socket);
	int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return false;
	int failed = is_local ? connect(fd, (struct sockaddr *)&local, sizeof local)
			      : connect(fd, (struct sockaddr *)&net, sizeof net);
	(void)close(fd);
	return failed == 0;
}

bool supervisor_is_ready(const struct unit *u)
{
	/* On a port that it did not get somebody else answers. */
	bool is_own = u->spec.ready_port == 0 || port_is_held_by(u->spec.ready_port, u->id.pid);
	if (u->spec.state_path == NULL) return is_own && accepts(&u->spec);
	json_t *told JSON_CLEANUP = told_read(u->spec.state_path, u->id.pid);
	return told_is(told, "serving") || told_is(told, "frozen");
}

/* The kernel tells nobody when a file is replaced but through inotify(7), which is one more thing that can be full; a
 * look is 10 µs. */

struct watcher {
	struct supervisor *s;
	char unit[UNIT_NAME_SIZE], word[16];
	int64_t until_ms;
	supervisor_done done;
	void *arg;
	uv_timer_t timer;
};

static void on_watcher_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static bool watch_told(struct watcher *w, bool *ret_is_over, struct err *err)
{
	const struct unit *u = supervisor_find(w->s, w->unit);
	*ret_is_over = true;
	if (u == NULL || u->poll == NULL || u->spec.state_path == NULL)
		return err_set(err, ERR_UNAVAILABLE, "%s does not run%s%s", w->unit,
			       u != NULL && u->reason[0] != '\0' ? ": " : "", u != NULL ? u->reason : "");
	json_t *told JSON_CLEANUP = told_read(u->spec.state_path, u->id.pid);
	if (told_is(told, w->word)) return true;
	if (clock_now_ms() >= w->until_ms)
		return err_set(err, ERR_TIMEOUT, "%s is not \"%s\" in time", w->unit, w->word);
	*ret_is_over = false;
	return true;
}

static void on_watcher_timer(uv_timer_t *timer)
{
	struct watcher *w = timer->data;
	struct err err;
	bool is_over, ok = watch_told(w, &is_over, &err);
	if (!is_over) return;
	(void)uv_timer_stop(timer);
	w->done(w->arg, ok ? NULL : &err);
	uv_close((uv_handle_t *)timer, on_watcher_closed);
}

void supervisor_await(struct supervisor *s, const char *name, const char *word, int64_t deadline_ms,
		      supervisor_done done, void *arg)
{
	struct watcher *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	*w = (struct watcher){.s = s, .until_ms = clock_now_ms() + deadline_ms, .done = done, .arg = arg};
	(void)snprintf(w->unit, sizeof w->unit, "%s", name);
	(void)snprintf(w->word, sizeof w->word, "%s", word);
	(void)uv_timer_init(s->loop, &w->timer);
	w->timer.data = w;
	(void)uv_timer_start(&w->timer, on_watcher_timer, 0, AWAIT_TRY_MS);
}
