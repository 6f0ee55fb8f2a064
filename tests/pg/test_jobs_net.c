/* SPDX-License-Identifier: Apache-2.0
 *
 * net.http_get, http_post and http_delete against a real PostgreSQL and a server on the same loop. */
#include "jobs/net.h"

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
#include "http/server.h"
#include "ownbox.h"
#include "owndb/prelude.h"
#include "pg/listen.h"
#include "waiting.h"

#define OWNER "postgres"
#define PROJECT "abcdefghijklmnopqrst"
/* {"ref":"abcdefghijklmnopqrst","role":"anon"} and the same of service_role, unsigned */
#define OLD_ANON "eyJhbGciOiJIUzI1NiJ9.eyJyZWYiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdCIsInJvbGUiOiJhbm9uIn0.c2lnbmF0dXJl"

static struct ownbox box;
static char conninfo[200], base[64];
static uint16_t port;
static uv_loop_t loop;
static struct http_server *server;
static struct pg_pool *pool;
static struct http_multi *multi;
static struct net *net;
static struct pg_listener *listener;
static int hits; /* requests that the server got */
static struct http_request *held[64]; /* to /hold */
static int held_count, held_most;

static void on_request(void *arg, struct http_request *req)
{
	(void)arg;
	struct str path = http_path(req);
	char *text;
	hits++;
	if (str_eq(path, STR("/hold"))) {
		held[held_count++] = req;
		if (held_count > held_most) held_most = held_count;
		return;
	}
	if (str_eq(path, STR("/silent"))) return;
	if (str_eq(path, STR("/away"))) {
		http_reply(req, 302, &(struct http_reply_field){"Location", "http://169.254.169.254/latest"}, 1,
			   STR(""));
		return;
	}
	if (str_eq(path, STR("/binary"))) {
		http_reply(req, 200, NULL, 0, STR("\xff\xfe"));
		return;
	}
	struct str auth = http_header(req, STR("Authorization")), own = http_header(req, STR("X-Own")),
		   query = http_query(req);
	text = arena_printf(http_arena(req), "%.*s %.*s %.*s|%.*s|%.*s|%.*s", STR_FMT(http_method(req)), STR_FMT(path),
			    (int)query.len, query.len > 0 ? query.ptr : "", STR_FMT(http_body(req)), (int)auth.len,
			    auth.len > 0 ? auth.ptr : "", (int)own.len, own.len > 0 ? own.ptr : "");
	const struct http_reply_field fields[] = {{"Content-Type", "text/x"}, {"X-One", "1"}};
	http_reply(req, str_eq(path, STR("/bad")) ? 418 : 200, fields, 2, str_from(text));
}

static void on_notify(void *arg, const char *payload)
{
	if (payload == NULL || strcmp(payload, "net") == 0) net_wake(arg, payload == NULL);
}

/* The server is on 127.0.0.1, which is the app's own address here. */
static void begin_sender(void)
{
	struct egress egress = {0};
	struct address_map map = {.projects = {PROJECT},
				  .project_count = 1,
				  .site_url = base,
				  .anon_key = "new-anon",
				  .publishable_key = "sb_publishable_new"};
	pool = pg_pool_new(&loop, &(struct pg_pool_settings){.conninfo = conninfo, .size = 2});
	multi = http_multi_new(&loop);
	net = net_new(&loop, pool, multi);
	listener = pg_listener_new(&loop, conninfo, "freehold_jobs", on_notify, net);
	net_set(net, &map, &egress);
}

static void end_sender(void)
{
	pg_listener_stop(listener);
	pg_pool_stop(pool, NULL, NULL);
	net_stop(net);
	http_multi_stop(multi);
}

static void run_for(int64_t ms)
{
	wait_for(&loop, ms);
}

static const char *text(const char *sql)
{
	return ownbox_text(&box, OWNER, sql);
}

static void is(const char *sql, const char *want)
{
	is_now(&box, OWNER, sql, want);
}

static void until(const char *sql, const char *want)
{
	wait_until(&loop, &box, OWNER, sql, want);
}

static void script(const char *sql)
{
	ownbox_script(&box, OWNER, sql);
}

/* One request, and what is recorded of it. */
static const char *outcome(const char *call, const char *what)
{
	char sql[1200];
	script("delete from net._http_response");
	(void)snprintf(sql, sizeof sql, "select %s", call);
	script(sql);
	until("select count(*) from net._http_response", "1");
	(void)snprintf(sql, sizeof sql, "select coalesce((%s)::text, '') from net._http_response", what);
	return text(sql);
}

