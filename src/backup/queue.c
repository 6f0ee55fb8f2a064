/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/conf.h"
#include "backup/info.h"
#include "base/clock.h"
#include "os/proc.h"

#define OUTPUT_MAX_BYTES 16384
#define SEGMENTS_MAX 8192
#define NAME_SIZE 64 /* "00000001000000000000000A.00000028.backup" */
#define NOT_FOUND_STATUS 1 /* of archive-get */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

static bool note_path(const char *dir, int64_t place, const char *what, char ret_path[FILE_PATH_SIZE])
{
	struct err ignored;
	return file_path(ret_path, &ignored, "%s/%lld.%s", dir, (long long)place, what);
}

/* "1796039083123 why", of .failing and .broken. */
static int64_t read_note(const char *dir, int64_t place, const char *what, char *ret_text, size_t size)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct str number, rest;
	int64_t since = 0;
	struct buf text BUF_CLEANUP;
	buf_init(&text, 4096);
	ret_text[0] = '\0';
	if (!note_path(dir, place, what, path) || !file_read(path, &text, &ignored)) return 0;
	if (!str_cut(buf_view(&text), ' ', &number, &rest) || !str_to_int(number, &since)) return 0;
	(void)snprintf(ret_text, size, "%.*s", STR_FMT(str_trim(rest)));
	return since;
}

static void write_note(const char *dir, int64_t place, const char *what, int64_t since_ms, const char *why)
{
	char path[FILE_PATH_SIZE], text[512];
	struct err ignored;
	(void)snprintf(text, sizeof text, "%lld %.400s\n", (long long)since_ms, why);
	if (note_path(dir, place, what, path)) (void)file_write(path, str_from(text), 0600, &ignored);
}

static void drop_note(const char *dir, int64_t place, const char *what)
{
	char path[FILE_PATH_SIZE];
	if (note_path(dir, place, what, path)) (void)unlink(path);
}

