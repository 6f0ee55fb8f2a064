/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/view.h"
#include "codec/json.h"

#define LIST_MAX 12 /* rows of a list that are shown; the whole list is in --json and in release.json */

static void put_clean(struct buf *out, const char *text, enum text_shape shape)
{
	text_clean(out, str_from(text), shape);
}

static void put_heading(struct buf *out, const struct look *look, const char *text)
{
	buf_putc(out, '\n');
	look_put(out, look, TONE_STRONG, text);
	buf_putc(out, '\n');
}

static void put_item(struct buf *out, const struct look *look, const char *text)
{
	struct buf clean BUF_CLEANUP, wrapped BUF_CLEANUP;
	buf_init(&clean, REPORT_BYTES_MAX);
	buf_init(&wrapped, REPORT_BYTES_MAX);
	put_clean(&clean, text, TEXT_BLOCK);
	text_wrap(&wrapped, buf_view(&clean), 4, look->columns);
	if (wrapped.len < 4) return;
	buf_printf(out, "  %s %s", look_mark(look, MARK_ITEM), buf_cstr(&wrapped) + 4);
}

static void put_more(struct buf *out, const struct look *look, size_t count)
{
	char text[64];
	if (count <= LIST_MAX) return;
	(void)snprintf(text, sizeof text, "  and %zu more (all of them: --json)", count - LIST_MAX);
	look_put(out, look, TONE_DIM, text);
	buf_putc(out, '\n');
}

/* "src/client.ts:5", "src/client.ts" or "". */
static void place(const json_t *item, char *ret_text, size_t size)
{
	const char *file = json_str(item, "file", "");
	int64_t line = json_int(item, "line", 0);
	if (line > 0 && file[0] != '\0')
		(void)snprintf(ret_text, size, "%s:%" PRId64, file, line);
	else
		(void)snprintf(ret_text, size, "%s", file);
}

static void put_places(struct buf *out, const struct look *look, const char *heading, const json_t *list)
{
	static const char *const columns[] = {"", "", NULL};
	if (json_array_size(list) == 0) return;
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++) {
		char where[512];
		const json_t *item = json_array_get(list, i);
		place(item, where, sizeof where);
		table_cell(&t, TONE_DIM, where);
		table_cell(&t, TONE_PLAIN, json_str(item, "what", ""));
	}
	put_heading(out, look, heading);
	table_render(&t, look, 2, out);
	put_more(out, look, json_array_size(list));
}

static void put_texts(struct buf *out, const struct look *look, const char *heading, const json_t *list)
{
	if (json_array_size(list) == 0) return;
	put_heading(out, look, heading);
	for (size_t i = 0; i < json_array_size(list) && i < LIST_MAX; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text != NULL) put_item(out, look, text);
	}
	put_more(out, look, json_array_size(list));
}

static void put_names(struct buf *out, const struct look *look, const char *sentence, const json_t *list)
{
	size_t count = json_array_size(list);
	if (count == 0) return;
	struct buf text BUF_CLEANUP;
	buf_init(&text, REPORT_BYTES_MAX);
	buf_printf(&text, "%zu %s: ", count, sentence);
	for (size_t i = 0; i < count && i < LIST_MAX; i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_is_string(item) ? json_string_value(item) : json_str(item, "file", "");
		if (name[0] == '\0') name = json_str(item, "version", json_str(item, "what", "?"));
		buf_printf(&text, "%s%s", i > 0 ? ", " : "", name);
	}
	if (count > LIST_MAX) buf_puts(&text, ", ...");
	put_item(out, look, buf_cstr(&text));
}

static void put_migrations(struct buf *out, const struct look *look, const json_t *migrations)
{
	const json_t *applied = json_object_get(migrations, "applied");
	const json_t *boundaries = json_object_get(migrations, "boundaries");
	const json_t *edited = json_object_get(migrations, "edited");
	if (json_array_size(applied) + json_array_size(boundaries) + json_array_size(edited) == 0) return;
	put_heading(out, look, "Database");
	put_names(out, look, "applied (migrations)", applied);
	put_names(out, look, "could not be part of one transaction and committed by themselves (boundaries)",
		  boundaries);
	put_names(out, look, "changed after they were applied; the change is not in the database", edited);
}

