/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold export: everything of an app, in a folder that ordinary tools read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/db.h"
#include "cli/export_text.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/proc.h"

#define TEXT_MAX_BYTES (256u * 1024)
#define LIST_MAX_BYTES (512u << 20)
#define TOOL_MS (24ll * 3600 * 1000)

struct exporting {
	struct cli *cli;
	struct db_words words;
	json_t *where, *facts;
	char dir[FILE_PATH_SIZE], part[FILE_PATH_SIZE];
	size_t objects, missing;
};

static void say(const struct exporting *e, const char *text)
{
	struct buf line BUF_CLEANUP;
	buf_init(&line, 1024);
	buf_printf(&line, "%s\n", text);
	if (!e->cli->is_json) screen_write(buf_view(&line));
}

struct sink {
	int fd, error;
};

static void to_file(void *arg, int stream, struct str bytes)
{
	struct sink *s = arg;
	while (stream == 1 && bytes.len > 0 && s->error == 0) {
		ssize_t put = write(s->fd, bytes.ptr, bytes.len);
		if (put < 0 && errno != EINTR) s->error = errno;
		if (put > 0) bytes = str_sub(bytes, (size_t)put, bytes.len);
	}
}

/* What a program prints, in a file of this folder. */
static bool run_to(const struct exporting *e, const char *const *argv, const char *name, int64_t uid, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct proc_result result;
	if (!file_path(path, err, "%s/%s", e->part, name)) return false;
	struct sink s = {.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
	if (s.fd < 0) return err_set_errno(err, "write %s", path);
	struct proc_spec spec = {.argv = argv,
				 .cwd = "/",
				 .has_user = geteuid() == 0 && uid > 0,
				 .uid = (uid_t)uid,
				 .gid = (gid_t)uid,
				 .deadline_ms = TOOL_MS,
				 .on_output = to_file,
				 .arg = &s};
	bool ok = proc_run(&spec, NULL, &result, err);
	errno = s.error;
	if (ok && s.error != 0) ok = err_set_errno(err, "write %s", path);
	if (ok && result.exit_status != 0)
		ok = err_set(err, ERR_FAILED, "%s ended with %d", argv[0], result.exit_status);
	(void)close(s.fd);
	return ok;
}

/* By who owns it: what stands in a repository's configuration is not for root to follow. */
static bool export_source(const struct exporting *e, struct err *err)
{
	const char *repo = json_str(e->facts, "repo", "");
	const char *const has[] = {"git", "-C", repo, "rev-parse", "--verify", "-q", "HEAD", NULL};
	const char *const argv[] = {"git", "-C", repo, "bundle", "create", "--quiet", "-", "--all", NULL};
	int64_t uid = json_int(e->facts, "repo_uid", 0);
	struct proc_result result;
	struct proc_spec spec = {.argv = has,
				 .cwd = "/",
				 .has_user = geteuid() == 0 && uid > 0,
				 .uid = (uid_t)uid,
				 .gid = (gid_t)uid,
				 .deadline_ms = TOOL_MS};
	if (!proc_run(&spec, NULL, &result, err)) return false;
	if (result.exit_status != 0) return true; /* nothing was ever deployed */
	say(e, "the source with its history");
	return run_to(e, argv, "repo.bundle", uid, err) || err_wrap(err, "bundle the source");
}

static bool make_dir(const struct exporting *e, const char *name, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return file_path(path, err, "%s/%s", e->part, name) && file_mkdirs(path, 0700, err);
}

static bool export_database(struct exporting *e, struct err *err)
{
	char dump[FILE_PATH_SIZE], plain[FILE_PATH_SIZE], program[FILE_PATH_SIZE];
	if (!make_dir(e, "database", err) || !file_path(dump, err, "%s/database/database.dump", e->part) ||
	    !file_path(plain, err, "%s/database/database.sql", e->part) ||
	    !file_path(program, err, "%s/pg_dumpall", json_str(e->where, "bin_dir", "")))
		return false;
	const char *roles[4 + DB_WHERE_WORDS + 1] = {program, "--no-password", "--roles-only", "--no-role-passwords"};
	size_t words = db_where_words(e->where, false, roles + 4);
	roles[4 + (words > 0 ? words - 2 : 0)] = NULL; /* of all databases: it takes no name */
	say(e, "the database, as a dump and as SQL");
	return db_dump_to(&e->words, e->where, false, dump, err) && db_dump_to(&e->words, e->where, true, plain, err) &&
	       run_to(e, roles, "database/roles.sql", 0, err);
}

static bool copy_file(const char *from, const char *to, struct err *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0) return err_set_errno(err, "%s", from);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = out >= 0 || err_set_errno(err, "write %s", to);
	ssize_t got = 0;
	while (ok && (got = copy_file_range(in, NULL, out, NULL, 1u << 30, 0)) > 0) continue;
	char chunk[65536];
	if (ok && got < 0) /* not between these two file systems */
		while ((got = read(in, chunk, sizeof chunk)) > 0)
			if (write(out, chunk, (size_t)got) != got) break;
	if (ok && got != 0) ok = err_set_errno(err, "write %s", to);
	(void)close(in);
	if (out >= 0) (void)close(out);
	return ok;
}

