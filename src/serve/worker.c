/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/session.h"
#include "serve/usage.h"

#define PROGRAM_BYTES (512ull << 20) /* what Deno and V8 set aside beside the function's own memory */
#define THREADS_MAX 96
#define OOM_FIRST "900" /* before pid 1, and before servers */
#define STUCK_PART 3 /* of boot_ms, until it must have said who it is */
#define ARG_SIZE 512
#define ARGV_MAX (CONFIG_ARGV_MAX + 8)

static void set_rlimit(int what, uint64_t value)
{
	struct rlimit limit = {value, value}, old;
	if (value == 0 || getrlimit((__rlimit_resource_t)what, &old) != 0) return;
	if (limit.rlim_max > old.rlim_max) limit.rlim_cur = limit.rlim_max = old.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &limit);
}

/* The child's side: only what is safe after fork. A process alone may not take what all of them have together. */
__attribute__((noreturn)) static void child(const struct config *c, const char *const *argv, const char *const *env,
					    int log_fd, bool holds_rlimits)
{
	sigset_t none;
	struct rlimit no_core = {0, 0};
	sigemptyset(&none);
	for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDONLY);
	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0) _exit(126);
	(void)syscall(SYS_close_range, 3u, ~0u, 0);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	set_rlimit(RLIMIT_NOFILE, c->files);
	set_rlimit(RLIMIT_FSIZE, c->file_bytes);
	set_rlimit(RLIMIT_DATA, c->worker_memory_bytes + PROGRAM_BYTES);
	if (holds_rlimits) set_rlimit(RLIMIT_NPROC, c->processes);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) (void)!write(fd, OOM_FIRST, strlen(OOM_FIRST)), (void)close(fd);
	environ = (char **)(uintptr_t)env;
	if (chdir(c->cwd) == 0) (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static bool make_token(char ret_token[WORKER_TOKEN_SIZE])
{
	unsigned char bytes[WORKER_TOKEN_SIZE / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return false;
	for (size_t i = 0; i < sizeof bytes; i++) (void)snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

bool worker_start(struct worker *w, const struct config *c, uint16_t control_port, int log_fd, bool holds_rlimits,
		  struct err *err)
{
	const struct config_function *f = &c->functions[w->index];
	char config[ARG_SIZE], lock[ARG_SIZE], entry[ARG_SIZE + sizeof "file:///app/src/"], told[ARG_SIZE];
	const char *argv[ARGV_MAX], *env[CONFIG_ENV_MAX + 2];
	struct stat st;
	size_t n = 0, e = 0;
	if (!make_token(w->token)) return err_set_errno(err, "start the function %s", f->name);
	(void)snprintf(config, sizeof config, "--config=/app/gen/%s/deno.json", f->name);
	(void)snprintf(lock, sizeof lock, "--lock=/app/gen/%s/deno.lock", f->name);
	(void)snprintf(entry, sizeof entry, "file:///app/src/%s", f->entry);
	(void)snprintf(told, sizeof told, "FREEHOLD_WORKER=%u %u %s", w->port, control_port, w->token);
	for (; c->argv[n] != NULL; n++) argv[n] = c->argv[n];
	argv[n++] = config, argv[n++] = lock, argv[n++] = "/app/freehold/runtime.mjs", argv[n++] = entry;
	argv[n] = NULL;
	env[e++] = told;
	for (size_t i = 0; c->env[i] != NULL; i++) env[e++] = c->env[i];
	env[e] = NULL;
	pid_t pid = fork();
	if (pid < 0) return err_set_errno(err, "start the function %s", f->name);
	if (pid == 0) child(c, argv, env, log_fd, holds_rlimits);
	w->pid = pid;
	w->phase = WORKER_BOOTING;
	w->started_ms = w->used_ms = clock_now_ms();
	w->cpu_ms = w->quiet_cpu_ms = w->leave_ms = w->boot_ms = w->waited_ms = 0;
	w->has_said = false;
	w->tasks = 0;
	w->passed_bytes = w->passed_then = 0;
	w->is_killed = false;
	w->why[0] = '\0';
	w->log_began = fstat(log_fd, &st) == 0 ? st.st_size : 0;
	return true;
}

void worker_kill(struct worker *w, enum answer answer, const char *fmt, ...)
{
	va_list args;
	if (w->pid <= 0 || w->is_killed) return;
	w->is_killed = true;
	w->answer = answer;
	va_start(args, fmt);
	(void)vsnprintf(w->why, sizeof w->why, fmt, args);
	va_end(args);
	w->phase = WORKER_LEAVING;
	session_signal(w->pid, SIGKILL);
}

static struct str read_proc(pid_t pid, const char *rest, char *space, size_t size)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, rest);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, space, size) : 0;
	if (fd >= 0) (void)close(fd);
	return (struct str){space, got > 0 ? (size_t)got : 0};
}

