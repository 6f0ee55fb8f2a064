/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "os/file.h"
#include "os/proc.h"

#define TMP_BYTES (256ull << 20)
#define TICK_MS 200
#define DYING_MS 20000
#define ARGS_MAX 384
#define ARENA_MAX_BYTES (1u << 20)
#define STATUS_MAX_BYTES 4096
#define TAIL_MAX_BYTES 4096

/* Of /etc: what names, certificates and the dynamic linker need. Keys (/etc/ssl/private) and settings stay outside. */
static const char *const etc_read[] = {
    "/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf",
    "/etc/host.conf",    "/etc/hosts",           "/etc/ld.so.cache",
    "/etc/ld.so.conf",   "/etc/ld.so.conf.d",    "/etc/localtime",
    "/etc/mime.types",   "/etc/nsswitch.conf",   "/etc/pki/tls/certs",
    "/etc/protocols",    "/etc/resolv.conf",     "/etc/services",
    "/etc/ssl/certs",    "/etc/ssl/openssl.cnf",
};

static const char *const top_folders[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

struct args {
	struct arena *arena;
	const char *list[ARGS_MAX];
	int count;
	bool is_full;
};

static void add(struct args *a, const char *arg)
{
	if (a->count >= ARGS_MAX - 1 || arg == NULL)
		a->is_full = true;
	else
		a->list[a->count++] = arg;
}

static void add3(struct args *a, const char *option, const char *from, const char *to)
{
	add(a, option), add(a, from), add(a, to);
}

static void add_number(struct args *a, const char *option, uint64_t value)
{
	add(a, option), add(a, arena_printf(a->arena, "%llu", (unsigned long long)value));
}

/* Everything that lives as long as one run. */
struct box {
	const struct sandbox_spec *spec;
	struct args args;
	struct limits_group group;
	struct limits_seen seen;
	enum sandbox_end end; /* SANDBOX_EXITED until we stopped it for a reason */
	int passwd_fd, group_fd;
	int status[2]; /* what bwrap says about itself, JSON lines */
	struct buf said;
	struct buf tail; /* the last bytes it printed */
	long long child_pid; /* pid 1 of the inside, as we see it; 0: not known yet */
	long long pid_namespace;
};

static int data_fd(const char *text)
{
	int fd = memfd_create("freehold", MFD_CLOEXEC);
	size_t len = strlen(text);
	if (fd < 0) return -1;
	if (write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0) return fd;
	(void)close(fd);
	return -1;
}

static bool open_data(struct box *b, uid_t uid, gid_t gid, struct err *err)
{
	char text[256];
	(void)snprintf(text, sizeof text, "app:x:%u:%u:app:" SANDBOX_HOME ":/bin/sh\n", (unsigned)uid, (unsigned)gid);
	b->passwd_fd = data_fd(text);
	(void)snprintf(text, sizeof text, "app:x:%u:\n", (unsigned)gid);
	b->group_fd = data_fd(text);
	if (b->passwd_fd < 0 || b->group_fd < 0 || pipe2(b->status, O_CLOEXEC) != 0 ||
	    fcntl(b->status[0], F_SETFL, O_NONBLOCK) != 0)
		return err_set_errno(err, "prepare a sandbox");
	return true;
}

/* A merged /usr has links at the top: inside they are links too. */
static bool add_machine(struct args *a, struct err *err)
{
	char target[FILE_PATH_SIZE];
	add3(a, "--ro-bind", "/usr", "/usr");
	for (size_t i = 0; i < sizeof top_folders / sizeof *top_folders; i++) {
		struct err ignored;
		if (file_link_read(top_folders[i], target, &ignored))
			add3(a, "--symlink", arena_strdup(a->arena, target), top_folders[i]);
		else if (file_is_dir(top_folders[i]))
			add3(a, "--ro-bind", top_folders[i], top_folders[i]);
	}
	for (size_t i = 0; i < sizeof etc_read / sizeof *etc_read; i++)
		add3(a, "--ro-bind-try", etc_read[i], etc_read[i]);
	return !a->is_full || err_set(err, ERR_INTERNAL, "a sandbox with too many arguments");
}

static void add_mounts(struct args *a, const struct sandbox_spec *spec, uint64_t tmp_bytes)
{
	for (int i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *m = &spec->mounts[i];
		if (m->kind == SANDBOX_TMPFS)
			add_number(a, "--size", tmp_bytes), add(a, "--tmpfs"), add(a, m->to);
		else
			add3(a, m->kind == SANDBOX_READ ? "--ro-bind" : "--bind", m->from, m->to);
	}
}

static bool add_program(struct box *b, struct err *err)
{
	struct args *a = &b->args;
	add(a, "--");
	/* The limit is set inside, so that it counts the inside's user namespace and not all that this user runs. */
	if (b->group.means.processes == LIMITS_RLIMITS && b->spec->limits.processes > 0) {
		add(a, "prlimit");
		add(a, arena_printf(a->arena, "--nproc=%u", b->spec->limits.processes));
		add(a, "--");
	}
	for (const char *const *p = b->spec->argv; *p != NULL; p++) add(a, *p);
	if (a->is_full) return err_set(err, ERR_LIMIT, "%s: too many arguments for a sandbox", b->spec->argv[0]);
	a->list[a->count] = NULL;
	return true;
}

static bool build_args(struct box *b, struct err *err)
{
	static const char *const always[] = {
	    "--unshare-user",       "--disable-userns",  "--unshare-pid", "--unshare-ipc", "--unshare-uts",
	    "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname",    "app",
	};
	struct args *a = &b->args;
	uint64_t tmp_bytes = b->spec->tmp_bytes > 0 ? b->spec->tmp_bytes : TMP_BYTES;
	add(a, "bwrap");
	for (size_t i = 0; i < sizeof always / sizeof *always; i++) add(a, always[i]);
	if (!b->spec->has_network) add(a, "--unshare-net");
	add_number(a, "--json-status-fd", (uint64_t)b->status[1]);
	if (!add_machine(a, err)) return false;
	add_number(a, "--ro-bind-data", (uint64_t)b->passwd_fd), add(a, "/etc/passwd");
	add_number(a, "--ro-bind-data", (uint64_t)b->group_fd), add(a, "/etc/group");
	add(a, "--proc"), add(a, "/proc"), add(a, "--dev"), add(a, "/dev");
	add_number(a, "--size", tmp_bytes), add(a, "--tmpfs"), add(a, "/dev/shm");
	add_number(a, "--size", tmp_bytes), add(a, "--perms"), add(a, "1777"), add(a, "--tmpfs"), add(a, "/tmp");
	add(a, "--dir"), add(a, SANDBOX_HOME);
	add_mounts(a, b->spec, tmp_bytes);
	/* bwrap makes / and /dev on tmpfs that the user could fill. */
	add(a, "--remount-ro"), add(a, "/dev"), add(a, "--remount-ro"), add(a, "/");
	add(a, "--chdir"), add(a, b->spec->cwd != NULL ? b->spec->cwd : SANDBOX_HOME);
	return add_program(b, err);
}

/* While it runs. */

static void read_status(struct box *b)
{
	char chunk[512];
	ssize_t got;
	while ((got = read(b->status[0], chunk, sizeof chunk)) > 0) buf_append(&b->said, chunk, (size_t)got);
	const char *pid = strstr(buf_cstr(&b->said), "\"child-pid\":");
	const char *space = strstr(buf_cstr(&b->said), "\"pid-namespace\":");
	if (b->child_pid == 0 && pid != NULL) (void)sscanf(pid, "\"child-pid\": %lld", &b->child_pid);
	if (b->pid_namespace == 0 && space != NULL) (void)sscanf(space, "\"pid-namespace\": %lld", &b->pid_namespace);
}

/* Where no cgroup counts, we do; a burst between two looks is what RLIMIT_DATA and RLIMIT_NPROC are for. */
static void sample(struct box *b)
{
	uint64_t memory;
	uint32_t processes;
	if (b->pid_namespace == 0) return;
	limits_sample((uint64_t)b->pid_namespace, &memory, &processes);
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
	read_status(b);
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
	read_status(b);
	limits_group_kill(&b->group);
	if (b->child_pid <= 0) return true;
	char path[64];
	struct stat st;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)b->child_pid, 0);
	if (fd < 0) return true;
	(void)snprintf(path, sizeof path, "/proc/%lld/ns/pid", b->child_pid);
	bool is_other = stat(path, &st) == 0 && st.st_ino != (ino_t)b->pid_namespace;
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
	    .argv = b->args.list,
	    .env = s->env,
	    .has_user = s->has_user && geteuid() == 0,
	    .uid = s->uid,
	    .gid = s->gid,
	    .input = s->input,
	    .deadline_ms = s->limits.deadline_ms,
	    .keep_fds = {b->status[1], b->passwd_fd, b->group_fd, b->spec->keep_fd},
	    .keep_fd_count = b->spec->keep_fd > 2 ? 4 : 3,
	    .on_output = on_output,
	    .on_forked = on_forked,
	    .tick_ms = TICK_MS,
	    .on_tick = on_tick,
	    .arg = b,
	};
	bool ok = proc_run(&spec, output, &proc, err);
	if (!ok && err->code == ERR_TIMEOUT) b->end = SANDBOX_OUT_OF_TIME, ok = true;
	struct err late;
	if (!await_last(b, ok ? err : &late)) return false;
	if (!ok) return err_wrap(err, "sandbox");
	bool has_run = strstr(buf_cstr(&b->said), "\"exit-code\"") != NULL || b->end != SANDBOX_EXITED;
	if (!has_run && proc.signal == 0) return explain_bwrap(b, err);
	struct sandbox_result r = {.memory_way = b->group.means.memory, .processes_way = b->group.means.processes};
	read_end(b, &proc, &r);
	r.duration_ms = clock_now_ms() - began_ms;
	r.memory_peak_bytes = b->seen.memory_peak_bytes;
	r.processes_peak = b->seen.processes_peak;
	*ret_result = r;
	return true;
}

