/* SPDX-License-Identifier: Apache-2.0
 *
 * Judged by ssh-keygen, which must read the private half and say the same public one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "codec/ssh_key.h"

static void make(unsigned char *ret_secret, unsigned char first)
{
	size_t len = SSH_KEY_PUBLIC_BYTES;
	memset(ret_secret, first, SSH_KEY_PUBLIC_BYTES);
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, ret_secret, SSH_KEY_PUBLIC_BYTES);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, ret_secret + SSH_KEY_PUBLIC_BYTES, &len), 1);
	EVP_PKEY_free(key);
}

/* For each length of comment the filling is another. */
static void test_read_by_ssh_keygen(void **state)
{
	static const char *const comments[] = {"", "a", "freehold-shop", "freehold-a-longer-name-of-an-app", "1234567"};
	(void)state;
	for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
		unsigned char secret[SSH_KEY_SECRET_BYTES];
		char path[] = "/tmp/ssh-key-XXXXXX", command[128], said[512] = "";
		struct buf line, text;
		buf_init(&line, SSH_KEY_TEXT_MAX_BYTES), buf_init(&text, SSH_KEY_TEXT_MAX_BYTES);
		make(secret, (unsigned char)(i + 7));
		ssh_key_public(secret + SSH_KEY_PUBLIC_BYTES, comments[i], &line);
		ssh_key_private(secret, comments[i], 0xC0FFEE00u + (uint32_t)i, &text);
		int fd = mkstemp(path);
		assert_true(fd >= 0 && fchmod(fd, 0600) == 0);
		assert_int_equal(write(fd, text.ptr, text.len), (ssize_t)text.len);
		assert_int_equal(close(fd), 0);
		(void)snprintf(command, sizeof command, "ssh-keygen -y -P '' -f %s 2>&1", path);
		FILE *f = popen(command, "re"); /* NOLINT(cert-env33-c): a test's own text */
		assert_non_null(f);
		(void)!fread(said, 1, sizeof said - 1, f);
		assert_int_equal(pclose(f), 0);
		said[strcspn(said, "\n")] = '\0';
		size_t len = strlen(said);
		while (len > 0 && said[len - 1] == ' ') said[--len] = '\0';
		while (line.len > 0 && line.ptr[line.len - 1] == ' ') line.ptr[--line.len] = '\0';
		assert_string_equal(said, buf_cstr(&line));
		(void)unlink(path);
		buf_done(&line), buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_by_ssh_keygen)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
