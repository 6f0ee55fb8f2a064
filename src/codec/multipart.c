/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/multipart.h"

#include <string.h>

#define PIECE_BYTES (16u << 10)

/* The value of name= in a header's parameters, quoted or not; a backslash stands for itself, as browsers write it. */
static bool parameter(struct str header, struct str name, struct str *ret_value)
{
	struct str rest = header;
	while (rest.len > 0) {
		ptrdiff_t at = str_find_char(rest, ';');
		if (at < 0) return false;
		rest = str_trim(str_sub(rest, (size_t)at + 1, rest.len));
		ptrdiff_t equals = str_find_char(rest, '=');
		if (equals < 0) return false;
		struct str key = str_trim(str_sub(rest, 0, (size_t)equals));
		struct str value = str_sub(rest, (size_t)equals + 1, rest.len);
		size_t end = 0;
		bool is_quoted = value.len > 0 && value.ptr[0] == '"';
		if (is_quoted) {
			ptrdiff_t quote = str_find_char(str_sub(value, 1, value.len), '"');
			if (quote < 0) return false;
			end = (size_t)quote + 2;
		} else {
			while (end < value.len && value.ptr[end] != ';') end++;
		}
		if (str_eq_nocase(key, name)) {
			*ret_value = is_quoted ? str_sub(value, 1, end - 1) : str_trim(str_sub(value, 0, end));
			return true;
		}
		rest = str_sub(value, end, value.len);
	}
	return false;
}

static bool is_boundary(struct str text)
{
	if (text.len == 0 || text.len > MULTIPART_BOUNDARY_MAX) return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < ' ' || text.ptr[i] > '~') return false;
	return true;
}

bool multipart_boundary(struct str content_type, struct str *ret_boundary)
{
	struct str kind = STR("multipart/form-data"), boundary;
	if (!str_eq_nocase(str_sub(content_type, 0, kind.len), kind)) return false;
	if (!parameter(content_type, STR("boundary"), &boundary) || !is_boundary(boundary)) return false;
	*ret_boundary = boundary;
	return true;
}

void multipart_init(struct multipart *m, struct str boundary, const struct multipart_handler *handler)
{
	*m = (struct multipart){.handler = *handler};
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
	m->delimiter_len = 4 + boundary.len;
	buf_init(&m->held, MULTIPART_HOLD_BYTES);
	/* The first border may have no line before it. */
	buf_puts(&m->held, "\r\n");
}

void multipart_done(struct multipart *m)
{
	buf_done(&m->held);
}

static ptrdiff_t find_delimiter(const struct multipart *m)
{
	return str_find(buf_view(&m->held), (struct str){m->delimiter, m->delimiter_len});
}

/* Everything but what may be the beginning of a border. */
static size_t settled(const struct multipart *m)
{
	return m->held.len >= m->delimiter_len ? m->held.len - (m->delimiter_len - 1) : 0;
}

static bool step_preamble(struct multipart *m, bool *ret_is_hungry)
{
	ptrdiff_t at = find_delimiter(m);
	*ret_is_hungry = at < 0;
	if (at < 0) {
		buf_consume(&m->held, settled(m));
		return true;
	}
	buf_consume(&m->held, (size_t)at + m->delimiter_len);
	m->state = MULTIPART_BORDER;
	return true;
}

/* Behind a border: "--" is the end, a line break another part. */
static bool step_border(struct multipart *m, bool *ret_is_hungry, struct err *err)
{
	size_t at = 0;
	struct str held = buf_view(&m->held);
	*ret_is_hungry = true;
	while (at < held.len && (held.ptr[at] == ' ' || held.ptr[at] == '\t')) at++;
	if (at > MULTIPART_BOUNDARY_MAX) return err_set(err, ERR_INVALID, "a border of the form is malformed");
	if (held.len < at + 2) return true;
	*ret_is_hungry = false;
	if (held.ptr[at] == '-' && held.ptr[at + 1] == '-') {
		m->state = MULTIPART_END;
		buf_clear(&m->held);
		return true;
	}
	if (held.ptr[at] != '\r' || held.ptr[at + 1] != '\n')
		return err_set(err, ERR_INVALID, "a border of the form is malformed");
	buf_consume(&m->held, at); /* the line break stays: it may be all of the headers' end */
	m->state = MULTIPART_HEADERS;
	return true;
}

static bool read_part(struct multipart *m, struct str headers, struct err *err)
{
	struct multipart_part part = {.name = STR(""), .filename = STR(""), .type = STR("")};
	struct str line, name, value;
	while (str_next(&headers, '\n', &line)) {
		if (!str_cut(line, ':', &name, &value)) continue;
		name = str_trim(name), value = str_trim(value);
		if (str_eq_nocase(name, STR("Content-Type"))) part.type = value;
		if (!str_eq_nocase(name, STR("Content-Disposition"))) continue;
		(void)parameter(value, STR("name"), &part.name);
		part.is_file = parameter(value, STR("filename"), &part.filename);
	}
	return m->handler.on_part(m->handler.arg, &part, err);
}

static bool step_headers(struct multipart *m, bool *ret_is_hungry, struct err *err)
{
	ptrdiff_t end = str_find(buf_view(&m->held), STR("\r\n\r\n"));
	*ret_is_hungry = end < 0;
	if (end < 0 && m->held.len > MULTIPART_HEADERS_MAX)
		return err_set(err, ERR_LIMIT, "the headers of a part of the form are too long");
	if (end < 0) return true;
	if (!read_part(m, str_sub(buf_view(&m->held), 0, (size_t)end), err)) return false;
	buf_consume(&m->held, (size_t)end + 4);
	m->state = MULTIPART_CONTENT;
	return true;
}

static bool step_content(struct multipart *m, bool *ret_is_hungry, struct err *err)
{
	const struct multipart_handler *h = &m->handler;
	ptrdiff_t at = find_delimiter(m);
	size_t size = at < 0 ? settled(m) : (size_t)at;
	*ret_is_hungry = at < 0;
	if (size > 0 && !h->on_data(h->arg, str_sub(buf_view(&m->held), 0, size), err)) return false;
	if (at < 0) {
		buf_consume(&m->held, size);
		return true;
	}
	buf_consume(&m->held, size + m->delimiter_len);
	m->state = MULTIPART_BORDER;
	return h->on_part_end(h->arg, err);
}

static bool step(struct multipart *m, bool *ret_is_hungry, struct err *err)
{
	switch (m->state) {
	case MULTIPART_PREAMBLE: return step_preamble(m, ret_is_hungry);
	case MULTIPART_BORDER: return step_border(m, ret_is_hungry, err);
	case MULTIPART_HEADERS: return step_headers(m, ret_is_hungry, err);
	case MULTIPART_CONTENT: return step_content(m, ret_is_hungry, err);
	default:
		buf_clear(&m->held);
		*ret_is_hungry = true;
		return true;
	}
}

bool multipart_feed(struct multipart *m, struct str bytes, struct err *err)
{
	while (bytes.len > 0) {
		struct str piece = str_sub(bytes, 0, PIECE_BYTES);
		bytes = str_sub(bytes, piece.len, bytes.len);
		buf_str(&m->held, piece);
		for (bool is_hungry = false; !is_hungry;)
			if (!step(m, &is_hungry, err)) return false;
	}
	return true;
}

bool multipart_is_whole(const struct multipart *m)
{
	return m->state == MULTIPART_END;
}
