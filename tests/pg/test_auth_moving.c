/* SPDX-License-Identifier: Apache-2.0
 *
 * A project's users are moved in: moved/auth_data.sql is what pg_dump writes of the schema auth of a project whose
 * tables GoTrue's own migrations made. They sign in with their old passwords. Arguments: freehold-backend, the folder
 * moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/totp.h"
#include "backendbox.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "http/client.h"
#include "os/file.h"
#include "os/proc.h"

static struct backendbox box;
static const char *program, *folder;
static pid_t backend;

#define SQL(text) ownbox_text(&box.db, "supabase_admin", text)

static void restore(const char *name)
{
	char psql[200], path[FILE_PATH_SIZE];
	struct buf out BUF_CLEANUP;
	struct err err;
	buf_init(&out, 1 << 16);
	(void)snprintf(psql, sizeof psql, "%s/psql", box.db.bin_dir);
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	const char *const argv[] = {psql,
				    "-X",
				    "-q",
				    "-v",
				    "ON_ERROR_STOP=1",
				    "-1",
				    "-h",
				    box.db.socket_dir,
				    "-U",
				    "supabase_admin",
				    "-d",
				    "postgres",
				    "-f",
				    path,
				    NULL};
	const struct proc_spec spec = {.argv = argv, .deadline_ms = 60000};
	if (!proc_run_ok(&spec, &out, &err)) fail_msg("%s: %s", err.msg, buf_cstr(&out));
}

static int setup(void **state)
{
	(void)state;
	backendbox_init(&box, program, NULL, "http://shop.localhost");
	/* As 28 of 42 apps have it. A dump's rows are not sign-ups. */
	ownbox_script(&box.db, "postgres",
		      "create table public.profiles (id uuid primary key references auth.users (id) on delete cascade);"
		      "create function public.on_sign_up() returns trigger language plpgsql security definer as "
		      "$$ begin insert into public.profiles values (new.id); return new; end $$;"
		      "create trigger on_auth_user_created after insert on auth.users for each row execute function "
		      "public.on_sign_up();");
	restore("auth_data.sql");
	backend = backendbox_start(&box);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	int status = backendbox_stop(backend);
	backendbox_done(&box);
	return status;
}

static long post_as(const char *path, const char *bearer, const char *body, json_t **ret_answer)
{
	char url[300], authorization[8192];
	struct buf text BUF_CLEANUP;
	struct http_answer answer;
	struct err err;
	const char *headers[] = {"apikey: " BACKENDBOX_PUBLISHABLE_KEY, bearer != NULL ? authorization : NULL, NULL};
	(void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", bearer != NULL ? bearer : "");
	buf_init(&text, 1 << 20);
	(void)snprintf(url, sizeof url, "http://shop.localhost%s", path);
	struct http_call c = {.socket_path = box.listen,
			      .method = "POST",
			      .url = url,
			      .body = str_from(body),
			      .headers = headers,
			      .deadline_ms = 20000};
	if (!http_call(&c, &text, &answer, &err)) fail_msg("%s: %s", path, err.msg);
	if (!json_parse(buf_view(&text), ret_answer, &err)) fail_msg("%s: %s", path, buf_cstr(&text));
	return answer.status;
}

static long post(const char *path, const char *body, json_t **ret_answer)
{
	return post_as(path, NULL, body, ret_answer);
}

static json_t *sign_in(const char *email, const char *password, long status)
{
	char body[300];
	json_t *answer = NULL;
	(void)snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"}", email, password);
	long got = post("/auth/v1/token?grant_type=password", body, &answer);
	if (got != status) fail_msg("%s: %ld %s", email, got, json_text(answer));
	return answer;
}

