/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold backup: where backups lie, for how long, and the places. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/run.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "cli/text.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/proc.h"

static void put_settings(struct view *v, const json_t *s)
{
	char size[TEXT_SHORT_SIZE];
	text_limit(size, (uint64_t)json_int(s, "ceiling", 0));
	buf_printf(
	    v->out,
	    "Any second of the last %lld days can be restored, and at least %lld full backups are kept.\n"
	    "A full backup each %lld days, what changed each day at %02lld:00 UTC; up to %s of changes wait for a "
	    "place that cannot be reached.\n",
	    (long long)json_int(s, "days", 0), (long long)json_int(s, "count", 0),
	    (long long)json_int(s, "full_days", 0), (long long)json_int(s, "hour", 0), size);
}

/* "57 MB in 15 snapshots"; what was taken before sizes were counted has none. */
static void cell_files(struct table *t, const json_t *files)
{
	char size[TEXT_SHORT_SIZE], text[80];
	const json_t *bytes = json_object_get(files, "bytes");
	text_size(size, (uint64_t)json_int(files, "bytes", 0));
	long long count = (long long)json_int(files, "snapshots", 0);
	(void)snprintf(text, sizeof text, "%s in %lld snapshot%s", size, count, count == 1 ? "" : "s");
	if (json_str(files, "error", NULL) != NULL)
		table_cell(t, TONE_BAD, "the last copy failed");
	else
		table_cell(t, TONE_PLAIN,
			   json_is_integer(bytes)                  ? text
			   : files != NULL && !json_is_null(files) ? ""
								   : "none yet");
}

static bool put(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"PLACE", "WHERE", "", "COPIES OF FILES", NULL};
	const json_t *places = json_object_get(answer, "places");
	struct buf out BUF_CLEANUP;
	struct view v = cli_view(cli, &out);
	if (cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	struct table t TABLE_CLEANUP;
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *p = json_array_get(places, i);
		char number[24];
		bool is_elsewhere = json_bool(p, "is_elsewhere", false);
		(void)snprintf(number, sizeof number, "%lld", (long long)json_int(p, "place", 0));
		table_cell(&t, TONE_STRONG, number);
		table_cell(&t, TONE_PLAIN, json_str(p, "name", ""));
		table_cell(&t, is_elsewhere ? TONE_GOOD : TONE_WARN,
			   is_elsewhere ? "outlives this server" : "lost with this server");
		cell_files(&t, json_object_get(p, "files"));
	}
	table_render(&t, &v.look, 0, &out);
	buf_putc(&out, '\n');
	put_settings(&v, json_object_get(answer, "settings"));
	screen_write(buf_view(&out));
	return true;
}

static bool show(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	return cli_ask(cli, NULL, "/v1/backup", NULL, &answer, err) && put(cli, answer);
}

/* "days=14", "ceiling=2G" */
static bool add_setting(json_t *body, const char *word, struct err *err)
{
	struct str name, value;
	char key[32];
	int64_t number = 0, unit = 1;
	if (!str_cut(str_from(word), '=', &name, &value) || name.len >= sizeof key)
		return err_set(err, ERR_INVALID, "\"%.60s\" is no setting; write NAME=NUMBER, such as days=14", word);
	char last = value.len > 0 ? value.ptr[value.len - 1] : '0';
	if (last == 'K' || last == 'M' || last == 'G' || last == 'T') {
		unit = last == 'K' ? 1024 : last == 'M' ? 1 << 20 : last == 'G' ? 1 << 30 : (int64_t)1 << 40;
		value.len--;
	}
	if (!str_to_int(value, &number) || number < 0 || number > ((int64_t)1 << 50) / unit)
		return err_set(err, ERR_INVALID, "%.60s: a whole number belongs behind the =", word);
	(void)snprintf(key, sizeof key, "%.*s", STR_FMT(name));
	json_object_set_new(body, key, json_integer(number * unit));
	return true;
}