/* The name that --accept takes, what it means, where, and what to tell the builder. */
static void put_finding(struct buf *out, const struct look *look, const json_t *item)
{
	char where[512];
	struct buf text BUF_CLEANUP;
	const char *paste = json_str(item, "paste", ""), *detail = json_str(item, "detail", "");
	place(item, where, sizeof where);
	buf_init(&text, REPORT_BYTES_MAX);
	buf_printf(&text, "%s: %s", json_str(item, "name", "finding"), json_str(item, "title", ""));
	if (where[0] != '\0') buf_printf(&text, " (%s)", where);
	if (detail[0] != '\0') buf_printf(&text, "\n%s", detail);
	if (paste[0] != '\0') buf_printf(&text, "\nPaste into your builder's chat: %s", paste);
	put_item(out, look, buf_cstr(&text));
}

/* What stops comes first: it must not be what a limit cuts off. */
static void put_findings(struct buf *out, const struct look *look, const char *heading, const json_t *findings)
{
	static const char *const severities[] = {"stop", "warn", "note"};
	size_t shown = 0;
	if (json_array_size(findings) == 0) return;
	put_heading(out, look, heading);
	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < json_array_size(findings) && shown < LIST_MAX; i++) {
			const json_t *item = json_array_get(findings, i);
			if (strcmp(json_str(item, "severity", "note"), severities[s]) != 0) continue;
			put_finding(out, look, item);
			shown++;
		}
	put_more(out, look, json_array_size(findings));
}

/* The findings that stop, as the options that would let them pass. False when one of them cannot be accepted. */
static bool put_accepts(struct buf *out, const json_t *findings)
{
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *item = json_array_get(findings, i);
		if (strcmp(json_str(item, "severity", ""), "stop") != 0) continue;
		if (!json_bool(item, "can_accept", true)) return false;
		buf_printf(out, " --accept %s", json_str(item, "name", "?"));
		count++;
	}
	return count > 0;
}

static void put_next(struct buf *out, const struct look *look, const char *command, const char *what)
{
	struct buf clean BUF_CLEANUP;
	buf_init(&clean, REPORT_BYTES_MAX);
	put_clean(&clean, command, TEXT_LINE);
	buf_puts(out, "  ");
	text_pad(out, buf_view(&clean), 34);
	buf_puts(out, "  ");
	look_put(out, look, TONE_DIM, what);
	buf_putc(out, '\n');
}

static void put_what_next(struct buf *out, const struct look *look, const char *app, bool has_earlier)
{
	char command[128];
	put_heading(out, look, "Next");
	(void)snprintf(command, sizeof command, "freehold open %s", app);
	put_next(out, look, command, "look at it in a browser");
	(void)snprintf(command, sizeof command, "freehold logs %s -f", app);
	put_next(out, look, command, "see what happens in it");
	if (has_earlier) {
		(void)snprintf(command, sizeof command, "freehold rollback %s", app);
		put_next(out, look, command, "go back to the release before");
	}
	put_next(out, look, "freehold status", "everything that runs here");
}

void report_success(const struct look *look, const json_t *deployment, struct buf *out)
{
	const json_t *report = json_object_get(deployment, "report");
	const char *app = json_str(deployment, "app", "the app");
	int64_t number = json_int(deployment, "number", 0);
	char duration[TEXT_SHORT_SIZE];
	struct buf line BUF_CLEANUP;
	buf_init(&line, REPORT_BYTES_MAX);
	text_duration(duration, json_int(deployment, "duration_ms", 0));
	buf_putc(out, '\n');
	put_clean(&line, app, TEXT_LINE);
	buf_puts(&line, " is live: ");
	put_clean(&line, json_str(report, "url", "(no address)"), TEXT_LINE);
	look_put_str(out, look, TONE_GOOD, buf_view(&line));
	buf_printf(out, "\nRelease %" PRId64 ", live after %s", number, duration);
	if (json_str(report, "shape", "")[0] != '\0') {
		buf_puts(out, ". ");
		put_clean(out, json_str(report, "shape", ""), TEXT_LINE);
	}
	if (json_str(report, "rung", "")[0] != '\0') {
		buf_puts(out, ", installed with ");
		put_clean(out, json_str(report, "rung", ""), TEXT_LINE);
	}
	buf_puts(out, ".\n");
	put_places(out, look, "Changed in Freehold's copy (your files are as they were)",
		   json_object_get(report, "adaptations"));
	put_migrations(out, look, json_object_get(report, "migrations"));
	put_places(out, look, "Not served yet: the app calls it and gets an answer that says so (501)",
		   json_object_get(report, "not_served"));
	put_texts(out, look, "In the database, and still pointing elsewhere", json_object_get(report, "promises"));
	put_findings(out, look, "Found in the app, and worth mending", json_object_get(report, "findings"));
	put_texts(out, look, "Good to know", json_object_get(report, "notes"));
	put_what_next(out, look, app, json_int(report, "replaces", 0) > 0);
}