/* Nothing that upstream has is missing here, so that any dump of its schema has a place. */
static void test_schema_is_upstreams(void **state)
{
	(void)state;
	char path[FILE_PATH_SIZE];
	struct buf wanted BUF_CLEANUP, sql BUF_CLEANUP;
	struct err err;
	buf_init(&wanted, 1 << 20), buf_init(&sql, 1 << 20);
	(void)snprintf(path, sizeof path, "%s/auth_upstream.txt", folder);
	assert_true(file_read(path, &wanted, &err));
	buf_printf(&sql,
		   "select string_agg(line, '; ') from (select line from regexp_split_to_table($w$%s$w$, '\\n') line "
		   "where line <> '' and line not like '#%%' except (",
		   buf_cstr(&wanted));
	buf_puts(&sql,
		 "select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || "
		 "case when a.attnotnull then ' not null' else '' end from pg_class c join pg_attribute a on "
		 "a.attrelid = c.oid where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and a.attnum > 0 "
		 "and not "
		 "a.attisdropped union all select 'constraint ' || conname from pg_constraint where connamespace = "
		 "'auth'::regnamespace union all select 'index ' || indexname from pg_indexes where schemaname = "
		 "'auth' union "
		 "all select 'enum ' || typname || ' ' || enumlabel from pg_enum e join pg_type t on t.oid = "
		 "e.enumtypid where "
		 "t.typnamespace = 'auth'::regnamespace)) missing");
	assert_string_equal(SQL(buf_cstr(&sql)), "");
}

static void test_rows_are_intact(void **state)
{
	(void)state;
	assert_string_equal(SQL("select count(*) from auth.users"), "4");
	assert_string_equal(SQL("select count(*) from auth.identities"), "5");
	assert_string_equal(SQL("select count(*) from public.profiles"), "0");
	assert_string_equal(
	    SQL("select raw_user_meta_data ->> 'emoji' from auth.users where email = 'ada@moved.example'"),
	    "\xF0\x9F\x98\x80");
	assert_string_equal(
	    SQL("select raw_app_meta_data ->> 'plan' from auth.users where email = 'ada@moved.example'"), "pro");
	assert_string_equal(SQL("select identity_data ->> 'iss' from auth.identities where provider = 'google'"),
			    "https://accounts.google.com");
	assert_string_equal(SQL("select token_hash from auth.one_time_tokens"),
			    "4f9f0000000000000000000000000000000000000000000000000001");
	assert_string_equal(SQL("select registration_type from auth.oauth_clients"), "manual");
}

static void test_old_passwords(void **state)
{
	(void)state;
	static const char *const users[][2] = {{"ada@moved.example", "old bcrypt password"},
					       {"grace@moved.example", "old argon2 password"},
					       {"linus@moved.example", "old firebase password"}};
	for (int i = 0; i < 3; i++) {
		json_t *session JSON_CLEANUP = sign_in(users[i][0], users[i][1], 200);
		assert_string_equal(json_str(json_object_get(session, "user"), "email", ""), users[i][0]);
		json_t *wrong JSON_CLEANUP = sign_in(users[i][0], "another password", 400);
		assert_string_equal(json_str(wrong, "error_code", json_str(wrong, "code", "")), "invalid_credentials");
	}
	/* As upstream: what was brought stays until the user sets a new one. */
	assert_string_equal(
	    SQL("select left(encrypted_password, 9) from auth.users where email = 'grace@moved.example'"), "$argon2id");
}

static void test_what_a_session_says(void **state)
{
	(void)state;
	json_t *session JSON_CLEANUP = sign_in("ada@moved.example", "old bcrypt password", 200);
	const json_t *user = json_object_get(session, "user");
	assert_string_equal(json_str(user, "id", ""), "a0000000-0000-4000-8000-000000000001");
	assert_string_equal(json_str(json_object_get(user, "app_metadata"), "plan", ""), "pro");
	assert_string_equal(json_str(json_object_get(user, "user_metadata"), "name", ""), "Ada");
	assert_int_equal(json_array_size(json_object_get(user, "identities")), 2);
}

