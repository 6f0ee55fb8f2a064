/* SPDX-License-Identifier: Apache-2.0 */
#include "backendbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/jwt.h"
#include "os/file.h"
#include "owndb/prelude.h"

#define SECRET BACKENDBOX_SECRET

static void sign(struct buf *b, const char *claims)
{
	const struct jwt_key key = {.algorithm = JWT_HS256, .secret = STR(SECRET)};
	buf_init(b, 4096);
	jwt_sign_text(&key, str_from(claims), b);
}

/* What whoever runs this by hand wants beside, or instead: BACKEND_CONFIG names a file of JSON. */
static void add_given(json_t *config)
{
	json_t *given JSON_CLEANUP = NULL;
	struct err err;
	const char *path = getenv("BACKEND_CONFIG");
	if (path == NULL) return;
	if (!json_parse_file(path, 1u << 20, &given, &err)) ownbox_die(path, err.msg);
	(void)json_object_update(config, given);
}

static void write_config(const struct backendbox *box, const char *site_url)
{
	char rest[200], auth[200], live[200], files[200];
	(void)snprintf(files, sizeof files, "%s/storage", box->db.dir);
	struct err err;
	(void)snprintf(rest, sizeof rest, "host=%s dbname=postgres user=authenticator", box->db.socket_dir);
	(void)snprintf(auth, sizeof auth, "host=%s dbname=postgres user=supabase_auth_admin", box->db.socket_dir);
	(void)snprintf(live, sizeof live, "host=%s dbname=postgres user=freehold_realtime", box->db.socket_dir);
	json_t *o JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:{s:s}}", "listen", box->listen,
		      "rest_database", rest, "auth_database", auth, "realtime_database", live, "jwt_secret", SECRET,
		      "anon_key", buf_cstr(&box->anon_key), "service_role_key", buf_cstr(&box->service_role_key),
		      "publishable_key", BACKENDBOX_PUBLISHABLE_KEY, "secret_key", BACKENDBOX_SECRET_KEY, "site_url",
		      site_url, "pool_size", 4, "storage", "folder", files);
	add_given(o);
	char *text = json_text(o);
	if (!file_write(box->config_path, str_from(text), 0600, &err)) ownbox_die("config", err.msg);
	free(text);
}

void backendbox_init(struct backendbox *box, const char *program, const char *listen, const char *site_url)
{
	struct err err;
	*box = (struct backendbox){.program = program};
	ownbox_init(&box->db);
	box->db.db.api_os_user = NULL; /* the backend runs as whoever runs the test */
	if (!owndb_create(&box->db.db, box->db.cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(&box->db);
	if (!owndb_prelude(&box->db.db, NULL, &err)) ownbox_die("prelude", err.msg);
	if (listen != NULL)
		(void)snprintf(box->listen, sizeof box->listen, "%s", listen);
	else
		(void)snprintf(box->listen, sizeof box->listen, "%s/backend.sock", box->db.dir);
	(void)snprintf(box->config_path, sizeof box->config_path, "%s/backend.json", box->db.dir);
	sign(&box->anon_key, "{\"role\":\"anon\"}");
	sign(&box->service_role_key, "{\"role\":\"service_role\"}");
	write_config(box, site_url);
}

void backendbox_configure(const struct backendbox *box, const char *member, json_t *value)
{
	json_t *config JSON_CLEANUP = NULL;
	struct err err;
	if (!json_parse_file(box->config_path, 1 << 20, &config, &err)) ownbox_die("config", err.msg);
	(void)json_object_set_new(config, member, value);
	char *text = json_text(config);
	if (!file_write(box->config_path, str_from(text), 0600, &err)) ownbox_die("config", err.msg);
	free(text);
}

void backendbox_done(struct backendbox *box)
{
	buf_done(&box->anon_key);
	buf_done(&box->service_role_key);
	ownbox_done(&box->db);
}

static void await_listening(int fd)
{
	char text[1024] = "";
	size_t len = 0;
	while (strstr(text, "listening") == NULL) {
		ssize_t n = read(fd, text + len, sizeof text - 1 - len);
		if (n <= 0) ownbox_die("the backend did not start", text);
		text[len += (size_t)n] = '\0';
	}
}

pid_t backendbox_start(const struct backendbox *box)
{
	int log[2];
	if (pipe(log) != 0) ownbox_die("pipe", "");
	pid_t pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getenv("BACKEND_LOG") == NULL)
			(void)dup2(log[1], 2);
		else
			(void)!write(log[1], "listening", 9);
		(void)close(log[0]);
		(void)execl(box->program, box->program, "--config", box->config_path, NULL);
		_exit(127);
	}
	(void)close(log[1]);
	await_listening(log[0]);
	(void)close(log[0]);
	return pid;
}

int backendbox_stop(pid_t pid)
{
	int status = 0;
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
