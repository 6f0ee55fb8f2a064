/* SPDX-License-Identifier: Apache-2.0 */
#include "os/bwrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/asan.h"
#include "os/file.h"

#define TMP_BYTES (256ull << 20)
#define ARENA_MAX_BYTES (1u << 20)
#define STATUS_MAX_BYTES 4096

/* Of /etc: what names, certificates and the dynamic linker need. Keys (/etc/ssl/private) and settings stay outside. */
static const char *const etc_read[] = {
    "/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/host.conf",
    "/etc/ld.so.cache",  "/etc/ld.so.conf",      "/etc/ld.so.conf.d",         "/etc/localtime",
    "/etc/mime.types",   "/etc/nsswitch.conf",   "/etc/pki/tls/certs",        "/etc/protocols",
    "/etc/services",     "/etc/ssl/certs",       "/etc/ssl/openssl.cnf",
};

static const char *const top_folders[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

static void add(struct bwrap *b, const char *arg)
{
	if (b->argc >= BWRAP_ARGS_MAX - 1 || arg == NULL)
		b->is_full = true;
	else
		b->argv[b->argc++] = arg;
}

static void add3(struct bwrap *b, const char *option, const char *from, const char *to)
{
	add(b, option), add(b, from), add(b, to);
}

static void add_number(struct bwrap *b, const char *option, uint64_t value)
{
	add(b, option), add(b, arena_printf(b->arena, "%llu", (unsigned long long)value));
}

/* Text becomes a descriptor that bwrap reads, and that a file inside is made of. */
static bool add_data(struct bwrap *b, const char *text, const char *to, struct err *err)
{
	size_t len = strlen(text);
	int fd = memfd_create("freehold", MFD_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "prepare %s of a sandbox", to);
	b->fds[b->fd_count++] = fd;
	if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)
		return err_set_errno(err, "prepare %s of a sandbox", to);
	add_number(b, "--ro-bind-data", (uint64_t)fd), add(b, to);
	return true;
}

static bool add_users(struct bwrap *b, uid_t uid, gid_t gid, struct err *err)
{
	char user[256], group[64];
	(void)snprintf(user, sizeof user, "app:x:%u:%u:app:" SANDBOX_HOME ":/bin/sh\n", (unsigned)uid, (unsigned)gid);
	(void)snprintf(group, sizeof group, "app:x:%u:\n", (unsigned)gid);
	return add_data(b, user, "/etc/passwd", err) && add_data(b, group, "/etc/group", err);
}

static bool add_names(struct bwrap *b, const struct sandbox_spec *spec, struct err *err)
{
	const char *const text[] = {spec->hosts, spec->resolv_conf};
	static const char *const to[] = {"/etc/hosts", "/etc/resolv.conf"};
	for (int i = 0; i < 2; i++)
		if (text[i] == NULL)
			add3(b, "--ro-bind-try", to[i], to[i]);
		else if (!add_data(b, text[i], to[i], err))
			return false;
	return true;
}

/* A merged /usr has links at the top: inside they are links too. */
static void add_machine(struct bwrap *b)
{
	char target[FILE_PATH_SIZE];
	add3(b, "--ro-bind", "/usr", "/usr");
	for (size_t i = 0; i < sizeof top_folders / sizeof *top_folders; i++) {
		struct err ignored;
		if (file_link_read(top_folders[i], target, &ignored))
			add3(b, "--symlink", arena_strdup(b->arena, target), top_folders[i]);
		else if (file_is_dir(top_folders[i]))
			add3(b, "--ro-bind", top_folders[i], top_folders[i]);
	}
	for (size_t i = 0; i < sizeof etc_read / sizeof *etc_read; i++)
		add3(b, "--ro-bind-try", etc_read[i], etc_read[i]);
}

static void add_mounts(struct bwrap *b, const struct sandbox_spec *spec, uint64_t tmp_bytes)
{
	for (int i = 0; i < spec->mount_count; i++) {
		const struct sandbox_mount *m = &spec->mounts[i];
		if (m->kind == SANDBOX_TMPFS)
			add_number(b, "--size", tmp_bytes), add(b, "--tmpfs"), add(b, m->to);
		else
			add3(b, m->kind == SANDBOX_READ ? "--ro-bind" : "--bind", m->from, m->to);
	}
}

static bool add_program(struct bwrap *b, const struct sandbox_spec *spec, uint32_t processes_inside, struct err *err)
{
	add(b, "--");
	if (processes_inside > 0) {
		add(b, "prlimit");
		add(b, arena_printf(b->arena, "--nproc=%u", processes_inside));
		add(b, "--");
	}
	for (const char *const *p = spec->argv; *p != NULL; p++) add(b, *p);
	if (b->is_full) return err_set(err, ERR_LIMIT, "%s: too many arguments for a sandbox", spec->argv[0]);
	b->argv[b->argc] = NULL;
	return true;
}

