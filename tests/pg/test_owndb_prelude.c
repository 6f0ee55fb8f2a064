/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that builders' apps were seen to use outside of their own schemas, done as a migration does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ownbox.h"
#include "owndb/prelude.h"
#include "waiting.h"

#define ANN "00000000-0000-0000-0000-00000000000a"
#define BOB "00000000-0000-0000-0000-00000000000b"

static struct ownbox box;

static int start(void **state)
{
	(void)state;
	ownbox_ready(&box);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ownbox_done(&box);
	return 0;
}

static void script(const char *sql)
{
	ownbox_script(&box, "postgres", sql);
}

static void is(const char *sql, const char *value)
{
	is_now(&box, "postgres", sql, value);
}

static void refused(const char *sql, const char *sqlstate)
{
	struct err err;
	struct pg_error error = {.sqlstate = ""};
	struct pg_conn *conn = NULL;
	assert_true(owndb_connect(&box.db, "postgres", &conn, &err));
	if (pg_conn_script(conn, sql, &error, &err)) fail_msg("allowed: %s", sql);
	if (strcmp(error.sqlstate, sqlstate) != 0) fail_msg("%s: %s", sql, err.msg);
	pg_conn_close(conn);
}

/* Runs SQL as the backend does: role and claims for one transaction. */
static const char *as_user(const char *role, const char *sub, const char *sql)
{
	static char text[1024];
	char claims[256];
	struct err err;
	struct pg_conn *conn = NULL;
	(void)snprintf(claims, sizeof claims,
		       "{\"sub\":\"%s\",\"role\":\"%s\",\"email\":\"a@example.org\",\"app_metadata\":{\"admin\":true}}",
		       sub, role);
	const char *const params[] = {role, claims};
	assert_true(owndb_connect(&box.db, "postgres", &conn, &err));
	bool ok = pg_conn_exec(conn, "begin", 0, NULL, NULL, NULL, &err) &&
		  pg_conn_exec(conn, "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
			       2, params, NULL, NULL, &err) &&
		  pg_conn_text(conn, sql, 0, NULL, text, sizeof text, &err) &&
		  pg_conn_exec(conn, "commit", 0, NULL, NULL, NULL, &err);
	if (!ok) (void)snprintf(text, sizeof text, "refused: %s", err.msg);
	pg_conn_close(conn);
	return text;
}

static void test_roles(void **state)
{
	(void)state;
	is("select string_agg(rolname, ' ' order by rolname) from pg_roles where rolsuper", "supabase_admin");
	is("select string_agg(rolname, ' ' order by rolname) from pg_roles where rolbypassrls and not rolsuper",
	   "postgres service_role");
	is("select string_agg(rolname, ' ' order by rolname) from pg_roles where rolcanlogin",
	   "authenticator freehold_jobs freehold_realtime postgres supabase_admin supabase_auth_admin");
	is("select count(*) from pg_roles where rolcreatedb and not rolsuper", "0");
	is("select string_agg(rolname, ' ') from pg_roles where rolreplication and not rolsuper", "freehold_realtime");
	is("select pg_get_userbyid(datdba) from pg_database where datname = 'postgres'", "postgres");
	script(
	    "do $$ begin if current_setting('server_version_num')::int < 160000 and"
	    " (select rolcreaterole from pg_roles where rolname = 'postgres') then raise 'createrole'; end if; end $$");
}

