/* SPDX-License-Identifier: Apache-2.0 */
#include "app/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/home.h"

#define HELPER_MAX_BYTES (256u << 20)

#define ENDING "ending"
#define ENDING_WAIT_S 30

void flow_lock_ending(int fd)
{
	if (fd >= 0) (void)!write(fd, ENDING "\n", sizeof ENDING);
}

static void on_alarm(int number)
{
	(void)number;
}

/* One that has been told to end answers nobody any more, and is gone in a moment. */
static bool wait_for_ending(int fd, const char *path)
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	struct sigaction alarmed = {.sa_handler = on_alarm}, before;
	buf_init(&text, 64);
	if (!file_read(path, &text, &ignored) || str_find(buf_view(&text), STR(ENDING)) < 0) return false;
	(void)sigaction(SIGALRM, &alarmed, &before); /* without SA_RESTART: flock gives up */
	(void)alarm(ENDING_WAIT_S);
	bool is_ours = flock(fd, LOCK_EX) == 0;
	(void)alarm(0);
	(void)sigaction(SIGALRM, &before, NULL);
	return is_ours;
}

bool flow_lock(const struct layout *l, int *ret_fd, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_mkdirs(l->home, 0755, err) || !layout_home(l, "lock", path, err)) return false;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) return err_set_errno(err, "%s", path);
	int why = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
	if (why == EWOULDBLOCK && wait_for_ending(fd, path)) why = 0;
	if (why != 0) {
		(void)close(fd);
		errno = why;
		return why == EWOULDBLOCK ? err_set(err, ERR_CONFLICT, "Freehold runs already for %s", l->home)
					  : err_set_errno(err, "lock %s", path);
	}
	if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) return err_set_errno(err, "%s", path);
	*ret_fd = fd;
	return true;
}

/* The apps' users must be able to run the helpers, wherever this build lies (in a home of mode 0700, say): so each
 * start puts them into the home. What runs keeps its own file open. */
static bool put_helper(const struct flow *f, const char *bin_dir, const char *name, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	if (!file_path(from, err, "%s/%s", bin_dir, name) || !file_path(to, err, "%s/%s", f->helpers, name))
		return false;
	struct stat a, b;
	if (stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_size == b.st_size && a.st_mtime <= b.st_mtime) return true;
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, HELPER_MAX_BYTES);
	return file_read(from, &bytes, err) && file_write(to, buf_view(&bytes), 0755, err);
}

static bool put_helpers(const struct flow *f, const char *bin_dir, struct err *err)
{
	return file_mkdirs(f->helpers, 0755, err) && put_helper(f, bin_dir, "freehold-backend", err) &&
	       put_helper(f, bin_dir, "freehold-intake", err) && put_helper(f, bin_dir, "freehold-archive", err) &&
	       put_helper(f, bin_dir, "freehold-forward", err) && put_helper(f, bin_dir, "freehold-serve", err) &&
	       put_helper(f, bin_dir, "freehold-image", err);
}

/* As root the apps' users and nginx's workers must be able to reach what is theirs below the home. */
static bool check_reachable(const struct layout *l, struct err *err)
{
	char part[FILE_PATH_SIZE];
	struct stat st;
	if (!file_path(part, err, "%s", l->home)) return false;
	for (char *slash = strrchr(part, '/'); slash != NULL && slash != part; slash = strrchr(part, '/')) {
		if (stat(part, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
			return err_set(err, ERR_INVALID,
				       "%s cannot be Freehold's home: the users that the apps run as may not pass %s "
				       "(chmod o+x %s, or choose another folder)",
				       l->home, part, part);
		*slash = '\0';
	}
	return true;
}

static bool port_from_environment(const char *name, int64_t usual, uint16_t *ret_port, struct err *err)
{
	const char *text = getenv(name);
	int64_t port = usual;
	if ((text != NULL && !str_to_int(str_from(text), &port)) || port < 1 || port > 65535)
		return err_set(err, ERR_INVALID, "%s must be a port between 1 and 65535, not %.40s", name,
			       text != NULL ? text : "what follows from the other one");
	*ret_port = (uint16_t)port;
	return true;
}

#define KEPT_PORT "edge_port"
#define KEPT_TLS_PORT "edge_tls_port"

/* Who moves the one to run a second Freehold beside the first has moved both. What was said once holds until something
 * else is said: the ports are part of every app's address. */
static bool prepare_edge(struct flow *f, bool is_daemon, struct err *err)
{
	struct user worker;
	uint16_t port = 0, tls_port = 0;
	int64_t usual = FLOW_EDGE_PORT, tls_usual = 0;
	if (is_daemon && f->is_root && !user_ensure(FLOW_EDGE_USER, &worker, err)) return false;
	if (!home_get(f->db, KEPT_PORT, &usual, err) || !port_from_environment("FREEHOLD_PORT", usual, &port, err) ||
	    (port == usual && !home_get(f->db, KEPT_TLS_PORT, &tls_usual, err)))
		return false;
	if (tls_usual == 0) tls_usual = port + FLOW_EDGE_TLS_PORT - FLOW_EDGE_PORT;
	if (!port_from_environment("FREEHOLD_TLS_PORT", tls_usual, &tls_port, err)) return false;
	return edge_prepare(&f->layout, FLOW_EDGE_ADDRESS, port, tls_port, f->is_root ? FLOW_EDGE_USER : NULL, &f->edge,
			    err);
}

bool flow_keep_ports(const struct flow *f, struct err *err)
{
	return home_set(f->db, KEPT_PORT, f->edge.port, err) && home_set(f->db, KEPT_TLS_PORT, f->edge.tls_port, err);
}

bool flow_open(struct flow *f, const char *bin_dir, bool is_daemon, struct err *err)
{
	char db_path[FILE_PATH_SIZE], key_path[FILE_PATH_SIZE];
	*f = (struct flow){.is_root = geteuid() == 0};
	bool ok = layout_from_environment(&f->layout, err) && layout_prepare(&f->layout, err) &&
		  (!f->is_root || check_reachable(&f->layout, err)) &&
		  layout_home(&f->layout, "freehold.db", db_path, err) &&
		  layout_home(&f->layout, "secret.key", key_path, err) &&
		  layout_home(&f->layout, "libexec", f->helpers, err) &&
		  file_path(f->control_socket, err, "%s/control.sock", f->layout.run) &&
		  (!is_daemon || put_helpers(f, bin_dir, err)) && db_open(db_path, &f->db, err) &&
		  seal_open(key_path, &f->seal, err) && prepare_edge(f, is_daemon, err);
	/* SQLite made it with the default mode; secrets are sealed, and the rest is nobody's business either. */
	if (ok && is_daemon && chmod(db_path, 0600) != 0) ok = err_set_errno(err, "%s", db_path);
	if (!ok) flow_close(f);
	return ok;
}

void flow_close(struct flow *f)
{
	db_close(f->db);
	seal_close(f->seal);
	f->db = NULL;
	f->seal = NULL;
}
