/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold tls: by which certificate an app is reached by https. freehold trust: the authority of this machine. */
#include <stdio.h>
#include <string.h>

#include "cli/run.h"
#include "cli/screen.h"
#include "codec/json.h"
#include "os/file.h"

#define FILE_MAX_BYTES (128u * 1024)

static void put_tls(const struct cli *cli, const json_t *answer, const char *app)
{
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	bool is_own = strcmp(json_str(answer, "certificate", ""), "yours") == 0;
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return;
	}
	buf_printf(v.out, "%s\n", json_str(answer, "url", ""));
	if (is_own)
		buf_printf(v.out, "Your certificate, for %s, by %s.\n", json_str(answer, "names", ""),
			   json_str(answer, "issuer", ""));
	else
		buf_puts(v.out,
			 "A certificate of this machine's own authority, renewed by itself. A browser warns of it "
			 "until it trusts that authority: freehold trust\n");
	buf_printf(v.out, "Good until %.10s.\n", json_str(answer, "until", ""));
	if (json_bool(answer, "redirect", false))
		buf_puts(v.out, "Who opens a page by http is sent there.\n");
	else
		buf_printf(v.out, "Http works beside it; freehold tls %s redirect on sends everybody here.\n", app);
	screen_write(buf_view(&out));
}

/* holds: what its first line ends with, whatever kind it is. */
static bool read_file(const struct cli *cli, const char *option, const char *holds, struct buf *ret_text,
		      struct err *err)
{
	const char *path = cli_value(cli, option);
	if (path == NULL)
		return err_set(err, ERR_INVALID, "freehold tls APP set --cert FILE --key FILE: --%s is missing",
			       option);
	if (!file_read(path, ret_text, err)) return false;
	return str_find(buf_view(ret_text), str_from(holds)) >= 0 ||
	       err_set(err, ERR_INVALID,
		       "%.300s has no %s in it: it must be PEM, and have a line that ends with \"%s\"", path,
		       strcmp(option, "key") == 0 ? "private key" : "certificate", holds);
}

static bool set(const struct cli *cli, const char *path, json_t **ret_answer, struct err *err)
{
	struct buf certificate BUF_CLEANUP, key BUF_CLEANUP;
	buf_init(&certificate, FILE_MAX_BYTES), buf_init(&key, FILE_MAX_BYTES);
	if (!read_file(cli, "cert", "CERTIFICATE-----", &certificate, err) ||
	    !read_file(cli, "key", "PRIVATE KEY-----", &key, err))
		return false;
	json_t *body JSON_CLEANUP =
	    json_pack("{s:s, s:s}", "certificate", buf_cstr(&certificate), "key", buf_cstr(&key));
	if (body == NULL) return err_set(err, ERR_INVALID, "certificate and key must be text (PEM)");
	return cli_ask(cli, "PUT", path, body, ret_answer, err);
}

static bool redirect(const struct cli *cli, const char *path, json_t **ret_answer, struct err *err)
{
	struct buf at BUF_CLEANUP;
	const char *word = cli->word_count > 2 ? cli->words[2] : "";
	bool is_on = strcmp(word, "on") == 0;
	buf_init(&at, DAEMON_PATH_SIZE);
	if (!is_on && strcmp(word, "off") != 0)
		return err_set(err, ERR_INVALID, "freehold tls APP redirect on, or redirect off");
	json_t *body JSON_CLEANUP = json_pack("{s:b}", "on", is_on);
	buf_printf(&at, "%s/redirect", path);
	return cli_ask(cli, "POST", buf_cstr(&at), body, ret_answer, err);
}

static bool act(const struct cli *cli, const char *path, json_t **ret_answer, struct err *err)
{
	const char *word = cli->word_count > 1 ? cli->words[1] : "";
	if (strcmp(word, "redirect") == 0) return redirect(cli, path, ret_answer, err);
	if (cli->word_count > 2) return err_set(err, ERR_INVALID, "nothing stands behind \"%.40s\"", word);
	if (word[0] == '\0') return cli_ask(cli, NULL, path, NULL, ret_answer, err);
	if (strcmp(word, "set") == 0) return set(cli, path, ret_answer, err);
	if (strcmp(word, "reset") == 0) return cli_ask(cli, "DELETE", path, NULL, ret_answer, err);
	return err_set(err, ERR_INVALID, "freehold tls knows set, reset and redirect, not \"%.40s\"", word);
}

/* What knows the app's other address already, and what does not. */
static void put_moved(const struct cli *cli, const json_t *answer)
{
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	buf_printf(v.out, "Its pages, links in mails and sign-in use %s from now on.\n",
		   json_bool(answer, "redirect", false) ? "https" : "http");
	if (json_bool(answer, "has_server", false))
		buf_printf(v.out, "Its server has it from its next start on: freehold restart %s\n", cli->words[0]);
	screen_write(buf_view(&out));
}

bool run_tls(struct cli *cli, int *ret_status, struct err *err)
{
	struct buf path BUF_CLEANUP;
	json_t *answer JSON_CLEANUP = NULL;
	buf_init(&path, DAEMON_PATH_SIZE);
	*ret_status = 0;
	if (!cli_app_path(&path, cli->words[0], "/tls", err) || !act(cli, buf_cstr(&path), &answer, err)) return false;
	put_tls(cli, answer, cli->words[0]);
	bool is_moved = !cli->is_json && cli->word_count > 2 && strcmp(cli->words[1], "redirect") == 0;
	if (is_moved) put_moved(cli, answer);
	return true;
}

/* For a person what to do with it; for a program the certificate alone. */
static void put_trust(const struct cli *cli, const json_t *answer)
{
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (!cli->look.is_terminal) {
		screen_write(str_from(json_str(answer, "certificate", "")));
		return;
	}
	buf_printf(
	    v.out,
	    "%s\n%s\nSHA-256 %s\nIt signs names below localhost and nothing else.\n\n"
	    "freehold trust > freehold-authority.pem\n\nhands it over; on the computer that your browser runs on:\n"
	    "  macOS     sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "
	    "freehold-authority.pem\n"
	    "  Windows   certutil -addstore -user Root freehold-authority.pem\n"
	    "  Linux     Chrome: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n freehold -i freehold-authority.pem\n"
	    "  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import\n",
	    json_str(answer, "name", ""), json_str(answer, "path", ""), json_str(answer, "fingerprint", ""));
	screen_write(buf_view(&out));
}

bool run_trust(struct cli *cli, int *ret_status, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	*ret_status = 0;
	if (!cli_ask(cli, NULL, "/v1/trust", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_trust(cli, answer);
	return true;
}
