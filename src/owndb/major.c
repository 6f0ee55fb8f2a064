/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/major.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/proc.h"
#include "owndb/major_kept.h"

#define CODENAME "trixie"
#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define FETCH_DEADLINE_MS (15 * 60 * 1000)
#define RUN_DEADLINE_MS (5 * 60 * 1000)
#define OUTPUT_BYTES (1u << 20)
#define PACKAGES_MAX 300

/* What none of the programs loads: interpreters, what sets packages up, and the compiler behind jit, which is off. */
static const char *const unneeded[] = {
    "perl",
    "libperl",
    "python3",
    "libpython",
    "libllvm",
    "libz3",
    "debconf",
    "libdebconf",
    "adduser",
    "passwd",
    "locales",
    "libc-l10n",
    "ucf",
    "ssl-cert",
    "tzdata",
    "procps",
    "base-",
    "init-",
    "sysvinit-",
    "postgresql-common",
    "postgresql-client-common",
    "libjson-",
    "libio-",
    "libipc-",
    "libtext-",
    "libdb5",
    "libsemanage",
    "libsepol",
    "readline-common",
    "sensible-utils",
    "login",
    "netbase",
};

struct install {
	const char *majors;
	char name[24]; /* of the link to its folder */
	char what[48]; /* for messages: "PostgreSQL 17" */
	char proof[64]; /* below its folder: a program that must run */
	const char *packages[8];
	char texts[3][48];
	char final[FILE_PATH_SIZE], dir[FILE_PATH_SIZE], apt[FILE_PATH_SIZE], conf[FILE_PATH_SIZE];
	char mirror[512], security[512], triplet[64];
	void (*on_step)(void *arg, const char *text);
	void *arg;
};

static void say(const struct install *in, const char *text)
{
	if (in->on_step != NULL) in->on_step(in->arg, text);
}

static bool run(const char *const *argv, const char *apt_config, int64_t deadline_ms, struct buf *ret_output,
		struct err *err)
{
	char config[FILE_PATH_SIZE + 16];
	(void)snprintf(config, sizeof config, "APT_CONFIG=%s", apt_config != NULL ? apt_config : "/dev/null");
	const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", config, NULL};
	const char *const plain[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
	struct proc_spec spec = {
	    .argv = argv, .env = apt_config != NULL ? env : plain, .cwd = "/", .deadline_ms = deadline_ms};
	return proc_run_ok(&spec, ret_output, err);
}

/* "http://mirror/debian/|Debian|main": of Debian itself or of its security updates, the machine's release. */
static void take_mirror(struct install *in, struct str line)
{
	struct str uri, rest, label;
	if (!str_cut(line, '|', &uri, &rest) || !str_cut(rest, '|', &label, &rest)) return;
	bool is_security = str_eq(label, STR("Debian-Security"));
	char *into = is_security ? in->security : in->mirror;
	if ((!is_security && !str_eq(label, STR("Debian"))) || !str_eq(str_trim(rest), STR("main")) ||
	    uri.len >= sizeof in->mirror || into[0] != '\0')
		return;
	/* A line of sources.list is made of it. */
	for (size_t i = 0; i < uri.len; i++)
		if (uri.ptr[i] <= ' ' || uri.ptr[i] == '[') return;
	(void)snprintf(into, sizeof in->mirror, "%.*s", STR_FMT(uri));
}

static bool find_mirror(struct install *in, struct err *err)
{
	const char *const argv[] = {"apt-get", "indextargets", "--format", "$(REPO_URI)|$(LABEL)|$(COMPONENT)", NULL};
	struct buf text BUF_CLEANUP;
	struct str rest, line;
	buf_init(&text, OUTPUT_BYTES);
	if (!run(argv, NULL, RUN_DEADLINE_MS, &text, err)) return false;
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) take_mirror(in, line);
	return in->mirror[0] != '\0' ||
	       err_set(
		   err, ERR_UNAVAILABLE,
		   "this machine's apt knows no mirror of Debian (component main), from where %s could be fetched; run "
		   "apt-get update, and look at /etc/apt/sources.list.d",
		   in->what);
}

