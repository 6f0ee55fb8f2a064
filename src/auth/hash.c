/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/hash.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "codec/base64.h"

#define BYTES_MAX 256 /* of a salt, a key or a hash */
#define BCRYPT_LEN 60
#define BCRYPT_PASSWORD_MAX 72
#define SCRYPT_KEY_BYTES 32
#define SCRYPT_LOG_N_MAX 20

struct bytes {
	unsigned char at[BYTES_MAX];
	size_t len;
};

/* "$2b$10$" and 53 characters of its own base64. */
static bool check_bcrypt(struct str hash, struct err *err)
{
	int64_t cost = 0;
	bool is_known =
	    str_has_prefix(hash, STR("$2a$")) || str_has_prefix(hash, STR("$2b$")) || str_has_prefix(hash, STR("$2y$"));
	bool is_shape = is_known && hash.len == BCRYPT_LEN && hash.ptr[6] == '$' &&
			str_to_int(str_sub(hash, 4, 6), &cost) && cost >= 4;
	for (size_t i = 7; is_shape && i < hash.len; i++) {
		char c = hash.ptr[i];
		is_shape = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '.' && c <= '9');
	}
	if (!is_shape) return err_set(err, ERR_INVALID, "the password's hash is no bcrypt hash");
	if (cost > AUTH_HASH_BCRYPT_COST_MAX)
		return err_set(err, ERR_LIMIT, "the password's hash has a cost of %d, more than %d", (int)cost,
			       AUTH_HASH_BCRYPT_COST_MAX);
	return true;
}

/* "m=65536" of what lies between two commas. */
static bool take_number(struct str *rest, const char *name, int64_t *ret_number)
{
	struct str part, key = str_from(name);
	return str_next(rest, ',', &part) && str_has_prefix(part, key) &&
	       str_to_int(str_sub(part, key.len, part.len), ret_number) && *ret_number > 0;
}

static bool take_text(struct str *rest, const char *name, struct str *ret_text)
{
	struct str part, key = str_from(name), before = *rest;
	*ret_text = STR("");
	if (!str_next(rest, ',', &part) || !str_has_prefix(part, key)) {
		*rest = before;
		return false;
	}
	*ret_text = str_sub(part, key.len, part.len);
	return true;
}

/* The other alphabet of base64, padded or not. */
static bool take_bytes(struct str text, struct bytes *ret_bytes)
{
	char url[BYTES_MAX * 2];
	BUF_CLEANUP struct buf decoded;
	buf_init(&decoded, BYTES_MAX);
	while (text.len > 0 && text.ptr[text.len - 1] == '=') text.len--;
	if (text.len > sizeof url) return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '-' || c == '_') return false;
		url[i] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	if (!base64url_decode((struct str){url, text.len}, &decoded) || !buf_is_ok(&decoded)) return false;
	if (decoded.len > 0) memcpy(ret_bytes->at, decoded.ptr, decoded.len);
	ret_bytes->len = decoded.len;
	return true;
}

struct argon2 {
	argon2_type type;
	int64_t memory_kib, time, lanes;
	struct bytes salt, hash;
};

static bool split_argon2(struct str text, struct argon2 *h)
{
	struct str part, numbers;
	(void)str_next(&text, '$', &part); /* before the first */
	if (!str_next(&text, '$', &part)) return false;
	if (!str_eq(part, STR("argon2i")) && !str_eq(part, STR("argon2id"))) return false;
	h->type = part.len == strlen("argon2i") ? Argon2_i : Argon2_id;
	if (!str_next(&text, '$', &part) || !str_eq(part, STR("v=19"))) return false;
	if (!str_next(&text, '$', &numbers) || !take_number(&numbers, "m=", &h->memory_kib) ||
	    !take_number(&numbers, "t=", &h->time) || !take_number(&numbers, "p=", &h->lanes) || numbers.ptr != NULL)
		return false;
	if (!str_next(&text, '$', &part) || !take_bytes(part, &h->salt)) return false;
	return str_next(&text, '$', &part) && text.ptr == NULL && take_bytes(part, &h->hash);
}

