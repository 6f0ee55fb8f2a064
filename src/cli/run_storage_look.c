/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold storage APP usage, buckets, sweep: what there is, and whether rows and files agree. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/screen.h"
#include "cli/storage.h"
#include "cli/table.h"
#include "codec/json.h"

#define WAIT_MS 120000
#define LOOK_MS 200

static bool no_more(const struct cli *cli, struct err *err)
{
	return cli->word_count <= 2 ||
	       err_set(err, ERR_INVALID, "\"%.40s\" is one word too many: freehold storage %s %s", cli->words[2],
		       cli->words[0], cli->words[1]);
}

static void cell_size(struct table *t, int64_t bytes)
{
	char text[TEXT_SHORT_SIZE];
	text_size(text, (uint64_t)(bytes > 0 ? bytes : 0));
	table_cell(t, TONE_PLAIN, text);
}

static void cell_number(struct table *t, int64_t n)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	table_cell(t, TONE_PLAIN, text);
}

static void put_usage(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"BUCKET", "FILES", "SIZE", NULL};
	const json_t *list = json_object_get(answer, "buckets"), *parts = json_object_get(answer, "parts");
	char size[TEXT_SHORT_SIZE];
	struct buf out BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	table_init(&t, columns);
	t.right_aligned = 0x6;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *b = json_array_get(list, i);
		table_cell(&t, TONE_STRONG, json_str(b, "id", ""));
		cell_number(&t, json_int(b, "objects", 0));
		cell_size(&t, json_int(b, "bytes", 0));
	}
	table_cell(&t, TONE_DIM, "all");
	cell_number(&t, json_int(answer, "objects", 0));
	cell_size(&t, json_int(answer, "bytes", 0));
	table_render(&t, &cli->look, 0, &out);
	text_size(size, (uint64_t)json_int(parts, "bytes", 0));
	if (json_int(parts, "uploads", 0) > 0)
		buf_printf(&out, "And %s of %lld uploads in parts that are not complete.\n", size,
			   (long long)json_int(parts, "uploads", 0));
	screen_write(buf_view(&out));
}

bool storage_usage(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!no_more(cli, err) || !storage_ask(cli, NULL, "/buckets", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_usage(cli, answer);
	return true;
}

static void cell_types(struct table *t, const json_t *types)
{
	char text[400] = "";
	for (size_t i = 0; i < json_array_size(types); i++) {
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", " : "",
			       json_string_value(json_array_get(types, i)));
	}
	table_cell(t, TONE_PLAIN, text[0] != '\0' ? text : "any");
}

static void put_buckets(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"BUCKET", "WHO READS", "FILES", "A FILE MAY HAVE", "KINDS", NULL};
	const json_t *list = json_object_get(answer, "buckets");
	struct buf out BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	char limit[TEXT_SHORT_SIZE];
	buf_init(&out, VIEW_BYTES_MAX);
	table_init(&t, columns);
	t.right_aligned = 0xc;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *b = json_array_get(list, i);
		bool is_public = json_bool(b, "public", false);
		table_cell(&t, TONE_STRONG, json_str(b, "id", ""));
		table_cell(&t, is_public ? TONE_WARN : TONE_PLAIN, is_public ? "everyone" : "by policies");
		cell_number(&t, json_int(b, "objects", 0));
		bool has_limit = json_is_integer(json_object_get(b, "file_size_limit"));
		text_limit(limit, (uint64_t)json_int(b, "file_size_limit", 0));
		table_cell(&t, has_limit ? TONE_PLAIN : TONE_DIM, has_limit ? limit : "1 GB");
		cell_types(&t, json_object_get(b, "allowed_mime_types"));
	}
	if (json_array_size(list) > 0)
		table_render(&t, &cli->look, 0, &out);
	else
		buf_printf(&out, "%s has no buckets.\n", cli->words[0]);
	screen_write(buf_view(&out));
}

bool storage_buckets(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (!no_more(cli, err) || !storage_ask(cli, NULL, "/buckets", NULL, &answer, err)) return false;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_buckets(cli, answer);
	return true;
}

