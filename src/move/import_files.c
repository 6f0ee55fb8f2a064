/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_files.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/pause.h"
#include "codec/json.h"
#include "http/fetch.h"
#include "move/import_fetch.h"
#include "move/import_folder.h"
#include "move/import_place.h"

#define KIND "key"
#define NAME "import_files"
#define LISTED_MAX 5000
#define KEPT_MAX_BYTES 8192
#define BATCH_TEXT "200"

bool import_files_keep(const struct flow *f, const char *app, const char *from, const char *key, struct err *err)
{
	if (strlen(from) > 2000 || strlen(key) > 4000) return err_set(err, ERR_INVALID, "that is too long");
	if (from[0] == '/') {
		if (key[0] != '\0') return err_set(err, ERR_INVALID, "a folder of files has no key");
	} else if (!http_fetch_check(from, err)) {
		return err_wrap(err, "files come from a project's address (https://...) or from a folder");
	} else if (key[0] == '\0') {
		return err_set(err, ERR_INVALID, "the old project's storage wants its service_role key");
	} else if (!fetch_check_key(key, err)) {
		return false;
	}
	json_t *kept JSON_CLEANUP = json_pack("{s:s, s:s}", "from", from, "key", key);
	char *text = json_text(kept);
	bool ok = app_secret_set(f->db, f->seal, app, KIND, NAME, str_from(text), err);
	sodium_memzero(text, strlen(text));
	free(text);
	return ok;
}

static bool folder_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_app(&f->layout, app, "import-files", ret_path, err);
}

bool import_files_clear(const struct flow *f, const char *app, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return folder_path(f, app, path, err) && file_remove_tree(path, err);
}

void import_files_forget(const struct flow *f, const char *app)
{
	struct err ignored;
	(void)import_files_clear(f, app, &ignored);
	(void)app_secret_unset(f->db, app, KIND, NAME, &ignored);
}

/* What is under way. */
struct bring {
	struct import_files *s;
	struct pg_conn *conn;
	PGresult *rows;
	int row;
	char after[STORAGE_VERSION_SIZE];
	int folder_fd, storage_fd; /* storage_fd: its objects; -1: there are none yet */
	json_t *files, *list;
	int64_t wanted, bytes_wanted, seen, counts[WANT_ENDS], here, bytes;
	struct err failed;
};

/* Each row a version of its own that can be a file's name: rows of an old server may have none, and its copies shared
 * one. The row's own id is taken then, so that going on later finds the same. */
static const char versions_sql[] =
    "update storage.objects o set version = id::text where version is null or version !~ "
    "'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' or exists (select from storage.objects p where p.version = "
    "o.version "
    "and p.id < o.id)";

static const char total_sql[] =
    "select count(*)::text || ' ' || coalesce(sum(case when metadata ->> 'size' ~ '^[0-9]{1,15}$' then (metadata ->> "
    "'size')::bigint end), 0)::text from storage.objects where not is_delete_marker";

static const char rows_sql[] =
    "select bucket_id, name, version, metadata ->> 'size', trim(both '\"' from metadata ->> 'eTag') from "
    "storage.objects where version > $1 and not is_delete_marker order by version limit " BATCH_TEXT;

static bool begin(struct bring *b, const struct owndb *db, struct err *err)
{
	char total[64], path[FILE_PATH_SIZE];
	if (!owndb_connect(db, OWNDB_SUPERUSER, &b->conn, err)) return false;
	pg_conn_set_deadline(b->conn, 0);
	if (!pg_conn_script(b->conn, "set session_replication_role = replica", NULL, err) ||
	    !pg_conn_exec(b->conn, versions_sql, 0, NULL, NULL, NULL, err) ||
	    !pg_conn_script(b->conn, "create temp table without_file (version text primary key)", NULL, err) ||
	    !pg_conn_text(b->conn, total_sql, 0, NULL, total, sizeof total, err))
		return false;
	char *rest = NULL;
	b->wanted = strtoll(total, &rest, 10);
	b->bytes_wanted = strtoll(rest, NULL, 10);
	if (!folder_path(b->s->f, b->s->parts->app.name, path, err) || !file_mkdirs(path, 0700, err)) return false;
	b->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (b->folder_fd < 0) return err_set_errno(err, "%s", path);
	b->storage_fd = import_place_objects(b->s->parts);
	return true;
}

