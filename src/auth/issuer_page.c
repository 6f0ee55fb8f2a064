/* SPDX-License-Identifier: Apache-2.0
 *
 * The page is one file without a script: what a person typed goes nowhere but to this app. */
#include "auth/issuer.h"
#include "base/buf.h"

#define PAGE_MAX_BYTES (64u << 10)

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Sign in</title>\n<style>\n"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f4f4f2;color:#1f2421;"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "main{width:min(24rem,calc(100vw - 2rem));box-sizing:border-box;padding:2rem;background:#fff;border:1px solid "
    "#e4e4e0;border-radius:12px}\n"
    "h1{margin:0;font-size:1.4rem}p{margin:.25rem 0 1.25rem;color:#5c625e}\n"
    "label{display:block;margin:.75rem 0 .25rem;font-size:.9rem}\n"
    "input{width:100%;box-sizing:border-box;padding:.6rem .7rem;border:1px solid "
    "#cfd2cc;border-radius:7px;font:inherit}\n"
    "button{width:100%;margin-top:1rem;padding:.65rem;border:0;border-radius:7px;background:#1f5f4a;color:#fff;font:"
    "inherit;"
    "font-weight:600;cursor:pointer}\n"
    "button.second{margin-top:.5rem;background:#fff;color:#1f5f4a;border:1px solid #1f5f4a}\n"
    ".note{margin:0 0 1rem;padding:.6rem .7rem;border-radius:7px;background:#fdecea;color:#7c1d13}\n"
    ".note.good{background:#e9f4ee;color:#1f5f4a}\n</style>\n</head>\n<body>\n<main>\n";

static void put(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&': buf_puts(b, "&amp;"); break;
		case '<': buf_puts(b, "&lt;"); break;
		case '>': buf_puts(b, "&gt;"); break;
		case '"': buf_puts(b, "&#34;"); break;
		case '\'': buf_puts(b, "&#39;"); break;
		default: buf_putc(b, *text);
		}
	}
}

static void hidden(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	put(b, value);
	buf_puts(b, "\">\n");
}

static void put_ask(struct buf *b, const struct issuer_ask *ask)
{
	hidden(b, "client_id", ask->client_id);
	hidden(b, "redirect_uri", ask->redirect_uri);
	hidden(b, "response_type", "code");
	hidden(b, "state", ask->state);
	hidden(b, "nonce", ask->nonce);
	hidden(b, "scope", ask->scope);
	hidden(b, "code_challenge", ask->challenge);
	hidden(b, "code_challenge_method", "S256");
}

static const char *text_of(struct arena *a, const struct buf *b)
{
	return buf_is_ok(b) ? arena_cstr(a, buf_view(b)) : NULL;
}

const char *issuer_page(struct arena *a, const struct issuer_ask *ask, const char *host, const char *email,
			const char *words, bool is_good_news)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, PAGE_MAX_BYTES);
	buf_puts(&b, head);
	buf_puts(&b, "<h1>Sign in</h1>\n<p>to ");
	put(&b, host);
	buf_puts(&b, "</p>\n");
	if (words[0] != '\0') {
		buf_printf(&b, "<p class=\"note%s\" role=\"alert\">", is_good_news ? " good" : "");
		put(&b, words);
		buf_puts(&b, "</p>\n");
	}
	buf_puts(&b, "<form method=\"post\">\n");
	put_ask(&b, ask);
	buf_puts(&b, "<label for=\"email\">Email</label>\n<input id=\"email\" name=\"email\" type=\"email\" required "
		     "autocomplete=\"username\" value=\"");
	put(&b, email);
	buf_puts(&b, "\">\n<label for=\"password\">Password</label>\n<input id=\"password\" name=\"password\" "
		     "type=\"password\" required autocomplete=\"current-password\">\n"
		     "<button name=\"action\" value=\"sign_in\">Sign in</button>\n"
		     "<button class=\"second\" name=\"action\" value=\"sign_up\">Create an account</button>\n"
		     "</form>\n</main>\n</body>\n</html>\n");
	return text_of(a, &b);
}

const char *issuer_problem_page(struct arena *a, const char *words)
{
	struct buf b BUF_CLEANUP;
	buf_init(&b, PAGE_MAX_BYTES);
	buf_puts(&b, head);
	buf_puts(&b, "<h1>This does not work</h1>\n<p role=\"alert\">");
	put(&b, words);
	buf_puts(&b, "</p>\n</main>\n</body>\n</html>\n");
	return text_of(a, &b);
}
