/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/session.h"
#include "os/bwrap.h"
#include "os/proc.h"

#define TICK_MS 200
#define DYING_MS 20000
#define TAIL_MAX_BYTES 4096

/* Everything that lives as long as one run. */
struct box {
	const struct sandbox_spec *spec;
	struct bwrap bwrap;
	struct limits_group group;
	struct limits_seen seen;
	bool has_yielded; /* its session too */
	enum sandbox_end end; /* SANDBOX_EXITED until we stopped it for a reason */
	struct buf tail; /* the last bytes it printed */
};

/* While it runs. */

/* Where no cgroup counts, we do; a burst between two looks is what RLIMIT_DATA and RLIMIT_NPROC are for. */
static void sample(struct box *b)
{
	uint64_t memory;
	uint32_t processes;
	if (b->bwrap.pid_namespace == 0) return;
	limits_sample((uint64_t)b->bwrap.pid_namespace, &memory, &processes);
	if (b->group.means.memory == LIMITS_RLIMITS && memory > b->seen.memory_peak_bytes)
		b->seen.memory_peak_bytes = memory;
	if (b->group.means.processes == LIMITS_RLIMITS && processes > b->seen.processes_peak)
		b->seen.processes_peak = processes;
}

static bool is_disk_low(const struct sandbox_spec *spec)
{
	struct statvfs st;
	for (int i = 0; i < spec->mount_count && spec->limits.disk_reserve_bytes > 0; i++)
		if (spec->mounts[i].kind == SANDBOX_WRITE && statvfs(spec->mounts[i].from, &st) == 0 &&
		    (uint64_t)st.f_bavail * st.f_frsize < spec->limits.disk_reserve_bytes)
			return true;
	return false;
}

/* The first limit that was reached, or SANDBOX_EXITED. */
static enum sandbox_end look(struct box *b)
{
	const struct limits *l = &b->spec->limits;
	const struct limits_means *m = &b->group.means;
	limits_group_read(&b->group, &b->seen);
	if (m->memory == LIMITS_RLIMITS || m->processes == LIMITS_RLIMITS) sample(b);
	if (b->seen.memory_kills > 0) return SANDBOX_OUT_OF_MEMORY;
	if (m->memory == LIMITS_RLIMITS && l->memory_bytes > 0 && b->seen.memory_peak_bytes > l->memory_bytes)
		return SANDBOX_OUT_OF_MEMORY;
	if (b->seen.processes_refused > 0) return SANDBOX_OUT_OF_PROCESSES;
	/* A bomb at its limit loses as many as it starts: a sample that comes close is one that was there. */
	if (m->processes == LIMITS_RLIMITS && l->processes > 0 &&
	    b->seen.processes_peak >= l->processes - l->processes / 16)
		return SANDBOX_OUT_OF_PROCESSES;
	return is_disk_low(b->spec) ? SANDBOX_OUT_OF_DISK : SANDBOX_EXITED;
}

static bool on_tick(void *arg)
{
	struct box *b = arg;
	bwrap_read_status(&b->bwrap);
	if (!b->has_yielded && b->bwrap.child_pid > 0)
		b->has_yielded = session_nice((pid_t)b->bwrap.child_pid, LIMITS_YIELD_NICE);
	b->end = look(b);
	return b->end == SANDBOX_EXITED;
}

static bool on_forked(void *arg, pid_t pid, struct err *err)
{
	struct box *b = arg;
	return limits_group_add(&b->group, pid, err);
}

static void on_output(void *arg, int stream, struct str bytes)
{
	struct box *b = arg;
	if (b->spec->on_output != NULL) b->spec->on_output(b->spec->arg, stream, bytes);
	struct str last = str_sub(bytes, bytes.len > TAIL_MAX_BYTES ? bytes.len - TAIL_MAX_BYTES : 0, bytes.len);
	if (b->tail.len + last.len > TAIL_MAX_BYTES) buf_consume(&b->tail, b->tail.len + last.len - TAIL_MAX_BYTES);
	buf_str(&b->tail, last);
}

/* bwrap goes when the program does; what the program left behind is being killed by the kernel then. Pid 1 of a
 * namespace is gone only after all others are, so that is whom we wait for. */
