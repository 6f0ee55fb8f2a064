/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "os/port.h"

/* A socket of the kernel's choice of port that listens on this address. */
static int listen_on(int family, uint16_t *ret_port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr *at = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0) return -1;
	assert_int_equal(bind(fd, at, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, at, &len), 0);
	*ret_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

static void check_family(int family)
{
	uint16_t port = 0;
	int fd = listen_on(family, &port);
	if (fd < 0) return; /* a machine without IPv6 */
	assert_false(port_is_free(port));
	assert_int_equal(port_listener(port), getpid());
	assert_true(port_is_held_by(port, getpid()));
	assert_false(port_is_held_by(port, getppid()));
	(void)close(fd);
	assert_true(port_is_free(port));
	assert_int_equal(port_listener(port), 0);
}

static void test_the_listener_is_found(void **state)
{
	(void)state;
	check_family(AF_INET);
	check_family(AF_INET6);
}

static void test_a_program_is_named(void **state)
{
	(void)state;
	char text[PORT_PROGRAM_SIZE];
	port_program(getpid(), text);
	assert_non_null(strstr(text, "test_os_port"));
	port_program(0, text);
	assert_string_equal(text, "a program of another user");
}

static void test_open_files_below_a_folder(void **state)
{
	(void)state;
	assert_false(port_process_has_file_below(getpid(), "/tmp/no-such-folder"));
	int fd = dup(0);
	char path[] = "/tmp/fh-port-XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_true(port_process_has_file_below(getpid(), "/tmp"));
	assert_false(port_process_has_file_below(getpid(), "/tm"));
	(void)close(fd), (void)close(file), (void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_listener_is_found),
					   cmocka_unit_test(test_a_program_is_named),
					   cmocka_unit_test(test_open_files_below_a_folder)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