static void test_users_and_row_security(void **state)
{
	(void)state;
	script("create table public.profiles (id uuid primary key references auth.users (id) on delete cascade, name "
	       "text);"
	       "alter table profiles owner to postgres;"
	       "alter table public.profiles enable row level security;"
	       "create policy \"own\" on public.profiles for all to authenticated using (auth.uid() = id)"
	       " with check (auth.uid() = id);"
	       "create policy staff on public.profiles for select using ((auth.jwt() -> 'app_metadata' ->> "
	       "'staff')::boolean);"
	       "create or replace function public.handle_new_user() returns trigger language plpgsql security definer"
	       " set search_path = public as $$ begin insert into profiles values (new.id, new.raw_user_meta_data ->> "
	       "'name');"
	       " return new; end $$;"
	       "create trigger on_auth_user_created after insert on auth.users for each row"
	       " execute procedure public.handle_new_user();");
	/* As the backend signs a user up. */
	script("set role supabase_auth_admin;"
	       "insert into auth.users (id, email, raw_user_meta_data) values ('" ANN
	       "', 'ann@example.org', '{\"name\":\"Ann\"}'),"
	       " ('" BOB "', 'bob@example.org', '{\"name\":\"Bob\"}');"
	       "insert into auth.identities (provider_id, user_id, identity_data, provider) values"
	       " ('" ANN "', '" ANN "', '{\"email\":\"Ann@example.org\"}', 'email');"
	       "insert into auth.sessions (id, user_id, aal) values ('" ANN "', '" ANN "', 'aal1');"
	       "insert into auth.refresh_tokens (token, user_id, session_id) values ('t', '" ANN "', '" ANN "');");
	is("select email from auth.identities", "ann@example.org");
	assert_string_equal(as_user("authenticated", ANN, "select string_agg(name, ' ') from profiles"), "Ann");
	assert_string_equal(as_user("authenticated", BOB, "select string_agg(name, ' ') from profiles"), "Bob");
	assert_string_equal(as_user("anon", ANN, "select count(*) from profiles"), "0");
	assert_string_equal(as_user("service_role", ANN, "select count(*) from profiles"), "2");
	assert_string_equal(as_user("authenticated", ANN, "select auth.uid() || auth.role() || auth.email()"),
			    ANN "authenticateda@example.org");
	assert_non_null(
	    strstr(as_user("authenticated", ANN, "insert into profiles values (gen_random_uuid()) returning 1"),
		   "row-level security"));
	assert_non_null(strstr(as_user("authenticated", ANN, "select count(*) from auth.users"), "permission denied"));
	assert_non_null(strstr(as_user("anon", ANN, "select count(*) from vault.secrets"), "permission denied"));
	assert_non_null(strstr(as_user("anon", ANN, "select count(*) from freehold.prelude"), "permission denied"));
	script("set role supabase_auth_admin; delete from auth.users where id = '" ANN "'");
	is("select string_agg(name, ' ') from profiles", "Bob");
	is("select count(*) from auth.sessions", "0");
	refused("insert into auth.users (id, email) values (gen_random_uuid(), 'bob@example.org')", "23505");
}

static void test_storage(void **state)
{
	(void)state;
	script("insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values"
	       " ('avatars', 'avatars', true, 5242880, array['image/png']) on conflict (id) do nothing;"
	       "alter table storage.objects enable row level security;"
	       "create policy \"Own folder\" on storage.objects for insert to authenticated with check"
	       " (bucket_id = 'avatars' and auth.uid()::text = (storage.foldername(name))[1]);"
	       "create policy \"See\" on storage.objects for select using (bucket_id = 'avatars');"
	       "drop policy \"See\" on storage.objects; create policy \"See\" on storage.objects for select using "
	       "(true);");
	assert_string_equal(as_user("authenticated", ANN,
				    "insert into storage.objects (bucket_id, name) values ('avatars', '" ANN
				    "/a/me.png') returning path_tokens[3]"),
			    "me.png");
	assert_non_null(strstr(as_user("authenticated", BOB,
				       "insert into storage.objects (bucket_id, name) values ('avatars', '" ANN
				       "/x.png') returning 1"),
			       "row-level security"));
	is("select storage.foldername('a/b/c.tar.gz')", "{a,b}");
	is("select storage.foldername('c')", "{}");
	is("select storage.filename('a/b/c.tar.gz') || storage.extension('a/b/c.tar.gz')", "c.tar.gzgz");
}

