/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define PAYLOAD "AWS4-HMAC-SHA256-PAYLOAD"
#define TRAILER "AWS4-HMAC-SHA256-TRAILER"

static bool fail(struct s3_body *b, enum s3_body_fault fault)
{
	if (b->fault == S3_BODY_OK) b->fault = fault;
	return false;
}

static void hash_begin(struct s3_body *b)
{
	if (b->sha256 == NULL) b->sha256 = EVP_MD_CTX_new();
	if (b->sha256 == NULL || EVP_DigestInit_ex(b->sha256, EVP_sha256(), NULL) != 1) abort();
}

static void hash_end(struct s3_body *b, char ret_hex[S3_HEX_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	(void)EVP_DigestFinal_ex(b->sha256, sum, NULL);
	s3_hex(sum, 32, ret_hex);
}

static bool is_hash(struct str text)
{
	if (text.len != S3_HEX_SIZE - 1) return false;
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789abcdef", text.ptr[i]) == NULL || text.ptr[i] == '\0') return false;
	return true;
}

bool s3_body_init(struct s3_body *b, const struct s3_body_spec *spec)
{
	struct str way = spec->signature->payload;
	*b = (struct s3_body){.signature = *spec->signature, .declared = spec->declared};
	memcpy(b->key, spec->key, sizeof b->key);
	checksum_init(&b->checksum, spec->checksum);
	if (spec->wanted.len >= sizeof b->wanted) return fail(b, S3_BODY_CHECKSUM);
	(void)snprintf(b->wanted, sizeof b->wanted, "%.*s", STR_FMT(spec->wanted));
	b->state = S3_END;
	if (str_eq(way, STR("UNSIGNED-PAYLOAD"))) return true;
	if (is_hash(way)) {
		b->sum = way;
		hash_begin(b);
		return true;
	}
	b->is_signed = str_has_prefix(way, STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"));
	b->has_trailer = str_has_suffix(way, STR("-TRAILER"));
	b->is_chunked = str_eq(way, STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) ||
			str_eq(way, STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")) ||
			str_eq(way, STR("STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
	if (!b->is_chunked) return fail(b, S3_BODY_UNKNOWN);
	b->state = S3_HEAD;
	if (!b->is_signed) return true;
	(void)snprintf(b->previous, sizeof b->previous, "%.*s", STR_FMT(b->signature.signature));
	hash_begin(b);
	return true;
}

void s3_body_done(struct s3_body *b)
{
	EVP_MD_CTX_free(b->sha256);
	b->sha256 = NULL;
	checksum_done(&b->checksum);
}

/* The signature of a chunk, or of the trailers, goes on from the one before. */
static bool check_signature(struct s3_body *b, struct str algorithm, const char *sum)
{
	char rest[3 * S3_HEX_SIZE], wanted[S3_HEX_SIZE];
	bool is_payload = str_eq(algorithm, STR(PAYLOAD));
	(void)snprintf(rest, sizeof rest, "%s\n%s%s", b->previous, is_payload ? EMPTY_SHA256 "\n" : "", sum);
	s3_sign_text(&b->signature, b->key, algorithm, str_from(rest), wanted);
	if (!s3_same(str_from(wanted), str_from(b->given))) return fail(b, S3_BODY_SIGNATURE);
	memcpy(b->previous, wanted, sizeof wanted);
	return true;
}

static bool end_chunk(struct s3_body *b)
{
	char sum[S3_HEX_SIZE];
	if (!b->is_signed) return true;
	hash_end(b, sum);
	hash_begin(b);
	return check_signature(b, STR(PAYLOAD), sum);
}

static bool read_head(struct s3_body *b, struct str line)
{
	struct str size, rest, name, value;
	char digits[17], *end;
	if (!str_cut(line, ';', &size, &rest)) size = line, rest = STR("");
	size = str_trim(size);
	if (size.len == 0 || size.len > 15 || strspn(size.ptr, "0123456789abcdefABCDEF") < size.len)
		return fail(b, S3_BODY_MALFORMED);
	(void)snprintf(digits, sizeof digits, "%.*s", STR_FMT(size));
	b->left = strtoull(digits, &end, 16);
	if (b->is_signed) {
		if (!str_cut(str_trim(rest), '=', &name, &value) || !str_eq(name, STR("chunk-signature")) ||
		    value.len != S3_HEX_SIZE - 1)
			return fail(b, S3_BODY_MALFORMED);
		(void)snprintf(b->given, sizeof b->given, "%.*s", STR_FMT(value));
	}
	if (b->left > 0) {
		b->state = S3_DATA;
		return true;
	}
	b->state = S3_TRAILER;
	return end_chunk(b);
}

static bool end_trailers(struct s3_body *b)
{
	char sum[S3_HEX_SIZE];
	b->state = S3_END;
	if (!b->is_signed || !b->has_trailer) return true;
	if (b->given[0] == '\0') return fail(b, S3_BODY_SIGNATURE);
	hash_begin(b);
	(void)EVP_DigestUpdate(b->sha256, b->trailers, b->trailers_len);
	hash_end(b, sum);
	return check_signature(b, STR(TRAILER), sum);
}

static bool read_trailer(struct s3_body *b, struct str line)
{
	struct str name, value;
	if (line.len == 0) return end_trailers(b);
	if (!b->has_trailer || !str_cut(line, ':', &name, &value)) return fail(b, S3_BODY_MALFORMED);
	value = str_trim(value);
	if (b->trailers_len == 0) b->given[0] = '\0';
	if (str_eq_nocase(name, STR("x-amz-trailer-signature"))) {
		if (value.len != S3_HEX_SIZE - 1) return fail(b, S3_BODY_SIGNATURE);
		(void)snprintf(b->given, sizeof b->given, "%.*s", STR_FMT(value));
		return true;
	}
	int len = snprintf(b->trailers + b->trailers_len, sizeof b->trailers - b->trailers_len, "%.*s:%.*s\n",
			   STR_FMT(name), STR_FMT(value));
	if (len < 0 || (size_t)len >= sizeof b->trailers - b->trailers_len) return fail(b, S3_BODY_MALFORMED);
	b->trailers_len += (size_t)len;
	if (checksum_find(name) == CHECKSUM_NONE || checksum_find(name) != b->checksum.kind) return true;
	if (value.len == 0 || value.len >= sizeof b->wanted) return fail(b, S3_BODY_CHECKSUM);
	(void)snprintf(b->wanted, sizeof b->wanted, "%.*s", STR_FMT(value));
	return true;
}

static bool take_line(struct s3_body *b)
{
	struct str line = {b->line, b->line_len};
	b->line[b->line_len] = '\0';
	b->line_len = 0;
	if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
	if (b->state == S3_HEAD) return read_head(b, line);
	if (b->state == S3_TRAILER) return read_trailer(b, line);
	if (line.len > 0) return fail(b, S3_BODY_MALFORMED); /* behind a chunk's bytes */
	b->state = S3_HEAD;
	return true;
}

static void take_data(struct s3_body *b, struct str bytes, void (*on_data)(void *arg, struct str bytes), void *arg)
{
	b->taken += bytes.len;
	if (b->sha256 != NULL) (void)EVP_DigestUpdate(b->sha256, bytes.ptr, bytes.len);
	checksum_add(&b->checksum, bytes);
	on_data(arg, bytes);
}

static bool feed_chunked(struct s3_body *b, struct str bytes, void (*on_data)(void *, struct str), void *arg)
{
	while (bytes.len > 0) {
		if (b->state == S3_DATA) {
			size_t len = bytes.len < b->left ? bytes.len : (size_t)b->left;
			take_data(b, str_sub(bytes, 0, len), on_data, arg);
			bytes = str_sub(bytes, len, bytes.len);
			b->left -= len;
			if (b->left > 0) continue;
			b->state = S3_DATA_END;
			if (!end_chunk(b)) return false;
			continue;
		}
		if (b->state == S3_END) return true; /* some clients end with one line more */
		char c = *bytes.ptr;
		bytes = str_sub(bytes, 1, bytes.len);
		if (c == '\n') {
			if (!take_line(b)) return false;
		} else if (b->line_len + 1 == sizeof b->line) {
			return fail(b, S3_BODY_MALFORMED);
		} else {
			b->line[b->line_len++] = c;
		}
	}
	return true;
}

bool s3_body_feed(struct s3_body *b, struct str bytes, void (*on_data)(void *arg, struct str bytes), void *arg)
{
	if (b->fault != S3_BODY_OK) return false;
	if (b->is_chunked) return feed_chunked(b, bytes, on_data, arg);
	if (bytes.len > 0) take_data(b, bytes, on_data, arg);
	return true;
}

bool s3_body_end(struct s3_body *b)
{
	char sum[S3_HEX_SIZE], text[CHECKSUM_TEXT_SIZE];
	if (b->fault != S3_BODY_OK) return false;
	if (b->is_chunked && b->state == S3_TRAILER && !b->has_trailer && b->line_len == 0)
		b->state = S3_END; /* the last line end may be left out */
	if (b->state != S3_END) return fail(b, S3_BODY_INCOMPLETE);
	if (b->declared >= 0 && b->taken != (uint64_t)b->declared) return fail(b, S3_BODY_INCOMPLETE);
	if (b->sum.len > 0) {
		hash_end(b, sum);
		if (!str_eq(b->sum, str_from(sum))) return fail(b, S3_BODY_SHA256);
	}
	if (b->checksum.kind == CHECKSUM_NONE) return true;
	checksum_text(&b->checksum, text);
	return strcmp(text, b->wanted) == 0 || fail(b, S3_BODY_CHECKSUM);
}
