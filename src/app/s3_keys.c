/* SPDX-License-Identifier: Apache-2.0 */
#include "app/s3_keys.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "store/app.h"

#define KIND "key"
#define PREFIX "s3_key:" /* of its name there; the value is {"secret", "note"} */

struct walk {
	json_t *list;
	bool has_secrets;
};

static bool on_secret(void *arg, const char *name, struct str value, int64_t set_at_ms, struct err *err)
{
	struct walk *w = arg;
	json_t *kept JSON_CLEANUP = NULL;
	char at[CLOCK_ISO8601_SIZE];
	if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return true;
	if (!json_parse(value, &kept, err)) return false;
	const char *id = name + sizeof PREFIX - 1;
	clock_iso8601(set_at_ms, at);
	json_array_append_new(w->list, w->has_secrets
					   ? json_pack("{s:s, s:s}", "id", id, "secret", json_str(kept, "secret", ""))
					   : json_pack("{s:s, s:s, s:s}", "id", id, "note", json_str(kept, "note", ""),
						       "created_at", at));
	return true;
}

static bool list(const struct flow *f, const char *app, bool has_secrets, json_t **ret_list, struct err *err)
{
	struct walk w = {json_array(), has_secrets};
	if (!app_secret_each(f->db, f->seal, app, KIND, on_secret, &w, err)) {
		json_decref(w.list);
		return err_wrap(err, "the S3 keys of %s", app);
	}
	*ret_list = w.list;
	return true;
}

bool s3_keys_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	return list(f, app, false, ret_list, err);
}

bool s3_keys_for_backend(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	return list(f, app, true, ret_list, err);
}

bool s3_keys_add(const struct flow *f, const char *app, const char *note, char ret_id[S3_KEY_ID_SIZE],
		 char ret_secret[S3_KEY_SECRET_SIZE], struct err *err)
{
	json_t *there JSON_CLEANUP = NULL;
	char name[64], id[S3_KEY_ID_SIZE] = "FH", secret[S3_KEY_SECRET_SIZE];
	if (strlen(note) > S3_KEY_NOTE_MAX || !str_is_utf8(str_from(note)))
		return err_set(err, ERR_INVALID, "a note has at most %d bytes of text", S3_KEY_NOTE_MAX);
	if (!s3_keys_list(f, app, &there, err)) return false;
	if (json_array_size(there) >= S3_KEYS_MAX)
		return err_set(err, ERR_LIMIT, "%s has %d S3 keys; remove those that are not used any more", app,
			       S3_KEYS_MAX);
	/* Capitals and digits, as clients expect of an id. */
	seal_random_text(id + 2, sizeof id - 3);
	for (char *c = id; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
	seal_random_text(secret, sizeof secret - 1);
	json_t *kept JSON_CLEANUP = json_pack("{s:s, s:s}", "secret", secret, "note", note);
	char *text = json_text(kept);
	(void)snprintf(name, sizeof name, PREFIX "%s", id);
	bool ok = app_secret_set(f->db, f->seal, app, KIND, name, str_from(text), err);
	sodium_memzero(text, strlen(text));
	free(text);
	if (!ok) return false;
	memcpy(ret_id, id, sizeof id);
	memcpy(ret_secret, secret, sizeof secret);
	return true;
}

bool s3_keys_remove(const struct flow *f, const char *app, const char *id, struct err *err)
{
	char name[64];
	(void)snprintf(name, sizeof name, PREFIX "%.40s", id);
	if (app_secret_unset(f->db, app, KIND, name, err)) return true;
	return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "%s has no S3 key %.40s", app, id) : false;
}
