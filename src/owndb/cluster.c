/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding PostgreSQL and making a cluster. */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owndb/identity.h"
#include "owndb/owndb.h"
#include "owndb/tool.h"

/* Raise it when what is in a prepared folder changes. */
#define TEMPLATE_FORMAT 1
#define VAULT_KEY_BYTES 32

static bool has_initdb(const char *dir)
{
	char program[FILE_PATH_SIZE];
	struct err ignored;
	return file_path(program, &ignored, "%s/initdb", dir) && access(program, X_OK) == 0;
}

bool owndb_find_postgres_major(const char *majors, int major, char *ret_bin_dir, size_t size, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	if (!file_path(dir, err, "/usr/lib/postgresql/%d/bin", major)) return false;
	if (!has_initdb(dir) && majors != NULL &&
	    !file_path(dir, err, "%s/%d/usr/lib/postgresql/%d/bin", majors, major, major))
		return false;
	if (!has_initdb(dir))
		return err_set(err, ERR_NOT_FOUND,
			       "PostgreSQL %d is not installed here; install the package postgresql-%d", major, major);
	if (strlen(dir) >= size) return err_set(err, ERR_LIMIT, "path is too long: %s", dir);
	memcpy(ret_bin_dir, dir, strlen(dir) + 1);
	return true;
}

bool owndb_find_postgres(char *ret_bin_dir, size_t size, int *ret_major, struct err *err)
{
	for (int major = OWNDB_MAJOR_MAX; major >= OWNDB_MAJOR_MIN; major--) {
		if (!owndb_find_postgres_major(NULL, major, ret_bin_dir, size, err)) continue;
		*ret_major = major;
		return true;
	}
	return err_set(err, ERR_NOT_FOUND,
		       "no PostgreSQL %d to %d below /usr/lib/postgresql; install the package postgresql",
		       OWNDB_MAJOR_MIN, OWNDB_MAJOR_MAX);
}

bool owndb_read_major(const char *data_dir, int *ret_major, struct err *err)
{
	char path[FILE_PATH_SIZE];
	int64_t major;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 64);
	if (!file_path(path, err, "%s/PG_VERSION", data_dir) || !file_read(path, &text, err)) return false;
	if (!str_to_int(str_trim(buf_view(&text)), &major) || major < 1 || major > 1000)
		return err_set(err, ERR_INVALID, "%s holds no version", path);
	*ret_major = (int)major;
	return true;
}

/* A prepared folder belongs to one build of PostgreSQL: an update of the package may bring other collations. */
static bool template_path(const struct owndb *db, const char *cache_dir, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char program[FILE_PATH_SIZE];
	struct stat st;
	if (!file_path(program, err, "%s/postgres", db->bin_dir)) return false;
	if (stat(program, &st) != 0) return err_set_errno(err, "%s", program);
	return file_path(ret_path, err, "%s/postgres-%d-%lld-%d", cache_dir, db->major, (long long)st.st_mtime,
			 TEMPLATE_FORMAT);
}

/* The order of words is a person's (ICU, as Supabase's), everything else is the same on every machine. */
static bool run_initdb(const struct owndb *db, const char *dir, struct err *err)
{
	const char *const argv[] = {"initdb",
				    "-D",
				    dir,
				    "-U",
				    OWNDB_SUPERUSER,
				    "--data-checksums",
				    "--encoding=UTF8",
				    "--locale=C.UTF-8",
				    "--locale-provider=icu",
				    "--icu-locale=en-US",
				    "--auth=peer",
				    "--no-sync",
				    "--no-instructions",
				    NULL};
	return tool_make_dir(db, dir, err) && tool_run(db, argv, 0, err);
}

static bool copy_template(const char *dir, const char *template, struct err *err)
{
	char beside[FILE_PATH_SIZE];
	struct err ignored;
	if (file_is_dir(template)) return true; /* another deployment was first */
	if (!file_path(beside, err, "%s.new", template) || !file_remove_tree(beside, err)) return false;
	bool ok = file_copy_tree(dir, beside, err) && tool_sync(beside, err) &&
		  (rename(beside, template) == 0 || err_set_errno(err, "keep %s", template));
	if (!ok) (void)file_remove_tree(beside, &ignored);
	return ok;
}

/* Keeps a copy for the clusters to come, one at a time. */
static bool keep_template(const char *cache_dir, const char *dir, const char *template, struct err *err)
{
	int lock = open(cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0) {
		(void)err_set_errno(err, "lock %s", cache_dir);
		if (lock >= 0) (void)close(lock);
		return false;
	}
	bool ok = copy_template(dir, template, err);
	(void)close(lock);
	return ok;
}

static bool fill_from_template(const struct owndb *db, const char *template, const char *dir, struct err *err)
{
	const char *const argv[] = {"pg_resetwal", "-D", dir, NULL};
	return file_copy_tree(template, dir, err) && identity_renew(dir, err) && tool_give(db, dir, err) &&
	       tool_run(db, argv, 0, err);
}

static bool write_vault_key(const char *dir, struct err *err)
{
	unsigned char key[VAULT_KEY_BYTES];
	char hex[VAULT_KEY_BYTES * 2 + 2], path[FILE_PATH_SIZE];
	randombytes_buf(key, sizeof key);
	sodium_bin2hex(hex, sizeof hex, key, sizeof key);
	bool ok = file_path(path, err, "%s/freehold_vault.key", dir) &&
		  file_write(path, (struct str){hex, VAULT_KEY_BYTES * 2}, 0600, err);
	sodium_memzero(hex, sizeof hex);
	sodium_memzero(key, sizeof key);
	return ok;
}

static bool fill(const struct owndb *db, const char *cache_dir, const char *dir, struct err *err)
{
	char template[FILE_PATH_SIZE];
	if (!template_path(db, cache_dir, template, err)) return false;
	if (file_is_dir(template)) return fill_from_template(db, template, dir, err);
	return run_initdb(db, dir, err) && keep_template(cache_dir, dir, template, err);
}

bool owndb_create(const struct owndb *db, const char *cache_dir, struct err *err)
{
	char dir[FILE_PATH_SIZE], parent[FILE_PATH_SIZE];
	struct err ignored;
	if (sodium_init() < 0) return err_set(err, ERR_INTERNAL, "libsodium does not start");
	if (file_exists(db->data_dir)) return err_set(err, ERR_CONFLICT, "%s exists already", db->data_dir);
	if (!file_path(dir, err, "%s.new", db->data_dir) || !file_path(parent, err, "%s/..", db->data_dir))
		return false;
	if (!file_remove_tree(dir, err)) return false;
	bool ok = fill(db, cache_dir, dir, err) && write_vault_key(dir, err) && tool_give(db, dir, err) &&
		  tool_write_conf(db, dir, false, err) && tool_sync(dir, err);
	if (ok && rename(dir, db->data_dir) != 0) ok = err_set_errno(err, "make %s", db->data_dir);
	if (!ok) {
		(void)file_remove_tree(dir, &ignored);
		return err_wrap(err, "make a PostgreSQL cluster in %s", db->data_dir);
	}
	char *slash = strrchr(strcpy(parent, db->data_dir), '/');
	if (slash != NULL && slash != parent) *slash = '\0';
	return file_sync_dir(parent, err);
}
