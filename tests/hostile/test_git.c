/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources from git and history in git, through the real helper. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "intake/git.h"
#include "os/file.h"
#include "os/proc.h"

struct place {
	char dir[64];
	char origin[128], target[128], repo[128], url[160];
};

static struct intake_child child(void)
{
	return (struct intake_child){.helper = FREEHOLD_INTAKE, .no_sandbox = true};
}

static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
					  "HOME=/nonexistent",
					  "GIT_CONFIG_NOSYSTEM=1",
					  "GIT_AUTHOR_NAME=a",
					  "GIT_AUTHOR_EMAIL=a@example.org",
					  "GIT_COMMITTER_NAME=a",
					  "GIT_COMMITTER_EMAIL=a@example.org",
					  NULL};

/* Runs git in dir; what it prints is in ret_output (may be NULL). */
static void git(const char *dir, struct buf *ret_output, const char *const *args)
{
	const char *argv[16] = {"git"};
	for (size_t i = 0; args[i] != NULL; i++) argv[i + 1] = args[i];
	struct proc_spec spec = {.argv = argv, .env = environment, .cwd = dir};
	struct err err;
	if (!proc_run_ok(&spec, ret_output, &err)) fail_msg("%s: %s", args[0], err.msg);
}
#define GIT(dir, output, ...) git(dir, output, (const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct err err;
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_true(file_write(path, str_from(text), 0644, &err));
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	struct err err;
	(void)snprintf(p->dir, sizeof p->dir, "/tmp/intake-git-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	(void)snprintf(p->origin, sizeof p->origin, "%s/origin", p->dir);
	(void)snprintf(p->target, sizeof p->target, "%s/target", p->dir);
	(void)snprintf(p->repo, sizeof p->repo, "%s/repo.git", p->dir);
	(void)snprintf(p->url, sizeof p->url, "file://%s", p->origin);
	assert_true(file_mkdirs(p->origin, 0755, &err) && file_mkdirs(p->target, 0755, &err));
	GIT(p->origin, NULL, "init", "-q", "-b", "main", ".");
	write_file(p->origin, "index.html", "one\r\n");
	write_file(p->origin, ".gitignore", "ignored\n");
	write_file(p->origin, ".gitattributes", "* text=auto\nsecret export-ignore\n*.html export-subst\n");
	write_file(p->origin, "secret", "$Format:%H$");
	GIT(p->origin, NULL, "add", ".");
	GIT(p->origin, NULL, "commit", "-q", "-m", "one");
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

static bool fetch(struct place *p, const char *url, bool allow_file, struct intake_unpacked *u, char id[GIT_ID_SIZE],
		  struct err *err)
{
	struct intake_child c = child();
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	struct intake_git_source from = {.url = url, .allow_file = allow_file};
	return intake_git_fetch(&c, &from, p->target, &limits, u, id, NULL, err);
}

static void expect_content(const char *dir, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE];
	struct buf b BUF_CLEANUP;
	struct err err;
	buf_init(&b, 4096);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_true(file_read(path, &b, &err));
	assert_string_equal(buf_cstr(&b), text);
}