static void test_extensions(void **state)
{
	(void)state;
	is("select length(uuid_generate_v4()::text)", "36");
	is("select length(extensions.uuid_generate_v4()::text)", "36");
	is("select length(gen_random_bytes(4)) + length(extensions.gen_random_bytes(4))", "8");
	is("select crypt('a', '$2a$06$abcdefghijklmnopqrstuu') is not null", "t");
	script("set client_min_messages = error; create extension if not exists \"uuid-ossp\" with schema extensions;"
	       "create extension if not exists pgcrypto; create extension pg_trgm; create extension citext with schema "
	       "extensions;"
	       "create extension btree_gist; create extension unaccent; create extension hstore; create extension "
	       "fuzzystrmatch;"
	       "create schema if not exists extensions;");
}

static void test_realtime(void **state)
{
	(void)state;
	script(
	    "create table public.live (id int); alter publication supabase_realtime add table public.live;"
	    "alter table live replica identity full;"
	    "create policy topics on realtime.messages for select to authenticated using (realtime.topic() = 'room:1');"
	    "create function ping() returns trigger language plpgsql security definer as $$ begin"
	    " perform realtime.broadcast_changes('room:1', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);"
	    " perform realtime.send(jsonb_build_object('a', 1), 'e', 't', false); return null; end $$;"
	    "create trigger ping after insert on live for each row execute function ping(); insert into live values "
	    "(7);");
	is("select payload #>> '{record,id}' || topic || private from realtime.messages where event = 'INSERT'",
	   "7room:1true");
	is("select count(*) from realtime.messages", "2");
	is("select string_agg(tablename, ' ') from pg_publication_tables where pubname = 'supabase_realtime'", "live");
}

static void test_cron(void **state)
{
	(void)state;
	is("select cron.schedule('a', '0 3 * * *', 'select 1')", "1");
	is("select cron.schedule('a', '*/5 0-6,9 1 jan,feb mon-fri', $$select 2$$)", "1");
	is("select command || schedule from cron.job where jobname = 'a'", "select 2*/5 0-6,9 1 jan,feb mon-fri");
	is("select cron.schedule('30 seconds', 'select 1') > 1", "t");
	is("select cron.unschedule('a')", "t");
	is("select bool_and(cron.unschedule(jobid)) from cron.job", "t");
	is("select count(*) from cron.job_run_details", "0");
	refused("select cron.unschedule('a')", "P0001");
	refused("select cron.schedule('x', 'every day', 'select 1')", "22023");
	refused("select cron.schedule('x', '0 3 * *', 'select 1')", "22023");
	script(
	    "grant usage on schema cron to postgres; grant all privileges on all tables in schema cron to postgres;");
}

static void test_net(void **state)
{
	(void)state;
	is("select net.http_post(url := 'https://x.example/f?a=1', headers := '{\"b\":\"c\"}'::jsonb,"
	   " body := jsonb_build_object('d', 1)) as request_id",
	   "1");
	is("select method || url || convert_from(body, 'UTF8') || (headers ->> 'b') from net.http_request_queue",
	   "POSThttps://x.example/f?a=1{\"d\": 1}c");
	is("select net.http_get('https://x.example', '{\"q\":\"1\"}')", "2");
	is("select url from net.http_request_queue where id = 2", "https://x.example?q=1");
	assert_string_equal(as_user("authenticated", BOB, "select net.http_delete('https://x.example') > 0"), "t");
	assert_non_null(
	    strstr(as_user("authenticated", BOB, "select count(*) from net.http_request_queue"), "permission denied"));
}

static void test_vault(void **state)
{
	(void)state;
	is("select vault.create_secret('hush', 'api', 'why') is not null", "t");
	is("select decrypted_secret from vault.decrypted_secrets where name = 'api'", "hush");
	is("select secret like '%hush%' or decode(secret, 'base64')::text like '%hush%' from vault.secrets", "f");
	is("select vault.update_secret(id, 'louder') is null from vault.secrets where name = 'api'", "t");
	is("select decrypted_secret || description from vault.decrypted_secrets", "louderwhy");
	refused("select vault.create_secret('other', 'api')", "23505");
	refused("insert into vault.secrets (secret) values ('x')", "42501");
	script("delete from vault.secrets");
}

