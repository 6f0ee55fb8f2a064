/* SPDX-License-Identifier: Apache-2.0
 *
 * "Perhaps you meant …": names are compared by the pairs of letters they share, then by edit distance, as the library
 * PostgREST uses does (a fuzzy set: cosine of gram counts of 3, else 2, letters; the best fifty weighed again by
 * Levenshtein distance). */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "rest/plan.h"

#define NAME_MAX_BYTES 128
#define GRAMS_MAX (NAME_MAX_BYTES + 2)

struct name {
	uint32_t text[NAME_MAX_BYTES + 3]; /* "-name-", lower case, without signs */
	int len;
	uint32_t whole[NAME_MAX_BYTES]; /* lower case */
	int whole_len;
};

/* The bytes of one letter, in one number. */
static uint32_t take_letter(struct str *s)
{
	uint32_t letter = (uint32_t)tolower((unsigned char)s->ptr[0]);
	size_t n = 1;
	for (; n < s->len && n < 4 && ((unsigned char)s->ptr[n] & 0xC0) == 0x80; n++)
		letter = letter << 8 | (unsigned char)s->ptr[n];
	*s = str_sub(*s, n, s->len);
	return letter;
}

static bool normalise(struct str s, struct name *ret)
{
	if (s.len > NAME_MAX_BYTES) return false;
	ret->len = 0;
	ret->whole_len = 0;
	ret->text[ret->len++] = '-';
	while (s.len > 0) {
		uint32_t c = take_letter(&s);
		ret->whole[ret->whole_len++] = c;
		if (c >= 0x80 || isalnum((int)c) || c == ' ' || c == ',' || c == '_') ret->text[ret->len++] = c;
	}
	ret->text[ret->len++] = '-';
	return true;
}

static bool is_same_gram(const uint32_t *a, const uint32_t *b, int size)
{
	return memcmp(a, b, (size_t)size * sizeof *a) == 0;
}

static int count_gram(const struct name *n, const uint32_t *gram, int size)
{
	int count = 0;
	for (int i = 0; i + size <= n->len; i++) count += is_same_gram(n->text + i, gram, size);
	return count;
}

static bool is_first(const struct name *n, int at, int size)
{
	for (int i = 0; i < at; i++)
		if (is_same_gram(n->text + i, n->text + at, size)) return false;
	return true;
}

static double norm(const struct name *n, int size)
{
	double sum = 0;
	for (int i = 0; i + size <= n->len; i++)
		if (is_first(n, i, size)) {
			int c = count_gram(n, n->text + i, size);
			sum += (double)c * c;
		}
	return sqrt(sum);
}

static double cosine(const struct name *a, const struct name *b, int size)
{
	double dot = 0, norms = norm(a, size) * norm(b, size);
	for (int i = 0; i + size <= a->len; i++)
		if (is_first(a, i, size))
			dot += (double)count_gram(a, a->text + i, size) * count_gram(b, a->text + i, size);
	return norms > 0 ? dot / norms : 0;
}

/* 1 for the same, 0 for nothing in common. */
static double likeness(const struct name *a, const struct name *b)
{
	int row[NAME_MAX_BYTES + 3];
	int n = a->whole_len, m = b->whole_len;
	if (n == 0 || m == 0) return 0;
	for (int j = 0; j <= m; j++) row[j] = j;
	for (int i = 1; i <= n; i++) {
		int diagonal = row[0];
		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int above = row[j];
			int best = diagonal + (a->whole[i - 1] != b->whole[j - 1]);
			if (above + 1 < best) best = above + 1;
			if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return 1.0 - (double)row[m] / (n > m ? n : m);
}

static struct str best_of(const struct name *asked, const struct str *candidates, int count, int size, double least)
{
	struct str best = {0};
	double best_score = 0;
	for (int i = 0; i < count; i++) {
		struct name c;
		if (!normalise(candidates[i], &c) || cosine(asked, &c, size) <= 0) continue;
		double score = likeness(asked, &c);
		if (score < least || score <= best_score) continue;
		best_score = score;
		best = candidates[i];
	}
	return best;
}

struct str plan_nearest(struct arena *a, struct str name, const struct str *candidates, int count, double least)
{
	struct name asked;
	(void)a;
	if (candidates == NULL || !normalise(name, &asked)) return (struct str){0};
	struct str found = best_of(&asked, candidates, count, 3, least);
	return found.ptr != NULL ? found : best_of(&asked, candidates, count, 2, least);
}
