/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"
#include "storage/files_private.h"

#define RECORD_MAX_BYTES (256u << 10)
#define READ_BYTES (256u << 10)
#define BOOT_SIZE 64
#define WORDS "keep an upload"

static void read_boot(char ret_boot[BOOT_SIZE])
{
	struct buf text BUF_CLEANUP;
	struct err ignored;
	buf_init(&text, BOOT_SIZE - 1);
	(void)file_read("/proc/sys/kernel/random/boot_id", &text, &ignored);
	(void)snprintf(ret_boot, BOOT_SIZE, "%.*s", STR_FMT(str_trim(buf_view(&text))));
}

static bool set_paths(const struct files *files, struct kept *k, const char *id, struct err *err)
{
	*k = (struct kept){.fd = -1};
	if (!storage_is_uuid(str_from(id))) return err_set(err, ERR_NOT_FOUND, "there is no such upload");
	memcpy(k->id, id, sizeof k->id);
	return file_path(k->path, err, "%s/resumable/%s", files->folder, id) &&
	       file_path(k->record_path, err, "%s.json", k->path);
}

void kept_close(struct kept *k)
{
	if (k->fd >= 0) (void)close(k->fd);
	json_decref(k->record);
	k->fd = -1;
	k->record = NULL;
}

static bool lock(struct kept *k, int flags, struct err *err)
{
	k->fd = open(k->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0640);
	if (k->fd < 0)
		return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no such upload")
				       : err_set_errno(err, WORDS);
	if (flock(k->fd, LOCK_EX | LOCK_NB) == 0) return true;
	return errno == EWOULDBLOCK ? err_set(err, ERR_CONFLICT, "another process works on the upload")
				    : err_set_errno(err, WORDS);
}

static bool borrow(struct kept *k, struct err *err)
{
	const json_t *r = k->record;
	k->bucket = json_str(r, "bucket", NULL);
	k->key = json_str(r, "key", NULL);
	k->metadata = json_str(r, "metadata", "");
	k->size = (uint64_t)json_int(r, "size", 0);
	k->created_s = json_int(r, "created", 0);
	return (k->bucket != NULL && k->key != NULL) || err_set(err, ERR_NOT_FOUND, "the upload's record is damaged");
}

