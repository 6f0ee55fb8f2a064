/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster, and its subscription. */
#include "owndb/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/json.h"
#include "owndb/common_columns.h"
#include "owndb/identity.h"
#include "owndb/tool.h"

#define ROOM_KEPT_BYTES ((uint64_t)512 << 20)
#define SUBSCRIBE_DEADLINE_MS 120000
#define CONNINFO_SIZE 4096
#define URL_MAX_BYTES 4096
#define SCRIPT_MAX_BYTES (256u * 1024)
#define LOG_READ_BYTES (1u << 20)

static bool check_room(const struct import *im, const char *dir, struct err *err)
{
	uint64_t bytes = 0, room = 0;
	if (!file_tree_size(im->clone.data_dir, &bytes, err) || !file_disk_free(dir, &room, err)) return false;
	return room > bytes + ROOM_KEPT_BYTES ||
	       err_set(err, ERR_UNAVAILABLE,
		       "there is no room here for a second copy that follows it (%llu MB, and %llu MB are free)",
		       (unsigned long long)(bytes >> 20), (unsigned long long)(room >> 20));
}

/* A copy of a cluster would have its identifier, by which backups tell whose log is whose. */
static bool copy_files(const struct import *im, const char *dir, struct err *err)
{
	char data[FILE_PATH_SIZE];
	const struct owndb *db = &im->clone.db;
	if (!file_path(data, err, "%s/data", dir)) return false;
	const char *const argv[] = {"pg_resetwal", "-D", data, NULL};
	return file_copy_tree(im->clone.data_dir, data, err) && identity_renew(data, err) && tool_give(db, data, err) &&
	       tool_run(db, argv, 0, err) && tool_sync(data, err);
}

bool twin_make(struct import *im, const char *dir, struct err *err)
{
	struct pg_conn *conn = NULL;
	struct err why;
	if (!file_remove_tree(dir, err) || !tool_make_dir(&im->clone.db, dir, err) || !check_room(im, dir, err))
		return false;
	bool ok = import_connect(im, OWNDB_SUPERUSER, OWNDB_DATABASE, &conn, err) &&
		  pg_conn_exec(conn, "drop database if exists " IMPORT_ASIDE_DATABASE, 0, NULL, NULL, NULL, err);
	pg_conn_close(conn);
	ok = ok && clone_stop_clean(&im->clone, err);
	if (!ok) return false;
	import_say(im, "a second copy of its files");
	bool is_copied = copy_files(im, dir, &why);
	if (unlink(im->clone.log_path) != 0) return err_set_errno(err, "%s", im->clone.log_path);
	if (!clone_start(&im->clone, err)) return false;
	if (!is_copied) *err = why;
	return is_copied;
}

static const char *const settings[] = {"fsync=on",
				       "full_page_writes=on",
				       "autovacuum=on",
				       "max_worker_processes=8",
				       "max_logical_replication_workers=4",
				       "wal_receiver_status_interval=1s",
				       "log_min_messages=warning",
				       NULL};

bool twin_clone(struct clone *c, const struct owndb *live, const char *majors_dir, const char *dir,
		char bin_dir[FILE_PATH_SIZE], struct err *err)
{
	int major = 0;
	if (!clone_open_at(c, live, dir, err) || !owndb_read_major(c->data_dir, &major, err) ||
	    !owndb_find_postgres_major(majors_dir, major, bin_dir, FILE_PATH_SIZE, err))
		return false;
	c->db.bin_dir = bin_dir;
	c->db.major = major;
	c->settings = settings;
	c->has_network = c->is_lasting = true;
	return true;
}

/* The subscription. */

static bool open_twin(const struct clone *c, struct pg_conn **ret_conn, struct err *err)
{
	if (!owndb_connect(&c->db, OWNDB_SUPERUSER, ret_conn, err)) return false;
	pg_conn_set_deadline(*ret_conn, SUBSCRIBE_DEADLINE_MS);
	return true;
}

static bool keep_password(const struct clone *c, const char *password, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, URL_MAX_BYTES);
	buf_puts(&line, "*:*:*:*:");
	for (const char *at = password; *at != '\0'; at++) {
		if (*at == ':' || *at == '\\') buf_putc(&line, '\\');
		buf_putc(&line, *at);
	}
	buf_putc(&line, '\n');
	return file_path(ret_path, err, "%s/source-password", c->dir) &&
	       file_write(ret_path, buf_view(&line), 0600, err) && tool_give(&c->db, ret_path, err);
}

/* The address without its password, which is in a file. */
static bool make_conninfo(const struct clone *c, const char *url, char ret_conninfo[CONNINFO_SIZE], struct err *err)
{
	char path[FILE_PATH_SIZE];
	PQconninfoOption *options = PQconninfoParse(url, NULL);
	bool ok = options != NULL || err_set(err, ERR_INVALID, "the address of the source is not understood");
	ret_conninfo[0] = '\0';
	for (const PQconninfoOption *o = options; ok && o->keyword != NULL; o++) {
		if (o->val == NULL || strcmp(o->keyword, "replication") == 0) continue;
		ok = strcmp(o->keyword, "password") == 0
			 ? keep_password(c, o->val, path, err) &&
			       pg_conninfo_add(ret_conninfo, CONNINFO_SIZE, "passfile", path, err)
			 : pg_conninfo_add(ret_conninfo, CONNINFO_SIZE, o->keyword, o->val, err);
	}
	PQconninfoFree(options);
	return ok;
}

