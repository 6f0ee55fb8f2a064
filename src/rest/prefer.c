/* SPDX-License-Identifier: Apache-2.0 */
#include "rest/prefer.h"

#include <stddef.h>

/* Each preference but the two with a value of their own: where it is kept, and as what. */
static const struct word {
	const char *text;
	size_t offset;
	int value;
} words[] = {
    {"resolution=merge-duplicates", offsetof(struct prefer, resolution), RESOLUTION_MERGE},
    {"resolution=ignore-duplicates", offsetof(struct prefer, resolution), RESOLUTION_IGNORE},
    {"missing=default", offsetof(struct prefer, missing), MISSING_DEFAULT},
    {"missing=null", offsetof(struct prefer, missing), MISSING_NULL},
    {"return=representation", offsetof(struct prefer, representation), RETURN_FULL},
    {"return=minimal", offsetof(struct prefer, representation), RETURN_MINIMAL},
    {"return=headers-only", offsetof(struct prefer, representation), RETURN_HEADERS},
    {"count=exact", offsetof(struct prefer, count), COUNT_EXACT},
    {"count=planned", offsetof(struct prefer, count), COUNT_PLANNED},
    {"count=estimated", offsetof(struct prefer, count), COUNT_ESTIMATED},
    {"tx=commit", offsetof(struct prefer, tx), TX_COMMIT},
    {"tx=rollback", offsetof(struct prefer, tx), TX_ROLLBACK},
    {"handling=strict", offsetof(struct prefer, handling), HANDLING_STRICT},
    {"handling=lenient", offsetof(struct prefer, handling), HANDLING_LENIENT},
};
#define WORDS (sizeof words / sizeof words[0])
_Static_assert(sizeof(enum prefer_tx) == sizeof(int), "the table writes ints");

static int *slot(struct prefer *p, const struct word *w)
{
	return (int *)(void *)((char *)p + w->offset);
}

static bool take_word(struct prefer *p, struct str token, bool is_tx_allowed)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (!str_eq(token, str_from(words[i].text))) continue;
		bool is_ignored = words[i].offset == offsetof(struct prefer, tx) && !is_tx_allowed;
		if (*slot(p, &words[i]) == 0 && !is_ignored) *slot(p, &words[i]) = words[i].value;
		return true;
	}
	return false;
}

void prefer_parse(const struct rest_header *headers, int count, bool is_tx_allowed,
		  bool (*is_timezone)(void *arg, struct str name), void *arg, struct prefer *ret_prefer)
{
	struct prefer p = {0};
	bool has_timezone = false, has_maximum = false; /* only the first of a kind is looked at */
	for (int i = 0; i < count; i++) {
		if (!str_eq_nocase(headers[i].name, STR("prefer"))) continue;
		struct str rest = headers[i].value, token;
		while (str_next(&rest, ',', &token)) {
			token = str_trim(token);
			bool is_valid = take_word(&p, token, is_tx_allowed);
			if (str_has_prefix(token, STR("timezone="))) {
				struct str zone = str_sub(token, 9, token.len);
				if (!has_timezone && is_timezone != NULL && is_timezone(arg, zone)) p.timezone = zone;
				has_timezone = true;
				is_valid = p.timezone.ptr != NULL;
			}
			if (str_has_prefix(token, STR("max-affected="))) {
				is_valid = true;
				if (!has_maximum)
					p.has_max_affected = str_to_int(str_sub(token, 13, token.len), &p.max_affected);
				has_maximum = true;
			}
			if (!is_valid && p.invalid_count < PREFER_INVALID_MAX) p.invalid[p.invalid_count++] = token;
		}
	}
	*ret_prefer = p;
}

static void applied(struct buf *b, struct str text)
{
	if (b->len > 0) buf_puts(b, ", ");
	buf_str(b, text);
}

void prefer_applied(const struct prefer *p, struct buf *ret_text)
{
	struct prefer copy = *p;
	for (size_t i = 0; i < WORDS; i++)
		if (*slot(&copy, &words[i]) == words[i].value) applied(ret_text, str_from(words[i].text));
	if (p->timezone.ptr != NULL) {
		applied(ret_text, STR("timezone="));
		buf_str(ret_text, p->timezone);
	}
	if (p->handling == HANDLING_STRICT && p->has_max_affected) {
		applied(ret_text, STR("max-affected="));
		buf_printf(ret_text, "%lld", (long long)p->max_affected);
	}
}