static bool write_config(struct install *in, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	static const char *const folders[] = {"state/lists/partial", "cache/archives/partial", "log"};
	buf_init(&text, 64 * 1024);
	if (!find_mirror(in, err)) return false;
	for (size_t i = 0; i < 3; i++)
		if (!file_path(path, err, "%s/%s", in->apt, folders[i]) || !file_mkdirs(path, 0755, err)) return false;
	buf_printf(&text, "deb [signed-by=" KEYRING "] %s " CODENAME " main\n", in->mirror);
	if (in->security[0] != '\0')
		buf_printf(&text, "deb [signed-by=" KEYRING "] %s " CODENAME "-security main\n", in->security);
	if (!file_path(path, err, "%s/sources.list", in->apt) || !file_write(path, buf_view(&text), 0644, err) ||
	    !file_path(path, err, "%s/status", in->apt) || !file_write(path, STR(""), 0644, err))
		return false;
	buf_clear(&text);
	buf_printf(&text,
		   "Dir::State \"%s/state\";\nDir::State::status \"%s/status\";\nDir::Cache \"%s/cache\";\n"
		   "Dir::Etc::sourcelist \"%s/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n"
		   "Dir::Etc::preferencesparts \"/dev/null\";\nDir::Log \"%s/log\";\n"
		   "APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAPT::Install-Recommends \"false\";\n"
		   "Acquire::Retries \"3\";\nAcquire::GzipIndexes \"true\";\nAPT::Update::Error-Mode \"any\";\n",
		   in->apt, in->apt, in->apt, in->apt, in->apt);
	return file_path(in->conf, err, "%s/apt.conf", in->apt) && file_write(in->conf, buf_view(&text), 0644, err);
}

static bool is_archive(const char *name)
{
	size_t len = strlen(name);
	return len > 4 && strcmp(name + len - 4, ".deb") == 0;
}

static bool is_needed(const char *name)
{
	for (size_t i = 0; i < sizeof unneeded / sizeof *unneeded; i++)
		if (strncmp(name, unneeded[i], strlen(unneeded[i])) == 0) return false;
	return true;
}

static bool read_lists(struct install *in, struct err *err)
{
	const char *const update[] = {"apt-get", "update", "-q", NULL};
	say(in, "reading what Debian 13 (" CODENAME ") has");
	return write_config(in, err) && (run(update, in->conf, FETCH_DEADLINE_MS, NULL, err) ||
					 err_wrap(err, "ask %s for its packages", in->mirror));
}

/* "libpq5 17.6-0+deb13u1", a line each, of everything that would be unpacked. */
static bool list_packages(struct install *in, struct buf *ret_lines, struct err *err)
{
	const char *simulate[16] = {"apt-get", "install", "-s", "-q"};
	struct buf text BUF_CLEANUP;
	struct str rest, line, name, version;
	buf_init(&text, OUTPUT_BYTES);
	for (size_t i = 0, n = 4; in->packages[i] != NULL; i++) simulate[n++] = in->packages[i];
	if (!run(simulate, in->conf, RUN_DEADLINE_MS, &text, err)) return false;
	rest = buf_view(&text);
	while (str_next(&rest, '\n', &line)) {
		char package[128];
		if (!str_has_prefix(line, STR("Inst ")) || !str_cut(str_sub(line, 5, line.len), ' ', &name, &line) ||
		    !str_cut(line, '(', &version, &line) || !str_cut(line, ' ', &version, &line) ||
		    name.len >= sizeof package)
			continue;
		(void)snprintf(package, sizeof package, "%.*s", STR_FMT(name));
		if (is_needed(package)) buf_printf(ret_lines, "%s %.*s\n", package, STR_FMT(version));
	}
	return buf_is_ok(ret_lines) && ret_lines->len > 0
		   ? true
		   : err_set(err, ERR_FAILED, "apt-get says nothing of what %s needs", in->what);
}

