/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold env: the variables of an app. A value is never printed unless --show asks for it, and can come in by
 * standard input so that it stands in no history of a shell and in no list of processes. */
#include <stdio.h>
#include <string.h>

#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/dotenv.h"
#include "codec/json.h"
#include "os/file.h"

#define VALUE_MAX CLI_VALUE_MAX

static bool set_one(json_t *set, struct str name, struct str value, struct err *err)
{
	if (!str_is_utf8(value) || memchr(value.ptr, '\0', value.len) != NULL)
		return err_set(err, ERR_INVALID, "the value of %.*s is not text (UTF-8)", STR_FMT(name));
	json_object_setn_new(set, name.ptr, name.len, json_stringn(value.ptr, value.len));
	return true;
}

static bool on_variable(void *arg, struct str name, struct str value, struct err *err)
{
	return name_check_variable(name, err) && set_one(arg, name, value, err);
}

/* A file of the owner's, read here: the daemon never opens a caller's path. */
static bool collect_file(const char *path, json_t *set, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, DOTENV_MAX_BYTES);
	if (!file_read(path, &text, err)) return false;
	return dotenv_parse(buf_view(&text), on_variable, set, err) || err_wrap(err, "%s", path);
}

static bool collect_set(const struct cli *cli, json_t *set, struct err *err)
{
	bool has_read = false;
	const char *file = cli_value(cli, "file");
	if (file != NULL && !collect_file(file, set, err)) return false;
	for (size_t i = 2; i < cli->word_count; i++) {
		struct str name, value;
		struct buf read BUF_CLEANUP;
		buf_init(&read, VALUE_MAX);
		if (!str_cut(str_from(cli->words[i]), '=', &name, &value))
			return err_set(err, ERR_INVALID,
				       "\"%.64s\" has no value: write NAME=VALUE, or NAME=- to type it unseen",
				       cli->words[i]);
		if (!name_check_variable(name, err)) return false;
		if (str_eq(value, STR("-"))) {
			if (has_read && !screen_can_ask())
				return err_set(
				    err, ERR_INVALID,
				    "only one value can come from standard input; set the others in another call");
			if (!cli_read_value(name, &read, err)) return false;
			if (!buf_is_ok(&read))
				return err_set(err, ERR_LIMIT, "a value has at most %d bytes", VALUE_MAX);
			has_read = true;
			value = buf_view(&read);
		}
		if (!set_one(set, name, value, err)) return false;
	}
	return true;
}

static bool collect_unset(const struct cli *cli, json_t *unset, struct err *err)
{
	for (size_t i = 2; i < cli->word_count; i++) {
		if (!name_check_variable(str_from(cli->words[i]), err)) return false;
		json_array_append_new(unset, json_string(cli->words[i]));
	}
	return true;
}

static bool read_scope(const struct cli *cli, json_t *body, struct err *err)
{
	static const char *const scopes[] = {"build", "run", "both"};
	int given = 0;
	if (cli_has(cli, "functions")) json_object_set_new(body, "functions", json_true());
	for (int i = 0; i < 3; i++)
		if (cli_has(cli, scopes[i])) {
			json_object_set_new(body, "scope", json_string(scopes[i]));
			given++;
		}
	if (given > 0 && cli_has(cli, "functions"))
		return err_set(err, ERR_INVALID,
			       "what is set with --functions goes to functions only: give no --build, --run or --both");
	return given <= 1 || err_set(err, ERR_INVALID, "--build, --run and --both exclude each other: give one");
}

/* What was set goes where: said once, since a founder need not know the difference before. */
static bool goes_to(const json_t *answer, const json_t *set, const char *scope)
{
	size_t i;
	json_t *entry;
	json_array_foreach(json_object_get(answer, "env"), i, entry)
	{
		const char *to = json_str(entry, "scope", "both");
		bool is_set = json_object_get(set, json_str(entry, "name", "")) != NULL;
		if (is_set && (strcmp(to, scope) == 0 || strcmp(to, "both") == 0)) return true;
	}
	return false;
}

/* When what is for running is found by what runs: the app's server, and its functions. */
static void say_when(struct buf *out, const struct cli *cli, const char *app, bool is_built_too)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf path BUF_CLEANUP;
	struct err ignored;
	bool has_server = false, has_functions = false;
	buf_init(&path, DAEMON_PATH_SIZE);
	if (!cli_app_path(&path, app, "", &ignored) || !cli_ask(cli, NULL, buf_cstr(&path), NULL, &answer, &ignored) ||
	    !json_is_integer(json_object_get(answer, "live"))) {
		buf_puts(out, " The app's server gets what is for running when it starts next.");
		return;
	}
	const json_t *list = json_object_get(answer, "processes");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_str(json_array_get(list, i), "name", "");
		has_server |= strcmp(name, "server") == 0;
		has_functions |= strcmp(name, "functions") == 0;
	}
	if (has_server) buf_printf(out, " The app's server gets it when it starts next: freehold restart %s", app);
	if (has_functions) buf_printf(out, "%s Functions find it from their next call on.", has_server ? "." : "");
	if (!has_server && !has_functions && !is_built_too)
		buf_puts(out, " It is for an app's server or functions, and this one has neither.");
}

