/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue and its sender against a real PostgreSQL and a mail server that answers as told (smtpbox.h). */
#include "mail/sender.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "mail/queue.h"
#include "ownbox.h"
#include "owndb/prelude.h"
#include "smtpbox.h"
#include "waiting.h"

#define ADMIN "supabase_auth_admin"

static struct ownbox box;
static char conninfo[200];
static uv_loop_t loop;
static struct pg_pool *pool;
static struct mail_sender *sender;
static struct smtpbox smtp;

static void begin_sender(void)
{
	(void)uv_loop_init(&loop);
	pool = pg_pool_new(&loop, &(struct pg_pool_settings){.conninfo = conninfo, .size = 2, .wait_ms = 1000});
	sender = mail_sender_new(&loop, pool, conninfo);
}

static void end_sender(void)
{
	mail_sender_stop(sender);
	pg_pool_stop(pool, NULL, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0) fail_msg("the loop still holds something");
}

static struct mail_smtp to_box(void)
{
	return (struct mail_smtp){.host = "127.0.0.1",
				  .port = smtp.port,
				  .from_address = "app@x.example",
				  .from_name = "The Pl\xC3\xA4tz",
				  .retry_s = 0.05};
}

static void set(const struct mail_smtp *settings)
{
	struct err err;
	if (!mail_sender_set(sender, settings, &err)) fail_msg("%s", err.msg);
}

static void run_for(int64_t ms)
{
	wait_for(&loop, ms);
}

static void until(const char *sql, const char *want)
{
	wait_until(&loop, &box, ADMIN, sql, want);
}

/* Queues as auth does: by the statement of mail/queue.h, over a connection of its own. */
static void queue(const char *to, const char *token)
{
	struct arena *a = arena_new(4 << 20);
	struct mail_values values = {.confirmation_url = "https://app.example/verify?token=t",
				     .token = token,
				     .site_url = "https://app.example",
				     .email = to};
	struct mail_message m;
	const char *params[MAIL_QUEUE_PARAMS], *fault;
	struct pg_conn *conn;
	struct err err;
	if (!mail_compose(NULL, MAIL_CONFIRMATION, to, &values, a, &m, &fault, &err)) fail_msg("%s", err.msg);
	mail_queue_params(&m, NULL, params);
	if (!pg_conn_open(conninfo, 5000, &conn, &err) ||
	    !pg_conn_exec(conn, mail_queue_sql, MAIL_QUEUE_PARAMS, params, NULL, NULL, &err))
		fail_msg("%s", err.msg);
	pg_conn_close(conn);
	arena_free(a);
}

