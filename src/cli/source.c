/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define CHUNK_BYTES (64 * 1024)
#define WAITING_MAX (8 * CHUNK_BYTES) /* of tar that was made and not yet read: a chunk, headers, long names */

struct source {
	int fd; /* the archive, or the file of the folder that is being sent; -1 */
	uint64_t total_bytes;
	FTS *walk; /* NULL: an archive */
	struct archive *tar;
	struct archive_entry *entry;
	struct buf waiting;
	size_t prefix; /* bytes of the root's path and the slash */
	uint64_t file_bytes_left;
	uint64_t file_count;
	uint64_t odd_count;
	bool has_modules;
	bool has_git;
	bool is_at_end;
	bool is_closing; /* libarchive wants to write an end that nobody will read; archive_write_fail would leak */
	bool is_broken;
	struct err why;
};

static bool is_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* https://name:token@host/x → https://host/x: the history is read by others. */
static void without_credentials(const char *url, char *ret_text, size_t size)
{
	const char *host = strstr(url, "://") + 3;
	const char *at = memchr(host, '@', strcspn(host, "/"));
	if (at == NULL || is_prefix(url, "ssh://"))
		(void)snprintf(ret_text, size, "%s", url);
	else
		(void)snprintf(ret_text, size, "%.*s%s", (int)(host - url), url, at + 1);
}

/* git@host:path, which is how the git hosts write it. */
static bool is_scp_like(const char *typed)
{
	const char *at = strchr(typed, '@'), *colon = strchr(typed, ':'), *slash = strchr(typed, '/');
	return at != NULL && at != typed && colon != NULL && at < colon && colon[1] != '\0' &&
	       (slash == NULL || colon < slash);
}

static bool identify_address(const char *typed, struct source_facts *facts, struct err *err)
{
	facts->kind = SOURCE_GIT;
	if (strlen(typed) + 8 >= sizeof facts->git_url) return err_set(err, ERR_LIMIT, "the git address is too long");
	if (strstr(typed, "://") == NULL) {
		const char *colon = strchr(typed, ':');
		(void)snprintf(facts->git_url, sizeof facts->git_url, "ssh://%.*s/%s", (int)(colon - typed), typed,
			       colon + 1 + (colon[1] == '/'));
		(void)snprintf(facts->from, sizeof facts->from, "%s", typed);
		return true;
	}
	if (!is_prefix(typed, "https://") && !is_prefix(typed, "ssh://"))
		return err_set(err, ERR_INVALID,
			       "%.200s: only git over https:// or ssh:// is fetched; the others are not encrypted",
			       typed);
	(void)snprintf(facts->git_url, sizeof facts->git_url, "%s", typed);
	without_credentials(typed, facts->from, sizeof facts->from);
	return true;
}

static bool is_archive_head(const unsigned char *head, size_t len)
{
	static const unsigned char gzip[] = {0x1F, 0x8B}, zstd[] = {0x28, 0xB5, 0x2F, 0xFD};
	if (len >= 4 && memcmp(head, "PK\003\004", 4) == 0) return true;
	if (len >= 2 && memcmp(head, gzip, 2) == 0) return true;
	if (len >= 4 && memcmp(head, zstd, 4) == 0) return true;
	return len >= 262 && memcmp(head + 257, "ustar", 5) == 0;
}