static int64_t mtime_ms(const char *dir, int64_t place, const char *what)
{
	char path[FILE_PATH_SIZE];
	struct stat st;
	if (!note_path(dir, place, what, path) || stat(path, &st) != 0) return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static void touch(const char *dir, int64_t place, const char *what)
{
	char path[FILE_PATH_SIZE];
	if (!note_path(dir, place, what, path)) return;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return;
	(void)futimens(fd, NULL);
	(void)close(fd);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* What waits, by name, which is by age; how many. The caller frees *ret_names. */
static size_t list_queue(const char *dir, int64_t place, char (**ret_names)[NAME_SIZE])
{
	char path[FILE_PATH_SIZE];
	size_t count = 0;
	*ret_names = calloc(SEGMENTS_MAX, NAME_SIZE);
	if (*ret_names == NULL) abort();
	DIR *entries = note_path(dir, place, "queue", path) ? opendir(path) : NULL;
	for (struct dirent *e; entries != NULL && count < SEGMENTS_MAX && (e = readdir(entries)) != NULL;)
		if (e->d_name[0] != '.' && strlen(e->d_name) < NAME_SIZE && strstr(e->d_name, ".new") == NULL)
			(void)snprintf((*ret_names)[count++], NAME_SIZE, "%s", e->d_name);
	if (entries != NULL) (void)closedir(entries);
	qsort(*ret_names, count, NAME_SIZE, compare_names);
	return count;
}

static uint64_t queue_bytes(const char *dir, int64_t place)
{
	char path[FILE_PATH_SIZE];
	bool is_whole;
	return note_path(dir, place, "queue", path) ? file_tree_size_up_to(path, SEGMENTS_MAX, &is_whole) : 0;
}

static uint64_t ceiling(const char *dir)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	int64_t bytes = 0;
	bool is_set = file_path(path, &ignored, "%s/ceiling", dir) && file_read_int(path, &bytes) && bytes > 0;
	return is_set ? (uint64_t)bytes : QUEUE_CEILING_BYTES;
}

/* pgBackRest leaves the folder it was started in, so every path is absolute. */
static bool run(const char *dir, const char *data_dir, int64_t place, const char *const *rest, int64_t deadline_ms,
		int *ret_status, struct err *err)
{
	char conf[FILE_PATH_SIZE + 16], data[FILE_PATH_SIZE + 16];
	char program[FILE_PATH_SIZE + 16];
	static const char stanza[] = "--stanza=" CONF_STANZA;
	const char *argv[12] = {program, conf, stanza, data, "--log-level-console=off", "--log-level-stderr=error"};
	struct proc_result result = {0};
	struct buf output BUF_CLEANUP;
	struct str why;
	buf_init(&output, OUTPUT_MAX_BYTES);
	(void)snprintf(program, sizeof program, "%s/pgbackrest", dir);
	(void)snprintf(conf, sizeof conf, "--config=%s/%lld.conf", dir, (long long)place);
	(void)snprintf(data, sizeof data, "--pg1-path=%s", data_dir);
	for (int i = 0; i < 5 && rest[i] != NULL; i++) argv[6 + i] = rest[i];
	static const char *const env[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
	struct proc_spec spec = {.argv = argv, .env = env, .cwd = "/", .deadline_ms = deadline_ms};
	if (!proc_run(&spec, &output, &result, err)) return false;
	*ret_status = result.exit_status;
	if (result.exit_status == 0) return true;
	if (!info_error(buf_view(&output), &why)) why = str_from("it ended without a reason");
	return err_set(err, ERR_FAILED, "pgBackRest: %.*s", STR_FMT(why));
}

static bool send(const char *dir, const char *data_dir, int64_t place, const char *path, int64_t deadline_ms,
		 struct err *err)
{
	int status = 0;
	const char *const rest[] = {"archive-push", path, NULL};
	if (run(dir, data_dir, place, rest, deadline_ms, &status, err)) {
		drop_note(dir, place, "failing");
		touch(dir, place, "last");
		return true;
	}
	char old[256];
	int64_t since = read_note(dir, place, "failing", old, sizeof old);
	write_note(dir, place, "failing", since != 0 ? since : clock_wall_ms(), err->msg);
	return false;
}

static bool is_resting(const char *dir, int64_t place)
{
	int64_t noted = mtime_ms(dir, place, "failing"), now = clock_wall_ms();
	return noted != 0 && noted <= now && now - noted < QUEUE_AGAIN_MS;
}

/* The place is to be asked again at once. */
static void end_rest(const char *dir, int64_t place)
{
	char path[FILE_PATH_SIZE];
	const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	if (note_path(dir, place, "failing", path)) (void)utimensat(AT_FDCWD, path, long_ago, AT_SYMLINK_NOFOLLOW);
}

/* The history from here on cannot be brought to this place any more. */
static void break_off(const char *dir, int64_t place, const char *name, const char *why)
{
	char(*names)[NAME_SIZE], path[FILE_PATH_SIZE], text[256], old[256];
	struct err ignored;
	size_t count = list_queue(dir, place, &names);
	if (read_note(dir, place, "broken", old, sizeof old) == 0) {
		int64_t since = mtime_ms(dir, place, "last");
		(void)snprintf(text, sizeof text, "%s: changes from %.40s on were dropped", why,
			       count > 0 ? names[0] : name);
		write_note(dir, place, "broken", since != 0 ? since : clock_wall_ms(), text);
	}
	free(names);
	if (note_path(dir, place, "queue", path)) (void)file_remove_tree(path, &ignored);
}

/* Whole or not at all: a name without ".new" is on the disk. */
static bool keep(const char *queue, const char *from, const char *name, struct err *err)
{
	char to[FILE_PATH_SIZE];
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, (size_t)1 << 30); /* the largest segment there can be */
	return file_path(to, err, "%s/%s", queue, name) && file_mkdirs(queue, 0700, err) &&
	       file_read(from, &bytes, err) && file_write(to, buf_view(&bytes), 0600, err);
}

static bool enqueue(const char *dir, int64_t place, const char *path, struct err *err)
{
	char queue[FILE_PATH_SIZE], broken[256];
	struct stat st;
	uint64_t room = 0;
	if (read_note(dir, place, "broken", broken, sizeof broken) != 0) return true; /* of no use before a full one */
	if (!note_path(dir, place, "queue", queue) || stat(path, &st) != 0) return err_set_errno(err, "%s", path);
	if (queue_bytes(dir, place) + (uint64_t)st.st_size > ceiling(dir)) {
		break_off(dir, place, base_name(path), "what waited for this place reached its ceiling");
		return true;
	}
	if (!file_disk_free(dir, &room, err)) return false;
	if (room < QUEUE_DISK_KEPT_BYTES + (uint64_t)st.st_size) {
		break_off(dir, place, base_name(path), "the disk is nearly full");
		return true;
	}
	return keep(queue, path, base_name(path), err);
}

/* Eight bytes of a file, as PostgreSQL wrote them here; 0: not there. */
static uint64_t read_number(const char *path, off_t at)
{
	uint64_t number = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && pread(fd, &number, sizeof number, at) != (ssize_t)sizeof number) number = 0;
	if (fd >= 0) (void)close(fd);
	return number;
}

