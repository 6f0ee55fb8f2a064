/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_want.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MD5_TEXT_SIZE 33
#define READ_BYTES (64u << 10)

bool intake_file_open(struct intake_file *f, int folder_fd, const char *version, struct err *err)
{
	*f = (struct intake_file){.folder_fd = folder_fd, .fd = -1};
	(void)snprintf(f->part, sizeof f->part, "%s.part", version);
	f->fd = openat(folder_fd, f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (f->fd < 0) return err_set_errno(err, "keep a file that comes in");
	f->md5 = EVP_MD_CTX_new();
	if (f->md5 == NULL || EVP_DigestInit_ex(f->md5, EVP_md5(), NULL) != 1) abort();
	return true;
}

bool intake_file_write(struct intake_file *f, struct str bytes, struct err *err)
{
	(void)EVP_DigestUpdate(f->md5, bytes.ptr, bytes.len);
	f->bytes += (int64_t)bytes.len;
	while (bytes.len > 0) {
		ssize_t put = write(f->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno == EINTR) continue;
		if (put < 0) return err_set_errno(err, "keep a file that comes in");
		bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
	return true;
}

static void intake_file_close(struct intake_file *f)
{
	if (f->fd >= 0) (void)close(f->fd);
	f->fd = -1;
	EVP_MD_CTX_free(f->md5);
	f->md5 = NULL;
}

void intake_file_drop(struct intake_file *f)
{
	if (f->fd < 0) return;
	(void)unlinkat(f->folder_fd, f->part, 0);
	intake_file_close(f);
}

static void md5_text(EVP_MD_CTX *md5, char ret_text[MD5_TEXT_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	(void)EVP_DigestFinal_ex(md5, sum, NULL);
	for (size_t i = 0; i < 16; i++) (void)snprintf(ret_text + 2 * i, 3, "%02x", sum[i]);
}

static bool is_md5(const char *etag)
{
	return strlen(etag) == 32 && strspn(etag, "0123456789abcdef") == 32;
}

/* The source's own word for these bytes is the row's. */
static bool is_same_etag(const char *said, const char *row)
{
	if (said == NULL) return false;
	struct str s = str_from(said);
	if (str_has_prefix(s, STR("W/"))) s = str_sub(s, 2, s.len);
	if (s.len > 1 && s.ptr[0] == '"') s = str_sub(s, 1, s.len - 1);
	return str_eq(s, str_from(row));
}

static bool is_the_one(const struct want *w, int64_t bytes, const char *md5, const char *etag)
{
	if (w->size >= 0 && bytes != w->size) return false;
	if (w->etag[0] == '\0') return true;
	if (is_md5(w->etag) && strcmp(md5, w->etag) == 0) return true;
	/* Not a sum of the bytes as they are: joined from parts, or encrypted where they lay. */
	return is_same_etag(etag, w->etag) || (etag == NULL && !is_md5(w->etag));
}

bool intake_file_keep(struct intake_file *f, const struct want *want, const char *etag, bool *ret_is_the_one,
		      struct err *err)
{
	char md5[MD5_TEXT_SIZE];
	md5_text(f->md5, md5);
	*ret_is_the_one = is_the_one(want, f->bytes, md5, etag);
	if (!*ret_is_the_one) {
		intake_file_drop(f);
		return true;
	}
	intake_file_close(f);
	return renameat(f->folder_fd, f->part, f->folder_fd, want->version) == 0 ||
	       err_set_errno(err, "keep a file that came in");
}

bool want_is_there(int folder_fd, const struct want *want)
{
	char bytes[READ_BYTES], md5[MD5_TEXT_SIZE];
	struct stat st;
	ssize_t got = 0;
	int64_t size = 0;
	if (want->size < 0 && !is_md5(want->etag)) return false;
	int fd = openat(folder_fd, want->version, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return false;
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	if (sum == NULL || EVP_DigestInit_ex(sum, EVP_md5(), NULL) != 1) abort();
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	while (ok && (got = read(fd, bytes, sizeof bytes)) > 0) {
		(void)EVP_DigestUpdate(sum, bytes, (size_t)got);
		size += got;
	}
	md5_text(sum, md5);
	EVP_MD_CTX_free(sum);
	(void)close(fd);
	return ok && got == 0 && is_the_one(want, size, md5, is_md5(want->etag) ? NULL : want->etag);
}

bool want_is_below(struct str name)
{
	struct str rest = name, part;
	if (name.len == 0) return false;
	while (str_next(&rest, '/', &part))
		if (part.len == 0 || part.len > 255 || str_eq(part, STR(".")) || str_eq(part, STR(".."))) return false;
	return true;
}
