/* SPDX-License-Identifier: Apache-2.0 */
#include "app/signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/base64.h"
#include "codec/json.h"

#define KEPT "signing_keys"
#define KID_SIZE 37

/* [{"id", "state", "algorithm", "created_at", "changed_at", "jwk"}]; without a jwk it is the app's jwt_secret. */
static bool load(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	if (app_secret_get(f->db, f->seal, app, "key", KEPT, &text, err))
		return json_parse(buf_view(&text), ret_list, err) || err_wrap(err, "the signing keys of %s", app);
	if (err->code != ERR_NOT_FOUND) return false;
	*ret_list = json_pack("[{s:s, s:s, s:s}]", "id", SIGNING_LEGACY, "state", key_state_word(KEY_IN_USE),
			      "algorithm", "HS256");
	return true;
}

static json_t *jwk_of(const json_t *entry, struct str secret)
{
	json_t *jwk = json_object_get(entry, "jwk");
	struct buf k BUF_CLEANUP;
	buf_init(&k, 4096);
	if (jwk != NULL) return json_incref(jwk);
	base64url_encode(secret, &k);
	return json_pack("{s:s, s:s}", "kty", "oct", "k", buf_cstr(&k));
}

static bool for_backend(const struct flow *f, const char *app, const json_t *list, json_t **ret_list, struct err *err)
{
	struct buf secret BUF_CLEANUP;
	buf_init(&secret, 4096);
	if (!app_secret_get(f->db, f->seal, app, "key", "jwt_secret", &secret, err)) return false;
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		json_array_append_new(out, json_pack("{s:s, s:o}", "state", json_str(entry, "state", ""), "jwk",
						     jwk_of(entry, buf_view(&secret))));
	}
	*ret_list = out;
	return true;
}

bool signing_for_backend(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	return load(f, app, &list, err) && for_backend(f, app, list, ret_list, err);
}

/* Kept only when the backend can take it. */
static bool save(const struct flow *f, const char *app, const json_t *list, struct err *err)
{
	json_t *tried JSON_CLEANUP = NULL;
	struct keyring *keyring = NULL;
	if (!for_backend(f, app, list, &tried, err) || !keyring_read(tried, &keyring, err)) return false;
	keyring_free(keyring);
	char *text = json_text(list);
	bool ok = app_secret_set(f->db, f->seal, app, "key", KEPT, str_from(text), err);
	free(text);
	return ok;
}

static bool is_in(const json_t *entry, enum key_state state)
{
	return strcmp(json_str(entry, "state", ""), key_state_word(state)) == 0;
}

static json_t *find_state(const json_t *list, enum key_state state)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is_in(json_array_get(list, i), state)) return json_array_get(list, i);
	return NULL;
}

static json_t *find_id(const json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_str(json_array_get(list, i), "id", ""), id) == 0) return json_array_get(list, i);
	return NULL;
}

static void set_state(json_t *entry, enum key_state state)
{
	char now[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), now);
	json_object_set_new(entry, "state", json_string(key_state_word(state)));
	json_object_set_new(entry, "changed_at", json_string(now));
	/* Nothing verifies with it any more: it need not lie about. */
	if (state == KEY_REVOKED && json_object_get(entry, "jwk") != NULL) {
		json_t *public = keyring_public(json_object_get(entry, "jwk"));
		json_object_set_new(entry, "jwk", public != NULL ? public : json_pack("{s:s}", "kty", "oct"));
	}
}

/* Takes the jwk. The oldest that is revoked makes room. */
static bool add(json_t *list, json_t *jwk, enum key_state state, struct err *err)
{
	char now[CLOCK_ISO8601_SIZE];
	clock_iso8601(clock_wall_ms(), now);
	for (size_t i = json_array_size(list); json_array_size(list) >= KEYRING_MAX && i-- > 0;)
		if (is_in(json_array_get(list, i), KEY_REVOKED)) json_array_remove(list, i);
	if (json_array_size(list) >= KEYRING_MAX) {
		json_decref(jwk);
		return err_set(err, ERR_LIMIT, "an app has at most %d keys; revoke those that are not used any more",
			       KEYRING_MAX);
	}
	const char *kind = json_str(jwk, "kty", ""), *alg = json_str(jwk, "alg", "");
	if (alg[0] == '\0') alg = strcmp(kind, "RSA") == 0 ? "RS256" : strcmp(kind, "EC") == 0 ? "ES256" : "HS256";
	json_array_insert_new(list, 0,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "id", json_str(jwk, "kid", ""), "state",
					key_state_word(state), "algorithm", alg, "created_at", now, "changed_at", now,
					"jwk", jwk));
	return true;
}