/* A segment of the cluster that was here before an import: its repository is the new one's now and does not take it.
 * Its first page has the system's number behind 24 bytes, pg_control begins with it (PostgreSQL's xlog_internal.h and
 * pg_control.h). */
static bool is_of_another(const char *data_dir, const char *path)
{
	char control[FILE_PATH_SIZE];
	struct err ignored;
	const char *name = base_name(path);
	if (strlen(name) != 24 || strspn(name, "0123456789ABCDEF") != 24 ||
	    !file_path(control, &ignored, "%s/global/pg_control", data_dir))
		return false;
	uint64_t its = read_number(path, 24), ours = read_number(control, 0);
	return its != 0 && ours != 0 && its != ours;
}

static bool drain(const char *dir, const char *data_dir, int64_t place, int64_t until_ms, int64_t each_ms,
		  struct err *err)
{
	char(*names)[NAME_SIZE], path[FILE_PATH_SIZE];
	size_t count = list_queue(dir, place, &names);
	bool ok = true;
	for (size_t i = 0; ok && i < count; i++) {
		if (until_ms > 0 && clock_now_ms() >= until_ms) {
			ok = err_set(err, ERR_TIMEOUT, "%zu segments still wait", count - i);
			break;
		}
		ok = file_path(path, err, "%s/%lld.queue/%s", dir, (long long)place, names[i]) &&
		     (is_of_another(data_dir, path) || send(dir, data_dir, place, path, each_ms, err));
		if (ok && unlink(path) != 0 && errno != ENOENT) ok = err_set_errno(err, "%s", path);
	}
	free(names);
	return ok;
}

static int lock_place(const char *dir, int64_t place)
{
	char path[FILE_PATH_SIZE];
	if (!note_path(dir, place, "lock", path)) return -1;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool push_one(const char *dir, const char *data_dir, int64_t place, const char *path, struct err *err)
{
	struct err why;
	if (is_resting(dir, place)) return enqueue(dir, place, path, err);
	int64_t until_ms = clock_now_ms() + QUEUE_PUSH_DEADLINE_MS;
	if (drain(dir, data_dir, place, until_ms, QUEUE_PUSH_DEADLINE_MS, &why) &&
	    send(dir, data_dir, place, path, QUEUE_PUSH_DEADLINE_MS, &why))
		return true;
	return enqueue(dir, place, path, err);
}

/* The places by their configuration files. */
static int list_places(const char *dir, int64_t ret_places[QUEUE_PLACES_MAX])
{
	int count = 0;
	DIR *entries = opendir(dir);
	for (struct dirent *e; entries != NULL && count < QUEUE_PLACES_MAX && (e = readdir(entries)) != NULL;) {
		struct str number, ending;
		if (str_cut(str_from(e->d_name), '.', &number, &ending) && str_eq(ending, STR("conf")) &&
		    str_to_int(number, &ret_places[count]))
			count++;
	}
	if (entries != NULL) (void)closedir(entries);
	for (int i = 1; i < count; i++) /* in order, so that the nearest is first */
		for (int j = i; j > 0 && ret_places[j] < ret_places[j - 1]; j--) {
			int64_t t = ret_places[j];
			ret_places[j] = ret_places[j - 1];
			ret_places[j - 1] = t;
		}
	return count;
}

static bool absolute(const char *data_dir, const char *path, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return path[0] == '/' ? file_path(ret_path, err, "%s", path)
			      : file_path(ret_path, err, "%s/%s", data_dir, path);
}

bool queue_push(const char *archive_dir, const char *data_dir, const char *path, struct err *err)
{
	int64_t places[QUEUE_PLACES_MAX];
	char whole[FILE_PATH_SIZE];
	int count = list_places(archive_dir, places);
	bool ok = absolute(data_dir, path, whole, err);
	for (int i = 0; ok && i < count; i++) {
		int lock = lock_place(archive_dir, places[i]);
		ok = push_one(archive_dir, data_dir, places[i], whole, err);
		if (lock >= 0) (void)close(lock);
	}
	return ok;
}

static bool from_queue(const char *dir, int64_t place, const char *name, const char *to)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct buf bytes BUF_CLEANUP;
	buf_init(&bytes, (size_t)1 << 30);
	return file_path(path, &ignored, "%s/%lld.queue/%s", dir, (long long)place, name) &&
	       file_read(path, &bytes, &ignored) && file_write(to, buf_view(&bytes), 0600, &ignored);
}