static bool set(struct cli *cli, struct err *err)
{
	json_t *body JSON_CLEANUP = json_object(), *answer JSON_CLEANUP = NULL;
	for (size_t i = 1; i < cli->word_count; i++)
		if (!add_setting(body, cli->words[i], err)) return false;
	return cli_ask(cli, "PUT", "/v1/backup", body, &answer, err) && put(cli, answer);
}

static bool add(struct cli *cli, struct err *err)
{
	static const struct {
		const char *option, *member;
	} texts[] = {{"endpoint", "endpoint"}, {"region", "region"}, {"key-id", "key_id"}, {"uri-style", "uri_style"}};
	json_t *answer JSON_CLEANUP = NULL;
	struct buf secret BUF_CLEANUP;
	buf_init(&secret, CLI_VALUE_MAX);
	if (cli->word_count != 2)
		return err_set(err, ERR_INVALID, "freehold backup add takes one place: a folder or s3://BUCKET/FOLDER");
	json_t *body JSON_CLEANUP = json_pack("{s:s, s:b, s:b}", "location", cli->words[1], "is_elsewhere",
					      cli_has(cli, "elsewhere"), "verify_tls", !cli_has(cli, "no-verify-tls"));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (cli_has(cli, texts[i].option))
			json_object_set_new(body, texts[i].member, json_string(cli_value(cli, texts[i].option)));
	if (strncmp(cli->words[1], "s3://", 5) == 0) {
		if (!cli_read_value(STR("the access key's secret"), &secret, err)) return false;
		json_object_set_new(body, "secret", json_stringn(buf_view(&secret).ptr, secret.len));
	}
	if (!cli_ask(cli, "POST", "/v1/backup/places", body, &answer, err) || !put(cli, answer)) return false;
	if (!cli->is_json)
		screen_write(STR(
		    "\nA first full backup of each app goes there now. A new place wants a new recovery kit, kept away "
		    "from this server: freehold backup kit kit.txt\n"));
	return true;
}

static bool drop(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	char path[64];
	int64_t id = 0;
	if (cli->word_count != 2)
		return err_set(err, ERR_INVALID, "freehold backup remove takes the number of a place");
	if (!cli_number(cli->words[1], "place", &id, err)) return false;
	(void)snprintf(path, sizeof path, "/v1/backup/places/%lld", (long long)id);
	return cli_ask(cli, "DELETE", path, NULL, &answer, err) && put(cli, answer);
}

static bool kit(struct cli *cli, struct err *err)
{
	json_t *answer JSON_CLEANUP = NULL;
	if (cli->word_count > 2) return err_set(err, ERR_INVALID, "freehold backup kit takes one file to write to");
	if (!cli_ask(cli, NULL, "/v1/backup/kit", NULL, &answer, err)) return false;
	const char *text = json_str(answer, "text", "");
	if (cli->word_count == 1 && cli->is_json) {
		cli_put_json(cli, answer);
		return true;
	}
	if (cli->word_count == 1) {
		screen_write(str_from(text));
		return true;
	}
	char line[512];
	if (!file_write(cli->words[1], str_from(text), 0600, err)) return false;
	(void)snprintf(line, sizeof line,
		       "%.300s is written. Take it away from this server: whoever has it can read your backups, and "
		       "without it nobody can.\n",
		       cli->words[1]);
	screen_write(str_from(line));
	return true;
}

static bool files(struct cli *cli, struct err *err)
{
	json_t *begun JSON_CLEANUP = NULL, *job JSON_CLEANUP = NULL, *body JSON_CLEANUP = json_object();
	return cli_ask(cli, "POST", "/v1/backup/files", body, &begun, err) && job_follow(cli, begun, &job, err);
}

/* Standard error is for whoever waits; the answer is kept. */
static void on_recover_output(void *arg, int stream, struct str bytes)
{
	if (stream == 1)
		buf_str(arg, bytes);
	else
		(void)fwrite(bytes.ptr, 1, bytes.len, stderr);
}

