/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/source.h"
#include "os/file.h"

static char root[] = "/tmp/freehold-source-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	struct err err;
	return file_remove_tree(root, &err) ? 0 : -1;
}

static void put(const char *name, struct str bytes, mode_t mode)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	assert_true(file_path(path, &err, "%s/%s", root, name));
	*strrchr(path, '/') = '\0';
	assert_true(file_mkdirs(path, 0755, &err));
	assert_true(file_path(path, &err, "%s/%s", root, name));
	assert_true(file_write(path, bytes, mode, &err));
}

/* All that the source gives, by reads of an awkward size. */
static bool slurp(const char *path, struct buf *ret_bytes, char ret_left_out[128], struct err *err)
{
	struct source_facts facts;
	struct source *s;
	char chunk[1000];
	ssize_t len;
	if (!source_identify(path, &facts, err) || !source_open(&facts, &s, err)) return false;
	while ((len = source_read(s, chunk, sizeof chunk, err)) > 0) buf_append(ret_bytes, chunk, (size_t)len);
	if (ret_left_out != NULL) source_left_out(s, ret_left_out);
	source_close(s);
	return len == 0;
}

/* "d src 755;f src/a 644 5;l link 755 -> a;" of a tar. */
static void list(const struct buf *tar, struct buf *ret_text)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_memory(a, tar->ptr, tar->len), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		mode_t type = archive_entry_filetype(e);
		buf_printf(ret_text, "%c %s",
			   type == S_IFDIR   ? 'd'
			   : type == S_IFLNK ? 'l'
					     : 'f',
			   archive_entry_pathname(e));
		if (type == S_IFREG)
			buf_printf(ret_text, " %o %lld", archive_entry_perm(e), (long long)archive_entry_size(e));
		if (type == S_IFLNK) buf_printf(ret_text, " -> %s", archive_entry_symlink(e));
		assert_int_equal(archive_entry_uid(e), 0);
		buf_puts(ret_text, ";");
	}
	archive_read_free(a);
}

static void test_folder(void **state)
{
	(void)state;
	struct buf big BUF_CLEANUP, tar BUF_CLEANUP, text BUF_CLEANUP;
	char path[FILE_PATH_SIZE], left_out[128];
	struct err err;
	buf_init(&big, 1 << 20);
	buf_init(&tar, 1 << 22);
	buf_init(&text, 1 << 16);
	for (int i = 0; i < 200000; i++) buf_putc(&big, (char)('a' + i % 26));
	put("app/package.json", STR("{}"), 0600);
	put("app/run.sh", STR("#!"), 0755);
	put("app/src/big.txt", buf_view(&big), 0644);
	put("app/src/caf\xC3\xA9.ts", STR(""), 0644);
	put("app/node_modules/x/index.js", STR("no"), 0644);
	put("app/.git/config", STR("no"), 0644);
	put("app/sub/.git", STR("gitdir: no"), 0644);
	put("app/.env", STR("VITE_A=1"), 0644);
	assert_true(file_path(path, &err, "%s/app/link", root));
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(file_path(path, &err, "%s/app/pipe", root));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(file_path(path, &err, "%s/app", root));
	assert_true(slurp(path, &tar, left_out, &err));
	list(&tar, &text);
	assert_string_equal(
	    buf_cstr(&text),
	    "f .env 644 8;l link -> /etc/passwd;f package.json 644 2;f run.sh 755 2;d src/;f src/big.txt 644 "
	    "200000;f src/caf\xC3\xA9.ts 644 0;d sub/;");
	assert_string_equal(left_out, "node_modules, .git, 1 socket, pipe or device");
	assert_non_null(memmem(tar.ptr, tar.len, big.ptr, big.len));
}

static void test_unreadable_file_is_named(void **state)
{
	(void)state;
	struct buf tar BUF_CLEANUP;
	char path[FILE_PATH_SIZE];
	struct err err;
	buf_init(&tar, 1 << 20);
	put("closed/secret.txt", STR("x"), 0000);
	assert_true(file_path(path, &err, "%s/closed", root));
	assert_int_equal(chmod(root, 0755), 0);
	bool is_root = geteuid() == 0;
	if (is_root) assert_int_equal(seteuid(65534), 0);
	bool ok = slurp(path, &tar, NULL, &err);
	if (is_root) assert_int_equal(seteuid(0), 0);
	assert_false(ok);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "closed/secret.txt cannot be read"));
}

static void test_empty_folder(void **state)
{
	(void)state;
	struct buf tar BUF_CLEANUP;
	char path[FILE_PATH_SIZE];
	struct err err;
	buf_init(&tar, 1 << 20);
	put("empty/node_modules/a.js", STR("x"), 0644);
	assert_true(file_path(path, &err, "%s/empty", root));
	assert_false(slurp(path, &tar, NULL, &err));
	assert_non_null(strstr(err.msg, "no files"));
}

static void test_archives_by_their_first_bytes(void **state)
{
	(void)state;
	struct buf bytes BUF_CLEANUP;
	struct source_facts facts;
	struct err err;
	char path[FILE_PATH_SIZE];
	buf_init(&bytes, 1 << 20);
	put("a.zip", STR("PK\003\004rest"), 0644);
	put("a.rar", STR("Rar!"), 0644);
	assert_true(file_path(path, &err, "%s/a.zip", root));
	assert_true(slurp(path, &bytes, NULL, &err));
	assert_int_equal(bytes.len, 8);
	assert_true(file_path(path, &err, "%s/a.rar", root));
	assert_false(source_identify(path, &facts, &err));
	assert_int_equal(err.code, ERR_INVALID);
	assert_false(source_identify("/nowhere/at all", &facts, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_git_addresses(void **state)
{
	(void)state;
	struct source_facts facts;
	struct err err;
	assert_true(source_identify("https://me:secret@github.com/me/shop.git", &facts, &err));
	assert_int_equal(facts.kind, SOURCE_GIT);
	assert_string_equal(facts.git_url, "https://me:secret@github.com/me/shop.git");
	assert_string_equal(facts.from, "https://github.com/me/shop.git");
	assert_true(source_identify("git@github.com:me/shop.git", &facts, &err));
	assert_string_equal(facts.git_url, "ssh://git@github.com/me/shop.git");
	assert_string_equal(facts.from, "git@github.com:me/shop.git");
	assert_true(source_identify("ssh://git@host:2222/shop", &facts, &err));
	assert_string_equal(facts.from, "ssh://git@host:2222/shop");
	assert_false(source_identify("http://github.com/me/shop", &facts, &err));
	assert_false(source_identify("file:///etc", &facts, &err));
	assert_false(source_identify("ext::sh -c id", &facts, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folder),        cmocka_unit_test(test_unreadable_file_is_named),
	    cmocka_unit_test(test_empty_folder),  cmocka_unit_test(test_archives_by_their_first_bytes),
	    cmocka_unit_test(test_git_addresses),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
