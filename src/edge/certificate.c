/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define CHAIN_MAX 8
#define DAY_S (24 * 3600)
#define SLACK_S 3600 /* clocks differ */

/* What cannot fail but for want of memory. */
static void must(bool ok)
{
	if (!ok) abort();
}

static BIO *open_text(struct str text)
{
	BIO *bio = BIO_new_mem_buf(text.len > 0 ? text.ptr : "", (int)text.len);
	must(bio != NULL);
	return bio;
}

static void put_pem(X509 *certificate, EVP_PKEY *key, struct buf *ret_text)
{
	char *bytes = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	must(bio != NULL);
	if (certificate != NULL) must(PEM_write_bio_X509(bio, certificate) == 1);
	if (key != NULL) must(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	long len = BIO_get_mem_data(bio, &bytes);
	buf_append(ret_text, bytes, (size_t)len);
	OPENSSL_cleanse(bytes, (size_t)len);
	(void)BIO_free(bio);
}

/* A key that asks for a passphrase is none that a server can start with. */
static int no_passphrase(char *to, int size, int is_writing, void *arg)
{
	(void)to, (void)size, (void)is_writing, (void)arg;
	return -1;
}

static X509 *read_certificate(struct str text)
{
	BIO *bio = open_text(text);
	X509 *found = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	(void)BIO_free(bio);
	ERR_clear_error();
	return found;
}

static EVP_PKEY *read_key(struct str text)
{
	BIO *bio = open_text(text);
	EVP_PKEY *found = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	(void)BIO_free(bio);
	ERR_clear_error();
	return found;
}

/* Making. */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	must(RAND_bytes(bytes, sizeof bytes) == 1);
	bytes[0] = (bytes[0] & 0x3F) | 0x40; /* positive, and never short */
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	must(number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL);
	BN_free(number);
}

static void set_times(X509 *certificate, int64_t now_ms, long days)
{
	time_t now_s = (time_t)(now_ms / 1000);
	must(X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -SLACK_S, &now_s) != NULL &&
	     X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, &now_s) != NULL);
}

static X509 *begin_certificate(EVP_PKEY *key, const char *name, int64_t now_ms, long days)
{
	X509 *c = X509_new();
	must(c != NULL && X509_set_version(c, 2) == 1 && X509_set_pubkey(c, key) == 1);
	set_serial(c);
	set_times(c, now_ms, days);
	X509_NAME *subject = X509_get_subject_name(c);
	must(X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *)"Freehold", -1, -1, 0) ==
	     1);
	must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1);
	return c;
}

void certificate_make_authority(int64_t now_ms, struct buf *ret_certificate, struct buf *ret_key)
{
	char name[64];
	unsigned char mark[3];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	must(key != NULL && RAND_bytes(mark, sizeof mark) == 1);
	/* Authorities of two machines have two names, so that a browser can hold both. */
	(void)snprintf(name, sizeof name, "Freehold on this machine %02x%02x%02x", mark[0], mark[1], mark[2]);
	X509 *c = begin_certificate(key, name, now_ms, CERTIFICATE_AUTHORITY_DAYS);
	must(X509_set_issuer_name(c, X509_get_subject_name(c)) == 1);
	add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(c, c, NID_name_constraints,
		      "critical,permitted;DNS:localhost,excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:0:0:0:0:0:0:0:0/"
		      "0:0:0:0:0:0:0:0");
	add_extension(c, c, NID_subject_key_identifier, "hash");
	must(X509_sign(c, key, EVP_sha256()) > 0);
	put_pem(c, NULL, ret_certificate);
	put_pem(NULL, key, ret_key);
	X509_free(c);
	EVP_PKEY_free(key);
}

static bool is_below_localhost(const char *host)
{
	struct str name = str_from(host);
	return (str_eq(name, STR("localhost")) || str_has_suffix(name, STR(".localhost"))) && name.len <= 253 &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == name.len;
}

bool certificate_issue(struct str authority, struct str authority_key, const char *host, int64_t now_ms,
		       struct buf *ret_text, struct err *err)
{
	char names[300];
	if (!is_below_localhost(host))
		return err_set(err, ERR_INVALID,
			       "the authority of this machine signs names below localhost, not %.100s", host);
	X509 *issuer = read_certificate(authority);
	EVP_PKEY *issuer_key = read_key(authority_key);
	bool ok = issuer != NULL && issuer_key != NULL && X509_check_private_key(issuer, issuer_key) == 1;
	ERR_clear_error();
	if (ok) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		must(key != NULL);
		X509 *c = begin_certificate(key, "App of this machine", now_ms, CERTIFICATE_DAYS);
		must(X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1);
		(void)snprintf(names, sizeof names, "DNS:%s", host);
		add_extension(c, issuer, NID_basic_constraints, "critical,CA:FALSE");
		add_extension(c, issuer, NID_key_usage, "critical,digitalSignature");
		add_extension(c, issuer, NID_ext_key_usage, "serverAuth");
		add_extension(c, issuer, NID_subject_alt_name, names);
		add_extension(c, issuer, NID_authority_key_identifier, "keyid");
		must(X509_sign(c, issuer_key, EVP_sha256()) > 0);
		put_pem(c, key, ret_text);
		X509_free(c);
		EVP_PKEY_free(key);
	}
	X509_free(issuer);
	EVP_PKEY_free(issuer_key);
	return ok || err_set(err, ERR_INVALID,
			     "the authority of this machine cannot be read: its certificate and its key do not fit");
}

