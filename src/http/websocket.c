/* SPDX-License-Identifier: Apache-2.0 */
#include "http/websocket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wslay/wslay.h>

#include "base/clock.h"
#include "http/frame.h"
#include "http/private.h"
#include "http/upgrade.h"

#define SWEEP_MS 1000
#define READ_AT_ONCE_BYTES (256u << 10) /* of one client, before the others have their turn */
#define WRITE_FRAMES 64
#define REASON_SIZE 124

enum socket_state { SOCKET_OPEN, SOCKET_CLOSING, SOCKET_DOOMED };

struct http_socket {
	struct http_sockets *sockets;
	struct http_socket *next, *prev;
	struct http_socket *next_dirty, *next_doomed;
	enum socket_state state;
	bool is_dirty; /* something was queued in this round */
	bool is_blocked; /* the kernel takes no more; we are told when it does */
	void *arg;
	int fd;
	uv_poll_t poll;
	wslay_event_context_ptr wslay;

	struct str early; /* what had come with the request; not read yet */
	char *early_bytes;
	size_t read_bytes; /* in this round */

	struct frame_queue queue;
	struct http_frame *control; /* wslay's own: pongs and the close */
	int64_t heard_ms, moved_ms, closing_ms;

	bool is_ours; /* we began to close */
	bool is_answered; /* the client closes too, with a code that wslay does not know (1012) */
	unsigned code;
	char reason[REASON_SIZE];
};

struct http_sockets {
	struct http_sockets_spec spec;
	uv_loop_t *loop;
	uv_timer_t sweep, reap;
	uv_prepare_t flush;
	int open_handles;
	size_t count;
	struct http_socket *first, *dirty, *doomed;
	bool is_stopped;
};

/* The end of a socket: noted where it happens, carried out by the loop. */
static void on_reap(uv_timer_t *timer);

static void doom(struct http_socket *s, unsigned code, const char *reason)
{
	if (s->state == SOCKET_DOOMED) return;
	s->state = SOCKET_DOOMED;
	if (s->code == 0) {
		s->code = code;
		(void)snprintf(s->reason, sizeof s->reason, "%s", reason);
	}
	s->next_doomed = s->sockets->doomed;
	s->sockets->doomed = s;
	(void)uv_timer_start(&s->sockets->reap, on_reap, 0, 0);
}

static void mark_dirty(struct http_socket *s)
{
	if (s->is_dirty) return;
	s->is_dirty = true;
	s->next_dirty = s->sockets->dirty;
	s->sockets->dirty = s;
}

/* Takes over a reference. */
static bool queue_add(struct http_socket *s, struct http_frame *frame)
{
	if (s->queue.bytes + frame->len > s->sockets->spec.queue_max_bytes && s->queue.count > 0) {
		http_frame_put(frame);
		doom(s, HTTP_CLOSE_ABNORMAL, "it does not read what is sent to it: too much waits");
		return false;
	}
	if (s->queue.count == 0) s->moved_ms = clock_now_ms();
	frame_queue_add(&s->queue, frame);
	mark_dirty(s);
	return true;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct http_socket *s)
{
	(void)uv_poll_start(&s->poll, UV_READABLE | (s->is_blocked ? UV_WRITABLE : 0), on_poll);
}

static ssize_t write_some(struct http_socket *s)
{
	struct iovec parts[WRITE_FRAMES];
	int count = 0;
	for (size_t i = 0; i < s->queue.count && count < WRITE_FRAMES; i++) {
		struct http_frame *frame = frame_queue_at(&s->queue, i);
		size_t from = i == 0 ? s->queue.sent_bytes : 0;
		parts[count++] = (struct iovec){frame->bytes + from, frame->len - from};
	}
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
	return sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The close handshake is over once both closes have passed and nothing waits. */
static void check_closed(struct http_socket *s)
{
	if (s->queue.count > 0 || !wslay_event_get_close_sent(s->wslay)) return;
	if (wslay_event_get_close_received(s->wslay) || s->is_answered) doom(s, HTTP_CLOSE_NORMAL, "closed");
}

static void flush(struct http_socket *s)
{
	while (s->queue.count > 0 && s->state != SOCKET_DOOMED) {
		ssize_t n = write_some(s);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!s->is_blocked) s->is_blocked = true, watch(s);
			return;
		}
		if (n < 0) {
			doom(s, HTTP_CLOSE_ABNORMAL, strerror(errno));
			return;
		}
		s->moved_ms = clock_now_ms();
		frame_queue_take(&s->queue, (size_t)n);
	}
	if (s->is_blocked && s->state != SOCKET_DOOMED) s->is_blocked = false, watch(s);
	if (s->state != SOCKET_DOOMED) check_closed(s);
}

