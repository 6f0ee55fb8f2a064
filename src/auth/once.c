/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/once.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/random.h>

#define DIGITS_MAX 10

static uint64_t random_below(uint64_t limit)
{
	uint64_t value, whole = UINT64_MAX - UINT64_MAX % limit;
	do {
		if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
	} while (value >= whole);
	return value % limit;
}

const char *once_hash(struct arena *a, const char *relates_to, const char *code)
{
	unsigned char digest[SHA224_DIGEST_LENGTH];
	char hex[2 * SHA224_DIGEST_LENGTH + 1];
	const char *text = arena_printf(a, "%s%s", relates_to, code);
	if (text == NULL) return NULL;
	(void)SHA224((const unsigned char *)text, strlen(text), digest);
	for (int i = 0; i < SHA224_DIGEST_LENGTH; i++) {
		hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	hex[sizeof hex - 1] = '\0';
	return arena_strdup(a, hex);
}

bool once_make_of(struct arena *a, const char *relates_to, const char *code, struct once *ret_once)
{
	*ret_once = (struct once){.code = code, .hash = once_hash(a, relates_to, code)};
	return ret_once->hash != NULL;
}

bool once_make(struct arena *a, const char *relates_to, int64_t digits, const struct pkce *pkce, struct once *ret_once)
{
	uint64_t limit = 1;
	if (digits > DIGITS_MAX) digits = DIGITS_MAX;
	for (int64_t i = 0; i < digits; i++) limit *= 10;
	const char *code = arena_printf(a, "%0*llu", (int)digits, (unsigned long long)random_below(limit));
	if (code == NULL || !once_make_of(a, relates_to, code, ret_once)) return false;
	if (pkce != NULL && pkce_is_on(pkce)) ret_once->hash = arena_printf(a, PKCE_PREFIX "%s", ret_once->hash);
	return ret_once->hash != NULL;
}

/* The column of the token, and with it the time it was sent; refused when that is too near. */
#define WRITE(column, sent_at)                                                                                         \
	"with done as (update auth.users set " column " = $2, " sent_at " = now(), updated_at = now() where id = "     \
	"$1::uuid and (" sent_at " is null or " sent_at " <= now() - make_interval(secs => $3::float8 / 1000)) "       \
	"returning 1) select freehold_auth.refuse('" ONCE_TOO_SOON "') where not exists (select from done)"

static const struct {
	const char *write, *type;
} kinds[] = {
    [ONCE_CONFIRMATION] = {WRITE("confirmation_token", "confirmation_sent_at"), "confirmation_token"},
    [ONCE_RECOVERY] = {WRITE("recovery_token", "recovery_sent_at"), "recovery_token"},
    [ONCE_EMAIL_CHANGE_NEW] = {WRITE("email_change_token_new", "email_change_sent_at"), "email_change_token_new"},
    /* Goes out together with the new one, which has looked at the time. */
    [ONCE_EMAIL_CHANGE_CURRENT] = {"update auth.users set email_change_token_current = $2, email_change_sent_at = "
				   "now() where id = $1::uuid and $3::text is not null",
				   "email_change_token_current"},
    [ONCE_REAUTHENTICATION] = {WRITE("reauthentication_token", "reauthentication_sent_at"), "reauthentication_token"},
    [ONCE_PHONE_CHANGE] = {WRITE("phone_change_token", "phone_change_sent_at"), "phone_change_token"},
};

void once_sql(struct pg_batch *sql, struct arena *a, enum once_kind kind, const char *user_id, const char *relates_to,
	      const char *hash, int64_t frequency_ms)
{
	const char *frequency = arena_printf(a, "%lld", (long long)frequency_ms);
	PG_ADD(sql, kinds[kind].write, user_id, hash, frequency != NULL ? frequency : "60000");
	PG_ADD(sql,
	       "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to) values "
	       "(gen_random_uuid(), $1::uuid, $2::auth.one_time_token_type, $3, lower($4)) on conflict (user_id, "
	       "token_type) do update set id = excluded.id, token_hash = excluded.token_hash, relates_to = "
	       "excluded.relates_to, created_at = now(), updated_at = now()",
	       user_id, kinds[kind].type, hash, relates_to);
}
