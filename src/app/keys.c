/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keys.h"
#include "app/lovable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"
#include "codec/keyring.h"

#define SECRET_LEN 48
#define OPAQUE_LEN 31
#define KEY_LIFE_S (10LL * 365 * 24 * 3600) /* as long as a Supabase project's own */

static bool has_key(const struct flow *f, const char *app, const char *name, bool *ret_yes, struct err *err)
{
	struct buf value BUF_CLEANUP;
	buf_init(&value, 4096);
	bool yes = app_secret_get(f->db, f->seal, app, "key", name, &value, err);
	if (!yes && err->code != ERR_NOT_FOUND) return false;
	*ret_yes = yes;
	return true;
}

static bool put_random(const struct flow *f, const char *app, const char *name, const char *prefix, size_t len,
		       struct err *err)
{
	char text[128], random[64];
	bool has = false;
	if (!has_key(f, app, name, &has, err)) return false;
	if (has) return true;
	seal_random_text(random, len);
	(void)snprintf(text, sizeof text, "%s%s", prefix, random);
	return app_secret_set(f->db, f->seal, app, "key", name, str_from(text), err);
}

static bool make_token(const struct flow *f, const char *app, const char *name, const char *role, int64_t now_s,
		       struct err *err)
{
	struct buf secret BUF_CLEANUP;
	struct buf token BUF_CLEANUP;
	buf_init(&secret, 4096);
	buf_init(&token, JWT_MAX_BYTES);
	if (!app_secret_get(f->db, f->seal, app, "key", "jwt_secret", &secret, err)) return false;
	json_t *claims JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", "supabase", "ref", app, "role", role, "iat",
		      (json_int_t)now_s, "exp", (json_int_t)(now_s + KEY_LIFE_S));
	struct jwt_key key = {.algorithm = JWT_HS256, .secret = buf_view(&secret)};
	jwt_sign(&key, claims, &token);
	return app_secret_set(f->db, f->seal, app, "key", name, buf_view(&token), err);
}

static bool put_token(const struct flow *f, const char *app, const char *name, const char *role, struct err *err)
{
	bool has = false;
	if (!has_key(f, app, name, &has, err)) return false;
	return has || make_token(f, app, name, role, clock_wall_ms() / 1000, err);
}

bool keys_ensure(const struct flow *f, const char *app, struct err *err)
{
	return put_random(f, app, "jwt_secret", "", SECRET_LEN, err) && put_token(f, app, "anon_key", "anon", err) &&
	       put_token(f, app, "service_role_key", "service_role", err) &&
	       put_random(f, app, "publishable_key", "sb_publishable_", OPAQUE_LEN, err) &&
	       put_random(f, app, "secret_key", "sb_secret_", OPAQUE_LEN, err) &&
	       put_random(f, app, LOVABLE_KEY, "fh_lovable_", OPAQUE_LEN, err);
}

/* Renewing. */

#define REFUSED "refused_tokens"
#define FORMER "former_public_keys"

static bool get_list(const struct flow *f, const char *app, const char *name, json_t **ret_list, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, SEAL_VALUE_MAX_BYTES);
	if (app_secret_get(f->db, f->seal, app, "key", name, &text, err))
		return json_parse(buf_view(&text), ret_list, err) || err_wrap(err, "%s of %s", name, app);
	if (err->code != ERR_NOT_FOUND) return false;
	*ret_list = json_array();
	return true;
}

static bool set_list(const struct flow *f, const char *app, const char *name, const json_t *list, struct err *err)
{
	char *text = json_text(list);
	bool ok = app_secret_set(f->db, f->seal, app, "key", name, str_from(text), err);
	free(text);
	return ok;
}

static json_t *refusal_of(const char *token)
{
	struct jwt_digest digest;
	char hex[2 * JWT_DIGEST_BYTES + 1] = "";
	jwt_digest(str_from(token), &digest);
	for (size_t i = 0; i < JWT_DIGEST_BYTES; i++) (void)snprintf(hex + 2 * i, 3, "%02x", digest.bytes[i]);
	return json_pack("{s:s}", "refused", hex);
}

