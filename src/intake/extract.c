/* SPDX-License-Identifier: Apache-2.0 */
#include "intake/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define BLOCK_BYTES 65536
#define SHOWN_SIZE 200

struct extraction {
	struct archive *archive;
	int root;
	const struct intake_limits *limits;
	uint64_t entries;
	struct intake_unpacked done;
	struct err *err;
};

static bool is_skipped_part(struct str part)
{
	return str_eq(part, STR("node_modules")) || str_eq_nocase(part, STR(".git")) || str_eq(part, STR("__MACOSX")) ||
	       str_eq(part, STR(".DS_Store"));
}

static bool has_control(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		if (c < 0x20 || c == 0x7F) return true;
		if (c == 0xC2 && i + 1 < name.len && (unsigned char)name.ptr[i + 1] < 0xA0) return true; /* C1 */
	}
	return false;
}

/* What is wrong with one part of a path, or NULL. */
static const char *part_fault(struct str part)
{
	if (str_eq(part, STR(".."))) return "leads out of the archive (\"..\")";
	if (part.len > 255) return "has a part longer than 255 bytes";
	return NULL;
}

static const char *name_fault(struct str name, const struct intake_limits *limits)
{
	if (name.len == 0) return "has no name";
	if (!str_is_utf8(name)) return "has a name that is not UTF-8";
	if (has_control(name)) return "has control characters in its name";
	if (name.ptr[0] == '/') return "has an absolute path";
	if (name.len > limits->max_path_bytes) return "has a path that is too long";
	return NULL;
}

enum extract_verdict extract_judge_name(struct str name, const struct intake_limits *limits, char *ret_path,
					size_t path_size, const char **ret_reason)
{
	const char *fault = name_fault(name, limits);
	bool is_skipped = false;
	size_t len = 0;
	uint64_t depth = 0;
	struct str rest = name, part;
	while (fault == NULL && str_next(&rest, '/', &part)) {
		if (part.len == 0 || str_eq(part, STR("."))) continue;
		fault = part_fault(part);
		if (fault == NULL && (++depth > limits->max_depth || len + part.len + 2 > path_size))
			fault = "lies in too many folders";
		if (fault != NULL) break;
		is_skipped = is_skipped || is_skipped_part(part);
		if (len > 0) ret_path[len++] = '/';
		memcpy(ret_path + len, part.ptr, part.len);
		len += part.len;
	}
	ret_path[len] = '\0';
	*ret_reason = fault;
	if (fault != NULL) return EXTRACT_REFUSE;
	return is_skipped ? EXTRACT_SKIP : EXTRACT_TAKE;
}

/* A hostile name as a person and a terminal can bear it. */
static const char *shown(const char *name, char ret_text[SHOWN_SIZE])
{
	size_t len = 0;
	bool is_utf8 = str_is_utf8(str_from(name));
	for (const char *c = name; *c != '\0'; c++) {
		unsigned char byte = (unsigned char)*c;
		if (len + 8 > SHOWN_SIZE) {
			memcpy(ret_text + len, "...", 3);
			len += 3;
			break;
		}
		if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && (!is_utf8 || byte == 0xC2)))
			len += (size_t)snprintf(ret_text + len, 5, "\\x%02x", byte);
		else
			ret_text[len++] = *c;
	}
	/* A cut inside a character would not be UTF-8 any more. */
	while (len > 0 && !str_is_utf8((struct str){ret_text, len})) len--;
	ret_text[len] = '\0';
	return ret_text;
}

static bool refuse(struct extraction *x, enum err_code code, const char *name, const char *why)
{
	char text[SHOWN_SIZE];
	return err_set(x->err, code, "the archive's entry \"%s\" %s; nothing of it was taken in", shown(name, text),
		       why);
}

static bool archive_broken(struct extraction *x, const char *name)
{
	const char *why = archive_error_string(x->archive);
	char text[SHOWN_SIZE], reason[SHOWN_SIZE];
	(void)shown(why != NULL ? why : "unknown reason", reason);
	if (name != NULL)
		return err_set(x->err, ERR_INVALID, "the archive is damaged at \"%s\" (%s); export it again",
			       shown(name, text), reason);
	return err_set(x->err, ERR_INVALID, "this is no zip, tar, tar.gz or tar.zst that can be read (%s)", reason);
}