static void add_namespaces(struct bwrap *b, const struct sandbox_spec *spec)
{
	static const char *const always[] = {
	    "--unshare-user",       "--disable-userns",  "--unshare-pid", "--unshare-ipc", "--unshare-uts",
	    "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname",    "app",
	};
	for (size_t i = 0; i < sizeof always / sizeof *always; i++) add(b, always[i]);
	if (!spec->has_network) add(b, "--unshare-net");
	if (spec->is_pid_1) add(b, "--as-pid-1");
}

static bool open_status(struct bwrap *b, struct err *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0) return err_set_errno(err, "prepare a sandbox");
	b->status_fd = fds[0];
	b->fds[b->fd_count++] = fds[1];
	add_number(b, "--json-status-fd", (uint64_t)fds[1]);
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0 || err_set_errno(err, "prepare a sandbox");
}

static bool build(struct bwrap *b, const struct sandbox_spec *spec, uid_t uid, gid_t gid, uint32_t processes_inside,
		  struct err *err)
{
	uint64_t tmp_bytes = spec->tmp_bytes > 0 ? spec->tmp_bytes : TMP_BYTES;
	add_namespaces(b, spec);
	if (!open_status(b, err)) return false;
	add_machine(b);
	if (!add_users(b, uid, gid, err) || !add_names(b, spec, err)) return false;
	add(b, "--proc"), add(b, "/proc"), add(b, "--dev"), add(b, "/dev");
	add_number(b, "--size", tmp_bytes), add(b, "--tmpfs"), add(b, "/dev/shm");
	add_number(b, "--size", tmp_bytes), add(b, "--perms"), add(b, "1777"), add(b, "--tmpfs"), add(b, "/tmp");
	add(b, "--dir"), add(b, SANDBOX_HOME);
	add_mounts(b, spec, tmp_bytes);
#if HAS_ASAN
	add3(b, "--bind-try", ASAN_FINDINGS_DIR, ASAN_FINDINGS_DIR);
#endif
	/* bwrap makes / and /dev on tmpfs that the user could fill. */
	add(b, "--remount-ro"), add(b, "/dev"), add(b, "--remount-ro"), add(b, "/");
	add(b, "--chdir"), add(b, spec->cwd != NULL ? spec->cwd : SANDBOX_HOME);
	return add_program(b, spec, processes_inside, err);
}

/* Our own PATH finds bwrap; the environment is the program's. */
static bool find_bwrap(struct bwrap *b, struct err *err)
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path != NULL && *path != '\0' ? path : SANDBOX_PATH), part;
	while (str_next(&rest, ':', &part)) {
		char *file = arena_printf(b->arena, "%.*s/bwrap", STR_FMT(part));
		if (file == NULL || access(file, X_OK) != 0) continue;
		b->argv[b->argc++] = file;
		return true;
	}
	return err_set(err, ERR_UNAVAILABLE,
		       "bubblewrap (bwrap) is not installed, and nothing foreign runs here without it; install it with "
		       "apt-get install bubblewrap");
}

bool bwrap_open(const struct sandbox_spec *spec, uid_t uid, gid_t gid, uint32_t processes_inside,
		struct bwrap *ret_bwrap, struct err *err)
{
	struct bwrap *b = ret_bwrap;
	*b = (struct bwrap){.status_fd = -1};
	b->arena = arena_new(ARENA_MAX_BYTES);
	buf_init(&b->said, STATUS_MAX_BYTES);
	if (spec->mount_count > SANDBOX_MOUNTS_MAX)
		(void)err_set(err, ERR_INTERNAL, "too many mounts for a sandbox");
	else if (find_bwrap(b, err) && build(b, spec, uid, gid, processes_inside, err))
		return true;
	bwrap_close(b);
	return false;
}

void bwrap_close_inherited(struct bwrap *b)
{
	while (b->fd_count > 0) (void)close(b->fds[--b->fd_count]);
}

void bwrap_close(struct bwrap *b)
{
	bwrap_close_inherited(b);
	if (b->status_fd >= 0) (void)close(b->status_fd);
	b->status_fd = -1;
	buf_done(&b->said);
	arena_free(b->arena);
	b->arena = NULL;
}

void bwrap_read_status(struct bwrap *b)
{
	char chunk[512];
	ssize_t got;
	while ((got = read(b->status_fd, chunk, sizeof chunk)) > 0) buf_append(&b->said, chunk, (size_t)got);
	const char *pid = strstr(buf_cstr(&b->said), "\"child-pid\":");
	const char *space = strstr(buf_cstr(&b->said), "\"pid-namespace\":");
	if (b->child_pid == 0 && pid != NULL) (void)sscanf(pid, "\"child-pid\": %lld", &b->child_pid);
	if (b->pid_namespace == 0 && space != NULL) (void)sscanf(space, "\"pid-namespace\": %lld", &b->pid_namespace);
	b->has_ended = strstr(buf_cstr(&b->said), "\"exit-code\"") != NULL;
}