static bool fetch(struct install *in, struct err *err)
{
	char path[FILE_PATH_SIZE];
	const char *download[16] = {"apt-get", "install", "-y", "-q", "--download-only"};
	struct buf lines BUF_CLEANUP;
	buf_init(&lines, OUTPUT_BYTES);
	for (size_t i = 0, n = 5; in->packages[i] != NULL; i++) download[n++] = in->packages[i];
	if (!read_lists(in, err) || !list_packages(in, &lines, err)) return false;
	say(in, "fetching it and what it needs");
	return (run(download, in->conf, FETCH_DEADLINE_MS, NULL, err) ||
		err_wrap(err, "fetch %s from %s", in->what, in->mirror)) &&
	       file_path(path, err, "%s/" MAJOR_PACKAGES, in->dir) && file_write(path, buf_view(&lines), 0644, err) &&
	       major_note_newest(in->majors, in->name, buf_view(&lines), err);
}

static bool unpack(struct install *in, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	if (!file_path(folder, err, "%s/cache/archives", in->apt)) return false;
	DIR *d = opendir(folder);
	if (d == NULL) return err_set_errno(err, "%s", folder);
	bool ok = true;
	int count = 0;
	say(in, "unpacking");
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		if (!is_archive(e->d_name) || !is_needed(e->d_name)) continue;
		const char *const argv[] = {"dpkg-deb", "--extract", path, in->dir, NULL};
		ok = ++count < PACKAGES_MAX && file_path(path, err, "%s/%s", folder, e->d_name) &&
		     run(argv, NULL, RUN_DEADLINE_MS, NULL, err);
	}
	(void)closedir(d);
	return ok;
}

/* "x86_64-linux-gnu", where the packages put their libraries. */
static bool find_triplet(struct install *in, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	if (!file_path(folder, err, "%s/usr/lib", in->dir)) return false;
	DIR *d = opendir(folder);
	if (d == NULL) return err_set_errno(err, "%s", folder);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strstr(e->d_name, "-linux-gnu") != NULL)
			(void)snprintf(in->triplet, sizeof in->triplet, "%.60s", e->d_name);
	(void)closedir(d);
	return in->triplet[0] != '\0' || err_set(err, ERR_INTERNAL, "%s has no libraries", folder);
}

/* "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1" */
static bool find_loader(const struct install *in, char ret_name[64], struct err *err)
{
	char folder[FILE_PATH_SIZE];
	if (!file_path(folder, err, "%s/usr/lib/%s", in->dir, in->triplet)) return false;
	DIR *d = opendir(folder);
	if (d == NULL) return err_set_errno(err, "%s", folder);
	ret_name[0] = '\0';
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, "ld-linux", 8) == 0) (void)snprintf(ret_name, 64, "%.60s", e->d_name);
	(void)closedir(d);
	return ret_name[0] != '\0' || err_set(err, ERR_INTERNAL, "%s has no loader", folder);
}

static bool is_program(const char *path)
{
	char magic[4] = "";
	struct stat st;
	if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is = fd >= 0 && read(fd, magic, 4) == 4 &&
		  memcmp(magic,
			 "\x7f"
			 "ELF",
			 4) == 0;
	if (fd >= 0) (void)close(fd);
	return is;
}

/* An rpath of the old kind (DT_RPATH) counts for the libraries of libraries too. */
static bool point(const struct install *in, const char *path, const char *loader, struct err *err)
{
	char interpreter[FILE_PATH_SIZE], libraries[FILE_PATH_SIZE];
	if (!is_program(path)) return true;
	if (!file_path(interpreter, err, "%s/usr/lib/%s/%s", in->final, in->triplet, loader) ||
	    !file_path(libraries, err, "%s/usr/lib/%s", in->final, in->triplet))
		return false;
	const char *const argv[] = {"patchelf",    "--set-interpreter", interpreter, "--force-rpath",
				    "--set-rpath", libraries,           path,        NULL};
	return run(argv, NULL, RUN_DEADLINE_MS, NULL, err);
}

static bool point_folder(const struct install *in, const char *folder, const char *loader, struct err *err)
{
	char path[FILE_PATH_SIZE];
	DIR *d = opendir(folder);
	if (d == NULL) return err_set_errno(err, "%s", folder);
	bool ok = true;
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;)
		ok = file_path(path, err, "%s/%s", folder, e->d_name) && point(in, path, loader, err);
	(void)closedir(d);
	return ok;
}

