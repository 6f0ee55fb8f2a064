/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/shape.h"

#include <stdio.h>
#include <stdlib.h>

#include "pg/statements.h"
#include "rest/rows.h"

#define WAYS 4 /* places that a shape may have; the one used least recently goes */
#define SETS (SHAPES_MAX / WAYS)
#define SEEN_MAX 1024
#define KEY_MAX_BYTES 2048 /* longer ones are no shapes */
#define VALUES_MAX 16
#define SHAPE_MAX_BYTES (48u << 10)

/* Of characters that are never encoded, so that they are found again in the canonical query too. */
#define MARK_BEGIN "~freehold.value."
#define MARK MARK_BEGIN "%d~"
#define MARK_SIZE 32

struct key {
	char bytes[KEY_MAX_BYTES];
	size_t len;
	bool is_over;
	uint64_t hash;
	struct str values[VALUES_MAX]; /* as they came, still encoded */
	int value_count;
};

/* Some of the canonical query, and the value that follows it. */
struct piece {
	struct str text;
	int value; /* -1: none */
};

struct shape {
	int references;
	struct arena *arena;
	struct str key;
	uint64_t hash, last_use;
	bool is_known; /* false: looked at, and not one to be recalled */
	struct ask ask;
	struct plan plan;
	struct pg_statement main; /* its parameters have marks for values */
	int *params; /* of the main statement: which value each is; -1: none, it is the shape's */
	int value_count;
	struct piece pieces[VALUES_MAX + 1];
};

struct shapes {
	struct catalogue *catalogue; /* that all of them are for; NULL: none yet */
	const struct rest_settings *settings;
	uint64_t clock;
	struct shape *places[SETS][WAYS];
	uint64_t seen[SEEN_MAX]; /* hashes of shapes that came once; the newest has the place */
};

static void put_shape(void *arg)
{
	struct shape *shape = arg;
	if (shape == NULL || --shape->references > 0) return;
	arena_free(shape->arena);
	free(shape);
}

static void forget(struct shapes *s)
{
	for (int i = 0; i < SETS; i++) {
		for (int k = 0; k < WAYS; k++) {
			put_shape(s->places[i][k]);
			s->places[i][k] = NULL;
		}
	}
	catalogue_put(s->catalogue);
	s->catalogue = NULL;
}

struct shapes *shapes_new(void)
{
	struct shapes *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	return s;
}

void shapes_free(struct shapes *s)
{
	if (s == NULL) return;
	forget(s);
	free(s);
}

int shapes_count(const struct shapes *s)
{
	int n = 0;
	for (int i = 0; i < SETS; i++)
		for (int k = 0; k < WAYS; k++) n += s->places[i][k] != NULL && s->places[i][k]->is_known;
	return n;
}

static void put(struct key *k, struct str text)
{
	if (text.len > sizeof k->bytes - k->len) {
		k->is_over = true;
		return;
	}
	if (text.len > 0) memcpy(k->bytes + k->len, text.ptr, text.len);
	k->len += text.len;
}

/* With its length, so that no two lists of texts are alike. */
static void put_text(struct key *k, struct str text)
{
	uint32_t len = (uint32_t)text.len;
	put(k, (struct str){(const char *)&len, sizeof len});
	put(k, text);
}

/* A column by a plain name, of the relation or of an embed; not one of the words that are no filters. */
static bool is_filter(struct str name)
{
	static const char *const words[] = {"select", "order", "limit",   "offset",
					    "and",    "or",    "columns", "on_conflict"};
	size_t from = 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
		if (!is_plain && c != '.') return false;
		if (c == '.') from = i + 1;
	}
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(str_sub(name, from, name.len), str_from(words[i]))) return false;
	return name.len > from;
}

