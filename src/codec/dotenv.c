/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/dotenv.h"

#include "base/buf.h"

struct reader {
	struct str text;
	size_t at;
	int line;
};

static char look(const struct reader *r)
{
	return r->at < r->text.len ? r->text.ptr[r->at] : '\0';
}

static bool is_end(const struct reader *r)
{
	return r->at >= r->text.len;
}

static void skip_line(struct reader *r)
{
	while (!is_end(r) && look(r) != '\n') r->at++;
	if (!is_end(r)) r->at++;
	r->line++;
}

static void skip_spaces(struct reader *r)
{
	while (look(r) == ' ' || look(r) == '\t' || look(r) == '\r') r->at++;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str read_name(struct reader *r)
{
	size_t from = r->at;
	while (is_name_char(look(r))) r->at++;
	return str_sub(r->text, from, r->at);
}

static char unescape(char c)
{
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

/* Behind the opening quote. False: it is never closed. */
static bool read_quoted(struct reader *r, char quote, struct buf *ret_value)
{
	for (; !is_end(r); r->at++) {
		char c = look(r);
		if (c == quote) {
			r->at++;
			return true;
		}
		if (c == '\n') r->line++;
		bool is_escape = c == '\\' && quote == '"' && r->at + 1 < r->text.len;
		if (is_escape) c = unescape(r->text.ptr[++r->at]);
		buf_putc(ret_value, c);
	}
	return false;
}

/* Up to the end of the line or a comment, which has a space before it: a # may be part of a password. */
static void read_bare(struct reader *r, struct buf *ret_value)
{
	size_t from = r->at;
	while (!is_end(r) && look(r) != '\n') {
		bool is_comment = look(r) == '#' &&
				  (r->at == from || r->text.ptr[r->at - 1] == ' ' || r->text.ptr[r->at - 1] == '\t');
		if (is_comment) break;
		r->at++;
	}
	buf_str(ret_value, str_trim(str_sub(r->text, from, r->at)));
}

static bool read_value(struct reader *r, struct buf *ret_value, struct err *err)
{
	int line = r->line;
	char quote = look(r);
	if (quote != '"' && quote != '\'' && quote != '`') {
		read_bare(r, ret_value);
		return true;
	}
	r->at++;
	if (!read_quoted(r, quote, ret_value))
		return err_set(err, ERR_INVALID, "line %d: the value begins with %c and no other %c ends it", line,
			       quote, quote);
	skip_spaces(r);
	return is_end(r) || look(r) == '\n' || look(r) == '#' ||
	       err_set(err, ERR_INVALID, "line %d: there is text behind the value's closing quote", r->line);
}

static bool read_variable(struct reader *r, bool (*each)(void *, struct str, struct str, struct err *), void *arg,
			  struct err *err)
{
	int line = r->line;
	struct buf value BUF_CLEANUP;
	buf_init(&value, DOTENV_MAX_BYTES);
	struct str name = read_name(r);
	skip_spaces(r);
	if (str_eq(name, STR("export")) && is_name_char(look(r))) name = read_name(r), skip_spaces(r);
	if (name.len == 0 || look(r) != '=')
		return err_set(err, ERR_INVALID, "line %d is not of the form NAME=value", line);
	r->at++;
	skip_spaces(r);
	if (!read_value(r, &value, err)) return false;
	if (!buf_is_ok(&value)) return err_set(err, ERR_LIMIT, "line %d: the value is too long", line);
	return each(arg, name, (struct str){buf_cstr(&value), value.len}, err) || err_wrap(err, "line %d", line);
}

bool dotenv_parse(struct str text, bool (*each)(void *arg, struct str name, struct str value, struct err *err),
		  void *arg, struct err *err)
{
	struct reader r = {.text = text, .line = 1};
	if (text.len > DOTENV_MAX_BYTES) return err_set(err, ERR_LIMIT, "the file is larger than 1 MB");
	if (str_has_prefix(text, STR("\xEF\xBB\xBF"))) r.at = 3; /* a byte order mark */
	while (!is_end(&r)) {
		skip_spaces(&r);
		bool is_empty = is_end(&r) || look(&r) == '\n' || look(&r) == '#';
		if (!is_empty && !read_variable(&r, each, arg, err)) return false;
		skip_line(&r);
	}
	return true;
}
