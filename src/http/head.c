/* SPDX-License-Identifier: Apache-2.0
 *
 * How large a head may be. libmicrohttpd builds the answer in the memory that the head came into, and one that leaves
 * too little of it would have the connection closed without a word. So what is too large is refused here, with bytes
 * that need none of that memory; what does not fit at all libmicrohttpd refuses itself (414, 431). */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "http/private.h"

#define LINE_MAX_BYTES 30000 /* of the address */
#define HEAD_MAX_BYTES 31000 /* with all headers */

static void refuse(struct http_request *req, const char *status, const char *message)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char text[512];
	int len = snprintf(text, sizeof text,
			   "HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
			   "Content-Length: %zu\r\n\r\n{\"code\":\"limit\",\"message\":\"%s\"}",
			   status, sizeof "{\"code\":\"limit\",\"message\":\"\"}" - 1 + strlen(message), message);
	req->is_cut = true;
	if (info == NULL) return;
	(void)send(info->connect_fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(info->connect_fd, SHUT_WR); /* not both ways: what still comes must not reset it unheard */
}

void http_head_check_line(struct http_request *req, size_t len)
{
	if (len > LINE_MAX_BYTES) refuse(req, "414 URI Too Long", "the address is longer than 30000 bytes");
}

void http_head_check(struct http_request *req)
{
	size_t weight = req->method.len + req->path.len + req->query.len + sizeof " ? HTTP/1.1\r\n";
	for (size_t i = 0; i < req->field_count; i++)
		weight += req->fields[i].name.len + req->fields[i].value.len + sizeof ": \r" /* and \n */;
	if (!req->is_cut && weight > HEAD_MAX_BYTES)
		refuse(req, "431 Request Header Fields Too Large",
		       "address and headers are longer than 31000 bytes together");
}
