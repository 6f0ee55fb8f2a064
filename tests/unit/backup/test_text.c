/* SPDX-License-Identifier: Apache-2.0
 *
 * What pgBackRest is told and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backup/conf.h"
#include "backup/derive.h"
#include "backup/info.h"
#include "backup/kit.h"
#include "codec/json.h"

static void test_places(void **state)
{
	(void)state;
	struct err err;
	struct backup_place p;
	assert_true(conf_place_parse("/mnt/disk/", &p, &err));
	assert_string_equal(p.location, "/mnt/disk");
	assert_false(p.is_elsewhere);
	assert_true(conf_place_parse("s3://my-bucket/a/b/", &p, &err));
	assert_string_equal(p.location, "my-bucket/a/b");
	assert_true(p.is_elsewhere);
	static const char *const bad[] = {
	    "", "/", "mnt", "s3://", "s3://UP", "s3://bucket/../x", "s3://bucket/a b", "/a\nb", "sftp://host/x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(conf_place_parse(bad[i], &p, &err));
	assert_non_null(strstr(err.msg, "2.46"));
}

static bool write_conf(const char *location, struct buf *out, struct err *err)
{
	struct backup_place p = {.id = 2, .kind = "s3"};
	p.options = json_pack("{s:s, s:s}", "endpoint", "127.0.0.1:9000", "key_id", "id");
	p.secret = json_pack("{s:s}", "secret", location);
	(void)snprintf(p.location, sizeof p.location, "bucket/x");
	struct conf_spec spec = {.place = &p,
				 .repo_path = "/x/db/shop-1",
				 .passphrase = "pass",
				 .data_dir = "/d",
				 .socket_dir = "/s",
				 .lock_dir = "/l",
				 .superuser = "su"};
	bool ok = conf_pgbackrest(out, &spec, err);
	json_decref(p.options);
	json_decref(p.secret);
	return ok;
}

static void test_conf(void **state)
{
	(void)state;
	struct err err;
	struct buf out BUF_CLEANUP;
	buf_init(&out, BACKUP_CONF_MAX_BYTES);
	assert_true(write_conf("secret", &out, &err));
	assert_non_null(
	    strstr(buf_cstr(&out), "\nrepo1-s3-bucket=bucket\nrepo1-s3-endpoint=127.0.0.1\nrepo1-storage-port=9000\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nrepo1-s3-key-secret=secret\n"));
	buf_clear(&out);
	/* A value cannot become a line of its own. */
	assert_false(write_conf("secret\nrepo1-cipher-type=none", &out, &err));
	assert_false(write_conf("", &out, &err));
}

static void test_derive(void **state)
{
	(void)state;
	struct err err;
	char one[DERIVE_SIZE], two[DERIVE_SIZE], again[DERIVE_SIZE];
	const char *key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	assert_true(derive_passphrase(key, "db/shop-1", one, &err));
	assert_true(derive_passphrase(key, "db/shop-2", two, &err));
	assert_true(derive_passphrase(key, "db/shop-1", again, &err));
	assert_string_equal(one, again);
	assert_string_not_equal(one, two);
	assert_int_equal(strlen(one), 64);
	assert_false(derive_passphrase("short", "x", one, &err));
}