static bool check_room(const struct bring *b, struct err *err)
{
	uint64_t room = 0;
	struct err ignored;
	if (b->s->is_live || !file_disk_free(b->s->parts->dir, &room, &ignored)) return true;
	return b->bytes_wanted <= (int64_t)room ||
	       err_set(err, ERR_UNAVAILABLE,
		       "the files have %lld MB, and the disk has room for %llu MB; make room and go on with --resume",
		       (long long)(b->bytes_wanted >> 20), (unsigned long long)(room >> 20));
}

static void copy_text(char *to, size_t size, const PGresult *rows, int row, int column)
{
	(void)snprintf(to, size, "%s", PQgetvalue(rows, row, column));
}

static bool read_row(struct bring *b, struct want *w, struct err *err)
{
	if (b->rows != NULL && b->row >= PQntuples(b->rows)) {
		PQclear(b->rows);
		b->rows = NULL;
	}
	if (b->rows == NULL) {
		const char *const after = b->after;
		b->row = 0;
		if (!pg_conn_exec(b->conn, rows_sql, 1, &after, &b->rows, NULL, err)) return false;
	}
	if (PQntuples(b->rows) == 0) return false;
	copy_text(w->bucket, sizeof w->bucket, b->rows, b->row, 0);
	copy_text(w->name, sizeof w->name, b->rows, b->row, 1);
	copy_text(w->version, sizeof w->version, b->rows, b->row, 2);
	copy_text(w->etag, sizeof w->etag, b->rows, b->row, 4);
	if (!str_to_int(str_from(PQgetvalue(b->rows, b->row, 3)), &w->size)) w->size = -1;
	memcpy(b->after, w->version, sizeof b->after);
	b->row++;
	return true;
}

static void tell(struct bring *b, const struct want *w)
{
	if (w->size > 0) b->bytes += w->size;
	b->seen++;
	double done = b->bytes_wanted > 0 ? (double)b->bytes / (double)b->bytes_wanted
					  : (double)b->seen / (double)(b->wanted > 0 ? b->wanted : 1);
	events_progress(b->s->events, done < 1 ? done : 1, (uint64_t)b->bytes_wanted);
}

/* In the storage already, or beside from a run that was cut off. */
static bool is_here(const struct bring *b, const struct want *w)
{
	return import_place_has(b->storage_fd, w) || want_is_there(b->folder_fd, w);
}

static bool next(void *arg, struct want *ret_want, struct err *err)
{
	struct bring *b = arg;
	if (b->failed.code != ERR_NONE) {
		*err = b->failed;
		return false;
	}
	while (read_row(b, ret_want, err)) {
		if (!is_here(b, ret_want)) return true;
		b->here++;
		tell(b, ret_want);
	}
	return false;
}

static void note(struct bring *b, const struct want *w, enum want_end end)
{
	char name[WANT_BUCKET_SIZE + WANT_NAME_SIZE];
	const char *const version = w->version;
	(void)snprintf(name, sizeof name, "%s/%s", w->bucket, w->name);
	const char *why = end == WANT_MISSING ? "the source has no such file"
					      : "the source has other bytes there than its row tells of";
	if (json_array_size(b->list) < LISTED_MAX) {
		json_t *text = json_string(name);
		json_array_append_new(
		    b->list, json_pack("{s:o, s:s}", "name",
				       text != NULL ? text : json_string("(a name that is not readable)"), "why", why));
	}
	if (b->failed.code == ERR_NONE)
		(void)pg_conn_exec(b->conn, "insert into without_file values ($1)", 1, &version, NULL, NULL,
				   &b->failed);
}

static void done(void *arg, const struct want *w, enum want_end end)
{
	struct bring *b = arg;
	b->counts[end]++;
	if (end != WANT_HERE) note(b, w, end);
	tell(b, w);
	if (b->counts[WANT_HERE] == 1 && end == WANT_HERE) pause_here("files", "one");
}

static bool from_folder(struct bring *b, const char *path, struct err *err)
{
	struct want w;
	enum want_end end = WANT_MISSING;
	int root_fd = -1;
	if (!folder_open(path, &root_fd, err)) return false;
	bool ok = true;
	err->code = ERR_NONE;
	while (ok && next(b, &w, err)) {
		ok = folder_take(root_fd, b->folder_fd, &w, &end, err);
		if (ok) done(b, &w, end);
		err->code = ok ? ERR_NONE : err->code;
	}
	(void)close(root_fd);
	return ok && err->code == ERR_NONE;
}

static bool from_project(struct bring *b, const char *base, const char *key, struct err *err)
{
	struct fetch *fetch = NULL;
	if (!fetch_open(base, key, &fetch, err)) return false;
	bool ok = fetch_all(fetch, b->folder_fd, next, done, b, err);
	fetch_close(fetch);
	return ok;
}

