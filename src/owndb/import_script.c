/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of SQL. psql has commands of its own that run programs and read files, so it is run in a sandbox that sees the
 * file, the cluster's socket and nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/sandbox.h"
#include "owndb/copy_text.h"
#include "owndb/import_archive.h"
#include "owndb/tool.h"

#define SCRIPT_MEMORY_BYTES (1ull << 30)
#define SCRIPT_DEADLINE_MS (24ll * 3600 * 1000)
#define SAID_MAX_BYTES (8u << 20)
#define INSIDE_SOCKETS "/run/postgresql"
#define INSIDE_FILE "/mnt/import.sql"

static void keep(void *arg, int stream, struct str bytes)
{
	if (stream == 2) buf_str(arg, bytes);
}

/* Fetched majors point at libraries by their full path, so they keep it. */
static int mount_major(const struct import *im, struct sandbox_mount *mounts, int count)
{
	size_t len = strlen(im->majors_dir);
	if (strncmp(im->bin_dir, im->majors_dir, len) != 0) return count;
	mounts[count] = (struct sandbox_mount){SANDBOX_READ, im->majors_dir, im->majors_dir};
	return count + 1;
}

static bool run_psql(struct import *im, const char *database, const char *options, struct buf *said, struct err *err)
{
	char program[FILE_PATH_SIZE], setting[128];
	const struct clone *c = &im->clone;
	struct sandbox_result result;
	(void)snprintf(setting, sizeof setting, "PGOPTIONS=%s", options);
	if (!file_path(program, err, "%s/psql", im->bin_dir)) return false;
	const char *const argv[] = {program,        "-X", "-q",     "-h", INSIDE_SOCKETS,    "-p", "5432",      "-U",
				    OWNDB_MIGRATOR, "-d", database, "-v", "ON_ERROR_STOP=0", "-f", INSIDE_FILE, NULL};
	const char *const env[] = {
	    "PATH=" SANDBOX_PATH, "HOME=" SANDBOX_HOME, "LC_ALL=C.UTF-8", "TZ=UTC", setting, NULL};
	struct sandbox_mount mounts[4] = {{SANDBOX_READ, im->file, INSIDE_FILE},
					  {SANDBOX_WRITE, c->socket_dir, INSIDE_SOCKETS}};
	struct sandbox_spec spec = {
	    .argv = argv,
	    .env = env,
	    .mounts = mounts,
	    .mount_count = mount_major(im, mounts, 2),
	    .has_user = c->db.has_user,
	    .uid = c->db.uid,
	    .gid = c->db.gid,
	    .limits = {.memory_bytes = SCRIPT_MEMORY_BYTES, .processes = 16, .deadline_ms = SCRIPT_DEADLINE_MS},
	    .on_output = keep,
	    .arg = said};
	return sandbox_run(&spec, NULL, &result, err) && sandbox_judge(&result, &spec.limits, "the file of SQL", err);
}

/* The whole of a project as text: into a database beside, and from there as any other dump. */
static bool take_project(struct import *im, struct err *err)
{
	struct buf said BUF_CLEANUP;
	const char *dump = arena_printf(im->arena, "%s/incoming.dump", im->work_dir);
	buf_init(&said, SAID_MAX_BYTES);
	import_say(im, "the file holds a whole project; it is read into a database beside");
	if (dump == NULL || !import_make_aside(im, err) ||
	    !run_psql(im, IMPORT_ASIDE_DATABASE, "-c client_min_messages=error", &said, err))
		return false;
	if (!buf_is_ok(&said)) return err_set(err, ERR_LIMIT, "the file of SQL has more errors than are kept");
	im->is_aside = true;
	bool ok = import_judge(im, buf_view(&said), err);
	im->is_aside = false;
	if (!ok) return false;
	const char *const argv[] = {"pg_dump",
				    "-h",
				    im->clone.socket_dir,
				    "-p",
				    "5432",
				    "-U",
				    OWNDB_MIGRATOR,
				    "--no-password",
				    "--format=custom",
				    "--compress=1",
				    "-f",
				    dump,
				    IMPORT_ASIDE_DATABASE,
				    NULL};
	return tool_run(&im->clone.db, argv, SCRIPT_DEADLINE_MS, err) && import_archive(im, dump, err);
}

/* In a text their names are not looked for. */
static void note_vault(struct import *im)
{
	for (size_t i = 0; i < im->scan->count; i++) {
		const struct copy_table *t = &im->scan->tables[i];
		if (strncmp(t->target, "vault.secrets", 13) != 0 || t->sum.rows == 0) continue;
		char text[80];
		(void)snprintf(text, sizeof text, "%llu of them, by what is in the file",
			       (unsigned long long)t->sum.rows);
		json_object_set_new(im->report, "secrets_left", json_pack("[s]", text));
	}
}

bool import_script(struct import *im, struct err *err)
{
	struct buf said BUF_CLEANUP;
	buf_init(&said, SAID_MAX_BYTES);
	if (im->scan->has_host_schema) {
		bool ok = take_project(im, err);
		note_vault(im);
		return ok;
	}
	import_say(im,
		   im->scan->has_schema ? "the file of SQL runs" : "the file holds rows; they go into the live schema");
	if (!run_psql(im, OWNDB_DATABASE, "-c session_replication_role=replica -c client_min_messages=error", &said,
		      err))
		return false;
	if (!buf_is_ok(&said)) return err_set(err, ERR_LIMIT, "the file of SQL has more errors than are kept");
	return import_judge(im, buf_view(&said), err);
}
