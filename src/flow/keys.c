/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/keys.h"
#include "flow/lovable.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/jwt.h"

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

static bool put_token(const struct flow *f, const char *app, const char *name, const char *role, struct err *err)
{
	struct buf secret BUF_CLEANUP;
	struct buf token BUF_CLEANUP;
	bool has = false;
	buf_init(&secret, 4096);
	buf_init(&token, JWT_MAX_BYTES);
	if (!has_key(f, app, name, &has, err)) return false;
	if (has) return true;
	if (!app_secret_get(f->db, f->seal, app, "key", "jwt_secret", &secret, err)) return false;
	int64_t now_s = clock_wall_ms() / 1000;
	json_t *claims JSON_CLEANUP =
	    json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", "supabase", "ref", app, "role", role, "iat",
		      (json_int_t)now_s, "exp", (json_int_t)(now_s + KEY_LIFE_S));
	struct jwt_key key = {.algorithm = JWT_HS256, .secret = buf_view(&secret)};
	jwt_sign(&key, claims, &token);
	return app_secret_set(f->db, f->seal, app, "key", name, buf_view(&token), err);
}

bool keys_ensure(const struct flow *f, const char *app, struct err *err)
{
	return put_random(f, app, "jwt_secret", "", SECRET_LEN, err) && put_token(f, app, "anon_key", "anon", err) &&
	       put_token(f, app, "service_role_key", "service_role", err) &&
	       put_random(f, app, "publishable_key", "sb_publishable_", OPAQUE_LEN, err) &&
	       put_random(f, app, "secret_key", "sb_secret_", OPAQUE_LEN, err) &&
	       put_random(f, app, LOVABLE_KEY, "fh_lovable_", OPAQUE_LEN, err);
}