/* "30d", "12h", "10m", "0" */
static bool read_age(const char *text, int64_t *ret_s, struct err *err)
{
	size_t len = strlen(text);
	int64_t unit = 1, n;
	if (len > 0 && strchr("dhms", text[len - 1]) != NULL) {
		unit = text[len - 1] == 'd' ? 86400 : text[len - 1] == 'h' ? 3600 : text[len - 1] == 'm' ? 60 : 1;
		len--;
	}
	if (!str_to_int((struct str){text, len}, &n) || n < 0 || n > 36500)
		return err_set(err, ERR_INVALID, "\"%.40s\" is no age: 30d, 12h, 10m or 0", text);
	*ret_s = n * unit;
	return true;
}

static void put_report(struct cli *cli, const json_t *report)
{
	const json_t *files = json_object_get(report, "without_row"), *rows = json_object_get(report, "without_file");
	const json_t *first = json_object_get(rows, "first");
	long long count = (long long)json_int(files, "count", 0), missing = (long long)json_int(rows, "count", 0);
	long long removed = (long long)json_int(report, "removed", 0);
	char size[TEXT_SHORT_SIZE], gone[TEXT_SHORT_SIZE];
	struct buf out BUF_CLEANUP;
	buf_init(&out, VIEW_BYTES_MAX);
	text_size(size, (uint64_t)json_int(files, "bytes", 0));
	text_size(gone, (uint64_t)json_int(report, "removed_bytes", 0));
	if (removed > 0)
		buf_printf(&out, "%lld file%s that no object names %s deleted (%s).\n", removed,
			   removed == 1 ? "" : "s", removed == 1 ? "was" : "were", gone);
	if (count > 0)
		buf_printf(&out,
			   "%lld file%s that no object names %s set aside (%s), and deleted 30 days after that; "
			   "sooner: freehold "
			   "storage %s sweep --fix --older-than 1d\n",
			   count, count == 1 ? "" : "s", count == 1 ? "is" : "are", size, cli->words[0]);
	if (missing > 0)
		buf_printf(&out, missing == 1 ? "%lld object has no file:\n" : "%lld objects have no file:\n", missing);
	for (size_t i = 0; i < json_array_size(first); i++) {
		buf_puts(&out, "  ");
		text_clean(&out, str_from(json_string_value(json_array_get(first, i))), TEXT_LINE);
		buf_putc(&out, '\n');
	}
	if (missing > 0)
		buf_puts(&out, "Upload them again or put their files back from a backup; nothing was changed.\n");
	if (json_bool(report, "elsewhere", false))
		buf_puts(&out, "Objects whose files lie in S3 were not looked at there.\n");
	if (count == 0 && missing == 0 && removed == 0) buf_puts(&out, "Files and objects agree.\n");
	screen_write(buf_view(&out));
}

static bool await(struct cli *cli, int64_t asked, json_t **ret_report, struct err *err)
{
	for (int64_t until = clock_now_ms() + WAIT_MS; clock_now_ms() < until;) {
		json_t *answer JSON_CLEANUP = NULL;
		if (!storage_ask(cli, NULL, "/sweep", NULL, &answer, err)) return false;
		json_t *report = json_object_get(answer, "report");
		if (json_int(report, "asked", 0) >= asked) {
			*ret_report = json_incref(report);
			return true;
		}
		const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
		(void)nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_TIMEOUT,
		       "the backend of %s goes on comparing, or does not run; look again later, or at freehold logs %s "
		       "--source backend",
		       cli->words[0], cli->words[0]);
}

bool storage_sweep(struct cli *cli, struct err *err)
{
	const char *age = cli_value(cli, "older-than");
	int64_t fix_s = -1;
	if (!no_more(cli, err)) return false;
	if (cli_has(cli, "fix") && !read_age(age != NULL ? age : "30d", &fix_s, err)) return false;
	if (age != NULL && fix_s < 0) return err_set(err, ERR_INVALID, "--older-than goes with --fix");
	json_t *answer JSON_CLEANUP = NULL, *report JSON_CLEANUP = NULL;
	json_t *body JSON_CLEANUP = json_pack("{s:I}", "fix_s", (json_int_t)fix_s);
	if (!storage_ask(cli, "POST", "/sweep", body, &answer, err) ||
	    !await(cli, json_int(answer, "asked", 0), &report, err))
		return false;
	if (cli->is_json)
		cli_put_json(cli, report);
	else
		put_report(cli, report);
	return true;
}