/* Where in "id=eq.5" the 5 begins; 0: it has no value that is a parameter as it is. */
static size_t value_at(struct str pair)
{
	static const char *const operators[] = {"eq.", "neq.", "gt.", "gte.", "lt.", "lte."};
	struct str name, rest;
	if (!str_cut(pair, '=', &name, &rest) || !is_filter(name)) return 0;
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (str_has_prefix(rest, str_from(operators[i]))) return name.len + 1 + strlen(operators[i]);
	return 0;
}

/* The query with a NUL for each value: no query has one of its own. */
static void put_query(struct key *k, struct str query)
{
	for (size_t at = 0; at < query.len;) {
		size_t end = at;
		while (end < query.len && query.ptr[end] != '&' && query.ptr[end] != ';') end++;
		struct str pair = str_sub(query, at, end);
		size_t value = k->value_count < VALUES_MAX ? value_at(pair) : 0;
		if (value > 0) {
			k->values[k->value_count++] = str_sub(pair, value, pair.len);
			put(k, str_sub(pair, 0, value));
			put(k, (struct str){"", 1});
		} else {
			put(k, pair);
		}
		if (end < query.len) put(k, str_sub(query, end, end + 1));
		at = end + 1;
	}
}

/* Those that ask_read heeds in a read. */
static bool counts(struct str name)
{
	static const char *const names[] = {"accept", "accept-profile", "content-type", "prefer", "range"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_nocase(name, str_from(names[i]))) return true;
	return false;
}

static uint64_t hash_of(const struct key *k)
{
	uint64_t h = 14695981039346656037u, word;
	for (size_t at = 0; at < k->len; at += sizeof word) {
		size_t left = k->len - at < sizeof word ? k->len - at : sizeof word;
		word = 0;
		memcpy(&word, k->bytes + at, left);
		h = (h ^ word) * 0x9E3779B97F4A7C15u;
		h ^= h >> 32;
	}
	return h | 1; /* 0 is a free place */
}

static bool make_key(const struct rest_request *r, struct key *k)
{
	if (!str_eq(r->method, STR("GET")) || str_find_char(r->query, '\0') >= 0) return false;
	k->len = 0;
	k->is_over = false;
	k->value_count = 0;
	put(k, r->sink != NULL ? STR("s") : STR("v"));
	put_text(k, r->path);
	for (int i = 0; i < r->header_count; i++) {
		if (!counts(r->headers[i].name)) continue;
		put_text(k, r->headers[i].name);
		put_text(k, r->headers[i].value);
	}
	put(k, STR("?"));
	put_query(k, r->query);
	k->hash = hash_of(k);
	return !k->is_over;
}

/* The request as all of its shape are alike, in memory of its own. */
static bool copy_request(struct arena *a, const struct rest_request *r, const struct key *k, struct rest_request *ret)
{
	BUF_CLEANUP struct buf query;
	const char *at = r->query.ptr, *end = at + r->query.len;
	struct rest_header *headers = arena_array(a, (size_t)r->header_count + 1, sizeof *headers);
	if (headers == NULL) return false;
	buf_init(&query, SHAPE_MAX_BYTES);
	for (int i = 0; i < k->value_count; i++) {
		buf_append(&query, at, (size_t)(k->values[i].ptr - at));
		buf_printf(&query, MARK, i);
		at = k->values[i].ptr + k->values[i].len;
	}
	if (end > at) buf_append(&query, at, (size_t)(end - at));
	*ret = (struct rest_request){.method = STR("GET"), .sink = r->sink, .headers = headers, .arena = a};
	for (int i = 0; i < r->header_count; i++) {
		if (!counts(r->headers[i].name)) continue;
		headers[ret->header_count++] =
		    (struct rest_header){arena_str(a, r->headers[i].name), arena_str(a, r->headers[i].value)};
		if (headers[ret->header_count - 1].value.ptr == NULL) return false;
	}
	ret->path = arena_str(a, r->path);
	ret->query = arena_str(a, buf_view(&query));
	return buf_is_ok(&query) && ret->path.ptr != NULL && ret->query.ptr != NULL;
}