static void put_recovered(struct cli *cli, const json_t *answer)
{
	static const char *const columns[] = {"APP", "FROM BACKUP", "TABLES", "", NULL};
	const json_t *apps = json_object_get(answer, "apps");
	struct buf out BUF_CLEANUP;
	struct table t TABLE_CLEANUP;
	char tables[24];
	bool is_whole = true;
	buf_init(&out, VIEW_BYTES_MAX);
	table_init(&t, columns);
	for (size_t i = 0; i < json_array_size(apps); i++) {
		const json_t *app = json_array_get(apps, i);
		const char *error = json_str(app, "error", "");
		(void)snprintf(tables, sizeof tables, "%lld", (long long)json_int(app, "tables", 0));
		table_cell(&t, TONE_STRONG, json_str(app, "app", ""));
		table_cell(&t, TONE_PLAIN, json_str(app, "backup", ""));
		table_cell(&t, TONE_PLAIN, json_str(app, "backup", NULL) != NULL ? tables : "");
		table_cell(&t, TONE_BAD, error[0] != '\0' ? "did not come back whole" : "");
		is_whole = is_whole && error[0] == '\0';
	}
	table_render(&t, &cli->look, 0, &out);
	if (is_whole)
		buf_puts(&out, "\nEverything is back. Now start it: ./up in Freehold's folder, or freeholdd.\n"
			       "Then look at freehold status, and take a new kit: freehold backup kit kit.txt\n");
	screen_write(buf_view(&out));
}

/* The daemon's own program does it, in a home where no daemon runs. */
bool run_recover(struct cli *cli, int *ret_status, struct err *err)
{
	char program[FILE_PATH_SIZE] = "", place[24];
	int64_t id = 0;
	if (cli_has(cli, "place") && !cli_number(cli_value(cli, "place"), "place", &id, err)) return false;
	if (!file_exists(cli->words[0]))
		return err_set(
		    err, ERR_NOT_FOUND,
		    "%s: there is no such file here; give the recovery kit, which freehold backup kit wrote on the "
		    "lost server (its text in any file will do)",
		    cli->words[0]);
	if (readlink("/proc/self/exe", program, sizeof program - 16) < 0) return err_set_errno(err, "/proc/self/exe");
	char *slash = strrchr(program, '/');
	if (slash != NULL) (void)strcpy(slash + 1, "freeholdd");
	(void)snprintf(place, sizeof place, "%lld", (long long)id);
	const char *at = cli_has(cli, "at") ? cli_value(cli, "at") : "";
	const char *const argv[] = {program, "--recover-server", cli->words[0], place, at, NULL};
	struct buf text BUF_CLEANUP;
	struct proc_spec spec = {.argv = argv, .on_output = on_recover_output, .arg = &text};
	struct proc_result result;
	json_t *answer JSON_CLEANUP = NULL;
	struct err none;
	buf_init(&text, VIEW_BYTES_MAX);
	if (!proc_run(&spec, NULL, &result, err)) return false;
	*ret_status = result.exit_status >= 0 ? result.exit_status : 1;
	if (text.len == 0 || !json_parse(buf_view(&text), &answer, &none)) return true;
	if (cli->is_json)
		cli_put_json(cli, answer);
	else
		put_recovered(cli, answer);
	return true;
}

bool run_backup(struct cli *cli, int *ret_status, struct err *err)
{
	const char *word = cli->word_count > 0 ? cli->words[0] : "list";
	*ret_status = 0;
	if (strcmp(word, "list") == 0) return show(cli, err);
	if (strcmp(word, "set") == 0 && cli->word_count > 1) return set(cli, err);
	if (strcmp(word, "add") == 0) return add(cli, err);
	if (strcmp(word, "remove") == 0) return drop(cli, err);
	if (strcmp(word, "kit") == 0) return kit(cli, err);
	if (strcmp(word, "files") == 0) return files(cli, err);
	return err_set(err, ERR_INVALID,
		       "freehold backup has no word %.40s; it has list, set NAME=NUMBER, add, remove, files, kit",
		       word);
}
