/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3_sign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "codec/url.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define CANONICAL_MAX (256u << 10)
#define QUERY_MAX 128 /* parameters */

void s3_hex(const unsigned char *bytes, size_t len, char *ret_text)
{
	for (size_t i = 0; i < len; i++) (void)snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

bool s3_same(struct str a, struct str b)
{
	return a.len == b.len && CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0;
}

bool s3_time_read(struct str text, int64_t *ret_s)
{
	char copy[17];
	struct tm tm = {0};
	if (text.len != 16) return false;
	memcpy(copy, text.ptr, 16);
	copy[16] = '\0';
	const char *end = strptime(copy, "%Y%m%dT%H%M%SZ", &tm);
	if (end == NULL || *end != '\0') return false;
	*ret_s = (int64_t)timegm(&tm);
	return true;
}

void s3_encode(struct str text, bool is_path, struct buf *ret_text)
{
	struct str part;
	if (!is_path) {
		url_encode(text, ret_text);
		return;
	}
	for (bool is_first = true; str_next(&text, '/', &part); is_first = false) {
		if (!is_first) buf_putc(ret_text, '/');
		url_encode(part, ret_text);
	}
}

/* Reading. */

/* "AKID/20260131/us-east-1/s3/aws4_request"; the key itself may hold slashes. */
static bool read_credential(struct str text, struct s3_signature *s)
{
	struct str parts[4];
	for (int i = 3; i >= 0; i--) {
		size_t at = text.len;
		while (at > 0 && text.ptr[at - 1] != '/') at--;
		if (at == 0) return false;
		parts[i] = str_sub(text, at, text.len);
		text = str_sub(text, 0, at - 1);
	}
	s->access_key = text;
	s->day = parts[0];
	s->region = parts[1];
	return text.len > 0 && text.len <= 200 && s->day.len == 8 && s->region.len > 0 && s->region.len <= 64 &&
	       str_eq(parts[2], STR("s3")) && str_eq(parts[3], STR("aws4_request"));
}

static bool is_sound(const struct s3_signature *s)
{
	return s->signature.len == S3_HEX_SIZE - 1 && s->signed_headers.len > 0 && s->signed_headers.len <= 4096 &&
	       s3_sign_covers(s, STR("host")) && str_has_prefix(s->time, s->day);
}

static bool read_authorization(struct str text, struct s3_signature *s)
{
	struct str part, name, value, credential = STR("");
	while (str_next(&text, ',', &part)) {
		if (!str_cut(str_trim(part), '=', &name, &value)) return false;
		if (str_eq(name, STR("Credential"))) credential = value;
		if (str_eq(name, STR("SignedHeaders"))) s->signed_headers = value;
		if (str_eq(name, STR("Signature"))) s->signature = value;
	}
	return read_credential(credential, s);
}

static struct str header(const struct s3_message *m, struct str name)
{
	struct str value = m->header(m->arg, name);
	return value.ptr != NULL ? str_trim(value) : STR("");
}

static struct str param(struct arena *a, const struct s3_message *m, struct str name)
{
	struct str rest = m->query, n, v, value;
	struct err ignored;
	while (query_next(&rest, &n, &v)) {
		if (str_eq_nocase(n, name)) return url_decode(a, v, &value, &ignored) ? value : STR("");
	}
	return STR("");
}

static enum s3_sign_fault read_header(const struct s3_message *m, struct str text, int64_t now_s,
				      struct s3_signature *s)
{
	s->time = header(m, STR("x-amz-date"));
	s->token = header(m, STR("x-amz-security-token"));
	s->payload = header(m, STR("x-amz-content-sha256"));
	if (!read_authorization(text, s) || !s3_time_read(s->time, &s->time_s) || !is_sound(s) || s->payload.len == 0)
		return S3_SIGN_MALFORMED;
	if (!s3_sign_covers(s, STR("x-amz-date")) || !s3_sign_covers(s, STR("x-amz-content-sha256")))
		return S3_SIGN_MALFORMED;
	bool is_near = s->time_s <= now_s + S3_SKEW_S && s->time_s >= now_s - S3_SKEW_S;
	return is_near ? S3_SIGN_OK : S3_SIGN_SKEWED;
}

static enum s3_sign_fault read_query(struct arena *a, const struct s3_message *m, int64_t now_s, struct s3_signature *s)
{
	s->is_presigned = true;
	s->time = param(a, m, STR("X-Amz-Date"));
	s->token = param(a, m, STR("X-Amz-Security-Token"));
	s->signed_headers = param(a, m, STR("X-Amz-SignedHeaders"));
	s->signature = param(a, m, STR("X-Amz-Signature"));
	s->payload = param(a, m, STR("X-Amz-Content-Sha256"));
	if (s->payload.len == 0 && s3_sign_covers(s, STR("x-amz-content-sha256")))
		s->payload = header(m, STR("x-amz-content-sha256"));
	if (s->payload.len == 0) s->payload = STR("UNSIGNED-PAYLOAD");
	if (!str_eq(param(a, m, STR("X-Amz-Algorithm")), STR(ALGORITHM)) ||
	    !read_credential(param(a, m, STR("X-Amz-Credential")), s) || !s3_time_read(s->time, &s->time_s) ||
	    !is_sound(s) || !str_to_int(param(a, m, STR("X-Amz-Expires")), &s->lasts_s) || s->lasts_s < 1 ||
	    s->lasts_s > S3_PRESIGNED_MAX_S)
		return S3_SIGN_MALFORMED;
	if (s->time_s > now_s + S3_SKEW_S) return S3_SIGN_SKEWED;
	return now_s <= s->time_s + s->lasts_s ? S3_SIGN_OK : S3_SIGN_EXPIRED;
}

enum s3_sign_fault s3_sign_read(struct arena *a, const struct s3_message *m, int64_t now_s, struct s3_signature *ret)
{
	struct s3_signature s = {0};
	struct str word, rest, text = header(m, STR("Authorization"));
	enum s3_sign_fault fault = S3_SIGN_NONE;
	if (str_cut(text, ' ', &word, &rest) && str_eq(word, STR(ALGORITHM)))
		fault = read_header(m, rest, now_s, &s);
	else if (str_has_prefix(text, STR("AWS")))
		fault = S3_SIGN_MALFORMED; /* another version */
	else if (param(a, m, STR("X-Amz-Signature")).len > 0 || param(a, m, STR("X-Amz-Credential")).len > 0)
		fault = read_query(a, m, now_s, &s);
	if (fault == S3_SIGN_OK) *ret = s;
	return fault;
}

bool s3_sign_covers(const struct s3_signature *s, struct str name)
{
	struct str rest = s->signed_headers, part;
	while (str_next(&rest, ';', &part))
		if (str_eq(part, name)) return true;
	return false;
}

/* Computing. */

static void hmac(const void *key, size_t key_len, struct str text, unsigned char ret_sum[S3_KEY_BYTES])
{
	unsigned int len = S3_KEY_BYTES;
	if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, ret_sum, &len) == NULL)
		abort();
}

