/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "base/log.h"
#include "os/file.h"
#include "serve/config.h"
#include "serve/dial.h"
#include "serve/instance.h"
#include "serve/listens.h"
#include "serve/loop.h"
#include "serve/message.h"
#include "serve/pump.h"
#include "serve/usage.h"

#define LOOK_BOOT_MS 20 /* the kernel tells nobody that a socket listens, so we look */
#define LOOK_MS 1000
#define OTHER_PORT_GRACE_MS 1000 /* a listener on another port may only be a debugger's, before the real one */
#define USAGE_MS 1000
#define USAGE_RLIMITS_MS 250
#define BACKLOG 511
#define PUMPS_MAX 4096 /* fewer where fewer descriptors are allowed */
#define OTHER_FILES 128
#define LINKS_MAX 64 /* LINK messages without an answer */
#define TABLE_MAX_BYTES (4u << 20)
#define CONFIG_ARENA_BYTES (4u << 20)
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 30000
#define LASTED_MS 10000
#define LAST_WORDS_MS 1000

enum phase {
	PHASE_WAITING,
	PHASE_BOOTING,
	PHASE_SERVING,
	PHASE_DRAINING,
	PHASE_FROZEN,
	PHASE_LAST_WORDS,
	PHASE_ENDING
};

struct inside;

struct door { /* a port of 127.0.0.1 that leads outside */
	struct inside *in;
	struct loop_watch watch;
	int index;
};

struct inside {
	struct loop loop;
	struct config config;
	bool holds_rlimits;
	enum phase phase;
	bool is_end; /* what the drain is for: to end, or else to freeze */
	bool has_listened;
	int pumps_max;
	bool is_full; /* accepting waits until a pump is done */
	struct loop_watch control, signals, visitors;
	struct instance instances[CONFIG_INSTANCES_MAX];
	struct door doors[CONFIG_FORWARDS_MAX];
	int links[LINKS_MAX]; /* accepted, waiting for the outer half, oldest first */
	int link_count;
	struct pump *pumps;
	int pump_count; /* all */
	int visitor_count; /* those from web.sock */
	int64_t other_since_ms;
	struct loop_timer look, usage, drain, kill, again;
};

static void begin_end(struct inside *in);
static void accept_visitors(struct inside *in);
static void accept_links(struct door *d);

static void tell(struct inside *in, const struct message *m)
{
	struct err ignored; /* what matters is sent again (USAGE), or the control socket's end ends us */
	(void)message_send(in->control.fd, m, -1, &ignored);
}

/* Connections. */

/* A drain is over with its last visitor. */
static void note_left(struct inside *in)
{
	bool is_waiting = in->phase == PHASE_DRAINING || in->phase == PHASE_LAST_WORDS;
	if (is_waiting && in->visitor_count == 0 && in->visitors.fd < 0) loop_timer_set(&in->loop, &in->drain, 0);
}

static void on_pump_done(void *arg, struct pump *p)
{
	struct inside *in = arg;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		in->pumps = p->next;
	if (p->next != NULL) p->next->prev = p->prev;
	in->pump_count--;
	if (p->tag >= 0) in->visitor_count--, in->instances[p->tag].connections--;
	if (in->is_full) {
		in->is_full = false;
		accept_visitors(in);
		for (int i = 0; i < in->config.forward_count; i++) accept_links(&in->doors[i]);
	}
	note_left(in);
}

/* tag: the instance it counts for, -1: none. Takes both descriptors. */
static void carry(struct inside *in, int a, int b, int tag)
{
	struct pump *p = pump_new(&in->loop, a, b, on_pump_done, in);
	if (p == NULL) return;
	p->tag = tag;
	p->next = in->pumps;
	if (p->next != NULL) p->next->prev = p;
	in->pumps = p;
	in->pump_count++;
	if (tag >= 0) in->visitor_count++, in->instances[tag].connections++;
}

static struct instance *least_busy(struct inside *in)
{
	struct instance *best = NULL;
	for (int n = 0; n < in->config.instances; n++) {
		struct instance *i = &in->instances[n];
		if (i->is_listening && (best == NULL || i->connections < best->connections)) best = i;
	}
	return best;
}

static void lead_in(struct inside *in, int visitor);

/* Of several, one that has just died looks the least busy until it is reaped. */
static void on_dialled(void *arg, int visitor, int fd, int tag)
{
	struct inside *in = arg;
	in->visitor_count--, in->pump_count--, in->instances[tag].connections--;
	if (fd >= 0) {
		if (in->phase == PHASE_SERVING || in->phase == PHASE_DRAINING)
			carry(in, visitor, fd, tag);
		else
			(void)close(visitor), (void)close(fd);
		note_left(in);
		return;
	}
	in->instances[tag].is_listening = false;
	loop_timer_set(&in->loop, &in->look, LOOK_BOOT_MS);
	lead_in(in, visitor);
	note_left(in);
}