/* A name of an object is a path below its bucket, and nothing else. */
static bool is_below(const char *name)
{
	struct str rest = str_from(name), part;
	if (name[0] == '\0' || name[0] == '/') return false;
	while (str_next(&rest, '/', &part))
		if (part.len == 0 || part.len > 255 || str_eq(part, STR(".")) || str_eq(part, STR(".."))) return false;
	return true;
}

static bool export_object(struct exporting *e, const json_t *o, struct err *err)
{
	char from[FILE_PATH_SIZE], to[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	const char *version = json_str(o, "version", ""), *name = json_str(o, "path", "");
	if (!is_below(name) || strlen(version) != 36 || strspn(version, "0123456789abcdef-") != 36 ||
	    !file_path(from, err, "%s/objects/%.2s/%s", json_str(e->facts, "storage_dir", ""), version, version) ||
	    !file_exists(from)) {
		e->missing++;
		return true;
	}
	if (!file_path(to, err, "%s/storage/%s", e->part, name) || !file_path(folder, err, "%s", to)) return false;
	*strrchr(folder, '/') = '\0';
	e->objects++;
	return file_mkdirs(folder, 0700, err) && copy_file(from, to, err);
}

static bool ask_database(const struct exporting *e, const char *sql, json_t **ret_answer, struct err *err)
{
	char program[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, LIST_MAX_BYTES);
	if (!file_path(program, err, "%s/psql", json_str(e->where, "bin_dir", ""))) return false;
	const char *argv[4 + DB_WHERE_WORDS + 1] = {program, "-XAtq", "-c", sql};
	argv[4 + db_where_words(e->where, true, argv + 4)] = NULL;
	struct proc_spec spec = {.argv = argv, .cwd = "/", .deadline_ms = TOOL_MS};
	return proc_run_ok(&spec, &text, err) && json_parse(buf_view(&text), ret_answer, err);
}

/* A bucket without files has its folder too. */
static bool export_buckets(const struct exporting *e, struct err *err)
{
	json_t *ids JSON_CLEANUP = NULL, *id;
	size_t i;
	char path[FILE_PATH_SIZE];
	if (!make_dir(e, "storage", err) ||
	    !ask_database(e, "select coalesce(json_agg(id order by id), '[]') from storage.buckets", &ids, err))
		return false;
	json_array_foreach(ids, i, id)
	{
		const char *name = json_string_value(id);
		if (name == NULL || !is_below(name)) continue;
		if (!file_path(path, err, "%s/storage/%s", e->part, name) || !file_mkdirs(path, 0700, err))
			return false;
	}
	return true;
}

/* The names are in the database, the bytes under their versions. */
static bool export_storage(struct exporting *e, struct err *err)
{
	static const char sql[] =
	    "select '[' || coalesce(string_agg(json_build_object('path', bucket_id || '/' || name, 'version', version, "
	    "'metadata', metadata, 'owner', owner_id, 'created_at', created_at)::text, E',\n' order by bucket_id, "
	    "name), '') || ']' from storage.objects";
	char path[FILE_PATH_SIZE];
	json_t *list JSON_CLEANUP = NULL, *one;
	size_t i;
	if (!export_buckets(e, err) || !ask_database(e, sql, &list, err)) return false;
	say(e, "the files of its users");
	json_array_foreach(list, i, one) if (!export_object(e, one, err)) return false;
	char *text = json_dumps(list, JSON_INDENT(1));
	if (text == NULL) return err_set(err, ERR_LIMIT, "the list of the files is too large");
	bool ok = file_path(path, err, "%s/storage.json", e->part) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

/* Folders as they are, without links. */
static bool copy_tree(const struct exporting *e, const char *from, const char *name, struct err *err)
{
	char to[FILE_PATH_SIZE];
	if (!file_is_dir(from)) return true;
	return file_path(to, err, "%s/%s", e->part, name) && file_copy_tree(from, to, err);
}

static bool export_site(const struct exporting *e, struct err *err)
{
	char path[FILE_PATH_SIZE];
	const char *release = json_str(e->facts, "release_dir", "");
	if (release[0] == '\0') return true;
	say(e, "the files of the live release");
	if (!make_dir(e, "site", err) || !file_path(path, err, "%s/public", release) ||
	    !copy_tree(e, path, "site/public", err) || !file_path(path, err, "%s/server", release) ||
	    !copy_tree(e, path, "site/server", err) || !file_path(path, err, "%s/functions", release) ||
	    !copy_tree(e, path, "site/functions", err))
		return false;
	char *text = json_dumps(json_object_get(e->facts, "release"), JSON_INDENT(2));
	bool ok = file_path(path, err, "%s/site/release.json", e->part) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

static bool write_text(const struct exporting *e, const char *name,
		       void (*put)(const struct export_facts *f, struct buf *out), const struct export_facts *f,
		       struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct buf text BUF_CLEANUP;
	buf_init(&text, TEXT_MAX_BYTES);
	put(f, &text);
	return file_path(path, err, "%s/%s", e->part, name) && file_write(path, buf_view(&text), 0600, err);
}

static bool export_texts(const struct exporting *e, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct buf names BUF_CLEANUP;
	const json_t *list = json_object_get(e->facts, "env");
	const char *release = json_str(e->facts, "release_dir", "");
	struct export_facts f = {.app = e->cli->words[0],
				 .url = json_str(e->facts, "url", ""),
				 .major = (int)json_int(e->where, "major", 15),
				 .live = json_int(e->facts, "live", 0),
				 .object_count = e->objects};
	buf_init(&names, TEXT_MAX_BYTES);
	if (!file_path(path, err, "%s/server", release)) return false;
	f.has_server = release[0] != '\0' && file_is_dir(path);
	f.has_fallback = json_bool(json_object_get(e->facts, "release"), "fallback", true);
	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(&names, "%s=\n", json_string_value(json_array_get(list, i)));
	return file_path(path, err, "%s/env.names", e->part) && file_write(path, buf_view(&names), 0600, err) &&
	       make_dir(e, "tmp", err) && write_text(e, "README.md", export_readme, &f, err) &&
	       write_text(e, "nginx.conf", export_nginx, &f, err) &&
	       write_text(e, "compose.yaml", export_compose, &f, err);
}

static bool export_all(struct exporting *e, struct err *err)
{
	return export_source(e, err) && export_database(e, err) && export_storage(e, err) &&
	       copy_tree(e, json_str(e->facts, "data_dir", ""), "data", err) && export_site(e, err) &&
	       export_texts(e, err);
}

static void name_folder(struct exporting *e)
{
	char day[32];
	time_t now = time(NULL);
	struct tm t;
	const char *given = cli_value(e->cli, "output");
	gmtime_r(&now, &t);
	(void)strftime(day, sizeof day, "%Y-%m-%d-%H%M%S", &t);
	if (given != NULL)
		(void)snprintf(e->dir, sizeof e->dir, "%s", given);
	else
		(void)snprintf(e->dir, sizeof e->dir, "%s-export-%s", e->cli->words[0], day);
}

static void say_done(const struct exporting *e)
{
	struct buf out BUF_CLEANUP;
	uint64_t bytes = 0;
	char size[TEXT_SHORT_SIZE];
	struct err ignored;
	buf_init(&out, 16 * 1024);
	(void)file_tree_size(e->dir, &bytes, &ignored);
	if (e->cli->is_json) {
		json_t *answer JSON_CLEANUP =
		    json_pack("{s:s, s:I, s:I, s:I}", "folder", e->dir, "bytes", (json_int_t)bytes, "files",
			      (json_int_t)e->objects, "files_missing", (json_int_t)e->missing);
		cli_put_json(e->cli, answer);
		return;
	}
	text_size(size, bytes);
	buf_printf(&out, "\n%s: %s. README.md in it says how to run it without Freehold.\n", e->dir, size);
	if (e->missing > 0)
		buf_printf(&out, "%zu files of users are named in the database and have no bytes here.\n", e->missing);
	screen_write(buf_view(&out));
}

/* It has its name only when it is whole. */
bool run_export(struct cli *cli, int *ret_status, struct err *err)
{
	struct exporting e = {.cli = cli, .words = {cli, cli->words[0], NULL, 0}};
	struct buf path BUF_CLEANUP;
	struct err ignored;
	*ret_status = 0;
	buf_init(&path, DAEMON_PATH_SIZE);
	name_folder(&e);
	bool ok = cli_app_path(&path, cli->words[0], "/export", err) &&
		  cli_ask(cli, NULL, buf_cstr(&path), NULL, &e.facts, err) && db_where(&e.words, &e.where, err) &&
		  file_path(e.part, err, "%s.part", e.dir);
	if (ok && file_exists(e.dir))
		ok = err_set(err, ERR_CONFLICT, "%s is there already; say another folder: --output FOLDER", e.dir);
	if (ok) {
		ok = file_remove_tree(e.part, err) && file_mkdirs(e.part, 0700, err) && export_all(&e, err) &&
		     (rename(e.part, e.dir) == 0 || err_set_errno(err, "write %s", e.dir));
		if (!ok) (void)file_remove_tree(e.part, &ignored);
	}
	json_decref(e.facts);
	json_decref(e.where);
	if (ok) say_done(&e);
	return ok || err_wrap(err, "export %s", cli->words[0]);
}
