/* SPDX-License-Identifier: Apache-2.0 */
#include "app/archive.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/conf.h"
#include "backup/derive.h"
#include "backup/queue.h"
#include "os/proc.h"
#include "store/home.h"

#define DRAIN_DEADLINE_MS (60 * 60 * 1000)

static bool give(const struct parts *p, const char *path, mode_t mode, struct err *err)
{
	if (p->owndb.has_user && lchown(path, p->owndb.uid, p->owndb.gid) != 0)
		return err_set_errno(err, "change the owner of %s", path);
	return chmod(path, mode) == 0 || err_set_errno(err, "%s", path);
}

bool archive_repo_path(const struct parts *p, const struct backup_place *place, char ret_path[FILE_PATH_SIZE],
		       struct err *err)
{
	char name[64];
	derive_repo_name(p->app.name, p->app.id, name);
	if (strcmp(place->kind, "home") == 0) return file_path(ret_path, err, "%s/postgres/repository", p->dir);
	if (strcmp(place->kind, "folder") == 0) return file_path(ret_path, err, "%s/%s", place->location, name);
	const char *slash = strchr(place->location, '/');
	return file_path(ret_path, err, "%s/%s", slash != NULL ? slash : "", name);
}

void archive_place_name(const struct backup_place *place, char ret_name[BACKUP_LOCATION_SIZE + 8])
{
	bool is_home = strcmp(place->kind, "home") == 0, is_s3 = strcmp(place->kind, "s3") == 0;
	(void)snprintf(ret_name, BACKUP_LOCATION_SIZE + 8, "%s%s",
		       is_home ? "this disk"
		       : is_s3 ? "s3://"
			       : "",
		       place->location);
}

static bool write_place(const struct flow *f, const struct parts *p, const struct backup_place *place, const char *key,
			struct err *err)
{
	char path[FILE_PATH_SIZE], repo_path[FILE_PATH_SIZE], lock[FILE_PATH_SIZE], name[64], passphrase[DERIVE_SIZE];
	struct buf text BUF_CLEANUP;
	(void)f;
	buf_init(&text, BACKUP_CONF_MAX_BYTES);
	derive_repo_name(p->app.name, p->app.id, name);
	if (!archive_repo_path(p, place, repo_path, err) || !derive_passphrase(key, name, passphrase, err) ||
	    !file_path(lock, err, "%s/run", p->archive_dir) ||
	    !file_path(path, err, "%s/%lld.conf", p->archive_dir, (long long)place->id))
		return false;
	struct conf_spec spec = {.place = place,
				 .repo_path = repo_path,
				 .passphrase = passphrase,
				 .data_dir = p->data_dir,
				 .socket_dir = p->pg_socket_dir,
				 .lock_dir = lock,
				 .superuser = OWNDB_SUPERUSER};
	if (!conf_pgbackrest(&text, &spec, err)) return false;
	struct buf old BUF_CLEANUP;
	struct err ignored;
	buf_init(&old, BACKUP_CONF_MAX_BYTES);
	if (file_read(path, &old, &ignored) && str_eq(buf_view(&old), buf_view(&text))) return true;
	return file_write(path, buf_view(&text), 0600, err) && give(p, path, 0600, err);
}

/* What is of a place that there is no more. */
static bool drop_others(const struct parts *p, const struct backup_places *places, struct err *err)
{
	DIR *entries = opendir(p->archive_dir);
	if (entries == NULL) return err_set_errno(err, "%s", p->archive_dir);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(entries)) != NULL;) {
		struct str number, ending;
		char path[FILE_PATH_SIZE];
		int64_t id = 0;
		bool is_known = false;
		if (!str_cut(str_from(e->d_name), '.', &number, &ending) || !str_to_int(number, &id)) continue;
		for (int i = 0; i < places->count; i++) is_known |= places->list[i].id == id;
		if (!is_known)
			ok = file_path(path, err, "%s/%s", p->archive_dir, e->d_name) && file_remove_tree(path, err);
	}
	(void)closedir(entries);
	return ok;
}