/* One that cannot be led on is closed: nginx answers for us. */
static void lead_in(struct inside *in, int visitor)
{
	struct instance *i = least_busy(in);
	if (i != NULL && in->config.instances > 1) {
		in->visitor_count++, in->pump_count++, i->connections++;
		dial(&in->loop, &i->address, i->address_len, visitor, i->index, on_dialled, in);
		return;
	}
	int fd = i != NULL ? dial_begin(&i->address, i->address_len) : -1;
	if (fd < 0)
		(void)close(visitor);
	else
		carry(in, visitor, fd, i->index);
}

static void accept_visitors(struct inside *in)
{
	while (in->visitors.fd >= 0) {
		if (in->pump_count >= in->pumps_max && in->phase != PHASE_DRAINING) {
			in->is_full = true;
			return;
		}
		int fd = accept4(in->visitors.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR) return;
		if (fd >= 0) lead_in(in, fd);
	}
}

static void on_visitors(void *arg, uint32_t events)
{
	(void)events;
	accept_visitors(arg);
}

static void accept_links(struct door *d)
{
	struct inside *in = d->in;
	struct err ignored;
	struct message m = {.kind = MESSAGE_LINK, .index = d->index};
	while (d->watch.fd >= 0) {
		if (in->pump_count >= in->pumps_max || in->link_count >= LINKS_MAX) {
			in->is_full = true;
			return;
		}
		int one = 1, fd = accept4(d->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != ECONNABORTED && errno != EINTR) return;
		if (fd < 0) continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (message_send(in->control.fd, &m, -1, &ignored))
			in->links[in->link_count++] = fd;
		else
			(void)close(fd);
	}
}

/* Who has the address still is refused from here on, and asks elsewhere; none is left in the backlog. */
static void stop_accepting(struct inside *in)
{
	if (in->visitors.fd >= 0) (void)shutdown(in->visitors.fd, SHUT_RD);
	accept_visitors(in);
	loop_unwatch(&in->loop, &in->visitors);
}

static void on_door(void *arg, uint32_t events)
{
	(void)events;
	accept_links(arg);
}

static void on_linked(struct inside *in, int outside)
{
	if (in->link_count == 0) {
		if (outside >= 0) (void)close(outside);
		return;
	}
	int fd = in->links[0];
	memmove(in->links, in->links + 1, (size_t)--in->link_count * sizeof *in->links);
	if (outside >= 0)
		carry(in, fd, outside, -1);
	else
		(void)close(fd);
	if (in->is_full) {
		in->is_full = false;
		accept_visitors(in);
		for (int i = 0; i < in->config.forward_count; i++) accept_links(&in->doors[i]);
	}
}

static void take_door(struct inside *in, int index, int fd)
{
	struct err err;
	bool is_wanted = fd >= 0 && index >= 0 && index < in->config.forward_count && in->doors[index].watch.fd < 0;
	if (is_wanted) {
		in->doors[index].watch.fd = fd;
		if (!loop_watch(&in->loop, &in->doors[index].watch, &err)) log_error("%s", err.msg);
	} else if (fd >= 0)
		(void)close(fd);
}

