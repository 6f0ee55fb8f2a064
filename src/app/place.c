/* SPDX-License-Identifier: Apache-2.0 */
#include "app/place.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "http/fetch.h"
#include "store/app.h"
#include "store/setting.h"

#define KIND "key"
#define NAME "s3_place"
#define STATE_MAX_BYTES (64u << 10)

/* {"kind", "endpoint", "region", "bucket", "prefix", "id", "secret"}; NULL: none. */
static bool load(const struct flow *f, const char *app, json_t **ret_kept, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	*ret_kept = NULL;
	if (app_secret_get(f->db, f->seal, app, KIND, NAME, &text, err))
		return json_parse(buf_view(&text), ret_kept, err) || err_wrap(err, "the place of the files of %s", app);
	return err->code == ERR_NOT_FOUND;
}

static bool save(const struct flow *f, const char *app, const json_t *kept, struct err *err)
{
	char *text = json_text(kept);
	bool ok = app_secret_set(f->db, f->seal, app, KIND, NAME, str_from(text), err);
	sodium_memzero(text, strlen(text));
	free(text);
	return ok;
}

/* The backend's user wrote it, whom nothing is believed: neither a link nor what would be waited for. */
json_t *place_told(const struct flow *f, const char *app, const char *file)
{
	char path[FILE_PATH_SIZE], text[STATE_MAX_BYTES], name[64];
	struct err ignored;
	struct stat st;
	json_t *state = NULL;
	(void)snprintf(name, sizeof name, "storage/%s", file);
	if (!layout_app(&f->layout, app, name, path, &ignored)) return json_null();
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) return json_null();
	ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : -1;
	(void)close(fd);
	if (n <= 0 || !json_parse((struct str){text, (size_t)n}, &state, &ignored) || !json_is_object(state)) {
		json_decref(state);
		return json_null();
	}
	return state;
}

static bool is_kind(const json_t *kept, const char *kind)
{
	return strcmp(json_str(kept, "kind", "local"), kind) == 0;
}

/* The last round brought all of it back. */
static bool is_empty(const struct flow *f, const char *app, const json_t *kept)
{
	json_t *state JSON_CLEANUP = place_told(f, app, "place.json");
	return is_kind(kept, "local") && strcmp(json_str(state, "place", ""), "local") == 0 &&
	       json_bool(state, "done", false);
}

bool place_describe(const struct flow *f, const char *app, json_t **ret_place, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL;
	if (!load(f, app, &kept, err)) return false;
	json_t *o = json_pack("{s:s}", "kind", json_str(kept, "kind", "local"));
	static const char *const shown[][2] = {{"endpoint", "endpoint"},
					       {"region", "region"},
					       {"bucket", "bucket"},
					       {"prefix", "prefix"},
					       {"id", "access_key"}};
	for (size_t i = 0; kept != NULL && i < sizeof shown / sizeof *shown; i++)
		json_object_set_new(o, shown[i][1], json_string(json_str(kept, shown[i][0], "")));
	if (kept != NULL) json_object_set_new(o, "empty", json_boolean(is_empty(f, app, kept)));
	json_object_set_new(o, "state", place_told(f, app, "place.json"));
	*ret_place = o;
	return true;
}

bool place_for_backend(const struct flow *f, const char *app, json_t **ret_place, struct err *err)
{
	return load(f, app, ret_place, err);
}

static bool check(const json_t *given, struct err *err)
{
	static const char *const needed[] = {"endpoint", "region", "bucket", "access_key", "secret"};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const char *text = json_str(given, needed[i], "");
		if (text[0] == '\0' || strlen(text) > 250 || strpbrk(text, " \r\n") != NULL)
			return err_set(err, ERR_INVALID, "say the %s of the bucket; it has no spaces in it", needed[i]);
	}
	const char *prefix = json_str(given, "prefix", "");
	if (strlen(prefix) > 200 || strpbrk(prefix, " \r\n?#") != NULL || prefix[0] == '/')
		return err_set(err, ERR_INVALID,
			       "the prefix has at most 200 characters, no spaces, and no / at its start");
	return http_fetch_check(json_str(given, "endpoint", ""), err) || err_wrap(err, "the endpoint");
}

static bool is_same(const json_t *kept, const json_t *next)
{
	static const char *const names[] = {"endpoint", "bucket", "prefix"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(json_str(kept, names[i], ""), json_str(next, names[i], "")) != 0) return false;
	return true;
}

bool place_to_s3(const struct flow *f, const char *app, const json_t *given, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL, *next JSON_CLEANUP = NULL;
	char prefix[LAYOUT_APP_NAME_MAX + 2];
	if (!check(given, err) || !load(f, app, &kept, err)) return false;
	(void)snprintf(prefix, sizeof prefix, "%s/", app);
	next = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kind", "s3", "endpoint",
			 json_str(given, "endpoint", ""), "region", json_str(given, "region", ""), "bucket",
			 json_str(given, "bucket", ""), "prefix", json_str(given, "prefix", prefix), "id",
			 json_str(given, "access_key", ""), "secret", json_str(given, "secret", ""));
	if (kept != NULL && !is_same(kept, next) && !is_empty(f, app, kept))
		return err_set(err, ERR_CONFLICT,
			       "files of %s lie in %s of %s; bring them back first: freehold storage %s place local",
			       app, json_str(kept, "bucket", ""), json_str(kept, "endpoint", ""), app);
	return save(f, app, next, err);
}

bool place_to_local(const struct flow *f, const char *app, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL;
	if (!load(f, app, &kept, err)) return false;
	if (kept == NULL) return true;
	json_object_set_new(kept, "kind", json_string("local"));
	return save(f, app, kept, err);
}

bool place_forget(const struct flow *f, const char *app, struct err *err)
{
	json_t *kept JSON_CLEANUP = NULL;
	if (!load(f, app, &kept, err)) return false;
	if (kept == NULL) return true;
	if (!is_empty(f, app, kept))
		return err_set(err, ERR_CONFLICT,
			       "files of %s lie in S3 still; bring them back first: freehold storage %s place local",
			       app, app);
	return app_secret_unset(f->db, app, KIND, NAME, err);
}

#define ASKED "storage_sweep" /* when, in milliseconds */
#define FIX "storage_sweep_fix_s"

bool place_sweep(const struct flow *f, const char *app, int64_t fix_s, int64_t *ret_asked, struct err *err)
{
	int64_t asked = clock_wall_ms();
	if (!setting_set(f->db, app, ASKED, asked, err) || !setting_set(f->db, app, FIX, fix_s, err)) return false;
	*ret_asked = asked;
	return true;
}

bool place_sweep_for_backend(const struct flow *f, const char *app, json_t **ret_sweep, struct err *err)
{
	int64_t asked = 0, fix_s = -1;
	*ret_sweep = NULL;
	if (!setting_get(f->db, app, ASKED, &asked, err) || !setting_get(f->db, app, FIX, &fix_s, err)) return false;
	if (asked != 0) *ret_sweep = json_pack("{s:I, s:I}", "asked", (json_int_t)asked, "fix_s", (json_int_t)fix_s);
	return true;
}