/* The pgBackRest that goes with the cluster's PostgreSQL: Debian's, or the one beside a major that Debian has not. */
static bool link_program(const struct parts *p, struct err *err)
{
	char link[FILE_PATH_SIZE], program[FILE_PATH_SIZE];
	bool is_debian = strncmp(p->owndb.bin_dir, "/usr/lib/postgresql/", 20) == 0;
	if (!file_path(link, err, "%s/pgbackrest", p->archive_dir)) return false;
	return is_debian ? file_link_swap("/usr/bin/pgbackrest", link, err)
			 : file_path(program, err, "%s/../../../../bin/pgbackrest", p->owndb.bin_dir) &&
			       file_link_swap(program, link, err);
}

static bool write_ceiling(const struct flow *f, const struct parts *p, struct err *err)
{
	char path[FILE_PATH_SIZE], text[32];
	struct retention r;
	if (!archive_retention(f, &r, err) || !file_path(path, err, "%s/ceiling", p->archive_dir)) return false;
	(void)snprintf(text, sizeof text, "%lld\n", (long long)r.ceiling_bytes);
	return file_write(path, str_from(text), 0644, err);
}

static bool make_folder(const struct parts *p, const char *path, struct err *err)
{
	return file_mkdirs(path, 0700, err) && give(p, path, 0700, err);
}

static bool write_all(const struct flow *f, const struct parts *p, const struct backup_places *places, struct err *err)
{
	char key[BACKUP_KEY_SIZE], path[FILE_PATH_SIZE], program[FILE_PATH_SIZE], repository[FILE_PATH_SIZE];
	if (!backup_key_get(f->db, f->seal, key, err) || !file_path(path, err, "%s/run", p->archive_dir) ||
	    !make_folder(p, path, err) || !file_path(repository, err, "%s/postgres/repository", p->dir) ||
	    !make_folder(p, repository, err) || !file_path(program, err, "%s/freehold-archive", f->helpers) ||
	    !file_path(path, err, "%s/pgbackrest-archive", p->archive_dir) || !file_link_swap(program, path, err) ||
	    !link_program(p, err) || !write_ceiling(f, p, err))
		return false;
	for (int i = 0; i < places->count; i++)
		if (!write_place(f, p, &places->list[i], key, err)) return false;
	return drop_others(p, places, err);
}

static bool prepare(const struct flow *f, const struct parts *p, struct err *err)
{
	struct backup_places places;
	if (!backup_places_get(f->db, f->seal, &places, err)) return false;
	bool ok = write_all(f, p, &places, err);
	backup_places_done(&places);
	return ok;
}

/* One at a time, and the places are read by whose turn it is: with an older list it would remove what the daemon has
 * just written of a new place. */
