/* SPDX-License-Identifier: Apache-2.0 */
#include "build/digest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

#define DEPTH_MAX 64

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
	struct digest *d = malloc(sizeof *d);
	if (d == NULL || (d->context = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1)
		abort();
	return d;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
	if (EVP_DigestUpdate(d->context, bytes, len) != 1) abort();
}

void digest_add_field(struct digest *d, struct str field)
{
	char head[32];
	int len = snprintf(head, sizeof head, "%zu:", field.len);
	digest_add(d, head, (size_t)len);
	digest_add(d, field.ptr, field.len);
}

void digest_end(struct digest *d, char ret_hex[DIGEST_SIZE])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (EVP_DigestFinal_ex(d->context, raw, &len) != 1 || len != 32) abort();
	for (unsigned i = 0; i < len; i++) (void)snprintf(ret_hex + (size_t)2 * i, 3, "%02x", raw[i]);
	EVP_MD_CTX_free(d->context);
	free(d);
}

bool digest_add_fd(struct digest *d, int fd, struct err *err)
{
	char chunk[65536];
	ssize_t got;
	while ((got = read(fd, chunk, sizeof chunk)) != 0) {
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return err_set_errno(err, "read a file");
		digest_add(d, chunk, (size_t)got);
	}
	return true;
}

struct tree {
	struct digest *digest;
	size_t top_len;
	const char *const *without;
};

static bool is_without(const struct tree *t, const char *name)
{
	for (const char *const *p = t->without; p != NULL && *p != NULL; p++)
		if (strcmp(*p, name) == 0) return true;
	return false;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_file(const struct tree *t, const char *path, const struct stat *st, struct err *err)
{
	char size[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return err_set_errno(err, "%s", path);
	(void)snprintf(size, sizeof size, "%lld", (long long)st->st_size);
	digest_add_field(t->digest, str_from(path + t->top_len));
	digest_add_field(t->digest, str_from(size));
	bool ok = digest_add_fd(t->digest, fd, err) || err_wrap(err, "%s", path);
	(void)close(fd);
	return ok;
}

static bool add_folder(const struct tree *t, const char *folder, int depth, struct err *err)
{
	struct dirent **list = NULL;
	if (depth > DEPTH_MAX) return err_set(err, ERR_LIMIT, "%s: folders lie more than %d deep", folder, DEPTH_MAX);
	int count = scandir(folder, &list, NULL, by_bytes);
	if (count < 0) return err_set_errno(err, "%s", folder);
	bool ok = true;
	for (int i = 0; i < count; i++) {
		char path[FILE_PATH_SIZE];
		struct stat st;
		const char *name = list[i]->d_name;
		bool is_dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
		if (ok && !is_dots && !(depth == 0 && is_without(t, name))) {
			ok = file_path(path, err, "%s/%s", folder, name);
			if (ok && lstat(path, &st) != 0) ok = err_set_errno(err, "%s", path);
			if (ok && S_ISDIR(st.st_mode)) ok = add_folder(t, path, depth + 1, err);
			if (ok && S_ISREG(st.st_mode)) ok = add_file(t, path, &st, err);
		}
		free(list[i]);
	}
	free(list);
	return ok;
}

bool digest_tree(const char *folder, const char *const *without, char ret_hex[DIGEST_SIZE], struct err *err)
{
	struct tree t = {digest_new(), strlen(folder) + 1, without};
	char hex[DIGEST_SIZE];
	bool ok = add_folder(&t, folder, 0, err);
	digest_end(t.digest, hex);
	if (ok) (void)memcpy(ret_hex, hex, sizeof hex);
	return ok;
}
