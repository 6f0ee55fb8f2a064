/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/picture.h"

#include <stdio.h>
#include <string.h>

#include "codec/url.h"

static const char *const resizes[] = {[RESIZE_COVER] = "cover", [RESIZE_CONTAIN] = "contain", [RESIZE_FILL] = "fill"};
static const char *const formats[] = {
    [FORMAT_NEGOTIATED] = "", [FORMAT_ORIGIN] = "origin", [FORMAT_WEBP] = "webp", [FORMAT_AVIF] = "avif"};

#define COUNT(words) ((int)(sizeof(words) / sizeof *(words)))

static int find(const char *const *words, int count, struct str text)
{
	for (int i = 0; i < count; i++)
		if (text.len > 0 && str_eq(text, str_from(words[i]))) return i;
	return -1;
}

static int clamp(int64_t n)
{
	return n > PICTURE_SIDE_MAX ? PICTURE_SIDE_MAX : (int)n;
}

/* Where it was found is part of the words. */
static bool take(struct picture *p, const char *where, struct str name, struct str value,
		 struct storage_problem *problem)
{
	int64_t n = 0;
	bool is_side = str_eq(name, STR("width")) || str_eq(name, STR("height"));
	if (is_side || str_eq(name, STR("quality"))) {
		if (!str_to_int(value, &n))
			return storage_problem_set(problem, FAULT_INVALID, "%s/%.*s must be integer", where,
						   STR_FMT(name));
		if (is_side && n < 0)
			return storage_problem_set(problem, FAULT_INVALID, "%s/%.*s must be >= 0", where,
						   STR_FMT(name));
		if (!is_side && (n < PICTURE_QUALITY_MIN || n > 100))
			return storage_problem_set(problem, FAULT_INVALID, "%s/quality must be %s %d", where,
						   n > 100 ? "<=" : ">=", n > 100 ? 100 : PICTURE_QUALITY_MIN);
		*(is_side ? name.ptr[0] == 'w' ? &p->width : &p->height : &p->quality) = is_side ? clamp(n) : (int)n;
		return true;
	}
	bool is_resize = str_eq(name, STR("resize"));
	if (!is_resize && !str_eq(name, STR("format"))) return true;
	int found = is_resize ? find(resizes, COUNT(resizes), value) : find(formats, COUNT(formats), value);
	if (found < 0)
		return storage_problem_set(problem, FAULT_INVALID, "%s/%.*s must be equal to one of the allowed values",
					   where, STR_FMT(name));
	if (is_resize)
		p->resize = (enum picture_resize)found;
	else
		p->format = (enum picture_format)found;
	return true;
}

static const char *const names[] = {"width", "height", "quality", "resize", "format"};

bool picture_read_query(struct arena *a, struct str query, struct picture *ret_picture, struct storage_problem *problem)
{
	struct picture p = {0};
	for (int i = 0; i < COUNT(names); i++) {
		struct str name = str_from(names[i]), value;
		if (query_get(a, query, name, &value) && !take(&p, "querystring", name, value, problem)) return false;
	}
	*ret_picture = p;
	return true;
}

bool picture_read_json(const json_t *transform, struct picture *ret_picture, struct storage_problem *problem)
{
	struct picture p = {0};
	if (transform != NULL && !json_is_object(transform))
		return storage_problem_set(problem, FAULT_INVALID, "body/transform must be object");
	for (int i = 0; i < COUNT(names); i++) {
		const json_t *member = json_object_get(transform, names[i]);
		char digits[24];
		struct str value = STR("");
		if (member == NULL) continue;
		if (json_is_integer(member)) {
			(void)snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(member));
			value = str_from(digits);
		} else if (json_is_string(member)) {
			value = str_from(json_string_value(member));
		}
		if (!take(&p, "body/transform", str_from(names[i]), value, problem)) return false;
	}
	*ret_picture = p;
	return true;
}

void picture_read_words(struct str words, struct picture *ret_picture)
{
	struct picture p = {0};
	struct str pair, name, value;
	struct storage_problem ignored;
	while (str_next(&words, ',', &pair))
		if (str_cut(pair, ':', &name, &value)) (void)take(&p, "", name, value, &ignored);
	*ret_picture = p;
}

