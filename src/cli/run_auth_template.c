/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold auth APP template: what mails say. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/auth.h"
#include "cli/screen.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"

#define TEMPLATE_MAX_BYTES (64u << 10)
#define EDITOR_WORDS_MAX 16

static const char *const kinds[] = {
    "confirmation",         "recovery",         "magic_link",        "invite",
    "email_change",         "reauthentication", "password_changed",  "email_changed",
    "phone_changed",        "identity_linked",  "identity_unlinked", "mfa_factor_enrolled",
    "mfa_factor_unenrolled"};

static bool list(const struct auth_words *w, struct err *err)
{
	struct buf out BUF_CLEANUP;
	json_t *all JSON_CLEANUP = json_array();
	buf_init(&out, VIEW_BYTES_MAX);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		json_t *t = NULL;
		char rest[80];
		(void)snprintf(rest, sizeof rest, "/templates/%s", kinds[i]);
		if (!auth_ask(w, NULL, rest, NULL, &t, err)) return false;
		buf_printf(&out, "  %-22s %-10s ", kinds[i],
			   !json_bool(t, "enabled", true) ? "not sent"
			   : json_bool(t, "own", false)   ? "yours"
							  : "default");
		text_clean(&out, str_from(json_str(t, "subject", "")), TEXT_LINE);
		buf_putc(&out, '\n');
		json_array_append_new(all, t);
	}
	if (w->cli->is_json)
		cli_put_json(w->cli, all);
	else
		screen_write(buf_view(&out));
	return true;
}

/* EDITOR may have words of its own ("code --wait"); it gets no shell. */
static bool run_editor(const char *path, struct err *err)
{
	const char *editor = getenv("VISUAL");
	char words[256], *argv[EDITOR_WORDS_MAX], *save = NULL;
	int count = 0, status = 0;
	if (editor == NULL || editor[0] == '\0') editor = getenv("EDITOR");
	if (editor == NULL || editor[0] == '\0') editor = "vi";
	(void)snprintf(words, sizeof words, "%s", editor);
	for (char *word = strtok_r(words, " ", &save); word != NULL && count < EDITOR_WORDS_MAX - 2;
	     word = strtok_r(NULL, " ", &save))
		argv[count++] = word;
	argv[count++] = (char *)(uintptr_t)path;
	argv[count] = NULL;
	pid_t pid = fork();
	if (pid < 0) return err_set_errno(err, "start the editor");
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
	return err_set(err, ERR_FAILED, "%s did not end well; nothing was changed. EDITOR says which editor is used",
		       argv[0]);
}

/* The subject is the first line of the file that is edited. */
static bool edit(const struct auth_words *w, const json_t *old, struct buf *ret_text, struct err *err)
{
	char path[] = "/tmp/freehold-mail-XXXXXX.html";
	int fd = mkstemps(path, 5);
	if (fd < 0) return err_set_errno(err, "a file to edit");
	(void)close(fd);
	struct buf text BUF_CLEANUP;
	(void)w;
	buf_init(&text, TEMPLATE_MAX_BYTES);
	buf_printf(&text, "Subject: %s\n\n%s", json_str(old, "subject", ""), json_str(old, "content", ""));
	bool ok =
	    file_write(path, buf_view(&text), 0600, err) && run_editor(path, err) && file_read(path, ret_text, err);
	(void)unlink(path);
	return ok;
}

static bool put_text(json_t *set, const json_t *old, const char *kind, const char *member, struct str text)
{
	char name[120];
	(void)snprintf(name, sizeof name, "email.%s.%s.%s", json_str(old, "group", "template"), kind, member);
	return json_object_set_new(set, name, json_stringn(text.ptr, text.len)) == 0;
}

/* "Subject: …" on the first line, then the mail; without it all of it is the mail. */
static bool split(json_t *set, const json_t *old, const char *kind, struct str text, struct err *err)
{
	struct str line, rest = text;
	if (!str_is_utf8(text)) return err_set(err, ERR_INVALID, "the template is not text (UTF-8)");
	if (str_has_prefix(text, STR("Subject:")) && str_cut(text, '\n', &line, &rest)) {
		(void)put_text(set, old, kind, "subject", str_trim(str_sub(line, 8, line.len)));
		while (rest.len > 0 && (rest.ptr[0] == '\n' || rest.ptr[0] == '\r')) rest = str_sub(rest, 1, rest.len);
	}
	if (str_trim(rest).len == 0)
		return err_set(err, ERR_INVALID, "the template is empty; --reset goes back to the default");
	(void)put_text(set, old, kind, "content", rest);
	return true;
}

