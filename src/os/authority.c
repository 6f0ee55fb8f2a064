/* SPDX-License-Identifier: Apache-2.0 */
#include "os/authority.h"

#include <dirent.h>
#include <sys/stat.h>

#include "os/file.h"

#define DEPTH_MAX 4

static bool has_ending(struct str name)
{
	struct str end = STR(".crt");
	return name.len > end.len && str_eq(str_sub(name, name.len - end.len, name.len), end);
}

static void add_file(const char *path, struct buf *ret_pem)
{
	struct err ignored;
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, AUTHORITY_MAX_BYTES);
	bool is_pem = file_read(path, &bytes, &ignored) && str_find(buf_view(&bytes), STR("BEGIN CERTIFICATE")) >= 0;
	if (is_pem && bytes.len + 1 <= ret_pem->max - ret_pem->len) buf_printf(ret_pem, "%s\n", buf_cstr(&bytes));
}

static void add_folder(const char *folder, int depth, struct buf *ret_pem)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st;
	DIR *dir = depth > 0 ? opendir(folder) : NULL;
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.' || !file_path(path, &ignored, "%s/%s", folder, entry->d_name) ||
		    stat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			add_folder(path, depth - 1, ret_pem);
		else if (S_ISREG(st.st_mode) && has_ending(str_from(entry->d_name)))
			add_file(path, ret_pem);
	}
	if (dir != NULL) (void)closedir(dir);
}

void authority_added(const char *folder, struct buf *ret_pem)
{
	add_folder(folder, DEPTH_MAX, ret_pem);
}
