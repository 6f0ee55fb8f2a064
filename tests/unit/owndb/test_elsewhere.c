/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/elsewhere.h"
#include "owndb/prelude_elsewhere.h"

#define URL "postgresql://keeper:s%2Fcret@db.example.com:6000/shop"

static void refuses(const char *url, const char *words)
{
	struct err err = {0};
	assert_false(owndb_elsewhere_url_check(url, &err));
	if (strstr(err.msg, words) == NULL) fail_msg("%s: %s", url, err.msg);
	assert_null(strstr(err.msg, "secret"));
}

static void test_url(void **state)
{
	struct err err;
	char shown[400];
	(void)state;
	assert_true(owndb_elsewhere_url_check(URL, &err));
	assert_true(owndb_elsewhere_url_check("postgres://u:p@h/d?sslmode=verify-full&connect_timeout=5", &err));
	refuses("mysql://u:secret@h/d", "postgresql://");
	refuses("host=h user=u password=secret", "postgresql://");
	refuses("postgresql://u:secret@h/%zz", "not understood");
	refuses("postgresql://u:secret@h/d?pgbouncer=true", "\"pgbouncer\"");
	refuses("postgresql://u:secret@/d", "host");
	refuses("postgresql://u:secret@%2Frun%2Fother/d", "host");
	refuses("postgresql://u@h/d", "password");
	refuses("postgresql://u:secret@h", "database");
	refuses("postgresql://u:secret@h/d?sslkey=/etc/shadow", "sslkey");
	refuses("postgresql://u:secret@h/d?passfile=/etc/shadow", "passfile");
	refuses("postgresql://u:secret@h/d?service=x", "service");
	assert_true(owndb_elsewhere_shown(URL, shown, sizeof shown, &err));
	assert_string_equal(shown, "db.example.com:6000/shop as keeper");
}

static void leads(const char *url, enum elsewhere_door door, const char *role, const char *expected)
{
	const struct owndb_elsewhere e = {.url = url, .login = "fh_shop_abc", .password = "made"};
	char conninfo[ELSEWHERE_CONNINFO_SIZE];
	struct err err;
	assert_true(owndb_elsewhere_conninfo(&e, door, role, "-c lock_timeout=8s", conninfo, &err));
	if (strstr(conninfo, expected) == NULL) fail_msg("no %s in %s", expected, conninfo);
}

static void test_conninfo(void **state)
{
	(void)state;
	leads(URL, ELSEWHERE_AS_OWNER, OWNDB_SUPERUSER, "user='keeper' password='s/cret'");
	leads(URL, ELSEWHERE_AS_OWNER, OWNDB_SUPERUSER,
	      "idle_session_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=8s'");
	leads(URL, ELSEWHERE_AS_OWNER, OWNDB_MIGRATOR, " -c role=freehold_owner -c lock_timeout=8s'");
	leads(URL, ELSEWHERE_AS_BACKEND, "authenticator", "user='fh_shop_abc' password='made'");
	leads(URL, ELSEWHERE_AS_BACKEND, "authenticator", "-c role=authenticator");
	leads(URL, ELSEWHERE_AS_READER, NULL, "user='fh_shop_abc_changes'");
	leads(URL, ELSEWHERE_AS_OWNER, NULL, "sslmode='require'");
	leads("postgresql://u:p@127.0.0.1/d", ELSEWHERE_AS_OWNER, NULL, "sslmode='prefer'");
	leads("postgresql://u:p@h/d?sslmode=disable", ELSEWHERE_AS_OWNER, NULL, "sslmode='disable'");
	leads("postgresql://u:p@h/d?sslmode=verify-full", ELSEWHERE_AS_OWNER, NULL,
	      "sslrootcert='/etc/ssl/certs/ca-certificates.crt'");
	leads("postgresql://u:p@h/d?options=endpoint%3Dx", ELSEWHERE_AS_BACKEND, "authenticator",
	      "options='endpoint=x -c idle_session_timeout=0 ");
	leads("postgresql://u:p@127.0.0.1/d?hostaddr=192.0.2.9", ELSEWHERE_AS_OWNER, NULL, "sslmode='require'");
	leads("postgresql://o'brien:p@h/d", ELSEWHERE_AS_OWNER, NULL, "user='o\\'brien'");
}

static void means(const char *url, bool has_authority, const char *expected)
{
	char mode[ELSEWHERE_SSLMODE_SIZE] = "";
	struct err err = {0};
	bool ok = owndb_elsewhere_sslmode(url, has_authority, mode, &err);
	if (ok ? strcmp(mode, expected) != 0 : strstr(err.msg, expected) == NULL)
		fail_msg("%s: %s %s, not %s", url, mode, err.msg, expected);
}