static bool write_record(struct kept *k, struct err *err)
{
	char boot[BOOT_SIZE];
	read_boot(boot);
	(void)json_object_set_new(k->record, "synced", json_integer((json_int_t)k->offset));
	(void)json_object_set_new(k->record, "boot", json_string(boot));
	char *text = json_text(k->record);
	bool ok = file_write(k->record_path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool kept_make(const struct files *files, struct kept *ret_kept, const char *id, const char *bucket, const char *key,
	       const char *metadata, uint64_t size, struct err *err)
{
	struct kept k;
	if (!set_paths(files, &k, id, err)) return false;
	k.record = json_pack("{s:s, s:s, s:I, s:s, s:I}", "bucket", bucket, "key", key, "size", (json_int_t)size,
			     "metadata", metadata, "created", (json_int_t)time(NULL));
	if (k.record == NULL) return err_set(err, ERR_INVALID, "the upload's metadata are no text");
	if (lock(&k, O_CREAT | O_EXCL, err) && borrow(&k, err) && write_record(&k, err)) {
		*ret_kept = k;
		return true;
	}
	if (k.fd >= 0) (void)unlink(k.path);
	kept_close(&k);
	return false;
}

/* After the machine died what was not synced may be anything. */
static bool find_offset(struct kept *k, struct err *err)
{
	char boot[BOOT_SIZE];
	struct stat st;
	if (fstat(k->fd, &st) != 0) return err_set_errno(err, WORDS);
	uint64_t synced = (uint64_t)json_int(k->record, "synced", 0);
	read_boot(boot);
	k->offset = (uint64_t)st.st_size;
	if (strcmp(json_str(k->record, "boot", ""), boot) != 0 && synced < k->offset) k->offset = synced;
	if (k->offset > k->size) k->offset = k->size;
	return k->offset == (uint64_t)st.st_size || ftruncate(k->fd, (off_t)k->offset) == 0 ||
	       err_set_errno(err, WORDS);
}

bool kept_open(const struct files *files, struct kept *ret_kept, const char *id, struct err *err)
{
	struct kept k;
	if (!set_paths(files, &k, id, err)) return false;
	if (lock(&k, 0, err) && json_parse_file(k.record_path, RECORD_MAX_BYTES, &k.record, err) && borrow(&k, err) &&
	    find_offset(&k, err)) {
		*ret_kept = k;
		return true;
	}
	kept_close(&k);
	return false;
}

bool kept_write(struct kept *k, struct str bytes, struct err *err)
{
	while (bytes.len > 0) {
		ssize_t n = pwrite(k->fd, bytes.ptr, bytes.len, (off_t)k->offset);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return err_set_errno(err, WORDS);
		k->offset += (uint64_t)n;
		bytes = str_sub(bytes, (size_t)n, bytes.len);
	}
	return true;
}

bool kept_sync(struct kept *k, struct err *err)
{
	if (fdatasync(k->fd) != 0) return err_set_errno(err, WORDS);
	return write_record(k, err);
}

static bool put_etag(struct kept *k, char ret_etag[FILES_ETAG_SIZE], struct err *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	char *bytes = malloc(READ_BYTES), *at = ret_etag;
	uint64_t offset = 0;
	ssize_t n = 1;
	if (md5 == NULL || bytes == NULL || EVP_DigestInit_ex(md5, EVP_md5(), NULL) != 1) abort();
	while (offset < k->offset && (n = pread(k->fd, bytes, READ_BYTES, (off_t)offset)) > 0) {
		(void)EVP_DigestUpdate(md5, bytes, (size_t)n);
		offset += (uint64_t)n;
	}
	(void)EVP_DigestFinal_ex(md5, sum, NULL);
	EVP_MD_CTX_free(md5);
	free(bytes);
	if (offset != k->offset) return err_set_errno(err, WORDS);
	*at++ = '"';
	for (int i = 0; i < 16; i++, at += 2) (void)snprintf(at, 3, "%02x", sum[i]);
	memcpy(at, "\"", 2);
	return true;
}

/* A link that is there already was made before a crash. */
bool kept_place(const struct files *files, struct kept *k, struct stored *ret_stored, struct err *err)
{
	char folder[FILES_PATH_SIZE], place[FILES_PATH_SIZE];
	struct stored stored = {.size = k->offset, .modified_ms = clock_wall_ms()};
	memcpy(stored.version, k->id, sizeof stored.version);
	if (!put_etag(k, stored.etag, err) || !files_make_place(files, k->id, folder, place, err)) return false;
	if (link(k->path, place) != 0 && errno != EEXIST) return err_set_errno(err, WORDS);
	if (!file_sync_dir(folder, err)) return false;
	*ret_stored = stored;
	return true;
}

bool kept_remove(struct kept *k, struct err *err)
{
	if (unlink(k->record_path) != 0 && errno != ENOENT) return err_set_errno(err, "remove an upload");
	return unlink(k->path) == 0 || errno == ENOENT || err_set_errno(err, "remove an upload");
}

static bool is_over(int dir, const char *id, time_t now)
{
	struct stat st;
	return fstatat(dir, id, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime + KEPT_LASTS_S < now;
}

/* A half is one whose record is missing; where it is not worked on its age is the file's. */
static bool sweep_one(const struct files *files, int dir, const char *id, time_t now)
{
	struct kept k;
	struct err err;
	bool is_removed = false;
	if (kept_open(files, &k, id, &err)) {
		if (k.created_s + KEPT_LASTS_S < now) is_removed = kept_remove(&k, &err);
		kept_close(&k);
		return is_removed;
	}
	return err.code != ERR_CONFLICT && is_over(dir, id, now) && unlinkat(dir, id, 0) == 0;
}

uint64_t kept_sweep(const struct files *files)
{
	char path[FILES_PATH_SIZE];
	struct err ignored;
	uint64_t count = 0;
	time_t now = time(NULL);
	if (!file_path(path, &ignored, "%s/resumable", files->folder)) return 0;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		if (e->d_name[0] == '.') continue;
		if (storage_is_uuid(str_from(e->d_name)))
			count += sweep_one(files, dirfd(dir), e->d_name, now);
		else if (is_over(dirfd(dir), e->d_name, now))
			(void)unlinkat(dirfd(dir), e->d_name, 0); /* a record without bytes */
	}
	if (dir != NULL) (void)closedir(dir);
	return count;
}