/* A step's state in the list of steps, or "". */
static const char *state_of(const json_t *deployment, const char *name)
{
	const json_t *steps = json_object_get(deployment, "steps");
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		if (strcmp(json_str(step, "name", ""), name) == 0) return json_str(step, "state", "");
	}
	return "";
}

/* A migration that has committed stays: then nobody may read "nothing changed". */
static bool has_committed(const json_t *deployment)
{
	const json_t *migrations = json_object_get(json_object_get(deployment, "report"), "migrations");
	const json_t *applied = json_object_get(migrations, "applied");
	if (applied != NULL) return json_array_size(applied) > 0;
	return strcmp(state_of(deployment, "migrate"), "done") == 0;
}

void report_what_is_live(const json_t *deployment, const json_t *app, struct buf *out)
{
	const json_t *live = json_object_get(app, "live");
	const char *database =
	    has_committed(deployment) ? " The database keeps the changes (migrations) that were committed." : "";
	if (app == NULL) return;
	if (json_is_integer(live))
		buf_printf(out, "Release %" JSON_INTEGER_FORMAT " is still live%s.%s\n", json_integer_value(live),
			   database[0] != '\0' ? "" : " and untouched", database);
	else
		buf_printf(out, "Nothing was live before and nothing is now.%s\n", database);
}

void report_failure(const struct look *look, const json_t *deployment, const char *tail, const json_t *app,
		    struct buf *out)
{
	const json_t *error = json_object_get(deployment, "error");
	const char *step = json_str(deployment, "step", "");
	const char *name = json_str(deployment, "app", "");
	const json_t *findings = json_object_get(json_object_get(deployment, "report"), "findings");
	struct buf clean BUF_CLEANUP;
	buf_init(&clean, REPORT_BYTES_MAX);
	if (tail != NULL && tail[0] != '\0') {
		put_clean(&clean, step_label(step), TEXT_LINE);
		buf_printf(out, "\nThe last lines of %s:\n\n%s", buf_cstr(&clean), tail);
	}
	buf_putc(out, '\n');
	report_error(look, json_str(error, "message", "the deployment ended without saying why"), out);
	report_what_is_live(deployment, app, out);
	bool is_refused = strcmp(json_str(error, "code", ""), "refused") == 0;
	if (is_refused) put_findings(out, look, "Found", findings);
	put_heading(out, look, "Next");
	char command[160];
	(void)snprintf(command, sizeof command, "freehold logs %s --build %" PRId64, name,
		       json_int(deployment, "number", 0));
	put_next(out, look, command, "everything that was printed");
	struct buf accepts BUF_CLEANUP;
	buf_init(&accepts, REPORT_BYTES_MAX);
	buf_puts(&accepts, "freehold deploy ...");
	if (is_refused && put_accepts(&accepts, findings))
		put_next(out, look, buf_cstr(&accepts), "deploy in spite of it");
	else if (json_is_integer(json_object_get(app, "live")))
		put_next(out, look, "freehold deploy ...", "once it is mended; the live release stays until then");
	else
		put_next(out, look, "freehold deploy ...", "once it is mended");
	/* The first try of an app that has nothing yet: nobody may have wanted one of that name. */
	if (json_int(deployment, "number", 0) != 1 || !view_app_is_empty(app)) return;
	(void)snprintf(command, sizeof command, "freehold destroy %s", name);
	put_next(out, look, command, "there is an app of this name now: takes it away again");
}

void report_error(const struct look *look, const char *message, struct buf *out)
{
	struct buf text BUF_CLEANUP, wrapped BUF_CLEANUP;
	buf_init(&text, REPORT_BYTES_MAX);
	buf_init(&wrapped, REPORT_BYTES_MAX);
	buf_puts(&text, "freehold: ");
	put_clean(&text, message, TEXT_BLOCK);
	text_wrap(&wrapped, buf_view(&text), 0, look->columns);
	look_put(out, look, TONE_BAD, "freehold:");
	buf_str(out, str_sub(buf_view(&wrapped), strlen("freehold:"), wrapped.len));
}

void report_detached(const char *app, int64_t number, struct buf *out)
{
	buf_printf(out,
		   "\nThe deployment goes on without this terminal. To look at it again:\n"
		   "  freehold logs %s --build %" PRId64 " -f\n  freehold deployments %s %" PRId64
		   "\nTo stop it: freehold cancel %s\n",
		   app, number, app, number, app);
}
