/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/clone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "owndb/elsewhere.h"
#include "owndb/tool.h"

#define PREFIX "clone-"
#define READY_DEADLINE_MS 120000
#define LIFE_MAX_MS (6 * 3600 * 1000)
#define END_DEADLINE_MS 8000
#define CLEAN_DEADLINE_MS 120000
#define KEEPER_ARGV_MAX 64

/* Both making and sweeping hold this, so that nothing is swept between its making and its locking. */
static int lock_folder(const char *path, int how, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, how) == 0) return fd;
	(void)err_set_errno(err, "lock %s", path);
	if (fd >= 0) (void)close(fd);
	return -1;
}

static bool fill_paths(struct clone *c, const struct owndb *live, struct err *err)
{
	if (!file_path(c->data_dir, err, "%s/data", c->dir) || !file_path(c->socket_dir, err, "%s/run", c->dir) ||
	    !file_path(c->app_socket_dir, err, "%s/app", c->dir) || !file_path(c->log_path, err, "%s/log", c->dir))
		return false;
	c->db = *live;
	if (live->elsewhere != NULL) { /* what stands for it is a cluster of ours */
		c->db.elsewhere = NULL;
		c->db.major = live->elsewhere->tools_major;
		c->db.migrator = ELSEWHERE_OWNER;
		c->db.archives = false;
	}
	c->db.data_dir = c->data_dir;
	c->db.socket_dir = c->socket_dir;
	c->db.app_socket_dir = live->app_socket_dir != NULL ? c->app_socket_dir : NULL;
	c->db.log_path = c->log_path;
	c->db.api_gid = live->gid; /* the app's backend has no business here */
	return true;
}

bool clone_open(struct clone *c, const struct owndb *live, const char *clones_dir, struct err *err)
{
	struct err ignored;
	*c = (struct clone){.lock = -1};
	if (!file_path(c->dir, err, "%s/" PREFIX "XXXXXX", clones_dir)) return false;
	int all = lock_folder(clones_dir, LOCK_EX, err);
	if (all < 0) return false;
	bool ok = mkdtemp(c->dir) != NULL || err_set_errno(err, "make a folder in %s", clones_dir);
	if (ok) {
		c->lock = lock_folder(c->dir, LOCK_EX | LOCK_NB, err);
		ok = c->lock >= 0 && tool_give(live, c->dir, err) && fill_paths(c, live, err);
		if (!ok) (void)file_remove_tree(c->dir, &ignored);
	}
	(void)close(all);
	if (!ok && c->lock >= 0) (void)close(c->lock);
	return ok;
}

bool clone_open_at(struct clone *c, const struct owndb *live, const char *dir, struct err *err)
{
	*c = (struct clone){.lock = -1};
	if (!file_path(c->dir, err, "%s", dir) || !fill_paths(c, live, err)) return false;
	c->db.app_socket_dir = NULL;
	c->db.archives = false;
	return true;
}

/* The keeper: a process that only waits for the clone's PostgreSQL, writes its log, and whose death ends it. */

static void write_log(void *arg, int stream, struct str bytes)
{
	(void)stream;
	(void)!write(*(int *)arg, bytes.ptr, bytes.len);
}

/* Root makes a namespace for the network alone and drops to the cluster's user: in a namespace for users the peer's
 * name would no longer be the one we know. Not by bwrap, whose waiting process has no right to pass its death on to
 * another user. Without root bwrap makes a namespace for users, in which we keep our number. */
static size_t add_words(const char **argv, size_t count, const char *const *words)
{
	for (; *words != NULL && count + 1 < KEEPER_ARGV_MAX; words++) argv[count++] = *words;
	return count;
}

