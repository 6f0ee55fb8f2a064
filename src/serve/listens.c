/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listens.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define STATE_LISTEN 0x0a /* TCP_LISTEN in include/net/tcp_states.h */

static bool hex(struct str text, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (text.len == 0 || text.len > 16) return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
		if (digit < 0) return false;
		value = value << 4 | (uint64_t)digit;
	}
	*ret_value = value;
	return true;
}

/* The address stands as 32-bit words in the machine's own order. */
static bool parse_address(struct str text, bool is_v6, uint8_t ret_address[16])
{
	int words = is_v6 ? 4 : 1;
	if (text.len != (size_t)words * 8) return false;
	for (int i = 0; i < words; i++) {
		uint64_t word;
		if (!hex(str_sub(text, (size_t)i * 8, (size_t)i * 8 + 8), &word)) return false;
		uint32_t as_is = (uint32_t)word;
		memcpy(ret_address + (size_t)i * 4, &as_is, 4);
	}
	return true;
}

static bool next_word(struct str *rest, struct str *ret_word)
{
	while (str_next(rest, ' ', ret_word))
		if (ret_word->len > 0) return true;
	return false;
}

/* "0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 …" */
static bool parse_line(struct str line, bool is_v6, struct listen_at *ret_at)
{
	struct str word[10], address, port;
	uint64_t number, state;
	int64_t inode;
	for (int i = 0; i < 10; i++)
		if (!next_word(&line, &word[i])) return false;
	struct listen_at at = {.is_v6 = is_v6};
	if (!str_cut(word[1], ':', &address, &port) || !hex(word[3], &state) || state != STATE_LISTEN) return false;
	if (!parse_address(address, is_v6, at.address) || !hex(port, &number) || number == 0 || number > UINT16_MAX)
		return false;
	if (!str_to_int(word[9], &inode) || inode <= 0) return false;
	at.port = (uint16_t)number, at.inode = (uint64_t)inode;
	*ret_at = at;
	return true;
}

void listens_parse(struct str table, bool is_v6, struct listens *inout_listens)
{
	struct str line;
	while (inout_listens->count < LISTENS_MAX && str_next(&table, '\n', &line))
		if (parse_line(line, is_v6, &inout_listens->at[inout_listens->count])) inout_listens->count++;
}

static bool is_one_of(uint64_t inode, const uint64_t *inodes, int count)
{
	for (int i = 0; i < count; i++)
		if (inodes[i] == inode) return true;
	return false;
}

void listens_leave_out(struct listens *inout_listens, const uint64_t *inodes, int count)
{
	int kept = 0;
	for (int i = 0; i < inout_listens->count; i++)
		if (!is_one_of(inout_listens->at[i].inode, inodes, count))
			inout_listens->at[kept++] = inout_listens->at[i];
	inout_listens->count = kept;
}

static bool is_wildcard(const struct listen_at *at)
{
	static const uint8_t zero[16];
	return memcmp(at->address, zero, at->is_v6 ? 16 : 4) == 0;
}

static bool is_better(const struct listen_at *at, const struct listen_at *than)
{
	if (than == NULL || is_wildcard(at) != is_wildcard(than)) return than == NULL || is_wildcard(at);
	return at->port < than->port;
}

const struct listen_at *listens_choose(const struct listens *l, uint16_t port, bool is_any, uint16_t other_from,
				       uint16_t other_to)
{
	const struct listen_at *best = NULL;
	for (int i = 0; i < l->count; i++)
		if (l->at[i].port == port) return &l->at[i];
	for (int i = 0; is_any && i < l->count; i++)
		if ((l->at[i].port < other_from || l->at[i].port > other_to) && is_better(&l->at[i], best))
			best = &l->at[i];
	return best;
}

void listens_target(const struct listen_at *at, struct sockaddr_storage *ret_address, socklen_t *ret_len)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	*ret_address = (struct sockaddr_storage){0};
	if (at->is_v6) {
		memcpy(&v6.sin6_addr, at->address, 16);
		if (is_wildcard(at)) v6.sin6_addr = in6addr_loopback;
		memcpy(ret_address, &v6, sizeof v6);
		*ret_len = sizeof v6;
	} else {
		memcpy(&v4.sin_addr, at->address, 4);
		if (is_wildcard(at)) v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(ret_address, &v4, sizeof v4);
		*ret_len = sizeof v4;
	}
}

static int by_number(const void *a, const void *b)
{
	uint16_t x, y;
	memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

int listens_ports(const struct listens *l, uint16_t ret_ports[LISTENS_MAX])
{
	int count = 0, kept = 0;
	for (int i = 0; i < l->count; i++) ret_ports[count++] = l->at[i].port;
	qsort(ret_ports, (size_t)count, sizeof *ret_ports, by_number);
	for (int i = 0; i < count; i++)
		if (kept == 0 || ret_ports[kept - 1] != ret_ports[i]) ret_ports[kept++] = ret_ports[i];
	return kept;
}
