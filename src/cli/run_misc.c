/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/name.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"

/* Beside this program in a build, in libexec where it is installed. */
static bool find_intake(char ret_path[FILE_PATH_SIZE], struct err *err)
{
	static const char *const places[] = {"freehold-intake", "../libexec/freehold/freehold-intake",
					     "../lib/freehold/freehold-intake"};
	char self[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	if (!file_link_read("/proc/self/exe", self, err)) return false;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (!file_path(path, err, "%.*s/%s", (int)(strrchr(self, '/') - self), self, places[i])) return false;
		if (access(path, X_OK) != 0) continue;
		memcpy(ret_path, path, strlen(path) + 1);
		return true;
	}
	return err_set(
	    err, ERR_NOT_FOUND,
	    "the program that looks through exports (freehold-intake) is not beside %s; install Freehold again", self);
}

/* The helper reads what strangers wrote, so it is a program of its own; its report and exit status are ours. */
bool run_check(struct cli *cli, int *ret_status, struct err *err)
{
	char path[FILE_PATH_SIZE];
	struct source_facts facts;
	*ret_status = 1;
	if (!source_identify(cli->words[0], &facts, err) || !find_intake(path, err)) return false;
	if (facts.kind == SOURCE_GIT)
		return err_set(err, ERR_INVALID,
			       "check looks at a folder or an archive here; fetch %s first (git clone), or deploy it",
			       facts.from);
	const char *argv[] = {path, "check", facts.from, cli->is_json ? "--json" : NULL, NULL};
	execv(path, (char *const *)(uintptr_t)argv);
	return err_set_errno(err, "%s", path);
}

static bool has_bad_check(const json_t *checks)
{
	for (size_t i = 0; i < json_array_size(checks); i++)
		if (strcmp(json_str(json_array_get(checks, i), "state", ""), "bad") == 0) return true;
	return false;
}

bool run_doctor(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (!cli_ask(cli, NULL, "/v1/doctor", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		view_doctor(&v, answer);
	screen_write(buf_view(&out));
	*ret_status = has_bad_check(json_object_get(answer, "checks")) ? 1 : 0;
	return true;
}

/* Tells its own version also where no daemon answers. */
bool run_version(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *daemon JSON_CLEANUP = NULL;
	struct buf out BUF_CLEANUP;
	struct err why = {0};
	buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	bool is_there = cli_ask(cli, NULL, "/v1/version", NULL, &daemon, &why);
	if (!is_there && why.code != ERR_UNAVAILABLE) {
		*err = why;
		return false;
	}
	if (cli->is_json) {
		json_t *both JSON_CLEANUP =
		    json_pack("{ssso?}", "client", FREEHOLD_VERSION, "daemon", json_incref(daemon));
		if (!is_there) json_object_set_new(both, "daemon", json_null());
		cli_put_json(cli, both);
		return true;
	}
	buf_printf(&out, "freehold %s\n", FREEHOLD_VERSION);
	if (is_there) {
		buf_puts(&out, "daemon   ");
		text_clean(&out, str_from(json_str(daemon, "version", "?")), TEXT_LINE);
		buf_puts(&out, ", home ");
		text_clean(&out, str_from(json_str(daemon, "home", "?")), TEXT_LINE);
		buf_putc(&out, '\n');
	} else
		buf_puts(&out, "daemon   not running\n");
	screen_write(buf_view(&out));
	return true;
}

bool run_completion(struct cli *cli, int *ret_status, struct err *err)
{
	const char *shell = cli->words[0];
	const char *name = strcmp(shell, "bash") == 0  ? COMPLETION_BASH
			   : strcmp(shell, "zsh") == 0 ? COMPLETION_ZSH
						       : "";
	*ret_status = 0;
	for (const struct completion *c = completions; c->name != NULL; c++) {
		if (strcmp(c->name, name) != 0) continue;
		screen_write(str_from(c->text));
		return true;
	}
	return err_set(err, ERR_INVALID, "there is completion for bash and zsh, not for \"%.40s\"", shell);
}

bool run_help(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	*ret_status = 0;
	if (cli->word_count == 0)
		help_of_all(&cli->look, &out);
	else {
		const struct command *command = command_find(cli->words[0]);
		if (command == NULL)
			return err_set(err, ERR_INVALID, "there is no command \"%.40s\"; freehold help lists them",
				       cli->words[0]);
		help_of_command(command, &cli->look, &out);
	}
	screen_write(buf_view(&out));
	return true;
}
