/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/source.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

static int open_beneath(const char *source_dir, const char *path, struct err *err)
{
	int dir = open(source_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) return err_set_errno(err, "%s", source_dir), -1;
	int fd = file_open_beneath(dir, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0) (void)err_set_errno(err, "read %s", path);
	(void)close(dir);
	return fd;
}

static bool read_all(int fd, const char *path, struct buf *ret_text, struct err *err)
{
	char chunk[65536];
	struct stat st;
	ssize_t got;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "%s is not a regular file", path);
	while ((got = read(fd, chunk, sizeof chunk)) > 0 && ret_text->len + (size_t)got <= MIGRATION_MAX_FILE_BYTES)
		buf_append(ret_text, chunk, (size_t)got);
	if (got < 0) return err_set_errno(err, "read %s", path);
	if (got > 0 || !buf_is_ok(ret_text))
		return err_set(err, ERR_LIMIT, "%s is larger than %u bytes", path, MIGRATION_MAX_FILE_BYTES);
	return true;
}

static bool is_as_planned(const struct migration *m, struct str text, struct err *err)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[MIGRATION_SHA256_HEX_SIZE];
	crypto_hash_sha256(hash, (const unsigned char *)text.ptr, text.len);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	if (strcmp(hex, m->sha256) != 0)
		return err_set(err, ERR_CONFLICT, "%s has changed since it was inspected; deploy again", m->file);
	for (size_t i = 0; i < m->statement_count; i++)
		if ((uint64_t)m->statements[i].offset + m->statements[i].len > text.len)
			return err_set(err, ERR_INVALID, "%s: statement %zu lies outside of the file", m->file, i + 1);
	return true;
}

bool source_read(const char *source_dir, const struct migration_plan *plan, const struct migration *m,
		 struct buf *ret_text, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!file_path(path, err, "%s/%s", plan->dir[0] != '\0' ? plan->dir : ".", m->file)) return false;
	int fd = open_beneath(source_dir, path, err);
	if (fd < 0) return false;
	buf_clear(ret_text);
	bool ok = read_all(fd, path, ret_text, err);
	(void)close(fd);
	return ok && is_as_planned(m, buf_view(ret_text), err);
}