/* wslay's callbacks */
static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *to, size_t size, int flags, void *arg)
{
	(void)flags;
	struct http_socket *s = arg;
	if (s->early.len > 0) {
		size_t n = s->early.len < size ? s->early.len : size;
		memcpy(to, s->early.ptr, n);
		s->early = str_sub(s->early, n, s->early.len);
		return (ssize_t)n;
	}
	ssize_t n = -1;
	errno = EAGAIN;
	if (s->read_bytes < READ_AT_ONCE_BYTES) n = recv(s->fd, to, size, MSG_DONTWAIT);
	if (n > 0) {
		s->read_bytes += (size_t)n;
		return n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	doom(s, HTTP_CLOSE_ABNORMAL, n == 0 ? "the client went away" : strerror(errno));
	wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags, void *arg)
{
	(void)wslay, (void)flags;
	struct http_socket *s = arg;
	s->control = frame_append(s->control, data, len);
	return (ssize_t)len;
}

/* What wslay itself wants to say goes behind what waits, in one piece. */
static void take_control(struct http_socket *s)
{
	while (wslay_event_want_write(s->wslay) && wslay_event_send(s->wslay) == 0) {
	}
	struct http_frame *frame = s->control;
	s->control = NULL;
	if (frame != NULL) (void)queue_add(s, frame);
}

static void on_wslay_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	(void)wslay;
	struct http_socket *s = arg;
	struct http_sockets *sockets = s->sockets;
	if (m->opcode == WSLAY_CONNECTION_CLOSE && s->code == 0) {
		s->code = m->status_code != 0 ? m->status_code : 1005;
		size_t len = m->msg_length > 2 ? m->msg_length - 2 : 0;
		(void)snprintf(s->reason, sizeof s->reason, "%.*s", (int)(len < REASON_SIZE ? len : REASON_SIZE - 1),
			       len > 0 ? (const char *)m->msg + 2 : "");
	}
	if ((m->opcode != WSLAY_TEXT_FRAME && m->opcode != WSLAY_BINARY_FRAME) || s->state != SOCKET_OPEN) return;
	sockets->spec.handler.on_message(s->arg, s, m->opcode == WSLAY_BINARY_FRAME,
					 (struct str){(const char *)m->msg, m->msg_length});
}

/* A close has been sent that wslay wants no answer to: only the end of the connection is waited for. */
static void step_discard(struct http_socket *s)
{
	char ignored[4096];
	ssize_t n = recv(s->fd, ignored, sizeof ignored, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) doom(s, HTTP_CLOSE_ABNORMAL, "closed");
}

/* wslay answered a broken frame, or one that is too large, with a close of its own; or a close with a close. */
static void note_close(struct http_socket *s)
{
	if (!wslay_event_get_close_sent(s->wslay) || s->state != SOCKET_OPEN) return;
	s->state = SOCKET_CLOSING;
	s->closing_ms = s->heard_ms;
	if (s->code != 0) return;
	s->code = wslay_event_get_status_code_sent(s->wslay);
	(void)snprintf(s->reason, sizeof s->reason, "what it sent is no sound frame, or too large");
}