static bool refuse(const struct flow *f, const char *app, const char *token, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL;
	if (!get_list(f, app, REFUSED, &list, err)) return false;
	/* The oldest is the one that anybody is least likely to try still. */
	if (json_array_size(list) >= KEYRING_REFUSED_MAX) (void)json_array_remove(list, 0);
	(void)json_array_append_new(list, refusal_of(token));
	return set_list(f, app, REFUSED, list, err);
}

static bool get_key(const struct flow *f, const char *app, const char *name, struct buf *ret_key, struct err *err)
{
	return app_secret_get(f->db, f->seal, app, "key", name, ret_key, err);
}

/* Another token, also within the second in which the former one was made. */
static bool replace_token(const struct flow *f, const char *app, const char *name, const char *role, const char *former,
			  struct err *err)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	int64_t now_s = clock_wall_ms() / 1000, then_s = 0;
	if (jwt_peek(str_from(former), &claims, &ignored)) then_s = json_int(claims, "iat", 0);
	return make_token(f, app, name, role, now_s > then_s ? now_s : then_s + 1, err);
}

static bool replace_short(const struct flow *f, const char *app, const char *name, const char *prefix, struct err *err)
{
	return app_secret_unset(f->db, app, "key", name, err) && put_random(f, app, name, prefix, OPAQUE_LEN, err);
}

static bool renew_service(const struct flow *f, const char *app, struct err *err)
{
	struct buf former BUF_CLEANUP;
	buf_init(&former, JWT_MAX_BYTES);
	return get_key(f, app, "service_role_key", &former, err) && refuse(f, app, buf_cstr(&former), err) &&
	       replace_token(f, app, "service_role_key", "service_role", buf_cstr(&former), err) &&
	       replace_short(f, app, "secret_key", "sb_secret_", err);
}

static bool renew_public(const struct flow *f, const char *app, struct err *err)
{
	struct buf anon BUF_CLEANUP, publishable BUF_CLEANUP;
	json_t *list JSON_CLEANUP = NULL;
	buf_init(&anon, JWT_MAX_BYTES), buf_init(&publishable, JWT_MAX_BYTES);
	if (!get_key(f, app, "anon_key", &anon, err) || !get_key(f, app, "publishable_key", &publishable, err) ||
	    !get_list(f, app, FORMER, &list, err))
		return false;
	if (json_array_size(list) >= KEYS_FORMER_MAX)
		return err_set(
		    err, ERR_LIMIT,
		    "%d former public keys of %s are accepted; revoke those first: freehold auth %s keys revoke public",
		    KEYS_FORMER_MAX, app, app);
	(void)json_array_append_new(
	    list, json_pack("{s:s, s:s}", "anon", buf_cstr(&anon), "publishable", buf_cstr(&publishable)));
	return set_list(f, app, FORMER, list, err) && replace_token(f, app, "anon_key", "anon", buf_cstr(&anon), err) &&
	       replace_short(f, app, "publishable_key", "sb_publishable_", err);
}

static bool revoke_public(const struct flow *f, const char *app, struct err *err)
{
	json_t *list JSON_CLEANUP = NULL, *none JSON_CLEANUP = json_array();
	if (!get_list(f, app, FORMER, &list, err)) return false;
	if (json_array_size(list) == 0)
		return err_set(err, ERR_CONFLICT,
			       "%s has no former public keys; freehold auth %s keys renew public makes new ones", app,
			       app);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!refuse(f, app, json_str(json_array_get(list, i), "anon", ""), err)) return false;
	return set_list(f, app, FORMER, none, err);
}

static bool whole(const struct flow *f, const char *app,
		  bool (*change)(const struct flow *f, const char *app, struct err *err), struct err *err)
{
	if (!db_begin(f->db, err)) return false;
	if (change(f, app, err)) return db_commit(f->db, err);
	db_rollback(f->db);
	return false;
}

bool keys_renew_service(const struct flow *f, const char *app, struct err *err)
{
	return whole(f, app, renew_service, err);
}

bool keys_renew_public(const struct flow *f, const char *app, struct err *err)
{
	return whole(f, app, renew_public, err);
}

bool keys_revoke_public(const struct flow *f, const char *app, struct err *err)
{
	return whole(f, app, revoke_public, err);
}

bool keys_former(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	return get_list(f, app, FORMER, ret_list, err);
}

bool keys_refused(const struct flow *f, const char *app, json_t **ret_list, struct err *err)
{
	return get_list(f, app, REFUSED, ret_list, err);
}
