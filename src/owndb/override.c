/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/override.h"

#include <stdio.h>
#include <string.h>

#include "owndb/conf.h"
#include "owndb/tool.h"

#define CHECK_DEADLINE_MS 10000

/* A name that ends in * stands for all that begin so. */
static const char *const own[] = {
    "listen_addresses",
    "port",
    "unix_socket_*",
    "data_directory",
    "config_file",
    "hba_file",
    "ident_file",
    "external_pid_file",
    "include*",
    "archive_*",
    "restore_command",
    "recovery_*",
    "primary_*",
    "standby_*",
    "wal_level",
    "max_wal_senders",
    "max_replication_slots",
    "max_prepared_transactions", /* a copy that is restored must have as many */
    "max_locks_per_transaction",
    "shared_preload_libraries",
    "superuser_reserved_connections",
    "reserved_connections",
    "fsync",
    "full_page_writes",
    "password_encryption",
    "scram_iterations",
    "ssl*",
    "logging_collector",
    "log_destination",
    "log_line_prefix",
    "log_timezone",
    "lc_messages",
    "hot_standby",
    "*.*", /* of extensions: alter database, alter role */
};

static bool is_own(const char *name)
{
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		size_t len = strlen(own[i]);
		bool is_start = own[i][len - 1] == '*';
		if (strcmp(own[i], "*.*") == 0 ? strchr(name, '.') != NULL
		    : is_start                 ? strncmp(name, own[i], len - 1) == 0
					       : strcmp(name, own[i]) == 0)
			return true;
	}
	return false;
}

bool override_name_check(const char *name, struct err *err)
{
	size_t len = strlen(name);
	if (len == 0 || len > OVERRIDE_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != len)
		return err_set(err, ERR_INVALID, "\"%.64s\" is no setting of PostgreSQL", name);
	if (is_own(name))
		return err_set(err, ERR_REFUSED,
			       "%s stays as it is: Freehold needs it so to reach, back up or restore the database",
			       name);
	return true;
}

/* "1GB", "16384" (of 8 kB): what PostgreSQL printed for shared_buffers. 0: unreadable. */
static uint64_t read_buffers(struct str text)
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = {{"", 8192}, {"kB", 1ull << 10}, {"MB", 1ull << 20}, {"GB", 1ull << 30}, {"TB", 1ull << 40}};
	size_t digits = 0;
	int64_t number = 0;
	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') digits++;
	if (!str_to_int(str_sub(text, 0, digits), &number)) return 0;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (str_eq(str_sub(text, digits, text.len), str_from(units[i].unit)))
			return (uint64_t)number * units[i].bytes;
	return 0;
}

static bool check_size(const char *name, struct str said, uint64_t memory_bytes, struct err *err)
{
	int64_t connections = 0;
	if (strcmp(name, "shared_buffers") == 0 && read_buffers(said) > memory_bytes / 2)
		return err_set(err, ERR_INVALID,
			       "shared_buffers of %.*s are more than half of this machine's memory (%llu MB)",
			       STR_FMT(said), (unsigned long long)(memory_bytes >> 20));
	if (strcmp(name, "max_connections") == 0 &&
	    (!str_to_int(said, &connections) || connections < OVERRIDE_CONNECTIONS_MIN ||
	     connections > OVERRIDE_CONNECTIONS_MAX))
		return err_set(err, ERR_INVALID,
			       "max_connections must be from %d to %d: the backend and deployments need %d",
			       OVERRIDE_CONNECTIONS_MIN, OVERRIDE_CONNECTIONS_MAX, TUNE_OTHER_CONNECTIONS);
	return true;
}

/* Of "2026-… FATAL:  invalid value for …\nHINT: …" the words. */
static struct str said_of(struct str text)
{
	static const char *const marks[] = {"FATAL:", "ERROR:", "LOG:"};
	for (size_t m = 0; m < 3; m++)
		for (size_t i = 0; i + 6 < text.len; i++)
			if (str_has_prefix(str_sub(text, i, text.len), str_from(marks[m])))
				return str_trim(str_sub(text, i + strlen(marks[m]), text.len));
	return str_trim(text);
}

bool override_check(const struct owndb *db, const char *name, const char *value, uint64_t memory_bytes, struct err *err)
{
	char program[FILE_PATH_SIZE], option[OVERRIDE_NAME_MAX + OVERRIDE_VALUE_MAX + 2];
	struct buf line BUF_CLEANUP, output BUF_CLEANUP;
	struct proc_result result;
	buf_init(&line, CONF_MAX_BYTES), buf_init(&output, 8192);
	if (strlen(value) > OVERRIDE_VALUE_MAX)
		return err_set(err, ERR_INVALID, "the value of %s has more than %d bytes", name, OVERRIDE_VALUE_MAX);
	if (!override_name_check(name, err) || !conf_override(&line, name, str_from(value), err) ||
	    !file_path(program, err, "%s/postgres", db->bin_dir))
		return false;
	(void)snprintf(option, sizeof option, "%s=%s", name, value);
	const char *const argv[] = {program, "-D", db->data_dir, "-c", option, "-C", name, NULL};
	struct proc_spec spec = {.argv = argv,
				 .env = tool_env(),
				 .cwd = "/",
				 .has_user = db->has_user,
				 .uid = db->uid,
				 .gid = db->gid,
				 .deadline_ms = CHECK_DEADLINE_MS};
	if (!proc_run(&spec, &output, &result, err)) return false;
	struct str said = str_trim(buf_view(&output));
	if (result.exit_status != 0) {
		said = said_of(said);
		return err_set(err, ERR_INVALID, "PostgreSQL does not take %s=%s: %.*s", name, value,
			       STR_FMT(str_sub(said, 0, 400)));
	}
	return check_size(name, said, memory_bytes, err);
}

bool override_apply(const struct owndb *db, struct err *err)
{
	return tool_write_conf(db, db->data_dir, false, err);
}