static void gives(const char *call, const char *what, const char *want)
{
	const char *got = outcome(call, what);
	if (strcmp(got, want) != 0) fail_msg("%s\n  %s is %s\n  not %s", call, what, got, want);
}

static void test_answers(void **state)
{
	char call[600];
	(void)state;
	begin_sender();
	(void)snprintf(call, sizeof call,
		       "net.http_get('%s/a?x=1', '{\"q\":\"a b&\\u00e4\"}', '{\"X-Own\":\"o\",\"X-None\":\"\"}')",
		       base);
	gives(call,
	      "status_code || content || content_type || (headers ->> 'X-One') || timed_out || (error_msg is null)",
	      "200GET /a x=1&q=a%20b%26%C3%A4|||otext/x1falsetrue");
	(void)snprintf(call, sizeof call, "net.http_post('%s/bad', '{\"a\": [1]}')", base);
	gives(call, "status_code || content", "418POST /bad |{\"a\": [1]}||");
	(void)snprintf(call, sizeof call, "net.http_delete('%s/d', body := '{\"b\":1}')", base);
	gives(call, "content", "DELETE /d |{\"b\": 1}||");
	(void)snprintf(call, sizeof call, "net.http_post('%s/n', null)", base);
	gives(call, "content", "POST /n |||");
	is("select (r).status || (r).message || (r).response.status_code from (select net.http_collect_response(id) r "
	   "from "
	   "net._http_response) x",
	   "SUCCESSok200");
	is("select (net.http_collect_response(-1)).message", "request matching request_id not found");
	(void)snprintf(call, sizeof call, "net.http_get('%s/binary')", base);
	gives(call, "status_code || error_msg", "200the answer is no text (UTF-8) and was not kept");
	is("select count(*) from net.http_request_queue", "0");
	is("select count(*) from freehold_jobs.request", "0");
	end_sender();
}

static void test_refused(void **state)
{
	char call[600];
	(void)state;
	begin_sender();
	int before = hits;
	gives("net.http_get('http://127.0.0.1:1/')",
	      "status_code is null and error_msg like '127.0.0.1 is this machine%'", "true");
	gives("net.http_get('http://[::1]:1/')", "error_msg like '::1 is this machine%'", "true");
	gives("net.http_get('http://169.254.169.254/latest/meta-data')", "error_msg like '169.254.169.254 is%'",
	      "true");
	gives("net.http_get('http://2130706433:1/')", "error_msg like '127.0.0.1 is this machine%'", "true");
	gives("net.http_get('file:///etc/passwd')", "error_msg is not null and content is null", "true");
	gives("net.http_get('nonsense')", "error_msg is not null", "true");
	gives("net.http_get('http://nowhere.invalid/')", "error_msg like '%resolve%'", "true");
	assert_int_equal(hits, before);
	(void)snprintf(call, sizeof call, "net.http_get('%s/away')", base); /* a redirect is looked at as well */
	gives(call, "error_msg like '169.254.169.254 is%'", "true");
	(void)snprintf(call, sizeof call, "net.http_get('%s/silent', timeout_milliseconds := 200)", base);
	gives(call, "timed_out and error_msg like 'Timeout of 200 ms reached. Total time: %'", "true");
	(void)snprintf(call, sizeof call, "net.http_get('%s/x', headers := '{\"X\":\"a\\r\\nHost: b\"}')", base);
	gives(call, "error_msg", "a header holds a control character, or they are too long");
	end_sender();
}

/* What an app that came from a Supabase project has in its jobs. */
static void test_old_project(void **state)
{
	(void)state;
	begin_sender();
	gives("net.http_post('https://" PROJECT
	      ".supabase.co/functions/v1/f', '{}', headers := '{\"Authorization\":\"Bearer " OLD_ANON "\"}')",
	      "content", "POST /functions/v1/f |{}|Bearer new-anon|");
	gives("net.http_get('https://" PROJECT ".functions.supabase.co/f?a')", "content", "GET /functions/v1/f a|||");
	gives("net.http_get('https://" PROJECT ".supabase.co.invalid/f', timeout_milliseconds := 3000)",
	      "status_code is null", "true");
	end_sender();
}

/* Sent after the commit, once; what rolls back never. */
static void test_commit(void **state)
{
	char sql[400];
	(void)state;
	begin_sender();
	script("delete from net._http_response");
	int before = hits;
	struct pg_conn *conn;
	struct err err;
	if (!owndb_connect(&box.db, OWNER, &conn, &err)) fail_msg("%s", err.msg);
	(void)snprintf(sql, sizeof sql, "begin; select net.http_get('%s/once')", base);
	if (!pg_conn_script(conn, sql, NULL, &err)) fail_msg("%s", err.msg);
	run_for(300);
	assert_int_equal(hits, before);
	if (!pg_conn_script(conn, "rollback", NULL, &err)) fail_msg("%s", err.msg);
	run_for(200);
	assert_int_equal(hits, before);
	if (!pg_conn_script(conn, sql, NULL, &err) || !pg_conn_script(conn, "commit", NULL, &err))
		fail_msg("%s", err.msg);
	until("select count(*) from net._http_response", "1");
	assert_int_equal(hits, before + 1);
	pg_conn_close(conn);
	end_sender();
}