/* Opens the folder of `path` below the root, making what is missing; *ret_last is the last part. No links exist below
 * the root, for none is ever made there; O_NOFOLLOW says so to whoever reads this. */
static int open_parent(struct extraction *x, char *path, const char **ret_last)
{
	int dir = dup(x->root);
	char *part = path;
	for (char *slash; dir >= 0 && (slash = strchr(part, '/')) != NULL; part = slash + 1) {
		*slash = '\0';
		bool is_made = mkdirat(dir, part, 0755) == 0 || errno == EEXIST;
		int next = is_made ? openat(dir, part, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC) : -1;
		int problem = errno;
		*slash = '/';
		(void)close(dir);
		errno = problem;
		dir = next;
	}
	*ret_last = part;
	return dir;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);
		if (put < 0 && errno == EINTR) continue;
		if (put <= 0) return false;
		bytes += put;
		len -= (size_t)put;
	}
	return true;
}

static bool count_bytes(struct extraction *x, const char *name, uint64_t file_bytes, size_t more)
{
	x->done.bytes += more;
	if (file_bytes > x->limits->max_file_bytes) return refuse(x, ERR_LIMIT, name, "is too large for one file");
	if (x->done.bytes > x->limits->max_total_bytes) return refuse(x, ERR_LIMIT, name, "makes the whole too large");
	int64_t in = archive_filter_bytes(x->archive, -1);
	if (x->done.bytes > INTAKE_RATIO_FROM_BYTES && in >= 0 &&
	    x->done.bytes / x->limits->max_ratio > (uint64_t)in + BLOCK_BYTES)
		return refuse(x, ERR_LIMIT, name, "unpacks to far more than the archive holds (a zip bomb)");
	return true;
}

static bool copy_content(struct extraction *x, const char *name, int fd)
{
	char block[BLOCK_BYTES];
	uint64_t file_bytes = 0;
	for (;;) {
		la_ssize_t got = archive_read_data(x->archive, block, sizeof block);
		if (got == 0) return true;
		if (got < 0) return archive_broken(x, name);
		file_bytes += (uint64_t)got;
		if (!count_bytes(x, name, file_bytes, (size_t)got)) return false;
		if (!write_all(fd, block, (size_t)got)) return err_set_errno(x->err, "write what was unpacked");
	}
}

static bool take_file(struct extraction *x, struct archive_entry *entry, const char *name, char *path)
{
	if (archive_entry_size_is_set(entry) && (uint64_t)archive_entry_size(entry) > x->limits->max_file_bytes)
		return refuse(x, ERR_LIMIT, name, "is too large for one file");
	const char *last;
	int dir = open_parent(x, path, &last);
	if (dir < 0 && (errno == ENOTDIR || errno == ELOOP))
		return refuse(x, ERR_REFUSED, name, "lies in a folder that is also a file");
	if (dir < 0) return err_set_errno(x->err, "make the folders of %s", path);
	mode_t mode = (archive_entry_perm(entry) & 0100) ? 0755 : 0644;
	int fd = openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int problem = errno;
	(void)close(dir);
	if (fd < 0 && problem == EEXIST) return refuse(x, ERR_REFUSED, name, "is in it twice");
	errno = problem;
	if (fd < 0) return err_set_errno(x->err, "make %s", path);
	bool ok = copy_content(x, name, fd);
	if (close(fd) != 0 && ok) ok = err_set_errno(x->err, "write %s", path);
	x->done.files++;
	return ok;
}

static bool take_folder(struct extraction *x, const char *name, char *path)
{
	const char *last;
	int dir = open_parent(x, path, &last);
	bool ok = dir >= 0 && (mkdirat(dir, last, 0755) == 0 || errno == EEXIST);
	int problem = errno;
	if (dir >= 0) (void)close(dir);
	if (ok) return true;
	if (problem == ENOTDIR || problem == ELOOP)
		return refuse(x, ERR_REFUSED, name, "lies in a folder that is also a file");
	errno = problem;
	return err_set_errno(x->err, "make the folder %s", path);
}