/* Reading. */

static int64_t to_ms(const ASN1_TIME *time)
{
	struct tm parts;
	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

/* Anything may stand in a certificate where a name belongs, and people's terminals show it. */
static bool is_name(const char *text, size_t len)
{
	static const char used[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*";
	for (size_t i = 0; i < len; i++)
		if (memchr(used, text[i], sizeof used - 1) == NULL) return false;
	return len > 0;
}

static void put_names(X509 *certificate, char ret_names[CERTIFICATE_NAMES_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t at = 0;
	ret_names[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS) continue;
		const char *text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
		size_t len = (size_t)ASN1_STRING_length(name->d.dNSName);
		if (!is_name(text, len) || at + len + 2 > CERTIFICATE_NAMES_SIZE) continue;
		at += (size_t)snprintf(ret_names + at, CERTIFICATE_NAMES_SIZE - at, "%s%.*s", at > 0 ? " " : "",
				       (int)len, text);
	}
	GENERAL_NAMES_free(names);
}

static void put_fingerprint(const X509 *certificate, char ret_text[CERTIFICATE_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	must(X509_digest(certificate, EVP_sha256(), digest, &len) == 1);
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(ret_text + (size_t)i * 3, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
}

static void put_issuer(const X509 *certificate, char *ret_text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	must(bio != NULL);
	(void)X509_NAME_print_ex(bio, X509_get_issuer_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
	size_t len = (size_t)BIO_get_mem_data(bio, &text);
	if (len >= size) len = size - 1;
	while (len > 0 && !str_is_utf8((struct str){text, len})) len--; /* cut within a character */
	(void)snprintf(ret_text, size, "%.*s", (int)len, text != NULL ? text : "");
	(void)BIO_free(bio);
}

static bool covers(X509 *certificate, const char *host)
{
	return X509_check_host(certificate, host, strlen(host), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

bool certificate_read(struct str text, const char *host, struct certificate *ret_certificate, struct err *err)
{
	X509 *c = read_certificate(text);
	if (c == NULL)
		return err_set(err, ERR_INVALID,
			       "there is no certificate in what was given (PEM, -----BEGIN CERTIFICATE-----)");
	struct certificate found = {.from_ms = to_ms(X509_get0_notBefore(c)), .until_ms = to_ms(X509_get0_notAfter(c))};
	put_names(c, found.names);
	put_issuer(c, found.issuer, sizeof found.issuer);
	put_fingerprint(c, found.fingerprint);
	found.covers = host != NULL && covers(c, host);
	X509_free(c);
	ERR_clear_error();
	*ret_certificate = found;
	return true;
}

/* The certificates of the text, in their order; the first is the host's own. */
static bool put_chain(struct str text, struct buf *ret_text, struct err *err)
{
	BIO *bio = open_text(text);
	int count = 0;
	for (X509 *c; (c = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL; X509_free(c))
		if (count++ < CHAIN_MAX) put_pem(c, NULL, ret_text);
	bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	(void)BIO_free(bio);
	ERR_clear_error();
	if (!is_whole)
		return err_set(err, ERR_INVALID,
			       "certificate %d in it cannot be read: it is damaged, or cut off in the middle",
			       count + 1);
	return count <= CHAIN_MAX ||
	       err_set(err, ERR_LIMIT, "there are %d certificates in it, more than %d", count, CHAIN_MAX);
}

static bool check(X509 *c, EVP_PKEY *key, const char *host, int64_t now_ms, struct err *err)
{
	char day[CLOCK_ISO8601_SIZE], names[CERTIFICATE_NAMES_SIZE];
	if (c == NULL)
		return err_set(err, ERR_INVALID,
			       "there is no certificate in what was given (PEM, -----BEGIN CERTIFICATE-----)");
	if (key == NULL)
		return err_set(err, ERR_INVALID,
			       "there is no private key in it that can be read (PEM, -----BEGIN PRIVATE KEY-----, "
			       "without a passphrase)");
	if (X509_check_private_key(c, key) != 1)
		return err_set(err, ERR_INVALID, "the key is not that of the certificate");
	int64_t until_ms = to_ms(X509_get0_notAfter(c)), from_ms = to_ms(X509_get0_notBefore(c));
	clock_iso8601(until_ms <= now_ms ? until_ms : from_ms, day);
	if (until_ms <= now_ms) return err_set(err, ERR_INVALID, "the certificate ended on %.10s; get a new one", day);
	if (from_ms > now_ms) return err_set(err, ERR_INVALID, "the certificate is good from %.10s on, not yet", day);
	if (covers(c, host)) return true;
	put_names(c, names);
	return err_set(err, ERR_INVALID, "the certificate is for %s, not for %s", names[0] != '\0' ? names : "no host",
		       host);
}

bool certificate_join(struct str chain, struct str key_text, const char *host, int64_t now_ms, struct buf *ret_text,
		      struct err *err)
{
	if (chain.len + key_text.len > CERTIFICATE_MAX_BYTES / 2)
		return err_set(err, ERR_LIMIT, "certificate and key are longer than %u bytes",
			       CERTIFICATE_MAX_BYTES / 2);
	X509 *c = read_certificate(chain);
	EVP_PKEY *key = read_key(key_text);
	bool ok = check(c, key, host, now_ms, err) && put_chain(chain, ret_text, err);
	if (ok) put_pem(NULL, key, ret_text);
	X509_free(c);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}
