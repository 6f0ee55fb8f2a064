/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/branch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/alone.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/tool.h"
#include "store/home.h"

#define PREFIX "branch-"
#define NOTE_MAX_BYTES 4096
#define STOP_MS 30000
#define LOG "postgres-branches.log"
#define READY_MS 60000
#define COUNTED_ENTRIES_MAX 5000
#define DAY_MS ((int64_t)24 * 3600 * 1000)

bool branch_name_check(const char *name, struct err *err)
{
	if (strlen(name) <= BRANCH_NAME_MAX && layout_app_name_check(name, err)) return true;
	return err_set(err, ERR_INVALID,
		       "\"%.60s\" is no name for a branch: a-z, 0-9 and -, 1 to %d, a letter first (try-1)", name,
		       BRANCH_NAME_MAX);
}

/* "5%", "0.05%": in ten thousandths, exactly. "1000": rows. */
static bool parse_sample(const char *text, struct sample_rule *ret_rule, struct err *err)
{
	struct str whole = str_from(text), part = STR("0");
	int64_t number = 0, hundredths = 0;
	bool is_share = str_has_suffix(whole, STR("%"));
	if (is_share) whole = str_sub(whole, 0, whole.len - 1);
	bool has_part = str_cut(whole, '.', &whole, &part);
	if (!has_part) part = STR("0");
	bool ok = (is_share || !has_part) && part.len >= 1 && part.len <= 2 && whole.len >= 1 && whole.len <= 8 &&
		  str_to_int(whole, &number) && str_to_int(part, &hundredths) && number >= 0 && hundredths >= 0;
	if (part.len == 1) hundredths *= 10;
	struct sample_rule rule = {is_share ? number * 100 + hundredths : 0, is_share ? 0 : number};
	ok = ok && (is_share ? rule.of_10000 >= 1 && rule.of_10000 <= SAMPLE_ALL
			     : rule.rows >= 1 && rule.rows <= BRANCH_SAMPLE_ROWS_MAX);
	if (!ok)
		return err_set(err, ERR_INVALID,
			       "\"%.40s\" is no sample: a share of each table from 0.01%% to 100%%, or rows of each "
			       "table from 1 to %d (5%%, 1000)",
			       text, BRANCH_SAMPLE_ROWS_MAX);
	*ret_rule = rule;
	return true;
}

bool branch_parse(const json_t *options, struct branch *ret_branch, struct err *err)
{
	struct branch b = {.days = json_int(options, "days", BRANCH_DAYS_DEFAULT)};
	const char *name = json_str(options, "name", ""), *kind = json_str(options, "kind", "full"),
		   *sample = json_str(options, "sample", NULL);
	bool is_sample = strcmp(kind, "sample") == 0;
	if (!branch_name_check(name, err)) return false;
	if (!is_sample && strcmp(kind, "full") != 0 && strcmp(kind, "schema") != 0)
		return err_set(err, ERR_INVALID, "a branch is full, schema or sample, not \"%.40s\"", kind);
	if (is_sample != (sample != NULL))
		return err_set(err, ERR_INVALID,
			       is_sample ? "a sample of how much? \"sample\": \"5%%\" or \"1000\""
					 : "only a branch of the kind sample takes \"sample\"");
	if (is_sample && !parse_sample(sample, &b.sample, err)) return false;
	if (b.days < 0 || b.days > BRANCH_DAYS_MAX)
		return err_set(err, ERR_INVALID, "a branch is kept for 1 to %d days, or 0: until it is deleted",
			       BRANCH_DAYS_MAX);
	(void)snprintf(b.name, sizeof b.name, "%s", name);
	(void)snprintf(b.kind, sizeof b.kind, "%s", kind);
	*ret_branch = b;
	return true;
}

bool branch_path(const struct flow *f, const char *app, const char *name, const char *rest,
		 char ret_path[FILE_PATH_SIZE], struct err *err)
{
	char dir[FILE_PATH_SIZE];
	return layout_app(&f->layout, app, "postgres", dir, err) &&
	       file_path(ret_path, err, "%s/" PREFIX "%s%s%s", dir, name, rest[0] != '\0' ? "/" : "", rest);
}

static bool socket_dir(const struct flow *f, const char *app, const char *name, char ret_path[FILE_PATH_SIZE],
		       struct err *err)
{
	char rest[BRANCH_NAME_MAX + sizeof BRANCH_PART];
	(void)snprintf(rest, sizeof rest, BRANCH_PART "%s", name);
	return layout_app_run(&f->layout, app, rest, ret_path, err);
}

