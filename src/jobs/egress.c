/* SPDX-License-Identifier: Apache-2.0 */
#include "jobs/egress.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct range {
	uint8_t bytes[16];
	int bits;
};

/* RFC 6890 and IANA's registry behind it, and multicast. */
static const struct range closed4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};

/* Only 2000::/3 is public, and of that not all. 2001::/23 has Teredo (2001::/32) in it; 2002::/16 is 6to4. */
static const struct range closed6[] = {
    {{0x20, 0x01}, 23},
    {{0x20, 0x01, 0x0d, 0xb8}, 32},
    {{0x20, 0x02}, 16},
    {{0x3f, 0xff}, 20},
};

static bool is_within(const uint8_t *address, const uint8_t *network, int bits)
{
	int whole = bits / 8, rest = bits % 8;
	if (memcmp(address, network, (size_t)whole) != 0) return false;
	return rest == 0 || (address[whole] ^ network[whole]) >> (8 - rest) == 0;
}

static bool is_public4(const uint8_t *address)
{
	for (size_t i = 0; i < sizeof closed4 / sizeof *closed4; i++)
		if (is_within(address, closed4[i].bytes, closed4[i].bits)) return false;
	return true;
}

static bool is_public6(const struct in6_addr *address)
{
	static const uint8_t global[] = {0x20};
	if (IN6_IS_ADDR_V4MAPPED(address)) return is_public4(&address->s6_addr[12]);
	if (!is_within(address->s6_addr, global, 3)) return false; /* NAT64's 64:ff9b::/96 among them */
	for (size_t i = 0; i < sizeof closed6 / sizeof *closed6; i++)
		if (is_within(address->s6_addr, closed6[i].bytes, closed6[i].bits)) return false;
	return true;
}

static void map4(const struct in_addr *from, struct in6_addr *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(&ret->s6_addr[12], from, sizeof *from);
}

bool egress_allow(struct egress *egress, const char *network, struct err *err)
{
	struct str host, bits_text;
	char text[INET6_ADDRSTRLEN];
	struct egress_network n;
	struct in_addr four;
	int64_t bits = -1;
	bool has_bits = str_cut(str_from(network), '/', &host, &bits_text);
	if (!has_bits) host = str_from(network);
	(void)snprintf(text, sizeof text, "%.*s", STR_FMT(host));
	bool is_four = inet_pton(AF_INET, text, &four) == 1;
	if (is_four) map4(&four, &n.address);
	int most = is_four ? 32 : 128;
	if (host.len >= sizeof text || (!is_four && inet_pton(AF_INET6, text, &n.address) != 1) ||
	    (has_bits && (!str_to_int(bits_text, &bits) || bits < 0 || bits > most)))
		return err_set(err, ERR_INVALID,
			       "\"%.60s\" is no address and no network; write for example 10.0.0.5 or 10.0.0.0/8",
			       network);
	if (egress->allowed_count == EGRESS_ALLOWED_MAX)
		return err_set(err, ERR_LIMIT, "no more than %d networks can be allowed", EGRESS_ALLOWED_MAX);
	n.bits = (has_bits ? (int)bits : most) + (is_four ? 96 : 0);
	egress->allowed[egress->allowed_count++] = n;
	return true;
}

static bool is_own(const struct egress *egress, const struct in6_addr *address, uint16_t port)
{
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
	struct in6_addr own;
	map4(&loopback, &own);
	return egress->own_port != 0 && port == egress->own_port && IN6_ARE_ADDR_EQUAL(address, &own);
}

bool egress_is_allowed(const struct egress *egress, const struct sockaddr *address)
{
	struct in6_addr six;
	uint16_t port;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		map4(&in.sin_addr, &six);
		port = ntohs(in.sin_port);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, address, sizeof in);
		six = in.sin6_addr;
		port = ntohs(in.sin6_port);
	} else {
		return false;
	}
	if (is_public6(&six) || is_own(egress, &six, port)) return true;
	for (int i = 0; i < egress->allowed_count; i++)
		if (is_within(six.s6_addr, egress->allowed[i].address.s6_addr, egress->allowed[i].bits)) return true;
	return false;
}