bool queue_get(const char *archive_dir, const char *data_dir, const char *name, const char *to, bool *ret_found,
	       struct err *err)
{
	int64_t places[QUEUE_PLACES_MAX];
	char whole[FILE_PATH_SIZE];
	struct err why = {0};
	int count = list_places(archive_dir, places);
	*ret_found = true;
	if (!absolute(data_dir, to, whole, err)) return false;
	for (int i = 0; i < count; i++)
		if (from_queue(archive_dir, places[i], name, whole)) return true;
	for (int i = 0; i < count; i++) {
		int status = -1;
		struct err one;
		const char *const rest[] = {"archive-get", name, whole, NULL};
		if (run(archive_dir, data_dir, places[i], rest, QUEUE_DRAIN_DEADLINE_MS, &status, &one)) return true;
		if (status != NOT_FOUND_STATUS) why = one;
	}
	*ret_found = false;
	if (why.code == ERR_NONE) return true;
	*err = why;
	return false;
}

bool queue_drain(const char *archive_dir, const char *data_dir, int64_t place, bool is_patient, struct err *err)
{
	if (!is_patient && is_resting(archive_dir, place)) return true;
	if (is_patient) end_rest(archive_dir, place);
	int lock = lock_place(archive_dir, place);
	bool ok = drain(archive_dir, data_dir, place, 0, QUEUE_DRAIN_DEADLINE_MS, err);
	if (lock >= 0) (void)close(lock);
	return ok;
}

void queue_state(const char *archive_dir, int64_t place, struct queue_state *ret_state)
{
	char(*names)[NAME_SIZE], path[FILE_PATH_SIZE];
	struct queue_state s = {.last_ms = mtime_ms(archive_dir, place, "last")};
	struct stat st;
	size_t count = list_queue(archive_dir, place, &names);
	s.waiting = (int64_t)count;
	s.waiting_bytes = count > 0 ? queue_bytes(archive_dir, place) : 0;
	if (count > 0) {
		(void)snprintf(path, sizeof path, "%.2000s/%lld.queue/%s", archive_dir, (long long)place, names[0]);
		s.oldest_ms = stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 : 0;
	}
	free(names);
	s.failing_since_ms = read_note(archive_dir, place, "failing", s.failing, sizeof s.failing);
	s.tried_ms = s.failing_since_ms != 0 ? mtime_ms(archive_dir, place, "failing") : 0;
	s.broken_since_ms = read_note(archive_dir, place, "broken", s.broken, sizeof s.broken);
	*ret_state = s;
}

void queue_mend(const char *archive_dir, int64_t place, int64_t began_ms)
{
	/* What was dropped while the backup ran is missing from it still. */
	int64_t noted = mtime_ms(archive_dir, place, "broken");
	if (noted != 0 && noted < began_ms) drop_note(archive_dir, place, "broken");
}