static bool read_argon2(struct str text, struct argon2 *h, struct err *err)
{
	if (!split_argon2(text, h) || h->salt.len < ARGON2_MIN_SALT_LENGTH || h->hash.len < ARGON2_MIN_OUTLEN)
		return err_set(err, ERR_INVALID,
			       "the password's hash is none of argon2i or argon2id in the PHC format with v=19");
	if (h->memory_kib > AUTH_HASH_MEMORY_MAX_BYTES / 1024 || h->time > AUTH_HASH_ARGON2_TIME_MAX ||
	    h->lanes > AUTH_HASH_LANES_MAX)
		return err_set(
		    err, ERR_LIMIT,
		    "the password's hash asks for more than m=%u, t=%d or p=%d: too much work for this server",
		    AUTH_HASH_MEMORY_MAX_BYTES / 1024, AUTH_HASH_ARGON2_TIME_MAX, AUTH_HASH_LANES_MAX);
	return true;
}

struct fbscrypt {
	int64_t log_n, r, p;
	struct bytes separator, signer, salt, hash;
};

static bool split_fbscrypt(struct str text, struct fbscrypt *h)
{
	struct str part, numbers, separator, signer;
	int64_t version;
	(void)str_next(&text, '$', &part);
	if (!str_next(&text, '$', &part) || !str_next(&text, '$', &numbers)) return false;
	if (!take_number(&numbers, "v=", &version) || version != 1 || !take_number(&numbers, "n=", &h->log_n) ||
	    !take_number(&numbers, "r=", &h->r) || !take_number(&numbers, "p=", &h->p))
		return false;
	(void)take_text(&numbers, "ss=", &separator);
	(void)take_text(&numbers, "sk=", &signer);
	if (numbers.ptr != NULL || !take_bytes(separator, &h->separator) || !take_bytes(signer, &h->signer))
		return false;
	if (!str_next(&text, '$', &part) || !take_bytes(part, &h->salt)) return false;
	return str_next(&text, '$', &part) && text.ptr == NULL && take_bytes(part, &h->hash);
}

static uint64_t scrypt_memory(const struct fbscrypt *h)
{
	return ((uint64_t)128 * (uint64_t)h->r << h->log_n) + (uint64_t)128 * (uint64_t)(h->r * (h->p + 2));
}

static bool read_fbscrypt(struct str text, struct fbscrypt *h, struct err *err)
{
	if (!split_fbscrypt(text, h) || h->signer.len == 0 || h->salt.len == 0)
		return err_set(err, ERR_INVALID,
			       "the password's hash is no $fbscrypt$v=1,n=…,r=…,p=…,ss=…,sk=…$SALT$HASH of Firebase");
	if (h->log_n > SCRYPT_LOG_N_MAX || h->p > AUTH_HASH_LANES_MAX || h->r > 64 ||
	    scrypt_memory(h) > AUTH_HASH_MEMORY_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "the password's hash asks for more memory than %u MB",
			       AUTH_HASH_MEMORY_MAX_BYTES >> 20);
	return true;
}

static bool is_argon2(struct str hash)
{
	return str_has_prefix(hash, STR("$argon2"));
}

static bool is_fbscrypt(struct str hash)
{
	return str_has_prefix(hash, STR("$fbscrypt"));
}

bool auth_hash_check(struct str hash, size_t *ret_memory_bytes, struct err *err)
{
	if (hash.len >= AUTH_STORED_HASH_SIZE)
		return err_set(err, ERR_INVALID, "the password's hash is longer than %d bytes",
			       AUTH_STORED_HASH_SIZE - 1);
	if (is_argon2(hash)) {
		struct argon2 h = {0};
		if (!read_argon2(hash, &h, err)) return false;
		*ret_memory_bytes = (size_t)h.memory_kib * 1024;
		return true;
	}
	if (is_fbscrypt(hash)) {
		struct fbscrypt h = {0};
		if (!read_fbscrypt(hash, &h, err)) return false;
		*ret_memory_bytes = scrypt_memory(&h);
		return true;
	}
	if (!check_bcrypt(hash, err)) return false;
	*ret_memory_bytes = sizeof(struct crypt_data);
	return true;
}

