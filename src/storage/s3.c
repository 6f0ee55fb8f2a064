/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/url.h"

/* Whose it is. */

static struct str message_header(const void *arg, struct str name)
{
	const struct storage_call *call = arg;
	if (str_eq(name, STR("host")) && call->request.host.len > 0) return call->request.host;
	return storage_header_of(call, name);
}

static bool find_secret(const struct storage_call *call, struct str id, const char **ret_secret)
{
	size_t i;
	const json_t *o;
	json_array_foreach(call->storage->s3_keys, i, o)
	{
		if (!s3_same(str_from(json_str(o, "id", "")), id)) continue;
		*ret_secret = json_str(o, "secret", NULL);
		return *ret_secret != NULL;
	}
	return false;
}

static enum storage_fault read_fault(enum s3_sign_fault fault)
{
	switch (fault) {
	case S3_SIGN_OK: return FAULT_NONE;
	case S3_SIGN_NONE: return FAULT_NO_SIGNATURE;
	case S3_SIGN_SKEWED: return FAULT_SKEWED;
	case S3_SIGN_EXPIRED: return FAULT_PRESIGNED_OVER;
	case S3_SIGN_FULL: return FAULT_FULL;
	default: return FAULT_SIGNATURE_FORM;
	}
}

/* What changes a request must be signed, as Amazon has it; else a presigned address could be made to do more. */
static bool are_headers_signed(const struct storage_call *call, const struct s3_signature *s)
{
	struct str name, value;
	for (size_t i = 0; call->request.header_at(call->request.header_arg, i, &name, &value); i++) {
		char low[128];
		if (name.len < 6 || !str_eq_nocase(str_sub(name, 0, 6), STR("x-amz-"))) continue;
		if (name.len >= sizeof low) return false;
		for (size_t c = 0; c < name.len; c++)
			low[c] = (char)(name.ptr[c] >= 'A' && name.ptr[c] <= 'Z' ? name.ptr[c] + 32 : name.ptr[c]);
		if (!s3_sign_covers(s, (struct str){low, name.len})) return false;
	}
	return true;
}

/* storage-api's form: the secret is the anon key, which every page knows; the token says who it is. */
static enum storage_fault know_token(struct storage_call *call, const struct s3_message *m)
{
	const struct s3_signature *s = &call->s3->signature;
	struct str role, claims;
	const char *anon_key = call->storage->anon_key;
	if (anon_key == NULL || !s3_sign_check(call->arena, m, s, str_from(anon_key))) return FAULT_SIGNATURE_DIFFERS;
	s3_sign_key(str_from(anon_key), s, call->s3->key);
	if (call->request.know == NULL || !call->request.know(call->arg, s->token, &role, &claims))
		return FAULT_SESSION_TOKEN;
	call->role = arena_cstr(call->arena, role);
	call->claims = arena_cstr(call->arena, claims);
	return call->role != NULL && call->claims != NULL ? FAULT_NONE : FAULT_FULL;
}

static enum storage_fault authenticate(struct storage_call *call)
{
	struct s3_message m = {.method = call->request.method,
			       .path = call->request.full_path,
			       .query = call->request.query,
			       .header = message_header,
			       .arg = call};
	struct s3_signature *s = &call->s3->signature;
	const char *secret;
	enum storage_fault fault = read_fault(s3_sign_read(call->arena, &m, clock_wall_ms() / 1000, s));
	if (fault != FAULT_NONE) return fault;
	if (!are_headers_signed(call, s)) return FAULT_SIGNATURE_FORM;
	if (s->token.len > 0) return know_token(call, &m);
	if (!find_secret(call, s->access_key, &secret)) return FAULT_ACCESS_KEY;
	if (!s3_sign_check(call->arena, &m, s, str_from(secret))) return FAULT_SIGNATURE_DIFFERS;
	s3_sign_key(str_from(secret), s, call->s3->key);
	call->role = "service_role";
	call->claims = "{\"role\":\"service_role\"}";
	return FAULT_NONE;
}

/* sub of the claims, as storage.c has it for bearers. */
static bool read_owner(struct storage_call *call)
{
	json_t *claims JSON_CLEANUP = NULL;
	struct err ignored;
	call->owner = NULL;
	if (!json_parse(str_from(call->claims), &claims, &ignored)) return true;
	const char *sub = json_str(claims, "sub", NULL);
	if (sub != NULL) call->owner = arena_strdup(call->arena, sub);
	return sub == NULL || call->owner != NULL;
}

/* The body. */

