/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/derive.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

bool derive_passphrase(const char *key, const char *label, char ret_passphrase[DERIVE_SIZE], struct err *err)
{
	unsigned char secret[32], out[32];
	size_t len = 0;
	if (sodium_init() < 0) return err_set(err, ERR_INTERNAL, "libsodium does not start");
	if (strlen(key) != 64 || sodium_hex2bin(secret, sizeof secret, key, 64, NULL, &len, NULL) != 0 || len != 32)
		return err_set(err, ERR_INVALID, "the key of the backups must be 64 hexadecimal digits");
	(void)crypto_generichash(out, sizeof out, (const unsigned char *)label, strlen(label), secret, sizeof secret);
	sodium_bin2hex(ret_passphrase, DERIVE_SIZE, out, sizeof out);
	sodium_memzero(secret, sizeof secret);
	sodium_memzero(out, sizeof out);
	return true;
}

void derive_repo_name(const char *app, int64_t app_id, char ret_name[64])
{
	(void)snprintf(ret_name, 64, "db/%.32s-%lld", app, (long long)app_id);
}
