/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole way of an archive through the real helper: what is taken, what is refused by name, and that nothing stays.
 * As root the helper runs in its sandbox as nobody; otherwise as the caller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "base/clock.h"
#include "intake/unpack.h"
#include "os/file.h"
#include "os/sandbox.h"

#define NOBODY 65534

struct place {
	char dir[64];
	char archive[FILE_PATH_SIZE];
	char target[FILE_PATH_SIZE];
};

static struct intake_child child(void)
{
	bool is_root = geteuid() == 0;
	struct err ignored;
	bool can_box = sandbox_probe(is_root, NOBODY, NOBODY, &ignored) && getenv("FREEHOLD_TEST_NO_SANDBOX") == NULL;
	return (struct intake_child){
	    .helper = FREEHOLD_INTAKE, .has_user = is_root, .uid = NOBODY, .gid = NOBODY, .no_sandbox = !can_box};
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct err err;
	(void)snprintf(p->dir, sizeof p->dir, "/tmp/intake-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chmod(p->dir, 0755), 0);
	(void)snprintf(p->archive, sizeof p->archive, "%s/app", p->dir);
	(void)snprintf(p->target, sizeof p->target, "%s/target", p->dir);
	assert_true(file_mkdirs(p->target, 0755, &err));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_true(file_remove_tree(p->dir, &err));
	free(p);
	return 0;
}

enum format { ZIP, TAR, TAR_GZ, TAR_ZST };

static struct archive *begin(const struct place *p, enum format format)
{
	struct archive *a = archive_write_new();
	if (format == ZIP)
		archive_write_set_format_zip(a);
	else
		archive_write_set_format_pax_restricted(a);
	if (format == TAR_GZ) archive_write_add_filter_gzip(a);
	if (format == TAR_ZST) archive_write_add_filter_zstd(a);
	assert_int_equal(archive_write_open_filename(a, p->archive), ARCHIVE_OK);
	return a;
}

static void head(struct archive *a, const char *name, unsigned type, const char *link, la_int64_t size)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, 0644);
	if (type == AE_IFLNK) archive_entry_set_symlink(e, link);
	if (type == AE_IFREG && link != NULL) archive_entry_set_hardlink(e, link);
	if (type == AE_IFCHR) archive_entry_set_rdev(e, 0x103);
	archive_entry_set_size(e, size);
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	archive_entry_free(e);
}

static void put(struct archive *a, const char *name, const char *content)
{
	size_t len = strlen(content);
	head(a, name, AE_IFREG, NULL, (la_int64_t)len);
	assert_int_equal(archive_write_data(a, content, len), len);
}