static enum storage_fault body_fault(enum s3_body_fault fault)
{
	switch (fault) {
	case S3_BODY_OK: return FAULT_NONE;
	case S3_BODY_INCOMPLETE: return FAULT_INCOMPLETE;
	case S3_BODY_SIGNATURE: return FAULT_SIGNATURE_DIFFERS;
	case S3_BODY_SHA256: return FAULT_SHA256;
	case S3_BODY_CHECKSUM: return FAULT_DIGEST;
	case S3_BODY_UNKNOWN: return FAULT_NOT_SERVED;
	default: return FAULT_CHUNKS;
	}
}

static void done_s3(void *arg)
{
	struct s3_call *s3 = arg;
	s3_body_done(&s3->body);
	buf_done(&s3->xml);
	OPENSSL_cleanse(s3->key, sizeof s3->key);
}

/* The checksum that comes along: in a header, or named by x-amz-trailer. */
static bool begin_body(struct storage_call *call)
{
	struct s3_body_spec spec = {
	    .signature = &call->s3->signature, .key = call->s3->key, .wanted = STR(""), .declared = -1};
	struct str length = storage_header_of(call, STR("x-amz-decoded-content-length"));
	struct str trailer = storage_header_of(call, STR("x-amz-trailer"));
	if (length.ptr != NULL && (!str_to_int(str_trim(length), &spec.declared) || spec.declared < 0))
		return s3_fail_argument(call, "x-amz-decoded-content-length");
	for (int i = CHECKSUM_CRC32; i < CHECKSUM_KINDS && spec.checksum == CHECKSUM_NONE; i++) {
		struct str value = storage_header_of(call, str_from(checksum_header((enum checksum_kind)i)));
		if (value.ptr == NULL) continue;
		spec.checksum = (enum checksum_kind)i;
		spec.wanted = str_trim(value);
	}
	if (spec.checksum == CHECKSUM_NONE && trailer.ptr != NULL) spec.checksum = checksum_find(str_trim(trailer));
	if (s3_body_init(&call->s3->body, &spec)) return true;
	storage_fail(call, body_fault(call->s3->body.fault));
	return false;
}

static void on_xml(void *arg, struct str bytes)
{
	buf_str(&((struct storage_call *)arg)->s3->xml, bytes);
}

static bool collect(struct storage_call *call, struct str bytes)
{
	struct s3_call *s3 = call->s3;
	if (!s3_body_feed(&s3->body, bytes, on_xml, call))
		storage_fail(call, body_fault(s3->body.fault));
	else if (!buf_is_ok(&s3->xml))
		storage_fail(call, FAULT_XML);
	return true;
}

static void collected(struct storage_call *call)
{
	if (s3_body_end(&call->s3->body))
		call->route->begin(call);
	else
		storage_fail(call, body_fault(call->s3->body.fault));
}

/* A file. */

struct s3_receipt {
	struct upload *up;
	struct incoming *incoming;
	bool is_checking, is_waiting;
	struct str md5; /* Content-MD5; empty: none */
	void (*then)(struct storage_call *call, const struct stored *stored);
};

static void done_receipt(void *arg)
{
	incoming_abandon(((struct s3_receipt *)arg)->incoming);
}

static void on_room(void *arg)
{
	struct storage_call *call = arg;
	struct s3_receipt *r = call->s3->receipt;
	if (call->is_done || !r->is_waiting || r->is_checking) return;
	r->is_waiting = false;
	call->request.on_room(call->arg);
}

static void on_file(void *arg, struct str bytes)
{
	(void)incoming_write(((struct storage_call *)arg)->s3->receipt->incoming, bytes);
}

static bool receive(struct storage_call *call, struct str bytes)
{
	struct s3_receipt *r = call->s3->receipt;
	if (!s3_body_feed(&call->s3->body, bytes, on_file, call)) {
		storage_fail(call, body_fault(call->s3->body.fault));
		return true;
	}
	bool has_room = incoming_write(r->incoming, STR(""));
	if (!r->is_checking && incoming_size(r->incoming) > r->up->limit) {
		storage_fail(call, FAULT_TOO_LARGE);
		return true;
	}
	r->is_waiting = r->is_checking || !has_room;
	return !r->is_waiting;
}

/* The file's MD5 is known only now. */
static bool is_md5(const struct s3_receipt *r, const struct stored *stored)
{
	unsigned char bytes[64];
	char hex[64];
	if (r->md5.len == 0) return true;
	if (r->md5.len != 24) return false;
	if (EVP_DecodeBlock(bytes, (const unsigned char *)r->md5.ptr, 24) < 16) return false;
	s3_hex(bytes, 16, hex);
	return str_eq(str_from(hex), str_sub(str_from(stored->etag), 1, 33));
}