/* Sessions came along, too: a phone that was signed in stays so. */
static void test_refresh_tokens(void **state)
{
	(void)state;
	json_t *session JSON_CLEANUP = NULL;
	assert_string_equal(SQL("select session_id from auth.refresh_tokens where id = 4712"),
			    "d0000000-0000-4000-8000-000000000001");
	long status =
	    post("/auth/v1/token?grant_type=refresh_token", "{\"refresh_token\":\"moved-token-0000000000\"}", &session);
	if (status != 200) fail_msg("%ld %s", status, json_text(session));
	assert_string_equal(SQL("select bool_and(id > 4712) from auth.refresh_tokens where token not like 'moved-%'"),
			    "t");
	assert_string_equal(SQL("select last_value > 4712 from auth.refresh_tokens_id_seq"), "t");
}

/* Of the kind that has no row: their session's key signed them. */
#define MOVED_KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define MOVED_6 "ANAAAAAAAEAAgAAAAAAAAAIG9aYXo_kY92Zr-kPjmGJnwaIMWjg"
#define MOVED_7 "ANAAAAAAAEAAgAAAAAAAAAIHP8jZ98LxuIqwqhzf9CQmfFI1emc"
#define MOVED_7_FORGED "ANAAAAAAAEAAgAAAAAAAAAIHB4kje3ecuOeiCTJISSEvrHFVFhY"
#define MOVED_3_9 "ANAAAAAAAEAAgAAAAAAAAAMJQu3M38ne2u7l6ZFckMx7ZSOyGTg" /* of the other session */

static json_t *refresh(const char *token, long status)
{
	char body[300];
	json_t *answer = NULL;
	(void)snprintf(body, sizeof body, "{\"refresh_token\":\"%s\"}", token);
	long got = post("/auth/v1/token?grant_type=refresh_token", body, &answer);
	if (got != status) fail_msg("%s: %ld %s", token, got, json_text(answer));
	return answer;
}

static void test_refresh_tokens_without_a_row(void **state)
{
	(void)state;
	ownbox_script(&box.db, "supabase_admin",
		      "insert into auth.sessions (id, user_id, created_at, updated_at, aal, refresh_token_hmac_key, "
		      "refresh_token_counter) select ('d0000000-0000-4000-8000-00000000000' || n)::uuid, "
		      "'a0000000-0000-4000-8000-000000000001', now() - interval '1 day', now(), 'aal1', '" MOVED_KEY
		      "', 7 from generate_series(2, 3) n");
	json_t *forged JSON_CLEANUP = refresh(MOVED_7_FORGED, 400);
	assert_string_equal(json_str(forged, "error_code", ""), "refresh_token_not_found");
	json_t *first JSON_CLEANUP = refresh(MOVED_7, 200);
	assert_string_equal(json_str(json_object_get(first, "user"), "email", ""), "ada@moved.example");
	/* Whoever lost the answer gets it again, and goes on. */
	json_t *again JSON_CLEANUP = refresh(MOVED_7, 200);
	assert_string_equal(json_str(again, "refresh_token", "1"), json_str(first, "refresh_token", "2"));
	json_t *next JSON_CLEANUP = refresh(json_str(first, "refresh_token", ""), 200);
	assert_string_not_equal(json_str(next, "refresh_token", ""), json_str(first, "refresh_token", ""));
	/* An older one is somebody's copy, unless the tabs of one browser came all at once. */
	json_t *tab JSON_CLEANUP = refresh(MOVED_6, 400);
	assert_string_equal(json_str(tab, "error_code", ""), "refresh_token_already_used");
	assert_string_equal(SQL("select count(*) from auth.sessions where id = 'd0000000-0000-4000-8000-000000000002'"),
			    "1");
	ownbox_script(&box.db, "supabase_admin",
		      "update auth.sessions set refreshed_at = refreshed_at - interval '1 hour'");
	json_t *copy JSON_CLEANUP = refresh(MOVED_6, 400);
	assert_string_equal(json_str(copy, "error_code", ""), "refresh_token_already_used");
	assert_string_equal(SQL("select count(*) from auth.sessions where id = 'd0000000-0000-4000-8000-000000000002'"),
			    "0");
	/* Refreshed at the old place after the copy was made. */
	json_t *ahead JSON_CLEANUP = refresh(MOVED_3_9, 200);
	assert_non_null(json_str(ahead, "access_token", NULL));
}

