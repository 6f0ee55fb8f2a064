/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client sends over a WebSocket, frames and all: each message is said back, and the connection ends exactly
 * once. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES 65536 /* what a socket takes without anybody reading */

static int open_count;

static void on_open(void *arg, struct http_socket *socket)
{
	(void)arg, (void)socket;
	open_count++;
}

static void on_message(void *arg, struct http_socket *socket, bool is_binary, struct str bytes)
{
	(void)arg;
	if (!is_binary && !str_is_utf8(bytes)) abort();
	if (bytes.len > 4096) abort();
	if (bytes.len == 3) {
		http_socket_close(socket, HTTP_CLOSE_NORMAL, "three");
		return;
	}
	struct http_frame *frame = http_frame_new(is_binary, bytes);
	(void)http_socket_send(socket, frame);
	http_frame_put(frame);
}

static void on_closed(void *arg, struct http_socket *socket, unsigned code, const char *reason)
{
	(void)arg, (void)socket;
	if (code == 0 || reason == NULL) abort();
	open_count--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	uv_loop_t loop;
	if (size > INPUT_MAX_BYTES) return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0 || uv_loop_init(&loop) != 0)
		abort();
	const struct http_sockets_spec spec = {.handler = {on_open, on_message, on_closed}, .message_max_bytes = 4096};
	struct http_sockets *sockets = http_sockets_new(&loop, &spec);
	size_t early = size / 4;
	http_socket_open(sockets, pair[0], (struct str){(const char *)data, early}, NULL);
	if (size > early && write(pair[1], data + early, size - early) < 0) abort();
	for (int i = 0; i < 3; i++) (void)uv_run(&loop, UV_RUN_NOWAIT);
	(void)close(pair[1]);
	http_sockets_stop(sockets);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (open_count != 0 || uv_loop_close(&loop) != 0) abort();
	return 0;
}