static bool read_kept(const struct flow *f, const char *app, json_t **ret_kept, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, KEPT_MAX_BYTES);
	bool ok =
	    app_secret_get(f->db, f->seal, app, KIND, NAME, &text, err) && json_parse(buf_view(&text), ret_kept, err);
	if (text.len > 0) sodium_memzero(text.ptr, text.len);
	return ok || err_wrap(err, "where the files come from is not known; say it again with --files");
}

bool import_files_try(const struct flow *f, const char *app, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL;
	struct fetch *fetch = NULL;
	int fd = -1;
	if (!read_kept(f, app, &kept, err)) return false;
	const char *from = json_str(kept, "from", "");
	bool ok =
	    from[0] == '/' ? folder_open(from, &fd, err) : fetch_open(from, json_str(kept, "key", ""), &fetch, err);
	if (fd >= 0) (void)close(fd);
	fetch_close(fetch);
	return ok;
}

static bool bring_all(struct bring *b, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL;
	if (!read_kept(b->s->f, b->s->parts->app.name, &kept, err)) return false;
	const char *from = json_str(kept, "from", "");
	bool ok = from[0] == '/' ? from_folder(b, from, err) : from_project(b, from, json_str(kept, "key", ""), err);
	if (!ok || b->failed.code == ERR_NONE) return ok;
	*err = b->failed;
	return false;
}

/* Triggers do not run here, so nothing would go or refuse with a row. */
static bool check_references(struct bring *b, struct err *err)
{
	static const char sql[] = "select coalesce((select conrelid::regclass::text from pg_constraint where contype = "
				  "'f' and confrelid = 'storage.objects'::regclass limit 1), '')";
	char table[200];
	if (!pg_conn_text(b->conn, sql, 0, NULL, table, sizeof table, err)) return false;
	return table[0] == '\0' ||
	       err_set(err, ERR_CONFLICT,
		       "rows of %s refer to storage.objects, so those without a file are not removed for you; remove "
		       "them in the source, or bring their files",
		       table);
}

static bool drop_rows(struct bring *b, struct err *err)
{
	int64_t missing = b->counts[WANT_MISSING] + b->counts[WANT_DIFFERS];
	if (missing == 0) return true;
	if (!b->s->drops_missing) {
		const json_t *first = json_array_get(b->list, 0);
		return err_set(err, ERR_NOT_FOUND,
			       "%lld of %lld files are not at the source as their rows tell (%.200s: %s); bring them "
			       "there or say another source with --files, or add --drop-missing to remove their rows",
			       (long long)missing, (long long)b->wanted, json_str(first, "name", ""),
			       json_str(first, "why", ""));
	}
	if (!check_references(b, err) ||
	    !pg_conn_exec(b->conn, "delete from storage.objects o using without_file w where o.version = w.version", 0,
			  NULL, NULL, NULL, err))
		return false;
	json_object_set_new(b->files, "dropped", json_integer(missing));
	return true;
}

static void fill_report(struct bring *b)
{
	const struct {
		const char *name;
		int64_t value;
	} counts[] = {{"wanted", b->wanted},
		      {"brought", b->counts[WANT_HERE]},
		      {"here", b->here},
		      {"missing", b->counts[WANT_MISSING]},
		      {"differ", b->counts[WANT_DIFFERS]},
		      {"bytes", b->bytes_wanted}};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		json_object_set_new(b->files, counts[i].name, json_integer(counts[i].value));
}

bool import_files_bring(struct import_files *s, const struct owndb *db, struct err *err)
{
	struct bring b = {.s = s, .folder_fd = -1, .storage_fd = -1, .files = json_object(), .list = json_array()};
	json_object_set_new(b.files, "list", b.list);
	json_object_set_new(s->report, "files", b.files);
	bool ok = begin(&b, db, err) && check_room(&b, err) && bring_all(&b, err);
	fill_report(&b);
	ok = ok && (syncfs(b.folder_fd) == 0 || err_set_errno(err, "keep the files that came"));
	ok = ok && drop_rows(&b, err);
	PQclear(b.rows);
	pg_conn_close(b.conn);
	if (b.folder_fd >= 0) (void)close(b.folder_fd);
	if (b.storage_fd >= 0) (void)close(b.storage_fd);
	return ok;
}

bool import_files_place(const struct import_files *s, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return folder_path(s->f, s->parts->app.name, path, err) && import_place(s->f, s->parts, path, err);
}
