/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/network.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"
#include "serve/message.h"

#define TUN "/dev/net/tun"
#define PROGRAM "slirp4netns"
#define ARG_SIZE 64
#define READY_MS 5000
#define BACKLOG 4096 /* as in lead.c */
#define AGAIN_MS 5000
#define OWN_MAX 64

static bool find_program(char ret_path[FILE_PATH_SIZE])
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path != NULL && *path != '\0' ? path : SANDBOX_PATH), part;
	struct err ignored;
	while (str_next(&rest, ':', &part))
		if (file_path(ret_path, &ignored, "%.*s/" PROGRAM, STR_FMT(part)) && access(ret_path, X_OK) == 0)
			return true;
	return false;
}

bool network_probe(struct err *err)
{
	char path[FILE_PATH_SIZE];
	int fd = open(TUN, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		(void)err_set_errno(err, "the server's user cannot open " TUN);
		return err_wrap(err, "no way out to the internet (allow it with: chmod 0666 " TUN ")");
	}
	(void)close(fd);
	return find_program(path) || err_set(err, ERR_UNAVAILABLE,
					     "no way out to the internet: " PROGRAM
					     " is not installed; install it with apt-get install " PROGRAM);
}

/* The namespace belongs to the user namespace that bwrap made first, which is not the one its program is in. */
static bool open_namespaces(pid_t pid, int *ret_net, int *ret_user, struct err *err)
{
	char path[ARG_SIZE];
	(void)snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	int net = open(path, O_RDONLY | O_CLOEXEC);
	if (net < 0) return err_set_errno(err, "%s", path);
	int user = ioctl(net, NS_GET_USERNS);
	if (user < 0) {
		(void)err_set_errno(err, "the owner of %s", path);
		(void)close(net);
		return false;
	}
	*ret_net = net, *ret_user = user;
	return true;
}

/* In a child, since nobody comes back from a user namespace. */
static void listen_there(int net, int user, uint16_t port, int answer)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct err ignored;
	int one = 1, fd;
	if (setns(user, CLONE_NEWUSER) != 0 || setns(net, CLONE_NEWNET) != 0) _exit(1);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, BACKLOG) != 0)
		_exit(2);
	_exit(message_send(answer, &(struct message){.kind = MESSAGE_DOOR}, fd, &ignored) ? 0 : 3);
}

bool network_listen(pid_t pid, uint16_t port, int *ret_fd, struct err *err)
{
	int net, user, pair[2] = {-1, -1}, fd = -1;
	struct message message;
	if (!open_namespaces(pid, &net, &user, err)) return false;
	pid_t child = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 ? fork() : -1;
	if (child == 0) listen_there(net, user, port, pair[1]);
	(void)close(net), (void)close(user);
	if (child < 0) return err_set_errno(err, "listen inside on port %u", port);
	(void)waitpid(child, NULL, 0);
	bool ok = message_receive(pair[0], &message, &fd) == 1 && fd >= 0;
	(void)close(pair[0]), (void)close(pair[1]);
	if (!ok) return err_set(err, ERR_UNAVAILABLE, "port %u cannot be opened inside the sandbox", port);
	*ret_fd = fd;
	return true;
}

/* Routes (rtnetlink(7)). */

struct wall {
	int family;
	unsigned char address[16];
	unsigned char bits;
};

static const struct wall walls[] = {
    {AF_INET, {10}, 8},
    {AF_INET, {172, 16}, 12},
    {AF_INET, {192, 168}, 16},
    {AF_INET, {169, 254}, 16},
    {AF_INET, {100, 64}, 10},
    {AF_INET, {198, 18}, 15},
    {AF_INET6, {0xfc}, 7},
    {AF_INET6, {0xfe, 0x80}, 10},
    {AF_INET6, {0x20, 0x02}, 16}, /* 6to4 leads to IPv4 addresses of any kind */
    {AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 32}, /* and so does NAT64 */
};

