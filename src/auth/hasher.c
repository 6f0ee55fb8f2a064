/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/hasher.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/session.h"

#define THREADS_MAX 64
#define NICE 19
#define SLICE_NS 3000000 /* that of others is 2.8 ms at most, fewer cores have less */
#define TURN_MIN_NS 500000L
#define TURN_MAX_NS 4000000L
#define AUTOGROUP_TRIES 30
#define AUTOGROUP_WAIT_NS 100000000L

struct request {
	uint64_t id;
	struct auth_hash_task task;
};

struct answer {
	uint64_t id;
	struct auth_hash_result result;
};

struct hasher {
	uv_poll_t poll;
	int fd;
	pid_t pid;
	unsigned threads, given;
	uint64_t ids[THREADS_MAX]; /* of the tasks that it has */
	bool is_dead, is_closing;
	void (*on_result)(void *arg, uint64_t id, const struct auth_hash_result *result);
	void *arg;
};

/* In the process. */

/* It may be refused, and the rest then does what it can. */
static void be_last_session(void)
{
	static const struct timespec wait = {.tv_nsec = AUTOGROUP_WAIT_NS};
	for (int i = 0; i < AUTOGROUP_TRIES && !session_nice(getpid(), NICE); i++) (void)nanosleep(&wait, NULL);
}

/* As sched_setattr(2) has it: the libraries of today do not, and the kernel's own header does not go with theirs. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Kernels before 6.12 take the slice and do nothing with it. */
static void be_last_thread(void)
{
	struct attributes attr = {.size = sizeof attr, .policy = SCHED_OTHER, .nice = NICE, .runtime_ns = SLICE_NS};
	if (syscall(SYS_sched_setattr, 0, &attr, 0) != 0) (void)setpriority(PRIO_PROCESS, 0, NICE);
}

/* Whoever wakes and has lately had more than its share takes the core from nobody, and then the kernel (6.18, EEVDF)
 * looks again only at its tick, 4 ms later. So a hash asks by itself whether somebody else is to run: often where
 * somebody was, and where nobody was as seldom as the tick, because to be asked is dear (about 35 us in a virtual
 * machine). */
static _Thread_local struct {
	timer_t timer;
	long ns, switches;
	volatile sig_atomic_t is_hashing;
} turn = {.ns = TURN_MAX_NS};

static void set_turn(long nanoseconds)
{
	struct itimerspec when = {.it_value.tv_nsec = nanoseconds};
	(void)timer_settime(turn.timer, 0, &when, NULL);
}

static void on_turn(int number)
{
	int saved = errno;
	struct rusage use;
	(void)number;
	if (!turn.is_hashing) return;
	(void)sched_yield();
	(void)getrusage(RUSAGE_THREAD, &use);
	turn.ns = use.ru_nivcsw != turn.switches ? TURN_MIN_NS : turn.ns > TURN_MAX_NS / 2 ? TURN_MAX_NS : turn.ns * 2;
	turn.switches = use.ru_nivcsw;
	set_turn(turn.ns);
	errno = saved;
}

static bool take_turns(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	struct sigaction action = {.sa_handler = on_turn, .sa_flags = SA_RESTART};
	event._sigev_un._tid = gettid(); /* glibc 2.36 has no other name for it */
	return sigaction(SIGALRM, &action, NULL) == 0 && timer_create(CLOCK_MONOTONIC, &event, &turn.timer) == 0;
}

static void *work(void *arg)
{
	int fd = *(const int *)arg;
	struct request request;
	struct answer answer;
	be_last_thread();
	bool has_turns = take_turns();
	while (recv(fd, &request, sizeof request, 0) == (ssize_t)sizeof request) {
		memset(&answer, 0, sizeof answer);
		answer.id = request.id;
		turn.is_hashing = has_turns;
		if (has_turns) set_turn(turn.ns);
		auth_hash_run(&request.task, &answer.result);
		turn.is_hashing = false;
		if (has_turns) set_turn(0);
		OPENSSL_cleanse(&request, sizeof request);
		if (send(fd, &answer, sizeof answer, MSG_NOSIGNAL) != (ssize_t)sizeof answer) break;
	}
	return NULL;
}