static bool open_door(struct inside *in, int index, struct err *err)
{
	struct door *d = &in->doors[index];
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(in->config.forwards[index].port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	*d = (struct door){.in = in, .watch = {-1, on_door, d}, .index = index};
	if (in->config.forwards[index].port < CONFIG_OPEN_PORTS) return true; /* DOOR brings it */
	d->watch = (struct loop_watch){socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on_door, d};
	if (d->watch.fd < 0 || setsockopt(d->watch.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(d->watch.fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(d->watch.fd, BACKLOG) != 0)
		return err_set_errno(err, "listen inside on port %u", in->config.forwards[index].port);
	return loop_watch(&in->loop, &d->watch, err);
}

/* Where it listens. */

static void read_table(const char *path, bool is_v6, struct listens *inout_listens)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, TABLE_MAX_BYTES);
	if (file_read(path, &text, &ignored)) listens_parse(buf_view(&text), is_v6, inout_listens);
}

static void read_listens(struct inside *in, struct listens *ret_listens)
{
	uint64_t ours[CONFIG_FORWARDS_MAX];
	int count = 0;
	struct stat st;
	for (int i = 0; i < in->config.forward_count; i++)
		if (fstat(in->doors[i].watch.fd, &st) == 0) ours[count++] = st.st_ino;
	*ret_listens = (struct listens){0};
	read_table("/proc/self/net/tcp", false, ret_listens);
	read_table("/proc/self/net/tcp6", true, ret_listens);
	listens_leave_out(ret_listens, ours, count);
}

static void tell_ready(struct inside *in, const struct listens *l)
{
	struct message m = {.kind = MESSAGE_READY};
	uint16_t ports[LISTENS_MAX];
	int count = listens_ports(l, ports);
	for (int n = 0; n < in->config.instances; n++)
		if (in->instances[n].is_listening && m.port == 0) m.port = in->instances[n].port_real;
	for (int n = 0; n < count && n < MESSAGE_PORTS_MAX; n++) m.ports[n] = ports[n];
	tell(in, &m);
}

/* Another port than it was told is taken when its own does not come soon, and only for the first: of several processes
 * that all take another nobody knows which is whose. */
static const struct listen_at *choose(struct inside *in, const struct instance *i, const struct listens *l)
{
	uint16_t first = in->config.port, last = (uint16_t)(first + in->config.instances - 1);
	const struct listen_at *at = listens_choose(l, i->port, false, first, last);
	if (at != NULL || i->index > 0) return at;
	at = listens_choose(l, i->port, true, first, last);
	if (at == NULL || i->is_listening) return at;
	if (in->other_since_ms == 0) in->other_since_ms = clock_now_ms();
	return clock_now_ms() - in->other_since_ms >= OTHER_PORT_GRACE_MS ? at : NULL;
}

static void note_listening(struct inside *in, struct instance *i, const struct listens *l)
{
	const struct listen_at *at = i->pid > 0 ? choose(in, i, l) : NULL;
	bool was = i->is_listening;
	uint16_t port_was = i->port_real;
	if (at == NULL) return; /* a server that closes its socket is about to end, and then it is told */
	i->is_listening = true;
	i->port_real = at->port;
	listens_target(at, &i->address, &i->address_len);
	if (was && port_was == at->port) return;
	in->has_listened = true;
	tell_ready(in, l);
}

static void on_look(void *arg)
{
	struct inside *in = arg;
	struct listens l;
	bool is_missing = false;
	read_listens(in, &l);
	for (int n = 0; n < in->config.instances; n++) {
		note_listening(in, &in->instances[n], &l);
		is_missing = is_missing || !in->instances[n].is_listening;
	}
	if (in->phase < PHASE_FROZEN) loop_timer_set(&in->loop, &in->look, is_missing ? LOOK_BOOT_MS : LOOK_MS);
}

static void on_usage(void *arg)
{
	struct inside *in = arg;
	struct usage u;
	usage_read(&u);
	tell(in, &(struct message){.kind = MESSAGE_USAGE,
				   .connections = (uint32_t)in->visitor_count,
				   .processes = u.processes,
				   .memory_bytes = u.memory_bytes,
				   .written_bytes = u.written_bytes});
	if (in->phase != PHASE_FROZEN)
		loop_timer_set(&in->loop, &in->usage, in->holds_rlimits ? USAGE_RLIMITS_MS : USAGE_MS);
}

/* Processes. */

static int running(const struct inside *in)
{
	int count = 0;
	for (int n = 0; n < in->config.instances; n++) count += in->instances[n].pid > 0;
	return count;
}

static void start_instance(struct inside *in, struct instance *i)
{
	struct err err;
	if (!instance_start(i, &in->config, in->holds_rlimits, &err)) {
		log_error("%s", err.msg);
		i->again_ms = clock_now_ms() + LONGEST_PAUSE_MS;
	}
	in->other_since_ms = 0;
	loop_timer_set(&in->loop, &in->look, LOOK_BOOT_MS);
}

static void on_again(void *arg)
{
	struct inside *in = arg;
	int64_t now = clock_now_ms(), next = 0;
	for (int n = 0; n < in->config.instances; n++) {
		struct instance *i = &in->instances[n];
		if (i->again_ms > 0 && i->again_ms <= now) start_instance(in, i);
		if (i->again_ms > 0 && (next == 0 || i->again_ms < next)) next = i->again_ms;
	}
	if (next > 0) loop_timer_set(&in->loop, &in->again, next - now);
}

static void plan_again(struct inside *in, struct instance *i)
{
	int64_t pause = FIRST_PAUSE_MS;
	if (clock_now_ms() - i->started_ms >= LASTED_MS) i->failures = 0;
	for (int n = 0; n < i->failures && pause < LONGEST_PAUSE_MS; n++) pause *= 2;
	i->failures++;
	i->again_ms = clock_now_ms() + (pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
	on_again(in);
}

/* What a server said before it ended may still be on its way through us. */
static void finish_last_words(struct inside *in)
{
	in->phase = PHASE_LAST_WORDS;
	stop_accepting(in);
	loop_timer_clear(&in->again);
	loop_timer_set(&in->loop, &in->drain, in->visitor_count > 0 ? LAST_WORDS_MS : 0);
}

/* While others serve, one that ended is started again; the last takes everything with it. */
static void on_instance_ended(struct inside *in, struct instance *i, int status)
{
	i->pid = 0;
	i->is_listening = false;
	bool is_last = running(in) == 0;
	tell(in, &(struct message){.kind = MESSAGE_ENDED,
				   .index = i->index,
				   .is_last = is_last,
				   .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
				   .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0});
	if (is_last)
		finish_last_words(in);
	else if (in->phase != PHASE_ENDING)
		plan_again(in, i);
}

static void reap(struct inside *in)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (int n = 0; n < in->config.instances; n++)
			if (in->instances[n].pid == pid) on_instance_ended(in, &in->instances[n], status);
}

static void on_signals(void *arg, uint32_t events)
{
	(void)events;
	struct inside *in = arg;
	struct signalfd_siginfo ignored;
	while (read(in->signals.fd, &ignored, sizeof ignored) == (ssize_t)sizeof ignored) continue;
	reap(in);
}

/* Draining, freezing, ending. */

static void freeze(struct inside *in)
{
	in->phase = PHASE_FROZEN;
	(void)kill(-1, SIGSTOP); /* all but us */
	tell(in, &(struct message){.kind = MESSAGE_FROZEN});
}

static void cut_visitors(struct inside *in)
{
	for (struct pump *p = in->pumps, *next; p != NULL; p = next) {
		next = p->next;
		if (p->tag >= 0) pump_cut(p);
	}
}

/* Nothing is open any more, or the time is over. */
static void on_drained(void *arg)
{
	struct inside *in = arg;
	if (in->phase == PHASE_LAST_WORDS) in->loop.is_over = true;
	if (in->phase != PHASE_DRAINING) return;
	in->phase = PHASE_ENDING; /* so that cutting does not lead here again */
	cut_visitors(in);
	if (in->is_end)
		begin_end(in);
	else
		freeze(in);
}

static void drain(struct inside *in, bool is_end)
{
	in->is_end = in->is_end || is_end;
	if (in->phase == PHASE_FROZEN && is_end) {
		begin_end(in);
		return;
	}
	if (in->phase != PHASE_SERVING && in->phase != PHASE_BOOTING && in->phase != PHASE_WAITING) return;
	in->phase = PHASE_DRAINING;
	stop_accepting(in);
	loop_timer_set(&in->loop, &in->drain, in->visitor_count > 0 ? in->config.drain_ms : 0);
}

static void on_kill(void *arg)
{
	(void)arg;
	(void)kill(-1, SIGKILL);
}

static void begin_end(struct inside *in)
{
	in->phase = PHASE_ENDING;
	for (int n = 0; n < in->config.instances; n++) {
		in->instances[n].again_ms = 0;
		if (in->instances[n].pid > 0) (void)kill(-in->instances[n].pid, SIGTERM);
	}
	(void)kill(-1, SIGCONT);
	if (running(in) == 0) in->loop.is_over = true;
	loop_timer_set(&in->loop, &in->kill, in->config.kill_ms);
}

static void thaw(struct inside *in)
{
	bool was_frozen = in->phase == PHASE_FROZEN;
	if (was_frozen) (void)kill(-1, SIGCONT);
	if (!was_frozen && (in->phase != PHASE_DRAINING || in->is_end)) return;
	in->phase = PHASE_SERVING;
	loop_timer_clear(&in->drain);
	loop_timer_set(&in->loop, &in->look, LOOK_MS);
	if (was_frozen) on_usage(in);
}

/* Messages. */

static void begin(struct inside *in)
{
	if (in->phase != PHASE_WAITING) return;
	in->phase = PHASE_BOOTING;
	for (int n = 0; n < in->config.instances; n++) {
		in->instances[n] = (struct instance){.index = n, .port = (uint16_t)(in->config.port + n)};
		start_instance(in, &in->instances[n]);
	}
	on_usage(in);
}

static void take_listener(struct inside *in, int fd)
{
	struct err err;
	if (fd < 0 || (in->phase != PHASE_BOOTING && in->phase != PHASE_SERVING)) {
		if (fd >= 0) (void)close(fd);
		return;
	}
	loop_unwatch(&in->loop, &in->visitors);
	in->visitors = (struct loop_watch){fd, on_visitors, in};
	in->phase = PHASE_SERVING;
	if (!loop_watch(&in->loop, &in->visitors, &err)) log_error("%s", err.msg);
	accept_visitors(in);
}

static void take(struct inside *in, const struct message *m, int fd)
{
	switch (m->kind) {
	case MESSAGE_GO: begin(in); break;
	case MESSAGE_LISTEN: take_listener(in, fd); return;
	case MESSAGE_RETIRE: drain(in, false); break;
	case MESSAGE_END: drain(in, true); break;
	case MESSAGE_THAW: thaw(in); break;
	case MESSAGE_LINKED: on_linked(in, fd); return;
	case MESSAGE_DOOR: take_door(in, m->index, fd); return;
	default: break;
	}
	if (fd >= 0) (void)close(fd);
}

/* When the outer half is gone, so is everything: that is what kill -9 of it must do. */
static void on_control(void *arg, uint32_t events)
{
	(void)events;
	struct inside *in = arg;
	struct message m;
	int fd, got;
	while ((got = message_receive(in->control.fd, &m, &fd)) > 0) take(in, &m, fd);
	if (got < 0) in->loop.is_over = true;
}

static bool watch_signals(struct inside *in, struct err *err)
{
	sigset_t wanted;
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &wanted, NULL);
	in->signals = (struct loop_watch){signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK), on_signals, in};
	if (in->signals.fd < 0) return err_set_errno(err, "watch signals");
	return loop_watch(&in->loop, &in->signals, err);
}

