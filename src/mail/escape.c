/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/escape.h"

#include <stdio.h>
#include <string.h>

#include "codec/url.h"

#define UNSAFE "ZgotmplZ" /* what html/template writes where a value cannot stand */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static void begin_name(struct mail_escape *e, enum escape_place place)
{
	e->place = place;
	e->name_len = 0;
	e->name[0] = '\0';
}

static void add_name(struct mail_escape *e, char c)
{
	if (e->name_len + 1 >= sizeof e->name) return;
	e->name[e->name_len++] = lower(c);
	e->name[e->name_len] = '\0';
}

static bool is_name(const struct mail_escape *e, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(e->name, *names) == 0) return true;
	return false;
}

static enum escape_attribute attribute_of(const struct mail_escape *e)
{
	static const char *const urls[] = {"href", "src",      "action", "formaction", "background", "cite",
					   "data", "longdesc", "poster", "srcset",     "xlink:href", NULL};
	if (is_name(e, urls)) return ATTRIBUTE_URL;
	if (strcmp(e->name, "style") == 0) return ATTRIBUTE_STYLE;
	if (strncmp(e->name, "on", 2) == 0 || strcmp(e->name, "srcdoc") == 0) return ATTRIBUTE_SCRIPT;
	return ATTRIBUTE_PLAIN;
}

static void begin_value(struct mail_escape *e, char quote)
{
	e->place = PLACE_VALUE;
	e->quote = quote;
	e->attribute = attribute_of(e);
	e->is_query = e->is_begun = false;
}

static void close_tag(struct mail_escape *e)
{
	e->place = PLACE_TEXT;
	e->matched = 0;
	if (strcmp(e->tag, "script") == 0) e->place = PLACE_SCRIPT;
	if (strcmp(e->tag, "style") == 0) e->place = PLACE_STYLE;
}

static void end_tag_name(struct mail_escape *e)
{
	(void)snprintf(e->tag, sizeof e->tag, "%s", e->name);
	e->place = PLACE_TAG;
}

static void follow_tag_name(struct mail_escape *e, char c)
{
	bool is_first = e->name_len == 0;
	if (is_first && !is_letter(c) && c != '/' && c != '!') {
		e->place = PLACE_TEXT; /* "a < b" */
	} else if (c == '>') {
		end_tag_name(e);
		close_tag(e);
	} else if (is_space(c) || (c == '/' && !is_first)) {
		end_tag_name(e);
	} else {
		add_name(e, c);
		if (strcmp(e->name, "!--") != 0) return;
		e->place = PLACE_COMMENT;
		e->last[0] = e->last[1] = '\0';
	}
}

static void follow_tag(struct mail_escape *e, char c)
{
	if (c == '>') {
		close_tag(e);
	} else if (!is_space(c) && c != '/') {
		begin_name(e, PLACE_ATTRIBUTE_NAME);
		add_name(e, c);
	}
}

static void follow_attribute(struct mail_escape *e, char c)
{
	if (c == '=')
		e->place = PLACE_BEFORE_VALUE;
	else if (c == '>')
		close_tag(e);
	else if (is_space(c))
		e->place = PLACE_BEFORE_EQUALS;
	else if (e->place == PLACE_BEFORE_EQUALS)
		follow_tag(e, c);
	else
		add_name(e, c);
}

static void follow_value(struct mail_escape *e, char c)
{
	if (e->quote != '\0' ? c == e->quote : is_space(c)) {
		e->place = PLACE_TAG;
	} else if (e->quote == '\0' && c == '>') {
		close_tag(e);
	} else if (!is_space(c)) {
		e->is_begun = true;
		if (c == '?' || c == '#') e->is_query = true;
	}
}

static void follow_before_value(struct mail_escape *e, char c)
{
	if (c == '"' || c == '\'') {
		begin_value(e, c);
	} else if (c == '>') {
		close_tag(e);
	} else if (!is_space(c)) {
		begin_value(e, '\0');
		follow_value(e, c);
	}
}

static void follow_raw(struct mail_escape *e, char c, const char *end)
{
	e->matched = lower(c) == end[e->matched] ? e->matched + 1 : (c == '<' ? 1 : 0);
	if (end[e->matched] != '\0') return;
	begin_name(e, PLACE_TAG);
	e->tag[0] = '\0';
}

static void follow_comment(struct mail_escape *e, char c)
{
	if (c == '>' && e->last[0] == '-' && e->last[1] == '-') e->place = PLACE_TEXT;
	e->last[0] = e->last[1];
	e->last[1] = c;
}

