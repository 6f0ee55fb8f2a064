/* SPDX-License-Identifier: Apache-2.0
 *
 * The authority of a database elsewhere, as its owner hands it over. What is taken of it is certificates and nothing
 * beside them: no private key, and the same when it is read again. */
#include <stdint.h>
#include <stdlib.h>

#include "owndb/authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line is one of a certificate. */
static void check_lines(struct str pem)
{
	struct str rest = pem, line;
	bool is_inside = false;
	while (str_next(&rest, '\n', &line)) {
		bool begins = str_eq(line, STR("-----BEGIN CERTIFICATE-----"));
		bool ends = str_eq(line, STR("-----END CERTIFICATE-----"));
		if (begins == is_inside && (begins || ends)) abort();
		if (!begins && !is_inside && line.len > 0) abort();
		if (is_inside && !ends && str_find(line, STR("-")) >= 0) abort();
		is_inside = begins || (is_inside && !ends);
	}
	if (is_inside) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf pem BUF_CLEANUP, again BUF_CLEANUP;
	struct err err;
	buf_init(&pem, OWNDB_AUTHORITY_MAX_BYTES);
	buf_init(&again, OWNDB_AUTHORITY_MAX_BYTES);
	if (!owndb_authority_read((struct str){(const char *)data, size}, &pem, &err)) return 0;
	if (pem.len == 0 || pem.len > OWNDB_AUTHORITY_MAX_BYTES) abort();
	check_lines(buf_view(&pem));
	if (!owndb_authority_read(buf_view(&pem), &again, &err) || !str_eq(buf_view(&again), buf_view(&pem))) abort();
	return 0;
}