/* What the host's tables have there and not here is kept as text meanwhile, since all columns of a table are sent. */
static bool add_columns(struct pg_conn *conn, const json_t *plan, struct err *err)
{
	static const char sql[] =
	    "select format('alter table %s add column %I text; comment on column %s.%I is %L;', $1::text, n, $1::text, "
	    "n, '" COMMON_COLUMNS_GIVEN
	    "') from json_array_elements_text($2::json) n where not exists (select from pg_attribute a "
	    "where a.attrelid = to_regclass($1) and a.attname = n and a.attnum > 0 and not a.attisdropped)";
	const char *table;
	const json_t *names;
	json_object_foreach(json_object_get(plan, "columns"), table, names)
	{
		PGresult *missing PG_RESULT_CLEANUP = NULL;
		char *text = json_text(names);
		const char *const params[] = {table, text};
		bool ok = pg_conn_exec(conn, sql, 2, params, &missing, NULL, err);
		free(text);
		for (int i = 0; ok && i < PQntuples(missing); i++)
			ok = pg_conn_script(conn, PQgetvalue(missing, i, 0), NULL, err);
		if (!ok) return false;
	}
	return true;
}

/* Only a superuser may be given a subscription; what it does counts as what its owner is while it does it. */
static bool subscribe(struct pg_conn *conn, int major, const char *conninfo, const char *name, struct err *err)
{
	static const char sql[] =
	    "select format('create subscription %1$I connection %2$L publication %1$I with (create_slot = false, "
	    "slot_name = %1$L, copy_data = false, enabled = false' || $3 || '); alter role " OWNDB_MIGRATOR
	    " superuser; alter subscription %1$I owner to " OWNDB_MIGRATOR "; alter role " OWNDB_MIGRATOR
	    " nosuperuser; alter subscription %1$I enable', $1::text, $2::text)";
	const char *const params[] = {name, conninfo,
				      major >= 16 ? ", password_required = false, run_as_owner = true" : ""};
	char script[2 * CONNINFO_SIZE];
	return pg_conn_text(conn, sql, 3, params, script, sizeof script, err) &&
	       pg_conn_script(conn, script, NULL, err);
}

bool twin_subscribe(const struct clone *c, const char *url, const char *name, const json_t *plan, struct err *err)
{
	char conninfo[CONNINFO_SIZE], count[24];
	struct pg_conn *conn = NULL;
	struct err ignored;
	if (!make_conninfo(c, url, conninfo, err) || !open_twin(c, &conn, err)) return false;
	bool ok = pg_conn_text(conn, "select count(*)::text from pg_subscription where subname = $1", 1, &name, count,
			       sizeof count, err);
	if (ok && strcmp(count, "0") == 0) {
		ok = pg_conn_script(conn, "begin", NULL, err) && add_columns(conn, plan, err) &&
		     subscribe(conn, c->db.major, conninfo, name, err) && pg_conn_script(conn, "commit", NULL, err);
		if (!ok) (void)pg_conn_script(conn, "rollback", NULL, &ignored);
	}
	pg_conn_close(conn);
	return ok;
}

/* Columns go by their comment: it was given to them in the transaction that made them. */
bool twin_unsubscribe(const struct clone *c, const char *name, struct err *err)
{
	static const char columns_sql[] =
	    "select coalesce(string_agg(format('alter table %s drop column %I;', a.attrelid::regclass, a.attname), ' "
	    "'), '') from pg_description d join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid "
	    "where "
	    "d.classoid = 'pg_class'::regclass and d.description = '" COMMON_COLUMNS_GIVEN "'";
	char script[300], *columns = malloc(SCRIPT_MAX_BYTES);
	struct pg_conn *conn = NULL;
	if (columns == NULL) abort();
	(void)snprintf(script, sizeof script,
		       "alter subscription %1$s disable; alter subscription %1$s set (slot_name = none); drop "
		       "subscription %1$s",
		       name);
	bool ok = open_twin(c, &conn, err) && pg_conn_script(conn, script, NULL, err) &&
		  pg_conn_text(conn, columns_sql, 0, NULL, columns, SCRIPT_MAX_BYTES, err) &&
		  (columns[0] == '\0' || pg_conn_script(conn, columns, NULL, err));
	pg_conn_close(conn);
	free(columns);
	return ok;
}

/* PostgreSQL counts failures; what they were stands in its log alone. */
static void last_error(const char *log_path, char ret_last[400])
{
	struct buf text BUF_CLEANUP;
	struct str rest, line;
	struct err ignored;
	buf_init(&text, LOG_READ_BYTES);
	ret_last[0] = '\0';
	(void)file_read(log_path, &text, &ignored);
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) {
		ptrdiff_t at = str_find(line, STR("ERROR:  "));
		if (at >= 0)
			(void)snprintf(ret_last, 400, "%.*s", STR_FMT(str_sub(line, (size_t)at + 8, (size_t)at + 400)));
	}
}

bool twin_trouble(const struct clone *c, int64_t *ret_failures, char ret_last[400], struct err *err)
{
	static const char sql[] = "select coalesce(sum(apply_error_count), 0)::text from pg_stat_subscription_stats";
	char count[24];
	struct pg_conn *conn = NULL;
	bool ok = open_twin(c, &conn, err) && pg_conn_text(conn, sql, 0, NULL, count, sizeof count, err);
	pg_conn_close(conn);
	if (!ok) return false;
	*ret_failures = strtoll(count, NULL, 10);
	ret_last[0] = '\0';
	if (*ret_failures > 0) last_error(c->log_path, ret_last);
	return true;
}