static bool await_last(struct box *b, struct err *err)
{
	bwrap_read_status(&b->bwrap);
	limits_group_kill(&b->group);
	if (b->bwrap.child_pid <= 0) return true;
	char path[64];
	struct stat st;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)b->bwrap.child_pid, 0);
	if (fd < 0) return true;
	(void)snprintf(path, sizeof path, "/proc/%lld/ns/pid", b->bwrap.child_pid);
	bool is_other = stat(path, &st) == 0 && st.st_ino != (ino_t)b->bwrap.pid_namespace;
	struct pollfd p = {fd, POLLIN, 0};
	bool ok = is_other || poll(&p, 1, DYING_MS) == 1;
	(void)close(fd);
	return ok || err_set(err, ERR_INTERNAL, "%s: a process of its sandbox does not die", b->spec->argv[0]);
}

/* How it ended. */

static bool tail_has(const struct box *b, const char *const *phrases)
{
	for (; *phrases != NULL; phrases++)
		if (str_find(buf_view(&b->tail), str_from(*phrases)) >= 0) return true;
	return false;
}

/* An rlimit refuses memory to the program instead of ending it: its own words are the only trace. */
static enum sandbox_end end_by_words(const struct box *b)
{
	static const char *const memory[] = {"out of memory", "Out of memory", "annot allocate", "llocation failed",
					     "bad_alloc",     "ENOMEM",        "MemoryError",    NULL};
	static const char *const processes[] = {"Resource temporarily unavailable", "EAGAIN", "pthread_create", NULL};
	if (b->group.means.memory == LIMITS_RLIMITS && b->spec->limits.memory_bytes > 0 && tail_has(b, memory))
		return SANDBOX_OUT_OF_MEMORY;
	if (b->group.means.processes == LIMITS_RLIMITS && b->spec->limits.processes > 0 && tail_has(b, processes))
		return SANDBOX_OUT_OF_PROCESSES;
	return SANDBOX_EXITED;
}

static bool explain_bwrap(const struct box *b, struct err *err)
{
	struct str said = str_trim(buf_view(&b->tail));
	bool is_forbidden = str_find(said, STR("namespace")) >= 0 || str_find(said, STR("uid map")) >= 0;
	return err_set(err, ERR_UNAVAILABLE, "the sandbox for %s could not be made%s%.*s%s", b->spec->argv[0],
		       said.len > 0 ? ": " : " (is bubblewrap installed?)", STR_FMT(str_sub(said, 0, 500)),
		       is_forbidden ? "; this machine forbids unprivileged user namespaces: allow them (sysctl "
				      "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
				    : "");
}

/* bwrap reports a program that a signal ended as 128 + signal. */
static void read_end(struct box *b, const struct proc_result *proc, struct sandbox_result *r)
{
	int status = proc->exit_status;
	enum sandbox_end last = look(b);
	r->end = b->end != SANDBOX_EXITED ? b->end : last;
	if (r->end == SANDBOX_OUT_OF_DISK && status == 0) r->end = SANDBOX_EXITED;
	if (r->end == SANDBOX_EXITED && status == 128 + SIGXFSZ) r->end = SANDBOX_FILE_TOO_LARGE;
	if (r->end == SANDBOX_EXITED && status != 0) r->end = end_by_words(b);
	if (r->end == SANDBOX_EXITED && (status > 128 || status < 0)) r->end = SANDBOX_SIGNALED;
	r->exit_status = r->end == SANDBOX_EXITED ? status : -1;
	r->signal = r->end != SANDBOX_SIGNALED ? 0 : status > 128 ? status - 128 : proc->signal;
}

static bool run(struct box *b, struct buf *output, struct sandbox_result *ret_result, struct err *err)
{
	const struct sandbox_spec *s = b->spec;
	struct proc_result proc = {.exit_status = -1};
	int64_t began_ms = clock_now_ms();
	struct proc_spec spec = {
	    .argv = b->bwrap.argv,
	    .env = s->env,
	    .has_user = s->has_user && geteuid() == 0,
	    .uid = s->uid,
	    .gid = s->gid,
	    .input = s->input,
	    .deadline_ms = s->limits.deadline_ms,
	    .on_output = on_output,
	    .on_forked = on_forked,
	    .tick_ms = TICK_MS,
	    .on_tick = on_tick,
	    .arg = b,
	};
	for (int i = 0; i < b->bwrap.fd_count; i++) spec.keep_fds[spec.keep_fd_count++] = b->bwrap.fds[i];
	if (s->keep_fd > 2) spec.keep_fds[spec.keep_fd_count++] = s->keep_fd;
	bool ok = proc_run(&spec, output, &proc, err);
	if (!ok && err->code == ERR_TIMEOUT) b->end = SANDBOX_OUT_OF_TIME, ok = true;
	struct err late;
	if (!await_last(b, ok ? err : &late)) return false;
	if (!ok) return err_wrap(err, "sandbox");
	bool has_run = b->bwrap.has_ended || b->end != SANDBOX_EXITED;
	if (!has_run && proc.signal == 0) return explain_bwrap(b, err);
	struct sandbox_result r = {.memory_way = b->group.means.memory, .processes_way = b->group.means.processes};
	read_end(b, &proc, &r);
	r.duration_ms = clock_now_ms() - began_ms;
	r.memory_peak_bytes = b->seen.memory_peak_bytes;
	r.processes_peak = b->seen.processes_peak;
	*ret_result = r;
	return true;
}