static void on_stored(void *arg, const struct stored *stored, const struct err *err)
{
	struct storage_call *call = arg;
	struct s3_receipt *r = call->s3->receipt;
	if (err == NULL && is_md5(r, stored)) {
		r->then(call, stored);
		return;
	}
	if (err == NULL) {
		const char *version = stored->version;
		files_remove(call->storage->files, &version, 1);
		storage_fail(call, FAULT_DIGEST);
		return;
	}
	struct storage_problem problem = {.fault = err->code == ERR_UNAVAILABLE ? FAULT_DISK_FULL : FAULT_INTERNAL};
	storage_end(call, &problem, arena_strdup(call->arena, err->msg));
}

static void received(struct storage_call *call)
{
	struct s3_receipt *r = call->s3->receipt;
	if (!s3_body_end(&call->s3->body)) {
		storage_fail(call, body_fault(call->s3->body.fault));
		return;
	}
	struct incoming *in = r->incoming;
	r->incoming = NULL;
	incoming_finish(in, on_stored, call);
}

void s3_receive(struct storage_call *call, struct upload *up,
		void (*then)(struct storage_call *call, const struct stored *stored))
{
	struct s3_receipt *r = arena_alloc(call->arena, sizeof *r);
	int64_t length;
	if (r == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	*r = (struct s3_receipt){.up = up, .is_checking = true, .then = then};
	struct str md5 = storage_header_of(call, STR("Content-MD5"));
	r->md5 = md5.ptr != NULL ? str_trim(md5) : STR("");
	up->declared = call->s3->body.declared;
	if (!call->s3->body.is_chunked && str_to_int(storage_header_of(call, STR("Content-Length")), &length))
		up->declared = length;
	call->s3->receipt = r;
	r->incoming = incoming_new(call->storage->files, on_room, call);
	arena_defer(call->arena, done_receipt, r);
	call->on_body = receive;
	call->on_body_end = received;
}

void s3_receive_allowed(struct storage_call *call)
{
	struct s3_receipt *r = call->s3->receipt;
	r->is_checking = false;
	if (incoming_size(r->incoming) > r->up->limit) {
		storage_fail(call, FAULT_TOO_LARGE);
		return;
	}
	on_room(call);
}

/* The beginning. */

static bool read_path(struct storage_call *call, struct str rest)
{
	struct storage_problem problem;
	struct str bucket, key;
	struct err err;
	bool has_source = storage_header_of(call, STR("x-amz-copy-source")).ptr != NULL;
	const struct s3_route *route =
	    s3_route_find(call->request.method, rest, call->request.query, has_source, &bucket, &key);
	if (route == NULL) {
		(void)storage_problem_set(&problem, FAULT_NOT_SERVED, "This call of S3's is not served");
	} else if (!url_decode(call->arena, bucket, &bucket, &err) || (bucket.len > 0 && !storage_is_bucket(bucket))) {
		(void)storage_problem_set(&problem, FAULT_BUCKET_NAME, "%s", "");
	} else if (!url_decode(call->arena, key, &key, &err) || (key.len > 0 && !storage_is_key(key))) {
		(void)storage_problem_set(&problem, FAULT_KEY, "Invalid key: %.*s", STR_FMT(str_sub(key, 0, 300)));
	} else {
		call->s3->route = route;
		call->route = &route->as;
		call->bucket = arena_cstr(call->arena, bucket);
		call->key = arena_cstr(call->arena, key);
		if (call->bucket != NULL && call->key != NULL) return true;
		(void)storage_problem_set(&problem, FAULT_FULL, "%s", "");
	}
	storage_end(call, &problem, NULL);
	return false;
}

void s3_begin(struct storage_call *call, struct str rest)
{
	unsigned char id[8];
	struct s3_call *s3 = arena_alloc(call->arena, sizeof *s3);
	if (s3 == NULL) {
		storage_fail(call, FAULT_FULL);
		return;
	}
	call->s3 = s3;
	call->refuse = s3_end;
	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) abort();
	s3_hex(id, sizeof id, s3->id);
	buf_init(&s3->xml, S3_XML_MAX_BYTES);
	arena_defer(call->arena, done_s3, s3);
	enum storage_fault fault = authenticate(call);
	if (fault == FAULT_NONE && !read_owner(call)) fault = FAULT_FULL;
	if (fault != FAULT_NONE) {
		storage_fail(call, fault);
		return;
	}
	if (!read_path(call, rest)) return;
	if (s3->route->takes == S3_TAKES_NOTHING) {
		call->route->begin(call);
		return;
	}
	if (!begin_body(call)) return;
	call->on_body = collect;
	call->on_body_end = collected;
	if (s3->route->takes == S3_TAKES_FILE) call->route->begin(call);
}
