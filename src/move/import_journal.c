/* SPDX-License-Identifier: Apache-2.0
 *
 * What was asked, how far it came, the report: written by the process that does it, read by who asks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/events.h"
#include "app/git_key.h"
#include "base/clock.h"
#include "codec/json.h"
#include "move/following.h"
#include "move/import.h"
#include "move/import_files.h"

#define JOURNAL_MAX_BYTES (16u << 20)

static bool journal_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_app(&f->layout, app, "import/journal.json", ret_path, err);
}

bool import_events_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_app(&f->layout, app, "import/events.ndjson", ret_path, err);
}

bool import_source_path(const struct flow *f, const char *app, char ret_path[FILE_PATH_SIZE], struct err *err)
{
	return layout_app(&f->layout, app, "import/source", ret_path, err);
}

bool import_seal_url(const struct flow *f, const char *app, const char *url, char **ret_sealed, char ret_shown[256],
		     struct err *err)
{
	bool is_address = strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
	const char *at = strrchr(url, '@');
	if (!is_address || strlen(url) > 2000)
		return err_set(err, ERR_INVALID, "a running source is an address that begins with postgresql://");
	const char *host = at != NULL ? at + 1 : strstr(url, "//") + 2;
	(void)snprintf(ret_shown, 256, "%.*s", (int)strcspn(host, "?"), host);
	*ret_sealed = git_address_seal(f->seal, app, url);
	return *ret_sealed != NULL || err_set(err, ERR_INTERNAL, "the address could not be sealed");
}

bool import_journal_write(const struct flow *f, const char *app, const json_t *journal, struct err *err)
{
	char path[FILE_PATH_SIZE];
	char *text = json_text(journal);
	bool ok = journal_path(f, app, path, err) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool import_journal_read(const struct flow *f, const char *app, json_t **ret_journal, struct err *err)
{
	char path[FILE_PATH_SIZE];
	return journal_path(f, app, path, err) && json_parse_file(path, JOURNAL_MAX_BYTES, ret_journal, err);
}

/* The address of a source that may be refusing writes because of a move stands in the journal alone: it is let go, or
 * asked once more, before another import takes the journal's place. */
static bool check_held(const struct flow *f, const char *app, const json_t *options, bool *ret_is_held, struct err *err)
{
	json_t *former JSON_CLEANUP = NULL;
	struct err ignored;
	*ret_is_held = import_journal_read(f, app, &former, &ignored) && json_bool(former, "held", false) &&
		       !import_is_switched(f, app, former);
	if (!*ret_is_held || json_bool(options, "hold", false)) return true;
	return err_set(
	    err, ERR_CONFLICT,
	    "the place that %s is moving from may still refuse writes; let it go first: freehold move %s --back", app,
	    app);
}

static json_t *new_journal(json_t *options, bool is_held)
{
	char now[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), now);
	return json_pack("{s:s, s:s, s:O, s:s, s:{}, s:b}", "state", "running", "source",
			 json_str(options, "source", ""), "options", options, "began_at", now, "report", "held",
			 is_held);
}

/* What was given before holds, but for what is said anew. */
static bool take_former(const struct flow *f, const char *app, json_t *options, struct err *err)
{
	json_t *former JSON_CLEANUP = NULL;
	if (!import_journal_read(f, app, &former, err))
		return err_set(err, ERR_CONFLICT, "there is no import of %s to go on with", app);
	if (strcmp(json_str(former, "state", ""), "done") == 0)
		return err_set(err, ERR_CONFLICT, "the last import of %s was done; there is nothing to go on with",
			       app);
	(void)json_object_update_missing(options, json_object_get(former, "options"));
	return true;
}

bool import_prepare(const struct flow *f, const char *app, json_t *options, bool is_resumed, struct err *err)
{
	char dir[FILE_PATH_SIZE], events[FILE_PATH_SIZE];
	struct events e;
	bool is_held = false;
	if (!layout_app(&f->layout, app, "import", dir, err) || !import_events_path(f, app, events, err)) return false;
	if (is_resumed && !take_former(f, app, options, err)) return false;
	if (!check_held(f, app, options, &is_held, err)) return false;
	if (!is_resumed &&
	    (!import_files_clear(f, app, err) || !file_remove_tree(dir, err) || !file_mkdirs(dir, 0711, err)))
		return false;
	if (!file_remove_tree(events, err) || !events_open(&e, events, err)) return false;
	events_close(&e);
	json_t *journal JSON_CLEANUP = new_journal(options, is_held);
	return import_journal_write(f, app, journal, err);
}

static bool has_text(const char *path, const char *text)
{
	struct buf has BUF_CLEANUP;
	struct err ignored;
	buf_init(&has, 256);
	return file_read(path, &has, &ignored) && str_eq(buf_view(&has), str_from(text));
}

/* The switch is what counts: a cluster that has the import's mark in it is live. */
bool import_is_switched(const struct flow *f, const char *app, const json_t *journal)
{
	char mine[FILE_PATH_SIZE];
	struct err ignored;
	return layout_app(&f->layout, app, "postgres/data/freehold_import", mine, &ignored) &&
	       has_text(mine, json_str(journal, "began_at", ""));
}

bool import_json(const struct flow *f, const char *app, bool is_running, json_t **ret_journal, struct err *err)
{
	json_t *journal = NULL;
	char path[FILE_PATH_SIZE];
	if (!journal_path(f, app, path, err)) return false;
	if (!file_exists(path)) {
		*ret_journal = json_pack("{s:s}", "state", "none");
		following_show(f, app, *ret_journal);
		return true;
	}
	if (!import_journal_read(f, app, &journal, err)) return false;
	json_object_del(json_object_get(journal, "options"), "url");
	if (!is_running && strcmp(json_str(journal, "state", ""), "running") == 0) {
		bool is_live = import_is_switched(f, app, journal);
		json_object_set_new(journal, "state", json_string(is_live ? "done" : "interrupted"));
	}
	following_show(f, app, journal);
	*ret_journal = journal;
	return true;
}
