/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/file.h"
#include "os/proc.h"
#include "pg/conn.h"

#define START_DEADLINE_MS 30000

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "test cluster: %s: %s\n", what, why);
	abort();
}

static void bin_dir(char *ret, size_t size)
{
	for (int version = 18; version >= 15; version--) {
		(void)snprintf(ret, size, "/usr/lib/postgresql/%d/bin", version);
		if (access(ret, X_OK) == 0) return;
	}
	die("no PostgreSQL 15 to 18 below /usr/lib/postgresql", "apt-get install postgresql-15");
}

/* PostgreSQL refuses to run as root. */
static bool server_user(uid_t *uid, gid_t *gid)
{
	if (geteuid() != 0) return false;
	const struct passwd *user = getpwnam("postgres");
	if (user == NULL) user = getpwnam("nobody");
	if (user == NULL) die("no user to run PostgreSQL as", "neither postgres nor nobody exists");
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return true;
}

static void make_dir(struct cluster *c)
{
	(void)snprintf(c->dir, sizeof c->dir, "/tmp/freehold-pg-XXXXXX");
	if (mkdtemp(c->dir) == NULL) die("mkdtemp", c->dir);
	uid_t uid;
	gid_t gid;
	if (server_user(&uid, &gid) && chown(c->dir, uid, gid) != 0) die("chown", c->dir);
	if (chmod(c->dir, 0755) != 0) die("chmod", c->dir);
}

static void make_data(const struct cluster *c)
{
	char bin[64], program[96], data[96];
	bin_dir(bin, sizeof bin);
	(void)snprintf(program, sizeof program, "%s/initdb", bin);
	(void)snprintf(data, sizeof data, "%s/data", c->dir);
	const char *argv[] = {program, "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8",
			      "-N",    NULL};
	struct proc_spec spec = {.argv = argv, .cwd = c->dir, .deadline_ms = 60000};
	spec.has_user = server_user(&spec.uid, &spec.gid);
	struct err err;
	BUF_CLEANUP struct buf output;
	buf_init(&output, 1 << 16);
	if (!proc_run_ok(&spec, &output, &err)) die("initdb", err.msg);
}

static void exec_postmaster(const struct cluster *c)
{
	char bin[64], program[96], data[96], sockets[128], log[96];
	uid_t uid;
	gid_t gid;
	bin_dir(bin, sizeof bin);
	(void)snprintf(program, sizeof program, "%s/postgres", bin);
	(void)snprintf(data, sizeof data, "%s/data", c->dir);
	(void)snprintf(log, sizeof log, "%s/log", c->dir);
	(void)snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", c->dir);
	(void)setpgid(0, 0);
	if (freopen(log, "a", stderr) == NULL || freopen("/dev/null", "r", stdin) == NULL) _exit(126);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	if (server_user(&uid, &gid) && (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)) _exit(126);
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (chdir(c->dir) != 0) _exit(126);
	(void)execl(program, program, "-D", data, "-c", sockets, "-c", "listen_addresses=", "-c", "fsync=off", "-c",
		    "shared_buffers=16MB", "-c", "max_connections=40", "-c", "jit=off", "-c", "wal_level=logical",
		    (char *)NULL);
	_exit(127);
}

static void nap_ms(long ms)
{
	struct timespec t = {ms / 1000, (ms % 1000) * 1000000};
	(void)nanosleep(&t, NULL);
}

static void wait_ready(const struct cluster *c)
{
	struct err err;
	for (int waited_ms = 0; waited_ms < START_DEADLINE_MS; waited_ms += 20) {
		struct pg_conn *conn;
		if (pg_conn_open(c->conninfo, 1000, &conn, &err)) {
			pg_conn_close(conn);
			return;
		}
		if (waitpid(c->postmaster, NULL, WNOHANG) != 0) break;
		nap_ms(20);
	}
	die("does not start", err.msg);
}

void cluster_restart(struct cluster *c)
{
	char pid_file[96];
	struct err err;
	(void)snprintf(pid_file, sizeof pid_file, "%s/data/postmaster.pid", c->dir);
	(void)file_remove_tree(pid_file, &err);
	c->postmaster = fork();
	if (c->postmaster < 0) die("fork", "failed");
	if (c->postmaster == 0) exec_postmaster(c);
	wait_ready(c);
}

void cluster_start(struct cluster *c)
{
	*c = (struct cluster){0};
	make_dir(c);
	make_data(c);
	(void)snprintf(c->conninfo, sizeof c->conninfo, "host=%s user=postgres dbname=postgres", c->dir);
	cluster_restart(c);
}

void cluster_kill(struct cluster *c)
{
	/* The group: a postmaster that dies alone leaves its backends serving. */
	(void)kill(-c->postmaster, SIGKILL);
	(void)waitpid(c->postmaster, NULL, 0);
	nap_ms(50);
}

void cluster_stop(struct cluster *c)
{
	struct err err;
	(void)kill(c->postmaster, SIGINT);
	(void)waitpid(c->postmaster, NULL, 0);
	if (!file_remove_tree(c->dir, &err)) (void)fprintf(stderr, "test cluster: %s\n", err.msg);
}

void cluster_script(const struct cluster *c, const char *sql)
{
	struct err err;
	struct pg_conn *conn;
	if (!pg_conn_open(c->conninfo, 5000, &conn, &err)) die("connect", err.msg);
	if (!pg_conn_script(conn, sql, NULL, &err)) die("script", err.msg);
	pg_conn_close(conn);
}