static bool point_all(const struct install *in, struct err *err)
{
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE], loader[64];
	static const char *const others[] = {"usr/sbin/pgbouncer", "usr/bin/pgbackrest"};
	if (!find_loader(in, loader, err) || !file_path(folder, err, "%s/usr/lib/postgresql/%s/bin", in->dir, in->name))
		return false;
	for (size_t i = 0; i < 2; i++)
		if (!file_path(path, err, "%s/%s", in->dir, others[i]) || !point(in, path, loader, err)) return false;
	return !file_is_dir(folder) || point_folder(in, folder, loader, err);
}

static bool put_in_place(struct install *in, struct err *err)
{
	char program[FILE_PATH_SIZE];
	struct err ignored;
	const char *const argv[] = {program, "--version", NULL};
	if (rename(in->dir, in->final) != 0) return err_set_errno(err, "make %s", in->final);
	if (file_path(program, err, "%s/%s", in->final, in->proof) &&
	    (run(argv, NULL, RUN_DEADLINE_MS, NULL, err) || err_wrap(err, "%s does not run here", in->what)))
		return file_sync_dir(in->majors, err);
	(void)file_remove_tree(in->final, &ignored);
	return false;
}

static bool install(struct install *in, struct err *err)
{
	return file_remove_tree(in->dir, err) && file_mkdirs(in->dir, 0755, err) && fetch(in, err) && unpack(in, err) &&
	       find_triplet(in, err) && point_all(in, err) && put_in_place(in, err);
}

static bool adopt(struct install *in, struct err *err)
{
	char link[FILE_PATH_SIZE];
	const char *const copy[] = {"cp", "-a", "--", link, in->dir, NULL};
	return file_path(link, err, "%s/%s", in->majors, in->name) && file_remove_tree(in->dir, err) &&
	       run(copy, NULL, RUN_DEADLINE_MS, NULL, err) && find_triplet(in, err) && point_all(in, err) &&
	       put_in_place(in, err);
}

static bool spell(struct install *in, int number, struct err *err)
{
	return file_path(in->final, err, "%s/%s.%d", in->majors, in->name, number) &&
	       file_path(in->dir, err, "%s/.new-%s", in->majors, in->name) &&
	       file_path(in->apt, err, "%s/.apt", in->majors);
}

/* One that an earlier Freehold fetched is a folder without a number, and its programs name it: a copy of it becomes
 * current, and what runs from it keeps it. */
static bool number_it(struct install *in, struct err *err)
{
	char link[FILE_PATH_SIZE], aside[FILE_PATH_SIZE];
	struct stat st;
	if (!file_path(link, err, "%s/%s", in->majors, in->name)) return false;
	if (lstat(link, &st) != 0 || !S_ISDIR(st.st_mode)) return true;
	return spell(in, 2, err) && file_remove_tree(in->final, err) && adopt(in, err) &&
	       file_path(aside, err, "%s/%s.1", in->majors, in->name) && file_remove_tree(aside, err) &&
	       (rename(link, aside) == 0 || err_set_errno(err, "rename %s", link)) &&
	       major_switch(in->majors, in->name, 2, err);
}

static bool make(struct install *in, bool is_update, int *ret_number, struct err *err)
{
	int now = 0, newest = 0;
	if (!number_it(in, err) || !major_numbers(in->majors, in->name, &now, NULL, &newest, err)) return false;
	*ret_number = now;
	if (now != 0 && !is_update) return true;
	*ret_number = newest + 1;
	return spell(in, newest + 1, err) && install(in, err) &&
	       (is_update || major_switch(in->majors, in->name, newest + 1, err));
}

static bool lock_majors(const struct install *in, int *ret_lock, struct err *err)
{
	if (!file_mkdirs(in->majors, 0755, err)) return false;
	int lock = open(in->majors, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock >= 0 && flock(lock, LOCK_EX) == 0) {
		*ret_lock = lock;
		return true;
	}
	(void)err_set_errno(err, "lock %s", in->majors);
	if (lock >= 0) (void)close(lock);
	return false;
}

