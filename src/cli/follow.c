/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "cli/source.h"
#include "codec/json.h"
#include "os/file.h"

#define OUT_MAX (1024 * 1024)
#define SILENCE_MS 15000
#define FILES_MAX 100000

struct following {
	struct cli *cli;
	const struct follow *follow;
	struct daemon daemon;
	struct progress progress;
	struct interrupt interrupt;
	bool is_interrupted;
	unsigned frame;
	int64_t heard_ms, began_ms;
	uint64_t total_bytes;
};

static bool has_display(const struct following *f)
{
	return f->cli->look.is_terminal && !f->cli->is_json;
}

static void draw(struct following *f, const struct buf *stays)
{
	struct buf live BUF_CLEANUP;
	buf_init(&live, OUT_MAX);
	f->progress.look.columns = look_of(STDOUT_FILENO).columns;
	progress_live(&f->progress, clock_wall_ms(), f->frame, &live);
	screen_draw(buf_view(stays), buf_view(&live));
}

static bool on_line(void *arg, struct str line)
{
	struct following *f = arg;
	json_t *event JSON_CLEANUP = NULL;
	struct buf stays BUF_CLEANUP;
	struct err ignored;
	buf_init(&stays, OUT_MAX);
	if (str_trim(line).len == 0 || !json_parse(line, &event, &ignored)) return true;
	f->heard_ms = clock_now_ms();
	progress_event(&f->progress, event, &stays);
	if (f->cli->is_json)
		cli_put_json(f->cli, event);
	else if (has_display(f))
		draw(f, &stays);
	else
		screen_write(buf_view(&stays));
	return f->progress.end == NULL;
}

static void ask_for_end(struct following *f)
{
	json_t *state = NULL;
	struct err ignored;
	if (!daemon_ask(&f->daemon, NULL, f->follow->state, NULL, &state, &ignored)) return;
	if (strcmp(json_str(state, "state", "running"), "running") == 0)
		json_decref(state);
	else
		f->progress.end = state;
}

static bool on_tick(void *arg)
{
	struct following *f = arg;
	struct buf nothing BUF_CLEANUP;
	buf_init(&nothing, 1);
	f->is_interrupted |= interrupt_came(&f->interrupt);
	f->frame++;
	if (has_display(f)) draw(f, &nothing);
	if (clock_now_ms() - f->heard_ms > SILENCE_MS) {
		ask_for_end(f);
		f->heard_ms = clock_now_ms();
	}
	return !f->is_interrupted && f->progress.end == NULL;
}

bool follow_events(struct cli *cli, const struct follow *follow, json_t **ret_end, struct err *err)
{
	struct following f = {.cli = cli, .follow = follow, .heard_ms = clock_now_ms()};
	struct daemon_watcher watcher = {.on_line = on_line, .on_tick = on_tick, .arg = &f};
	struct err why = {.msg = ""};
	if (!cli_daemon(cli, &f.daemon, err) || !interrupt_begin(&f.interrupt, err)) return false;
	progress_init(&f.progress, cli->look);
	bool ok = daemon_follow(&f.daemon, follow->events, &watcher, &why);
	if (has_display(&f)) screen_draw(STR(""), STR(""));
	interrupt_end(&f.interrupt);
	if (!f.is_interrupted && f.progress.end == NULL) ask_for_end(&f);
	bool is_known = f.is_interrupted || f.progress.end != NULL;
	*ret_end = json_incref(f.progress.end);
	progress_done(&f.progress);
	return is_known || err_set(err, ERR_UNAVAILABLE, "%s before %s had ended",
				   ok ? "the daemon stopped telling" : why.msg, follow->what);
}

/* Sending. */

static bool on_send_tick(void *arg, uint64_t sent_bytes)
{
	struct following *f = arg;
	f->is_interrupted |= interrupt_came(&f->interrupt);
	if (has_display(f)) {
		struct buf live BUF_CLEANUP;
		struct look look = look_of(STDOUT_FILENO);
		buf_init(&live, OUT_MAX);
		progress_upload(&look, sent_bytes, f->total_bytes, clock_now_ms() - f->began_ms, f->frame++, &live);
		screen_draw(STR(""), buf_view(&live));
	}
	return !f->is_interrupted;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sql(const struct dirent *e)
{
	size_t len = strlen(e->d_name);
	return len > 4 && strcmp(e->d_name + len - 4, ".sql") == 0;
}

static bool append(int to, const char *folder, const char *name, struct err *err)
{
	char path[FILE_PATH_SIZE], chunk[65536];
	ssize_t got = 0;
	if (!file_path(path, err, "%s/%s", folder, name)) return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return err_set_errno(err, "%s", path);
	bool ok = true;
	while (ok && (got = read(fd, chunk, sizeof chunk)) > 0) ok = write(to, chunk, (size_t)got) == got;
	ok = ok && got == 0 && write(to, "\n", 1) == 1;
	if (!ok) (void)err_set_errno(err, "%s", path);
	(void)close(fd);
	return ok;
}

/* One text of all of them, in a file of no name. */
static bool join_sql(const char *folder, int *ret_fd, struct err *err)
{
	struct dirent **list = NULL;
	int count = scandir(folder, &list, is_sql, by_name);
	if (count < 0) return err_set_errno(err, "%s", folder);
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool ok = fd >= 0 || err_set_errno(err, "/tmp");
	if (ok && count == 0)
		ok = err_set(err, ERR_INVALID, "%s has no .sql files; a dump is given by its own name", folder);
	for (int i = 0; i < count; i++) {
		if (ok) ok = append(fd, folder, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	if (!ok && fd >= 0) (void)close(fd);
	if (ok) *ret_fd = fd;
	return ok;
}

bool follow_send(struct cli *cli, const char *path, const char *file, json_t **ret_answer, struct err *err)
{
	struct following f = {.cli = cli, .began_ms = clock_now_ms()};
	struct source_facts facts = {.kind = SOURCE_ARCHIVE};
	struct source *source = NULL;
	struct daemon_sender sender = {.on_tick = on_send_tick, .arg = &f};
	int joined = -1;
	*ret_answer = NULL;
	if (file_is_dir(file) && !join_sql(file, &joined, err)) return false;
	if (joined >= 0)
		(void)snprintf(facts.from, sizeof facts.from, "/proc/self/fd/%d", joined);
	else
		(void)snprintf(facts.from, sizeof facts.from, "%s", file);
	bool ok =
	    cli_daemon(cli, &f.daemon, err) && source_open(&facts, &source, err) && interrupt_begin(&f.interrupt, err);
	if (ok) {
		f.total_bytes = source_total_bytes(source);
		ok = daemon_send(&f.daemon, path, source, &sender, ret_answer, err);
		if (has_display(&f)) screen_draw(STR(""), STR(""));
		interrupt_end(&f.interrupt);
	}
	source_close(source);
	if (joined >= 0) (void)close(joined);
	return ok;
}