static void reply_held(void)
{
	for (int i = 0; i < held_count; i++) http_reply(held[i], 200, NULL, 0, STR("held"));
	held_count = 0;
}

static void test_many(void **state)
{
	char sql[400];
	(void)state;
	begin_sender();
	script("delete from net._http_response");
	(void)snprintf(sql, sizeof sql,
		       "select net.http_get('%s/hold', timeout_milliseconds := 20000) from generate_series(1, 60)",
		       base);
	script(sql);
	int64_t deadline = clock_now_ms() + 20000;
	held_most = 0;
	while (strcmp(text("select count(*) from net._http_response"), "60") != 0) {
		if (clock_now_ms() > deadline) fail_msg("they do not end");
		run_for(30);
		if (held_count == NET_AT_ONCE || strcmp(text("select count(*) from net.http_request_queue"), "0") == 0)
			reply_held();
	}
	assert_int_equal(held_most, NET_AT_ONCE);
	is("select count(distinct id) || min(content) from net._http_response", "60held");
	end_sender();
}

/* Killed with one under way and one in the queue: the first is recorded as unknown, the second sent. */
static void test_killed(void **state)
{
	char sql[400];
	(void)state;
	script("delete from net._http_response");
	(void)snprintf(sql, sizeof sql, "select net.http_get('%s/silent', timeout_milliseconds := 60000)", base);
	pid_t child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A loop of its own: the server of this test would share its epoll set with the child. */
		(void)uv_loop_init(&loop);
		begin_sender();
		for (;;) (void)uv_run(&loop, UV_RUN_ONCE);
	}
	script(sql);
	until("select count(*) from freehold_jobs.request", "1");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)snprintf(sql, sizeof sql, "select net.http_get('%s/after')", base);
	script(sql);
	int before = hits;
	ownbox_script(&box, "supabase_admin",
		      "update freehold_jobs.request set lease_until = now() - interval '1 second'");
	begin_sender();
	until("select count(*) from net._http_response", "2");
	is("select error_msg from net._http_response order by id limit 1",
	   "its sender ended while it was under way: whether it arrived is not known");
	is("select content from net._http_response order by id desc limit 1", "GET /after |||");
	run_for(300);
	assert_int_equal(hits - before <= 2, 1); /* /silent of the child may be read late */
	end_sender();
}

static void test_forgotten(void **state)
{
	(void)state;
	script("delete from net._http_response; insert into net._http_response (id, created) values (1, now() - "
	       "interval '7 "
	       "hours'), (2, now() - interval '5 hours'); insert into net.http_request_queue (method, url, "
	       "timeout_milliseconds, recorded_at) values ('GET', 'x', 1, now() - interval '25 hours')");
	ownbox_script(&box, "supabase_admin", "set role freehold_jobs; select freehold_jobs.sweep_net()");
	is("select string_agg(coalesce(error_msg, id::text), ',' order by created) from net._http_response",
	   "2,it waited for more than a day and was not sent");
}

static int set_up(void **state)
{
	(void)state;
	struct err err;
	struct http_handler handler = {.on_request = on_request};
	ownbox_init(&box);
	box.db.api_os_user = NULL; /* who runs the test is the backend */
	if (!owndb_create(&box.db, box.cache_dir, &err)) ownbox_die("create", err.msg);
	ownbox_start(&box);
	if (!owndb_prelude(&box.db, NULL, &err)) ownbox_die("prelude", err.msg);
	(void)snprintf(conninfo, sizeof conninfo, "host=%s dbname=postgres user=freehold_jobs", box.socket_dir);
	(void)uv_loop_init(&loop);
	struct http_server_spec spec = {.body_max_bytes = 65536, .arena_max_bytes = 1 << 20};
	if (!http_server_start(&loop, &spec, &handler, &server, &err)) ownbox_die("server", err.msg);
	port = http_server_port(server);
	(void)snprintf(base, sizeof base, "http://shop.localhost:%d", port);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

int main(void)
{
	log_set_level(LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),   cmocka_unit_test(test_refused), cmocka_unit_test(test_old_project),
	    cmocka_unit_test(test_commit),    cmocka_unit_test(test_many),    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_forgotten),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