static bool identify_file(const char *typed, struct err *err)
{
	unsigned char head[512];
	int fd = open(typed, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", typed);
	ssize_t len = read(fd, head, sizeof head);
	int errnum = errno;
	close(fd);
	errno = errnum;
	if (len < 0) return err_set_errno(err, "%s", typed);
	if (len > 0 && is_archive_head(head, (size_t)len)) return true;
	if (len == 0) return err_set(err, ERR_INVALID, "%s is empty; download or copy it again", typed);
	return err_set(err, ERR_INVALID,
		       "%s is neither a folder nor a zip, tar, tar.gz or tar.zst; give the folder of the export, or "
		       "the file that the "
		       "builder let you download",
		       typed);
}

bool source_identify(const char *typed, struct source_facts *ret_facts, struct err *err)
{
	struct source_facts facts = {0};
	struct stat st;
	bool is_there = stat(typed, &st) == 0;
	int errnum = errno;
	if (!is_there && (strstr(typed, "://") != NULL || is_scp_like(typed))) {
		if (!identify_address(typed, &facts, err)) return false;
		*ret_facts = facts;
		return true;
	}
	errno = errnum;
	if (!is_there && errnum == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: there is no such file or folder here", typed);
	if (!is_there) return err_set_errno(err, "%s", typed);
	facts.kind = S_ISDIR(st.st_mode) ? SOURCE_FOLDER : SOURCE_ARCHIVE;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s is neither a folder nor a file", typed);
	if (S_ISREG(st.st_mode) && !identify_file(typed, err)) return false;
	if (realpath(typed, facts.from) == NULL) return err_set_errno(err, "%s", typed);
	*ret_facts = facts;
	return true;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static ssize_t on_tar_bytes(struct archive *tar, void *arg, const void *bytes, size_t len)
{
	struct source *s = arg;
	buf_append(&s->waiting, bytes, len);
	if (buf_is_ok(&s->waiting) && !s->is_closing) return (ssize_t)len;
	archive_set_error(tar, ENOBUFS, "more than was declared");
	return -1;
}

static bool open_folder(struct source *s, const char *path, struct err *err)
{
	char *paths[] = {strdup(path), NULL};
	if (paths[0] == NULL) abort();
	s->walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	free(paths[0]);
	/* The first step is to the folder itself. Taken here, because an fts_close before any step leaks. */
	if (s->walk == NULL || fts_read(s->walk) == NULL) return err_set_errno(err, "%s", path);
	s->prefix = strcmp(path, "/") == 0 ? 1 : strlen(path) + 1;
	s->tar = archive_write_new();
	s->entry = archive_entry_new();
	if (s->tar == NULL || s->entry == NULL) abort();
	if (archive_write_set_format_pax_restricted(s->tar) != ARCHIVE_OK ||
	    archive_write_add_filter_none(s->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(s->tar, 0) != ARCHIVE_OK ||
	    archive_write_open(s->tar, s, NULL, on_tar_bytes, NULL) != ARCHIVE_OK)
		return err_set(err, ERR_INTERNAL, "tar: %s", archive_error_string(s->tar));
	return true;
}

static bool open_archive(struct source *s, const char *path, struct err *err)
{
	struct stat st;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0) return err_set_errno(err, "%s", path);
	s->total_bytes = (uint64_t)st.st_size;
	return true;
}

bool source_open(const struct source_facts *facts, struct source **ret_source, struct err *err)
{
	struct source *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	s->fd = -1;
	buf_init(&s->waiting, WAITING_MAX);
	bool is_open =
	    facts->kind == SOURCE_FOLDER ? open_folder(s, facts->from, err) : open_archive(s, facts->from, err);
	if (!is_open) {
		source_close(s);
		return false;
	}
	*ret_source = s;
	return true;
}

void source_close(struct source *s)
{
	if (s == NULL) return;
	if (s->fd >= 0) close(s->fd);
	if (s->walk != NULL) (void)fts_close(s->walk);
	if (s->entry != NULL) archive_entry_free(s->entry);
	s->is_closing = true;
	if (s->tar != NULL) (void)archive_write_free(s->tar);
	buf_done(&s->waiting);
	free(s);
}

static bool write_header(struct source *s, const FTSENT *at, mode_t type, int64_t size, struct err *err)
{
	const struct stat *st = at->fts_statp;
	archive_entry_clear(s->entry);
	archive_entry_set_pathname(s->entry, at->fts_path + s->prefix);
	archive_entry_set_filetype(s->entry, type);
	archive_entry_set_perm(s->entry, type == S_IFDIR || (st->st_mode & S_IXUSR) != 0 ? 0755 : 0644);
	archive_entry_set_size(s->entry, size);
	archive_entry_set_mtime(s->entry, st->st_mtim.tv_sec, 0);
	if (type == S_IFLNK) {
		char target[SOURCE_TEXT_SIZE];
		ssize_t len = readlink(at->fts_accpath, target, sizeof target - 1);
		if (len < 0) return err_set_errno(err, "%s", at->fts_path);
		target[len] = '\0';
		archive_entry_set_symlink(s->entry, target);
	}
	if (archive_write_header(s->tar, s->entry) >= ARCHIVE_WARN) return true;
	return err_set(err, ERR_IO, "%s: %s", at->fts_path, archive_error_string(s->tar));
}

/* The size that counts is that of the file which was opened, not of the one which the walk saw. */
static bool begin_file(struct source *s, FTSENT *at, struct err *err)
{
	struct stat st;
	s->fd = open(at->fts_accpath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (s->fd < 0)
		return err_set_errno(
		    err, "%s cannot be read, so nothing was deployed; make it readable or take it out of the folder",
		    at->fts_path);
	if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s changed while it was read; try again", at->fts_path);
	if (!write_header(s, at, S_IFREG, st.st_size, err)) return false;
	s->file_bytes_left = (uint64_t)st.st_size;
	s->file_count++;
	return true;
}

static bool continue_file(struct source *s, struct err *err)
{
	char chunk[CHUNK_BYTES];
	if (s->file_bytes_left == 0) {
		close(s->fd);
		s->fd = -1;
		return true;
	}
	size_t want = s->file_bytes_left < sizeof chunk ? (size_t)s->file_bytes_left : sizeof chunk;
	ssize_t len = read(s->fd, chunk, want);
	if (len <= 0)
		return err_set(err, ERR_IO, "a file of the folder became shorter while it was read (%s); try again",
			       archive_entry_pathname(s->entry));
	if (archive_write_data(s->tar, chunk, (size_t)len) != len)
		return err_set(err, ERR_IO, "%s: %s", archive_entry_pathname(s->entry), archive_error_string(s->tar));
	s->file_bytes_left -= (uint64_t)len;
	return true;
}

static bool is_left_out(struct source *s, const FTSENT *at)
{
	bool is_modules = strcmp(at->fts_name, "node_modules") == 0 && at->fts_info != FTS_F;
	bool is_git = strcmp(at->fts_name, ".git") == 0;
	s->has_modules |= is_modules;
	s->has_git |= is_git;
	return is_modules || is_git;
}

static bool end_of_folder(struct source *s, struct err *err)
{
	s->is_at_end = true;
	if (s->file_count == 0)
		return err_set(err, ERR_INVALID,
			       "this folder has no files that could be deployed; give the one that the builder's "
			       "export was unpacked into");
	if (archive_write_close(s->tar) != ARCHIVE_OK)
		return err_set(err, ERR_IO, "tar: %s", archive_error_string(s->tar));
	return true;
}

static bool next_entry(struct source *s, struct err *err)
{
	errno = 0;
	FTSENT *at = fts_read(s->walk);
	if (at == NULL && errno != 0) return err_set_errno(err, "the folder");
	if (at == NULL) return end_of_folder(s, err);
	if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR || at->fts_info == FTS_NS) {
		errno = at->fts_errno;
		return err_set_errno(
		    err, "%s cannot be read, so nothing was deployed; make it readable or take it out of the folder",
		    at->fts_path);
	}
	if (at->fts_info == FTS_DP || at->fts_info == FTS_DC) return true;
	if (is_left_out(s, at)) {
		if (at->fts_info == FTS_D) (void)fts_set(s->walk, at, FTS_SKIP);
		return true;
	}
	if (at->fts_info == FTS_D) return write_header(s, at, S_IFDIR, 0, err);
	if (at->fts_info == FTS_F) return begin_file(s, at, err);
	if (at->fts_info == FTS_SL || at->fts_info == FTS_SLNONE) return write_header(s, at, S_IFLNK, 0, err);
	s->odd_count++;
	return true;
}

static ssize_t read_archive(struct source *s, char *to, size_t size, struct err *err)
{
	ssize_t len = read(s->fd, to, size);
	if (len < 0) (void)err_set_errno(err, "the archive cannot be read");
	return len < 0 ? -1 : len;
}

static ssize_t read_folder(struct source *s, char *to, size_t size, struct err *err)
{
	while (s->waiting.len < size && s->waiting.len < WAITING_MAX / 2 && !s->is_at_end)
		if (!(s->fd >= 0 ? continue_file(s, err) : next_entry(s, err))) return -1;
	size_t take = s->waiting.len < size ? s->waiting.len : size;
	if (take > 0) memcpy(to, s->waiting.ptr, take);
	buf_consume(&s->waiting, take);
	return (ssize_t)take;
}

ssize_t source_read(struct source *s, char *to, size_t size, struct err *err)
{
	if (!s->is_broken) {
		ssize_t len = s->walk != NULL ? read_folder(s, to, size, &s->why) : read_archive(s, to, size, &s->why);
		if (len >= 0) return len;
		s->is_broken = true;
	}
	*err = s->why;
	return -1;
}

uint64_t source_total_bytes(const struct source *s)
{
	return s->total_bytes;
}

uint64_t source_file_count(const struct source *s)
{
	return s->file_count;
}

void source_left_out(const struct source *s, char ret_text[128])
{
	char odd[64] = "";
	if (s->odd_count > 0)
		(void)snprintf(odd, sizeof odd,
			       s->odd_count == 1 ? "%llu socket, pipe or device" : "%llu sockets, pipes or devices",
			       (unsigned long long)s->odd_count);
	(void)snprintf(ret_text, 128, "%s%s%s%s%s", s->has_modules ? "node_modules" : "",
		       s->has_modules && (s->has_git || odd[0] != '\0') ? ", " : "", s->has_git ? ".git" : "",
		       s->has_git && odd[0] != '\0' ? ", " : "", odd);
}
