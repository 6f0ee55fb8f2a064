/* SPDX-License-Identifier: Apache-2.0 */
#include "os/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/file.h"

#define KILL_AFTER_TERM_MS 2000
#define QUOTE_MAX_BYTES 600
#define LEFT_MAX 256

static bool read_boot_id(char ret_id[PROC_BOOT_ID_SIZE], struct err *err)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, 256);
	if (!file_read("/proc/sys/kernel/random/boot_id", &b, err)) return false;
	(void)snprintf(ret_id, PROC_BOOT_ID_SIZE, "%.36s", buf_cstr(&b));
	return true;
}

/* State letter and start time from /proc/PID/stat (proc(5)); the name in brackets may hold anything, so search from its
 * end. */
static bool read_stat(pid_t pid, char *ret_state, uint64_t *ret_start, struct err *err)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	struct buf b BUF_CLEANUP;
	buf_init(&b, 4096);
	if (!file_read(path, &b, err)) return false;
	const char *at = b.ptr != NULL ? strrchr(b.ptr, ')') : NULL;
	unsigned long long start;
	if (at == NULL ||
	    sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   ret_state, &start) != 2)
		return err_set(err, ERR_INTERNAL, "%s: not understood", path);
	*ret_start = start;
	return true;
}

bool proc_identify(pid_t pid, struct proc_id *ret_id, struct err *err)
{
	struct proc_id id = {.pid = pid};
	char state;
	if (!read_stat(pid, &state, &id.start_ticks, err) || !read_boot_id(id.boot_id, err)) return false;
	*ret_id = id;
	return true;
}

