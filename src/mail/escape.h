/* SPDX-License-Identifier: Apache-2.0
 *
 * Where in an HTML text one stands, and how a value is written there. Literal text is followed byte by byte; a value
 * never changes the place. */
#ifndef FREEHOLD_MAIL_ESCAPE_H
#define FREEHOLD_MAIL_ESCAPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum escape_place {
	PLACE_TEXT,
	PLACE_TAG_NAME,
	PLACE_TAG, /* between attributes */
	PLACE_ATTRIBUTE_NAME,
	PLACE_BEFORE_EQUALS,
	PLACE_BEFORE_VALUE,
	PLACE_VALUE,
	PLACE_COMMENT,
	PLACE_SCRIPT,
	PLACE_STYLE,
};

enum escape_attribute { ATTRIBUTE_PLAIN, ATTRIBUTE_URL, ATTRIBUTE_STYLE, ATTRIBUTE_SCRIPT };

struct mail_escape {
	enum escape_place place;
	enum escape_attribute attribute;
	char quote; /* of the value; '\0': none */
	char name[16]; /* of the tag or attribute, in lower case, as far as it fits */
	size_t name_len;
	char tag[16];
	bool is_query; /* of an address: '?' or '#' was seen */
	bool is_begun; /* of an address: something was seen */
	char last[2]; /* before this one, in comments */
	size_t matched; /* of "</script" or "</style" */
};

/* Begin with a zeroed struct. */
void mail_escape_follow(struct mail_escape *e, struct str literal);

/* ERR_INVALID in a script, where no value can be safe. */
bool mail_escape_value(struct mail_escape *e, struct str value, struct buf *ret_text, struct err *err);

/* As it stands in the text of a page. */
void mail_escape_entities(struct str value, struct buf *ret_text);

#endif