_Noreturn static void be_hasher(int fd, unsigned threads, pid_t parent)
{
	pthread_t thread;
	sigset_t none;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || setsid() < 0) _exit(1);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 1; i < NSIG; i++) (void)signal(i, SIG_DFL);
	if (dup3(fd, 3, O_CLOEXEC) < 0 && errno != EINVAL) _exit(1);
	fd = 3;
	(void)close_range(4, ~0U, 0);
	(void)prctl(PR_SET_NAME, "freehold-hash");
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, work, &fd) != 0) break;
	/* Before it is the last itself: on a full machine it would not come to it. */
	be_last_session();
	(void)work(&fd);
	_exit(0);
}

/* Outside. */

static void end(struct hasher *h)
{
	uint64_t ids[THREADS_MAX];
	unsigned count = h->given;
	if (h->is_dead) return;
	h->is_dead = true;
	(void)uv_poll_stop(&h->poll);
	memcpy(ids, h->ids, sizeof ids);
	h->given = 0;
	for (unsigned i = 0; i < count; i++) h->on_result(h->arg, ids[i], NULL);
}

static bool forget(struct hasher *h, uint64_t id)
{
	for (unsigned i = 0; i < h->given; i++) {
		if (h->ids[i] != id) continue;
		h->ids[i] = h->ids[--h->given];
		return true;
	}
	return false;
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct hasher *h = poll->data;
	struct answer answer;
	(void)events;
	while (!h->is_dead) {
		ssize_t got = status < 0 ? 0 : recv(h->fd, &answer, sizeof answer, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
		if (got != (ssize_t)sizeof answer || !forget(h, answer.id)) {
			end(h);
			return;
		}
		h->on_result(h->arg, answer.id, &answer.result);
		OPENSSL_cleanse(&answer, sizeof answer);
	}
}

static unsigned cores(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}

struct hasher *hasher_new(uv_loop_t *loop,
			  void (*on_result)(void *arg, uint64_t id, const struct auth_hash_result *result), void *arg)
{
	int pair[2];
	pid_t parent = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return NULL;
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		be_hasher(pair[1], cores(), parent);
	}
	(void)close(pair[1]);
	struct hasher *h = pid > 0 ? calloc(1, sizeof *h) : NULL;
	if (h == NULL) {
		(void)close(pair[0]);
		return NULL;
	}
	*h = (struct hasher){.fd = pair[0], .pid = pid, .threads = cores(), .on_result = on_result, .arg = arg};
	if (uv_poll_init(loop, &h->poll, h->fd) != 0) abort();
	h->poll.data = h;
	(void)uv_poll_start(&h->poll, UV_READABLE | UV_DISCONNECT, on_answer);
	uv_unref((uv_handle_t *)&h->poll); /* who waits for an answer keeps the loop alive */
	return h;
}

static void on_closed(uv_handle_t *handle)
{
	struct hasher *h = handle->data;
	(void)close(h->fd);
	(void)kill(h->pid, SIGKILL); /* what it still computes nobody waits for */
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	free(h);
}

void hasher_free(struct hasher *h)
{
	if (h == NULL || h->is_closing) return;
	h->is_closing = true;
	h->is_dead = true;
	uv_close((uv_handle_t *)&h->poll, on_closed);
}

bool hasher_is_dead(const struct hasher *h)
{
	return h == NULL || h->is_dead;
}

bool hasher_give(struct hasher *h, uint64_t id, const struct auth_hash_task *task)
{
	struct request request;
	if (hasher_is_dead(h) || h->given >= h->threads) return false;
	memset(&request, 0, sizeof request);
	request.id = id;
	request.task = *task;
	ssize_t sent = send(h->fd, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
	OPENSSL_cleanse(&request, sizeof request);
	if (sent != (ssize_t)sizeof request) return false;
	h->ids[h->given++] = id;
	return true;
}
