/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the server share: the server on a real socket, its loop in this thread, and a client of raw bytes
 * that writes and reads between the loop's rounds. */
#ifndef FREEHOLD_TESTS_HTTP_SERVER_BOX_H
#define FREEHOLD_TESTS_HTTP_SERVER_BOX_H

#include "http/server.h"

struct fixture {
	uv_loop_t loop;
	char folder[64];
	char path[96];
	const char *file; /* for /file */
	struct http_server *server;
	struct http_request *kept; /* by /later and /stream */
	int asked, gone, refused, rooms, drained;
	struct http_request *held; /* its body is paused; the next turn goes on with it, or refuses */
	int holds;
	bool is_refusing;
	uint64_t chunk_bytes;
	uint32_t chunk_sum;
	char seen[256];
};

int setup(void **state);
int teardown(void **state);
void start_with(struct fixture *f, struct http_server_spec spec);
void on_request(void *arg, struct http_request *req); /* what each path answers */

int dial(const struct fixture *f);
void turn(struct fixture *f); /* one round of the loop, a few milliseconds at most */
void turn_until(struct fixture *f, const int *count, int least);
void say(struct fixture *f, int fd, const char *text, size_t len);
char *hear(struct fixture *f, int fd, const char *until); /* until NULL: to the end of the connection */
char *ask(struct fixture *f, int fd, const char *request, const char *until);

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