static void close_fd(int fd)
{
	if (fd >= 0) (void)close(fd);
}

/* Our own PATH finds bwrap; the environment is the program's. */
static bool find_bwrap(struct args *a, struct err *err)
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path != NULL && *path != '\0' ? path : SANDBOX_PATH), part;
	while (str_next(&rest, ':', &part)) {
		char *file = arena_printf(a->arena, "%.*s/bwrap", STR_FMT(part));
		if (file == NULL || access(file, X_OK) != 0) continue;
		a->list[0] = file;
		return true;
	}
	return err_set(err, ERR_UNAVAILABLE,
		       "bubblewrap (bwrap) is not installed, and nothing foreign runs here without it; install it with "
		       "apt-get install bubblewrap");
}

bool sandbox_run(const struct sandbox_spec *spec, struct buf *ret_output, struct sandbox_result *ret_result,
		 struct err *err)
{
	bool is_root = geteuid() == 0;
	uid_t uid = is_root ? spec->uid : geteuid();
	gid_t gid = is_root ? spec->gid : getegid();
	if (is_root && (!spec->has_user || spec->uid == 0 || spec->gid == 0))
		return err_set(err, ERR_INTERNAL, "%s: a sandbox never runs as root; give it a user", spec->argv[0]);
	if (spec->mount_count > SANDBOX_MOUNTS_MAX) return err_set(err, ERR_INTERNAL, "too many mounts for a sandbox");
	struct box b = {.spec = spec, .passwd_fd = -1, .group_fd = -1, .status = {-1, -1}};
	b.args.arena = arena_new(ARENA_MAX_BYTES);
	buf_init(&b.said, STATUS_MAX_BYTES), buf_init(&b.tail, (size_t)2 * TAIL_MAX_BYTES);
	bool ok = open_data(&b, uid, gid, err) && limits_group_open(&b.group, &spec->limits, err);
	if (ok) {
		ok = build_args(&b, err) && find_bwrap(&b.args, err) && run(&b, ret_output, ret_result, err);
		limits_group_close(&b.group);
	}
	close_fd(b.passwd_fd), close_fd(b.group_fd), close_fd(b.status[0]), close_fd(b.status[1]);
	buf_done(&b.said), buf_done(&b.tail);
	arena_free(b.args.arena);
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
