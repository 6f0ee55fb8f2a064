/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 6455, section 4.2: the request that asks for a WebSocket, and its answer. */
#include "http/upgrade.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/private.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_BYTES 24 /* 16 bytes in base64 */

/* A list such as "keep-alive, Upgrade". */
static bool has_word(struct str list, struct str word)
{
	struct str part;
	while (str_next(&list, ',', &part))
		if (str_eq_nocase(str_trim(part), word)) return true;
	return false;
}

bool http_socket_is_asked(const struct http_request *req)
{
	return str_eq(http_method(req), STR("GET")) && has_word(http_header(req, STR("Upgrade")), STR("websocket")) &&
	       has_word(http_header(req, STR("Connection")), STR("Upgrade")) &&
	       str_eq(str_trim(http_header(req, STR("Sec-WebSocket-Version"))), STR("13")) &&
	       str_trim(http_header(req, STR("Sec-WebSocket-Key"))).len == KEY_BYTES;
}

static void accept_key(struct str key, char ret_text[64])
{
	unsigned char text[KEY_BYTES + sizeof GUID], digest[SHA_DIGEST_LENGTH];
	memcpy(text, key.ptr, KEY_BYTES);
	memcpy(text + KEY_BYTES, GUID, sizeof GUID);
	(void)SHA1(text, KEY_BYTES + sizeof GUID - 1, digest);
	(void)EVP_EncodeBlock((unsigned char *)ret_text, digest, sizeof digest);
}

void http_upgrade_fail(struct http_upgrade *upgrade)
{
	http_socket_never(upgrade->sockets, upgrade->arg);
	free(upgrade);
}

/* libmicrohttpd keeps what it set aside for the request as long as it holds the connection: give it back its own
 * descriptor at once and go on with a copy. */
static void on_upgrade(void *request, struct MHD_Connection *connection, void *context, const char *early,
		       size_t early_size, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	(void)connection, (void)context;
	struct http_request *req = request;
	struct http_upgrade *upgrade = req->upgrade;
	req->upgrade = NULL;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	(void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
	http_server_kick(req->server); /* it closes its own when it runs next */
	if (own < 0) {
		log_error("http: no descriptor is left for a WebSocket");
		http_upgrade_fail(upgrade);
		return;
	}
	(void)fcntl(own, F_SETFL, O_NONBLOCK);
	http_socket_open(upgrade->sockets, own, (struct str){early, early_size}, upgrade->arg);
	free(upgrade);
}

void http_socket_accept(struct http_sockets *sockets, struct http_request *req, void *arg)
{
	char key[64];
	struct http_upgrade *upgrade = malloc(sizeof *upgrade);
	if (upgrade == NULL) abort();
	*upgrade = (struct http_upgrade){sockets, arg};
	if (req->connection == NULL || req->server->is_draining) {
		http_upgrade_fail(upgrade);
		if (req->connection != NULL)
			http_reply(req, 503, NULL, 0, STR(""));
		else
			http_request_complete(req);
		return;
	}
	accept_key(str_trim(http_header(req, STR("Sec-WebSocket-Key"))), key);
	struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, req);
	if (response == NULL) abort();
	(void)MHD_add_response_header(response, "Upgrade", "websocket");
	(void)MHD_add_response_header(response, "Sec-WebSocket-Accept", key);
	req->upgrade = upgrade;
	http_request_answer(req, MHD_HTTP_SWITCHING_PROTOCOLS, response);
	http_request_complete(req);
}