bool sandbox_run(const struct sandbox_spec *spec, struct buf *ret_output, struct sandbox_result *ret_result,
		 struct err *err)
{
	bool is_root = geteuid() == 0;
	uid_t uid = is_root ? spec->uid : geteuid();
	gid_t gid = is_root ? spec->gid : getegid();
	if (is_root && (!spec->has_user || spec->uid == 0 || spec->gid == 0))
		return err_set(err, ERR_INTERNAL, "%s: a sandbox never runs as root; give it a user", spec->argv[0]);
	struct box b = {.spec = spec};
	if (!limits_group_open(&b.group, &spec->limits, err)) return false;
	uint32_t inside = b.group.means.processes == LIMITS_RLIMITS ? spec->limits.processes : 0;
	bool ok = bwrap_open(spec, uid, gid, inside, &b.bwrap, err);
	if (ok) {
		buf_init(&b.tail, (size_t)2 * TAIL_MAX_BYTES);
		ok = run(&b, ret_output, ret_result, err);
		buf_done(&b.tail);
		bwrap_close(&b.bwrap);
	}
	limits_group_close(&b.group);
	return ok;
}

static void describe_bytes(uint64_t bytes, char ret_text[32])
{
	if (bytes >= 1000000000ull)
		(void)snprintf(ret_text, 32, "%.1f GB", (double)bytes / 1e9);
	else
		(void)snprintf(ret_text, 32, "%.0f MB", (double)bytes / 1e6);
}

static void describe_time(int64_t ms, char ret_text[32])
{
	if (ms >= 120000)
		(void)snprintf(ret_text, 32, "%lld minutes", (long long)ms / 60000);
	else
		(void)snprintf(ret_text, 32, "%.3g seconds", (double)ms / 1000);
}

bool sandbox_judge(const struct sandbox_result *result, const struct limits *limits, const char *what, struct err *err)
{
	char text[32];
	switch (result->end) {
	case SANDBOX_EXITED:
		if (result->exit_status == 0) return true;
		return err_set(err, ERR_FAILED, "%s failed (exit status %d)", what, result->exit_status);
	case SANDBOX_SIGNALED:
		return err_set(err, ERR_FAILED, "%s was ended by signal %d (%s)", what, result->signal,
			       strsignal(result->signal));
	case SANDBOX_OUT_OF_MEMORY:
		describe_bytes(limits->memory_bytes, text);
		return err_set(err, ERR_LIMIT, "%s needed more than its %s of memory and was stopped (measured by %s)",
			       what, text, limits_way_word(result->memory_way));
	case SANDBOX_OUT_OF_PROCESSES:
		return err_set(err, ERR_LIMIT,
			       "%s started more than its %u processes and threads at one time and was stopped (counted "
			       "by %s)",
			       what, limits->processes, limits_way_word(result->processes_way));
	case SANDBOX_OUT_OF_TIME:
		describe_time(limits->deadline_ms, text);
		return err_set(err, ERR_TIMEOUT, "%s did not end within %s and was stopped", what, text);
	case SANDBOX_OUT_OF_DISK:
		describe_bytes(limits->disk_reserve_bytes, text);
		return err_set(err, ERR_LIMIT,
			       "%s was stopped because less than %s of disk was left for everything else; free some "
			       "space and try again",
			       what, text);
	case SANDBOX_FILE_TOO_LARGE: break;
	}
	describe_bytes(limits->file_bytes, text);
	return err_set(err, ERR_LIMIT, "%s wrote a file of more than %s and was stopped", what, text);
}

bool sandbox_probe(bool has_user, uid_t uid, gid_t gid, struct err *err)
{
	struct sandbox_spec spec = {.argv = (const char *const[]){"true", NULL},
				    .env = (const char *const[]){"PATH=" SANDBOX_PATH, NULL},
				    .has_user = has_user,
				    .uid = uid,
				    .gid = gid,
				    .limits = {.deadline_ms = 10000}};
	struct sandbox_result result;
	return sandbox_run(&spec, NULL, &result, err) && sandbox_judge(&result, &spec.limits, "the sandbox", err);
}
