/* SPDX-License-Identifier: Apache-2.0 */
#include "smtpbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct client {
	uv_tcp_t tcp;
	struct smtpbox *box;
	char in[SMTPBOX_TEXT_SIZE];
	size_t len;
	bool is_text; /* of a mail */
	bool is_asked; /* for the password */
};

struct write {
	uv_write_t req;
	char text[512];
};

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(req->data);
}

static void say(struct client *c, const char *text)
{
	if (text[0] == '\0') return;
	struct write *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	(void)snprintf(w->text, sizeof w->text, "%s\r\n", text);
	w->req.data = w;
	uv_buf_t buf = uv_buf_init(w->text, (unsigned)strlen(w->text));
	if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0) free(w);
}

static const char *given(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

static void on_command(struct client *c, const char *line)
{
	struct smtpbox *box = c->box;
	char hello[400];
	if (strncasecmp(line, "EHLO", 4) == 0) {
		(void)snprintf(hello, sizeof hello, "250-box\r\n%s250 8BITMIME", given(box->extensions, ""));
		say(c, hello);
	} else if (strncasecmp(line, "MAIL", 4) == 0) {
		(void)snprintf(box->from, sizeof box->from, "%s", line);
		say(c, given(box->mail, "250 sender ok"));
	} else if (strncasecmp(line, "RCPT", 4) == 0) {
		(void)snprintf(box->to, sizeof box->to, "%s", line);
		say(c, given(box->rcpt, "250 recipient ok"));
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		c->is_text = true;
		say(c, "354 go on");
	} else if (strcasecmp(line, "AUTH PLAIN") == 0) {
		c->is_asked = true;
		say(c, "334 ");
	} else if (c->is_asked) {
		c->is_asked = false;
		say(c, given(box->auth, "235 welcome"));
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(c, "221 bye");
	} else {
		say(c, "250 ok");
	}
}

static void drop(struct client *c, size_t n)
{
	memmove(c->in, c->in + n, c->len - n + 1);
	c->len -= n;
}

/* Takes one command or one mail off what came; false when neither is whole. */
static bool step(struct client *c)
{
	char *end = strstr(c->in, c->is_text ? "\r\n.\r\n" : "\r\n");
	if (end == NULL) return false;
	*end = '\0';
	if (c->is_text) {
		(void)snprintf(c->box->last, sizeof c->box->last, "%s", c->in);
		const char *answer = given(c->box->text, "250 taken");
		c->box->mails += answer[0] == '2';
		c->is_text = false;
		drop(c, (size_t)(end - c->in) + 5);
		say(c, answer);
	} else {
		char line[1024];
		(void)snprintf(line, sizeof line, "%s", c->in);
		drop(c, (size_t)(end - c->in) + 2);
		on_command(c, line);
	}
	return true;
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct client *c = handle->data;
	(void)size;
	*buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof c->in - c->len - 1));
}

static void on_client_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	(void)buf;
	if (n < 0) {
		uv_close((uv_handle_t *)stream, on_client_closed);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	while (step(c)) continue;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct smtpbox *box = listener->data;
	struct client *c = calloc(1, sizeof *c);
	if (status != 0 || c == NULL) abort();
	c->box = box;
	c->tcp.data = c;
	(void)uv_tcp_init(box->loop, &c->tcp);
	(void)uv_accept(listener, (uv_stream_t *)&c->tcp);
	(void)uv_read_start((uv_stream_t *)&c->tcp, on_room, on_bytes);
	box->connections++;
	say(c, given(box->greeting, "220 box"));
}

void smtpbox_start(struct smtpbox *box, uv_loop_t *loop, uint16_t port)
{
	struct sockaddr_in at, got;
	int size = sizeof got;
	box->loop = loop;
	(void)uv_tcp_init(loop, &box->listener);
	box->listener.data = box;
	(void)uv_ip4_addr("127.0.0.1", port, &at);
	if (uv_tcp_bind(&box->listener, (struct sockaddr *)&at, 0) != 0) abort();
	if (uv_listen((uv_stream_t *)&box->listener, 16, on_connection) != 0) abort();
	(void)uv_tcp_getsockname(&box->listener, (struct sockaddr *)&got, &size);
	box->port = ntohs(got.sin_port);
}

void smtpbox_stop(struct smtpbox *box)
{
	uv_close((uv_handle_t *)&box->listener, NULL);
}
