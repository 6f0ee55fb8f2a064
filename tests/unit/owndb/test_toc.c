/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "owndb/toc.h"

static void is(const char *line, const char *kind, const char *schema, const char *name, const char *owner,
	       enum toc_way way)
{
	struct toc_entry e;
	assert_true(toc_parse(str_from(line), &e));
	assert_true(str_eq(e.kind, str_from(kind)));
	assert_true(str_eq(e.schema, str_from(schema)));
	assert_true(str_eq(e.name, str_from(name)));
	assert_true(str_eq(e.owner, str_from(owner)));
	assert_int_equal(e.way, way);
	if (way == TOC_LEFT || way == TOC_REFUSED) assert_non_null(e.why);
}

static void test_entries(void **state)
{
	(void)state;
	is("3400; 6104 16800 PUBLICATION - freehold_move_abc postgres", "PUBLICATION", "-", "freehold_move_abc",
	   "postgres", TOC_LEFT);
	is("3401; 6106 16801 PUBLICATION TABLE public freehold_move_abc notes postgres", "PUBLICATION TABLE", "public",
	   "freehold_move_abc notes", "postgres", TOC_LEFT);
	is("225; 1259 16390 TABLE public notes postgres", "TABLE", "public", "notes", "postgres", TOC_APP);
	is("3412; 0 16390 TABLE DATA public Order Lines postgres", "TABLE DATA", "public", "Order Lines", "postgres",
	   TOC_APP);
	is("3500; 0 0 SEQUENCE SET public notes_id_seq postgres", "SEQUENCE SET", "public", "notes_id_seq", "postgres",
	   TOC_APP);
	is("3290; 2606 16420 FK CONSTRAINT public notes notes_owner_fkey postgres", "FK CONSTRAINT", "public",
	   "notes notes_owner_fkey", "postgres", TOC_APP);
	is("7; 2615 2200 SCHEMA - public pg_database_owner", "SCHEMA", "-", "public", "pg_database_owner", TOC_LEFT);
	is("9; 2615 16400 SCHEMA - reports postgres", "SCHEMA", "-", "reports", "postgres", TOC_APP);
	is("2; 3079 16387 EXTENSION - pgcrypto ", "EXTENSION", "-", "pgcrypto", "", TOC_EXTENSION);
}

static void test_host_schemas(void **state)
{
	(void)state;
	is("8; 2615 16385 SCHEMA - auth supabase_admin", "SCHEMA", "-", "auth", "supabase_admin", TOC_MANAGED);
	is("300; 1259 16500 TABLE auth users supabase_auth_admin", "TABLE", "auth", "users", "supabase_auth_admin",
	   TOC_MANAGED);
	is("3600; 0 16500 TABLE DATA auth users supabase_auth_admin", "TABLE DATA", "auth", "users",
	   "supabase_auth_admin", TOC_MANAGED);
	is("400; 1255 16501 FUNCTION auth uid() supabase_auth_admin", "FUNCTION", "auth", "uid()",
	   "supabase_auth_admin", TOC_LEFT);
	is("3700; 2620 16600 TRIGGER auth users on_auth_user_created supabase_auth_admin", "TRIGGER", "auth",
	   "users on_auth_user_created", "supabase_auth_admin", TOC_APP);
	is("3701; 2620 16601 TRIGGER storage objects update_objects_updated_at supabase_storage_admin", "TRIGGER",
	   "storage", "objects update_objects_updated_at", "supabase_storage_admin", TOC_LEFT);
	is("3702; 3256 16602 POLICY storage objects Avatars are public postgres", "POLICY", "storage",
	   "objects Avatars are public", "postgres", TOC_APP);
	is("3703; 0 0 TABLE DATA vault secrets supabase_admin", "TABLE DATA", "vault", "secrets", "supabase_admin",
	   TOC_LEFT);
	is("3704; 3466 1 EVENT TRIGGER - pgrst_ddl_watch supabase_admin", "EVENT TRIGGER", "-", "pgrst_ddl_watch",
	   "supabase_admin", TOC_LEFT);
	is("3705; 3466 1 EVENT TRIGGER - of_mine postgres", "EVENT TRIGGER", "-", "of_mine", "postgres", TOC_REFUSED);
	is("3706; 826 1 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES supabase_admin", "DEFAULT ACL", "public",
	   "DEFAULT PRIVILEGES FOR TABLES", "supabase_admin", TOC_LEFT);
}

static void test_other_lines(void **state)
{
	(void)state;
	static const char *const lines[] = {"",
					    ";",
					    "; Archive created at 2026-11-30",
					    "x; 1 2 TABLE public a b",
					    "1;1 2 TABLE a b c",
					    "1; a 2 TABLE public a b",
					    "-3; 1 2 TABLE public a b",
					    "1; 1 2"};
	struct toc_entry e;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_false(toc_parse(str_from(lines[i]), &e));
}

static void test_kinds_of_files(void **state)
{
	(void)state;
	assert_int_equal(dump_kind_of(STR("PGDMP\x01\x0e\x00")), DUMP_CUSTOM);
	assert_int_equal(dump_kind_of(STR("\x28\xb5\x2f\xfd....")), DUMP_ZSTD);
	assert_int_equal(dump_kind_of(STR("\x1f\x8b\x08")), DUMP_GZIP);
	assert_int_equal(dump_kind_of(STR("--\n-- PostgreSQL database dump\n--\n")), DUMP_TEXT);
	assert_int_equal(dump_kind_of(STR("\x01\x02")), DUMP_UNKNOWN);
	assert_int_equal(dump_kind_of(STR("")), DUMP_UNKNOWN);
	assert_int_equal(dump_major(STR("PGDMP\x01\x0e\x00")), 15);
	assert_int_equal(dump_major(STR("PGDMP\x01\x0f\x00")), 16);
	assert_int_equal(dump_major(STR("PGDMP\x01\x10\x00")), 17);
	assert_int_equal(dump_major(STR("select 1")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_entries), cmocka_unit_test(test_host_schemas),
					   cmocka_unit_test(test_other_lines), cmocka_unit_test(test_kinds_of_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