void s3_sign_key(struct str secret, const struct s3_signature *s, unsigned char ret_key[S3_KEY_BYTES])
{
	char first[512];
	unsigned char key[S3_KEY_BYTES], next[S3_KEY_BYTES];
	size_t len = (size_t)snprintf(first, sizeof first, "AWS4%.*s", STR_FMT(str_sub(secret, 0, 500)));
	if (len >= sizeof first) len = sizeof first - 1;
	hmac(first, len, s->day, key);
	hmac(key, sizeof key, s->region, next);
	hmac(next, sizeof next, STR("s3"), key);
	hmac(key, sizeof key, STR("aws4_request"), ret_key);
	OPENSSL_cleanse(first, sizeof first);
}

void s3_sign_text(const struct s3_signature *s, const unsigned char key[S3_KEY_BYTES], struct str algorithm,
		  struct str rest, char ret_hex[S3_HEX_SIZE])
{
	struct buf text BUF_CLEANUP = {0};
	unsigned char sum[S3_KEY_BYTES];
	buf_init(&text, 16u << 10);
	buf_printf(&text, "%.*s\n%.*s\n%.*s/%.*s/s3/aws4_request\n%.*s", STR_FMT(algorithm), STR_FMT(s->time),
		   STR_FMT(s->day), STR_FMT(s->region), STR_FMT(rest));
	hmac(key, S3_KEY_BYTES, buf_view(&text), sum);
	s3_hex(sum, sizeof sum, ret_hex);
}

