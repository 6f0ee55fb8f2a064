/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/conf.h"

#include <string.h>

#include "owndb/server_role.h"

static const char written[] = "# Written by Freehold at each start; changes are lost.\n";

static void put_sizes(struct buf *ret_text, const struct tune *t)
{
	buf_printf(ret_text, "max_connections = %d\n", t->max_connections);
	buf_printf(ret_text, "shared_buffers = %dMB\neffective_cache_size = %dMB\nwork_mem = %dMB\n",
		   t->shared_buffers_mb, t->effective_cache_size_mb, t->work_mem_mb);
	buf_printf(ret_text, "maintenance_work_mem = %dMB\nmax_wal_size = %dMB\n", t->maintenance_work_mem_mb,
		   t->max_wal_size_mb);
	buf_printf(ret_text,
		   "max_worker_processes = %d\nmax_parallel_workers = %d\nmax_parallel_workers_per_gather = %d\n"
		   "autovacuum_max_workers = %d\n",
		   t->max_worker_processes, t->max_worker_processes, t->max_parallel_workers_per_gather,
		   t->autovacuum_max_workers);
}

void conf_settings(struct buf *ret_text, const struct conf *c)
{
	buf_puts(ret_text, written);
	put_sizes(ret_text, c->tune);
	buf_puts(ret_text, "listen_addresses = ''\n"
			   "unix_socket_permissions = 0777\n" /* the folder it lies in decides who comes near */
			   "superuser_reserved_connections = 3\n"
			   /* A migration whose deployment was killed ends soon, and with it its locks. */
			   "client_connection_check_interval = 2s\n"
			   "authentication_timeout = 10s\n"
			   "temp_file_limit = 2GB\n" /* one query may not fill the disk */
			   "huge_pages = off\n"
			   "jit = off\n" /* compiling costs more than the small queries of such an app */
			   "min_wal_size = 32MB\n"
			   "max_wal_senders = 4\n"
			   "max_replication_slots = 4\n"
			   "max_slot_wal_keep_size = 2GB\n" /* a reader that left may not fill the disk */
			   "shared_preload_libraries = 'pg_stat_statements'\n" /* of postgresql itself; about 1 MB */
			   "pg_stat_statements.max = 2000\n"
			   "password_encryption = scram-sha-256\n"
			   "logging_collector = off\n"
			   "log_destination = stderr\n"
			   "log_line_prefix = '%m [%p] %q%u@%d '\n"
			   "log_timezone = 'UTC'\n"
			   "log_lock_waits = on\n"
			   "log_min_duration_statement = 5s\n"
			   "timezone = 'UTC'\n"
			   "datestyle = 'iso, mdy'\n"
			   "default_text_search_config = 'pg_catalog.english'\n"
			   "lc_messages = 'C.UTF-8'\n"); /* what Freehold reads in an error, it reads in English */
	/* Realtime and moving out without a pause read the log of changes; to switch it on later costs a restart. */
	buf_printf(ret_text, "wal_level = %s\n", c->is_clone ? "replica" : "logical");
	if (c->is_clone)
		buf_puts(ret_text, "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
				   "archive_mode = off\nautovacuum = off\nmax_logical_replication_workers = 0\n"
				   "primary_conninfo = ''\n");
	else if (c->major >= 15)
		buf_puts(ret_text, "log_checkpoints = off\n");
	if (!c->is_clone && c->archives)
		/* No value of anybody's is in the line that a shell reads; PostgreSQL sits in its data folder. */
		buf_puts(ret_text, "archive_mode = on\n"
				   "archive_command = '../archive/pgbackrest-archive push %p'\n"
				   "archive_timeout = 60s\n"
				   "wal_compression = on\n");
	/* The last one counts. */
	if (c->overrides != NULL && c->overrides[0] != '\0')
		buf_printf(ret_text, "\n# The owner's: freehold set APP postgres.NAME=VALUE\n%s", c->overrides);
}

bool conf_override(struct buf *ret_text, const char *name, struct str value, struct err *err)
{
	buf_printf(ret_text, "%s = '", name);
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.ptr[i] < ' ')
			return err_set(err, ERR_INVALID, "the value of %s has a line break or the like in it", name);
		if (value.ptr[i] == '\'' || value.ptr[i] == '\\') buf_putc(ret_text, value.ptr[i]);
		buf_putc(ret_text, value.ptr[i]);
	}
	buf_puts(ret_text, "'\n");
	return true;
}

void conf_access(struct buf *ret_text)
{
	buf_puts(ret_text, written);
	buf_puts(ret_text, "local all " OWNDB_SERVER_ROLE " scram-sha-256\n"
			   "local all all peer map=freehold\n"
			   "local replication supabase_admin peer map=freehold\n");
}

static bool is_user_name(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= 64 && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static void allow(struct buf *ret_text, const char *os_user, const char *role)
{
	buf_printf(ret_text, "freehold \"%s\" \"%s\"\n", os_user, role);
}

static void allow_owner(struct buf *ret_text, const char *os_user)
{
	allow(ret_text, os_user, "supabase_admin");
	allow(ret_text, os_user, "postgres");
}

bool conf_users(struct buf *ret_text, const char *self, const char *os_user, const char *api_os_user, struct err *err)
{
	const char *const names[] = {self, os_user, api_os_user};
	for (int i = 0; i < 3; i++)
		if (!is_user_name(names[i]))
			return err_set(err, ERR_INVALID, "\"%.64s\" cannot be the name of a system user here",
				       names[i]);
	buf_puts(ret_text, written);
	allow_owner(ret_text, self);
	if (strcmp(os_user, self) != 0) allow_owner(ret_text, os_user);
	allow(ret_text, api_os_user, "authenticator");
	allow(ret_text, api_os_user, "supabase_auth_admin");
	allow(ret_text, api_os_user, "freehold_realtime");
	allow(ret_text, api_os_user, "freehold_jobs");
	return true;
}
