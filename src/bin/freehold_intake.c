/* SPDX-License-Identifier: Apache-2.0
 *
 * freehold-intake: reads what came from outside, so that nothing with more rights has to. Started by freeholdd in a
 * sandbox as the app's user; answers one JSON object (see intake/child.h).
 *
 *     freehold-intake unpack TARGET FD MAX_ENTRIES MAX_TOTAL MAX_FILE MAX_PATH MAX_DEPTH MAX_RATIO
 *     freehold-intake git-fetch TARGET FD LIMITS... remote|file REF      the address is in FD
 *     freehold-intake commit REPO SOURCE NAME EMAIL TIME MESSAGE
 *     freehold-intake pack REPO PACKS_MAX
 *     freehold-intake inspect DIR
 *
 * and for a person, without a daemon:
 *
 *     freehold-intake check PATH [--json]      exits with 0 when it goes live as it is */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/buf.h"
#include "codec/json.h"
#include "intake/extract.h"
#include "intake/git_run.h"
#include "intake/inspect.h"
#include "intake/inspection.h"
#include "intake/report.h"
#include "intake/sql_loss.h"
#include "intake/unpack.h"
#include "os/file.h"

#define MEMORY_MAX_BYTES ((rlim_t)2 << 30)
#define CPU_MAX_SECONDS 300

static int answer_error(const struct err *err)
{
	json_t *o JSON_CLEANUP = json_pack("{s:b,s:s,s:s}", "ok", 0, "code", err_code_word(err->code), "message",
					   str_is_utf8(str_from(err->msg)) ? err->msg : "a message that is not UTF-8");
	char *text = json_text(o);
	puts(text);
	free(text);
	return 0;
}

static int answer(json_t *o)
{
	json_object_set_new(o, "ok", json_true());
	char *text = json_text(o);
	puts(text);
	free(text);
	json_decref(o);
	return fflush(stdout) == 0 ? 0 : 1;
}

static bool read_number(const char *text, uint64_t *ret_number, struct err *err)
{
	int64_t number;
	if (!str_to_int(str_from(text), &number) || number < 0)
		return err_set(err, ERR_INTERNAL, "\"%s\" is no number", text);
	*ret_number = (uint64_t)number;
	return true;
}

static bool read_limits(char **argv, uint64_t *ret_fd, struct intake_limits *ret_limits, struct err *err)
{
	struct intake_limits *l = ret_limits;
	return read_number(argv[0], ret_fd, err) && read_number(argv[1], &l->max_entries, err) &&
	       read_number(argv[2], &l->max_total_bytes, err) && read_number(argv[3], &l->max_file_bytes, err) &&
	       read_number(argv[4], &l->max_path_bytes, err) && read_number(argv[5], &l->max_depth, err) &&
	       read_number(argv[6], &l->max_ratio, err) &&
	       (l->max_ratio > 0 || err_set(err, ERR_INTERNAL, "a ratio of 0"));
}

static json_t *summary(const struct intake_unpacked *u)
{
	return json_pack("{s:I,s:I,s:I,s:s}", "files", (json_int_t)u->files, "bytes", (json_int_t)u->bytes, "skipped",
			 (json_int_t)u->skipped, "stripped", u->stripped);
}

static int do_unpack(char **argv)
{
	struct err err;
	uint64_t fd;
	struct intake_limits limits;
	struct intake_unpacked u;
	if (!read_limits(argv + 1, &fd, &limits, &err) || !extract_archive((int)fd, argv[0], &limits, true, &u, &err))
		return answer_error(&err);
	return answer(summary(&u));
}

static int do_git_fetch(char **argv)
{
	struct err err;
	uint64_t fd;
	struct intake_limits limits;
	struct intake_unpacked u;
	char commit[GIT_ID_SIZE];
	struct git_run_fetch f = {argv[0], strcmp(argv[8], "file") == 0, argv[9], &limits};
	struct buf hosts BUF_CLEANUP;
	buf_init(&hosts, GIT_HOSTS_MAX_BYTES);
	if (!read_limits(argv + 1, &fd, &limits, &err) || !git_run_fetch((int)fd, &f, &u, commit, &hosts, &err))
		return answer_error(&err);
	json_t *o = summary(&u);
	if (buf_is_ok(&hosts) && str_is_utf8(buf_view(&hosts)))
		json_object_set_new(o, "known_hosts", json_string(buf_cstr(&hosts)));
	json_object_set_new(o, "commit", json_string(commit));
	return answer(o);
}

static int do_commit(char **argv)
{
	struct err err;
	char id[GIT_ID_SIZE];
	struct git_run_commit c = {argv[0], argv[1], argv[2], argv[3], argv[4], argv[5]};
	if (!git_run_commit(&c, id, &err)) return answer_error(&err);
	return answer(json_pack("{s:s}", "commit", id));
}

