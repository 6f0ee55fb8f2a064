/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of it, and its end. */
#include "move/following.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "app/git_key.h"
#include "base/clock.h"
#include "codec/json.h"
#include "owndb/twin_schema.h"

#define STATE_MAX_BYTES (16u << 20)
#define URL_MAX_BYTES 4096
#define RANDOM_LEN 12

bool following_dir(const struct flow *f, const char *app, const char *rest, char ret_path[FILE_PATH_SIZE],
		   struct err *err)
{
	char inner[64];
	(void)snprintf(inner, sizeof inner, "following%s%s", rest[0] != '\0' ? "/" : "", rest);
	return layout_app(&f->layout, app, inner, ret_path, err);
}

bool following_read(const struct flow *f, const char *app, json_t **ret_state, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!following_dir(f, app, "state.json", path, err)) return false;
	if (!file_exists(path)) return err_set(err, ERR_NOT_FOUND, "%s follows nothing", app);
	return json_parse_file(path, STATE_MAX_BYTES, ret_state, err);
}

static bool write_json(const struct flow *f, const char *app, const char *name, const json_t *value, struct err *err)
{
	char path[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	char *text = json_text(value);
	bool ok = following_dir(f, app, "", dir, err) && file_mkdirs(dir, 0711, err) &&
		  following_dir(f, app, name, path, err) && file_write(path, str_from(text), 0600, err);
	free(text);
	return ok;
}

bool following_write(const struct flow *f, const char *app, const json_t *state, struct err *err)
{
	return write_json(f, app, "state.json", state, err);
}

bool following_is(const json_t *state, const char *word)
{
	return strcmp(json_str(state, "state", ""), word) == 0;
}

bool following_is_due(const struct flow *f, const char *app)
{
	json_t *state JSON_CLEANUP = NULL;
	struct err ignored;
	return following_read(f, app, &state, &ignored) && !following_is(state, "ended");
}

bool following_turn(const struct flow *f, const char *app, bool is_patient, int *ret_turn, struct err *err)
{
	char path[FILE_PATH_SIZE], dir[FILE_PATH_SIZE];
	if (!following_dir(f, app, "", dir, err) || !file_mkdirs(dir, 0711, err) ||
	    !following_dir(f, app, "turn", path, err))
		return false;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return err_set_errno(err, "%s", path);
	if (flock(fd, LOCK_EX | (is_patient ? 0 : LOCK_NB)) != 0) {
		(void)close(fd);
		return errno == EWOULDBLOCK ? err_set(err, ERR_CONFLICT, "somebody else looks after it")
					    : err_set_errno(err, "%s", path);
	}
	*ret_turn = fd;
	return true;
}

bool following_prepare(const struct flow *f, const char *app, const char *sealed, const char *source, int64_t limit_mb,
		       json_t *plan, json_t **ret_state, struct err *err)
{
	char name[TWIN_NAME_SIZE], now[CLOCK_ISO8601_SIZE], random[RANDOM_LEN + 1];
	seal_random_text(random, RANDOM_LEN);
	for (char *at = random; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
	(void)snprintf(name, sizeof name, TWIN_PREFIX "%s", random);
	clock_iso8601(clock_wall_ms(), now);
	json_t *state =
	    json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:O}", "state", "preparing", "name", name, "source", source,
		      "url", sealed, "limit_mb", (json_int_t)limit_mb, "began_at", now, "plan", plan);
	if (!following_write(f, app, state, err)) {
		json_decref(state);
		return false;
	}
	*ret_state = state;
	return true;
}

bool following_never(const struct flow *f, const char *app, const char *why, struct err *err)
{
	json_t *state JSON_CLEANUP = json_pack("{s:s, s:s}", "state", "ended", "why", why);
	return following_write(f, app, state, err);
}

static bool withdraw(const struct flow *f, const char *app, const json_t *state, struct err *err)
{
	struct buf url BUF_CLEANUP;
	buf_init(&url, URL_MAX_BYTES);
	return git_address_open(f->seal, app, json_str(state, "url", ""), &url, err) &&
	       twin_source_withdraw(buf_cstr(&url), json_str(state, "name", ""), err);
}

bool following_leave(const struct flow *f, const char *app, json_t *state, const char *why, struct err *err)
{
	char db[FILE_PATH_SIZE];
	json_object_set_new(state, "state", json_string("leaving"));
	if (json_str(state, "why", NULL) == NULL) json_object_set_new(state, "why", json_string(why));
	if (!following_write(f, app, state, err) || !following_dir(f, app, "db", db, err) || !file_remove_tree(db, err))
		return false;
	struct err refused;
	if (!withdraw(f, app, state, &refused)) {
		json_object_set_new(state, "trouble", json_string(refused.msg));
		(void)following_write(f, app, state, err);
		*err = refused;
		return err_wrap(err, "the slot %s at %s is not removed yet", json_str(state, "name", ""),
				json_str(state, "source", ""));
	}
	json_object_set_new(state, "state", json_string("ended"));
	json_object_del(state, "url");
	json_object_del(state, "trouble");
	return following_write(f, app, state, err);
}

