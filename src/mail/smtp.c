/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/smtp.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "mail/compose.h"
#include "mail/header.h"

#define PORT 587
#define PORT_TLS 465
#define HEADER_MAX_BYTES 4096

struct mail_delivery {
	/* the thread's until it ended */
	CURL *curl;
	CURLcode code;
	struct curl_slist *headers, *recipients;
	curl_mime *mime;
	char command[8]; /* the last that went out: "RCPT" … */
	char answer[MAIL_ANSWER_SIZE];
	char fault[CURL_ERROR_SIZE];

	/* the loop's */
	uv_thread_t thread;
	uv_async_t ended;
	void (*done)(void *arg, enum mail_outcome outcome, const char *answer);
	void *arg;

	atomic_bool is_cancelled;
};

static void delivery_free(struct mail_delivery *d)
{
	curl_easy_cleanup(d->curl);
	curl_mime_free(d->mime);
	curl_slist_free_all(d->headers);
	curl_slist_free_all(d->recipients);
	free(d);
}

static void copy_line(char *to, size_t size, const char *from, size_t len)
{
	size_t n = 0;
	for (; n < len && n + 1 < size && from[n] != '\r' && from[n] != '\n'; n++)
		to[n] = (unsigned char)from[n] < ' ' || from[n] == 0x7F ? ' ' : from[n];
	to[n] = '\0';
}

/* A refusal is followed by QUIT, which says nothing about it. */
static void on_command(struct mail_delivery *d, const char *data, size_t size)
{
	size_t n = 0;
	if (size >= 4 && strncmp(data, "QUIT", 4) == 0) return;
	for (; n < size && n < 4 && data[n] != ' ' && data[n] != '\r'; n++) d->command[n] = data[n];
	d->command[n] = '\0';
}

/* curl tells only the last code, not what was answered to which command; so both directions are listened to. Of a
 * command only its first word is kept: a password may follow. */
static int on_debug(CURL *curl, curl_infotype type, char *data, size_t size, void *arg)
{
	struct mail_delivery *d = arg;
	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		on_command(d, data, size);
	else if (type == CURLINFO_DATA_OUT)
		(void)snprintf(d->command, sizeof d->command, "text");
	else if (type == CURLINFO_HEADER_IN && strncmp(data, "221", size < 3 ? size : 3) != 0)
		copy_line(d->answer, sizeof d->answer, data, size);
	return 0;
}

static bool is_final(const struct mail_delivery *d)
{
	bool is_refused = d->answer[0] == '5' && strlen(d->answer) >= 3;
	return is_refused && (strcmp(d->command, "RCPT") == 0 || strcmp(d->command, "text") == 0);
}

static void on_closed(uv_handle_t *handle)
{
	delivery_free(handle->data);
}

static void on_ended(uv_async_t *ended)
{
	struct mail_delivery *d = ended->data;
	char words[MAIL_ANSWER_SIZE];
	(void)uv_thread_join(&d->thread);
	enum mail_outcome outcome = d->code == CURLE_OK ? MAIL_SENT : is_final(d) ? MAIL_DEAD : MAIL_AGAIN;
	bool has_answer = d->answer[0] == '4' || d->answer[0] == '5';
	const char *why = d->fault[0] != '\0' ? d->fault : curl_easy_strerror(d->code);
	if (d->code == CURLE_OK || has_answer)
		(void)snprintf(words, sizeof words, "%s", d->answer);
	else
		copy_line(words, sizeof words, why, strlen(why));
	uv_close((uv_handle_t *)ended, on_closed);
	d->done(d->arg, outcome, words);
}

static void run(void *arg)
{
	struct mail_delivery *d = arg;
	d->code = curl_easy_perform(d->curl);
	(void)uv_async_send(&d->ended);
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t e)
{
	struct mail_delivery *d = arg;
	(void)a, (void)b, (void)c, (void)e;
	return atomic_load(&d->is_cancelled) ? 1 : 0;
}

static void add(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);
	if (longer == NULL) abort();
	*list = longer;
}

static const char *domain_of(const char *address)
{
	const char *at = strrchr(address, '@');
	return at != NULL ? at + 1 : "localhost";
}

static void add_headers(struct mail_delivery *d, const struct mail_smtp *smtp, const struct mail_letter *letter)
{
	BUF_CLEANUP struct buf line;
	buf_init(&line, HEADER_MAX_BYTES);
	mail_header_date(letter->date_s, &line);
	add(&d->headers, buf_cstr(&line));
	buf_clear(&line);
	mail_header_address("From", smtp->from_name != NULL ? str_from(smtp->from_name) : STR(""), smtp->from_address,
			    &line);
	add(&d->headers, buf_cstr(&line));
	buf_clear(&line);
	mail_header_address("To", STR(""), letter->to, &line);
	add(&d->headers, buf_cstr(&line));
	buf_clear(&line);
	mail_header_text("Subject", str_from(letter->subject), &line);
	add(&d->headers, buf_cstr(&line));
	buf_clear(&line);
	buf_printf(&line, "Message-ID: <%s@%s>", letter->message_id, domain_of(smtp->from_address));
	add(&d->headers, buf_cstr(&line));
	add(&d->headers, "Auto-Submitted: auto-generated");
}

static void add_part(curl_mime *mime, const char *text, const char *type)
{
	curl_mimepart *part = curl_mime_addpart(mime);
	if (part == NULL) abort();
	(void)curl_mime_data(part, text, CURL_ZERO_TERMINATED);
	(void)curl_mime_type(part, type);
	(void)curl_mime_encoder(part, "quoted-printable");
}