static int begin(void **state)
{
	(void)state;
	ownbox_script(&box, ADMIN, "truncate freehold_auth.mails restart identity cascade");
	smtp = (struct smtpbox){0};
	begin_sender();
	smtpbox_start(&smtp, &loop, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	smtpbox_stop(&smtp);
	end_sender();
	return 0;
}

static void test_sent(void **state)
{
	(void)state;
	queue("ada@x.example", "123456");
	run_for(100);
	assert_int_equal(smtp.connections, 0); /* no server is set: kept, with its link */
	assert_string_equal(ownbox_text(&box, ADMIN, "select state || link || token from freehold_auth.mails"),
			    "waitinghttps://app.example/verify?token=t123456");
	struct mail_smtp settings = to_box();
	set(&settings);
	until("select string_agg(state, ',') from freehold_auth.mails", "sent");
	assert_non_null(strstr(smtp.from, "<app@x.example>"));
	assert_non_null(strstr(smtp.to, "<ada@x.example>"));
	assert_non_null(strstr(smtp.last, "From: =?UTF-8?B?VGhlIFBsw6R0eg==?= <app@x.example>"));
	assert_non_null(strstr(smtp.last, "To: ada@x.example\r\n"));
	assert_non_null(strstr(smtp.last, "Subject: Confirm your address\r\n"));
	assert_non_null(strstr(smtp.last, "multipart/alternative"));
	assert_non_null(strstr(smtp.last, "text/plain; charset=utf-8"));
	assert_non_null(strstr(smtp.last, "text/html; charset=utf-8"));
	assert_non_null(strstr(smtp.last, "@x.example>\r\n"));
	assert_string_equal(
	    ownbox_text(&box, ADMIN, "select concat(html, plain, link, token) from freehold_auth.mails"), "");
	assert_string_equal(ownbox_text(&box, ADMIN, "select outcome || answer from freehold_auth.mail_attempts"),
			    "sent250 taken");
	queue("bo@x.example", "654321"); /* the notification wakes it */
	until("select count(*) from freehold_auth.mails where state = 'sent'", "2");
}

static void test_many(void **state)
{
	(void)state;
	char to[40];
	for (int i = 0; i < 60; i++) {
		(void)snprintf(to, sizeof to, "p%d@x.example", i);
		queue(to, "123456");
	}
	struct mail_smtp settings = to_box();
	set(&settings);
	until("select count(*) from freehold_auth.mails where state = 'sent'", "60");
	assert_int_equal(smtp.mails, 60);
	assert_string_equal(ownbox_text(&box, ADMIN, "select max(attempts) from freehold_auth.mails"), "1");
}

static void test_later(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	queue("ada@x.example", "123456");
	smtp.rcpt = "451 greylisted";
	set(&settings);
	until("select (attempts >= 2)::text || answer from freehold_auth.mails", "true451 greylisted");
	smtp.rcpt = NULL;
	until("select state from freehold_auth.mails", "sent");
	assert_string_equal(ownbox_text(&box, ADMIN,
					"select (count(*) = (select attempts from freehold_auth.mails))::text from "
					"freehold_auth.mail_attempts"),
			    "true");
}

static void test_never(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	queue("nobody@x.example", "123456");
	smtp.rcpt = "550 5.1.1 no such user";
	set(&settings);
	until("select state || attempts || answer from freehold_auth.mails", "dead1550 5.1.1 no such user");
	smtp.rcpt = NULL;
	smtp.text = "554 spam";
	queue("ada@x.example", "123456");
	until("select state || answer from freehold_auth.mails where id = 2", "dead554 spam");
	smtp.text = NULL;
	/* What is refused because of the settings is not lost. */
	smtp.mail = "550 sender not allowed";
	queue("ada@x.example", "123456");
	until("select (attempts >= 2)::text || answer from freehold_auth.mails where id = 3",
	      "true550 sender not allowed");
	smtp.mail = NULL;
	until("select state from freehold_auth.mails where id = 3", "sent");
}

static void test_password(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	settings.user = "u";
	settings.password = "p";
	settings.security = MAIL_TLS_AUTO;
	smtp.extensions = "250-AUTH PLAIN\r\n";
	queue("ada@x.example", "123456");
	set(&settings); /* a password is not sent in the clear */
	until("select (attempts >= 1)::text from freehold_auth.mails", "true");
	run_for(100);
	assert_int_equal(smtp.mails, 0);
	settings.security = MAIL_TLS_NONE;
	smtp.auth = "535 wrong password";
	set(&settings);
	until("select answer from freehold_auth.mails", "535 wrong password");
	smtp.auth = NULL;
	until("select state from freehold_auth.mails", "sent");
}

static void test_server_away(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	uint16_t port = smtp.port;
	smtpbox_stop(&smtp);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
	queue("ada@x.example", "123456");
	queue("bo@x.example", "123456");
	set(&settings);
	until("select (min(attempts) >= 2)::text from freehold_auth.mails", "true");
	smtpbox_start(&smtp, &loop, port);
	until("select count(*) from freehold_auth.mails where state = 'sent'", "2");
}

static void test_database_away(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	smtp.text = ""; /* never answers: the mail is under way when the database goes */
	queue("ada@x.example", "123456");
	set(&settings);
	until("select state from freehold_auth.mails", "sending");
	ownbox_kill(&box);
	run_for(100);
	ownbox_start(&box);
	smtp.text = NULL;
	queue("bo@x.example", "123456");
	until("select state from freehold_auth.mails where recipient like 'bo@%'", "sent");
	assert_string_equal(ownbox_text(&box, ADMIN, "select state from freehold_auth.mails where id = 1"), "sending");
	mail_sender_stop(sender); /* as a stop of the backend: the claim runs out, the next sender sends it */
	ownbox_script(&box, ADMIN, "update freehold_auth.mails set claimed_until = now() where id = 1");
	sender = mail_sender_new(&loop, pool, conninfo);
	set(&settings);
	until("select state || attempts from freehold_auth.mails where id = 1", "sent2");
}

/* A process with a sender of its own, which dies while it sends. */
static pid_t fork_sender(const struct mail_smtp *settings)
{
	pid_t pid = fork();
	if (pid != 0) return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	begin_sender();
	set(settings);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	_exit(0);
}

static void test_killed(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	smtp.rcpt = "";
	queue("ada@x.example", "123456"); /* killed before: nobody was there to send it */
	pid_t pid = fork_sender(&settings);
	until("select state from freehold_auth.mails", "sending");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	smtp.rcpt = NULL;
	set(&settings);
	run_for(100);
	assert_int_equal(smtp.mails, 0); /* the claim of the dead one is respected */
	ownbox_script(&box, ADMIN, "update freehold_auth.mails set claimed_until = now()");
	queue("bo@x.example", "123456");
	until("select count(*) from freehold_auth.mails where state = 'sent'", "2");
}

static void test_old(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	queue("ada@x.example", "123456");
	ownbox_script(&box, ADMIN, "update freehold_auth.mails set queued_at = now() - interval '25 hours'");
	set(&settings);
	until("select state from freehold_auth.mails", "dead");
	assert_int_equal(smtp.connections, 0);
}

static void test_bounded(void **state)
{
	(void)state;
	ownbox_script(&box, ADMIN,
		      "insert into freehold_auth.mails (kind, recipient, subject, html, plain) "
		      "select 'x', 'a@b.c', '', '', '' from generate_series(1, 10000)");
	ownbox_script(&box, ADMIN,
		      "do $$ begin perform freehold_auth.queue_mail('x', 'a@b.c', '', '', '', null, null, null); "
		      "raise exception 'taken'; exception when sqlstate '53400' then null; end $$");
	ownbox_script(
	    &box, ADMIN,
	    "update freehold_auth.mails set queued_at = now() - interval '31 days' where id <= 4000;"
	    "update freehold_auth.mails set state = 'sent', ended_at = now() - interval '8 days' where id > 4000 and "
	    "id <= 5000");
	smtpbox_stop(&smtp);
	end_sender();
	begin_sender(); /* sweeps a second after its start */
	until("select count(*) from freehold_auth.mails", "5000");
	smtpbox_start(&smtp, &loop, 0);
}

static void test_injection(void **state)
{
	(void)state;
	struct mail_smtp settings = to_box();
	ownbox_script(&box, ADMIN,
		      "insert into freehold_auth.mails (kind, recipient, subject, html, plain) values "
		      "('x', E'a@b.c>\\r\\nRCPT TO:<evil@x.example', 's', '', ''), "
		      "('x', 'good@x.example', E's\\r\\nBcc: evil@x.example\\r\\n\\r\\nbody', E'.\\r\\n.\\r\\nMAIL "
		      "FROM:<x@y.z>', "
		      "'x')");
	set(&settings);
	until("select string_agg(state, ',' order by id) from freehold_auth.mails", "dead,sent");
	assert_int_equal(smtp.mails, 1);
	assert_null(strstr(smtp.last, "\r\nBcc:"));
	assert_null(strstr(smtp.to, "evil"));
	settings.from_address = "a@b.c>\r\nRCPT TO:<evil@x.example";
	struct err err;
	assert_false(mail_sender_set(sender, &settings, &err));
	settings = to_box();
	settings.host = "127.0.0.1/%0d%0aQUIT";
	assert_false(mail_sender_set(sender, &settings, &err));
}

static int begin_all(void **state)
{
	struct err err;
	(void)state;
	log_set_level(LOG_ERROR);
	ownbox_init(&box);
	box.db.api_os_user = NULL; /* the sender runs as whoever runs the test */
	if (!owndb_create(&box.db, box.cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(&box);
	if (!owndb_prelude(&box.db, NULL, &err)) ownbox_die("prelude", err.msg);
	(void)snprintf(conninfo, sizeof conninfo, "host=%s dbname=postgres user=" ADMIN, box.socket_dir);
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sent, begin, end),
	    cmocka_unit_test_setup_teardown(test_many, begin, end),
	    cmocka_unit_test_setup_teardown(test_later, begin, end),
	    cmocka_unit_test_setup_teardown(test_never, begin, end),
	    cmocka_unit_test_setup_teardown(test_password, begin, end),
	    cmocka_unit_test_setup_teardown(test_server_away, begin, end),
	    cmocka_unit_test_setup_teardown(test_database_away, begin, end),
	    cmocka_unit_test_setup_teardown(test_killed, begin, end),
	    cmocka_unit_test_setup_teardown(test_old, begin, end),
	    cmocka_unit_test_setup_teardown(test_bounded, begin, end),
	    cmocka_unit_test_setup_teardown(test_injection, begin, end),
	};
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