int64_t proc_began_wall_ms(const struct proc_id *id)
{
	struct timespec since_boot;
	int64_t ticks = sysconf(_SC_CLK_TCK);
	if (ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return 0;
	int64_t age_ms =
	    (int64_t)since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1000000 - (int64_t)id->start_ticks * 1000 / ticks;
	return clock_wall_ms() - (age_ms > 0 ? age_ms : 0);
}

bool proc_is_alive(const struct proc_id *id)
{
	struct err ignored;
	char state, boot_id[PROC_BOOT_ID_SIZE];
	uint64_t start;
	return id->pid > 0 && read_stat(id->pid, &state, &start, &ignored) && state != 'Z' && state != 'X' &&
	       start == id->start_ticks && read_boot_id(boot_id, &ignored) && strcmp(boot_id, id->boot_id) == 0;
}

/* The child's side: everything below may only use what is safe after fork. */

static void close_all_but(const struct proc_spec *spec)
{
	int from = 3;
	for (;;) {
		int next = -1;
		for (int i = 0; i < spec->keep_fd_count; i++)
			if (spec->keep_fds[i] >= from && (next < 0 || spec->keep_fds[i] < next))
				next = spec->keep_fds[i];
		if (next < 0) break;
		if (next > from) (void)syscall(SYS_close_range, (unsigned)from, (unsigned)next - 1, 0);
		(void)fcntl(next, F_SETFD, 0);
		from = next + 1;
	}
	(void)syscall(SYS_close_range, (unsigned)from, ~0u, 0);
}

static bool drop_user(const struct proc_spec *spec)
{
	if (!spec->has_user) return true;
	if (geteuid() == 0 && setgroups(0, NULL) != 0) return false;
	if (setresgid(spec->gid, spec->gid, spec->gid) != 0 || setresuid(spec->uid, spec->uid, spec->uid) != 0)
		return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static void exec_program(const struct proc_spec *spec)
{
	char *const *argv = (char *const *)(uintptr_t)spec->argv;
	if (spec->env == NULL)
		execvp(argv[0], argv);
	else
		execvpe(argv[0], argv, (char *const *)(uintptr_t)spec->env);
}

/* No signal reaches the child before be_ordinary: the parent's handlers would run in it, and libuv's write to pipes
 * that both have. The parent would take the child's SIGTERM for its own, or wait for ever for a lock that died with it.
 */
static pid_t fork_quietly(void)
{
	sigset_t all, before;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	int problem = errno;
	if (pid != 0) (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = problem;
	return pid;
}

static void be_ordinary(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* parent 0: a program that serves. */
__attribute__((noreturn)) static void child(const struct proc_spec *spec, pid_t parent, const int fds[4])
{
	int in = fds[0], out = fds[1], errs = fds[2], go = fds[3];
	char byte;
	const char *what = "start";
	be_ordinary();
	/* Until the parent says go (it has written down who we are) we may not run. */
	if (read(go, &byte, 1) != 1) _exit(126);
	if ((parent != 0 ? setpgid(0, 0) : setsid()) < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errs, 2) < 0)
		_exit(126);
	close_all_but(spec);
	if (spec->cwd != NULL && chdir(spec->cwd) != 0)
		what = spec->cwd;
	else if (!drop_user(spec))
		what = "drop privileges";
	/* Changing the user clears the death signal, so it is set last; the parent may have died before that. */
	else if (parent == 0 || (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent))
		exec_program(spec), what = spec->argv[0];
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The parent's side. */

struct running {
	const struct proc_spec *spec;
	struct buf *output;
	struct buf tail; /* the last lines, for the error */
	pid_t pid;
	int pidfd;
	int in, out, errs;
	size_t written;
	int64_t kill_at_ms; /* the next signal is due then; 0: never */
	int64_t tick_at_ms; /* 0: never */
	bool is_late;
	bool has_exited;
	struct rusage usage;
	int status;
};

static void close_fd(int *fd)
{
	if (*fd >= 0) (void)close(*fd);
	*fd = -1;
}

static void take_output(struct running *r, int *fd, int stream)
{
	char chunk[16384];
	ssize_t got = read(*fd, chunk, sizeof chunk);
	if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
	if (got <= 0) {
		close_fd(fd);
		return;
	}
	struct str bytes = {chunk, (size_t)got};
	if (r->spec->on_output != NULL) r->spec->on_output(r->spec->arg, stream, bytes);
	if (r->output != NULL) {
		size_t room = r->output->max - r->output->len;
		buf_str(r->output, str_sub(bytes, 0, room));
	}
	struct str last = str_sub(bytes, bytes.len > QUOTE_MAX_BYTES ? bytes.len - QUOTE_MAX_BYTES : 0, bytes.len);
	if (r->tail.len + last.len > QUOTE_MAX_BYTES) buf_consume(&r->tail, r->tail.len + last.len - QUOTE_MAX_BYTES);
	buf_str(&r->tail, last);
}

static void feed_input(struct running *r)
{
	struct str left = str_sub(r->spec->input, r->written, r->spec->input.len);
	ssize_t put = left.len > 0 ? write(r->in, left.ptr, left.len) : 0;
	if (put > 0) r->written += (size_t)put;
	if (r->spec->input_sent != NULL) *r->spec->input_sent = r->written;
	bool is_broken = put < 0 && errno != EAGAIN && errno != EINTR;
	if (is_broken || r->written == r->spec->input.len) close_fd(&r->in);
}

static void on_deadline(struct running *r)
{
	(void)kill(-r->pid, r->is_late ? SIGKILL : SIGTERM);
	r->kill_at_ms = clock_now_ms() + KILL_AFTER_TERM_MS;
	r->is_late = true;
}

static void on_tick(struct running *r)
{
	r->tick_at_ms = clock_now_ms() + r->spec->tick_ms;
	if (r->spec->on_tick(r->spec->arg)) return;
	(void)kill(-r->pid, SIGKILL);
	r->tick_at_ms = 0;
}

static int wait_ms(const struct running *r)
{
	int64_t at = r->kill_at_ms;
	if (r->tick_at_ms > 0 && (at == 0 || r->tick_at_ms < at)) at = r->tick_at_ms;
	if (at == 0) return -1;
	int64_t left = at - clock_now_ms();
	return left > 0 ? (int)left : 0;
}

/* Until the program has ended and its pipes are empty. A grandchild that keeps a pipe open does not hold us: once the
 * program is gone its group is killed and what is left in the pipes is read without waiting. */
static bool watch(struct running *r, struct err *err)
{
	while (!r->has_exited || r->out >= 0 || r->errs >= 0) {
		struct pollfd p[4] = {{r->out, POLLIN, 0},
				      {r->errs, POLLIN, 0},
				      {r->in, POLLOUT, 0},
				      {r->has_exited ? -1 : r->pidfd, POLLIN, 0}};
		int ready = poll(p, 4, r->has_exited ? 0 : wait_ms(r));
		if (ready < 0 && errno != EINTR) return err_set_errno(err, "wait for %s", r->spec->argv[0]);
		if (ready == 0 && r->has_exited) break;
		int64_t now = clock_now_ms();
		if (r->tick_at_ms > 0 && now >= r->tick_at_ms && !r->has_exited) on_tick(r);
		if (r->kill_at_ms > 0 && now >= r->kill_at_ms && !r->has_exited) on_deadline(r);
		if (ready <= 0) continue;
		if (p[0].revents) take_output(r, &r->out, 1);
		if (p[1].revents) take_output(r, &r->errs, 2);
		if (p[2].revents) feed_input(r);
		if (p[3].revents && wait4(r->pid, &r->status, WNOHANG, &r->usage) == r->pid) {
			r->has_exited = true;
			(void)kill(-r->pid, SIGKILL);
			close_fd(&r->in);
		}
	}
	return true;
}

static bool start(struct running *r, struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errs[2] = {-1, -1}, go[2] = {-1, -1};
	bool has_input = r->spec->input.len > 0;
	bool ok = pipe2(out, O_CLOEXEC) == 0 && pipe2(errs, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0;
	if (ok && has_input) ok = pipe2(in, O_CLOEXEC) == 0 && fcntl(in[1], F_SETFL, O_NONBLOCK) == 0;
	if (ok && !has_input) ok = (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
	pid_t parent = getpid();
	if (ok) ok = (r->pid = fork_quietly()) >= 0;
	if (ok && r->pid == 0) {
		(void)close(go[1]);
		child(r->spec, parent, (int[]){in[0], out[1], errs[1], go[0]});
	}
	if (!ok) (void)err_set_errno(err, "start %s", r->spec->argv[0]);
	if (ok) {
		(void)setpgid(r->pid, r->pid); /* as the child does: whoever comes first */
		r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
		ok = r->pidfd >= 0 || err_set_errno(err, "watch %s", r->spec->argv[0]);
		if (ok && r->spec->on_forked != NULL) ok = r->spec->on_forked(r->spec->arg, r->pid, err);
		if (ok) ok = write(go[1], "", 1) == 1 || err_set_errno(err, "start %s", r->spec->argv[0]);
	}
	close_fd(&in[0]), close_fd(&out[1]), close_fd(&errs[1]), close_fd(&go[0]), close_fd(&go[1]);
	r->in = in[1], r->out = out[0], r->errs = errs[0];
	if (!ok && r->pid > 0) (void)kill(r->pid, SIGKILL), (void)waitpid(r->pid, NULL, 0);
	return ok;
}

static int open_log(const struct proc_spec *spec, const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && spec->has_user && geteuid() == 0 && fchown(fd, spec->uid, spec->gid) != 0) close_fd(&fd);
	if (fd < 0) (void)err_set_errno(err, "open %s", path);
	return fd;
}

bool proc_start_serving(const struct proc_spec *spec, const char *log_path,
			bool (*on_started)(void *arg, const struct proc_id *id, struct err *err), void *arg,
			struct proc_id *ret_id, int *ret_pidfd, struct err *err)
{
	int go[2] = {-1, -1}, null = -1, pidfd = -1, log = open_log(spec, log_path, err);
	if (log < 0) return false;
	pid_t pid = -1;
	struct proc_id id;
	bool ok = (null = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && pipe2(go, O_CLOEXEC) == 0 &&
		  (pid = fork_quietly()) >= 0;
	if (ok && pid == 0) {
		(void)close(go[1]);
		child(spec, 0, (int[]){null, log, log, go[0]});
	}
	ok = (ok && (pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) >= 0) ||
	     err_set_errno(err, "start %s", spec->argv[0]);
	ok = ok && proc_identify(pid, &id, err) && on_started(arg, &id, err);
	/* Until here a death of ours closes the pipe and the child ends without having run. */
	if (ok) ok = write(go[1], "", 1) == 1 || err_set_errno(err, "start %s", spec->argv[0]);
	close_fd(&go[0]), close_fd(&go[1]), close_fd(&null), close_fd(&log);
	if (!ok) {
		if (pid > 0) (void)kill(pid, SIGKILL), (void)waitpid(pid, NULL, 0);
		close_fd(&pidfd);
		return false;
	}
	*ret_id = id;
	*ret_pidfd = pidfd;
	return true;
}

bool proc_start_worker(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pidfd, int *ret_out_fd, struct err *err)
{
	int out[2] = {-1, -1}, go[2] = {-1, -1}, null = open("/dev/null", O_RDONLY | O_CLOEXEC), pidfd = -1;
	pid_t parent = getpid(), pid = -1;
	bool ok = null >= 0 && pipe2(go, O_CLOEXEC) == 0;
	if (ok && ret_out_fd != NULL) ok = pipe2(out, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(out[1], F_SETFL, 0) == 0;
	if (ok) ok = (pid = fork_quietly()) >= 0;
	if (ok && pid == 0) {
		(void)close(go[1]);
		child(spec, parent, (int[]){null, ret_out_fd != NULL ? out[1] : 1, 2, go[0]});
	}
	ok = (ok && (pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) >= 0 && write(go[1], "", 1) == 1) ||
	     err_set_errno(err, "start %s", spec->argv[0]);
	close_fd(&go[0]), close_fd(&go[1]), close_fd(&null), close_fd(&out[1]);
	if (!ok) {
		if (pid > 0) (void)kill(pid, SIGKILL), (void)waitpid(pid, NULL, 0);
		close_fd(&out[0]), close_fd(&pidfd);
		return false;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	if (ret_out_fd != NULL) *ret_out_fd = out[0];
	return true;
}

bool proc_reap(pid_t pid, struct proc_result *ret_result, struct err *err)
{
	int status = 0;
	struct rusage usage;
	if (wait4(pid, &status, WNOHANG, &usage) != pid)
		return err_set(err, ERR_INTERNAL, "process %d has not ended", (int)pid);
	*ret_result = (struct proc_result){.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
					   .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
					   .max_rss_kib = usage.ru_maxrss};
	return true;
}

static bool run(const struct proc_spec *spec, struct buf *output, struct proc_result *ret_result, struct buf *ret_tail,
		struct err *err)
{
	int64_t began_ms = clock_now_ms();
	struct running r = {.spec = spec, .output = output, .pidfd = -1, .in = -1, .out = -1, .errs = -1};
	buf_init(&r.tail, (size_t)2 * QUOTE_MAX_BYTES);
	if (spec->deadline_ms > 0) r.kill_at_ms = began_ms + spec->deadline_ms;
	if (spec->tick_ms > 0) r.tick_at_ms = began_ms + spec->tick_ms;
	bool ok = start(&r, err) && watch(&r, err);
	if (ok && r.is_late)
		ok = err_set(err, ERR_TIMEOUT, "%s did not end within %lld s and was stopped", spec->argv[0],
			     (long long)spec->deadline_ms / 1000);
	close_fd(&r.in), close_fd(&r.out), close_fd(&r.errs), close_fd(&r.pidfd);
	*ret_result = (struct proc_result){
	    .exit_status = WIFEXITED(r.status) ? WEXITSTATUS(r.status) : -1,
	    .signal = WIFSIGNALED(r.status) ? WTERMSIG(r.status) : 0,
	    .duration_ms = clock_now_ms() - began_ms,
	    .max_rss_kib = r.usage.ru_maxrss,
	};
	if (ret_tail != NULL) buf_str(ret_tail, buf_view(&r.tail));
	buf_done(&r.tail);
	return ok;
}

bool proc_run(const struct proc_spec *spec, struct buf *ret_output, struct proc_result *ret_result, struct err *err)
{
	struct proc_result result;
	if (!run(spec, ret_output, &result, NULL, err)) return false;
	*ret_result = result;
	return true;
}

bool proc_run_ok(const struct proc_spec *spec, struct buf *ret_output, struct err *err)
{
	struct proc_result result;
	struct buf tail BUF_CLEANUP;
	buf_init(&tail, (size_t)2 * QUOTE_MAX_BYTES);
	if (!run(spec, ret_output, &result, &tail, err)) return false;
	if (result.exit_status == 0) return true;
	struct str said = str_trim(buf_view(&tail));
	if (result.signal != 0)
		return err_set(err, ERR_FAILED, "%s was ended by signal %d (%s)%s%.*s", spec->argv[0], result.signal,
			       strsignal(result.signal), said.len > 0 ? "; it last said: " : "", STR_FMT(said));
	return err_set(err, ERR_FAILED, "%s ended with status %d%s%.*s", spec->argv[0], result.exit_status,
		       said.len > 0 ? "; it last said: " : "", STR_FMT(said));
}

static bool links_to(const char *pid, const char *name, const char *wanted)
{
	char link[300], target[FILE_PATH_SIZE];
	struct err ignored;
	(void)snprintf(link, sizeof link, "/proc/%.200s/%s", pid, name);
	return file_link_read(link, target, &ignored) && strcmp(target, wanted) == 0;
}

void proc_kill_left(const char *program, const char *cwd, int64_t deadline_ms)
{
	struct pollfd left[LEFT_MAX];
	nfds_t count = 0;
	int64_t until_ms = clock_now_ms() + deadline_ms;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d != NULL && count < LEFT_MAX && (e = readdir(d)) != NULL;) {
		int64_t pid;
		if (!str_to_int(str_from(e->d_name), &pid)) continue;
		if (!links_to(e->d_name, "cwd", cwd) || !links_to(e->d_name, "exe", program)) continue;
		int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		if (fd < 0) continue;
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
		left[count++] = (struct pollfd){fd, POLLIN, 0};
	}
	if (d != NULL) (void)closedir(d);
	for (nfds_t i = 0; i < count; i++) {
		int64_t wait_ms = until_ms - clock_now_ms();
		(void)poll(&left[i], 1, wait_ms > 0 ? (int)wait_ms : 0);
		(void)close(left[i].fd);
	}
}