static void say_set(struct buf *out, const struct cli *cli, const char *app, const json_t *set, const json_t *answer)
{
	const json_t *left = json_object_get(answer, "left_out");
	size_t count = json_object_size(set) - json_array_size(left), i;
	json_t *name;
	bool to_build = goes_to(answer, set, "build"), to_run = goes_to(answer, set, "run");
	if (json_bool(answer, "created", false))
		buf_printf(out, "There was no app named %s yet; it is made, and waits for its first deployment.\n",
			   app);
	if (json_array_size(left) > 0) {
		buf_puts(out, "Left out, because Freehold gives the app its own:");
		json_array_foreach(left, i, name) buf_printf(out, "%s %s", i > 0 ? "," : "", json_string_value(name));
		buf_printf(out, ". If you mean the value in the file, set it by name: freehold env %s set %s=VALUE\n",
			   app, json_string_value(json_array_get(left, 0)));
	}
	buf_printf(out, "%zu set for %s.%s", count, app,
		   to_build && count > 0 ? " The next deployment builds with what is for builds." : "");
	/* What goes to both is mostly written into pages, so nothing is missing where there is no server. */
	if (to_run && count > 0) say_when(out, cli, app, to_build);
	buf_putc(out, '\n');
}

static bool change(struct cli *cli, const char *path, bool is_set, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}s[]}", "set", "unset");
	struct buf out BUF_CLEANUP;
	const char *file = is_set ? cli_value(cli, "file") : NULL;
	buf_init(&out, VIEW_BYTES_MAX);
	if (!read_scope(cli, body, err)) return false;
	if (file != NULL) json_object_set_new(body, "leave_given", json_true());
	if (file != NULL && cli->word_count > 2)
		return err_set(err, ERR_INVALID, "give either --file or NAME=VALUE, not both in one call");
	if (cli->word_count < 3 && file == NULL)
		return err_set(err, ERR_INVALID, "env %s needs names: freehold env %s %s", cli->words[1], cli->words[0],
			       is_set ? "set NAME=VALUE" : "unset NAME");
	if (!(is_set ? collect_set(cli, json_object_get(body, "set"), err)
		     : collect_unset(cli, json_object_get(body, "unset"), err)))
		return false;
	if (!cli_ask(cli, "PUT", path, body, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else if (cli_has(cli, "functions"))
		buf_printf(&out, "%zu %s for the functions of %s, which find it so from their next call on.\n",
			   is_set ? json_object_size(json_object_get(body, "set")) : cli->word_count - 2,
			   is_set ? "set" : "removed", cli->words[0]);
	else if (is_set)
		say_set(&out, cli, cli->words[0], json_object_get(body, "set"), answer);
	else
		buf_printf(&out, "%zu removed for %s. What is live keeps them until the next deployment or start.\n",
			   cli->word_count - 2, cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}

static bool list(struct cli *cli, struct buf *path, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (cli->word_count > 2) return err_set(err, ERR_INVALID, "env list takes nothing behind it");
	bool is_functions = cli_has(cli, "functions");
	if (is_functions) buf_puts(path, "?functions=1");
	if (cli_has(cli, "show")) buf_puts(path, is_functions ? "&values=1" : "?values=1");
	if (!cli_ask(cli, NULL, buf_cstr(path), NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_env(&v, cli->words[0], answer, cli_has(cli, "show"));
	screen_write(buf_view(&out));
	return true;
}

bool run_env(struct cli *cli, int *ret_status, struct err *err)
{
	static const char *const verbs[] = {"set", "unset", "list", NULL};
	struct buf path BUF_CLEANUP;
	const char *verb = cli->word_count > 1 ? cli->words[1] : "list";
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/env", err)) return false;
	if (strcmp(verb, "list") == 0) return list(cli, &path, err);
	if (strcmp(verb, "set") == 0) return change(cli, buf_cstr(&path), true, err);
	if (strcmp(verb, "unset") == 0) return change(cli, buf_cstr(&path), false, err);
	const char *near = name_nearest(verb, verbs);
	return err_set(err, ERR_INVALID,
		       "env does not know \"%.40s\"%s%s%s: freehold env APP set NAME=VALUE | unset NAME | list", verb,
		       near != NULL ? " (did you mean " : "", near != NULL ? near : "", near != NULL ? "?)" : "");
}
