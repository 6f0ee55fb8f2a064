/* SPDX-License-Identifier: Apache-2.0 */
#include "build/database_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "os/file.h"

#define DEPTH_MAX 32
#define FILES_MAX 50000
#define BYTES_MAX (512ull << 20)

static const char *const names[] = {"DATABASE_URL", "POSTGRES_",  "PGHOST",
				    "PGPASSWORD",   "DIRECT_URL", "SUPABASE_DB_URL"};

static const char *const drivers[] = {"pg",
				      "postgres",
				      "pg-promise",
				      "@neondatabase/serverless",
				      "@vercel/postgres",
				      "@prisma/client",
				      "drizzle-orm",
				      "kysely",
				      "slonik",
				      "sequelize",
				      "typeorm"};

static const char *const code[] = {".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx", ".jsx", ".prisma", ".sh"};

struct search {
	uint64_t files, bytes;
	bool is_found;
};

static bool has_driver(const char *modules)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		if (file_path(path, &ignored, "%s/%s/package.json", modules, drivers[i]) && file_exists(path))
			return true;
	return false;
}

static bool is_code(const char *name)
{
	for (size_t i = 0; i < sizeof code / sizeof *code; i++)
		if (str_has_suffix(str_from(name), str_from(code[i]))) return true;
	return false;
}

static bool names_one(const char *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (memmem(bytes, len, names[i], strlen(names[i])) != NULL) return true;
	return false;
}

static void look_at_file(struct search *s, int dir, const char *name)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		s->bytes += (uint64_t)st.st_size;
		s->is_found = ++s->files > FILES_MAX || s->bytes > BYTES_MAX;
		void *at = s->is_found ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at != MAP_FAILED) {
			s->is_found = names_one(at, (size_t)st.st_size);
			(void)munmap(at, (size_t)st.st_size);
		}
	}
	(void)close(fd);
}

static void look_through(struct search *s, const char *path, int depth)
{
	char below[FILE_PATH_SIZE];
	struct err ignored;
	DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
	if (d == NULL) return;
	for (struct dirent *e; !s->is_found && (e = readdir(d)) != NULL;) {
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !file_path(below, &ignored, "%s/%s", path, e->d_name))
			continue;
		if (S_ISDIR(st.st_mode) && strcmp(e->d_name, "node_modules") == 0)
			s->is_found = has_driver(below);
		else if (S_ISDIR(st.st_mode))
			look_through(s, below, depth + 1);
		else if (S_ISREG(st.st_mode) && is_code(e->d_name))
			look_at_file(s, dirfd(d), e->d_name);
	}
	(void)closedir(d);
}

bool build_uses_database(const char *server_dir, const char *modules)
{
	struct search s = {0};
	if (modules != NULL && has_driver(modules)) return true;
	look_through(&s, server_dir, 0);
	return s.is_found;
}
