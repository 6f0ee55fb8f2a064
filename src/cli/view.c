/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/db.h"
#include "cli/step.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void put_clean(const struct view *v, enum tone tone, const char *text)
{
	struct buf clean BUF_CLEANUP;
	buf_init(&clean, VIEW_BYTES_MAX);
	text_clean(&clean, str_from(text), TEXT_LINE);
	look_put_str(v->out, &v->look, tone, buf_view(&clean));
}

static void put_sentence(const struct view *v, const char *mark, enum tone tone, const char *text)
{
	struct buf clean BUF_CLEANUP, wrapped BUF_CLEANUP;
	buf_init(&clean, VIEW_BYTES_MAX);
	buf_init(&wrapped, VIEW_BYTES_MAX);
	text_clean(&clean, str_from(text), TEXT_BLOCK);
	text_wrap(&wrapped, buf_view(&clean), 4, v->look.columns);
	buf_puts(v->out, "  ");
	look_put(v->out, &v->look, tone, mark);
	buf_printf(v->out, " %s", wrapped.len > 4 ? buf_cstr(&wrapped) + 4 : "\n");
}

static void ago(const struct view *v, const json_t *object, const char *key, char ret_text[TEXT_SHORT_SIZE])
{
	int64_t then_ms;
	ret_text[0] = '\0';
	if (clock_from_iso8601(json_str(object, key, ""), &then_ms)) text_ago(ret_text, then_ms, v->now_ms);
}

static void size_cell(struct table *t, const json_t *object, const char *key)
{
	char text[TEXT_SHORT_SIZE] = "";
	if (json_is_integer(json_object_get(object, key))) text_size(text, (uint64_t)json_int(object, key, 0));
	table_cell(t, TONE_PLAIN, text);
}