static void test_pgmq(void **state)
{
	(void)state;
	script("select pgmq.create('emails'); select pgmq.create('emails')");
	is("select pgmq.send('emails', '{\"n\":1}')", "1");
	is("select pgmq.send(queue_name := 'emails', msg := jsonb_build_object('n', 2), delay := 60)", "2");
	is("select message ->> 'n' || read_ct from pgmq.read('emails', 30, 10)", "11");
	is("select count(*) from pgmq.read('emails', 30, 10)", "0");
	is("select count(*) from pgmq.set_vt('emails', 1, 0)", "1");
	is("select string_agg(read_ct::text, ',') from pgmq.read('emails', 0, 10)", "2");
	is("select pgmq.archive('emails', 1)", "t");
	is("select pgmq.delete('emails', 2::bigint)", "t");
	is("select pgmq.delete('emails', 2)", "f");
	is("select count(*) from pgmq.a_emails", "1");
	is("select count(*) from pgmq.send_batch('emails', array['{}', '{}']::jsonb[])", "2");
	is("select queue_length from pgmq.metrics('emails')", "2");
	is("select msg_id from pgmq.pop('emails')", "3");
	is("select pgmq.purge_queue('emails')", "1");
	is("select pgmq.drop_queue('emails')", "t");
	refused("select pgmq.create('a\"; drop table x')", "P0001");
	script("grant usage on schema pgmq to service_role; grant all on all tables in schema pgmq to service_role;");
}

/* The backend hears of every change to the schema, once a transaction. */
static void test_notice(void **state)
{
	(void)state;
	struct err err;
	struct pg_conn *listener = NULL;
	assert_true(owndb_connect(&box.db, "postgres", &listener, &err));
	assert_true(pg_conn_exec(listener, "listen pgrst", 0, NULL, NULL, NULL, &err));
	script("create table public.noted (id int); create view noted_too as select 1 as one;");
	script("create temp table passing (id int)");
	script("drop view noted_too");
	script("insert into noted values (1)");
	assert_true(pg_conn_exec(listener, "select 1", 0, NULL, NULL, NULL, &err));
	int heard = 0;
	for (PGnotify *n; (n = PQnotifies(pg_conn_raw(listener))) != NULL; heard++) {
		assert_string_equal(n->extra, "reload schema");
		PQfreemem(n);
	}
	assert_int_equal(heard, 2);
	pg_conn_close(listener);
}

static void test_grants(void **state)
{
	(void)state;
	script(
	    "create table public.open (id serial); create function public.fn() returns int language sql as 'select 1'");
	assert_string_equal(as_user("anon", ANN, "insert into open default values returning id"), "1");
	assert_string_equal(as_user("anon", ANN, "select fn()"), "1");
	script("revoke all on public.open from anon");
	assert_non_null(strstr(as_user("anon", ANN, "select count(*) from open"), "permission denied"));
	assert_non_null(strstr(as_user("anon", ANN, "select pgmq.send('x', '{}')"), "permission denied"));
	assert_non_null(
	    strstr(as_user("anon", ANN, "select cron.schedule('x', '* * * * *', 'select 1')"), "permission denied"));
}

/* What an owner who sets the whole database read-only gets of Freehold's next edition. */
static void test_read_only(void **state)
{
	(void)state;
	struct err err;
	int run = 0;
	ownbox_script(&box, "supabase_admin", "delete from freehold.prelude where name like '090%'");
	ownbox_script(&box, "supabase_admin", "alter database postgres set default_transaction_read_only = on");
	bool ok = owndb_prelude(&box.db, &run, &err);
	ownbox_script(&box, "supabase_admin", "alter database postgres reset default_transaction_read_only");
	if (!ok) fail_msg("%s", err.msg);
	assert_int_equal(run, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_roles),    cmocka_unit_test(test_users_and_row_security),
	    cmocka_unit_test(test_storage),  cmocka_unit_test(test_extensions),
	    cmocka_unit_test(test_realtime), cmocka_unit_test(test_cron),
	    cmocka_unit_test(test_net),      cmocka_unit_test(test_vault),
	    cmocka_unit_test(test_pgmq),     cmocka_unit_test(test_notice),
	    cmocka_unit_test(test_grants),   cmocka_unit_test(test_read_only),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