static void test_info(void **state)
{
	(void)state;
	struct err err;
	json_t *list JSON_CLEANUP = NULL, *known JSON_CLEANUP = NULL;
	static const char text[] =
	    "WARN: something\n[{\"backup\":[{\"archive\":{\"start\":\"0000000A0000000000000004\"},\"error\":false,"
	    "\"info\":{\"repository\":{\"delta\":2850048},\"size\":23033475},\"label\":\"20261130-114443F\","
	    "\"timestamp\":{\"start\":1796039083,\"stop\":1796039088},\"type\":\"full\"}],\"name\":\"main\"}]";
	assert_true(info_read(str_from(text), NULL, 77, &list, &err));
	const json_t *b = json_array_get(list, 0);
	assert_int_equal(json_int(b, "timeline", 0), 10);
	assert_int_equal(json_int(b, "stop_ms", 0), 1796039088000);
	assert_int_equal(json_int(b, "taken_at_ms", 0), 77);
	assert_true(info_read(str_from(text), list, 99, &known, &err));
	assert_int_equal(json_int(json_array_get(known, 0), "taken_at_ms", 0), 77);
	/* A folder that is away: not "there are none" where some are known, but nothing yet where none are. */
	struct str away =
	    STR("[{\"backup\":[],\"name\":\"main\",\"status\":{\"code\":1,\"message\":\"missing stanza path\"}}]");
	json_t *none = NULL;
	assert_false(info_read(away, list, 99, &none, &err));
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_true(info_read(away, NULL, 99, &none, &err));
	assert_int_equal(json_array_size(none), 0);
	json_decref(none);
	assert_false(info_read(STR("nonsense"), NULL, 0, &known, &err));
	assert_false(info_read(STR("[{\"backup\":"), NULL, 0, &known, &err));

	double done = 0;
	assert_true(info_progress(STR("P01 DETAIL: backup file /x/1259 (112KB, 42.50%) checksum 12ab"), &done));
	assert_true(done > 0.42 && done < 0.43);
	assert_false(info_progress(STR("P00   INFO: full backup size = 22.0MB"), &done));
	assert_false(info_progress(STR("%) checksum"), &done));

	struct str why;
	assert_true(info_error(STR("WARN: x\nERROR: [082]: WAL segment was not archived\n       HINT: y"), &why));
	assert_true(str_eq(why, STR("WAL segment was not archived")));
	assert_true(info_error(STR("ERROR: [103]: unable to find a valid repository:\n"
				   "       repo1: [FileMissingError] unable to load info file 'a' or 'b':\n"
				   "       FileMissingError: unable to open missing file 'a' for read\n"
				   "       HINT: x"),
			       &why));
	assert_true(str_eq(why, STR("FileMissingError: unable to open missing file 'a' for read")));
	assert_true(info_error(STR("ERROR: [103]: unable to find a valid repository:"), &why));
	assert_true(str_eq(why, STR("unable to find a valid repository:")));
	assert_false(info_error(STR("INFO: fine"), &why));
}

static void test_kit(void **state)
{
	(void)state;
	struct err err;
	const char *key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	char read[BACKUP_KEY_SIZE];
	struct backup_places places = {.count = 2}, back;
	struct buf text BUF_CLEANUP;
	buf_init(&text, KIT_MAX_BYTES);
	places.list[0] = (struct backup_place){.id = 1, .kind = "home", .options = json_object()};
	places.list[1] = (struct backup_place){.id = 3, .kind = "s3", .location = "bucket/x", .is_elsewhere = true};
	places.list[1].options = json_pack("{s:s}", "endpoint", "host");
	places.list[1].secret = json_pack("{s:s}", "secret", "s");
	kit_write(&text, key, &places, "today");
	assert_true(kit_read(buf_view(&text), read, &back, &err));
	assert_string_equal(read, key);
	assert_int_equal(back.count, 1); /* the lost disk is no place to recover from */
	assert_int_equal(back.list[0].id, 3);
	assert_string_equal(back.list[0].location, "bucket/x");
	assert_true(back.list[0].is_elsewhere);
	assert_string_equal(json_str(back.list[0].secret, "secret", ""), "s");
	backup_places_done(&back);
	for (size_t len = 0; len + 2 < text.len; len += 7)
		assert_false(kit_read((struct str){text.ptr, len}, read, &back, &err));
	backup_places_done(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_places), cmocka_unit_test(test_conf), cmocka_unit_test(test_derive),
	    cmocka_unit_test(test_info),   cmocka_unit_test(test_kit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
