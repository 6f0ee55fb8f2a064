/* SPDX-License-Identifier: Apache-2.0 */
#include "run/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/file.h"

#define RECORDS_MAX 4000

/* FNV-1a, 64 bits: tells specs apart, guards nothing. */
static uint64_t mix(uint64_t hash, const char *text)
{
	for (const char *p = text != NULL ? text : "\1";; p++) {
		hash = (hash ^ (unsigned char)*p) * 1099511628211u;
		if (*p == '\0') return hash;
	}
}

void record_hash(const struct unit_spec *spec, char ret_hash[RECORD_HASH_SIZE])
{
	uint64_t hash = 14695981039346656037u;
	char numbers[128];
	for (int i = 0; i < UNIT_ARGV_MAX && spec->argv[i] != NULL; i++) hash = mix(hash, spec->argv[i]);
	hash = mix(hash, NULL);
	for (int i = 0; i < UNIT_ENV_MAX && spec->env[i] != NULL; i++) hash = mix(hash, spec->env[i]);
	(void)snprintf(numbers, sizeof numbers, "%d %u %u %u", spec->has_user, (unsigned)spec->uid, (unsigned)spec->gid,
		       spec->ready_port);
	hash = mix(mix(mix(mix(hash, spec->cwd), spec->log_path), spec->ready_socket), numbers);
	if (spec->has_limits) {
		(void)snprintf(numbers, sizeof numbers, "%llu %u %u", (unsigned long long)spec->limits.memory_bytes,
			       spec->limits.processes, spec->limits.cpu_percent);
		hash = mix(mix(hash, spec->state_path), numbers);
	}
	(void)snprintf(ret_hash, RECORD_HASH_SIZE, "%016llx", (unsigned long long)hash);
}

bool record_put(struct db *db, const char *unit, const struct proc_id *id, const char *spec_hash, struct err *err)
{
	return db_run(db, NULL, err,
		      "insert into process (unit, pid, start_ticks, boot_id, spec_hash, started_at) values (?, ?, ?, "
		      "?, ?, ?) on conflict (unit) do update set "
		      "pid = excluded.pid, start_ticks = excluded.start_ticks, boot_id = excluded.boot_id, spec_hash = "
		      "excluded.spec_hash, "
		      "started_at = excluded.started_at",
		      "siissi", unit, (int64_t)id->pid, (int64_t)id->start_ticks, id->boot_id, spec_hash,
		      clock_wall_ms());
}

#define RECORD_COLUMNS "unit, pid, start_ticks, boot_id, spec_hash"

static void read_record(struct db_query *q, struct record *ret_record)
{
	struct record r = {.id = {.pid = (pid_t)sqlite3_column_int64(q->stmt, 1),
				  .start_ticks = (uint64_t)sqlite3_column_int64(q->stmt, 2)}};
	(void)snprintf(r.unit, sizeof r.unit, "%s", db_text(q, 0));
	(void)snprintf(r.id.boot_id, sizeof r.id.boot_id, "%s", db_text(q, 3));
	(void)snprintf(r.spec_hash, sizeof r.spec_hash, "%s", db_text(q, 4));
	*ret_record = r;
}

bool record_get(struct db *db, const char *unit, struct record *ret_record, struct err *err)
{
	struct db_query q;
	db_query(db, &q, "select " RECORD_COLUMNS " from process where unit = ?", "s", unit);
	bool found = db_row(&q);
	if (found) read_record(&q, ret_record);
	if (!db_end(&q, err)) return false;
	return found || err_set(err, ERR_NOT_FOUND, "%s is not known to run", unit);
}

void record_forget(struct db *db, const char *unit)
{
	struct err err;
	if (!db_run(db, NULL, &err, "delete from process where unit = ?", "s", unit))
		log_error("%s: %s", unit, err.msg);
}

void record_each(struct db *db, void (*each)(void *arg, const struct record *record), void *arg)
{
	struct err err;
	struct db_query q;
	/* Read whole before anything is called: what is called may write. */
	struct record *records = calloc(RECORDS_MAX, sizeof *records);
	if (records == NULL) abort();
	int count = 0;
	db_query(db, &q, "select " RECORD_COLUMNS " from process", "");
	while (count < RECORDS_MAX && db_row(&q)) read_record(&q, &records[count++]);
	if (!db_end(&q, &err)) log_error("processes: %s", err.msg);
	for (int i = 0; i < count; i++) each(arg, &records[i]);
	free(records);
}

void record_trim_log(const char *path, size_t max_bytes)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return;
	file_keep_end(fd, max_bytes);
	(void)close(fd);
}
