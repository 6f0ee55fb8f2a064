/* SPDX-License-Identifier: Apache-2.0
 *
 * curl says which sockets to watch (on_socket) and when to wake it (on_timer); what they wake goes to
 * curl_multi_socket_action, and what ended is read from its messages. */
#include "http/multi.h"

#include <assert.h>
#include <stdlib.h>

struct watch {
	uv_poll_t poll;
	struct http_multi *multi;
	curl_socket_t socket;
};

struct http_multi {
	uv_loop_t *loop;
	CURLM *curl;
	uv_timer_t timer;
	size_t running;
	bool is_stopping;
};

/* done may add and remove others; each message is taken before. */
static void read_messages(struct http_multi *multi)
{
	CURLMsg *message;
	int left;
	while (!multi->is_stopping && (message = curl_multi_info_read(multi->curl, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE) continue;
		struct http_transfer *t = NULL;
		CURLcode code = message->data.result;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		http_multi_remove(multi, t);
		t->done(t->arg, code);
	}
}

static void act(struct http_multi *multi, curl_socket_t socket, int what)
{
	int running;
	(void)curl_multi_socket_action(multi->curl, socket, what, &running);
	read_messages(multi);
}

static void on_wake(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int what = 0;
	if (status < 0) what |= CURL_CSELECT_ERR;
	if (events & UV_READABLE) what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE) what |= CURL_CSELECT_OUT;
	act(w->multi, w->socket, what);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *watch_new(struct http_multi *multi, curl_socket_t socket)
{
	struct watch *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	w->multi = multi;
	w->socket = socket;
	w->poll.data = w;
	if (uv_poll_init_socket(multi->loop, &w->poll, socket) != 0) {
		free(w);
		return NULL;
	}
	(void)curl_multi_assign(multi->curl, socket, w);
	return w;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *watch)
{
	struct http_multi *multi = arg;
	struct watch *w = watch;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w == NULL) return 0;
		(void)uv_poll_stop(&w->poll);
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		(void)curl_multi_assign(multi->curl, socket, NULL);
		return 0;
	}
	if (w == NULL && (w = watch_new(multi, socket)) == NULL) return -1;
	int events = ((what & CURL_POLL_IN) ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) ? UV_WRITABLE : 0);
	(void)uv_poll_start(&w->poll, events, on_ready);
	return 0;
}

/* Never from inside: curl may not be called back from its own callback. */
static int on_timer(CURLM *curl, long after_ms, void *arg)
{
	struct http_multi *multi = arg;
	(void)curl;
	if (after_ms < 0)
		(void)uv_timer_stop(&multi->timer);
	else
		(void)uv_timer_start(&multi->timer, on_wake, (uint64_t)after_ms, 0);
	return 0;
}

struct http_multi *http_multi_new(uv_loop_t *loop)
{
	struct http_multi *multi = calloc(1, sizeof *multi);
	if (multi == NULL) abort();
	multi->loop = loop;
	multi->curl = curl_multi_init();
	if (multi->curl == NULL) abort();
	(void)uv_timer_init(loop, &multi->timer);
	multi->timer.data = multi;
	(void)curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)HTTP_MULTI_CONNECTIONS_MAX);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)HTTP_MULTI_CONNECTIONS_MAX);
	return multi;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void http_multi_stop(struct http_multi *multi)
{
	if (multi == NULL) return;
	assert(multi->running == 0);
	multi->is_stopping = true;
	(void)curl_multi_cleanup(multi->curl);
	(void)uv_timer_stop(&multi->timer);
	uv_close((uv_handle_t *)&multi->timer, on_closed);
}

void http_multi_add(struct http_multi *multi, struct http_transfer *transfer)
{
	(void)curl_easy_setopt(transfer->curl, CURLOPT_PRIVATE, transfer);
	(void)curl_easy_setopt(transfer->curl, CURLOPT_NOSIGNAL, 1L);
	multi->running++;
	if (curl_multi_add_handle(multi->curl, transfer->curl) != CURLM_OK) abort();
}

void http_multi_remove(struct http_multi *multi, struct http_transfer *transfer)
{
	(void)curl_multi_remove_handle(multi->curl, transfer->curl);
	multi->running--;
}