static bool put_wall(int fd, const struct wall *w)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		struct rtattr to;
		unsigned char address[16];
	} ask = {.head = {.nlmsg_type = RTM_NEWROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		 .route = {.rtm_family = (unsigned char)w->family,
			   .rtm_dst_len = w->bits,
			   .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_STATIC,
			   .rtm_scope = RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_PROHIBIT}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		unsigned char more[256];
	} said;
	size_t len = w->family == AF_INET ? 4 : 16;
	ask.to = (struct rtattr){(unsigned short)RTA_LENGTH(len), RTA_DST};
	memcpy(ask.address, w->address, len);
	ask.head.nlmsg_len = (unsigned)(offsetof(__typeof__(ask), address) + len);
	if (send(fd, &ask, ask.head.nlmsg_len, 0) < 0) return false;
	ssize_t got = recv(fd, &said, sizeof said, 0);
	bool is_answer = got >= (ssize_t)(sizeof said.head + sizeof said.error) && said.head.nlmsg_type == NLMSG_ERROR;
	/* Without IPv6 there is nothing to shut. */
	int error = is_answer ? -said.error.error : EPROTO;
	return error == 0 || error == EEXIST || (w->family == AF_INET6 && error != EPROTO);
}

/* The machine's own addresses, but loopback's, which inside are the inside's. */
static int own_walls(struct wall *ret_walls, int most)
{
	struct ifaddrs *all, *i;
	int count = 0;
	if (getifaddrs(&all) != 0) return 0;
	for (i = all; i != NULL && count < most; i = i->ifa_next) {
		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
		struct wall w = {.family = i->ifa_addr->sa_family};
		if (w.family == AF_INET) {
			w.bits = 32;
			memcpy(w.address, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, 4);
		} else if (w.family == AF_INET6) {
			w.bits = 128;
			memcpy(w.address, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, 16);
		} else
			continue;
		ret_walls[count++] = w;
	}
	freeifaddrs(all);
	return count;
}

__attribute__((noreturn)) static void shut_there(int net, int user, const struct wall *own, int own_count)
{
	if (setns(user, CLONE_NEWUSER) != 0 || setns(net, CLONE_NEWNET) != 0) _exit(1);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0) _exit(2);
	for (size_t i = 0; i < sizeof walls / sizeof *walls; i++)
		if (!put_wall(fd, &walls[i])) _exit(3);
	for (int i = 0; i < own_count; i++)
		if (!put_wall(fd, &own[i])) _exit(4);
	_exit(0);
}

bool network_shut_private(pid_t pid, struct err *err)
{
	struct wall own[OWN_MAX];
	int net, user, status = 0, count = own_walls(own, OWN_MAX);
	if (!open_namespaces(pid, &net, &user, err)) return false;
	pid_t child = fork();
	if (child == 0) shut_there(net, user, own, count);
	(void)close(net), (void)close(user);
	if (child < 0 || waitpid(child, &status, 0) != child) return err_set_errno(err, "shut private networks");
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       err_set(err, ERR_UNAVAILABLE,
		       "private networks cannot be shut to the functions (status %d), so they get no way out at all",
		       WEXITSTATUS(status));
}

static bool start(struct network *n, int net, int user, int ready, int leave, struct err *err)
{
	char program[FILE_PATH_SIZE], net_arg[ARG_SIZE], user_arg[ARG_SIZE], ready_arg[ARG_SIZE], exit_arg[ARG_SIZE];
	if (!find_program(program)) return err_set(err, ERR_UNAVAILABLE, PROGRAM " is not installed");
	(void)snprintf(net_arg, sizeof net_arg, "/proc/self/fd/%d", net);
	(void)snprintf(user_arg, sizeof user_arg, "--userns-path=/proc/self/fd/%d", user);
	(void)snprintf(ready_arg, sizeof ready_arg, "--ready-fd=%d", ready);
	(void)snprintf(exit_arg, sizeof exit_arg, "--exit-fd=%d", leave);
	const char *argv[] = {program,
			      "--configure",
			      "--mtu=65520",
			      "--disable-host-loopback",
			      ready_arg,
			      exit_arg,
			      "--netns-type=path",
			      user_arg,
			      net_arg,
			      "tap0",
			      NULL};
	static const char *const env[] = {"PATH=" SANDBOX_PATH, NULL};
	struct proc_spec spec = {
	    .argv = argv, .env = env, .cwd = "/", .keep_fds = {net, user, ready, leave}, .keep_fd_count = 4};
	return proc_start_worker(&spec, &n->pid, &n->ended.fd, NULL, err);
}