static int do_pack(char **argv)
{
	struct err err;
	uint64_t packs_max;
	struct intake_packed p = {0};
	if (!read_number(argv[1], &packs_max, &err) || !git_run_pack(argv[0], packs_max, &p, &err))
		return answer_error(&err);
	return answer(json_pack("{s:I,s:I,s:I}", "loose_before", (json_int_t)p.loose_before, "loose",
				(json_int_t)p.loose, "packs", (json_int_t)p.packs));
}

static int do_inspect(const char *dir)
{
	struct err err;
	json_t *inspection = NULL;
	if (!inspection_make(dir, &inspection, &err)) return answer_error(&err);
	return answer(json_pack("{s:o}", "inspection", inspection));
}

static int do_changes(const char *dir)
{
	struct err err;
	json_t *changes = NULL;
	if (!sql_loss_read(dir, &changes, &err)) return answer_error(&err);
	return answer(json_pack("{s:o}", "changes", changes));
}

/* check: the whole way for a person at a terminal, in children of our own; as the caller, without root's help. */

static bool inspect_path(const char *path, const char *aside, json_t **ret_inspection, struct err *err)
{
	char self[FILE_PATH_SIZE], real[FILE_PATH_SIZE];
	struct stat st;
	struct intake_limits limits = INTAKE_LIMITS_DEFAULT;
	struct intake_unpacked u;
	if (!file_link_read("/proc/self/exe", self, err)) return false;
	if (realpath(path, real) == NULL || stat(real, &st) != 0) return err_set_errno(err, "%s", path);
	struct intake_child child = {.helper = self, .no_sandbox = true};
	if (S_ISDIR(st.st_mode)) return intake_inspect(&child, real, ret_inspection, err);
	return intake_unpack(&child, real, aside, &limits, &u, err) &&
	       intake_inspect(&child, aside, ret_inspection, err);
}

static int print_inspection(json_t *inspection, bool is_json)
{
	(void)json_object_del(inspection, "auth_config"); /* may hold what is secret */
	struct buf text BUF_CLEANUP;
	buf_init(&text, REPORT_MAX_BYTES);
	if (is_json) {
		char *json = json_text(inspection);
		puts(json);
		free(json);
	} else {
		intake_report(inspection, &text, isatty(1) == 1);
		(void)fputs(buf_cstr(&text), stdout);
	}
	json_t *stops JSON_CLEANUP = inspect_stops(inspection, NULL);
	return json_bool(inspection, "runs", false) && json_array_size(stops) == 0 ? 0
										   : err_code_exit_status(ERR_REFUSED);
}

static int do_check(const char *path, bool is_json)
{
	char aside[] = "/tmp/freehold-check-XXXXXX";
	struct err err, ignored;
	json_t *inspection JSON_CLEANUP = NULL;
	if (mkdtemp(aside) == NULL) return perror(aside), 1;
	bool ok = inspect_path(path, aside, &inspection, &err);
	(void)file_remove_tree(aside, &ignored);
	if (ok) return print_inspection(inspection, is_json);
	(void)fprintf(stderr, "freehold: %s: %s\n", path, err.msg);
	return err_code_exit_status(err.code);
}

/* Limits that no code after this can lift. AddressSanitizer needs the address space. */
static void limit_myself(void)
{
	struct rlimit cpu = {CPU_MAX_SECONDS, CPU_MAX_SECONDS}, none = {0, 0};
	(void)setrlimit(RLIMIT_CPU, &cpu);
	(void)setrlimit(RLIMIT_CORE, &none);
#if !HAS_ASAN
	struct rlimit memory = {MEMORY_MAX_BYTES, MEMORY_MAX_BYTES};
	(void)setrlimit(RLIMIT_AS, &memory);
#endif
}

int main(int argc, char **argv)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	bool is_json = argc == 4 && strcmp(argv[3], "--json") == 0;
	if (argc >= 3 && strcmp(argv[1], "check") == 0 && (argc == 3 || is_json)) return do_check(argv[2], is_json);
	limit_myself();
	if (argc == 10 && strcmp(argv[1], "unpack") == 0) return do_unpack(argv + 2);
	if (argc == 12 && strcmp(argv[1], "git-fetch") == 0) return do_git_fetch(argv + 2);
	if (argc == 8 && strcmp(argv[1], "commit") == 0) return do_commit(argv + 2);
	if (argc == 4 && strcmp(argv[1], "pack") == 0) return do_pack(argv + 2);
	if (argc == 3 && strcmp(argv[1], "inspect") == 0) return do_inspect(argv[2]);
	if (argc == 3 && strcmp(argv[1], "changes") == 0) return do_changes(argv[2]);
	(void)fprintf(stderr, "usage: freehold-intake check PATH [--json]\n");
	return 2;
}