static void test_fetch(void **state)
{
	struct place *p = *state;
	struct intake_unpacked u;
	struct err err = {0};
	char id[GIT_ID_SIZE];
	if (!fetch(p, p->url, true, &u, id, &err)) fail_msg("%s", err.msg);
	assert_int_equal(u.files, 4);
	struct buf head BUF_CLEANUP;
	buf_init(&head, 100);
	GIT(p->origin, &head, "rev-parse", "HEAD");
	assert_memory_equal(buf_cstr(&head), id, 40);
	/* The tree as it is in git, whatever .gitattributes asks for; and no .git of theirs stays. */
	expect_content(p->target, "secret", "$Format:%H$");
	char path[FILE_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/.git", p->target);
	assert_false(file_exists(path));
}

static void test_link_is_refused(void **state)
{
	struct place *p = *state;
	char link[256];
	(void)snprintf(link, sizeof link, "%s/link", p->origin);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	GIT(p->origin, NULL, "add", "link");
	GIT(p->origin, NULL, "commit", "-q", "-m", "two");
	struct intake_unpacked u;
	struct err err;
	char id[GIT_ID_SIZE];
	assert_false(fetch(p, p->url, true, &u, id, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.msg, "\"link\" is a symbolic link"));
	assert_int_equal(rmdir(p->target), 0);
}

static void test_addresses(void **state)
{
	struct place *p = *state;
	char shown[GIT_URL_SIZE];
	struct err err;
	const char *bad[] = {"",
			     "file:///etc",
			     "/etc",
			     "ext::sh -c id",
			     "git://host/x",
			     "http://host/x",
			     "-uhttps://host/x",
			     "--upload-pack=id",
			     "https://-oProxyCommand=id/x",
			     "ssh://-oProxyCommand=id/x",
			     "-o@host:x",
			     "git@-host:x",
			     "git@host:-x",
			     "https://host",
			     "https:///x",
			     "https://ho st/x",
			     "https://host/x\ny",
			     "ftp://host/x",
			     "fd::17",
			     "host:x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (git_url_check(bad[i], false, shown, &err)) fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, ERR_REFUSED);
	}
	assert_true(git_url_check("https://me:token@host.example:8443/a/b.git", false, shown, &err));
	assert_string_equal(shown, "https://host.example:8443/a/b.git");
	assert_true(git_url_check("git@github.com:me/app.git", false, shown, &err));
	assert_true(git_url_check("ssh://git@host/x", false, shown, &err));
	struct intake_unpacked u;
	char id[GIT_ID_SIZE];
	assert_false(fetch(p, p->url, false, &u, id, &err));
	assert_int_equal(err.code, ERR_REFUSED);
}

static void test_passwords_are_not_shown(void **state)
{
	struct place *p = *state;
	struct intake_unpacked u;
	struct err err;
	char id[GIT_ID_SIZE];
	assert_false(fetch(p, "https://me:hunter2@127.0.0.1:1/x.git", false, &u, id, &err));
	assert_null(strstr(err.msg, "hunter2"));
	assert_non_null(strstr(err.msg, "https://127.0.0.1:1/x.git"));
}

static void test_commit(void **state)
{
	struct place *p = *state;
	struct intake_child c = child();
	struct intake_commit what = {"Mia", "mia@example.org", 1700000000, "Received shop.zip"};
	struct err err = {0};
	char first[GIT_ID_SIZE], second[GIT_ID_SIZE];
	struct buf out BUF_CLEANUP;
	write_file(p->target, "index.html", "one\r\n");
	write_file(p->target, "ignored", "x");
	write_file(p->target, ".gitignore", "ignored\n");
	write_file(p->target, ".gitattributes", "* text eol=lf filter=evil\n");
	if (!intake_commit(&c, p->repo, p->target, &what, first, &err)) fail_msg("%s", err.msg);
	assert_true(intake_commit(&c, p->repo, p->target, &what, second, &err));
	assert_string_not_equal(first, second);
	buf_init(&out, 4096);
	GIT(p->repo, &out, "log", "--format=%an %ae %at %s", "main");
	assert_string_equal(buf_cstr(&out), "Mia mia@example.org 1700000000 Received shop.zip\n"
					    "Mia mia@example.org 1700000000 Received shop.zip\n");
	buf_clear(&out);
	GIT(p->repo, &out, "ls-tree", "--name-only", "main");
	assert_string_equal(buf_cstr(&out), ".gitattributes\n.gitignore\nignored\nindex.html\n");
	buf_clear(&out);
	GIT(p->repo, &out, "cat-file", "blob", "main:index.html");
	assert_string_equal(buf_cstr(&out), "one\r\n");
	char path[FILE_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/freehold-index", p->repo);
	assert_false(file_exists(path));
}

/* Loose ones, left half written two days ago and just now. */
static void leave(const char *repo, const char *name, int days)
{
	char path[FILE_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/objects/pack", repo);
	write_file(path, name, "half");
	(void)snprintf(path, sizeof path, "%s/objects/pack/%s", repo, name);
	struct timespec at = {.tv_sec = time(NULL) - days * 86400};
	assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){at, at}, 0), 0);
}

static void test_pack(void **state)
{
	struct place *p = *state;
	struct intake_child c = child();
	struct intake_packed packed = {0};
	struct err err = {0};
	char id[GIT_ID_SIZE], path[FILE_PATH_SIZE];
	struct buf out BUF_CLEANUP;
	for (int i = 1; i <= 30; i++) {
		char text[64];
		struct intake_commit what = {"Mia", "mia@example.org", 1700000000 + i, "again"};
		(void)snprintf(text, sizeof text, "page %d\n", i);
		write_file(p->target, "index.html", text);
		if (!intake_commit(&c, p->repo, p->target, &what, id, &err)) fail_msg("%s", err.msg);
		if (i % 5 != 0) continue;
		if (i == 30) leave(p->repo, "tmp_pack_old", 2), leave(p->repo, "tmp_pack_new", 0);
		if (!intake_pack(&c, p->repo, 4, &packed, &err)) fail_msg("%s", err.msg);
		assert_int_equal(packed.loose_before, 5 * 3); /* a file, a tree, a commit */
		assert_int_equal(packed.loose, 0);
		assert_int_equal(packed.packs, i <= 20 ? i / 5 : i / 5 - 4); /* the fifth time all become one */
	}
	(void)snprintf(path, sizeof path, "%s/objects/pack/tmp_pack_old", p->repo);
	assert_false(file_exists(path));
	(void)snprintf(path, sizeof path, "%s/objects/pack/tmp_pack_new", p->repo);
	assert_true(file_exists(path));
	buf_init(&out, 4096);
	GIT(p->repo, &out, "rev-list", "--count", "main");
	assert_string_equal(buf_cstr(&out), "30\n");
	buf_clear(&out);
	GIT(p->repo, &out, "fsck", "--full", "--strict");
	GIT(p->repo, &out, "cat-file", "blob", "main~29:index.html");
	assert_string_equal(buf_cstr(&out), "page 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_fetch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_link_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_passwords_are_not_shown, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pack, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
