/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/restic.h"

#include <stdio.h>
#include <string.h>

#include "backup/derive.h"
#include "backup/snapshots.h"
#include "base/clock.h"
#include "codec/json.h"
#include "os/file.h"
#include "os/proc.h"

#define DEADLINE_MS ((int64_t)24 * 3600 * 1000)
#define OUTPUT_MAX_BYTES (64u << 10)
#define ANSWER_MAX_BYTES (64u << 20) /* a snapshot names each of its paths */
#define STATUS_PARTIAL 3 /* of restic backup */
#define REST_MAX 1100
#define HOST "freehold"

struct environment {
	char repository[FILE_PATH_SIZE + 32], password[DERIVE_SIZE + 24], key_id[600], secret[600],
	    cache[FILE_PATH_SIZE + 24], home[FILE_PATH_SIZE + 8], region[160];
	const char *list[12];
};

static bool fill(const struct restic *r, struct environment *e, struct err *err)
{
	char passphrase[DERIVE_SIZE];
	const struct backup_place *p = r->place;
	size_t n = 0;
	if (!derive_passphrase(r->key, "files", passphrase, err)) return false;
	if (strcmp(p->kind, "s3") == 0)
		(void)snprintf(e->repository, sizeof e->repository, "RESTIC_REPOSITORY=s3:https://%s/%s/files",
			       json_str(p->options, "endpoint", ""), p->location);
	else if (strcmp(p->kind, "folder") == 0)
		(void)snprintf(e->repository, sizeof e->repository, "RESTIC_REPOSITORY=%s/files", p->location);
	else
		(void)snprintf(e->repository, sizeof e->repository, "RESTIC_REPOSITORY=%s/backups/files", r->home);
	(void)snprintf(e->password, sizeof e->password, "RESTIC_PASSWORD=%s", passphrase);
	(void)snprintf(e->key_id, sizeof e->key_id, "AWS_ACCESS_KEY_ID=%s", json_str(p->options, "key_id", ""));
	(void)snprintf(e->secret, sizeof e->secret, "AWS_SECRET_ACCESS_KEY=%s", json_str(p->secret, "secret", ""));
	(void)snprintf(e->region, sizeof e->region, "AWS_DEFAULT_REGION=%s",
		       json_str(p->options, "region", "us-east-1"));
	(void)snprintf(e->cache, sizeof e->cache, "RESTIC_CACHE_DIR=%s", r->cache_dir);
	(void)snprintf(e->home, sizeof e->home, "HOME=%s", r->cache_dir);
	e->list[n++] = "PATH=/usr/bin:/bin";
	e->list[n++] = "LC_ALL=C.UTF-8";
	e->list[n++] = "TZ=UTC";
	e->list[n++] = e->repository;
	e->list[n++] = e->password;
	e->list[n++] = e->cache;
	e->list[n++] = e->home;
	if (strcmp(p->kind, "s3") == 0) {
		e->list[n++] = e->key_id;
		e->list[n++] = e->secret;
		e->list[n++] = e->region;
	}
	e->list[n] = NULL;
	return file_mkdirs(r->cache_dir, 0700, err);
}

/* The line that says why, of all it printed. */
static struct str reason(struct str output)
{
	struct str rest = output, line, found = STR("it ended without a reason");
	while (str_next(&rest, '\n', &line))
		if (str_trim(line).len > 0) found = str_trim(line);
	ptrdiff_t fatal = str_find(output, STR("Fatal: "));
	if (fatal < 0) return str_sub(found, 0, 500);
	rest = str_sub(output, (size_t)fatal + 7, output.len);
	return str_next(&rest, '\n', &line) ? str_sub(str_trim(line), 0, 500) : found;
}

static bool run_for(const struct restic *r, const char *const *rest, const char *cwd, struct buf *ret_output,
		    int *ret_status, struct err *err)
{
	struct environment e;
	const char *argv[REST_MAX + 4] = {"restic", "--quiet"};
	struct proc_result result = {0};
	size_t n = 2;
	if (!fill(r, &e, err)) return false;
	if (!json_bool(r->place->options, "verify_tls", true)) argv[n++] = "--insecure-tls";
	for (size_t i = 0; i < REST_MAX && rest[i] != NULL; i++) argv[n++] = rest[i];
	struct proc_spec spec = {.argv = argv, .env = e.list, .cwd = cwd, .deadline_ms = DEADLINE_MS};
	if (!proc_run(&spec, ret_output, &result, err))
		return err->code == ERR_NOT_FOUND
			   ? err_set(err, ERR_UNAVAILABLE, "restic is not installed; install the package restic")
			   : false;
	*ret_status = result.exit_status;
	if (result.exit_status == 0) return true;
	return err_set(err, ERR_FAILED, "restic: %.*s", STR_FMT(reason(buf_view(ret_output))));
}