/* Nobody asked for something that looks like a mark. */
static bool has_only_marks(struct str query, int value_count)
{
	int n = 0;
	for (ptrdiff_t at; (at = str_find(query, STR(MARK_BEGIN))) >= 0; n++)
		query = str_sub(query, (size_t)at + 1, query.len);
	return n == value_count;
}

/* Which value a parameter is; -1: none. -2: one is in it, and something else. */
static int value_in(const char *param, int value_count)
{
	for (int i = 0; i < value_count; i++) {
		char mark[MARK_SIZE];
		(void)snprintf(mark, sizeof mark, MARK, i);
		if (strcmp(param, mark) == 0) return i;
		if (strstr(param, mark) != NULL) return -2;
	}
	return -1;
}

/* Each mark is a parameter, some are several, and nothing else has to do with them. */
static bool find_params(struct shape *shape)
{
	const struct pg_statement *main = &shape->main;
	bool is_there[VALUES_MAX] = {false};
	shape->params = arena_array(shape->arena, (size_t)main->param_count + 1, sizeof *shape->params);
	if (shape->params == NULL) return false;
	for (int k = 0; k < main->param_count; k++) {
		shape->params[k] = value_in(main->params[k], shape->value_count);
		if (shape->params[k] == -2) return false;
		if (shape->params[k] >= 0) is_there[shape->params[k]] = true;
	}
	for (int i = 0; i < shape->value_count; i++)
		if (!is_there[i]) return false;
	return true;
}

/* The canonical query is sorted: its values stand in an order of their own. */
static bool cut_canonical(struct shape *shape)
{
	struct str left = shape->ask.target.canonical;
	for (int n = 0; n < shape->value_count; n++) {
		ptrdiff_t first = -1;
		size_t len = 0;
		for (int i = 0; i < shape->value_count; i++) {
			char mark[MARK_SIZE];
			(void)snprintf(mark, sizeof mark, MARK, i);
			ptrdiff_t at = str_find(left, str_from(mark));
			if (at < 0 || (first >= 0 && at > first)) continue;
			first = at;
			len = strlen(mark);
			shape->pieces[n].value = i;
		}
		if (first < 0) return false;
		shape->pieces[n].text = str_sub(left, 0, (size_t)first);
		left = str_sub(left, (size_t)first + len, left.len);
	}
	shape->pieces[shape->value_count] = (struct piece){left, -1};
	return true;
}

/* What an answer's headers say of the number of rows is asked in a statement of its own then. */
static bool estimates(const struct ask *ask)
{
	return ask->prefer.count == COUNT_PLANNED || ask->prefer.count == COUNT_ESTIMATED;
}

static bool learn(struct shape *shape, const struct rest_settings *settings, const struct catalogue *c,
		  const struct rest_request *of)
{
	struct rest_request r;
	struct problem problem;
	struct arena *a = shape->arena;
	struct key key;
	if (!make_key(of, &key) || !copy_request(a, of, &key, &r)) return false;
	if (!has_only_marks(r.query, key.value_count)) return false;
	if (!ask_read(a, settings, c, &r, &shape->ask, &problem) || shape->ask.action != ASK_READ) return false;
	if (!plan_make(a, settings, c, &shape->ask, &shape->plan, &problem)) return false;
	if (shape->plan.explains || estimates(&shape->ask)) return false;
	shape->plan.form = r.sink != NULL ? rows_form(&shape->plan) : FORM_VALUE;
	if (!sql_make_main(a, settings, &shape->plan, &shape->main)) return false;
	shape->value_count = key.value_count;
	shape->main.hash = pg_text_hash(shape->main.sql);
	return find_params(shape) && cut_canonical(shape);
}

