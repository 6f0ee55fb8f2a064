/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a command against a fresh backend on loopback, without daemon and edge: the shortest way to try supabase-js.
 *
 *     with_backend FREEHOLD-BACKEND MIGRATIONS APP COMMAND ARGUMENT…
 *
 * MIGRATIONS is a folder of .sql files, run in the order of their names ("-": none). COMMAND finds the variables that
 * tests/e2e/lib/env.js describes for APP, FREEHOLD_BACKEND_CONFIG, which it may rewrite, FREEHOLD_DATABASE (the
 * socket's folder), FREEHOLD_JWT_SECRET and FREEHOLD_BACKEND_PID. SIGUSR1 to FREEHOLD_HARNESS_PID, us, kills PostgreSQL
 * and starts it again; SIGUSR2 ends the backend as a switch does, and starts another as soon as the port is free. With
 * BACKEND_LOG=1 the backend's log is shown, BACKEND_PORT names the port, and BACKEND_CONFIG a file of JSON that is
 * added to the backend's configuration. Exits as COMMAND does. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backendbox.h"
#include "os/file.h"

#define SQL_MAX_BYTES (4u << 20)

static int is_sql(const struct dirent *entry)
{
	return str_has_suffix(str_from(entry->d_name), STR(".sql"));
}

static void migrate(const struct backendbox *box, const char *folder)
{
	struct dirent **names = NULL;
	int count = scandir(folder, &names, is_sql, alphasort);
	if (count < 0) ownbox_die("migrations", folder);
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct err err;
		struct buf sql BUF_CLEANUP;
		buf_init(&sql, SQL_MAX_BYTES);
		(void)snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
		if (!file_read(path, &sql, &err)) ownbox_die(path, err.msg);
		ownbox_script(&box->db, "postgres", buf_cstr(&sql));
		free(names[i]);
	}
	free(names);
}

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		ownbox_die("port", "none is free");
	(void)close(fd);
	return ntohs(address.sin_port);
}

static void set_for(const char *app, const char *what, const char *value)
{
	char name[200];
	(void)snprintf(name, sizeof name, "%s_%s", what, app);
	for (char *c = name; *c != '\0'; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	(void)setenv(name, value, 1);
}

static volatile sig_atomic_t wanted;

static void on_wanted(int number)
{
	wanted = number;
}

static bool is_answered(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	(void)close(fd);
	return is;
}

/* The former one no longer listens, and still sends away whoever is connected. */
static int replace_backend(const struct backendbox *box, unsigned port, pid_t *pid)
{
	pid_t former = *pid;
	int status = 1;
	(void)kill(former, SIGTERM);
	while (is_answered(port)) (void)usleep(5000);
	*pid = backendbox_start(box);
	while (waitpid(former, &status, 0) < 0 && errno == EINTR) {
	}
	return status;
}

static int run_command(struct backendbox *box, unsigned port, pid_t *backend, char **argv)
{
	int status = 0, unclean = 0;
	struct sigaction action = {.sa_handler = on_wanted};
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigaction(SIGUSR2, &action, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	/* Looked at again and again: a signal between the look and the wait would be lost. */
	while (waitpid(pid, &status, WNOHANG) != pid) {
		int what = wanted;
		if (what == 0) {
			(void)usleep(10000);
			continue;
		}
		wanted = 0;
		if (what == SIGUSR2) unclean |= replace_backend(box, port, backend);
		if (what != SIGUSR1) continue;
		ownbox_kill(&box->db);
		ownbox_start(&box->db);
	}
	if (unclean != 0) (void)fprintf(stderr, "with_backend: a backend that was replaced did not stop cleanly\n");
	return WIFEXITED(status) && unclean == 0 ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc < 5) return (void)fprintf(stderr, "usage: with_backend FREEHOLD-BACKEND MIGRATIONS APP COMMAND…\n"), 2;
	static struct backendbox box;
	char listen[64], origin[128];
	unsigned port = getenv("BACKEND_PORT") != NULL ? (unsigned)atoi(getenv("BACKEND_PORT")) : free_port();
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
	(void)snprintf(origin, sizeof origin, "http://%s.localhost:%u", argv[3], port);
	backendbox_init(&box, argv[1], listen, origin);
	if (strcmp(argv[2], "-") != 0) migrate(&box, argv[2]);
	pid_t pid = backendbox_start(&box);
	(void)setenv("FREEHOLD_BACKEND_CONFIG", box.config_path, 1);
	set_for(argv[3], "FREEHOLD_ORIGIN", origin);
	set_for(argv[3], "FREEHOLD_ANON_KEY", buf_cstr(&box.anon_key));
	set_for(argv[3], "FREEHOLD_SERVICE_KEY", buf_cstr(&box.service_role_key));
	char number[24];
	(void)snprintf(number, sizeof number, "%d", (int)pid);
	(void)setenv("FREEHOLD_BACKEND_PID", number, 1);
	(void)snprintf(number, sizeof number, "%d", (int)getpid());
	(void)setenv("FREEHOLD_HARNESS_PID", number, 1);
	(void)setenv("FREEHOLD_DATABASE", box.db.socket_dir, 1);
	(void)setenv("FREEHOLD_JWT_SECRET", BACKENDBOX_SECRET, 1);
	int status = run_command(&box, port, &pid, argv + 4);
	if (backendbox_stop(pid) != 0)
		(void)fprintf(stderr, "with_backend: the backend did not stop cleanly\n"), status = 1;
	backendbox_done(&box);
	return status;
}
