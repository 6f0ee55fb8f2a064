/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/unix_socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_US 200000
#define BACKLOG 511

static bool fill_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "%s", path) <
	       (int)sizeof ret_address->sun_path;
}

int unix_socket_listen(const char *path, struct err *err)
{
	struct sockaddr_un at;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(path);
	if (fd >= 0 && fill_address(path, &at) && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
	    chmod(path, 0666) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	(void)err_set_errno(err, "listen on %s", path);
	if (fd >= 0) (void)close(fd);
	return -1;
}

int unix_socket_connect(const char *path)
{
	struct sockaddr_un at;
	struct timeval patience = {.tv_usec = PATIENCE_US};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && fill_address(path, &at) &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    connect(fd, (struct sockaddr *)&at, sizeof at) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	if (fd >= 0) (void)close(fd);
	return -1;
}