bool following_forget(const struct flow *f, const char *app, const char *why, struct err *err)
{
	json_t *state JSON_CLEANUP = NULL;
	struct err ignored;
	int turn = -1;
	char dir[FILE_PATH_SIZE];
	if (!following_read(f, app, &state, &ignored)) return true;
	if (!following_turn(f, app, true, &turn, err)) return false;
	json_decref(state);
	state = NULL;
	bool ok = !following_read(f, app, &state, &ignored) || following_is(state, "ended") ||
		  following_leave(f, app, state, why, err);
	ok = ok && following_dir(f, app, "", dir, err) && file_remove_tree(dir, err);
	(void)close(turn);
	return ok;
}

bool following_keep_schema(const struct flow *f, const char *app, struct pg_conn *source, const json_t *plan,
			   struct err *err)
{
	json_t *schema JSON_CLEANUP = NULL;
	return twin_schema_read(source, plan, &schema, err) && write_json(f, app, "schema.json", schema, err);
}

bool following_compare_schema(const struct flow *f, const char *app, struct pg_conn *source, const json_t *plan,
			      char ret_names[TWIN_WHY_SIZE], struct err *err)
{
	json_t *before JSON_CLEANUP = NULL, *now JSON_CLEANUP = NULL;
	char path[FILE_PATH_SIZE];
	if (!following_dir(f, app, "schema.json", path, err) || !json_parse_file(path, STATE_MAX_BYTES, &before, err) ||
	    !twin_schema_read(source, plan, &now, err))
		return false;
	twin_schema_differ(before, now, ret_names, TWIN_WHY_SIZE);
	return true;
}

void following_judge(const json_t *state, const struct twin_status *status, char ret_why[TWIN_WHY_SIZE])
{
	int64_t limit_mb = json_int(state, "limit_mb", FOLLOWING_LIMIT_MB);
	ret_why[0] = '\0';
	if (!status->is_there)
		(void)snprintf(ret_why, TWIN_WHY_SIZE, "somebody removed its slot at the source");
	else if (status->is_lost)
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "the source gave it up, since its slot held more of the log than is allowed there "
			       "(max_slot_wal_keep_size)");
	else if (status->held_bytes > limit_mb << 20)
		(void)snprintf(ret_why, TWIN_WHY_SIZE,
			       "its slot made the source keep more than %lld MB of its log (--slot-limit)",
			       (long long)limit_mb);
}

void following_show(const struct flow *f, const char *app, json_t *journal)
{
	json_t *state = NULL;
	struct err ignored;
	if (!following_read(f, app, &state, &ignored)) return;
	json_object_set(state, "whole", json_object_get(json_object_get(state, "plan"), "whole"));
	json_object_set(state, "keeps_mb", json_object_get(json_object_get(state, "plan"), "keeps_mb"));
	json_object_del(state, "plan");
	json_object_del(state, "url");
	json_object_set_new(journal, "following", state);
}

bool following_left(const struct flow *f, const char *app, char ret_text[FOLLOWING_LEFT_SIZE])
{
	json_t *state JSON_CLEANUP = NULL;
	struct err ignored;
	char until[160];
	if (!following_read(f, app, &state, &ignored) || following_is(state, "ended")) return false;
	const char *name = json_str(state, "name", "");
	int64_t keeps_mb = json_int(json_object_get(state, "plan"), "keeps_mb", -1);
	if (keeps_mb < 0)
		(void)snprintf(until, sizeof until, "without a limit of its own (max_slot_wal_keep_size)");
	else
		(void)snprintf(until, sizeof until, "up to its own limit of %lld MB (max_slot_wal_keep_size)",
			       (long long)keeps_mb);
	(void)snprintf(
	    ret_text, FOLLOWING_LEFT_SIZE,
	    "%s is being moved, and the slot %s stays at %.300s: as long as freeholdd does not run, that server "
	    "keeps its log for it %s, and the limit that was set here (--slot-limit, %lld MB) is not looked "
	    "at. Start freeholdd soon; if it is to stay off, first end the move (freehold move %s --finish or "
	    "--back), or remove the slot there: select pg_drop_replication_slot('%s')",
	    app, name, json_str(state, "source", ""), until, (long long)json_int(state, "limit_mb", FOLLOWING_LIMIT_MB),
	    app, name);
	return true;
}