static bool read_config(int fd, struct arena *arena, struct config *ret_config, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CONFIG_MAX_BYTES);
	char chunk[4096];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof chunk)) > 0) buf_append(&text, chunk, (size_t)got);
	return config_parse(buf_view(&text), arena, ret_config, err);
}

/* Each pump has two. The app gets back what it would have had. */
static void raise_files(struct inside *in)
{
	struct rlimit files = {1024, 1024};
	(void)getrlimit(RLIMIT_NOFILE, &files);
	if (in->config.files == 0) in->config.files = (uint32_t)(files.rlim_cur < UINT32_MAX ? files.rlim_cur : 0);
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	in->pumps_max =
	    files.rlim_cur >= 2 * PUMPS_MAX + OTHER_FILES ? PUMPS_MAX : ((int)files.rlim_cur - OTHER_FILES) / 2;
	if (in->pumps_max < OTHER_FILES) in->pumps_max = OTHER_FILES;
}

static void set_timers(struct inside *in)
{
	in->look = (struct loop_timer){.on_timer = on_look, .arg = in};
	in->usage = (struct loop_timer){.on_timer = on_usage, .arg = in};
	in->drain = (struct loop_timer){.on_timer = on_drained, .arg = in};
	in->kill = (struct loop_timer){.on_timer = on_kill, .arg = in};
	in->again = (struct loop_timer){.on_timer = on_again, .arg = in};
}