bool branch_write(const char *dir, const struct branch *b, struct err *err)
{
	char path[FILE_PATH_SIZE];
	json_t *note JSON_CLEANUP = json_pack(
	    "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", b->name, "kind", b->kind, "of_10000",
	    (json_int_t)b->sample.of_10000, "rows", (json_int_t)b->sample.rows, "days", (json_int_t)b->days, "made_ms",
	    (json_int_t)b->made_at_ms, "expires_ms", (json_int_t)b->expires_at_ms, "job", (json_int_t)b->job);
	char *text = json_text(note);
	bool ok = file_path(path, err, "%s/branch.json", dir) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool branch_read(const char *dir, struct branch *ret_branch, struct err *err)
{
	char path[FILE_PATH_SIZE];
	json_t *note JSON_CLEANUP = NULL;
	struct buf text BUF_CLEANUP;
	buf_init(&text, NOTE_MAX_BYTES);
	if (!file_path(path, err, "%s/branch.json", dir) || !file_read(path, &text, err) ||
	    !json_parse(buf_view(&text), &note, err))
		return false;
	struct branch b = {.sample = {json_int(note, "of_10000", 0), json_int(note, "rows", 0)},
			   .days = json_int(note, "days", 0),
			   .made_at_ms = json_int(note, "made_ms", 0),
			   .expires_at_ms = json_int(note, "expires_ms", 0),
			   .job = json_int(note, "job", 0)};
	(void)snprintf(b.name, sizeof b.name, "%s", json_str(note, "name", ""));
	(void)snprintf(b.kind, sizeof b.kind, "%s", json_str(note, "kind", ""));
	*ret_branch = b;
	return true;
}

/* One whose note cannot be read can be seen and removed all the same. */
static void read_or_name(const char *dir, const char *name, struct branch *ret_branch)
{
	struct err ignored;
	if (branch_read(dir, ret_branch, &ignored)) return;
	*ret_branch = (struct branch){.kind = "unknown"};
	(void)snprintf(ret_branch->name, sizeof ret_branch->name, "%s", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct branch *)a)->name, ((const struct branch *)b)->name);
}

bool branch_list(const struct flow *f, const char *app, struct branch ret_list[BRANCHES_MAX], int *ret_count,
		 struct err *err)
{
	char folder[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	int count = 0;
	bool ok = layout_app(&f->layout, app, "postgres", folder, err);
	DIR *d = ok ? opendir(folder) : NULL;
	if (ok && d == NULL && errno != ENOENT) ok = err_set_errno(err, "%s", folder);
	for (struct dirent *e; ok && d != NULL && count < BRANCHES_MAX && (e = readdir(d)) != NULL;) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0) continue;
		ok = file_path(dir, err, "%s/%s", folder, e->d_name);
		if (ok) read_or_name(dir, e->d_name + strlen(PREFIX), &ret_list[count++]);
	}
	if (d != NULL) (void)closedir(d);
	if (!ok) return false;
	qsort(ret_list, (size_t)count, sizeof *ret_list, by_name);
	*ret_count = count;
	return true;
}

bool branch_get(const struct flow *f, const char *app, const char *name, struct branch *ret_branch, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	if (!branch_name_check(name, err) || !branch_path(f, app, name, "", dir, err)) return false;
	if (!file_is_dir(dir))
		return err_set(err, ERR_NOT_FOUND, "%s has no branch %s; those there are: freehold db %s branch list",
			       app, name, app);
	read_or_name(dir, name, ret_branch);
	return true;
}

bool branch_check_new(const struct flow *f, const char *app, const char *name, struct err *err)
{
	struct branch list[BRANCHES_MAX];
	char sockets[FILE_PATH_SIZE];
	int count = 0;
	if (!branch_list(f, app, list, &count, err) || !socket_dir(f, app, name, sockets, err)) return false;
	for (int i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return err_set(err, ERR_CONFLICT,
				       "%s has a branch %s already; bring it up to now: freehold db %s branch reset "
				       "%s, or delete it",
				       app, name, app, name);
	if (count >= BRANCHES_MAX)
		return err_set(err, ERR_LIMIT,
			       "%s has %d branches, and that is the most at a time; delete one: freehold db %s branch "
			       "delete %s",
			       app, count, app, list[0].name);
	return strlen(sockets) <= OWNDB_SOCKET_DIR_MAX ||
	       err_set(err, ERR_LIMIT, "the path of the branch's socket would be too long (%s); take a shorter name",
		       sockets);
}

uint64_t branch_bytes(const struct flow *f, const char *app, const char *name)
{
	char dir[FILE_PATH_SIZE];
	struct err ignored;
	bool is_whole = false;
	if (!branch_path(f, app, name, "", dir, &ignored)) return 0;
	return file_tree_size_up_to(dir, COUNTED_ENTRIES_MAX, &is_whole);
}

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_ISO8601_SIZE];
	if (wall_ms == 0) return json_null();
	clock_iso8601(wall_ms, text);
	return json_string(text);
}