static bool change(const struct auth_words *w, const char *kind, const json_t *old, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s{}}", "set");
	json_t *set = json_object_get(body, "set");
	struct buf text BUF_CLEANUP, out BUF_CLEANUP;
	const char *file = cli_value(w->cli, "file"), *subject = cli_value(w->cli, "subject");
	buf_init(&text, TEMPLATE_MAX_BYTES), buf_init(&out, 1024);
	if (file != NULL && !file_read(file, &text, err)) return false;
	if (cli_has(w->cli, "edit") && !edit(w, old, &text, err)) return false;
	if ((file != NULL || cli_has(w->cli, "edit")) && !split(set, old, kind, buf_view(&text), err)) return false;
	if (subject != NULL) (void)put_text(set, old, kind, "subject", str_from(subject));
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(
	    &out,
	    "The mail %s of %s says what you wrote from now on. Look at it: freehold auth %s template %s --preview\n",
	    kind, w->app, w->app, kind);
	screen_write(buf_view(&out));
	return true;
}

static bool reset(const struct auth_words *w, const char *kind, const json_t *old, struct err *err)
{
	json_t *now JSON_CLEANUP = NULL, *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_pack("{s[]}", "unset");
	struct buf out BUF_CLEANUP;
	static const char *const members[] = {"subject", "content"};
	buf_init(&out, 512);
	if (!auth_ask(w, NULL, "", NULL, &now, err)) return false;
	for (int i = 0; i < 2; i++) {
		char name[120], text[512];
		(void)snprintf(name, sizeof name, "email.%s.%s.%s", json_str(old, "group", "template"), kind,
			       members[i]);
		if (auth_value(now, name, text)[0] != '\0')
			json_array_append_new(json_object_get(body, "unset"), json_string(name));
	}
	if (json_array_size(json_object_get(body, "unset")) == 0)
		return err_set(err, ERR_NOT_FOUND, "the mail %s of %s is not yours: it says the default already", kind,
			       w->app);
	if (!auth_change(w, body, &answer, err)) return false;
	if (answer == NULL) return true;
	buf_printf(&out, "The mail %s of %s says the default again.\n", kind, w->app);
	screen_write(buf_view(&out));
	return true;
}

static bool preview(const struct auth_words *w, const char *kind, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	struct buf text BUF_CLEANUP, out BUF_CLEANUP;
	const char *file = cli_value(w->cli, "file");
	char rest[120];
	buf_init(&text, TEMPLATE_MAX_BYTES), buf_init(&out, 1u << 20);
	if (file != NULL && !file_read(file, &text, err)) return false;
	if (file != NULL) json_object_set_new(body, "content", json_stringn(buf_cstr(&text), text.len));
	if (cli_value(w->cli, "subject") != NULL)
		json_object_set_new(body, "subject", json_string(cli_value(w->cli, "subject")));
	(void)snprintf(rest, sizeof rest, "/templates/%.60s/preview", kind);
	if (!auth_ask(w, "POST", rest, body, &answer, err)) return false;
	if (w->cli->is_json) {
		cli_put_json(w->cli, answer);
		return true;
	}
	buf_puts(&out, "Subject: ");
	text_clean(&out, str_from(json_str(answer, "subject", "")), TEXT_LINE);
	buf_puts(&out, "\n\n");
	text_clean(&out, str_from(json_str(answer, cli_has(w->cli, "html") ? "html" : "text", "")), TEXT_BLOCK);
	buf_putc(&out, '\n');
	screen_write(buf_view(&out));
	return true;
}

static bool show(const struct auth_words *w, const json_t *t)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1u << 20);
	if (w->cli->is_json) {
		cli_put_json(w->cli, t);
		return true;
	}
	buf_puts(&out, "Subject: ");
	text_clean(&out, str_from(json_str(t, "subject", "")), TEXT_LINE);
	buf_puts(&out, "\n\n");
	text_clean(&out, str_from(json_str(t, "content", "")), TEXT_BLOCK);
	buf_putc(&out, '\n');
	screen_write(buf_view(&out));
	return true;
}

bool auth_template(const struct auth_words *w, struct err *err)
{
	json_t *old JSON_CLEANUP = NULL;
	char rest[120];
	if (!auth_no_more(w, 1, "template [KIND]", err)) return false;
	if (w->count == 0) return list(w, err);
	(void)snprintf(rest, sizeof rest, "/templates/%.60s", w->words[0]);
	if (cli_has(w->cli, "preview")) return preview(w, w->words[0], err);
	if (!auth_ask(w, NULL, rest, NULL, &old, err)) return false;
	if (cli_has(w->cli, "reset")) return reset(w, w->words[0], old, err);
	if (cli_has(w->cli, "edit") || cli_has(w->cli, "file") || cli_has(w->cli, "subject"))
		return change(w, w->words[0], old, err);
	return show(w, old);
}