static void number_cell(struct table *t, enum tone tone, const json_t *object, const char *key, const char *otherwise)
{
	char text[TEXT_SHORT_SIZE];
	const json_t *number = json_object_get(object, key);
	if (json_is_integer(number))
		(void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
	else
		(void)snprintf(text, sizeof text, "%s", otherwise);
	table_cell(t, tone, text);
}

static enum tone tone_of_state(const char *state)
{
	if (is(state, "running") || is(state, "live") || is(state, "done") || is(state, "ok")) return TONE_GOOD;
	if (is(state, "failing") || is(state, "failed") || is(state, "bad") || is(state, "interrupted"))
		return TONE_BAD;
	if (is(state, "stopped") || is(state, "superseded") || is(state, "skipped") || is(state, "new"))
		return TONE_DIM;
	return TONE_WARN;
}

void view_apps(const struct view *v, const json_t *answer)
{
	static const char *const columns[] = {"APP", "STATE", "RELEASE", "ADDRESS", "CREATED", "WHAT IT IS", NULL};
	const json_t *apps = json_object_get(answer, "apps");
	if (json_array_size(apps) == 0) {
		buf_puts(v->out, "No apps yet. Deploy one: freehold deploy PATH\n");
		return;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 1 << 2;
	for (size_t i = 0; i < json_array_size(apps); i++) {
		const json_t *app = json_array_get(apps, i);
		char since[TEXT_SHORT_SIZE];
		const char *state = json_str(app, "state", "?");
		ago(v, app, "created_at", since);
		table_cell(&t, TONE_STRONG, json_str(app, "name", "?"));
		table_cell(&t, tone_of_state(state), state);
		number_cell(&t, TONE_PLAIN, app, "live", "none");
		table_cell(&t, TONE_PLAIN, json_str(app, "url", ""));
		table_cell(&t, TONE_PLAIN, since);
		table_cell(&t, TONE_DIM, json_str(app, "shape", ""));
	}
	table_render(&t, &v->look, 0, v->out);
}

/* "running for 3 min, 2 restarts (exit status 1)" in columns. */
static void process_row(const struct view *v, struct table *t, const json_t *process)
{
	char since[TEXT_SHORT_SIZE] = "", restarts[64] = "";
	const char *state = json_str(process, "state", "?");
	int64_t count = json_int(process, "restarts", 0), since_ms;
	if (clock_from_iso8601(json_str(process, "since", ""), &since_ms)) text_for(since, since_ms, v->now_ms);
	if (count > 0) (void)snprintf(restarts, sizeof restarts, "%" PRId64 " restart%s", count, count == 1 ? "" : "s");
	table_cell(t, TONE_PLAIN, json_str(process, "name", "?"));
	table_cell(t, tone_of_state(state), state);
	table_cell(t, TONE_DIM, since);
	table_cell(t, count > 0 ? TONE_WARN : TONE_PLAIN, restarts);
	table_cell(t, TONE_PLAIN, count > 0 || !is(state, "running") ? json_str(process, "reason", "") : "");
}

static void put_processes(const struct view *v, const json_t *processes, size_t indent)
{
	static const char *const columns[] = {"", "", "", "", "", NULL};
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(processes); i++) process_row(v, &t, json_array_get(processes, i));
	table_render(&t, &v->look, indent, v->out);
}

static void put_newest_deployment(const struct view *v, const json_t *app)
{
	const json_t *deployment = json_object_get(app, "deployment");
	const char *state = json_str(deployment, "state", "");
	char text[256];
	if (is(state, "running"))
		(void)snprintf(text, sizeof text, "being deployed now: deployment %" PRId64 ", step %.40s",
			       json_int(deployment, "number", 0), json_str(deployment, "step", "?"));
	else if (is(state, "failed") || is(state, "interrupted"))
		(void)snprintf(text, sizeof text,
			       "deployment %" PRId64 " %s: freehold deployments %.40s %" PRId64 " says why",
			       json_int(deployment, "number", 0), state, json_str(app, "name", ""),
			       json_int(deployment, "number", 0));
	else
		return;
	put_sentence(v, look_mark(&v->look, MARK_NOTE), TONE_WARN, text);
}

/* "  backup 3 h ago, last proved 5 h ago: 4.2 GB in 41 s" */
static void put_backup(const struct view *v, const json_t *backup)
{
	const json_t *proved = json_object_get(backup, "proved");
	char last[TEXT_SHORT_SIZE], at[TEXT_SHORT_SIZE], size[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE];
	if (!json_is_object(backup)) return;
	ago(v, backup, "last_at", last);
	buf_printf(v->out, "  %s%s", last[0] != '\0' ? "backup " : "no backup yet", last);
	if (json_is_object(proved)) {
		ago(v, proved, "at", at);
		text_size(size, (uint64_t)json_int(proved, "bytes", 0));
		text_duration(took, json_int(proved, "ms", 0));
		buf_printf(v->out, ", last proved %s: %s in %s", at, size, took);
	} else if (last[0] != '\0') {
		buf_puts(v->out, ", not proved yet");
	}
	buf_putc(v->out, '\n');
}

bool view_app_is_empty(const json_t *app)
{
	const json_t *processes = json_object_get(app, "processes"), *backup = json_object_get(app, "backup");
	if (!is(json_str(app, "state", ""), "new") || json_bool(app, "has_database", true) ||
	    json_str(backup, "last_at", "")[0] != '\0')
		return false;
	for (size_t i = 0; i < json_array_size(processes); i++)
		if (!is(json_str(json_array_get(processes, i), "state", ""), "stopped")) return false;
	return true;
}

static void put_empty(const struct view *v, const json_t *app)
{
	if (is(json_str(json_object_get(app, "deployment"), "state", ""), "running")) return;
	char text[256];
	const char *name = json_str(app, "name", "");
	struct buf wrapped BUF_CLEANUP;
	buf_init(&wrapped, 1024);
	(void)snprintf(
	    text, sizeof text,
	    "freehold deploy PATH --app %.40s makes it; freehold destroy %.40s takes it away, if nobody wants "
	    "it",
	    name, name);
	text_wrap(&wrapped, str_from(text), 2, v->look.columns);
	buf_str(v->out, buf_view(&wrapped));
}

/* What of an app that should run does not, and where to read why. */
static void put_failing(const struct view *v, const json_t *app)
{
	const json_t *processes = json_object_get(app, "processes");
	for (size_t i = 0; i < json_array_size(processes); i++) {
		const json_t *process = json_array_get(processes, i);
		const char *part = json_str(process, "name", ""), *name = json_str(app, "name", "");
		char text[320];
		if (!is(json_str(process, "state", ""), "failing")) continue;
		(void)snprintf(text, sizeof text, "%.20s does not stay up: freehold logs %.40s %s%.20s -n 50 says why",
			       part, name, is(part, "functions") ? "--" : "--source ", part);
		put_sentence(v, look_mark(&v->look, MARK_FAILED), TONE_BAD, text);
	}
}

void view_app(const struct view *v, const json_t *app)
{
	const char *state = json_str(app, "state", "?");
	const json_t *live = json_object_get(app, "live");
	put_clean(v, TONE_STRONG, json_str(app, "name", "?"));
	buf_puts(v->out, "  ");
	put_clean(v, tone_of_state(state), state);
	if (json_is_integer(live))
		buf_printf(v->out, ", release %" JSON_INTEGER_FORMAT " is live", json_integer_value(live));
	else
		buf_puts(v->out, ", nothing is live");
	if (json_is_integer(json_object_get(app, "database_bytes"))) {
		char size[TEXT_SHORT_SIZE];
		text_size(size, (uint64_t)json_int(app, "database_bytes", 0));
		buf_printf(v->out, ", database %s", size);
	}
	if (json_int(app, "data_bytes", 0) > 0) {
		char size[TEXT_SHORT_SIZE];
		text_size(size, (uint64_t)json_int(app, "data_bytes", 0));
		buf_printf(v->out, ", files %s%s", size, json_bool(app, "data_counted", true) ? "" : " at least");
	}
	buf_putc(v->out, '\n');
	if (json_str(app, "url", "")[0] != '\0') {
		buf_puts(v->out, "  ");
		put_clean(v, TONE_PLAIN, json_str(app, "url", ""));
		buf_putc(v->out, '\n');
	}
	if (view_app_is_empty(app)) {
		put_empty(v, app);
	} else {
		if (json_is_object(json_object_get(app, "external")))
			db_external_put(json_object_get(app, "external"), v->out);
		put_backup(v, json_object_get(app, "backup"));
		put_processes(v, json_object_get(app, "processes"), 2);
	}
	put_failing(v, app);
	if (is(state, "stopped"))
		buf_printf(v->out, "  visitors get 503 meanwhile; freehold start %s\n", json_str(app, "name", ""));
	put_newest_deployment(v, app);
}

void view_status(const struct view *v, const json_t *answer)
{
	const json_t *apps = json_object_get(answer, "apps");
	const json_t *warnings = json_object_get(answer, "warnings");
	const json_t *edge = json_object_get(answer, "edge");
	put_clean(v, TONE_STRONG, "Freehold");
	buf_putc(v->out, ' ');
	put_clean(v, TONE_PLAIN, json_str(answer, "version", ""));
	if (json_str(answer, "address", "")[0] != '\0') {
		buf_puts(v->out, " at ");
		put_clean(v, TONE_PLAIN, json_str(answer, "address", ""));
	}
	buf_puts(v->out, ", home ");
	put_clean(v, TONE_PLAIN, json_str(answer, "home", "?"));
	buf_putc(v->out, '\n');
	if (json_is_object(edge)) {
		json_t *list = json_pack("[O]", edge);
		put_processes(v, list, 2);
		json_decref(list);
	}
	for (size_t i = 0; i < json_array_size(warnings); i++) {
		const char *text = json_string_value(json_array_get(warnings, i));
		if (text != NULL) put_sentence(v, look_mark(&v->look, MARK_NOTE), TONE_WARN, text);
	}
	if (json_array_size(apps) == 0) buf_puts(v->out, "\nNo apps yet. Deploy one: freehold deploy PATH\n");
	for (size_t i = 0; i < json_array_size(apps); i++) {
		buf_putc(v->out, '\n');
		view_app(v, json_array_get(apps, i));
	}
}

static void release_row(const struct view *v, struct table *t, const json_t *release)
{
	char number[TEXT_SHORT_SIZE], since[TEXT_SHORT_SIZE], commit[12], back[512] = "";
	bool is_live = json_bool(release, "is_live", false);
	(void)snprintf(number, sizeof number, "%" PRId64, json_int(release, "number", 0));
	(void)snprintf(commit, sizeof commit, "%.8s", json_str(release, "commit", ""));
	ago(v, release, "promoted_at", since);
	if (since[0] == '\0') (void)snprintf(since, sizeof since, "never");
	if (is_live)
		(void)snprintf(back, sizeof back, "live now");
	else if (!json_bool(release, "can_go_back", true))
		(void)snprintf(back, sizeof back, "no way back: %s",
			       json_str(release, "why_not", "the daemon does not say why"));
	table_cell(t, is_live ? TONE_GOOD : TONE_STRONG, number);
	table_cell(t, TONE_PLAIN, since);
	size_cell(t, release, "bytes");
	table_cell(t, TONE_DIM, commit);
	table_cell(t, TONE_PLAIN, json_str(release, "from", ""));
	table_cell(t, is_live ? TONE_GOOD : TONE_WARN, back);
}

void view_releases(const struct view *v, const char *app, const json_t *answer)
{
	static const char *const columns[] = {"RELEASE", "PUT LIVE", "SIZE", "COMMIT", "FROM", "", NULL};
	const json_t *releases = json_object_get(answer, "releases");
	size_t count = json_array_size(releases);
	if (count == 0) {
		buf_printf(v->out, "%s has no release yet. See its deployments: freehold deployments %s\n", app, app);
		return;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 1 << 0 | 1 << 2;
	for (size_t i = 0; i < count; i++) release_row(v, &t, json_array_get(releases, i));
	table_render(&t, &v->look, 0, v->out);
	if (count > 1)
		buf_printf(v->out,
			   "\nGo back to the one before with freehold rollback %s, or to any with freehold rollback %s "
			   "RELEASE.\n",
			   app, app);
}

void view_rollback(const struct view *v, const char *app, const json_t *answer)
{
	const json_t *notes = json_object_get(answer, "notes"), *served = json_object_get(answer, "first_served_ms");
	int64_t from = json_int(answer, "from", 0), to = json_int(answer, "to", 0);
	char line[256];
	(void)snprintf(line, sizeof line, "%.40s is %s release %" PRId64, app, to < from ? "back at" : "again at", to);
	look_put(v->out, &v->look, TONE_GOOD, line);
	buf_printf(v->out, " (was %" PRId64 ")", from);
	if (json_is_number(served))
		buf_printf(v->out, ", served to a visitor after %.0f ms", json_number_value(served));
	buf_puts(v->out, json_bool(answer, "data", false) ? ", with its data.\n" : ". The database stays as it is.\n");
	if (json_is_null(served))
		buf_printf(v->out,
			   "It is stopped; visitors get that release from its next start on: freehold start %s\n", app);
	for (size_t i = 0; i < json_array_size(notes); i++) {
		const char *text = json_string_value(json_array_get(notes, i));
		if (text != NULL) put_sentence(v, look_mark(&v->look, MARK_NOTE), TONE_WARN, text);
	}
	buf_printf(v->out, "%s again: freehold rollback %s %" PRId64 "\n", to < from ? "Forward" : "Back", app, from);
	if (json_bool(answer, "data", false))
		buf_printf(v->out, "The data as they were: freehold db %s restore --undo\n", app);
}

static void deployment_row(const struct view *v, struct table *t, const json_t *d)
{
	char since[TEXT_SHORT_SIZE], duration[TEXT_SHORT_SIZE] = "";
	const char *state = json_str(d, "state", "?");
	const json_t *error = json_object_get(d, "error");
	struct buf what BUF_CLEANUP;
	buf_init(&what, VIEW_BYTES_MAX);
	ago(v, d, "began_at", since);
	if (json_is_integer(json_object_get(d, "duration_ms"))) text_duration(duration, json_int(d, "duration_ms", 0));
	if (json_is_object(error)) {
		/* What a tool printed is for the deployment's own page. */
		const char *message = json_str(error, "message", ""), *said = strstr(message, " It said:\n");
		size_t len = said != NULL ? (size_t)(said - message) : strcspn(message, "\n");
		buf_printf(&what, "%s: %.*s", json_str(d, "step", "?"), (int)len, message);
	} else if (is(state, "running"))
		buf_printf(&what, "%s", step_label(json_str(d, "step", "")));
	number_cell(t, TONE_STRONG, d, "number", "?");
	table_cell(t, tone_of_state(state), state);
	table_cell(t, TONE_PLAIN, since);
	table_cell(t, TONE_PLAIN, duration);
	table_cell(t, TONE_PLAIN, json_str(d, "from", ""));
	table_cell(t, TONE_PLAIN, buf_cstr(&what));
}

void view_deployments(const struct view *v, const char *app, const json_t *answer)
{
	static const char *const columns[] = {"NUMBER", "STATE", "BEGAN", "TOOK", "FROM", "", NULL};
	const json_t *list = json_object_get(answer, "deployments");
	if (json_array_size(list) == 0) {
		buf_printf(v->out, "%s has no deployment yet. Make one: freehold deploy PATH --app %s\n", app, app);
		return;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 1 << 0 | 1 << 3;
	for (size_t i = 0; i < json_array_size(list); i++) deployment_row(v, &t, json_array_get(list, i));
	table_render(&t, &v->look, 0, v->out);
	buf_printf(v->out, "\nOne of them step by step: freehold deployments %s NUMBER\n", app);
}

static void put_steps(const struct view *v, const json_t *steps)
{
	static const char *const columns[] = {"", "", "", "", NULL};
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	t.right_aligned = 1 << 2;
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		char duration[TEXT_SHORT_SIZE] = "";
		const char *state = json_str(step, "state", "?");
		if (json_is_integer(json_object_get(step, "duration_ms")))
			text_duration(duration, json_int(step, "duration_ms", 0));
		table_cell(&t, TONE_PLAIN, step_label(json_str(step, "name", "?")));
		table_cell(&t, tone_of_state(state), state);
		table_cell(&t, TONE_PLAIN, duration);
		table_cell(&t, TONE_DIM, json_str(step, "detail", ""));
	}
	table_render(&t, &v->look, 2, v->out);
}

void view_deployment(const struct view *v, const json_t *deployment)
{
	const json_t *error = json_object_get(deployment, "error");
	const char *state = json_str(deployment, "state", "?");
	char since[TEXT_SHORT_SIZE];
	ago(v, deployment, "began_at", since);
	put_clean(v, TONE_STRONG, json_str(deployment, "app", "?"));
	buf_printf(v->out, " deployment %" PRId64 ": ", json_int(deployment, "number", 0));
	put_clean(v, tone_of_state(state), state);
	buf_printf(v->out, ", began %s", since);
	if (json_str(deployment, "from", "")[0] != '\0') {
		buf_puts(v->out, ", from ");
		put_clean(v, TONE_PLAIN, json_str(deployment, "from", ""));
	}
	buf_puts(v->out, "\n\n");
	put_steps(v, json_object_get(deployment, "steps"));
	if (json_is_object(error)) {
		buf_putc(v->out, '\n');
		put_sentence(v, look_mark(&v->look, MARK_FAILED), TONE_BAD, json_str(error, "message", ""));
	}
	buf_printf(v->out, "\nEverything that was printed: freehold logs %s --build %" PRId64 "\n",
		   json_str(deployment, "app", "APP"), json_int(deployment, "number", 0));
}

void view_doctor(const struct view *v, const json_t *answer)
{
	const json_t *checks = json_object_get(answer, "checks");
	size_t bad = 0, weak = 0;
	for (size_t i = 0; i < json_array_size(checks); i++) {
		const json_t *check = json_array_get(checks, i);
		const char *state = json_str(check, "state", "bad"), *next = json_str(check, "next", "");
		struct buf text BUF_CLEANUP;
		buf_init(&text, VIEW_BYTES_MAX);
		bool is_ok = is(state, "ok"), is_weak = is(state, "weak");
		bad += !is_ok && !is_weak;
		weak += is_weak;
		buf_printf(&text, "%s: %s", json_str(check, "name", "?"), json_str(check, "what", ""));
		if (next[0] != '\0') buf_printf(&text, "\nTo do: %s", next);
		put_sentence(v,
			     look_mark(&v->look, is_ok     ? MARK_DONE
						 : is_weak ? MARK_NOTE
							   : MARK_FAILED),
			     tone_of_state(state), buf_cstr(&text));
	}
	if (bad > 0)
		buf_printf(v->out, "\n%zu of these must be mended before apps can run well.\n", bad);
	else if (weak > 0)
		buf_printf(v->out, "\nAll works; %zu weaker than it could be.\n", weak);
	else
		buf_puts(v->out, "\nAll is well.\n");
}

static const char *scope_words(const char *scope)
{
	return strcmp(scope, "build") == 0 ? "builds" : strcmp(scope, "run") == 0 ? "running" : "builds and running";
}

void view_env(const struct view *v, const char *app, const json_t *answer, bool has_values)
{
	static const char *const columns[] = {"NAME", "FOR", "SET", "VALUE", NULL};
	const json_t *list = json_object_get(answer, "env");
	if (json_array_size(list) == 0) {
		buf_printf(v->out, "%s has no variables set. Set one: freehold env %s set NAME=VALUE\n", app, app);
		return;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		char since[TEXT_SHORT_SIZE];
		ago(v, item, "set_at", since);
		table_cell(&t, TONE_STRONG, json_str(item, "name", "?"));
		table_cell(&t, TONE_PLAIN, scope_words(json_str(item, "scope", "")));
		table_cell(&t, TONE_DIM, since);
		table_cell(&t, has_values ? TONE_PLAIN : TONE_DIM,
			   has_values ? json_str(item, "value", "") : "(hidden; --show prints it)");
	}
	table_render(&t, &v->look, 0, v->out);
}
