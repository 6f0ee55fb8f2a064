/* SPDX-License-Identifier: Apache-2.0 */
#include "app/git_key.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "codec/base64.h"
#include "codec/ssh_key.h"
#include "store/app.h"

#define KIND "key"

_Static_assert(crypto_sign_SECRETKEYBYTES == SSH_KEY_SECRET_BYTES, "libsodium's form of a key");

static bool make(struct db *db, const struct seal *seal, const char *app, struct err *err)
{
	unsigned char public_half[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
	char comment[SSH_KEY_COMMENT_MAX];
	struct buf line BUF_CLEANUP;
	struct buf text BUF_CLEANUP;
	buf_init(&line, SSH_KEY_TEXT_MAX_BYTES), buf_init(&text, SSH_KEY_TEXT_MAX_BYTES);
	(void)snprintf(comment, sizeof comment, "freehold-%s", app);
	(void)crypto_sign_keypair(public_half, secret);
	ssh_key_public(public_half, comment, &line);
	ssh_key_private(secret, comment, randombytes_random(), &text);
	bool ok = app_secret_set(db, seal, app, KIND, "git_private", buf_view(&text), err) &&
		  app_secret_set(db, seal, app, KIND, "git_public", buf_view(&line), err);
	sodium_memzero(secret, sizeof secret);
	sodium_memzero(text.ptr, text.len);
	return ok;
}

/* Nothing where there is none. */
static bool get(struct db *db, const struct seal *seal, const char *app, const char *name, struct buf *ret_value,
		struct err *err)
{
	return app_secret_get(db, seal, app, KIND, name, ret_value, err) || err->code == ERR_NOT_FOUND;
}

bool git_key_keep(struct db *db, const struct seal *seal, const char *app, bool is_new, struct buf *ret_public,
		  struct err *err)
{
	if (!is_new && !get(db, seal, app, "git_public", ret_public, err)) return false;
	if (ret_public->len > 0) return true;
	return make(db, seal, app, err) && app_secret_get(db, seal, app, KIND, "git_public", ret_public, err);
}

bool git_key_get(struct db *db, const struct seal *seal, const char *app, struct buf *ret_private,
		 struct buf *ret_known_hosts, struct err *err)
{
	return get(db, seal, app, "git_private", ret_private, err) &&
	       get(db, seal, app, "git_known_hosts", ret_known_hosts, err);
}

bool git_key_keep_hosts(struct db *db, const struct seal *seal, const char *app, struct str known_hosts,
			struct err *err)
{
	return known_hosts.len == 0 || app_secret_set(db, seal, app, KIND, "git_known_hosts", known_hosts, err);
}

bool git_key_forget_hosts(struct db *db, const char *app, struct err *err)
{
	return app_secret_unset(db, app, KIND, "git_known_hosts", err) || err->code == ERR_NOT_FOUND;
}

#define ADDRESS_LABEL_SIZE 128
#define ADDRESS_MAX_BYTES 4096

static struct str label_of(char label[ADDRESS_LABEL_SIZE], const char *app)
{
	(void)snprintf(label, ADDRESS_LABEL_SIZE, "%s/git address", app);
	return str_from(label);
}

char *git_address_seal(const struct seal *seal, const char *app, const char *url)
{
	char label[ADDRESS_LABEL_SIZE];
	struct buf box BUF_CLEANUP;
	struct buf text BUF_CLEANUP;
	buf_init(&box, ADDRESS_MAX_BYTES), buf_init(&text, ADDRESS_MAX_BYTES);
	seal_close_value(seal, label_of(label, app), str_from(url), &box);
	base64url_encode(buf_view(&box), &text);
	return buf_is_ok(&box) && buf_is_ok(&text) ? strdup(buf_cstr(&text)) : NULL;
}

bool git_address_open(const struct seal *seal, const char *app, const char *sealed, struct buf *ret_url,
		      struct err *err)
{
	char label[ADDRESS_LABEL_SIZE];
	struct buf box BUF_CLEANUP;
	buf_init(&box, ADDRESS_MAX_BYTES);
	return (base64url_decode(str_from(sealed), &box) || err_set(err, ERR_INVALID, "the address is damaged")) &&
	       seal_open_value(seal, label_of(label, app), buf_view(&box), ret_url, err);
}
