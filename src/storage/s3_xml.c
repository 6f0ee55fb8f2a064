/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/s3_xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "storage/s3_sign.h"

#define NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"
#define PATH_MAX_BYTES 256

/* A walk through a document: each element's text is shown at its end, with the names above it. */
struct walk {
	XML_Parser parser;
	char path[PATH_MAX_BYTES]; /* "/Delete/Object/Key" */
	size_t path_len;
	int depth;
	char text[S3_XML_TEXT_MAX];
	size_t text_len;
	bool (*on_element)(void *arg, const char *path, struct str text, struct err *err);
	void *arg;
	struct err err;
};

static void stop(struct walk *w)
{
	(void)XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = arg;
	size_t len = strlen(name);
	(void)attributes;
	if (++w->depth > S3_XML_DEPTH_MAX || w->path_len + len + 2 > sizeof w->path) {
		(void)err_set(&w->err, ERR_LIMIT, "it is nested too deep");
		stop(w);
		return;
	}
	w->path[w->path_len++] = '/';
	memcpy(w->path + w->path_len, name, len + 1);
	w->path_len += len;
	w->text_len = 0;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct walk *w = arg;
	size_t len = strlen(name);
	bool ok = w->on_element == NULL || w->on_element(w->arg, w->path, (struct str){w->text, w->text_len}, &w->err);
	w->depth--;
	w->path_len -= len + 1;
	w->path[w->path_len] = '\0';
	w->text_len = 0;
	if (!ok) stop(w);
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
	struct walk *w = arg;
	if (w->text_len + (size_t)len > sizeof w->text) {
		(void)err_set(&w->err, ERR_LIMIT, "a text in it is too long");
		stop(w);
		return;
	}
	memcpy(w->text + w->text_len, text, (size_t)len);
	w->text_len += (size_t)len;
}

/* No document type: nothing can be declared, so nothing can grow or reach out. */
static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has)
{
	struct walk *w = arg;
	(void)name, (void)system, (void)public, (void)has;
	(void)err_set(&w->err, ERR_INVALID, "a document type is not allowed");
	stop(w);
}

static bool walk(struct str text, bool (*on_element)(void *, const char *, struct str, struct err *), void *arg,
		 struct err *err)
{
	if (text.len > S3_XML_MAX_BYTES) return err_set(err, ERR_LIMIT, "the document is too long");
	struct walk *w = calloc(1, sizeof *w);
	if (w == NULL) abort();
	*w = (struct walk){.parser = XML_ParserCreate("UTF-8"), .on_element = on_element, .arg = arg};
	if (w->parser == NULL) abort();
	XML_SetUserData(w->parser, w);
	XML_SetElementHandler(w->parser, on_start, on_end);
	XML_SetCharacterDataHandler(w->parser, on_text);
	XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
	bool ok = XML_Parse(w->parser, text.ptr, (int)text.len, XML_TRUE) == XML_STATUS_OK;
	if (!ok && w->err.code == ERR_NONE)
		(void)err_set(&w->err, ERR_INVALID, "%s in line %lu", XML_ErrorString(XML_GetErrorCode(w->parser)),
			      (unsigned long)XML_GetCurrentLineNumber(w->parser));
	if (!ok) *err = w->err;
	XML_ParserFree(w->parser);
	free(w);
	return ok;
}

bool s3_xml_check(struct str text, struct err *err)
{
	return str_trim(text).len == 0 || walk(text, NULL, NULL, err);
}

/* <Delete> */
struct deleting {
	struct arena *arena;
	struct s3_delete *to;
	bool has_root;
};

static bool on_delete(void *arg, const char *path, struct str text, struct err *err)
{
	struct deleting *d = arg;
	if (strcmp(path, "/Delete") == 0) d->has_root = true;
	if (strcmp(path, "/Delete/Quiet") == 0) d->to->is_quiet = str_eq(str_trim(text), STR("true"));
	if (strcmp(path, "/Delete/Object/Key") != 0) return true;
	if (d->to->count == S3_DELETE_MAX)
		return err_set(err, ERR_LIMIT, "at most %d objects are deleted at a time", S3_DELETE_MAX);
	struct str key = arena_str(d->arena, text);
	if (key.ptr == NULL) return err_set(err, ERR_LIMIT, "the document is too long");
	d->to->keys[d->to->count++] = key;
	return true;
}