static json_t *sample_json(const struct branch *b)
{
	char text[32];
	if (strcmp(b->kind, "sample") != 0) return json_null();
	if (b->sample.of_10000 == 0)
		(void)snprintf(text, sizeof text, "%" PRId64, b->sample.rows);
	else if (b->sample.of_10000 % 100 == 0)
		(void)snprintf(text, sizeof text, "%" PRId64 "%%", b->sample.of_10000 / 100);
	else
		(void)snprintf(text, sizeof text, "%" PRId64 ".%02" PRId64 "%%", b->sample.of_10000 / 100,
			       b->sample.of_10000 % 100);
	return json_string(text);
}

bool branch_json(const struct flow *f, const char *app, const struct branch *b, json_t **ret_json, struct err *err)
{
	char sockets[FILE_PATH_SIZE], url[FILE_PATH_SIZE + 64];
	if (!socket_dir(f, app, b->name, sockets, err)) return false;
	(void)snprintf(url, sizeof url, "postgresql://%s@/%s?host=%s", OWNDB_MIGRATOR, OWNDB_DATABASE, sockets);
	*ret_json =
	    json_pack("{s:s, s:s, s:o, s:I, s:o, s:o, s:I, s:I, s:s, s:s}", "name", b->name, "kind", b->kind, "sample",
		      sample_json(b), "days", (json_int_t)b->days, "made_at", time_json(b->made_at_ms), "expires_at",
		      time_json(b->expires_at_ms), "age_ms", (json_int_t)(home_now_ms(f->db) - b->made_at_ms), "bytes",
		      (json_int_t)branch_bytes(f, app, b->name), "socket_dir", sockets, "url", url);
	return true;
}

/* For the owner alone: the app's backend and its server have no business here. */
static bool make_socket_dir(const struct flow *f, const struct parts *p, const char *path, struct err *err)
{
	if (!file_mkdirs(path, 0700, err)) return false;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = (!f->is_root || fchown(fd, p->users.db.uid, p->users.db.gid) == 0) && fchmod(fd, 0700) == 0;
	if (!ok) (void)err_set_errno(err, "give %s to PostgreSQL's user", path);
	(void)close(fd);
	return ok;
}

/* Its log, which is quoted where that fails, is that of all branches. */
bool branch_await(const struct flow *f, const struct parts *p, const char *name, struct err *err)
{
	char dir[FILE_PATH_SIZE], sockets[FILE_PATH_SIZE], log[FILE_PATH_SIZE];
	struct owndb db = p->owndb;
	db.data_dir = dir;
	db.socket_dir = sockets;
	db.log_path = log;
	return branch_path(f, p->app.name, name, "data", dir, err) && socket_dir(f, p->app.name, name, sockets, err) &&
	       file_path(log, err, "%s/logs/" LOG, p->dir) && owndb_wait_ready(&db, 0, READY_MS, err);
}

bool branch_unit(const struct flow *f, const struct parts *p, const char *name, struct arena *arena,
		 struct unit_spec *ret_spec, struct err *err)
{
	char dir[FILE_PATH_SIZE], sockets[FILE_PATH_SIZE], bin_dir[FILE_PATH_SIZE];
	struct branch b;
	struct owndb db = p->owndb;
	if (!branch_get(f, p->app.name, name, &b, err) || !branch_path(f, p->app.name, name, "data", dir, err) ||
	    !socket_dir(f, p->app.name, name, sockets, err) || !make_socket_dir(f, p, sockets, err))
		return false;
	db.data_dir = arena_strdup(arena, dir);
	db.socket_dir = arena_strdup(arena, sockets);
	db.app_socket_dir = NULL;
	db.archives = false;
	/* An import may have given the app another major since. */
	if (!owndb_read_major(dir, &db.major, err) ||
	    !owndb_find_postgres_major(p->majors_dir, db.major, bin_dir, sizeof bin_dir, err) ||
	    !tool_write_conf(&db, db.data_dir, false, err))
		return false;
	struct alone alone = {.bin_dir = bin_dir,
			      .data_dir = db.data_dir,
			      .socket_dir = sockets,
			      .log_path = arena_printf(arena, "%s/logs/" LOG, p->dir),
			      .setting = arena_printf(arena, "log_line_prefix=%%m [%%p] branch %s %%q%%u@%%d ", name),
			      .stop_ms = STOP_MS};
	alone_unit(f, p, &alone, arena, ret_spec);
	(void)snprintf(ret_spec->name, sizeof ret_spec->name, "%s/" BRANCH_PART "%s", p->app.name, name);
	return true;
}
