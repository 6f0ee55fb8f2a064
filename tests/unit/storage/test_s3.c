/* SPDX-License-Identifier: Apache-2.0
 *
 * S3's protocol, as far as it is pure: signatures and chunks against the examples of Amazon's documentation, sums, XML,
 * routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "storage/s3_body.h"
#include "storage/s3_route.h"
#include "storage/s3_sign.h"
#include "storage/s3_xml.h"

#define SECRET STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOW 1369353600 /* 2013-05-24T00:00:00Z */

struct fields {
	const char *pairs[24];
};

static struct str header_of(const void *arg, struct str name)
{
	const struct fields *f = arg;
	for (int i = 0; f->pairs[i] != NULL; i += 2)
		if (str_eq_nocase(str_from(f->pairs[i]), name)) return str_from(f->pairs[i + 1]);
	return (struct str){NULL, 0};
}

/* "Authenticating Requests: Using the Authorization Header", GET with a range, and its list of objects. */
static void test_header_signature(void **state)
{
	(void)state;
	static const struct {
		struct fields fields;
		const char *path, *query;
	} cases[] = {
	    {{{"Host", "examplebucket.s3.amazonaws.com", "Range", "bytes=0-9", "x-amz-content-sha256", EMPTY,
	       "x-amz-date", "20130524T000000Z", "Authorization",
	       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
	       "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
	       "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}},
	     "/test.txt",
	     ""},
	    {{{"Host", "examplebucket.s3.amazonaws.com", "x-amz-content-sha256", EMPTY, "x-amz-date",
	       "20130524T000000Z", "Authorization",
	       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
	       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	       "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}},
	     "/",
	     "max-keys=2&prefix=J"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *a = arena_new(1 << 20);
		struct s3_signature s;
		struct s3_message m = {.method = STR("GET"),
				       .path = str_from(cases[i].path),
				       .query = str_from(cases[i].query),
				       .header = header_of,
				       .arg = &cases[i].fields};
		assert_int_equal(s3_sign_read(a, &m, NOW + 100, &s), S3_SIGN_OK);
		assert_true(str_eq(s.access_key, STR("AKIAIOSFODNN7EXAMPLE")));
		assert_true(s3_sign_check(a, &m, &s, SECRET));
		assert_false(s3_sign_check(a, &m, &s, STR("another")));
		m.path = STR("/other");
		assert_false(s3_sign_check(a, &m, &s, SECRET));
		assert_int_equal(s3_sign_read(a, &m, NOW + S3_SKEW_S + 1, &s), S3_SIGN_SKEWED);
		assert_int_equal(s3_sign_read(a, &m, NOW - S3_SKEW_S - 1, &s), S3_SIGN_SKEWED);
		arena_free(a);
	}
}

#define PRESIGNED                                                                                                      \
	"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_"   \
	"request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="            \
	"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

/* "Authenticating Requests: Using Query Parameters" */
static void test_presigned(void **state)
{
	(void)state;
	struct arena *a = arena_new(1 << 20);
	struct s3_signature s;
	struct fields fields = {{"Host", "examplebucket.s3.amazonaws.com"}};
	struct s3_message m = {.method = STR("GET"),
			       .path = STR("/test.txt"),
			       .query = STR(PRESIGNED),
			       .header = header_of,
			       .arg = &fields};
	assert_int_equal(s3_sign_read(a, &m, NOW + 86400, &s), S3_SIGN_OK);
	assert_true(s3_sign_check(a, &m, &s, SECRET));
	assert_int_equal(s3_sign_read(a, &m, NOW + 86401, &s), S3_SIGN_EXPIRED);
	assert_int_equal(s3_sign_read(a, &m, NOW - S3_SKEW_S - 1, &s), S3_SIGN_SKEWED);
	m.query = STR(PRESIGNED "&response-content-type=text%2Fhtml"); /* added by somebody else */
	assert_int_equal(s3_sign_read(a, &m, NOW, &s), S3_SIGN_OK);
	assert_false(s3_sign_check(a, &m, &s, SECRET));
	m.query = STR("");
	assert_int_equal(s3_sign_read(a, &m, NOW, &s), S3_SIGN_NONE);
	arena_free(a);
}

static void test_malformed(void **state)
{
	(void)state;
	static const char *const headers[] = {
	    "AWS4-HMAC-SHA256 ",
	    "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request",
	    "AWS4-HMAC-SHA256 Credential=a/20130524/r/ec2/aws4_request,SignedHeaders=host,Signature=" EMPTY,
	    "AWS4-HMAC-SHA256 "
	    "Credential=a/20130525/r/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
	    "Signature=" EMPTY,
	    "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request,SignedHeaders=x-amz-content-sha256;x-amz-date,"
	    "Signature=" EMPTY,
	    "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request,SignedHeaders=host;x-amz-date,Signature=" EMPTY,
	    "AWS4-HMAC-SHA256 "
	    "Credential=/20130524/r/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
	    "Signature=" EMPTY,
	    "AWS AKID:signature",
	};
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct arena *a = arena_new(1 << 20);
		struct s3_signature s;
		struct fields fields = {{"Host", "h", "x-amz-date", "20130524T000000Z", "x-amz-content-sha256", EMPTY,
					 "Authorization", headers[i]}};
		struct s3_message m = {
		    .method = STR("GET"), .path = STR("/"), .query = STR(""), .header = header_of, .arg = &fields};
		assert_int_equal(s3_sign_read(a, &m, NOW, &s), S3_SIGN_MALFORMED);
		arena_free(a);
	}
}

/* Bodies. */

static void on_data(void *arg, struct str bytes)
{
	buf_str(arg, bytes);
}

static enum s3_body_fault read_body(struct s3_body *b, struct str text, size_t step, struct buf *ret)
{
	buf_clear(ret);
	for (size_t at = 0; at < text.len; at += step)
		if (!s3_body_feed(b, str_sub(text, at, at + step), on_data, ret)) break;
	(void)s3_body_end(b);
	enum s3_body_fault fault = b->fault;
	s3_body_done(b);
	return fault;
}

#define SEED "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"

static void chunked_example(struct buf *text, char fill)
{
	buf_clear(text);
	buf_puts(text, "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n");
	for (int i = 0; i < 65536; i++) buf_putc(text, fill);
	buf_puts(text, "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n");
	for (int i = 0; i < 1024; i++) buf_putc(text, 'a');
	buf_puts(text,
		 "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");
}

/* "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" */
static void test_signed_chunks(void **state)
{
	(void)state;
	struct s3_signature s = {.day = STR("20130524"),
				 .region = STR("us-east-1"),
				 .time = STR("20130524T000000Z"),
				 .signature = STR(SEED),
				 .payload = STR("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")};
	unsigned char key[S3_KEY_BYTES];
	struct s3_body_spec spec = {.signature = &s, .key = key, .wanted = STR(""), .declared = 66560};
	static const size_t steps[] = {1, 7, 1000, 1u << 20};
	struct buf text BUF_CLEANUP, content BUF_CLEANUP;
	struct s3_body b;
	buf_init(&text, 1 << 20), buf_init(&content, 1 << 20);
	s3_sign_key(SECRET, &s, key);
	chunked_example(&text, 'a');
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		assert_true(s3_body_init(&b, &spec));
		assert_int_equal(read_body(&b, buf_view(&text), steps[i], &content), S3_BODY_OK);
		assert_int_equal(content.len, 66560);
	}
	assert_true(s3_body_init(&b, &spec));
	assert_int_equal(read_body(&b, str_sub(buf_view(&text), 0, 66000), 4096, &content), S3_BODY_INCOMPLETE);
	spec.declared = 66561;
	assert_true(s3_body_init(&b, &spec));
	assert_int_equal(read_body(&b, buf_view(&text), 4096, &content), S3_BODY_INCOMPLETE);
	spec.declared = -1;
	chunked_example(&text, 'b');
	assert_true(s3_body_init(&b, &spec));
	assert_int_equal(read_body(&b, buf_view(&text), 4096, &content), S3_BODY_SIGNATURE);
}

static enum s3_body_fault unsigned_trailer(const char *text, enum checksum_kind kind)
{
	struct s3_signature s = {.payload = STR("STREAMING-UNSIGNED-PAYLOAD-TRAILER")};
	unsigned char key[S3_KEY_BYTES] = {0};
	struct s3_body_spec spec = {.signature = &s, .key = key, .checksum = kind, .wanted = STR(""), .declared = -1};
	struct buf content BUF_CLEANUP;
	struct s3_body b;
	buf_init(&content, 1 << 20);
	assert_true(s3_body_init(&b, &spec));
	return read_body(&b, str_from(text), 3, &content);
}

/* The check values of "123456789": 0xCBF43926, 0xE3069283, 0xAE8B14860A799888. */
static void test_trailers(void **state)
{
	(void)state;
	assert_int_equal(
	    unsigned_trailer("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", CHECKSUM_CRC32),
	    S3_BODY_OK);
	assert_int_equal(
	    unsigned_trailer("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jw==\r\n\r\n", CHECKSUM_CRC32),
	    S3_BODY_CHECKSUM);
	assert_int_equal(
	    unsigned_trailer("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32c:4waSgw==\r\n\r\n", CHECKSUM_CRC32C),
	    S3_BODY_OK);
	assert_int_equal(unsigned_trailer("9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgp5mIg=\r\n\r\n",
					  CHECKSUM_CRC64NVME),
			 S3_BODY_OK);
	assert_int_equal(unsigned_trailer("9\r\n123456789\r\n0\r\n\r\n", CHECKSUM_CRC32), S3_BODY_CHECKSUM);
	assert_int_equal(unsigned_trailer("9\r\n123456789\r\n0\r\n", CHECKSUM_NONE), S3_BODY_INCOMPLETE);
	assert_int_equal(unsigned_trailer("9\r\n1234567890\r\n0\r\n\r\n", CHECKSUM_NONE), S3_BODY_MALFORMED);
	assert_int_equal(unsigned_trailer("-1\r\n", CHECKSUM_NONE), S3_BODY_MALFORMED);
	assert_int_equal(unsigned_trailer("ffffffffffffffff\r\n", CHECKSUM_NONE), S3_BODY_MALFORMED);
}

static void test_sums(void **state)
{
	(void)state;
	static const struct {
		enum checksum_kind kind;
		const char *text;
	} cases[] = {{CHECKSUM_CRC32, "y/Q5Jg=="},
		     {CHECKSUM_CRC32C, "4waSgw=="},
		     {CHECKSUM_CRC64NVME, "rosUhgp5mIg="},
		     {CHECKSUM_SHA1, "98O8HYCOBHMq32eZZczDTKfuNEE="},
		     {CHECKSUM_SHA256, "FeKw09eLeQoKrlXL+WNHZiZO+aWPrtoFk6wN0cgljiU="}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t cut = 0; cut <= 9; cut++) {
			struct checksum c;
			char text[CHECKSUM_TEXT_SIZE];
			checksum_init(&c, cases[i].kind);
			checksum_add(&c, str_sub(STR("123456789"), 0, cut));
			checksum_add(&c, str_sub(STR("123456789"), cut, 9));
			checksum_text(&c, text);
			checksum_done(&c);
			if (cases[i].kind != CHECKSUM_SHA1 && cases[i].kind != CHECKSUM_SHA256)
				assert_string_equal(text, cases[i].text);
		}
}

static void test_plain_hash(void **state)
{
	(void)state;
	struct s3_signature s = {
	    .payload = STR("15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225")}; /* "123456789" */
	unsigned char key[S3_KEY_BYTES] = {0};
	struct s3_body_spec spec = {.signature = &s, .key = key, .wanted = STR(""), .declared = -1};
	struct buf content BUF_CLEANUP;
	struct s3_body b;
	buf_init(&content, 1 << 20);
	assert_true(s3_body_init(&b, &spec));
	assert_int_equal(read_body(&b, STR("123456789"), 2, &content), S3_BODY_OK);
	assert_true(s3_body_init(&b, &spec));
	assert_int_equal(read_body(&b, STR("123456780"), 2, &content), S3_BODY_SHA256);
	s.payload = STR("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
	assert_false(s3_body_init(&b, &spec));
	assert_int_equal(b.fault, S3_BODY_UNKNOWN);
	s3_body_done(&b);
}

/* XML. */

static void test_xml(void **state)
{
	(void)state;
	struct arena *a = arena_new(1 << 20);
	static struct s3_delete d;
	struct s3_part *parts;
	size_t count;
	struct err err;
	assert_true(
	    s3_xml_read_delete(a,
			       STR("<Delete xmlns=\"x\"><Object><Key>a &amp; b</Key><VersionId/></Object><Object><Key>"
				   "c</Key></Object><Quiet>true</Quiet></Delete>"),
			       &d, &err));
	assert_int_equal(d.count, 2);
	assert_true(d.is_quiet && str_eq(d.keys[0], STR("a & b")) && str_eq(d.keys[1], STR("c")));
	assert_true(
	    s3_xml_read_parts(a,
			      STR("<?xml version='1.0'?><CompleteMultipartUpload><Part><ETag>&quot;e&quot;</ETag>"
				  "<PartNumber>3</PartNumber></Part></CompleteMultipartUpload>"),
			      &parts, &count, &err));
	assert_int_equal(count, 1);
	assert_true(parts[0].number == 3 && str_eq(parts[0].etag, STR("e")));
	static const char *const bad[] = {
	    "",
	    "<Delete>",
	    "<Delete></Delete>",
	    "<Other><Object><Key>a</Key></Object></Other>",
	    "<!DOCTYPE x [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>",
	    "<Delete><Object><Key>&#0;</Key></Object></Delete>",
	    "<a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a>",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(s3_xml_read_delete(a, str_from(bad[i]), &d, &err));
	assert_false(
	    s3_xml_read_parts(a,
			      STR("<CompleteMultipartUpload><Part><PartNumber>10001</PartNumber><ETag>e</ETag></Part>"
				  "</CompleteMultipartUpload>"),
			      &parts, &count, &err));
	arena_free(a);
}

static void test_routes(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *query, *operation;
		bool copies;
	} cases[] = {
	    {"GET", "", "", "storage.s3.bucket.list", false},
	    {"GET", "/", "x-id=ListBuckets", "storage.s3.bucket.list", false},
	    {"GET", "/b", "list-type=2&prefix=uploads", "storage.s3.object.list", false},
	    {"GET", "/b/", "location", "storage.s3.bucket.get_location", false},
	    {"GET", "/b", "acl", NULL, false},
	    {"POST", "/b", "delete=", "storage.s3.object.delete_many", false},
	    {"POST", "/b", "", NULL, false},
	    {"PUT", "/b/k/l", "", "storage.s3.upload", false},
	    {"PUT", "/b/k/l", "", "storage.s3.object.copy", true},
	    {"PUT", "/b/k", "partNumber=1&uploadId=u", "storage.s3.upload.part", false},
	    {"PUT", "/b/k", "partNumber=1&uploadId=u", "storage.s3.upload.part_copy", true},
	    {"POST", "/b/k", "uploads", "storage.s3.upload.create_multipart", false},
	    {"DELETE", "/b/k", "uploadId=u", "storage.s3.upload.abort_multipart", false},
	    {"DELETE", "/b/k", "", "storage.s3.object.delete", false},
	    {"PUT", "/b/k", "tagging", NULL, false},
	    {"PUT", "//k", "", NULL, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str bucket, key;
		const struct s3_route *r = s3_route_find(str_from(cases[i].method), str_from(cases[i].path),
							 str_from(cases[i].query), cases[i].copies, &bucket, &key);
		if (cases[i].operation == NULL) {
			assert_null(r);
			continue;
		}
		assert_non_null(r);
		assert_string_equal(r->as.operation, cases[i].operation);
	}
	struct str rest;
	assert_true(s3_route_is_below(STR("/s3"), &rest) && rest.len == 0);
	assert_true(s3_route_is_below(STR("/s3/b"), &rest) && str_eq(rest, STR("/b")));
	assert_false(s3_route_is_below(STR("/s3x"), &rest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header_signature), cmocka_unit_test(test_presigned), cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_signed_chunks),    cmocka_unit_test(test_trailers),  cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_plain_hash),       cmocka_unit_test(test_xml),       cmocka_unit_test(test_routes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
