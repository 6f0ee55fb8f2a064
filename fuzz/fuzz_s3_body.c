/* SPDX-License-Identifier: Apache-2.0
 *
 * A body in aws-chunked, in any cut: the first byte chooses the way and the length of the pieces. What comes out is the
 * same however it is cut, and never more than went in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "storage/s3_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_data(void *arg, struct str bytes)
{
	buf_str(arg, bytes);
}

static enum s3_body_fault read_body(struct str text, const struct s3_body_spec *spec, size_t step, struct buf *ret)
{
	struct s3_body b;
	if (s3_body_init(&b, spec))
		for (size_t at = 0; at < text.len; at += step)
			if (!s3_body_feed(&b, str_sub(text, at, at + step), on_data, ret)) break;
	(void)s3_body_end(&b);
	enum s3_body_fault fault = b.fault;
	if (fault == S3_BODY_OK && b.taken != ret->len) abort();
	s3_body_done(&b);
	return fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ways[] = {"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
					   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
					   "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"};
	if (size < 2 || size > 65536) return 0;
	struct str text = {(const char *)data + 1, size - 1};
	struct s3_signature s = {.payload = str_from(ways[data[0] & 3]),
				 .day = STR("20130524"),
				 .region = STR("r"),
				 .time = STR("20130524T000000Z"),
				 .signature = STR("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")};
	unsigned char key[S3_KEY_BYTES] = {0};
	struct s3_body_spec spec = {.signature = &s,
				    .key = key,
				    .checksum = (enum checksum_kind)((data[0] >> 2) % CHECKSUM_KINDS),
				    .wanted = STR(""),
				    .declared = -1};
	struct buf whole BUF_CLEANUP, cut BUF_CLEANUP;
	buf_init(&whole, 1 << 20), buf_init(&cut, 1 << 20);
	enum s3_body_fault one = read_body(text, &spec, text.len, &whole);
	enum s3_body_fault two = read_body(text, &spec, (size_t)(data[0] >> 5) + 1, &cut);
	if (one != two || whole.len > size) abort();
	if (one == S3_BODY_OK &&
	    (whole.len != cut.len || (whole.len > 0 && memcmp(whole.ptr, cut.ptr, whole.len) != 0)))
		abort();
	return 0;
}