static struct shape *new_shape(struct shapes *s, const struct key *k, const struct rest_request *r)
{
	struct shape *shape = calloc(1, sizeof *shape), **place = &s->places[k->hash % SETS][0];
	if (shape == NULL) abort();
	shape->references = 1;
	shape->hash = k->hash;
	shape->arena = arena_new(SHAPE_MAX_BYTES);
	shape->key = arena_str(shape->arena, (struct str){k->bytes, k->len});
	shape->is_known = learn(shape, s->settings, s->catalogue, r);
	if (!shape->is_known) { /* remembered as that, and no more */
		arena_reset(shape->arena);
		shape->key = arena_str(shape->arena, (struct str){k->bytes, k->len});
	}
	for (int i = 1; i < WAYS && *place != NULL; i++) {
		struct shape **other = &s->places[k->hash % SETS][i];
		if (*other == NULL || (*other)->last_use < (*place)->last_use) place = other;
	}
	put_shape(*place);
	*place = shape;
	return shape;
}

static struct shape *find(struct shapes *s, const struct key *k)
{
	struct str key = {k->bytes, k->len};
	for (int i = 0; i < WAYS; i++) {
		struct shape *shape = s->places[k->hash % SETS][i];
		if (shape != NULL && shape->hash == k->hash && str_eq(shape->key, key)) return shape;
	}
	return NULL;
}

/* A shape that comes once only is not worth what learning it takes. */
static bool came_before(struct shapes *s, const struct key *k)
{
	uint64_t *place = &s->seen[k->hash / SETS % SEEN_MAX];
	if (*place == k->hash) return true;
	*place = k->hash;
	return false;
}

static bool fill_canonical(struct arena *a, const struct shape *shape, const struct str *values, struct str *ret)
{
	size_t room = 0;
	for (int i = 0; i <= shape->value_count; i++) room += shape->pieces[i].text.len;
	for (int i = 0; i < shape->value_count; i++) room += TARGET_ENCODED_MAX * values[i].len;
	char *text = arena_alloc(a, room + 1);
	size_t len = 0;
	if (text == NULL) return false;
	for (int i = 0; i <= shape->value_count; i++) {
		const struct piece *piece = &shape->pieces[i];
		if (piece->text.len > 0) memcpy(text + len, piece->text.ptr, piece->text.len);
		len += piece->text.len;
		if (piece->value >= 0) target_encode(text, &len, values[piece->value]);
	}
	*ret = (struct str){text, len};
	return true;
}

static bool fill(struct arena *a, const struct shape *shape, const struct key *k, struct recalled *ret)
{
	const struct pg_statement *main = &shape->main;
	struct str values[VALUES_MAX];
	ret->plan = shape->plan;
	ret->main = shape->main;
	ret->plan.canonical = shape->ask.target.canonical;
	if (shape->value_count == 0) return true;
	const char **params = arena_array(a, (size_t)main->param_count, sizeof *params);
	if (params == NULL) return false;
	for (int i = 0; i < shape->value_count; i++) {
		values[i] = target_decode(a, k->values[i], true);
		if (values[i].ptr == NULL || !str_is_utf8(values[i])) return false; /* read as ever, and refused so */
	}
	for (int i = 0; i < main->param_count; i++) /* a decoded text ends in a NUL */
		params[i] = shape->params[i] >= 0 ? values[shape->params[i]].ptr : main->params[i];
	ret->main.params = params;
	return fill_canonical(a, shape, values, &ret->plan.canonical);
}

bool shapes_recall(struct shapes *s, const struct rest_settings *settings, struct catalogue *c,
		   const struct rest_request *request, struct recalled *ret)
{
	struct key key;
	if (!make_key(request, &key)) return false;
	if (s->catalogue != c || s->settings != settings) {
		forget(s);
		s->catalogue = catalogue_get(c);
		s->settings = settings;
	}
	struct shape *shape = find(s, &key);
	if (shape == NULL && !came_before(s, &key)) return false;
	if (shape == NULL) shape = new_shape(s, &key, request);
	shape->last_use = ++s->clock;
	if (!shape->is_known || !fill(request->arena, shape, &key, ret)) return false;
	shape->references++;
	arena_defer(request->arena, put_shape, shape);
	return true;
}
