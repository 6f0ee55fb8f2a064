/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold env: the variables of an app. A value is never printed unless --show asks for it, and can come in by
 * standard input so that it stands in no history of a shell and in no list of processes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"

#define VALUE_MAX (64 * 1024)

static bool read_value(struct str name, struct buf *ret_value, struct err *err)
{
	char chunk[4096], question[256];
	ssize_t len;
	if (screen_can_ask()) {
		char line[4096];
		(void)snprintf(question, sizeof question, "Value of %.*s (not shown while you type): ", STR_FMT(name));
		if (!screen_ask(question, true, line, sizeof line))
			return err_set(err, ERR_INVALID, "no value for %.*s was given; nothing was changed",
				       STR_FMT(name));
		buf_puts(ret_value, line);
		return true;
	}
	while ((len = read(STDIN_FILENO, chunk, sizeof chunk)) > 0) buf_append(ret_value, chunk, (size_t)len);
	if (len < 0) return err_set_errno(err, "the value of %.*s cannot be read from standard input", STR_FMT(name));
	if (ret_value->len > 0 && ret_value->ptr[ret_value->len - 1] == '\n') ret_value->len--;
	return true;
}

static bool set_one(json_t *set, struct str name, struct str value, struct err *err)
{
	if (!str_is_utf8(value) || memchr(value.ptr, '\0', value.len) != NULL)
		return err_set(err, ERR_INVALID, "the value of %.*s is not text (UTF-8)", STR_FMT(name));
	json_object_setn_new(set, name.ptr, name.len, json_stringn(value.ptr, value.len));
	return true;
}

static bool collect_set(const struct cli *cli, json_t *set, struct err *err)
{
	bool has_read = false;
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
			if (!read_value(name, &read, err)) return false;
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

static bool change(struct cli *cli, const char *path, bool is_set, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}s[]}", "set", "unset");
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	if (cli->word_count < 3)
		return err_set(err, ERR_INVALID, "env %s needs names: freehold env %s %s", cli->words[1], cli->words[0],
			       is_set ? "set NAME=VALUE" : "unset NAME");
	if (!(is_set ? collect_set(cli, json_object_get(body, "set"), err)
		     : collect_unset(cli, json_object_get(body, "unset"), err)))
		return false;
	if (!cli_ask(cli, "PUT", path, body, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		buf_printf(
		    &out,
		    "%zu %s for %s. The next deployment builds with it; the live release stays as it is until then.\n",
		    cli->word_count - 2, is_set ? "set" : "removed", cli->words[0]);
	screen_write(buf_view(&out));
	return true;
}

static bool list(struct cli *cli, struct buf *path, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (cli->word_count > 2) return err_set(err, ERR_INVALID, "env list takes nothing behind it");
	if (cli_has(cli, "show")) buf_puts(path, "?values=1");
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
