/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union with_fd {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

bool message_send(int control, const struct message *message, int fd, struct err *err)
{
	struct iovec part = {(void *)(uintptr_t)message, sizeof *message};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	union with_fd extra = {0};
	if (fd >= 0) {
		extra.header = (struct cmsghdr){
		    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&extra.header), &fd, sizeof fd);
		m.msg_control = &extra, m.msg_controllen = sizeof extra;
	}
	if (sendmsg(control, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *message) return true;
	return err_set(err, ERR_UNAVAILABLE, "the other half does not listen: %s", strerror(errno));
}

static int take_fd(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int message_receive(int control, struct message *ret_message, int *ret_fd)
{
	struct message message;
	struct iovec part = {&message, sizeof message};
	union with_fd extra = {0};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &extra, .msg_controllen = sizeof extra};
	ssize_t got = recvmsg(control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
	int fd = got >= 0 ? take_fd(&m) : -1;
	if (got == (ssize_t)sizeof message && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
		*ret_message = message;
		*ret_fd = fd;
		return 1;
	}
	if (fd >= 0) (void)close(fd);
	return -1;
}