static void follow(struct mail_escape *e, char c)
{
	switch (e->place) {
	case PLACE_TEXT:
		if (c == '<') begin_name(e, PLACE_TAG_NAME);
		break;
	case PLACE_TAG_NAME: follow_tag_name(e, c); break;
	case PLACE_TAG: follow_tag(e, c); break;
	case PLACE_ATTRIBUTE_NAME:
	case PLACE_BEFORE_EQUALS: follow_attribute(e, c); break;
	case PLACE_BEFORE_VALUE: follow_before_value(e, c); break;
	case PLACE_VALUE: follow_value(e, c); break;
	case PLACE_COMMENT: follow_comment(e, c); break;
	case PLACE_SCRIPT: follow_raw(e, c, "</script"); break;
	case PLACE_STYLE: follow_raw(e, c, "</style"); break;
	}
}

void mail_escape_follow(struct mail_escape *e, struct str literal)
{
	for (size_t i = 0; i < literal.len; i++) follow(e, literal.ptr[i]);
}

static void put_entity(char c, bool is_unquoted, struct buf *to)
{
	switch (c) {
	case '&': buf_puts(to, "&amp;"); break;
	case '<': buf_puts(to, "&lt;"); break;
	case '>': buf_puts(to, "&gt;"); break;
	case '"': buf_puts(to, "&#34;"); break;
	case '\'': buf_puts(to, "&#39;"); break;
	case '\0': buf_puts(to, "\xEF\xBF\xBD"); break;
	default:
		if (is_unquoted && (is_space(c) || c == '=' || c == '`'))
			buf_printf(to, "&#%d;", c);
		else
			buf_putc(to, c);
	}
}

void mail_escape_entities(struct str value, struct buf *ret_text)
{
	for (size_t i = 0; i < value.len; i++) put_entity(value.ptr[i], false, ret_text);
}

static bool is_scheme_good(struct str url)
{
	size_t n = 0;
	while (n < url.len && strchr(":/?#", url.ptr[n]) == NULL) n++;
	if (n == url.len || url.ptr[n] != ':') return true;
	struct str scheme = str_sub(url, 0, n);
	return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https")) ||
	       str_eq_nocase(scheme, STR("mailto")) || str_eq_nocase(scheme, STR("tel"));
}

/* What an address may hold stays; the rest is percent-encoded. */
static void put_url(const struct mail_escape *e, struct str url, struct buf *to)
{
	for (size_t i = 0; i < url.len; i++) {
		char c = url.ptr[i];
		bool is_kept = is_letter(c) || is_digit(c) || (c != '\0' && strchr("-._~!#$&*+,/:;=?@[]%", c) != NULL);
		if (is_kept)
			put_entity(c, e->quote == '\0', to);
		else
			buf_printf(to, "%%%02X", (unsigned char)c);
	}
}

static void put_address(struct mail_escape *e, struct str value, struct buf *to)
{
	if (e->is_query)
		url_encode(value, to);
	else if (!e->is_begun && !is_scheme_good(value))
		buf_puts(to, "#" UNSAFE);
	else
		put_url(e, value, to);
	if (value.len > 0) e->is_begun = true;
}

/* Letters, digits and what colours, sizes and names of fonts need; no quote, bracket, colon, semicolon or backslash. */
static void put_style(struct str value, struct buf *to)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (is_letter(c) || is_digit(c) || (c != '\0' && strchr("#.%,- +", c) != NULL)) continue;
		buf_puts(to, UNSAFE);
		return;
	}
	buf_str(to, value);
}

static void put_name(struct str value, struct buf *to)
{
	for (size_t i = 0; i < value.len; i++) {
		if (is_letter(value.ptr[i]) || is_digit(value.ptr[i])) continue;
		buf_puts(to, UNSAFE);
		return;
	}
	buf_str(to, value);
}

static void put_comment(struct str value, struct buf *to)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '-')
			buf_puts(to, "&#45;");
		else
			put_entity(value.ptr[i], false, to);
	}
}

static bool put_value(struct mail_escape *e, struct str value, struct buf *to, struct err *err)
{
	switch (e->attribute) {
	case ATTRIBUTE_URL: put_address(e, value, to); return true;
	case ATTRIBUTE_STYLE: put_style(value, to); return true;
	case ATTRIBUTE_PLAIN: break;
	case ATTRIBUTE_SCRIPT:
		return err_set(err, ERR_INVALID, "a value stands in the attribute \"%s\", where none is safe", e->name);
	}
	for (size_t i = 0; i < value.len; i++) put_entity(value.ptr[i], e->quote == '\0', to);
	return true;
}

bool mail_escape_value(struct mail_escape *e, struct str value, struct buf *ret_text, struct err *err)
{
	switch (e->place) {
	case PLACE_TEXT: mail_escape_entities(value, ret_text); return true;
	case PLACE_BEFORE_VALUE: begin_value(e, '\0'); return put_value(e, value, ret_text, err);
	case PLACE_VALUE: return put_value(e, value, ret_text, err);
	case PLACE_COMMENT: put_comment(value, ret_text); return true;
	case PLACE_STYLE: put_style(value, ret_text); return true;
	case PLACE_SCRIPT: return err_set(err, ERR_INVALID, "a value stands in a script, where none is safe");
	default: put_name(value, ret_text); return true;
	}
}