/* User and system time of the thread that runs the function, in stat's fields 14 and 15 (proc(5)). */
static int64_t main_thread_ms(pid_t pid)
{
	char rest[64], space[1024];
	(void)snprintf(rest, sizeof rest, "task/%d/stat", (int)pid);
	struct str text = read_proc(pid, rest, space, sizeof space - 1), field;
	int64_t user = 0, system = 0;
	for (size_t i = text.len; i > 0; i--)
		if (text.ptr[i - 1] == ')') {
			text = str_sub(text, i, text.len);
			break;
		}
	text = str_trim(text);
	for (int n = 3; str_next(&text, ' ', &field); n++) {
		if (n == 14) (void)str_to_int(field, &user);
		if (n == 15) (void)str_to_int(field, &system);
	}
	return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* How long it wanted a processor and had none: the second number of schedstat, in nanoseconds (Documentation/scheduler/
 * sched-stats.rst of Linux). 0 where the kernel does not tell. */
static int64_t main_thread_waited_ms(pid_t pid)
{
	char space[128];
	int64_t waited_ns;
	struct str text = read_proc(pid, "schedstat", space, sizeof space), ran, waited;
	bool is_told = str_next(&text, ' ', &ran) && str_next(&text, ' ', &waited) && str_to_int(waited, &waited_ns);
	return is_told ? waited_ns / 1000000 : 0;
}

/* What a busy machine kept from it is not counted against it. One that did not get as far as saying who it is has run
 * nothing of the app yet (a program that hangs in its own start), so another may be tried. */
static void look_at_boot(struct worker *w, const struct config *c, int64_t since_ms)
{
	int64_t waited_ms = main_thread_waited_ms(w->pid), own_ms = since_ms - (waited_ms - w->waited_ms);
	w->waited_ms = waited_ms;
	if (own_ms > 0) w->boot_ms += own_ms;
	if (w->boot_ms <= (w->has_said ? c->worker_boot_ms : c->worker_boot_ms / STUCK_PART)) return;
	worker_kill(w, ANSWER_BOOT, "it was not ready after %lld s, of which it computed for %lld.%lld s%s",
		    (long long)w->boot_ms / 1000, (long long)w->cpu_ms / 1000, (long long)w->cpu_ms / 100 % 10,
		    w->has_said ? "" : ", and none of its code had run yet");
}

/* Nothing but a loop takes so much of its thread and answers nobody. Processor time, not time: on a busy machine it
 * gets less of it. */
static void look_at_time(struct worker *w, const struct config *c, int64_t since_ms)
{
	int64_t cpu_ms = main_thread_ms(w->pid), used_ms = cpu_ms - w->cpu_ms;
	bool is_busy = used_ms * 10 >= since_ms, is_quiet = w->passed_bytes == w->passed_then;
	w->cpu_ms = cpu_ms;
	w->passed_then = w->passed_bytes;
	w->quiet_cpu_ms = is_busy && is_quiet ? w->quiet_cpu_ms + used_ms : 0;
	if (w->quiet_cpu_ms >= c->busy_ms)
		worker_kill(
		    w, ANSWER_LIMIT,
		    "it computed for %lld s without answering anybody (CPU time limit); an endless loop does that",
		    (long long)w->quiet_cpu_ms / 1000);
}

void worker_look(struct worker *w, const struct config *c, int64_t since_ms)
{
	char space[4096];
	struct usage u = {0};
	if (w->pid <= 0 || w->is_killed) return;
	usage_add_status(read_proc(w->pid, "status", space, sizeof space), &u);
	if (u.memory_bytes > c->worker_memory_bytes)
		worker_kill(w, ANSWER_LIMIT, "it used %llu MB of memory, and a function may have %llu (memory limit)",
			    (unsigned long long)(u.memory_bytes >> 20),
			    (unsigned long long)(c->worker_memory_bytes >> 20));
	else if (u.processes > THREADS_MAX)
		worker_kill(w, ANSWER_LIMIT, "it had %u threads, and a function may have %d", u.processes, THREADS_MAX);
	else
		look_at_time(w, c, since_ms);
	if (w->phase == WORKER_BOOTING) look_at_boot(w, c, since_ms);
}

static bool says(struct str last, const char *what)
{
	return str_find(last, str_from(what)) >= 0;
}

void worker_judge(struct worker *w, const struct config *c, int status, struct str last)
{
	bool was_booting = w->phase == WORKER_BOOTING;
	unsigned long long mb = (unsigned long long)(c->worker_memory_bytes >> 20);
	if (w->is_killed) return;
	w->answer = was_booting ? ANSWER_BOOT : ANSWER_ERROR;
	if (says(last, "JavaScript out of memory") || says(last, "heap limit")) {
		w->answer = ANSWER_LIMIT;
		(void)snprintf(w->why, sizeof w->why, "its memory was full: a function may have %llu MB (memory limit)",
			       mb);
	} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		w->answer = ANSWER_LIMIT;
		(void)snprintf(w->why, sizeof w->why,
			       "the kernel ended it: all functions of this app together had no memory left");
	} else if (WIFSIGNALED(status)) {
		(void)snprintf(w->why, sizeof w->why, "it crashed (signal %d)", WTERMSIG(status));
	} else if (w->why[0] == '\0') {
		(void)snprintf(w->why, sizeof w->why, "it ended %s with status %d",
			       was_booting ? "while it was loaded," : "by itself", WEXITSTATUS(status));
	}
}
