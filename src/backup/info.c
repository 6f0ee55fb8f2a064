/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"

static int64_t taken_at(const json_t *known, const char *label, int64_t otherwise)
{
	for (size_t i = 0; i < json_array_size(known); i++) {
		const json_t *b = json_array_get(known, i);
		if (strcmp(json_str(b, "label", ""), label) == 0) return json_int(b, "taken_at_ms", otherwise);
	}
	return otherwise;
}

static json_t *read_one(const json_t *backup, const json_t *known, int64_t now_ms)
{
	const json_t *times = json_object_get(backup, "timestamp"), *info = json_object_get(backup, "info");
	const char *label = json_str(backup, "label", ""),
		   *start_wal = json_str(json_object_get(backup, "archive"), "start", "00000001");
	char timeline[9] = "";
	(void)snprintf(timeline, sizeof timeline, "%.8s", start_wal);
	/* What it occupies beside the one it builds on, and what it holds. */
	int64_t repository = json_int(json_object_get(info, "repository"), "delta", 0),
		size = json_int(info, "size", 0);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "label", label, "type",
			 json_str(backup, "type", ""), "taken_at_ms", (json_int_t)taken_at(known, label, now_ms),
			 "start_ms", (json_int_t)json_int(times, "start", 0) * 1000, "stop_ms",
			 (json_int_t)json_int(times, "stop", 0) * 1000, "timeline",
			 (json_int_t)strtoll(timeline, NULL, 16), "bytes", (json_int_t)size, "repository_bytes",
			 (json_int_t)repository, "has_error", json_bool(backup, "error", false));
}

bool info_read(struct str text, const json_t *known, int64_t now_ms, json_t **ret_list, struct err *err)
{
	json_t *stanzas JSON_CLEANUP = NULL;
	/* What it warns of stands before the document. */
	ptrdiff_t at = str_find_char(text, '[');
	if (at < 0 || !json_parse(str_sub(text, (size_t)at, text.len), &stanzas, err))
		return err_set(err, ERR_FAILED, "pgBackRest did not say what it has: %.*s",
			       (int)(text.len < 300 ? text.len : 300), text.ptr);
	const json_t *stanza = json_array_get(stanzas, 0), *status = json_object_get(stanza, "status"),
		     *backups = json_object_get(stanza, "backup");
	/* 0: all is well; 1, 2: nothing is there yet. It ends with success also when it could read nothing. */
	if (json_int(status, "code", 0) > 2)
		return err_set(err, ERR_FAILED, "pgBackRest: %.500s",
			       json_str(status, "message", "the repository is broken"));
	/* A folder that is away looks as one that nothing was ever put into. */
	if (json_int(status, "code", 0) == 1 && json_array_size(known) > 0)
		return err_set(err, ERR_UNAVAILABLE, "pgBackRest finds none of the %zu backups that were there: %.300s",
			       json_array_size(known), json_str(status, "message", ""));
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(backups); i++)
		json_array_append_new(list, read_one(json_array_get(backups, i), known, now_ms));
	*ret_list = list;
	return true;
}

bool info_progress(struct str line, double *ret_done)
{
	/* "… backup file /…/base/5/1259 (112KB, 0.40%) checksum …" */
	ptrdiff_t end = str_find(line, STR("%) checksum"));
	if (end <= 0) return false;
	size_t from = (size_t)end;
	while (from > 0 && (line.ptr[from - 1] == '.' || (line.ptr[from - 1] >= '0' && line.ptr[from - 1] <= '9')))
		from--;
	char number[16];
	if (from == (size_t)end || (size_t)end - from >= sizeof number) return false;
	(void)snprintf(number, sizeof number, "%.*s", (int)((size_t)end - from), line.ptr + from);
	*ret_done = strtod(number, NULL) / 100;
	return *ret_done >= 0 && *ret_done <= 1;
}

bool info_error(struct str output, struct str *ret_message)
{
	ptrdiff_t at = str_find(output, STR("ERROR: ["));
	if (at < 0) return false;
	struct str rest = str_sub(output, (size_t)at, output.len), line;
	if (!str_next(&rest, '\n', &line)) return false;
	ptrdiff_t colon = str_find(line, STR("]: "));
	struct str message = str_trim(colon > 0 ? str_sub(line, (size_t)colon + 3, line.len) : line);
	/* "unable to find a valid repository:", and the reason on the lines below: "repo1: [HostConnectError] …". */
	while (str_has_suffix(message, STR(":")) && str_next(&rest, '\n', &line) && str_trim(line).len > 0) {
		ptrdiff_t bracket = str_has_prefix(str_trim(line), STR("repo")) ? str_find(line, STR("] ")) : -1;
		message = str_trim(bracket > 0 ? str_sub(line, (size_t)bracket + 2, line.len) : line);
	}
	*ret_message = message;
	return message.len > 0;
}
