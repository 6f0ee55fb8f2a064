/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "edge/certificate.h"

#define NOW_MS 1800000000000LL /* 2027-01-15 */
#define DAY_MS (24LL * 3600 * 1000)

struct made {
	struct buf authority, authority_key, text;
};

static int set_up(void **state)
{
	struct made *m = calloc(1, sizeof *m);
	struct err err;
	buf_init(&m->authority, CERTIFICATE_MAX_BYTES), buf_init(&m->authority_key, CERTIFICATE_MAX_BYTES);
	buf_init(&m->text, CERTIFICATE_MAX_BYTES);
	certificate_make_authority(NOW_MS, &m->authority, &m->authority_key);
	if (!certificate_issue(buf_view(&m->authority), buf_view(&m->authority_key), "shop.localhost", NOW_MS, &m->text,
			       &err))
		fail_msg("%s", err.msg);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct made *m = *state;
	buf_done(&m->authority), buf_done(&m->authority_key), buf_done(&m->text);
	free(m);
	return 0;
}

static X509 *x509_of(const struct buf *text)
{
	BIO *bio = BIO_new_mem_buf(text->ptr, (int)text->len);
	X509 *found = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	(void)BIO_free(bio);
	assert_non_null(found);
	return found;
}

/* As a browser looks at it that trusts the authority; the reason why not, or X509_V_OK. */
static int verify(const struct buf *authority, const struct buf *text, const char *host, int64_t at_ms)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509 *root = x509_of(authority), *leaf = x509_of(text);
	assert_int_equal(X509_STORE_add_cert(store, root), 1);
	assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, (time_t)(at_ms / 1000));
	(void)X509_VERIFY_PARAM_set1_host(param, host, 0);
	(void)X509_STORE_CTX_set_default(context, "ssl_server");
	(void)X509_verify_cert(context);
	int code = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context), X509_STORE_free(store), X509_free(root), X509_free(leaf);
	return code;
}

static void test_issued(void **state)
{
	struct made *m = *state;
	struct certificate c;
	struct err err;
	assert_true(certificate_read(buf_view(&m->text), "shop.localhost", &c, &err));
	assert_true(c.covers);
	assert_string_equal(c.names, "shop.localhost");
	assert_true(c.until_ms == NOW_MS + CERTIFICATE_DAYS * DAY_MS);
	assert_int_equal(strlen(c.fingerprint), 95);
	assert_int_equal(verify(&m->authority, &m->text, "shop.localhost", NOW_MS), X509_V_OK);
	assert_int_equal(verify(&m->authority, &m->text, "other.localhost", NOW_MS), X509_V_ERR_HOSTNAME_MISMATCH);
	assert_int_equal(verify(&m->authority, &m->text, "shop.localhost", c.until_ms + 1000),
			 X509_V_ERR_CERT_HAS_EXPIRED);
	assert_true(certificate_read(buf_view(&m->text), "localhost", &c, &err));
	assert_false(c.covers);
}

/* Whoever has its key can make nothing that stands for another name. */
static void test_authority_is_bound(void **state)
{
	struct made *m = *state;
	struct err err;
	static const char *const bad[] = {
	    "shop.example",   "localhost.example",        "xlocalhost", "a b.localhost", "*.localhost",
	    "../x.localhost", "a,DNS:b.example.localhost"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf text BUF_CLEANUP;
		buf_init(&text, CERTIFICATE_MAX_BYTES);
		assert_false(certificate_issue(buf_view(&m->authority), buf_view(&m->authority_key), bad[i], NOW_MS,
					       &text, &err));
		assert_int_equal(text.len, 0);
	}
	X509 *root = x509_of(&m->authority);
	NAME_CONSTRAINTS *bounds = X509_get_ext_d2i(root, NID_name_constraints, NULL, NULL);
	assert_non_null(bounds);
	assert_int_equal(sk_GENERAL_SUBTREE_num(bounds->permittedSubtrees), 1);
	assert_int_equal(sk_GENERAL_SUBTREE_num(bounds->excludedSubtrees), 2);
	static const struct {
		const char *name;
		int code;
	} tries[] = {{"DNS:shop.localhost", X509_V_OK},
		     {"DNS:bank.example", X509_V_ERR_PERMITTED_VIOLATION},
		     {"IP:127.0.0.1", X509_V_ERR_EXCLUDED_VIOLATION}};
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		X509 *leaf = X509_new();
		X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, tries[i].name);
		assert_int_equal(X509_add_ext(leaf, name, -1), 1);
		(void)X509_check_purpose(leaf, -1, 0); /* reads the extensions */
		assert_int_equal(NAME_CONSTRAINTS_check(leaf, bounds), tries[i].code);
		X509_EXTENSION_free(name), X509_free(leaf);
	}
	NAME_CONSTRAINTS_free(bounds), X509_free(root);
}

static bool join(const struct buf *chain, const struct buf *key, const char *host, int64_t now_ms, struct err *err)
{
	struct buf text BUF_CLEANUP;
	buf_init(&text, CERTIFICATE_MAX_BYTES);
	bool ok = certificate_join(buf_view(chain), buf_view(key), host, now_ms, &text, err);
	if (ok) assert_non_null(strstr(buf_cstr(&text), "PRIVATE KEY"));
	return ok;
}

static void test_given(void **state)
{
	struct made *m = *state;
	struct err err;
	struct buf none BUF_CLEANUP;
	buf_init(&none, 10);
	assert_true(join(&m->text, &m->text, "shop.localhost", NOW_MS, &err));
	assert_false(join(&m->text, &m->text, "shop.example", NOW_MS, &err));
	assert_non_null(strstr(err.msg, "is for shop.localhost, not for shop.example"));
	assert_false(join(&m->text, &m->authority_key, "shop.localhost", NOW_MS, &err));
	assert_non_null(strstr(err.msg, "not that of the certificate"));
	assert_false(join(&m->text, &m->text, "shop.localhost", NOW_MS + 91 * DAY_MS, &err));
	assert_non_null(strstr(err.msg, "ended on 2027-04-15"));
	assert_false(join(&m->text, &m->text, "shop.localhost", NOW_MS - DAY_MS, &err));
	assert_non_null(strstr(err.msg, "not yet"));
	assert_false(join(&m->text, &none, "shop.localhost", NOW_MS, &err));
	assert_false(join(&none, &m->text, "shop.localhost", NOW_MS, &err));
	/* A chain that was cut off would be one that browsers do not accept. */
	struct buf cut BUF_CLEANUP;
	buf_init(&cut, CERTIFICATE_MAX_BYTES);
	buf_append(&cut, m->text.ptr, m->text.len);
	buf_append(&cut, m->authority.ptr, m->authority.len / 2);
	assert_false(join(&cut, &m->text, "shop.localhost", NOW_MS, &err));
	assert_non_null(strstr(err.msg, "certificate 2 in it cannot be read"));
	assert_false(certificate_read(STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), NULL,
				      &(struct certificate){0}, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_issued, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_authority_is_bound, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_given, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