/* The authenticator app on a phone goes on making codes that count. */
static void test_second_factors(void **state)
{
	(void)state;
	static const char factor[] = "/auth/v1/factors/f1000000-0000-4000-8000-000000000001";
	json_t *session JSON_CLEANUP = sign_in("linus@moved.example", "old firebase password", 200);
	json_t *challenge JSON_CLEANUP = NULL, *raised JSON_CLEANUP = NULL, *claims JSON_CLEANUP = NULL;
	const char *token = json_str(session, "access_token", "");
	char path[120], body[200], code[7];
	struct err err;
	(void)snprintf(path, sizeof path, "%s/challenge", factor);
	assert_int_equal(post_as(path, token, "", &challenge), 200);
	assert_true(totp_code("JBSWY3DPEHPK3PXP", clock_wall_ms() / 1000, code));
	(void)snprintf(body, sizeof body, "{\"challenge_id\":\"%s\",\"code\":\"%s\"}", json_str(challenge, "id", ""),
		       code);
	(void)snprintf(path, sizeof path, "%s/verify", factor);
	long status = post_as(path, token, body, &raised);
	if (status != 200) fail_msg("%ld %s", status, json_text(raised));
	assert_true(jwt_peek(str_from(json_str(raised, "access_token", "")), &claims, &err));
	assert_string_equal(json_str(claims, "aal", ""), "aal2");
}

/* A mail that the old project sent is still in somebody's mailbox: its link's token confirms here. */
static void test_a_mail_of_before(void **state)
{
	(void)state;
	json_t *session JSON_CLEANUP = NULL,
			*early JSON_CLEANUP = sign_in("new@moved.example", "old bcrypt password", 400);
	assert_string_equal(json_str(early, "error_code", ""), "email_not_confirmed");
	ownbox_script(&box.db, "supabase_admin",
		      "update auth.users set confirmation_sent_at = now() - interval '10 minutes' where email = "
		      "'new@moved.example'");
	long status = post("/auth/v1/verify",
			   "{\"type\":\"signup\",\"token_hash\":"
			   "\"4f9f0000000000000000000000000000000000000000000000000001\"}",
			   &session);
	if (status != 200) fail_msg("%ld %s", status, json_text(session));
	assert_string_equal(json_str(json_object_get(session, "user"), "email", ""), "new@moved.example");
	assert_string_equal(SQL("select count(*) from auth.one_time_tokens"), "0");
}

static void test_new_users_beside_them(void **state)
{
	(void)state;
	json_t *session JSON_CLEANUP = NULL, *again JSON_CLEANUP = NULL;
	long status = post("/auth/v1/signup", "{\"email\":\"first@here.example\",\"password\":\"secret1\"}", &session);
	if (status != 200) fail_msg("%ld %s", status, json_text(session));
	assert_string_equal(SQL("select count(*) from public.profiles"), "1");
	assert_true(post("/auth/v1/signup", "{\"email\":\"ada@moved.example\",\"password\":\"secret1\"}", &again) >=
		    400);
}

int main(int argc, char **argv)
{
	if (argc != 3) return 2;
	program = argv[1];
	folder = argv[2];
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_schema_is_upstreams),   cmocka_unit_test(test_rows_are_intact),
	    cmocka_unit_test(test_old_passwords),         cmocka_unit_test(test_what_a_session_says),
	    cmocka_unit_test(test_refresh_tokens),        cmocka_unit_test(test_refresh_tokens_without_a_row),
	    cmocka_unit_test(test_second_factors),        cmocka_unit_test(test_a_mail_of_before),
	    cmocka_unit_test(test_new_users_beside_them),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
