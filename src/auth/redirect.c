/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/redirect.h"

#include <arpa/inet.h>
#include <ctype.h>

#include "codec/url.h"

#define GLOB_STEPS_MAX 100000 /* of one match; a pattern that needs more does not match */
#define GLOB_DEPTH_MAX 64
#define PARAMETERS_MAX_BYTES (1u << 20)

struct parts {
	struct str scheme, host, port;
};

/* Scheme and authority (RFC 3986), and nothing in the whole that a browser reads otherwise than we do: it takes \ for
 * /, drops tabs and line breaks, and an authority with a name and password hides where it leads. */
static bool split(struct str url, struct parts *ret_parts)
{
	struct parts p = {.host = STR(""), .port = STR("")};
	struct str rest;
	if (url.len > REDIRECT_MAX_BYTES || !str_cut(url, ':', &p.scheme, &rest) || p.scheme.len == 0) return false;
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] <= 0x20 || (unsigned char)url.ptr[i] >= 0x7F || url.ptr[i] == '\\')
			return false;
	if (!isalpha((unsigned char)p.scheme.ptr[0])) return false;
	for (size_t i = 0; i < p.scheme.len; i++)
		if (!isalnum((unsigned char)p.scheme.ptr[i]) && strchr("+-.", p.scheme.ptr[i]) == NULL) return false;
	if (str_has_prefix(rest, STR("//"))) {
		size_t end = 2;
		while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) end++;
		struct str authority = str_sub(rest, 2, end);
		if (str_find_char(authority, '@') >= 0) return false;
		p.host = authority;
		ptrdiff_t close = str_find_char(authority, ']'), colon = -1;
		for (size_t i = close < 0 ? 0 : (size_t)close; i < authority.len; i++)
			if (authority.ptr[i] == ':') colon = (ptrdiff_t)i;
		if (colon >= 0) {
			p.port = str_sub(authority, (size_t)colon + 1, authority.len);
			p.host = str_sub(authority, 0, (size_t)colon);
		}
		/* "https://localhost:1.evil.example" is none: what is behind the colon is a number. */
		for (size_t i = 0; i < p.port.len; i++)
			if (!isdigit((unsigned char)p.port.ptr[i])) return false;
		if (p.host.len >= 2 && p.host.ptr[0] == '[') p.host = str_sub(p.host, 1, p.host.len - 1);
	}
	*ret_parts = p;
	return true;
}

static bool is_web(struct str scheme)
{
	return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"));
}

static bool is_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isdigit((unsigned char)s.ptr[i])) return false;
	return s.len > 0;
}

static bool is_address(struct str host, bool *ret_is_loopback)
{
	char text[INET6_ADDRSTRLEN + 1];
	struct in_addr four;
	struct in6_addr six;
	if (host.len >= sizeof text) return false;
	memcpy(text, host.ptr, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		*ret_is_loopback = (ntohl(four.s_addr) >> 24) == 127;
		return true;
	}
	if (inet_pton(AF_INET6, text, &six) != 1) return false;
	*ret_is_loopback = IN6_IS_ADDR_LOOPBACK(&six);
	return true;
}

static bool is_regular_host(struct str host)
{
	if (host.len == 0 || !isalnum((unsigned char)host.ptr[0]) || !isalnum((unsigned char)host.ptr[host.len - 1]))
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.ptr[i]) && host.ptr[i] != '.' && host.ptr[i] != '-') return false;
	return true;
}

static bool is_loopback(struct str host)
{
	bool is_local = false;
	return str_eq(host, STR("localhost")) || (is_address(host, &is_local) && is_local);
}

static bool is_home(const struct auth_settings *settings, const struct parts *p)
{
	struct parts home;
	return split(str_from(settings->site_url), &home) && str_eq_nocase(home.host, p->host) &&
	       str_eq_nocase(home.scheme, p->scheme) && is_web(p->scheme) &&
	       (str_eq(home.port, p->port) || is_loopback(p->host));
}

bool redirect_is_allowed(const struct auth_settings *settings, struct str url)
{
	struct parts p;
	struct str whole = url, ignored;
	bool is_local = false;
	if (!split(url, &p)) return false;
	if (is_home(settings, &p)) return true;
	if (is_digits(p.host)) return false; /* an IPv4 address, written as one number */
	if (is_address(p.host, &is_local)) return is_local;
	if (is_web(p.scheme) && !is_regular_host(p.host)) return false;
	(void)str_cut(url, '#', &whole, &ignored);
	for (size_t i = 0; i < settings->redirect_urls.count; i++)
		if (redirect_glob_match(settings->redirect_urls.at[i], whole)) return true;
	return false;
}

const char *redirect_choose(const struct auth_settings *settings, struct arena *a, struct str wish, struct str referer)
{
	if (redirect_is_allowed(settings, wish)) return arena_cstr(a, wish);
	if (redirect_is_allowed(settings, referer)) return arena_cstr(a, referer);
	return settings->site_url;
}

/* Patterns. */
struct glob {
	unsigned steps;
};

static bool is_separator(char c)
{
	return c == '.' || c == '/';
}

/* [abc], [a-z], [!a]: whether c is of it; *ret_rest is behind the bracket. */
static bool match_set(const char *pattern, char c, const char **ret_rest)
{
	const char *at = pattern + 1;
	bool is_not = *at == '!', is_in = false;
	if (is_not) at++;
	for (; *at != '\0' && *at != ']'; at++) {
		if (at[1] == '-' && at[2] != '\0' && at[2] != ']') {
			is_in = is_in || (c >= at[0] && c <= at[2]);
			at += 2;
		} else {
			is_in = is_in || c == *at;
		}
	}
	*ret_rest = *at == ']' ? at + 1 : at;
	return *at == ']' && is_in != is_not;
}