static bool run(const struct restic *r, const char *const *rest, const char *cwd, int *ret_status, struct err *err)
{
	struct buf output BUF_CLEANUP;
	buf_init(&output, OUTPUT_MAX_BYTES);
	return run_for(r, rest, cwd, &output, ret_status, err);
}

/* The document that it prints; what it warns of stands before. */
static bool ask(const struct restic *r, const char *const *rest, char first, json_t **ret_answer, struct err *err)
{
	struct buf output BUF_CLEANUP;
	int status = 0;
	buf_init(&output, ANSWER_MAX_BYTES);
	if (!run_for(r, rest, "/", &output, &status, err)) return false;
	ptrdiff_t at = str_find_char(buf_view(&output), first);
	return (at >= 0 &&
		json_parse(str_sub(buf_view(&output), (size_t)at, buf_view(&output).len), ret_answer, err)) ||
	       err_set(err, ERR_FAILED, "restic did not say what is kept: %.*s",
		       STR_FMT(str_sub(buf_view(&output), 0, 300)));
}

bool restic_open(const struct restic *r, struct err *err)
{
	static const char *const look[] = {"cat", "config", NULL}, *const make[] = {"init", NULL};
	/* A lock that a killed one left is not ours to wait for: one job at a time writes here. */
	static const char *const unlock[] = {"unlock", NULL};
	int status = 0;
	struct err ignored;
	if (!run(r, look, "/", &status, &ignored) && !run(r, make, "/", &status, err)) return false;
	return run(r, unlock, "/", &status, err);
}

bool restic_backup(const struct restic *r, const char *folder, const char *const *paths, int64_t at_ms, int64_t made,
		   bool *ret_is_partial, struct err *err)
{
	char time[32], iso[CLOCK_ISO8601_SIZE], tag[40];
	const char *rest[REST_MAX] = {"backup", "--host", HOST, "--tag", HOST, "--tag", tag, "--time", time};
	int status = 0;
	size_t n = 9;
	(void)snprintf(tag, sizeof tag, SNAPSHOTS_TAG "%lld", (long long)made);
	clock_iso8601(at_ms, iso);
	(void)snprintf(time, sizeof time, "%.10s %.8s", iso, iso + 11);
	for (size_t i = 0; paths[i] != NULL; i++) {
		if (n + 1 >= REST_MAX) return err_set(err, ERR_LIMIT, "too many folders for one snapshot of files");
		rest[n++] = paths[i];
	}
	rest[n] = NULL;
	*ret_is_partial = false;
	if (run(r, rest, folder, &status, err)) return true;
	*ret_is_partial = status == STATUS_PARTIAL;
	return *ret_is_partial;
}

bool restic_snapshots(const struct restic *r, json_t **ret_list, struct err *err)
{
	static const char *const rest[] = {"snapshots", "--no-lock", "--host", HOST, "--json", NULL};
	json_t *answer JSON_CLEANUP = NULL;
	if (!ask(r, rest, '[', &answer, err)) return false;
	*ret_list = snapshots_read(answer);
	return true;
}

bool restic_forget(const struct restic *r, const json_t *ids, struct err *err)
{
	const char *rest[REST_MAX] = {"forget", "--prune"};
	int status = 0;
	size_t n = 2;
	for (size_t i = 0; i < json_array_size(ids) && n + 1 < REST_MAX; i++)
		rest[n++] = json_string_value(json_array_get(ids, i));
	return n == 2 || run(r, rest, "/", &status, err);
}

bool restic_size(const struct restic *r, int64_t *ret_bytes, struct err *err)
{
	static const char *const rest[] = {"stats", "--host", HOST, "--mode", "raw-data", "--json", NULL};
	json_t *answer JSON_CLEANUP = NULL;
	if (!ask(r, rest, '{', &answer, err)) return false;
	*ret_bytes = json_int(answer, "total_size", 0);
	return true;
}

bool restic_restore(const struct restic *r, const char *id, const char *to, struct err *err)
{
	const char *const rest[] = {"restore", id, "--no-lock", "--target", to, NULL};
	int status = 0;
	return run(r, rest, "/", &status, err);
}