static const char *words_of(struct arena *a, const struct picture *p, const char *resize_name, const char *resize)
{
	struct buf words BUF_CLEANUP;
	buf_init(&words, 256);
	if (p->height > 0) buf_printf(&words, ",height:%d", p->height);
	if (p->width > 0) buf_printf(&words, ",width:%d", p->width);
	if (p->width > 0 || p->height > 0) buf_printf(&words, ",%s:%s", resize_name, resize);
	if (p->quality > 0) buf_printf(&words, ",quality:%d", p->quality);
	if (p->format != FORMAT_NEGOTIATED) buf_printf(&words, ",format:%s", formats[p->format]);
	return arena_cstr(a, str_sub(buf_view(&words), words.len > 0, words.len));
}

const char *picture_words(struct arena *a, const struct picture *p)
{
	return words_of(a, p, "resize", resizes[p->resize]);
}

const char *picture_shown(struct arena *a, const struct picture *p)
{
	static const char *const types[] = {[RESIZE_COVER] = "fill", [RESIZE_CONTAIN] = "fit", [RESIZE_FILL] = "force"};
	return words_of(a, p, "resizing_type", types[p->resize]);
}

/* ISO/IEC 14496-12: a box "ftyp" whose brands say which codec. */
static enum picture_kind heif_kind(struct str head)
{
	enum picture_kind kind = PICTURE_NONE;
	for (size_t at = 8; at + 4 <= head.len && at < 64; at += at == 8 ? 8 : 4) {
		struct str brand = str_sub(head, at, at + 4);
		if (str_eq(brand, STR("avif")) || str_eq(brand, STR("avis"))) return PICTURE_AVIF;
		if (str_eq(brand, STR("heic")) || str_eq(brand, STR("heix")) || str_eq(brand, STR("mif1")))
			kind = PICTURE_HEIC;
	}
	return kind;
}

static bool is_svg(struct str head)
{
	struct str text = str_trim(str_has_prefix(head, STR("\xEF\xBB\xBF")) ? str_sub(head, 3, head.len) : head);
	return text.len > 0 && text.ptr[0] == '<' && str_find(text, STR("<svg")) >= 0;
}

enum picture_kind picture_kind(struct str head)
{
	if (str_has_prefix(head, STR("\xFF\xD8\xFF"))) return PICTURE_JPEG;
	if (str_has_prefix(head, STR("\x89PNG\r\n\x1A\n"))) return PICTURE_PNG;
	if (str_has_prefix(head, STR("GIF87a")) || str_has_prefix(head, STR("GIF89a"))) return PICTURE_GIF;
	if (str_has_prefix(head, STR("RIFF")) && str_eq(str_sub(head, 8, 12), STR("WEBP"))) return PICTURE_WEBP;
	if (str_eq(str_sub(head, 4, 8), STR("ftyp"))) return heif_kind(head);
	return is_svg(head) ? PICTURE_SVG : PICTURE_NONE;
}

/* HEIC is what cameras write and browsers do not show. */
const char *picture_suffix(const struct picture *p, enum picture_kind kind, struct str accept)
{
	static const char *const own[] = {
	    [PICTURE_JPEG] = ".jpg",  [PICTURE_PNG] = ".png",  [PICTURE_GIF] = ".gif", [PICTURE_WEBP] = ".webp",
	    [PICTURE_AVIF] = ".avif", [PICTURE_HEIC] = ".jpg", [PICTURE_SVG] = NULL};
	if (kind == PICTURE_NONE || kind == PICTURE_SVG) return NULL;
	if (p->format == FORMAT_WEBP) return ".webp";
	if (p->format == FORMAT_AVIF) return ".avif";
	if (p->format == FORMAT_NEGOTIATED && accept.ptr != NULL && str_find(accept, STR("image/webp")) >= 0)
		return ".webp";
	return own[kind];
}

const char *picture_type(const char *suffix)
{
	if (strcmp(suffix, ".webp") == 0) return "image/webp";
	if (strcmp(suffix, ".avif") == 0) return "image/avif";
	if (strcmp(suffix, ".png") == 0) return "image/png";
	return strcmp(suffix, ".gif") == 0 ? "image/gif" : "image/jpeg";
}