struct pair {
	struct str name, value; /* encoded */
};

static int compare_strs(struct str a, struct str b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int order = compare_strs(x->name, y->name);
	return order != 0 ? order : compare_strs(x->value, y->value);
}

static bool encode_again(struct arena *a, struct str text, struct str *ret_text)
{
	struct buf encoded BUF_CLEANUP = {0};
	struct str plain;
	struct err ignored;
	buf_init(&encoded, CANONICAL_MAX);
	if (!url_decode(a, text, &plain, &ignored)) return false;
	url_encode(plain, &encoded);
	*ret_text = arena_str(a, buf_view(&encoded));
	return buf_is_ok(&encoded) && ret_text->ptr != NULL;
}

static bool put_query(struct arena *a, struct str query, struct buf *b)
{
	struct pair pairs[QUERY_MAX];
	size_t count = 0;
	struct str name, value;
	while (query_next(&query, &name, &value)) {
		if (str_eq(name, STR("X-Amz-Signature"))) continue;
		if (count == QUERY_MAX || !encode_again(a, name, &pairs[count].name) ||
		    !encode_again(a, value, &pairs[count].value))
			return false;
		count++;
	}
	qsort(pairs, count, sizeof *pairs, compare_pairs);
	for (size_t i = 0; i < count; i++)
		buf_printf(b, "%s%.*s=%.*s", i > 0 ? "&" : "", STR_FMT(pairs[i].name), STR_FMT(pairs[i].value));
	buf_putc(b, '\n');
	return true;
}

/* Runs of spaces are one. */
static void put_header(struct str name, struct str value, struct buf *b)
{
	buf_str(b, name);
	buf_putc(b, ':');
	value = str_trim(value);
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') buf_putc(b, value.ptr[i]);
	buf_putc(b, '\n');
}

static bool put_headers(const struct s3_message *m, const struct s3_signature *s, struct buf *b)
{
	struct str rest = s->signed_headers, name;
	int count = 0;
	while (str_next(&rest, ';', &name)) {
		if (++count > S3_SIGNED_HEADERS_MAX) return false;
		put_header(name, header(m, name), b);
	}
	buf_putc(b, '\n');
	buf_str(b, s->signed_headers);
	buf_putc(b, '\n');
	return true;
}

static void hash(struct str text, char ret_hex[S3_HEX_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	if (EVP_Digest(text.ptr, text.len, sum, &len, EVP_sha256(), NULL) != 1) abort();
	s3_hex(sum, len, ret_hex);
}

static bool is_signed_so(struct arena *a, const struct s3_message *m, const struct s3_signature *s, struct str path,
			 const unsigned char key[S3_KEY_BYTES])
{
	struct buf b BUF_CLEANUP = {0};
	char sum[S3_HEX_SIZE], wanted[S3_HEX_SIZE];
	buf_init(&b, CANONICAL_MAX);
	buf_printf(&b, "%.*s\n%.*s\n", STR_FMT(m->method), STR_FMT(path));
	if (!put_query(a, m->query, &b) || !put_headers(m, s, &b)) return false;
	buf_str(&b, s->payload);
	if (!buf_is_ok(&b)) return false;
	hash(buf_view(&b), sum);
	s3_sign_text(s, key, STR(ALGORITHM), (struct str){sum, S3_HEX_SIZE - 1}, wanted);
	return s3_same(s->signature, (struct str){wanted, S3_HEX_SIZE - 1});
}

bool s3_sign_check(struct arena *a, const struct s3_message *m, const struct s3_signature *s, struct str secret)
{
	unsigned char key[S3_KEY_BYTES];
	struct buf encoded BUF_CLEANUP = {0};
	struct str plain;
	struct err ignored;
	s3_sign_key(secret, s, key);
	if (is_signed_so(a, m, s, m->path, key)) return true;
	/* Clients differ in which characters of a path they encode on the wire; what they sign is strict. */
	buf_init(&encoded, CANONICAL_MAX);
	if (!url_decode(a, m->path, &plain, &ignored)) return false;
	s3_encode(plain, true, &encoded);
	return buf_is_ok(&encoded) && !str_eq(buf_view(&encoded), m->path) &&
	       is_signed_so(a, m, s, buf_view(&encoded), key);
}
