/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold db import --files: where the files of the storage come from, told before the import that brings them. The
 * old project's key opens everything there, so it stands on no command line, which others of the machine can read. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/db.h"
#include "cli/db_import.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"

#define KEY_VARIABLE "FREEHOLD_FILES_KEY"
#define KEY_MAX 4096
#define LISTED 20

static bool read_key(const struct cli *cli, struct buf *ret_key, struct err *err)
{
	const char *file = cli_value(cli, "files-key"), *set = getenv(KEY_VARIABLE);
	if (file != NULL && (strncmp(file, "eyJ", 3) == 0 || strncmp(file, "sb_", 3) == 0))
		return err_set(err, ERR_INVALID,
			       "a key does not belong on a command line, where others can read it: put it into a file "
			       "and say --files-key FILE, or into the variable " KEY_VARIABLE);
	if (file != NULL && strcmp(file, "-") != 0)
		return file_read(file, ret_key, err) || err_wrap(err, "--files-key");
	if (file == NULL && set != NULL) {
		buf_puts(ret_key, set);
		return true;
	}
	return cli_read_value(STR("the old project's service_role key"), ret_key, err);
}

static bool is_web(const char *from)
{
	return strncmp(from, "https://", 8) == 0 || strncmp(from, "http://", 7) == 0;
}

bool db_import_tell_files(const struct db_words *w, struct err *err)
{
	const char *from = cli_value(w->cli, "files");
	json_t *answer JSON_CLEANUP = NULL, *body JSON_CLEANUP = NULL;
	struct buf key BUF_CLEANUP;
	char whole[PATH_MAX];
	buf_init(&key, KEY_MAX);
	if (from == NULL) return true;
	if (is_web(from)) {
		if (!read_key(w->cli, &key, err)) return false;
	} else if (realpath(from, whole) == NULL) {
		return err_set_errno(err, "--files %s", from);
	} else if (!file_is_dir(whole)) {
		return err_set(err, ERR_INVALID,
			       "--files takes the old project's address (https://...) or a folder that holds "
			       "BUCKET/PATH; %s is a file",
			       from);
	}
	struct str line = str_trim(buf_view(&key));
	body = json_pack("{s:s, s:s%}", "from", is_web(from) ? from : whole, "key", line.len > 0 ? line.ptr : "",
			 line.len);
	if (key.len > 0) explicit_bzero(key.ptr, key.len);
	if (body == NULL) return err_set(err, ERR_INVALID, "the key is not text");
	return db_ask(w, "POST", "/import/files", body, &answer, err);
}

void db_import_put_files(const json_t *files, struct buf *out)
{
	const json_t *list = json_object_get(files, "list");
	char size[TEXT_SHORT_SIZE];
	if (files == NULL) return;
	text_size(size, (uint64_t)json_int(files, "bytes", 0));
	buf_printf(out, "\nFiles of the storage: %lld (%s); %lld came, %lld were here",
		   (long long)json_int(files, "wanted", 0), size, (long long)json_int(files, "brought", 0),
		   (long long)json_int(files, "here", 0));
	int64_t missing = json_int(files, "missing", 0), differ = json_int(files, "differ", 0);
	if (missing > 0) buf_printf(out, ", %lld are missing", (long long)missing);
	if (differ > 0) buf_printf(out, ", %lld are others than their rows tell of", (long long)differ);
	buf_puts(out, missing + differ == 0 ? ". Each has the size and the sum that its row tells of.\n" : ".\n");
	for (size_t i = 0; i < json_array_size(list) && i < LISTED; i++) {
		const json_t *one = json_array_get(list, i);
		buf_puts(out, "  ");
		text_clean(out, str_from(json_str(one, "name", "")), TEXT_LINE);
		buf_printf(out, ": %s\n", json_str(one, "why", ""));
	}
	if (json_array_size(list) > LISTED)
		buf_printf(out, "  and %zu more (--json shows them)\n", json_array_size(list) - LISTED);
	if (json_int(files, "dropped", 0) > 0)
		buf_printf(out, "  The rows of these %lld were removed.\n", (long long)json_int(files, "dropped", 0));
}