static bool is_same(const unsigned char *a, const unsigned char *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

static bool matches_bcrypt(struct str hash, struct str password)
{
	char setting[BCRYPT_LEN + 1], text[BCRYPT_PASSWORD_MAX + 1];
	struct err ignored;
	if (!check_bcrypt(hash, &ignored)) return false;
	(void)snprintf(setting, sizeof setting, "%.*s", STR_FMT(hash));
	(void)snprintf(text, sizeof text, "%.*s", STR_FMT(str_sub(password, 0, BCRYPT_PASSWORD_MAX)));
	struct crypt_data *data = calloc(1, sizeof *data);
	if (data == NULL) abort();
	const char *made = crypt_r(text, setting, data);
	bool ok = made != NULL && strlen(made) == BCRYPT_LEN &&
		  is_same((const unsigned char *)made, (const unsigned char *)setting, BCRYPT_LEN);
	OPENSSL_cleanse(data, sizeof *data);
	OPENSSL_cleanse(text, sizeof text);
	free(data);
	return ok;
}

/* One thread computes all lanes: threads of its own would escape the niceness and the bound of ours. */
static bool matches_argon2(struct str hash, struct str password)
{
	struct argon2 h = {0};
	struct err ignored;
	unsigned char made[BYTES_MAX], copy[AUTH_PASSWORD_LONGEST_BYTES];
	if (!read_argon2(hash, &h, &ignored) || password.len > sizeof copy) return false;
	if (password.len > 0) memcpy(copy, password.ptr, password.len);
	argon2_context context = {.out = made,
				  .outlen = (uint32_t)h.hash.len,
				  .pwd = copy,
				  .pwdlen = (uint32_t)password.len,
				  .salt = h.salt.at,
				  .saltlen = (uint32_t)h.salt.len,
				  .t_cost = (uint32_t)h.time,
				  .m_cost = (uint32_t)h.memory_kib,
				  .lanes = (uint32_t)h.lanes,
				  .threads = 1,
				  .version = ARGON2_VERSION_13};
	bool ok = argon2_ctx(&context, h.type) == ARGON2_OK && is_same(made, h.hash.at, h.hash.len);
	OPENSSL_cleanse(copy, sizeof copy);
	return ok;
}

/* scrypt makes a key of AES-256, which encrypts the project's signer key by counter from zero; the ciphertext is what
 * is kept (github.com/firebase/scrypt). */
static bool encrypt(const unsigned char key[SCRYPT_KEY_BYTES], const struct bytes *text, struct bytes *ret_cipher)
{
	static const unsigned char zero[16];
	int len = 0;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	bool ok = context != NULL && EVP_EncryptInit_ex(context, EVP_aes_256_ctr(), NULL, key, zero) == 1 &&
		  EVP_EncryptUpdate(context, ret_cipher->at, &len, text->at, (int)text->len) == 1;
	EVP_CIPHER_CTX_free(context);
	ret_cipher->len = (size_t)len;
	return ok;
}

static bool matches_fbscrypt(struct str hash, struct str password)
{
	struct fbscrypt h = {0};
	struct err ignored;
	struct bytes made = {.len = 0};
	unsigned char key[SCRYPT_KEY_BYTES], salt[2 * BYTES_MAX];
	if (!read_fbscrypt(hash, &h, &ignored)) return false;
	memcpy(salt, h.salt.at, h.salt.len);
	memcpy(salt + h.salt.len, h.separator.at, h.separator.len);
	bool ok = EVP_PBE_scrypt(password.len > 0 ? password.ptr : "", password.len, salt, h.salt.len + h.separator.len,
				 (uint64_t)1 << h.log_n, (uint64_t)h.r, (uint64_t)h.p,
				 (uint64_t)AUTH_HASH_MEMORY_MAX_BYTES * 2, key, sizeof key) == 1 &&
		  encrypt(key, &h.signer, &made) && made.len == h.hash.len && is_same(made.at, h.hash.at, made.len);
	OPENSSL_cleanse(key, sizeof key);
	return ok;
}

bool auth_hash_matches(struct str hash, struct str password)
{
	if (is_argon2(hash)) return matches_argon2(hash, password);
	if (is_fbscrypt(hash)) return matches_fbscrypt(hash, password);
	return matches_bcrypt(hash, password);
}

static void make_hash(const struct auth_hash_task *task, struct auth_hash_result *ret_result)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	if (data == NULL) abort();
	const char *hash = crypt_r(task->password, task->hash, data);
	if (hash != NULL && hash[0] != '*') (void)snprintf(ret_result->made, sizeof ret_result->made, "%s", hash);
	OPENSSL_cleanse(data, sizeof *data);
	free(data);
}

void auth_hash_run(const struct auth_hash_task *task, struct auth_hash_result *ret_result)
{
	*ret_result = (struct auth_hash_result){.is_same = false};
	if (task->is_making)
		make_hash(task, ret_result);
	else
		ret_result->is_same =
		    auth_hash_matches(str_from(task->hash), (struct str){task->password, task->password_len});
}