static void add_body(struct mail_delivery *d, const struct mail_letter *letter)
{
	curl_mime *both = curl_mime_init(d->curl);
	d->mime = curl_mime_init(d->curl);
	if (both == NULL || d->mime == NULL) abort();
	add_part(both, letter->plain, "text/plain; charset=utf-8");
	add_part(both, letter->html, "text/html; charset=utf-8");
	curl_mimepart *part = curl_mime_addpart(d->mime);
	if (part == NULL) abort();
	(void)curl_mime_subparts(part, both);
	(void)curl_mime_type(part, "multipart/alternative");
}

static bool is_this_machine(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void set_security(CURL *curl, const struct mail_smtp *smtp, bool is_full)
{
	bool is_demanded = smtp->security == MAIL_TLS_START ||
			   (smtp->security == MAIL_TLS_AUTO && (smtp->user != NULL || !is_this_machine(smtp->host)));
	long level = smtp->security == MAIL_TLS_NONE ? CURLUSESSL_NONE
		     : is_full || is_demanded        ? CURLUSESSL_ALL
						     : CURLUSESSL_TRY;
	(void)curl_easy_setopt(curl, CURLOPT_USE_SSL, level);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (smtp->ca_file != NULL) (void)curl_easy_setopt(curl, CURLOPT_CAINFO, smtp->ca_file);
}

static void set_server(struct mail_delivery *d, const struct mail_smtp *smtp)
{
	char url[512];
	CURL *curl = d->curl;
	unsigned port = smtp->port > 0 ? smtp->port : PORT;
	bool is_full = smtp->security == MAIL_TLS_FULL || (smtp->security == MAIL_TLS_AUTO && port == PORT_TLS);
	bool is_v6 = strchr(smtp->host, ':') != NULL;
	(void)snprintf(url, sizeof url, "%s://%s%s%s:%u/%s", is_full ? "smtps" : "smtp", is_v6 ? "[" : "", smtp->host,
		       is_v6 ? "]" : "", port, domain_of(smtp->from_address));
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)MAIL_CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)MAIL_DELIVER_MS);
	(void)curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(MAIL_ANSWER_MS / 1000));
	set_security(curl, smtp, is_full);
	if (smtp->user == NULL) return;
	(void)curl_easy_setopt(curl, CURLOPT_USERNAME, smtp->user);
	(void)curl_easy_setopt(curl, CURLOPT_PASSWORD, smtp->password != NULL ? smtp->password : "");
}

/* Addresses go into commands of a line each; curl adds what is around them. */
static void set_envelope(struct mail_delivery *d, const struct mail_smtp *smtp, const struct mail_letter *letter)
{
	CURL *curl = d->curl;
	add(&d->recipients, letter->to);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, smtp->from_address);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, d->recipients);
	add_headers(d, smtp, letter);
	add_body(d, letter);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, d->headers);
	(void)curl_easy_setopt(curl, CURLOPT_MIMEPOST, d->mime);
}

/* No child inherits the connection. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg, (void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_hooks(struct mail_delivery *d)
{
	(void)curl_easy_setopt(d->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(d->curl, CURLOPT_VERBOSE, 1L);
	(void)curl_easy_setopt(d->curl, CURLOPT_DEBUGFUNCTION, on_debug);
	(void)curl_easy_setopt(d->curl, CURLOPT_DEBUGDATA, d);
	(void)curl_easy_setopt(d->curl, CURLOPT_ERRORBUFFER, d->fault);
	(void)curl_easy_setopt(d->curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(d->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(d->curl, CURLOPT_XFERINFODATA, d);
	(void)curl_easy_setopt(d->curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	(void)curl_easy_setopt(d->curl, CURLOPT_FORBID_REUSE, 1L); /* QUIT at once, while our ears are open */
}

bool mail_smtp_check(const struct mail_smtp *smtp, struct err *err)
{
	for (const char *c = smtp->host; c != NULL && *c != '\0'; c++) {
		bool is_good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
			       strchr(".-:", *c) != NULL;
		if (!is_good) return err_set(err, ERR_INVALID, "the mail server's name holds \"%c\"", *c);
	}
	if (smtp->host == NULL || smtp->host[0] == '\0')
		return err_set(err, ERR_INVALID, "the mail server has no name");
	if (strlen(smtp->host) > 253) return err_set(err, ERR_INVALID, "the mail server's name is too long");
	if (smtp->from_address == NULL || !mail_address_is_sound(smtp->from_address))
		return err_set(err, ERR_INVALID, "the sender's address of mails is missing or is no address");
	if (smtp->from_name != NULL && !str_is_utf8(str_from(smtp->from_name)))
		return err_set(err, ERR_INVALID, "the sender's name is not UTF-8 text");
	return true;
}

bool mail_deliver(uv_loop_t *loop, const struct mail_smtp *smtp, const struct mail_letter *letter,
		  void (*done)(void *arg, enum mail_outcome outcome, const char *answer), void *arg,
		  struct mail_delivery **ret_delivery, struct err *err)
{
	if (!mail_smtp_check(smtp, err)) return false;
	if (!mail_address_is_sound(letter->to)) return err_set(err, ERR_INVALID, "no mail can be sent to this address");
	struct mail_delivery *d = calloc(1, sizeof *d);
	if (d == NULL) abort();
	d->done = done;
	d->arg = arg;
	d->curl = curl_easy_init();
	if (d->curl == NULL) abort();
	set_server(d, smtp);
	set_envelope(d, smtp, letter);
	set_hooks(d);
	(void)uv_async_init(loop, &d->ended, on_ended);
	d->ended.data = d;
	if (uv_thread_create(&d->thread, run, d) != 0) abort();
	*ret_delivery = d;
	return true;
}

void mail_delivery_cancel(struct mail_delivery *delivery)
{
	atomic_store(&delivery->is_cancelled, true);
}