static void test_sslmode(void **state)
{
	(void)state;
	means("postgresql://u:p@h/d", false, "verify-full");
	means("postgresql://u:p@h/d", true, "verify-full");
	means("postgresql://u:p@h/d?sslmode=require", false, "require");
	means("postgresql://u:p@h/d?sslmode=require", true, "verify-full");
	means("postgresql://u:p@h/d?sslmode=verify-ca", true, "verify-ca");
	means("postgresql://u:p@h/d?sslmode=verify-ca", false, "proves nothing");
	means("postgresql://u:p@h/d?sslmode=disable", true, "disable");
	means("postgresql://u:p@h/d?sslmode=prefer", false, "protects nothing");
	means("postgresql://u:p@h/d?sslmode=no-verify", false, "none of PostgreSQL's");
	means("postgresql://u:p@localhost/d", false, "prefer");
	means("postgresql://u:p@localhost/d", true, "verify-full");
	means("postgresql://u:p@localhost/d?hostaddr=192.0.2.9", false, "verify-full");
	means("postgresql://u:p@127.0.0.1/d?sslmode=prefer", false, "prefer");
}

static void proves(const char *url, const char *sslmode, enum elsewhere_proof expected)
{
	assert_int_equal(owndb_elsewhere_proof(&(struct owndb_elsewhere){.url = url, .sslmode = sslmode}), expected);
}

static void test_proof(void **state)
{
	(void)state;
	proves(URL, "require", ELSEWHERE_UNPROVED);
	proves(URL, "verify-full", ELSEWHERE_BY_CERTIFICATE);
	proves(URL "?channel_binding=require", "require", ELSEWHERE_BY_CHANNEL_BINDING);
	proves(URL "?channel_binding=require", "disable", ELSEWHERE_UNPROVED);
	proves(URL "?channel_binding=prefer", "require", ELSEWHERE_UNPROVED);
}

static void serves(const char *url, const char *sslmode, const char *expected)
{
	char made[ELSEWHERE_URL_MAX];
	struct err err;
	const struct owndb_elsewhere e = {
	    .url = url, .login = "fh_shop_abc", .password = "no", .server_password = "m+ade", .sslmode = sslmode};
	assert_true(owndb_elsewhere_server_url(&e, made, sizeof made, &err));
	assert_string_equal(made, expected);
}

/* What drivers of Node read: nothing of the owner's, and no word that one of them would send on to the server. */
static void test_server_url(void **state)
{
	(void)state;
	serves(URL "?channel_binding=require&options=endpoint%3Dx", "require",
	       "postgresql://fh_shop_abc_server:m%2Bade@db.example.com:6000/shop?sslmode=require");
	serves("postgresql://u:p@[2001:db8::1]/a%2Fb", "verify-full",
	       "postgresql://fh_shop_abc_server:m%2Bade@[2001:db8::1]:5432/a%2Fb?sslmode=verify-full");
	serves("postgresql://u:p@127.0.0.1/d", "prefer",
	       "postgresql://fh_shop_abc_server:m%2Bade@127.0.0.1:5432/d?sslmode=disable");
}

static void renames(const char *text, const char *expected)
{
	struct buf out BUF_CLEANUP;
	buf_init(&out, 1024);
	prelude_rename_roles(str_from(text), "o\"k", &out);
	assert_string_equal(buf_cstr(&out), expected);
}

static void test_rename(void **state)
{
	(void)state;
	renames("grant x to postgres, supabase_admin;", "grant x to freehold_owner, \"o\"\"k\";");
	renames("postgres", "freehold_owner");
	renames("postgres_fdw my_postgres POSTGRES postgresql", "postgres_fdw my_postgres POSTGRES postgresql");
	renames("", "");
}

/* What only a superuser could run has another form there. */
static void test_files(void **state)
{
	const struct prelude_file *files = NULL;
	struct err err;
	struct arena *arena = arena_new(2u << 20);
	(void)state;
	assert_true(prelude_elsewhere("keeper", arena, &files, &err));
	const char *before = "";
	for (; files->name != NULL; files++) {
		assert_true(strcmp(before, files->name) < 0);
		assert_null(strstr(files->text, "supabase_admin"));
		assert_true(strncmp(files->name, "011", 3) != 0 && strncmp(files->name, "012", 3) != 0);
		if (strcmp(files->name, "010_roles.sql") == 0)
			assert_non_null(strstr(files->text, "'freehold_owner', 'anon'"));
		before = files->name;
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_url),      cmocka_unit_test(test_sslmode),
					   cmocka_unit_test(test_proof),    cmocka_unit_test(test_server_url),
					   cmocka_unit_test(test_conninfo), cmocka_unit_test(test_rename),
					   cmocka_unit_test(test_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