static void step_read(struct http_socket *s)
{
	s->read_bytes = 0;
	s->heard_ms = clock_now_ms();
	if (!wslay_event_get_read_enabled(s->wslay)) {
		step_discard(s);
		return;
	}
	int result = wslay_event_recv(s->wslay);
	if (s->state == SOCKET_DOOMED) return;
	if (result != 0) {
		doom(s, HTTP_CLOSE_ABNORMAL, "the connection broke");
		return;
	}
	/* wslay takes an answer that repeats our 1012 for a wrong frame, and then reads no more. */
	s->is_answered = s->is_ours && !wslay_event_get_read_enabled(s->wslay);
	take_control(s);
	note_close(s);
	mark_dirty(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct http_socket *s = poll->data;
	if (s->state == SOCKET_DOOMED) return;
	if (status < 0) {
		doom(s, HTTP_CLOSE_ABNORMAL, uv_strerror(status));
		return;
	}
	if ((events & UV_READABLE) != 0) step_read(s);
	if ((events & UV_WRITABLE) != 0 && s->state != SOCKET_DOOMED) flush(s);
}

static void on_flush(uv_prepare_t *prepare)
{
	struct http_sockets *sockets = prepare->data;
	while (sockets->dirty != NULL) {
		struct http_socket *s = sockets->dirty;
		sockets->dirty = s->next_dirty;
		s->is_dirty = false;
		if (s->state != SOCKET_DOOMED) flush(s);
	}
}

bool http_socket_send(struct http_socket *s, struct http_frame *frame)
{
	return s->state == SOCKET_OPEN && queue_add(s, http_frame_get(frame));
}

void http_socket_close(struct http_socket *s, unsigned code, const char *reason)
{
	if (s->state != SOCKET_OPEN) return;
	s->state = SOCKET_CLOSING;
	s->is_ours = true;
	s->closing_ms = clock_now_ms();
	s->code = code;
	(void)snprintf(s->reason, sizeof s->reason, "%s", reason);
	(void)wslay_event_queue_close(s->wslay, (uint16_t)code, (const uint8_t *)s->reason, strlen(s->reason));
	take_control(s);
}

/* Deadlines, once a second for all. */
static void check_deadlines(struct http_socket *s, int64_t now_ms)
{
	const struct http_sockets_spec *spec = &s->sockets->spec;
	if (s->queue.count > 0 && now_ms - s->moved_ms > spec->stall_ms)
		doom(s, HTTP_CLOSE_ABNORMAL, "it does not read what is sent to it: nothing moves");
	else if (s->state == SOCKET_CLOSING && now_ms - s->closing_ms > spec->close_ms)
		doom(s, HTTP_CLOSE_ABNORMAL, "it did not answer the close");
	else if (s->state == SOCKET_OPEN && now_ms - s->heard_ms > spec->idle_ms)
		http_socket_close(s, HTTP_CLOSE_NORMAL, "nothing was heard for too long");
}

static void on_sweep(uv_timer_t *timer)
{
	struct http_sockets *sockets = timer->data;
	int64_t now_ms = clock_now_ms();
	for (struct http_socket *s = sockets->first; s != NULL; s = s->next)
		if (s->state != SOCKET_DOOMED) check_deadlines(s, now_ms);
}

static void drop_dirty(struct http_socket *s)
{
	struct http_socket **at = &s->sockets->dirty;
	if (!s->is_dirty) return;
	while (*at != s) at = &(*at)->next_dirty;
	*at = s->next_dirty;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct http_socket *s = handle->data;
	struct http_sockets *sockets = s->sockets;
	(void)close(s->fd);
	free(s->early_bytes);
	free(s);
	if (--sockets->open_handles == 0) free(sockets);
}

static void end_socket(struct http_socket *s)
{
	struct http_sockets *sockets = s->sockets;
	drop_dirty(s);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		sockets->first = s->next;
	if (s->next != NULL) s->next->prev = s->prev;
	sockets->count--;
	(void)uv_poll_stop(&s->poll);
	sockets->spec.handler.on_closed(s->arg, s, s->code, s->reason);
	frame_queue_done(&s->queue);
	http_frame_put(s->control);
	wslay_event_context_free(s->wslay);
	uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

static void reap(struct http_sockets *sockets)
{
	while (sockets->doomed != NULL) {
		struct http_socket *s = sockets->doomed;
		sockets->doomed = s->next_doomed;
		end_socket(s);
	}
}

static void on_reap(uv_timer_t *timer)
{
	reap(timer->data);
}

/* Called by http/upgrade.c with a descriptor that is ours and what had come behind the request. */
void http_socket_open(struct http_sockets *sockets, int fd, struct str early, void *arg)
{
	static const struct wslay_event_callbacks callbacks = {
	    .recv_callback = on_recv, .send_callback = on_send, .on_msg_recv_callback = on_wslay_message};
	struct http_socket *s = calloc(1, sizeof *s);
	if (s == NULL || uv_poll_init(sockets->loop, &s->poll, fd) != 0) abort();
	if (wslay_event_context_server_init(&s->wslay, &callbacks, s) != 0) abort();
	wslay_event_config_set_max_recv_msg_length(s->wslay, sockets->spec.message_max_bytes);
	s->sockets = sockets;
	s->arg = arg;
	s->fd = fd;
	s->poll.data = s;
	s->heard_ms = s->moved_ms = clock_now_ms();
	s->next = sockets->first;
	if (s->next != NULL) s->next->prev = s;
	sockets->first = s;
	sockets->count++;
	sockets->open_handles++;
	watch(s);
	sockets->spec.handler.on_open(arg, s);
	if (early.len == 0 || s->state == SOCKET_DOOMED) return;
	s->early_bytes = malloc(early.len);
	if (s->early_bytes == NULL) abort();
	memcpy(s->early_bytes, early.ptr, early.len);
	s->early = (struct str){s->early_bytes, early.len};
	step_read(s);
}

void http_socket_never(struct http_sockets *sockets, void *arg)
{
	sockets->spec.handler.on_closed(arg, NULL, HTTP_CLOSE_ABNORMAL, "the client left before the answer");
}

struct http_sockets *http_sockets_new(uv_loop_t *loop, const struct http_sockets_spec *spec)
{
	struct http_sockets *sockets = calloc(1, sizeof *sockets);
	if (sockets == NULL) abort();
	sockets->spec = *spec;
	struct http_sockets_spec *own = &sockets->spec;
	if (own->message_max_bytes == 0) own->message_max_bytes = 1u << 20;
	if (own->queue_max_bytes == 0) own->queue_max_bytes = 8u << 20;
	if (own->idle_ms == 0) own->idle_ms = 60000;
	if (own->stall_ms == 0) own->stall_ms = 30000;
	if (own->close_ms == 0) own->close_ms = 5000;
	sockets->loop = loop;
	(void)uv_timer_init(loop, &sockets->sweep);
	(void)uv_timer_init(loop, &sockets->reap);
	(void)uv_prepare_init(loop, &sockets->flush);
	sockets->sweep.data = sockets->reap.data = sockets->flush.data = sockets;
	(void)uv_timer_start(&sockets->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	(void)uv_prepare_start(&sockets->flush, on_flush);
	uv_unref((uv_handle_t *)&sockets->sweep);
	uv_unref((uv_handle_t *)&sockets->flush);
	sockets->open_handles = 3;
	return sockets;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct http_sockets *sockets = handle->data;
	if (--sockets->open_handles == 0) free(sockets);
}

void http_sockets_stop(struct http_sockets *sockets)
{
	for (struct http_socket *s = sockets->first; s != NULL; s = s->next)
		doom(s, HTTP_CLOSE_GOING_AWAY, "the server stops");
	reap(sockets);
	uv_close((uv_handle_t *)&sockets->sweep, on_handle_closed);
	uv_close((uv_handle_t *)&sockets->reap, on_handle_closed);
	uv_close((uv_handle_t *)&sockets->flush, on_handle_closed);
}

size_t http_sockets_count(const struct http_sockets *sockets)
{
	return sockets->count;
}