static bool match(struct glob *g, const char *pattern, struct str text, int depth);

/* Behind the brace that ends the group which begins at pattern; NULL: none does. */
static const char *group_end(const char *pattern)
{
	int depth = 0;
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '{')
			depth++;
		else if (*at == '}' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

/* {one,two}rest: each alternative with the rest behind it. */
static bool match_group(struct glob *g, const char *pattern, struct str text, int depth)
{
	const char *end = group_end(pattern), *begin = pattern + 1;
	char joined[REDIRECT_MAX_BYTES];
	int nested = 0;
	if (end == NULL) return false;
	for (const char *at = begin; at < end; at++) {
		if (*at == '\\') {
			at++;
		} else if (*at == '{') {
			nested++;
		} else if ((*at == ',' && nested == 0) || at == end - 1) {
			size_t len = (size_t)(at - begin), rest = strlen(end);
			if (len + rest >= sizeof joined) return false;
			memcpy(joined, begin, len);
			memcpy(joined + len, end, rest + 1);
			if (match(g, joined, text, depth + 1)) return true;
			begin = at + 1;
		} else if (*at == '}') {
			nested--;
		}
	}
	return false;
}

static bool match_star(struct glob *g, const char *pattern, struct str text, int depth)
{
	bool is_any = pattern[1] == '*';
	const char *rest = pattern + (is_any ? 2 : 1);
	for (size_t i = 0; i <= text.len; i++) {
		if (match(g, rest, str_sub(text, i, text.len), depth + 1)) return true;
		if (i < text.len && !is_any && is_separator(text.ptr[i])) return false;
	}
	return false;
}

static bool match(struct glob *g, const char *pattern, struct str text, int depth)
{
	if (depth > GLOB_DEPTH_MAX) return false;
	for (;;) {
		if (++g->steps > GLOB_STEPS_MAX) return false;
		if (*pattern == '*') return match_star(g, pattern, text, depth);
		if (*pattern == '{') return match_group(g, pattern, text, depth);
		if (*pattern == '\0') return text.len == 0;
		if (text.len == 0) return false;
		if (*pattern == '[') {
			if (!match_set(pattern, text.ptr[0], &pattern)) return false;
		} else if (*pattern == '?') {
			if (is_separator(text.ptr[0])) return false;
			pattern++;
		} else {
			if (*pattern == '\\' && pattern[1] != '\0') pattern++;
			if (*pattern++ != text.ptr[0]) return false;
		}
		text = str_sub(text, 1, text.len);
	}
}

bool redirect_glob_match(const char *pattern, struct str text)
{
	struct glob g = {0};
	return match(&g, pattern, text, 0);
}

/* Addresses with parameters. */
void redirect_init(struct redirect *r, struct str url)
{
	r->url = url;
	buf_init(&r->query, PARAMETERS_MAX_BYTES);
	buf_init(&r->fragment, PARAMETERS_MAX_BYTES);
}

void redirect_done(struct redirect *r)
{
	buf_done(&r->query);
	buf_done(&r->fragment);
}

static void put(struct buf *b, const char *name, const char *value)
{
	if (b->len > 0) buf_putc(b, '&');
	buf_puts(b, name);
	buf_putc(b, '=');
	url_encode(str_from(value), b);
}

void redirect_query(struct redirect *r, const char *name, const char *value)
{
	put(&r->query, name, value);
}

void redirect_fragment(struct redirect *r, const char *name, const char *value)
{
	put(&r->fragment, name, value);
}

/* Whether the parameter stands among the new ones. */
static bool is_replaced(struct str added, struct str name)
{
	struct str given, ignored;
	while (query_next(&added, &given, &ignored))
		if (str_eq(given, name)) return true;
	return false;
}

static void put_query(struct buf *b, struct str old, struct str added)
{
	struct str name, value, rest = old;
	char between = '?';
	while (query_next(&rest, &name, &value)) {
		if (is_replaced(added, name)) continue;
		buf_putc(b, between);
		buf_str(b, name);
		buf_putc(b, '=');
		buf_str(b, value);
		between = '&';
	}
	if (added.len > 0) {
		buf_putc(b, between);
		buf_str(b, added);
	}
}

char *redirect_text(const struct redirect *r, struct arena *a)
{
	struct buf b BUF_CLEANUP;
	struct str head = r->url, fragment = STR(""), query = STR("");
	buf_init(&b, 2 * PARAMETERS_MAX_BYTES);
	(void)str_cut(r->url, '#', &head, &fragment);
	(void)str_cut(head, '?', &head, &query);
	buf_str(&b, head);
	if (r->query.len > 0)
		put_query(&b, query, buf_view(&r->query));
	else if (query.len > 0)
		buf_printf(&b, "?%.*s", STR_FMT(query));
	if (r->fragment.len > 0 || fragment.len > 0) buf_putc(&b, '#');
	buf_str(&b, r->fragment.len > 0 ? buf_view(&r->fragment) : fragment);
	return buf_is_ok(&b) && buf_is_ok(&r->query) && buf_is_ok(&r->fragment) ? arena_cstr(a, buf_view(&b)) : NULL;
}