static bool open_inside(struct inside *in, int control, int config_fd, struct arena *arena, struct err *err)
{
	in->visitors.fd = -1;
	in->control = (struct loop_watch){control, on_control, in};
	if (!read_config(config_fd, arena, &in->config, err) || !loop_open(&in->loop, err)) return false;
	(void)close(config_fd);
	raise_files(in);
	(void)fcntl(control, F_SETFD, FD_CLOEXEC);
	set_timers(in);
	for (int i = 0; i < in->config.forward_count; i++)
		if (!open_door(in, i, err)) return false;
	if (!watch_signals(in, err) || !loop_watch(&in->loop, &in->control, err)) return false;
	return message_send(control, &(struct message){.kind = MESSAGE_HELLO}, -1, err);
}

int inside_main(int control, int config_fd, int holds_rlimits)
{
	struct err err;
	struct arena *arena = arena_new(CONFIG_ARENA_BYTES);
	struct inside *in = calloc(1, sizeof *in);
	if (in == NULL) abort();
#if !HAS_ASAN
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
	in->holds_rlimits = holds_rlimits != 0;
	bool ok = open_inside(in, control, config_fd, arena, &err) && loop_run(&in->loop, &err);
	if (!ok) log_error("serve: %s", err.msg);
	free(in);
	arena_free(arena);
	return ok ? 0 : 1;
}