static const char *type_fault(struct archive_entry *entry)
{
	if (archive_entry_hardlink(entry) != NULL) return "is a hard link";
	switch (archive_entry_filetype(entry)) {
	case AE_IFLNK: return "is a symbolic link";
	case AE_IFCHR:
	case AE_IFBLK: return "is a device";
	case AE_IFIFO:
	case AE_IFSOCK: return "is a pipe or a socket";
	case AE_IFREG:
	case AE_IFDIR: break;
	default: return "is neither a file nor a folder";
	}
	return archive_entry_is_encrypted(entry) ? "is encrypted; export without a password" : NULL;
}

static bool take_entry(struct extraction *x, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry), *reason;
	if (name == NULL) name = "";
	char path[4096];
	if (++x->entries > x->limits->max_entries) return refuse(x, ERR_LIMIT, name, "is one too many");
	enum extract_verdict verdict = extract_judge_name(str_from(name), x->limits, path, sizeof path, &reason);
	if (verdict == EXTRACT_REFUSE) return refuse(x, ERR_REFUSED, name, reason);
	if (verdict == EXTRACT_SKIP) {
		x->done.skipped++;
		return true;
	}
	reason = type_fault(entry);
	if (reason != NULL) return refuse(x, ERR_REFUSED, name, reason);
	if (path[0] == '\0') return true; /* "./" */
	if (archive_entry_filetype(entry) == AE_IFDIR) return take_folder(x, name, path);
	return take_file(x, entry, name, path);
}

/* The name of the single folder that is all there is, or false. */
static bool single_folder(int root, char ret_name[INTAKE_NAME_SIZE])
{
	DIR *d = fdopendir(openat(root, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
	if (d == NULL) return false;
	int count = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
		struct stat st;
		if (fstatat(root, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)) count = 2;
		(void)snprintf(ret_name, INTAKE_NAME_SIZE, "%s", e->d_name);
		if (++count > 1) break;
	}
	(void)closedir(d);
	return count == 1;
}

static bool lift_children(int root, int from)
{
	DIR *d = fdopendir(openat(from, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
	if (d == NULL) return false;
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ok = renameat(from, e->d_name, root, e->d_name) == 0;
	(void)closedir(d);
	return ok;
}

/* Moves what is in the folder up and removes it. It is renamed first, for it may hold one of its own name. */
static bool strip_folder(struct extraction *x, const char *name)
{
	static const char aside[] = ".freehold-unpacked-folder";
	if (renameat(x->root, name, x->root, aside) != 0) return err_set_errno(x->err, "rename %s", name);
	int from = openat(x->root, aside, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	bool ok = from >= 0 && faccessat(from, aside, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && lift_children(x->root, from) &&
		  unlinkat(x->root, aside, AT_REMOVEDIR) == 0;
	if (!ok) (void)err_set_errno(x->err, "take off the folder %s", name);
	if (from >= 0) (void)close(from);
	if (ok) (void)snprintf(x->done.stripped, sizeof x->done.stripped, "%s", name);
	return ok;
}

static bool extract_all(struct extraction *x, int fd, bool may_strip)
{
	if (archive_read_open_fd(x->archive, fd, BLOCK_BYTES) != ARCHIVE_OK) return archive_broken(x, NULL);
	for (;;) {
		struct archive_entry *entry;
		int status = archive_read_next_header(x->archive, &entry);
		if (status == ARCHIVE_EOF) break;
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return archive_broken(x, NULL);
		if (!take_entry(x, entry)) return false;
	}
	if (x->done.files == 0) return err_set(x->err, ERR_INVALID, "the archive holds no files");
	char name[INTAKE_NAME_SIZE];
	return !may_strip || !single_folder(x->root, name) || strip_folder(x, name);
}

static struct archive *new_reader(void)
{
	struct archive *a = archive_read_new();
	if (a == NULL) return NULL;
	archive_read_support_format_zip(a);
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	return a;
}

bool extract_archive(int fd, const char *target, const struct intake_limits *limits, bool may_strip,
		     struct intake_unpacked *ret_unpacked, struct err *err)
{
	struct extraction x = {.limits = limits, .err = err, .archive = new_reader()};
	if (x.archive == NULL) return err_set(err, ERR_INTERNAL, "libarchive does not start");
	x.root = open(target, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	bool ok = x.root >= 0 ? extract_all(&x, fd, may_strip) : err_set_errno(err, "%s", target);
	if (x.root >= 0) (void)close(x.root);
	archive_read_free(x.archive);
	if (ok) *ret_unpacked = x.done;
	return ok;
}