static void end(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static bool unpack(const struct place *p, const struct intake_limits *limits, struct intake_unpacked *u,
		   struct err *err)
{
	struct intake_child c = child();
	return intake_unpack(&c, p->archive, p->target, limits, u, err);
}

static struct intake_limits small(void)
{
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	limits.max_entries = 50;
	limits.max_file_bytes = 1000;
	limits.max_total_bytes = 2000;
	return limits;
}

static bool is_taken(const struct place *p, const char *name)
{
	char path[FILE_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/%s", p->target, name);
	return file_exists(path);
}

static void test_each_format(void **state)
{
	struct place *p = *state;
	for (int format = ZIP; format <= TAR_ZST; format++) {
		struct archive *a = begin(p, (enum format)format);
		head(a, "shop-main/", AE_IFDIR, NULL, 0);
		put(a, "shop-main/index.html", "<p>hello");
		put(a, "shop-main/shop-main/x", "x");
		put(a, "shop-main/node_modules/evil.js", "x");
		put(a, "shop-main/.git/config", "x");
		put(a, "__MACOSX/shop-main/._x", "x");
		end(a);
		struct intake_unpacked u;
		struct intake_limits limits = small();
		struct err err = {0};
		if (!unpack(p, &limits, &u, &err)) fail_msg("format %d: %s", format, err.msg);
		assert_int_equal(u.files, 2);
		assert_int_equal(u.bytes, 9);
		assert_int_equal(u.skipped, 3);
		assert_string_equal(u.stripped, "shop-main");
		assert_true(is_taken(p, "index.html") && is_taken(p, "shop-main/x"));
		assert_false(is_taken(p, "node_modules") || is_taken(p, ".git"));
		unpack_empty(p->target);
	}
}

static void test_two_tops_stay(void **state)
{
	struct place *p = *state;
	struct archive *a = begin(p, ZIP);
	put(a, "src/a", "x");
	put(a, "index.html", "x");
	end(a);
	struct intake_unpacked u;
	struct intake_limits limits = small();
	struct err err = {0};
	assert_true(unpack(p, &limits, &u, &err));
	assert_string_equal(u.stripped, "");
	assert_true(is_taken(p, "src/a"));
	/* A second time: the folder is not empty, and what is in it stays. */
	assert_false(unpack(p, &limits, &u, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_true(is_taken(p, "index.html"));
}

static void expect_refused(struct place *p, enum err_code code, const char *named)
{
	struct intake_unpacked u;
	struct intake_limits limits = small();
	struct err err = {0};
	assert_false(unpack(p, &limits, &u, &err));
	if (err.code != code || strstr(err.msg, named) == NULL) fail_msg("%s: code %d: %s", named, err.code, err.msg);
	assert_int_equal(rmdir(p->target), 0); /* so it is empty */
	assert_true(file_mkdirs(p->target, 0755, &err));
}

static void refuse_entry(struct place *p, enum format format, const char *name, unsigned type, const char *link,
			 enum err_code code, const char *named)
{
	struct archive *a = begin(p, format);
	put(a, "first", "written before the bad one");
	head(a, name, type, link, 0);
	end(a);
	expect_refused(p, code, named);
}

static void test_hostile_entries(void **state)
{
	struct place *p = *state;
	for (int format = ZIP; format <= TAR; format++) {
		enum format f = (enum format)format;
		refuse_entry(p, f, "a/../../evil", AE_IFREG, NULL, ERR_REFUSED, "a/../../evil");
		refuse_entry(p, f, "/etc/evil", AE_IFREG, NULL, ERR_REFUSED, "/etc/evil");
		refuse_entry(p, f, "link", AE_IFLNK, "/etc/passwd", ERR_REFUSED, "symbolic link");
		refuse_entry(p, f, "first", AE_IFREG, NULL, ERR_REFUSED, "twice");
		refuse_entry(p, f, "first/below", AE_IFREG, NULL, ERR_REFUSED, "also a file");
		refuse_entry(p, f, "esc\x1B[2J", AE_IFREG, NULL, ERR_REFUSED, "esc\\x1b[2J");
	}
	refuse_entry(p, TAR, "second", AE_IFREG, "/etc/passwd", ERR_REFUSED, "\"second\" is a hard link");
	refuse_entry(p, TAR, "tty", AE_IFCHR, NULL, ERR_REFUSED, "device");
	refuse_entry(p, TAR, "pipe", AE_IFIFO, NULL, ERR_REFUSED, "pipe");
}

static void test_sums(void **state)
{
	struct place *p = *state;
	char name[16];
	struct archive *a = begin(p, ZIP);
	for (int i = 0; i < 51; i++) {
		(void)snprintf(name, sizeof name, "f%d", i);
		put(a, name, "x");
	}
	end(a);
	expect_refused(p, ERR_LIMIT, "\"f50\"");
	static char most[1100];
	memset(most, 'x', 998);
	a = begin(p, TAR_GZ);
	put(a, "a", most), put(a, "b", most), put(a, "c", most);
	end(a);
	expect_refused(p, ERR_LIMIT, "\"c\"");
	memset(most, 'x', sizeof most - 1);
	a = begin(p, ZIP);
	put(a, "large", most);
	end(a);
	expect_refused(p, ERR_LIMIT, "\"large\"");
}

/* 10 GB of zeros in less than a megabyte. */
static void test_bomb(void **state)
{
	struct place *p = *state;
	static char zeros[1 << 20];
	struct archive *a = begin(p, TAR_ZST);
	char name[16];
	for (int file = 0; file < 25; file++) {
		(void)snprintf(name, sizeof name, "zeros%d", file);
		head(a, name, AE_IFREG, NULL, (la_int64_t)400 << 20);
		for (int i = 0; i < 400; i++)
			assert_int_equal(archive_write_data(a, zeros, sizeof zeros), sizeof zeros);
	}
	end(a);
	struct stat st;
	assert_int_equal(stat(p->archive, &st), 0);
	assert_true(st.st_size < 4 << 20);
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	struct intake_unpacked u;
	struct err err;
	int64_t began_ms = clock_now_ms();
	assert_false(unpack(p, &limits, &u, &err));
	assert_true(clock_now_ms() - began_ms < 20000);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "zip bomb"));
	assert_int_equal(rmdir(p->target), 0);
}

static void test_too_many_entries(void **state)
{
	struct place *p = *state;
	struct archive *a = begin(p, TAR);
	char name[32];
	for (int i = 0; i < 200000; i++) {
		(void)snprintf(name, sizeof name, "node_modules/%d", i);
		head(a, name, AE_IFREG, NULL, 0);
	}
	end(a);
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	struct intake_unpacked u;
	struct err err;
	assert_false(unpack(p, &limits, &u, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "node_modules/100000"));
}

static void test_no_archive(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_true(file_write(p->archive, STR("a text that is long enough to be looked at, no archive"), 0600, &err));
	expect_refused(p, ERR_INVALID, "no zip");
	assert_true(file_write(p->archive, STR(""), 0600, &err));
	expect_refused(p, ERR_INVALID, "");
	(void)unlink(p->archive);
	expect_refused(p, ERR_NOT_FOUND, "app");
}

/* What the helper says is not trusted either, and one that dies is an error in words. */
static void test_child_that_fails(void **state)
{
	struct place *p = *state;
	struct err err;
	assert_true(file_write(p->archive, STR("x"), 0600, &err));
	struct intake_child c = {.helper = "/bin/false", .no_sandbox = true};
	struct intake_limits limits = small();
	struct intake_unpacked u;
	assert_false(intake_unpack(&c, p->archive, p->target, &limits, &u, &err));
	assert_non_null(strstr(err.msg, "unpack app: the reader ended with status 1"));
	c.helper = "/bin/echo";
	assert_false(intake_unpack(&c, p->archive, p->target, &limits, &u, &err));
	assert_non_null(strstr(err.msg, "not valid JSON"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_each_format, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_two_tops_stay, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile_entries, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many_entries, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_archive, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_child_that_fails, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
