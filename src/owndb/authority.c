/* SPDX-License-Identifier: Apache-2.0 */
#include "owndb/authority.h"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pg/way.h"

#define LOOK_S 5 /* for connecting, and for each answer */
#define NAME_BYTES 120
#define NAMES_SHOWN 3

static void put_certificate(X509 *certificate, struct buf *ret_pem)
{
	char *text = NULL;
	BIO *out = BIO_new(BIO_s_mem());
	if (out == NULL || PEM_write_bio_X509(out, certificate) != 1) abort();
	long len = BIO_get_mem_data(out, &text);
	buf_str(ret_pem, (struct str){text, (size_t)len});
	BIO_free(out);
}

/* Without it OpenSSL asks the terminal that the daemon was started from, and waits there. */
static int no_passphrase(char *to, int size, int is_writing, void *arg)
{
	(void)to, (void)size, (void)is_writing, (void)arg;
	return -1;
}

static bool read_certificates(BIO *in, struct buf *ret_pem, int *ret_count, int *ret_usable)
{
	X509 *certificate;
	while ((certificate = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		++*ret_count;
		*ret_usable += X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
		put_certificate(certificate, ret_pem);
		X509_free(certificate);
	}
	unsigned long why = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
}

bool owndb_authority_read(struct str pem, struct buf *ret_pem, struct err *err)
{
	int count = 0, usable = 0;
	if (str_find(pem, STR("PRIVATE KEY-----")) >= 0)
		return err_set(err, ERR_INVALID,
			       "a private key is in it, which only the server may have; give the certificate of its "
			       "authority alone");
	BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (in == NULL) abort();
	bool ok = read_certificates(in, ret_pem, &count, &usable);
	BIO_free(in);
	if (!ok)
		return err_set(err, ERR_INVALID,
			       "certificate %d in it cannot be read (it is damaged, or locked with a passphrase); "
			       "download it anew",
			       count + 1);
	if (count == 0)
		return err_set(err, ERR_INVALID,
			       "there is no certificate in it; it is a text with lines -----BEGIN CERTIFICATE-----, as "
			       "where the database is kept lets you download it (.pem, .crt)");
	if (usable == 0)
		return err_set(err, ERR_INVALID,
			       "all certificates in it have expired; download the present ones from where the database "
			       "is kept");
	return buf_is_ok(ret_pem) || err_set(err, ERR_LIMIT,
					     "the certificates have more than %u kB; give those of one "
					     "region or authority",
					     OWNDB_AUTHORITY_MAX_BYTES / 1024);
}

static int dial(const char *host, const char *port)
{
	struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	const struct timeval limit = {.tv_sec = LOOK_S};
	int fd = -1;
	if (getaddrinfo(host, port, &want, &list) != 0) return -1;
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0) continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) break;
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

/* PostgreSQL's question before TLS, and its answer: one letter. */
static bool ask_for_tls(int fd)
{
	static const unsigned char question[8] = {0, 0, 0, 8, 4, 210, 22, 47};
	char answer = 0;
	return write(fd, question, sizeof question) == sizeof question && read(fd, &answer, 1) == 1 && answer == 'S';
}

static void put_text(char *words, struct str text)
{
	size_t at = strlen(words);
	for (size_t i = 0; i < text.len && at + 1 < AUTHORITY_WORDS_SIZE; i++)
		words[at++] = (char)(text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?');
	words[at] = '\0';
}

static void put_name(char *words, X509_NAME *name)
{
	char text[NAME_BYTES] = "";
	static const int parts[] = {NID_commonName, NID_organizationName};
	for (size_t i = 0; i < 2 && text[0] == '\0'; i++)
		(void)X509_NAME_get_text_by_NID(name, parts[i], text, sizeof text);
	put_text(words, text[0] != '\0' ? str_from(text) : STR("nobody who is named"));
}

static void put_day(char *words, const ASN1_TIME *when)
{
	struct tm t = {0};
	char day[16] = "?";
	if (ASN1_TIME_to_tm(when, &t) == 1) (void)strftime(day, sizeof day, "%Y-%m-%d", &t);
	put_text(words, str_from(day));
}

static void put_hosts(char *words, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int shown = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < NAMES_SHOWN; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS) continue;
		put_text(words, shown++ > 0 ? STR(", ") : STR(""));
		put_text(words, (struct str){(const char *)ASN1_STRING_get0_data(name->d.dNSName),
					     (size_t)ASN1_STRING_length(name->d.dNSName)});
	}
	GENERAL_NAMES_free(names);
	if (shown == 0) put_name(words, X509_get_subject_name(certificate));
}

static enum authority_fault judge(const SSL *ssl, const char *host, char *words)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	long result = SSL_get_verify_result(ssl);
	if (certificate == NULL) return AUTHORITY_UNKNOWN;
	switch (result) {
	case X509_V_OK: return AUTHORITY_ACCEPTED;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		put_text(words, STR("it expired on "));
		put_day(words, X509_get0_notAfter(certificate));
		return AUTHORITY_TIME;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		put_text(words, STR("it is valid from "));
		put_day(words, X509_get0_notBefore(certificate));
		put_text(words, STR(" on only (is this server's clock right?)"));
		return AUTHORITY_TIME;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		put_text(words, STR("it is for "));
		put_hosts(words, certificate);
		put_text(words, STR(" and not for "));
		put_text(words, str_from(host));
		return AUTHORITY_NAME;
	default:
		put_text(words, STR("it is signed by "));
		put_name(words, X509_get_issuer_name(certificate));
		return AUTHORITY_ISSUER;
	}
}

static enum authority_fault look(int fd, SSL *ssl, const char *host, char *words)
{
	X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
	if (pg_way_is_address(host))
		(void)X509_VERIFY_PARAM_set1_ip_asc(wanted, host);
	else if (SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1)
		(void)X509_VERIFY_PARAM_set1_host(wanted, host, 0);
	if (SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) return AUTHORITY_UNKNOWN;
	return judge(ssl, host, words);
}

enum authority_fault owndb_authority_look(const char *host, const char *address, const char *port, const char *path,
					  char ret_words[AUTHORITY_WORDS_SIZE])
{
	enum authority_fault fault = AUTHORITY_UNKNOWN;
	ret_words[0] = '\0';
	int fd = dial(address[0] != '\0' ? address : host, port[0] != '\0' ? port : "5432");
	if (fd < 0) return fault;
	SSL_CTX *ctx = ask_for_tls(fd) ? SSL_CTX_new(TLS_client_method()) : NULL;
	SSL *ssl = ctx != NULL && SSL_CTX_load_verify_file(ctx, path) == 1 ? SSL_new(ctx) : NULL;
	if (ssl != NULL) fault = look(fd, ssl, host, ret_words);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	(void)close(fd);
	return fault;
}