static bool open_way(struct network *n, struct err *err)
{
	int net = -1, user = -1, ready[2] = {-1, -1}, leave[2] = {-1, -1};
	if (n->is_outward && !network_shut_private(n->target, err)) return false;
	bool ok = open_namespaces(n->target, &net, &user, err);
	if (ok)
		ok = (pipe2(ready, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(leave, O_CLOEXEC) == 0) ||
		     err_set_errno(err, "attach a network");
	if (ok) ok = start(n, net, user, ready[1], leave[0], err);
	const int done[] = {net, user, ready[1], leave[0], ok ? -1 : ready[0], ok ? -1 : leave[1]};
	for (size_t i = 0; i < sizeof done / sizeof *done; i++)
		if (done[i] >= 0) (void)close(done[i]);
	if (!ok) return false;
	n->ready.fd = ready[0], n->exit_fd = leave[1];
	return loop_watch(n->loop, &n->ready, err) && loop_watch(n->loop, &n->ended, err);
}

static void close_way(struct network *n)
{
	n->has_way = false;
	loop_timer_clear(&n->late);
	loop_timer_clear(&n->again);
	if (n->pid <= 0) return;
	(void)kill(n->pid, SIGKILL);
	(void)waitpid(n->pid, NULL, 0);
	n->pid = 0;
	loop_unwatch(n->loop, &n->ready);
	loop_unwatch(n->loop, &n->ended);
	if (n->exit_fd >= 0) (void)close(n->exit_fd);
	n->exit_fd = -1;
}

static void give_up(struct network *n, const char *why)
{
	close_way(n);
	(void)snprintf(n->why, sizeof n->why, "no way out to the internet: %s", why);
	loop_timer_set(n->loop, &n->again, AGAIN_MS);
	n->on_change(n->arg);
}

static void on_ended(void *arg, uint32_t events)
{
	(void)events;
	give_up(arg, PROGRAM " ended; what it said is in the server's log");
}

static void on_late(void *arg)
{
	give_up(arg, PROGRAM " did not get ready");
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	struct network *n = arg;
	char said;
	if (n->has_way || read(n->ready.fd, &said, 1) != 1 || said != '1') return;
	loop_timer_clear(&n->late);
	n->has_way = true;
	n->why[0] = '\0';
	n->on_change(n->arg);
}

static void attach(void *arg)
{
	struct network *n = arg;
	struct err err;
	n->ready.fd = n->ended.fd = n->exit_fd = -1;
	if (!open_way(n, &err))
		give_up(n, err.msg);
	else
		loop_timer_set(n->loop, &n->late, READY_MS);
}

void network_begin(struct network *n, struct loop *loop, pid_t target, bool is_outward, void (*on_change)(void *arg),
		   void *arg)
{
	*n = (struct network){.loop = loop,
			      .target = target,
			      .is_outward = is_outward,
			      .on_change = on_change,
			      .arg = arg,
			      .ready = {-1, on_ready, n},
			      .ended = {-1, on_ended, n},
			      .exit_fd = -1,
			      .late = {.on_timer = on_late, .arg = n},
			      .again = {.on_timer = attach, .arg = n}};
	attach(n);
}

void network_end(struct network *n)
{
	if (n->loop != NULL) close_way(n);
}