bool s3_xml_read_delete(struct arena *a, struct str text, struct s3_delete *ret_delete, struct err *err)
{
	struct deleting d = {.arena = a, .to = ret_delete};
	ret_delete->count = 0;
	ret_delete->is_quiet = false;
	if (!walk(text, on_delete, &d, err)) return false;
	return (d.has_root && ret_delete->count > 0) || err_set(err, ERR_INVALID, "it names no object");
}

/* <CompleteMultipartUpload> */
struct completing {
	struct arena *arena;
	struct s3_part *parts;
	size_t count, max;
	struct s3_part part;
	bool has_root;
};

static bool grow(struct completing *c, struct err *err)
{
	size_t max = c->max == 0 ? 64 : 4 * c->max;
	struct s3_part *more = arena_array(c->arena, max, sizeof *more);
	if (more == NULL) return err_set(err, ERR_LIMIT, "the document is too long");
	if (c->count > 0) memcpy(more, c->parts, c->count * sizeof *more);
	c->parts = more;
	c->max = max;
	return true;
}

static bool on_part(struct completing *c, struct err *err)
{
	if (c->part.number == 0 || c->part.etag.len == 0)
		return err_set(err, ERR_INVALID, "a part needs a PartNumber and an ETag");
	if (c->count == S3_PARTS_MAX) return err_set(err, ERR_LIMIT, "there are at most %d parts", S3_PARTS_MAX);
	if (c->count == c->max && !grow(c, err)) return false;
	c->parts[c->count++] = c->part;
	c->part = (struct s3_part){0};
	return true;
}

static bool on_complete(void *arg, const char *path, struct str text, struct err *err)
{
	struct completing *c = arg;
	int64_t n;
	text = str_trim(text);
	if (strcmp(path, "/CompleteMultipartUpload") == 0) c->has_root = true;
	if (strcmp(path, "/CompleteMultipartUpload/Part") == 0) return on_part(c, err);
	if (strcmp(path, "/CompleteMultipartUpload/Part/PartNumber") == 0) {
		if (!str_to_int(text, &n) || n < 1 || n > S3_PARTS_MAX)
			return err_set(err, ERR_INVALID, "a PartNumber is 1 to %d", S3_PARTS_MAX);
		c->part.number = (uint32_t)n;
	}
	if (strcmp(path, "/CompleteMultipartUpload/Part/ETag") == 0) {
		if (text.len >= 2 && text.ptr[0] == '"') text = str_sub(text, 1, text.len - 1);
		c->part.etag = arena_str(c->arena, text);
		if (c->part.etag.ptr == NULL) return err_set(err, ERR_LIMIT, "the document is too long");
	}
	return true;
}

bool s3_xml_read_parts(struct arena *a, struct str text, struct s3_part **ret_parts, size_t *ret_count, struct err *err)
{
	struct completing c = {.arena = a};
	if (!walk(text, on_complete, &c, err)) return false;
	if (!c.has_root || c.count == 0) return err_set(err, ERR_INVALID, "it names no part");
	*ret_parts = c.parts;
	*ret_count = c.count;
	return true;
}

/* Writing. */

void s3_xml_escape(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		switch (c) {
		case '&': buf_puts(b, "&amp;"); break;
		case '<': buf_puts(b, "&lt;"); break;
		case '>': buf_puts(b, "&gt;"); break;
		case '"': buf_puts(b, "&quot;"); break;
		default:
			if (c < 0x20)
				buf_printf(b, "&#%u;", c);
			else
				buf_putc(b, (char)c);
		}
	}
}

void s3_xml_begin(struct buf *b, const char *name)
{
	buf_printf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" NAMESPACE "\">", name);
}

void s3_xml_text(struct buf *b, const char *name, const char *text)
{
	if (text == NULL) return;
	buf_printf(b, "<%s>", name);
	s3_xml_escape(b, str_from(text));
	buf_printf(b, "</%s>", name);
}

void s3_xml_key(struct buf *b, bool encodes, const char *name, const char *key)
{
	buf_printf(b, "<%s>", name);
	if (encodes)
		s3_encode(str_from(key), true, b);
	else
		s3_xml_escape(b, str_from(key));
	buf_printf(b, "</%s>", name);
}

void s3_xml_number(struct buf *b, const char *name, int64_t number)
{
	buf_printf(b, "<%s>%lld</%s>", name, (long long)number, name);
}
