/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/toml.h"
#include "intake/auth_config.h"
#include "os/file.h"

static struct err err;

static json_t *read_toml(const char *text)
{
	json_t *value = NULL;
	if (!toml_parse(str_from(text), &value, &err)) fail_msg("%s", err.msg);
	return value;
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[FILE_PATH_SIZE], *slash;
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_true(file_mkdirs(path, 0755, &err));
	*slash = '/';
	assert_true(file_write(path, str_from(text), 0644, &err));
}

static void test_mails_are_read(void **state)
{
	(void)state;
	char dir[] = "/tmp/fh-authconfig-XXXXXX";
	struct source source;
	struct arena *arena = arena_new(4 << 20);
	assert_non_null(mkdtemp(dir));
	put(dir, "supabase/mails/invite.html", "<p>come");
	put(dir, "supabase/templates/recovery.html", "<p>again");
	put(dir, "outside.html", "no");
	assert_true(source_open(dir, arena, &source, &err));
	json_t *config JSON_CLEANUP =
	    read_toml("[auth]\nsite_url = \"x\"\n"
		      "[auth.email.template.invite]\ncontent_path = \"./supabase/mails/invite.html\"\n"
		      "[auth.email.template.recovery]\ncontent_path = \"./templates/recovery.html\"\n"
		      "[auth.email.template.magic_link]\ncontent_path = \"../../etc/passwd\"\n"
		      "[auth.email.notification.email_changed]\ncontent_path = \"outside.html\"\n");
	json_t *section JSON_CLEANUP = auth_config_read(&source, "", config);
	json_t *templates = json_object_get(json_object_get(section, "email"), "template");
	assert_string_equal(json_str(json_object_get(templates, "invite"), "content", ""), "<p>come");
	assert_string_equal(json_str(json_object_get(templates, "recovery"), "content", ""), "<p>again");
	assert_null(json_object_get(json_object_get(templates, "magic_link"), "content"));
	assert_string_equal(json_str(section, "site_url", ""), "x");
	arena_free(arena);
	assert_true(file_remove_tree(dir, &err));
}

static void test_bounds(void **state)
{
	(void)state;
	json_t *none JSON_CLEANUP = read_toml("project_id = \"x\"\n"), *odd JSON_CLEANUP = read_toml("auth = 7\n");
	assert_null(auth_config_bounded(none));
	assert_null(auth_config_bounded(odd));
	json_t *config JSON_CLEANUP =
	    json_pack("{s:{s:{s:{s:{s:{s:{s:i}}}}}}}", "auth", "a", "b", "c", "d", "e", "f", 1);
	char *deep = json_text(config);
	json_t *shallow JSON_CLEANUP = auth_config_bounded(config);
	char *text = json_text(shallow);
	assert_true(strlen(text) < strlen(deep));
	free(text), free(deep);
	json_t *auth = json_object();
	json_t *wide JSON_CLEANUP = json_pack("{s:o}", "auth", auth);
	for (int i = 0; i < 2 * AUTH_CONFIG_MAX_MEMBERS; i++) {
		char name[20];
		(void)snprintf(name, sizeof name, "m%d", i);
		(void)json_object_set_new(auth, name, json_integer(i));
	}
	json_t *few JSON_CLEANUP = auth_config_bounded(wide);
	assert_true(json_object_size(few) < AUTH_CONFIG_MAX_MEMBERS);
	char *longer = calloc(1, AUTH_CONFIG_MAX_TEXT + 2);
	memset(longer, 'x', AUTH_CONFIG_MAX_TEXT + 1);
	json_t *wordy JSON_CLEANUP = json_pack("{s:{s:s, s:i}}", "auth", "long", longer, "short", 1);
	json_t *terse JSON_CLEANUP = auth_config_bounded(wordy);
	assert_int_equal(json_object_size(terse), 1);
	free(longer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mails_are_read), cmocka_unit_test(test_bounds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