static void make_kid(char ret_kid[KID_SIZE])
{
	char text[25];
	seal_random_text(text, sizeof text - 1);
	(void)snprintf(ret_kid, KID_SIZE, "%s", text);
}

bool signing_standby(const struct flow *f, const char *app, enum jwt_algorithm algorithm, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	char kid[KID_SIZE];
	if (!load(f, app, &list, err)) return false;
	const json_t *there = find_state(list, KEY_STANDBY);
	if (there != NULL)
		return err_set(
		    err, ERR_CONFLICT,
		    "%s has a key on standby already, %s: rotate to it (freehold auth %s keys rotate) or revoke it",
		    app, json_str(there, "id", ""), app);
	make_kid(kid);
	return add(list, keyring_make(algorithm, kid), KEY_STANDBY, err) && save(f, app, list, err);
}

bool signing_rotate(const struct flow *f, const char *app, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	if (!load(f, app, &list, err)) return false;
	json_t *next = find_state(list, KEY_STANDBY), *old = find_state(list, KEY_IN_USE);
	if (next == NULL)
		return err_set(err, ERR_CONFLICT,
			       "%s has no key on standby; make one first: freehold auth %s keys standby", app, app);
	if (old != NULL) set_state(old, KEY_PREVIOUSLY_USED);
	set_state(next, KEY_IN_USE);
	return save(f, app, list, err);
}

bool signing_revoke(const struct flow *f, const char *app, const char *id, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	if (!load(f, app, &list, err)) return false;
	json_t *entry = find_id(list, id);
	if (entry == NULL)
		return err_set(err, ERR_NOT_FOUND, "%s has no key %.60s; freehold auth %s keys lists them", app, id,
			       app);
	if (is_in(entry, KEY_IN_USE))
		return err_set(err, ERR_CONFLICT,
			       "the key %s signs now; rotate to another one first: freehold auth %s keys rotate", id,
			       app);
	set_state(entry, KEY_REVOKED);
	return save(f, app, list, err);
}

static bool import_one(json_t *list, const json_t *jwk, enum key_state state, struct err *err)
{
	char kid[KID_SIZE];
	if (!json_is_object(jwk)) return err_set(err, ERR_INVALID, "that is no JSON Web Key");
	json_t *copy = json_deep_copy(jwk);
	if (json_str(copy, "kid", "")[0] == '\0' && strcmp(json_str(copy, "kty", ""), "oct") != 0) {
		make_kid(kid);
		json_object_set_new(copy, "kid", json_string(kid));
	}
	if (find_id(list, json_str(copy, "kid", "")) != NULL) {
		(void)err_set(err, ERR_CONFLICT, "there is a key %.60s already", json_str(copy, "kid", ""));
		json_decref(copy);
		return false;
	}
	if (!add(list, copy, state, err)) return false;
	/* A secret verifies tokens that name no key: it has an id for its owner only. */
	json_t *entry = json_array_get(list, 0);
	if (json_str(entry, "id", "")[0] == '\0') {
		make_kid(kid);
		json_object_set_new(entry, "id", json_string(kid));
	}
	return true;
}

bool signing_import(const struct flow *f, const char *app, const json_t *keys, bool takes_over, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	if (!json_is_array(keys) || json_array_size(keys) == 0)
		return err_set(err, ERR_INVALID, "there is no key in it");
	if (!load(f, app, &list, err)) return false;
	if (takes_over) {
		json_t *old = find_state(list, KEY_IN_USE);
		if (old != NULL) set_state(old, KEY_PREVIOUSLY_USED);
	}
	for (size_t i = json_array_size(keys); i-- > 0;) {
		enum key_state state = takes_over && i == 0 ? KEY_IN_USE : KEY_PREVIOUSLY_USED;
		if (!import_one(list, json_array_get(keys, i), state, err)) return false;
	}
	return save(f, app, list, err);
}

bool signing_list(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	json_t *list = NULL;
	if (!load(f, app, &list, err)) return false;
	for (size_t i = 0; i < json_array_size(list); i++) (void)json_object_del(json_array_get(list, i), "jwk");
	*ret_list = list;
	return true;
}