static void keep(const struct clone *c, int log, pid_t parent)
{
	const struct owndb *db = &c->db;
	char program[FILE_PATH_SIZE], sockets[FILE_PATH_SIZE], uid[16], gid[16];
	struct err err;
	struct proc_result result;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) _exit(1);
	(void)snprintf(uid, sizeof uid, "%u", (unsigned)db->uid);
	(void)snprintf(gid, sizeof gid, "%u", (unsigned)db->gid);
	if (!file_path(program, &err, "%s/postgres", db->bin_dir) ||
	    !file_path(sockets, &err, "unix_socket_directories=%s%s%s", db->socket_dir,
		       db->app_socket_dir != NULL ? "," : "", db->app_socket_dir != NULL ? db->app_socket_dir : ""))
		_exit(1);
	const char *const as_root[] = {"unshare", "--net", "--", NULL};
	const char *const drop[] = {
	    "setpriv",         "--reuid",        uid,           "--regid", gid, "--clear-groups",
	    "--inh-caps=-all", "--no-new-privs", "--pdeathsig", "KILL",    NULL};
	const char *const as_self[] = {"bwrap", "--die-with-parent", "--unshare-net", "--dev-bind", "/", "/", "--",
				       NULL};
	const char *const run[] = {program, "-D", db->data_dir, "-c", sockets, CLONE_ALONE, NULL};
	const char *argv[KEEPER_ARGV_MAX];
	size_t count = 0;
	if (!c->has_network) count = add_words(argv, count, db->has_user ? as_root : as_self);
	if (db->has_user) count = add_words(argv, count, drop);
	count = add_words(argv, count, run);
	for (size_t i = 0; c->settings != NULL && c->settings[i] != NULL && count + 3 < KEEPER_ARGV_MAX; i++) {
		argv[count++] = "-c";
		argv[count++] = c->settings[i];
	}
	argv[count] = NULL;
	struct proc_spec spec = {.argv = argv,
				 .env = tool_env(),
				 .cwd = "/",
				 .deadline_ms = c->is_lasting ? 0 : LIFE_MAX_MS,
				 .on_output = write_log,
				 .arg = &log};
	bool ok = proc_run(&spec, NULL, &result, &err);
	if (!ok) dprintf(log, "%s\n", err.msg);
	_exit(ok ? 0 : 1);
}

static bool start_keeper(struct clone *c, struct err *err)
{
	/* A clone's is new; a copy that is run more than once goes on with its own. */
	int log = open(c->log_path,
		       O_WRONLY | O_CREAT | (c->lock >= 0 ? O_EXCL : 0) | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log < 0) return err_set_errno(err, "%s", c->log_path);
	pid_t parent = getpid();
	c->keeper = fork();
	if (c->keeper == 0) keep(c, log, parent);
	(void)close(log);
	if (c->keeper > 0) return true;
	c->keeper = 0;
	return err_set_errno(err, "start a process");
}

/* For the user that the app's server runs as; it may pass the clone's folder, and see nothing in it. */
static bool make_app_socket_dir(const struct clone *c, struct err *err)
{
	if (!file_is_dir(c->app_socket_dir) && !tool_make_dir(&c->db, c->app_socket_dir, err)) return false;
	if (!c->db.has_user) return true;
	return (lchown(c->app_socket_dir, c->db.uid, c->db.app_gid) == 0 && chmod(c->app_socket_dir, 0710) == 0 &&
		chmod(c->dir, 0711) == 0) ||
	       err_set_errno(err, "%s", c->app_socket_dir);
}

/* The postmaster of a data folder, by its own note, when a process of that number really sits in the folder. */
static int open_postmaster(const char *data_dir)
{
	char path[FILE_PATH_SIZE], cwd[FILE_PATH_SIZE];
	struct err ignored;
	struct buf text BUF_CLEANUP;
	struct str rest, line;
	int64_t pid;
	buf_init(&text, 4096);
	if (!file_path(path, &ignored, "%s/postmaster.pid", data_dir) || !file_read(path, &text, &ignored)) return -1;
	rest = buf_view(&text);
	if (!str_next(&rest, '\n', &line) || !str_to_int(line, &pid) || pid <= 1 || pid > INT32_MAX) return -1;
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	(void)snprintf(path, sizeof path, "/proc/%d/cwd", (int)pid);
	if (fd >= 0 && (!file_link_read(path, cwd, &ignored) || strcmp(cwd, data_dir) != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool await_end(int pidfd, int deadline_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	return poll(&p, 1, deadline_ms) == 1;
}

/* What a kill left. One that is dying still is waited for. The notes of one that is dead would keep the next from
 * starting for as long as nobody has reaped it, or its number is another's by now; of one that runs they stay, and
 * PostgreSQL says so itself. */
static bool clear_left(const struct clone *c, struct err *err)
{
	char note[FILE_PATH_SIZE], lock[FILE_PATH_SIZE];
	const char *const folders[] = {c->socket_dir, c->db.app_socket_dir};
	int pidfd = open_postmaster(c->data_dir);
	bool runs = pidfd >= 0 && !await_end(pidfd, END_DEADLINE_MS);
	if (pidfd >= 0) (void)close(pidfd);
	if (runs) return true;
	if (!file_path(note, err, "%s/postmaster.pid", c->data_dir) || !file_remove_tree(note, err)) return false;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		if (folders[i] != NULL &&
		    (!file_path(lock, err, "%s/.s.PGSQL.5432.lock", folders[i]) || !file_remove_tree(lock, err)))
			return false;
	}
	return true;
}

bool clone_start(struct clone *c, struct err *err)
{
	char left[FILE_PATH_SIZE];
	/* What the live cluster was told by ALTER SYSTEM is not for the clone. */
	if (!file_path(left, err, "%s/postgresql.auto.conf", c->data_dir) || !file_remove_tree(left, err)) return false;
	if (!file_is_dir(c->socket_dir) && !tool_make_dir(&c->db, c->socket_dir, err)) return false;
	if (strlen(c->socket_dir) > OWNDB_SOCKET_DIR_MAX)
		return err_set(err, ERR_LIMIT, "%s is too long a path for a socket folder", c->socket_dir);
	if (c->db.app_socket_dir != NULL && !make_app_socket_dir(c, err)) return false;
	return clear_left(c, err) && tool_write_conf(&c->db, c->data_dir, true, err) && start_keeper(c, err) &&
	       owndb_wait_ready(&c->db, c->keeper, c->ready_deadline_ms > 0 ? c->ready_deadline_ms : READY_DEADLINE_MS,
				err);
}

/* SIGQUIT lets it give back its shared memory; it need not be gentle otherwise. */
static void end_postmaster(const char *data_dir)
{
	int pidfd = open_postmaster(data_dir);
	if (pidfd < 0) return;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGQUIT, NULL, 0);
	if (!await_end(pidfd, END_DEADLINE_MS)) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		(void)await_end(pidfd, END_DEADLINE_MS);
	}
	(void)close(pidfd);
}

