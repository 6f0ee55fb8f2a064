/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/pooler.h"

#include <stdio.h>
#include <string.h>

#include "os/proc.h"
#include "owndb/major.h"
#include "owndb/owndb.h"
#include "owndb/server_role.h"

#define VERSION_DEADLINE_MS 5000

/* As DISCARD ALL does, but that role is a setting of this role's: DISCARD ALL would leave the next client as the login
 * role, which owns nothing. */
#define RESET                                                                                                          \
	"SET SESSION AUTHORIZATION DEFAULT; RESET ALL; RESET ROLE; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL; "            \
	"SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES"

void pooler_settings(struct buf *ret_text, const struct pooler *p)
{
	buf_printf(ret_text,
		   ";; Written by Freehold; changes are lost. freehold db APP pool shows and sets.\n[databases]\n");
	buf_printf(ret_text, OWNDB_DATABASE " = host='%s' port=5432 dbname=" OWNDB_DATABASE "\n\n[pgbouncer]\n",
		   p->server_socket_dir);
	buf_printf(ret_text,
		   "listen_addr =\nlisten_port = 5432\nunix_socket_dir = %s\nunix_socket_mode = 0777\n"
		   "listen_backlog = %d\n", /* they may all come at once; the kernel's somaxconn is the bound */
		   p->dir, POOLER_CLIENTS_MAX);
	buf_printf(ret_text, "auth_type = hba\nauth_hba_file = %s.hba\nauth_file = %s.users\nadmin_users = %s\n",
		   p->files, p->files, p->owner);
	buf_printf(ret_text, "pool_mode = %s\ndefault_pool_size = %d\nmin_pool_size = 0\nreserve_pool_size = 0\n",
		   p->is_transaction ? "transaction" : "session", p->size);
	if (p->version >= POOLER_PREPARES) buf_puts(ret_text, "max_prepared_statements = 500\n");
	buf_printf(ret_text, "max_client_conn = %d\n", POOLER_CLIENTS_MAX);
	/* PostgreSQL may be away for a moment: clients wait, and are served as soon as it is back. Those that come all
	 * at once take long over their hashing for a login. */
	buf_puts(ret_text, "query_wait_timeout = 60\nserver_login_retry = 1\nserver_connect_timeout = 10\n"
			   "server_idle_timeout = 60\nserver_lifetime = 3600\nserver_check_delay = 30\n"
			   "server_reset_query = " RESET "\n"
			   "client_login_timeout = 60\n"
			   /* A pool cannot keep these for each client. */
			   "ignore_startup_parameters = extra_float_digits, statement_timeout, lock_timeout, "
			   "idle_in_transaction_session_timeout, idle_session_timeout\n"
			   "client_tls_sslmode = disable\nserver_tls_sslmode = disable\n"
			   "log_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n");
}

bool pooler_access(struct buf *ret_text, const struct pooler *p, struct err *err)
{
	size_t len = strlen(p->owner);
	if (len == 0 || strspn(p->owner, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != len ||
	    strcmp(p->owner, "all") == 0 || strcmp(p->owner, OWNDB_SERVER_ROLE) == 0)
		return err_set(err, ERR_INVALID, "\"%.64s\" cannot be the name of the user that asks the pool",
			       p->owner);
	buf_printf(ret_text, "local pgbouncer %s peer\nlocal " OWNDB_DATABASE " " OWNDB_SERVER_ROLE " scram-sha-256\n",
		   p->owner);
	return true;
}

void pooler_users(struct buf *ret_text, const struct pooler *p)
{
	buf_printf(ret_text, "\"" OWNDB_SERVER_ROLE "\" \"%s\"\n\"%s\" \"\"\n", p->verifier, p->owner);
}

int pooler_read_version(struct str text)
{
	static const char name[] = "PgBouncer ";
	int parts[3] = {0}, count = 0;
	struct str line, part;
	if (!str_has_prefix(text, str_from(name)) || !str_next(&text, '\n', &line)) return 0;
	line = str_sub(line, sizeof name - 1, line.len);
	while (count < 3 && str_next(&line, '.', &part)) {
		int64_t number = 0;
		if (!str_to_int(part, &number) || number < 0 || number > 99) break;
		parts[count++] = (int)number;
	}
	return count >= 2 ? parts[0] * 10000 + parts[1] * 100 + parts[2] : 0;
}

static int ask_version(const char *program)
{
	const char *const argv[] = {program, "--version", NULL};
	struct buf text BUF_CLEANUP;
	struct err ignored;
	struct proc_spec spec = {.argv = argv, .cwd = "/", .deadline_ms = VERSION_DEADLINE_MS};
	buf_init(&text, 4096);
	if (!file_exists(program) || !proc_run_ok(&spec, &text, &ignored)) return 0;
	return pooler_read_version(buf_view(&text));
}

bool pooler_find(const char *majors, char ret_program[FILE_PATH_SIZE], int *ret_version, struct err *err)
{
	char alone[FILE_PATH_SIZE], beside[FILE_PATH_SIZE];
	int version = 0;
	if (!file_path(alone, err, "%s/" MAJOR_PGBOUNCER POOLER_PROGRAM, majors) ||
	    !file_path(beside, err, "%s/%d" POOLER_PROGRAM, majors, MAJOR_FETCHED))
		return false;
	const char *const places[] = {POOLER_PROGRAM, beside, alone};
	for (size_t i = 0; i < 3; i++) {
		int found = ask_version(places[i]);
		if (found <= version) continue;
		version = found;
		(void)snprintf(ret_program, FILE_PATH_SIZE, "%s", places[i]);
	}
	*ret_version = version;
	return version > 0 || err_set(err, ERR_NOT_FOUND,
				      "PgBouncer is not installed, so there is no pool: apt-get install pgbouncer");
}