bool archive_prepare(const struct flow *f, const struct parts *p, struct err *err)
{
	bool ok = make_folder(p, p->archive_dir, err);
	int turn = ok ? open(p->archive_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (ok && (turn < 0 || flock(turn, LOCK_EX) != 0)) ok = err_set_errno(err, "%s", p->archive_dir);
	ok = ok && prepare(f, p, err);
	if (turn >= 0) (void)close(turn);
	return ok || err_wrap(err, "the backups of %s", p->app.name);
}

struct repo archive_repo(const struct parts *p, int64_t place)
{
	return (struct repo){.place = place,
			     .archive_dir = p->archive_dir,
			     .data_dir = p->data_dir,
			     .has_user = p->owndb.has_user,
			     .uid = p->owndb.uid,
			     .gid = p->owndb.gid};
}

bool archive_place_check(const struct backup_place *place, struct err *err)
{
	char mark[FILE_PATH_SIZE];
	if (strcmp(place->kind, "folder") != 0) return true;
	if (!file_path(mark, err, "%s/" ARCHIVE_PLACE_MARK, place->location)) return false;
	return file_exists(mark) ||
	       err_set(err, ERR_UNAVAILABLE,
		       "%s is not there (%s is missing): is the disk mounted? If it was emptied, add it again",
		       place->location, mark);
}

/* Each app's user owns what is in its own folder, and passes through those above. */
static bool make_place_folder(const struct parts *p, const struct backup_place *place, struct err *err)
{
	char path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	if (strcmp(place->kind, "folder") != 0) return true;
	return archive_place_check(place, err) && file_path(folder, err, "%s/db", place->location) &&
	       file_mkdirs(folder, 0711, err) && archive_repo_path(p, place, path, err) && make_folder(p, path, err);
}

bool archive_open(const struct flow *f, const struct parts *p, const struct backup_place *place, struct repo *ret_repo,
		  struct err *err)
{
	char name[BACKUP_LOCATION_SIZE + 8];
	struct repo r = archive_repo(p, place->id);
	(void)f;
	archive_place_name(place, name);
	if (!make_place_folder(p, place, err) || !repo_create(&r, err)) return err_wrap(err, "%s", name);
	*ret_repo = r;
	return true;
}

bool archive_open_all(const struct flow *f, const struct parts *p, struct err *err)
{
	struct backup_places places;
	struct repo repo;
	struct err why;
	bool ok = true;
	if (!backup_places_get(f->db, f->seal, &places, err)) return false;
	for (int i = 0; i < places.count; i++) {
		if (archive_open(f, p, &places.list[i], &repo, &why) || why.code == ERR_CONFLICT) continue;
		if (ok) *err = why;
		ok = false;
	}
	backup_places_done(&places);
	return ok;
}

bool archive_retention(const struct flow *f, struct retention *ret_retention, struct err *err)
{
	struct retention r = retention_default();
	if (!home_get(f->db, "days", &r.days, err) || !home_get(f->db, "count", &r.count, err) ||
	    !home_get(f->db, "full_days", &r.full_days, err) || !home_get(f->db, "hour", &r.hour, err) ||
	    !home_get(f->db, "ceiling", &r.ceiling_bytes, err) || !home_get(f->db, "drill_days", &r.drill_days, err))
		return false;
	*ret_retention = r;
	return true;
}

static bool run_helper(const struct flow *f, const struct parts *p, const char *verb, const char *what, struct err *err)
{
	char program[FILE_PATH_SIZE];
	if (!file_path(program, err, "%s/freehold-archive", f->helpers)) return false;
	const char *const argv[] = {program, verb, what, NULL};
	struct proc_spec spec = {.argv = argv,
				 .cwd = p->data_dir,
				 .has_user = p->owndb.has_user,
				 .uid = p->owndb.uid,
				 .gid = p->owndb.gid,
				 .deadline_ms = DRAIN_DEADLINE_MS};
	struct buf output BUF_CLEANUP;
	buf_init(&output, 16384);
	return proc_run_ok(&spec, &output, err);
}

bool archive_drain(const struct flow *f, const struct parts *p, int64_t place, struct err *err)
{
	char number[24];
	(void)snprintf(number, sizeof number, "%lld", (long long)place);
	return run_helper(f, p, "drain", number, err);
}

bool archive_drain_all(const struct flow *f, const struct parts *p, struct err *err)
{
	struct backup_places places;
	struct err why;
	bool ok = true;
	if (!backup_places_get(f->db, f->seal, &places, err)) return false;
	for (int i = 0; i < places.count; i++) {
		if (archive_drain(f, p, places.list[i].id, &why)) continue;
		if (ok) *err = why;
		ok = false;
	}
	backup_places_done(&places);
	return ok || err_wrap(err, "what waits of the backups of %s was not sent", p->app.name);
}

bool archive_push_histories(const struct flow *f, const struct parts *p, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[64];
	if (!file_path(folder, err, "%s/pg_wal", p->data_dir)) return false;
	DIR *entries = opendir(folder);
	if (entries == NULL) return err_set_errno(err, "%s", folder);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(entries)) != NULL;) {
		bool is_history = strlen(e->d_name) == 16 && strspn(e->d_name, "0123456789ABCDEF") == 8 &&
				  strcmp(e->d_name + 8, ".history") == 0;
		if (!is_history) continue;
		(void)snprintf(path, sizeof path, "pg_wal/%s", e->d_name);
		ok = run_helper(f, p, "push", path, err);
	}
	(void)closedir(entries);
	return ok;
}