static bool install_locked(struct install *in, bool is_update, int *ret_number, struct err *err)
{
	struct err ignored;
	char cache[FILE_PATH_SIZE];
	int lock = -1;
	if (!file_exists("/usr/bin/patchelf"))
		return err_set(err, ERR_UNAVAILABLE,
			       "%s is made to run here with patchelf, which is missing: apt-get install patchelf",
			       in->what);
	if (!spell(in, 0, err) || !lock_majors(in, &lock, err)) return false;
	bool ok = make(in, is_update, ret_number, err) || err_wrap(err, "make %s available", in->what);
	(void)file_remove_tree(in->dir, &ignored);
	if (file_path(cache, &ignored, "%s/cache", in->apt)) (void)file_remove_tree(cache, &ignored);
	(void)close(lock);
	return ok;
}

static void describe_pgbouncer(struct install *in)
{
	(void)snprintf(in->name, sizeof in->name, MAJOR_PGBOUNCER);
	(void)snprintf(in->what, sizeof in->what, "a newer PgBouncer");
	(void)snprintf(in->proof, sizeof in->proof, "usr/sbin/pgbouncer");
	(void)snprintf(in->texts[0], sizeof in->texts[0], "pgbouncer");
	in->packages[0] = in->texts[0];
}

static void describe_postgres(struct install *in, int major)
{
	(void)snprintf(in->name, sizeof in->name, "%d", major);
	(void)snprintf(in->what, sizeof in->what, "PostgreSQL %d", major);
	(void)snprintf(in->proof, sizeof in->proof, "usr/lib/postgresql/%d/bin/postgres", major);
	(void)snprintf(in->texts[0], sizeof in->texts[0], "postgresql-%d", major);
	(void)snprintf(in->texts[1], sizeof in->texts[1], "postgresql-%d-pgvector", major);
	(void)snprintf(in->texts[2], sizeof in->texts[2], "postgresql-%d-hypopg", major);
	for (size_t i = 0; i < 3; i++) in->packages[i] = in->texts[i];
	in->packages[3] = "pgbouncer";
	in->packages[4] = "pgbackrest";
}

static bool describe(struct install *in, const char *name, struct err *err)
{
	char fetched[24];
	(void)snprintf(fetched, sizeof fetched, "%d", MAJOR_FETCHED);
	if (strcmp(name, MAJOR_PGBOUNCER) == 0)
		describe_pgbouncer(in);
	else if (strcmp(name, fetched) == 0)
		describe_postgres(in, MAJOR_FETCHED);
	else
		return err_set(err, ERR_NOT_FOUND,
			       "PostgreSQL %.20s is not installed here and cannot be fetched: Debian 13 has %d", name,
			       MAJOR_FETCHED);
	return true;
}

bool major_install(const char *majors, int major, void (*on_step)(void *arg, const char *text), void *arg,
		   struct err *err)
{
	struct install in = {.majors = majors, .on_step = on_step, .arg = arg};
	char name[24];
	int number = 0;
	(void)snprintf(name, sizeof name, "%d", major);
	return describe(&in, name, err) && install_locked(&in, false, &number, err);
}

bool major_install_pgbouncer(const char *majors, void (*on_step)(void *arg, const char *text), void *arg,
			     struct err *err)
{
	struct install in = {.majors = majors, .on_step = on_step, .arg = arg};
	int number = 0;
	return describe(&in, MAJOR_PGBOUNCER, err) && install_locked(&in, false, &number, err);
}

bool major_fetch_newer(const char *majors, const char *name, void (*on_step)(void *arg, const char *text), void *arg,
		       int *ret_number, struct err *err)
{
	struct install in = {.majors = majors, .on_step = on_step, .arg = arg};
	return describe(&in, name, err) && install_locked(&in, true, ret_number, err);
}

bool major_look(const char *majors, const char *name, void (*on_step)(void *arg, const char *text), void *arg,
		struct err *err)
{
	struct install in = {.majors = majors, .on_step = on_step, .arg = arg};
	struct buf lines BUF_CLEANUP;
	int lock = -1;
	buf_init(&lines, OUTPUT_BYTES);
	if (!describe(&in, name, err) || !spell(&in, 0, err) || !lock_majors(&in, &lock, err)) return false;
	bool ok = read_lists(&in, err) && list_packages(&in, &lines, err) &&
		  major_note_newest(majors, name, buf_view(&lines), err);
	(void)close(lock);
	return ok || err_wrap(err, "look for a newer %s", in.what);
}