static void end_keeper(pid_t keeper)
{
	int pidfd = (int)syscall(SYS_pidfd_open, keeper, 0);
	if (pidfd < 0 || !await_end(pidfd, END_DEADLINE_MS)) (void)kill(keeper, SIGKILL);
	if (pidfd >= 0) (void)close(pidfd);
	(void)waitpid(keeper, NULL, 0);
}

void clone_stop(struct clone *c)
{
	if (c->keeper <= 0) return;
	end_postmaster(c->data_dir);
	end_keeper(c->keeper);
	c->keeper = 0;
}

bool clone_stop_clean(struct clone *c, struct err *err)
{
	if (c->keeper <= 0) return true;
	int pidfd = open_postmaster(c->data_dir);
	bool ok = pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGINT, NULL, 0) == 0 &&
		  await_end(pidfd, CLEAN_DEADLINE_MS);
	if (pidfd >= 0) (void)close(pidfd);
	if (!ok) {
		clone_stop(c);
		return err_set(err, ERR_TIMEOUT, "the copy's PostgreSQL in %s did not stop", c->dir);
	}
	end_keeper(c->keeper);
	c->keeper = 0;
	return true;
}

void clone_close(struct clone *c)
{
	struct err ignored;
	clone_stop(c);
	if (c->lock >= 0) {
		(void)file_remove_tree(c->dir, &ignored);
		(void)close(c->lock);
	}
	*c = (struct clone){.lock = -1};
}

static bool sweep_one(const char *clones_dir, const char *name, int *removed, struct err *err)
{
	char dir[FILE_PATH_SIZE], data_dir[FILE_PATH_SIZE];
	struct err ignored;
	if (!file_path(dir, err, "%s/%s", clones_dir, name) || !file_path(data_dir, err, "%s/data", dir)) return false;
	int lock = lock_folder(dir, LOCK_EX | LOCK_NB, &ignored);
	if (lock < 0) return true; /* in use */
	end_postmaster(data_dir);
	bool ok = file_remove_tree(dir, err);
	(void)close(lock);
	if (ok) (*removed)++;
	return ok;
}

bool owndb_sweep_clones(const char *clones_dir, int *ret_removed, struct err *err)
{
	int removed = 0;
	bool ok = true;
	if (!file_is_dir(clones_dir)) {
		if (ret_removed != NULL) *ret_removed = 0;
		return true;
	}
	int all = lock_folder(clones_dir, LOCK_EX, err);
	DIR *entries = all >= 0 ? opendir(clones_dir) : NULL;
	if (all >= 0 && entries == NULL) ok = err_set_errno(err, "%s", clones_dir);
	struct dirent *entry;
	while (ok && entries != NULL && (entry = readdir(entries)) != NULL)
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
			ok = sweep_one(clones_dir, entry->d_name, &removed, err);
	if (entries != NULL) (void)closedir(entries);
	if (all >= 0) (void)close(all);
	if (ok && all >= 0 && ret_removed != NULL) *ret_removed = removed;
	return ok && all >= 0;
}
